"""Products with derivatives: forward over reverse, or reverse twice where a function has a rule for gradients only.

A function under `jax.custom_vjp` has a rule for gradients and none for directions. The Hessian of its loss is the derivative of
a gradient and equals its own transpose, so products with it need gradients only.

All of it is traced at a stated precision of matrix products, by default the full one: accelerators would else keep 8 to 11 bits.
"""

from collections.abc import Callable

import jax
from jaxtyping import Array, PyTree, Scalar

from jaxdl.curvature.precision import FULL, at_precision
from jaxdl.programs.rewriting import contains
from jaxdl.programs.windows import for_cpu, linear_for_cpu
from jaxdl.types import Params

Linear = Callable[[Params], Params]

NoRule = (TypeError, ValueError, NotImplementedError)
"""What jax raises where it has no rule for a derivative."""
NO_DIRECTIONS = "custom_lin"
"""The primitive that stands for the missing rule; it raises an error when it is compiled, not when it is traced."""


def linearized_gradient(
    name: str, loss: Callable[[Params], Scalar], at: Params, *, precision: str = FULL
) -> tuple[Params, Linear]:
    """The gradient at a point, and products with the Hessian there; the gradient is linearized once.

    Raises:
        ValueError: in the name of the caller, a loss without a second derivative in either mode.

    >>> import jax.numpy as jnp
    >>> gradient, product = linearized_gradient("hvp", lambda w: w[0] ** 2 * w[1], jnp.array([1.0, 2.0]))
    >>> print(gradient, product(jnp.array([1.0, 0.0])))
    [4. 1.] [4. 2.]
    """
    try:
        with jax.default_matmul_precision(precision):
            gradient, push = _linearized(jax.grad(loss), at)
            if not _has_rules(push, at):
                gradient, pull = jax.vjp(jax.grad(loss), at)
                # The rule for its gradient is traced when it is called.
                return gradient, at_precision(_first(pull), precision)
    except NoRule as error:
        raise ValueError(_message(name, "loss", error)) from error
    return gradient, linear_for_cpu(push, at)


def product_at(
    name: str, loss: Callable[[Params], Scalar], at: Params, *, precision: str = FULL
) -> Callable[..., Params]:
    """`(loss, at, vector) -> H vector`, which keeps nothing, for losses whose derivatives have the rules of this one's.

    Errors are those of `linearized_gradient`.

    >>> import jax.numpy as jnp
    >>> loss, at = lambda w: w[0] ** 2 * w[1], jnp.array([1.0, 2.0])
    >>> print(product_at("hvp", loss, at)(loss, at, jnp.array([1.0, 0.0])))
    [4. 2.]
    """

    def forward(loss: Callable[[Params], Scalar], at: Params, vector: Params) -> Params:
        return for_cpu(lambda at, vector: jax.jvp(jax.grad(loss), (at,), (vector,))[1])(at, vector)

    def backward(loss: Callable[[Params], Scalar], at: Params, vector: Params) -> Params:
        return jax.vjp(jax.grad(loss), at)[1](vector)[0]

    forward, backward = at_precision(forward, precision), at_precision(backward, precision)
    try:
        if _has_rules(lambda vector: forward(loss, at, vector), at):
            return forward
        jax.eval_shape(lambda vector: backward(loss, at, vector), at)
    except NoRule as error:
        raise ValueError(_message(name, "loss", error)) from error
    return backward


def jacobian_products(
    name: str, function: Callable[[Params], Array], at: Params, *, precision: str = FULL
) -> tuple[Array, Callable[[Params], Array], Callable[[Array], Params]]:
    """A function's value, and products with its Jacobian and its transpose. Errors are those of `linearized_gradient`.

    >>> import jax.numpy as jnp
    >>> value, push, pull = jacobian_products("ggn", lambda w: w**2, jnp.array([3.0]))
    >>> print(value, push(jnp.ones(1)), pull(jnp.ones(1)))
    [9.] [6.] [6.]
    """
    try:
        with jax.default_matmul_precision(precision):
            value, push = _linearized(function, at)
            transposed = at_precision(_first(jax.linear_transpose(push, at)), precision)
            if not _has_rules(push, at):
                # The transpose of the transpose, since a pull-back is linear.
                push = at_precision(_first(jax.linear_transpose(transposed, value)), precision)
    except NoRule as error:
        raise ValueError(_message(name, "model", error)) from error
    return value, linear_for_cpu(push, at), linear_for_cpu(transposed, value)


def _linearized(function: Callable[[Params], PyTree], at: Params) -> tuple[PyTree, Callable[[Params], PyTree]]:
    """`jax.linearize`, which keeps images rather than the slices that their convolutions become on CPUs."""
    return for_cpu(lambda at: jax.linearize(function, at))(at)  # type: ignore[no-any-return]


def _first(function: Callable[..., tuple]) -> Callable[[PyTree], PyTree]:
    return lambda argument: function(argument)[0]


def _has_rules(push: Callable[[Params], PyTree], at: Params) -> bool:
    return not contains(jax.make_jaxpr(push)(at), lambda equation: equation.primitive.name == NO_DIRECTIONS)


def _message(name: str, what: str, error: Exception) -> str:
    reason = str(error).strip().partition("\n")[0]
    return (
        f"{name}: got a {what} that jax cannot differentiate twice ({type(error).__name__}: {reason}), expected one with a "
        "second derivative; give a function of your own its rule by jax.custom_jvp, which serves both modes"
    )

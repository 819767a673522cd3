"""Models that are linear in their parameters, outputs = features(x) @ weights, for which closed forms exist."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, ScalarLike

from jaxdl.examples import check_inputs
from jaxdl.kinds import as_count, as_strength, check_function, check_scalar
from jaxdl.rounding import product
from jaxdl.types import Key, Model, Variables

Basis = Callable[[Float[Array, " n"], int], Float[Array, "n p"]]
"""`(x, degree) -> columns of degree 0, 1, ..., degree`."""


def constant(num_outputs: int = 1, *, init_std: ScalarLike = 0.0) -> Model:
    """The model that ignores its inputs: f(x) = w.

    Args:
        num_outputs: outputs of one example.
        init_std: standard deviation of the initial weights, which are N(0, init_std²); it may be traced.

    Returns:
        A model whose `params["weights"]` has shape `(1, num_outputs)`.

    >>> model = constant()
    >>> model.init(jax.random.key(0), jnp.ones((5, 3)))["params"]["weights"].shape
    (1, 1)
    """

    def features(variables: Variables, x: Float[Array, "n features"]) -> Float[Array, "n 1"]:
        del variables
        return jnp.ones((x.shape[0], 1), x.dtype)

    return _linear_in_parameters("constant", features, num_outputs, init_std)


def linear(num_outputs: int = 1, *, intercept: bool = True, init_std: ScalarLike = 0.0) -> Model:
    """An affine map of the inputs: f(x) = [1, x] w, or x w without the intercept.

    Args:
        num_outputs: outputs of one example.
        intercept: whether the features start with a column of ones.
        init_std: standard deviation of the initial weights, which are N(0, init_std²); it may be traced.

    Returns:
        A model whose `params["weights"]` has shape `(intercept + features, num_outputs)`, the intercept first.

    >>> model = linear(intercept=False)
    >>> print(model.apply({"params": {"weights": jnp.array([[2.0], [1.0]])}}, jnp.array([[1.0, 3.0]])))
    [[5.]]
    """

    def features(variables: Variables, x: Float[Array, "n features"]) -> Float[Array, "n p"]:
        del variables
        if intercept or x.ndim > 2:
            _check_rows("linear", x)
        return jnp.concatenate([jnp.ones((x.shape[0], 1), x.dtype), x], axis=1) if intercept else x

    return _linear_in_parameters("linear", features, num_outputs, init_std)


def legendre(x: Float[Array, " n"], degree: int) -> Float[Array, "n p"]:
    """Legendre polynomials, orthonormal under the uniform law on [-1, 1]: sqrt(2k+1) P_k(x) for k = 0, ..., degree.

    By the recurrence (k+1) P_{k+1} = (2k+1) x P_k - k P_{k-1}, which is stable on [-1, 1].

    >>> print(legendre(jnp.array([1.0, 0.0]), 2).round(3))
    [[ 1.     1.732  2.236]
     [ 1.     0.    -1.118]]
    """
    polynomials = [jnp.ones_like(x), x]
    for k in range(1, degree):
        polynomials.append(((2 * k + 1) * x * polynomials[k] - k * polynomials[k - 1]) / (k + 1))
    return jnp.stack([(2 * k + 1) ** 0.5 * polynomials[k] for k in range(degree + 1)], axis=1)


def monomials(x: Float[Array, " n"], degree: int) -> Float[Array, "n p"]:
    """Powers 1, x, ..., x^degree: the textbook basis, whose condition number grows exponentially with the degree.

    >>> print(monomials(jnp.array([2.0]), 3))
    [[1. 2. 4. 8.]]
    """
    return jnp.vander(x, degree + 1, increasing=True)


def polynomial(degree: int, basis: Basis = legendre, *, num_outputs: int = 1, init_std: ScalarLike = 0.0) -> Model:
    """A polynomial of one input, meant for inputs in [-1, 1]: f(x) = sum_k w_k basis_k(x), k = 0, ..., degree.

    Args:
        degree: the highest degree; with `degree_mask` one model of the highest degree serves all lower ones.
        basis: `(x "n", degree) -> "n degree+1"`, such as `legendre` or `monomials`.
        num_outputs: outputs of one example.
        init_std: standard deviation of the initial weights, which are N(0, init_std²); it may be traced.

    Returns:
        A model whose `params["weights"]` has shape `(degree + 1, num_outputs)`.

    Raises:
        ValueError: a degree that is no whole number, or negative; when applied, inputs that do not have exactly one feature.

    >>> model = polynomial(3)
    >>> model.features({}, jnp.array([[0.5]])).shape
    (1, 4)
    """
    degree = as_count("polynomial", degree, what="degree", low=0, remedy="use degree=0 for a constant")
    check_function("polynomial", basis, ("x", "degree"), "pass one such as models.legendre", what="basis")

    def features(variables: Variables, x: Float[Array, "n features"]) -> Float[Array, "n p"]:
        del variables
        _check_rows("polynomial", x)
        if x.shape[1] != 1:
            msg = (
                f"polynomial: got inputs of shape {x.shape}, expected (n, 1), since it is a polynomial of one feature; "
                "select a column with x[:, [j]]"
            )
            raise ValueError(msg)
        return basis(x[:, 0], degree)

    return _linear_in_parameters("polynomial", features, num_outputs, init_std)


def degree_mask(max_degree: int, degree: ScalarLike) -> Float[Array, " p"]:
    """A mask: one for the columns 0, ..., degree of a basis up to `max_degree`, zero for the others.

    `degree` may be traced: one basis and one compilation then serve a sweep over degrees.

    >>> print(degree_mask(3, 1))
    [1. 1. 0. 0.]
    """
    max_degree = as_count("degree_mask", max_degree, what="max_degree", low=0)
    check_scalar(
        "degree_mask",
        degree,
        what="degree",
        expected=f"a degree from 0 to {max_degree}",
        allowed=lambda number: 0 <= number <= max_degree,
    )
    return (jnp.arange(max_degree + 1) <= degree).astype(float)


def random_features(
    num_features: int,
    activation: Callable[[Array], Array] = jax.nn.relu,
    *,
    num_outputs: int = 1,
    init_std: ScalarLike = 0.0,
) -> Model:
    """A network of one hidden layer with a frozen random first layer: f(x) = a(x K + b) w / sqrt(num_features).

    The frozen K and b live in `variables["features"] = {"kernel", "bias"}`, drawn by `init`: the entries of K are
    N(0, 1/features) and those of b are N(0, 1). With the factor 1 / sqrt(num_features), the size of the kernel that
    the features span does not depend on their number (Rahimi and Recht, 2007).

    Args:
        num_features: width of the hidden layer, the number of features.
        activation: elementwise function a.
        num_outputs: outputs of one example.
        init_std: standard deviation of the initial weights, which are N(0, init_std²); it may be traced.

    Returns:
        A model whose `params["weights"]` has shape `(num_features, num_outputs)`.

    >>> model = random_features(50)
    >>> variables = model.init(jax.random.key(0), jnp.ones((4, 3)))
    >>> jax.tree.map(jnp.shape, variables)
    {'features': {'bias': (50,), 'kernel': (3, 50)}, 'params': {'weights': (50, 1)}}
    """
    num_features = as_count("random_features", num_features, what="num_features")
    check_function("random_features", activation, ("x",), "pass one such as jax.nn.relu", what="activation")

    def draw(key: Key, x: Float[Array, "n features"]) -> Variables:
        _check_rows("random_features", x)
        key_kernel, key_bias = jax.random.split(key)
        kernel = jax.random.normal(key_kernel, (x.shape[1], num_features), x.dtype) / x.shape[1] ** 0.5
        return {"kernel": kernel, "bias": jax.random.normal(key_bias, (num_features,), x.dtype)}

    def features(variables: Variables, x: Float[Array, "n features"]) -> Float[Array, "n p"]:
        frozen = variables["features"]
        return activation(product(x, frozen["kernel"]) + frozen["bias"][None, :]) / num_features**0.5

    return _linear_in_parameters("random_features", features, num_outputs, init_std, draw)


def _check_rows(name: str, x: Array) -> None:
    if x.ndim != 2:
        msg = f"{name}: got x of shape {x.shape}, expected (n, features); make a row of each example: x.reshape(len(x), -1)"
        raise ValueError(msg)


def _linear_in_parameters(
    name: str,
    features: Callable[[Variables, Array], Array],
    num_outputs: int,
    init_std: ScalarLike,
    draw_features: Callable[[Key, Array], Variables] | None = None,
) -> Model:
    """The model `features(variables, x) @ params["weights"]`; `draw_features` fills the collection `"features"`."""
    num_outputs = as_count(name, num_outputs, what="num_outputs")
    init_std = as_strength(name, init_std, what="init_std")

    def init(key: Key, x: Float[Array, "n features"]) -> Variables:
        check_inputs(name, x)
        key_weights, key_features = jax.random.split(key)
        frozen = {} if draw_features is None else {"features": draw_features(key_features, x)}
        num_parameters = jax.eval_shape(features, frozen, x).shape[1]
        draws = jax.random.normal(key_weights, (num_parameters, num_outputs), x.dtype)
        return {"params": {"weights": jnp.asarray(init_std, x.dtype) * draws}, **frozen}

    def apply(variables: Variables, x: Float[Array, "n features"]) -> Float[Array, "n out"]:
        return product(features(variables, x), variables["params"]["weights"])

    return Model(init, apply, features=features)

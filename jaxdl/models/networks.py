"""Built-in networks: short flax modules as `types.Model`."""

import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jaxtyping import Array, ScalarLike

from jaxdl.examples import check_inputs
from jaxdl.kinds import as_count, check_function, check_scalar, shown
from jaxdl.models.linen_modules import from_flax
from jaxdl.types import Key, Model, Variables


class _Mlp(nn.Module):
    widths: Sequence[int]
    num_outputs: int
    activation: Callable[[Array], Array]
    dropout_rate: float

    @nn.compact
    def __call__(self, x: Array, *, deterministic: bool = True) -> Array:
        def dense(width: int) -> nn.Dense:
            # flax draws float32 parameters by default; here precision follows the inputs.
            return nn.Dense(width, kernel_init=nn.initializers.he_normal(), param_dtype=x.dtype)

        for width in self.widths:
            x = self.activation(dense(width)(x))
            if self.dropout_rate > 0:
                x = nn.Dropout(self.dropout_rate)(x, deterministic=deterministic)
        return dense(self.num_outputs)(x)


def mlp(
    widths: Sequence[int],
    num_outputs: int,
    *,
    activation: Callable[[Array], Array] = jax.nn.relu,
    dropout_rate: float = 0.0,
) -> Model:
    """A fully connected network: dense layers of the given widths with an activation after each, then a dense output.

    Kernels are drawn from a truncated normal law of variance 2 / fan-in (He et al., 2015), biases start at zero.

    Args:
        widths: sizes of the hidden layers; none gives a linear model.
        num_outputs: outputs of one example.
        activation: elementwise function after each hidden layer.
        dropout_rate: probability with which a hidden unit is *dropped* while training; the kept ones are scaled by
            1 / (1 - dropout_rate). Static: flax refuses a traced rate.

    Returns:
        A model; with a positive rate it is stochastic, and learners read the source `"dropout"`.

    Raises:
        ValueError: widths that are no whole numbers; a dropout rate outside [0, 1); when initialized, inputs that are no floats.

    >>> model = mlp([16, 16], 10)
    >>> jax.eval_shape(model.init, jax.random.key(0), jax.numpy.ones((1, 64)))["params"]["Dense_0"]["kernel"].shape
    (64, 16)
    """
    if not isinstance(widths, Sequence | np.ndarray) or isinstance(widths, str):
        msg = f"mlp: got widths={shown(widths)}, expected a sequence, one for each hidden layer; pass [{shown(widths)}]"
        raise ValueError(msg)
    widths = [as_count("mlp", width, what="a width") for width in widths]
    num_outputs = as_count("mlp", num_outputs, what="num_outputs")
    check_function("mlp", activation, ("x",), "pass one such as jax.nn.relu", what="activation")
    check_scalar(
        "mlp",
        dropout_rate,
        what="dropout_rate",
        expected="0 <= rate < 1",
        allowed=lambda rate: 0 <= rate < 1,
        remedy="give the share dropped, not kept",
    )
    module = _Mlp(tuple(widths), num_outputs, activation, dropout_rate)
    model = from_flax(module)
    if dropout_rate > 0:
        model = from_flax(module, train_kwargs={"deterministic": False}, stochastic=True)

    def init(key: Key, x: Array) -> Variables:
        check_inputs("mlp", x)
        return model.init(key, x)

    return model._replace(init=init)


def mlp_of_width(max_width: int, width: ScalarLike, num_outputs: int, *, output_scale: ScalarLike = 1.0) -> Model:
    """One hidden ReLU layer whose width may be traced: one compilation for all widths up to `max_width`.

        f(x) = sum_{k < width} v_k relu(u_k · x + c_k) + b

    Units beyond `width` are silent: their gradient is zero, so training is exactly that of the narrow network.
    Kernels are normal with variance 2 / fan-in (He et al., 2015), where the fan-in of the output is `width`; the output's
    standard deviation is multiplied by `output_scale`, with which a regression can start near zero. Biases are zero.

    Raises:
        ValueError: a largest width below one; a width that is not between one and the largest.

    >>> model = mlp_of_width(8, 2, 10)
    >>> variables = model.init(jax.random.key(0), jax.numpy.ones((1, 4)))
    >>> int((model.apply(variables, jax.numpy.ones((3, 4)))).shape[1])
    10
    """
    max_width = as_count("mlp_of_width", max_width, what="max_width")
    check_scalar(
        "mlp_of_width",
        width,
        what="width",
        expected=f"a width from 1 to {max_width}",
        allowed=lambda number: 1 <= number <= max_width,
        remedy="raise max_width",
    )
    num_outputs = as_count("mlp_of_width", num_outputs, what="num_outputs")
    is_used = jnp.arange(max_width) < width

    def init(key: Key, x: Array) -> Variables:
        check_inputs("mlp_of_width", x)
        key_hidden, key_output = jax.random.split(key)
        fan_in = x.shape[-1]
        hidden = jax.random.normal(key_hidden, (fan_in, max_width), x.dtype) * math.sqrt(2 / fan_in)
        scale = output_scale * jnp.sqrt(2 / jnp.asarray(width, x.dtype))
        output = jax.random.normal(key_output, (max_width, num_outputs), x.dtype) * scale
        biases = jnp.zeros(max_width, x.dtype), jnp.zeros(num_outputs, x.dtype)
        return {"params": {"hidden": (hidden, biases[0]), "output": (output, biases[1])}}

    def apply(variables: Variables, x: Array) -> Array:
        (hidden, c), (output, b) = variables["params"]["hidden"], variables["params"]["output"]
        activity = jnp.where(is_used[None, :], jax.nn.relu(x @ hidden + c[None, :]), 0)
        return activity @ output + b[None, :]

    return Model(init, apply)

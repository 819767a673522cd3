"""Built-in networks: short flax modules behind `types.Model`."""

from collections.abc import Callable, Sequence

import jax
from flax import linen as nn
from jaxtyping import Array

from jaxdl.models.adapters import from_flax
from jaxdl.types import Model


class _Mlp(nn.Module):
    widths: Sequence[int]
    num_outputs: int
    activation: Callable[[Array], Array]
    dropout_rate: float

    @nn.compact
    def __call__(self, x: Array, *, deterministic: bool = True) -> Array:
        def dense(width: int) -> nn.Dense:
            # flax draws float32 parameters unless told otherwise; here precision follows the inputs.
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
        ValueError: a dropout rate outside [0, 1).

    >>> model = mlp([16, 16], 10)
    >>> jax.eval_shape(model.init, jax.random.key(0), jax.numpy.ones((1, 64)))["params"]["Dense_0"]["kernel"].shape
    (64, 16)
    """
    if not 0 <= dropout_rate < 1:
        msg = f"mlp: got dropout_rate={dropout_rate}, expected 0 <= rate < 1; give the share dropped, not kept"
        raise ValueError(msg)
    module = _Mlp(tuple(widths), num_outputs, activation, dropout_rate)
    if dropout_rate == 0:
        return from_flax(module)
    return from_flax(module, train_kwargs={"deterministic": False}, stochastic=True)

"""Random numbers for the studies of `critical_points`, of any shape with one compilation, which would cost more than they."""

import functools
import math

import jax
import numpy as np
from jaxtyping import Float
from scipy import special

from jaxdl.types import Key

BLOCK = 2**16


def normal(key: Key, *shape: int) -> Float[np.ndarray, "..."]:
    """Independent standard normal numbers, in double precision where jax has it."""
    num = math.prod(shape)
    blocks = [np.asarray(_block()(jax.random.fold_in(key, index))) for index in range(-(-num // BLOCK))]
    return np.concatenate(blocks)[:num].reshape(shape)


def uniform(key: Key, *shape: int, low: float = 0.0, high: float = 1.0) -> Float[np.ndarray, "..."]:
    """Independent numbers uniform between `low` and `high`."""
    return low + (high - low) * special.ndtr(normal(key, *shape))


@functools.cache
def _block():
    return jax.jit(lambda key: jax.random.normal(key, (BLOCK,)))

"""Orders of minibatches: `(key, num_examples, batch_size, num_steps) -> "steps batch"`, the rows that each step uses.

Orders by epochs write their epochs one after the other and cut that line into batches. No example is left out. Where
`batch_size` does not divide `num_examples`, a batch may straddle two epochs, and then contain an example twice.
"""

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from jaxdl.kinds import as_count, as_key
from jaxdl.types import Key

__all__ = ["online", "reshuffled_each_epoch", "shuffled_once", "with_replacement"]

MAX_ENTRIES = 2**31 - 1
"""Rows and places are counted in 32 bits."""


def with_replacement(key: Key, num_examples: int, batch_size: int, num_steps: int) -> Int[Array, "steps batch"]:
    """Rows drawn uniformly and independently, as in most theory of stochastic gradients.

    >>> with_replacement(jax.random.key(0), 10, 4, 3).shape
    (3, 4)
    """
    num_examples, batch_size, num_steps = _counts(num_examples, batch_size, num_steps)
    return jax.random.randint(as_key("key", key), (num_steps, batch_size), 0, num_examples, dtype=jnp.int32)


def reshuffled_each_epoch(key: Key, num_examples: int, batch_size: int, num_steps: int) -> Int[Array, "steps batch"]:
    """A new permutation of the rows for each epoch, as in most practice.

    >>> jnp.sort(reshuffled_each_epoch(jax.random.key(0), 6, 3, 4).reshape(2, 6), axis=1)
    Array([[0, 1, 2, 3, 4, 5],
           [0, 1, 2, 3, 4, 5]], dtype=int32)
    """
    num_examples, batch_size, num_steps = _counts(num_examples, batch_size, num_steps)
    num_entries = num_steps * batch_size
    epochs = _permutations(key, num_examples, math.ceil(num_entries / num_examples))
    return epochs.reshape(-1)[:num_entries].reshape(num_steps, batch_size)


def shuffled_once(key: Key, num_examples: int, batch_size: int, num_steps: int) -> Int[Array, "steps batch"]:
    """One permutation of the rows, repeated in every epoch.

    >>> rows = shuffled_once(jax.random.key(0), 6, 3, 4)
    >>> bool((rows[:2] == rows[2:]).all())
    True
    """
    num_examples, batch_size, num_steps = _counts(num_examples, batch_size, num_steps)
    entries = jnp.arange(num_steps * batch_size) % num_examples
    return _permutations(key, num_examples, 1)[0][entries].reshape(num_steps, batch_size)


def online(key: Key, num_examples: int, batch_size: int, num_steps: int) -> Int[Array, "steps batch"]:
    """A single pass in random order: no example is used twice, so that each gradient is a fresh draw.

    Raises:
        ValueError: the steps need more examples than there are.

    >>> len(set(online(jax.random.key(0), 12, 3, 4).reshape(-1).tolist()))
    12
    """
    num_examples, batch_size, num_steps = _counts(num_examples, batch_size, num_steps)
    if num_steps * batch_size > num_examples:
        msg = (
            f"num_steps: got {num_steps} steps of {batch_size} examples and {num_examples} examples, expected at most one "
            f"use of each; take {num_examples // batch_size} steps or fewer, or use reshuffled_each_epoch"
        )
        raise ValueError(msg)
    return shuffled_once(key, num_examples, batch_size, num_steps)


def _permutations(key: Key, num_examples: int, num_permutations: int) -> Int[Array, "epochs n"]:
    """Independent uniform permutations, in the rows of one array.

    Rows are sorted by random bits. `jax.random.permutation` sorts pairs (bits, position), which XLA's CPU backend does
    4 to 8 times slower than it sorts single words; so here the position sits in the low bits of the word that is
    sorted. What bits are left decide; later rounds break the ties of earlier ones, as in a radix sort, and there are
    enough rounds for a tie to survive in an epoch with probability at most 1 / (2 num_examples).
    """
    position_bits = max(1, (num_examples - 1).bit_length())
    num_rounds = math.ceil(3 * position_bits / (32 - position_bits))
    position_mask = jnp.uint32((1 << position_bits) - 1)
    positions = jax.lax.broadcasted_iota(jnp.uint32, (num_permutations, num_examples), 1)

    def shuffle(permutations: Array, bits: Array) -> tuple[Array, None]:
        shuffled = jnp.sort((bits & ~position_mask) | positions, axis=1) & position_mask
        return jnp.take_along_axis(permutations, shuffled, axis=1), None

    bits = jax.random.bits(as_key("key", key), (num_rounds, num_permutations, num_examples), jnp.uint32)
    return jax.lax.scan(shuffle, positions, bits)[0].astype(jnp.int32)


def _counts(num_examples: int, batch_size: int, num_steps: int) -> tuple[int, int, int]:
    """The three counts, once a batch is known to fit the data and the order 32 bits."""
    n = as_count("num_examples", num_examples, high=MAX_ENTRIES)
    size = as_count("batch_size", batch_size, high=n, remedy=f"batch_size={n} makes full batches")
    remedy = "order fewer steps at a time"
    return n, size, as_count("num_steps", num_steps, low=0, high=MAX_ENTRIES // size, remedy=remedy)

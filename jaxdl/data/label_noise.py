"""Labels made wrong on purpose, with their exact law."""

import jax
from jaxtyping import Array, Int, ScalarLike

from jaxdl.kinds import as_count, as_key, as_scalar
from jaxdl.types import Key

__all__ = ["wrong_labels"]


def wrong_labels(key: Key, classes: Int[Array, " n"], share: ScalarLike, num_classes: int) -> Int[Array, " n"]:
    """Each class replaced with probability `share`, by any of the others alike.

        P(label = k | class c) = 1 - share for k = c, and share / (num_classes - 1) otherwise

    Drawn for a whole pool, training sets that share an example share its label. Raises ValueError for a share that is no
    probability, or fewer than two classes.

    >>> import jax.numpy as jnp
    >>> bool((wrong_labels(jax.random.key(0), jnp.arange(10), 1.0, 10) != jnp.arange(10)).all())
    True
    """
    key = as_key("key", key)
    num_classes = as_count("num_classes", num_classes, low=2)
    if not isinstance(share, jax.core.Tracer):
        as_scalar("share", share, expected="a probability", allowed=lambda value: 0 <= value <= 1)
    key_wrong, key_class = jax.random.split(key)
    is_wrong = jax.random.bernoulli(key_wrong, share, classes.shape)
    other = jax.random.randint(key_class, classes.shape, 1, num_classes)
    return (classes + is_wrong * other) % num_classes

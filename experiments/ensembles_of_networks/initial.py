"""Networks by the law of their initial weights."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from jaxdl import models
from jaxdl.types import Key, Model, Variables


def network(width: int, freedom: float) -> Model:
    """A network of one hidden layer whose initial weights have Student's law with ν degrees of freedom: normal over sqrt(chi² / ν).

    Infinite ν is the normal law of He et al. (2015), by which the others are scaled.
    """
    model = models.mlp_of_width(width, width, 1)

    def init(key: Key, x: Array) -> Variables:
        key_normal, key_chi = jax.random.split(key)
        leaves, tree = jax.tree.flatten(model.init(key_normal, x))
        keys = jax.random.split(key_chi, len(leaves))
        chi = [jax.random.chisquare(k, freedom, leaf.shape) for k, leaf in zip(keys, leaves, strict=True)]
        return jax.tree.unflatten(tree, [leaf / jnp.sqrt(c / freedom) for leaf, c in zip(leaves, chi, strict=True)])

    return model._replace(init=init) if np.isfinite(freedom) else model

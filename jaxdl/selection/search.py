"""Searches over traced hyperparameters: all settings are scored as one batch."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Scalar

from jaxdl.admission import as_real
from jaxdl.arguments import check_value
from jaxdl.kinds import as_count, as_key, check_function
from jaxdl.types import Key

Setting = PyTree
Settings = PyTree
"""Several settings: a `Setting` whose every leaf has a leading axis "settings"."""
Score = Callable[[Any], Scalar]
"""`setting -> score`, the smaller the better."""
Law = Callable[[Key], Scalar]
"""`key -> draw` of one hyperparameter."""


class Search(NamedTuple):
    """All settings that were tried, with their scores, and the one with the smallest.

    >>> print(search(lambda setting: (setting["x"] - 2) ** 2, {"x": jnp.array([0.0, 2.5])}).best["x"])
    2.5
    """

    settings: Settings
    scores: Float[Array, " settings"]
    """NaN where a setting diverged; such a setting is never the best, unless all are."""
    best: Setting
    best_index: Int[Array, ""]


def search(score: Score, settings: Settings) -> Search:
    """The scores of all settings, computed as one batch, and the setting with the smallest.

    A score is usually `validate(...)` or `cross_validate(...).risk`, with rows and keys that `score` closes over, so that they
    are the same for every setting.

    Args:
        score: `setting -> scalar`; hyperparameters are traced.
        settings: a pytree with one leading axis, such as from `grid` or `draws`.

    Returns:
        All settings and scores, the best setting and its index; of equal scores the first wins.

    Raises:
        ValueError: no settings, or leaves of different lengths; numbers that JAX's precision cannot hold; a score that is no real
            scalar.

    >>> result = search(lambda setting: (setting["x"] - 2) ** 2, {"x": jnp.array([0.0, 2.5, 9.0])})
    >>> print(result.best["x"], result.best_index, result.scores)
    2.5 1 [ 4.    0.25 49.  ]
    """
    check_function("search", score, ("setting",), "return one number, the smaller the better", what="score")
    settings = _as_arrays("search", settings)
    shapes = [leaf.shape for leaf in jax.tree.leaves(settings)]
    if not shapes or any(len(shape) == 0 or shape[0] != shapes[0][0] for shape in shapes) or shapes[0][0] == 0:
        msg = (
            f"search: got settings of shapes {shapes}, expected one leading axis, not empty, that all leaves share; "
            "combine separate axes by grid"
        )
        raise ValueError(msg)
    scores = jax.vmap(lambda setting: check_value("search", "a score", score(setting)))(settings)
    best_index = jnp.argmin(jnp.where(jnp.isnan(scores), jnp.inf, scores))
    return Search(settings, scores, jax.tree.map(lambda leaf: leaf[best_index], settings), best_index)


def grid(axes: PyTree) -> Settings:
    """Every combination of the values on some axes, in order; the last leaf of the pytree varies fastest.

    The leaves of a dictionary come in the order of its sorted names.

    Raises:
        ValueError: an axis that is no vector, or empty; numbers that JAX's precision cannot hold.

    >>> [values.tolist() for values in grid((jnp.array([1.0, 2.0]), jnp.array([7.0, 8.0])))]
    [[1.0, 1.0, 2.0, 2.0], [7.0, 8.0, 7.0, 8.0]]
    """
    leaves, structure = jax.tree.flatten(_as_arrays("grid", axes))
    shapes = [leaf.shape for leaf in leaves]
    if not shapes or any(len(shape) != 1 or shape[0] == 0 for shape in shapes):
        msg = f"grid: got axes of shapes {shapes}, expected a vector of values for each hyperparameter"
        raise ValueError(msg)
    return jax.tree.unflatten(structure, [mesh.ravel() for mesh in jnp.meshgrid(*leaves, indexing="ij")])


def draws(key: Key, laws: PyTree, num_draws: int) -> Settings:
    """Independent draws from a law for each hyperparameter, for a random search (Bergstra & Bengio, 2012).

    More draws by the same key begin with the fewer.

    Raises:
        ValueError: no laws, or fewer than one draw.

    >>> settings = draws(jax.random.key(0), {"rate": log_uniform(1e-4, 1e-1), "momentum": uniform(0, 1)}, 3)
    >>> settings["rate"].shape, bool((settings["rate"] < 0.1).all())
    ((3,), True)
    """
    leaves, structure = jax.tree.flatten(laws)
    as_key("draws", key, what="key")
    num_draws = as_count("draws", num_draws, what="num_draws")
    if not leaves:
        msg = "draws: got no laws, expected at least one; pass one such as log_uniform(1e-3, 10)"
        raise ValueError(msg)
    for law in leaves:
        check_function("draws", law, ("key",), "pass one such as log_uniform(1e-3, 10)", what="a law")

    def drawn(law: Law, key_law: Key) -> Array:
        return jax.vmap(lambda index: law(jax.random.fold_in(key_law, index)))(jnp.arange(num_draws))

    keys_of_laws = jax.random.split(key, len(leaves))
    return jax.tree.unflatten(structure, [drawn(law, keys_of_laws[index]) for index, law in enumerate(leaves)])


def log_uniform(low: float | int, high: float | int) -> Law:
    """The exponential of a uniform draw between log `low` and log `high`, for strengths and learning rates.

    Raises:
        ValueError: bounds that are not positive and increasing.

    >>> bool(1e-3 <= log_uniform(1e-3, 10)(jax.random.key(0)) <= 10)
    True
    """
    if not 0 < low < high < math.inf:
        msg = f"log_uniform: got {low} to {high}, expected 0 < low < high; a search that may switch off needs a grid with 0"
        raise ValueError(msg)
    law = uniform(float(np.log(low)), float(np.log(high)))
    return lambda key: jnp.clip(jnp.exp(law(key)), low, high)


def uniform(low: float | int, high: float | int) -> Law:
    """A uniform draw between `low` and `high`.

    Raises:
        ValueError: bounds that are not increasing.

    >>> bool(0 <= uniform(0, 0.5)(jax.random.key(0)) <= 0.5)
    True
    """
    if not -math.inf < low < high < math.inf:
        msg = f"uniform: got {low} to {high}, expected low < high"
        raise ValueError(msg)
    return lambda key: jax.random.uniform(key, minval=low, maxval=high)


def _as_arrays(name: str, settings: PyTree) -> PyTree[Array]:
    """Every leaf as a JAX array that equals it; JAX's own arrays, random keys among them, stay as they are."""

    def admit(path: Any, leaf: Any) -> Array:
        if isinstance(leaf, jax.Array):
            return leaf
        return jnp.asarray(as_real(f"{name}: settings{jax.tree_util.keystr(path)}", leaf))

    return jax.tree_util.tree_map_with_path(admit, settings)

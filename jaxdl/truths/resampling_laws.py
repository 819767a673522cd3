"""The laws of resampling for the sample mean: the exact terms of draws from one data set, on average over data sets.

The mean of n labels y ~ N(0, sigma²) is resampled by `data.resampling`. Each `predictions(key)` draws a data set from the key,
and resamples that one. Exact values are expectations over both, so estimates must be averaged over keys, as `certify` does. The
bias² of the draws is the deviation of their center from the truth; the procedure itself has none.
"""

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl import designs, ensembles
from jaxdl.data import resampling
from jaxdl.data.resampling import Resampling
from jaxdl.decomposition import Target
from jaxdl.truths.study import Exact, Study, exact_terms
from jaxdl.types import Dataset, Key, Keys


def bootstrap_law(*, num_examples: int = 20, noise_std: float = 1.0, num_draws: int = 200) -> tuple[Study, Exact]:
    """The mean of n rows drawn with replacement: variance sigma²(n-1)/n², bias² + noise sigma²(1 + 1/n).

    For fresh sets of n these are sigma²/n and sigma²; draws center on their data set, and its deviation counts as bias.

    >>> _, exact = bootstrap_law(num_examples=20)
    >>> [round(float(exact[term]), 6) for term in ("total_variance", "bias_squared", "risk")]
    [0.0475, 0.05, 1.0975]
    """
    n = num_examples
    exact = _exact((n - 1) / n**2, 1 / n, noise_std)
    return _over_draws(f"bootstrap, {n} of {n}", resampling.bootstrap, n, noise_std, num_draws), exact


def subsample_law(
    *, num_kept: int = 10, num_examples: int = 20, noise_std: float = 1.0, num_draws: int = 200
) -> tuple[Study, Exact]:
    """The mean of m of n rows, drawn without replacement: variance sigma²(1/m - 1/n), bias² + noise sigma²(1 + 1/n).

    For fresh sets of m these are sigma²/m and sigma²; at m = n/2 the variance is that of n fresh examples.

    Raises:
        ValueError: m outside 1 to n - 1.

    >>> [round(float(subsample_law(num_kept=m)[1]["total_variance"]), 6) for m in (5, 10, 15)]
    [0.15, 0.05, 0.016667]
    """
    n, m = num_examples, num_kept
    if not 1 <= m < n:
        msg = f"num_kept: got {m} of num_examples={n}, expected 1 to {n - 1}; all rows without replacement do not vary"
        raise ValueError(msg)

    def law(dataset: Dataset) -> Resampling:
        return resampling.subsample(dataset, m)

    return _over_draws(f"subsample, {m} of {n}", law, n, noise_std, num_draws), _exact(1 / m - 1 / n, 1 / n, noise_std)


def disjoint_law(*, num_parts: int = 4, num_examples: int = 20, noise_std: float = 1.0) -> tuple[Study, Exact]:
    """The means of K disjoint parts of n rows: variance sigma²/m with m = ⌊n/K⌋, bias² + noise sigma², as for fresh sets of m.

    Raises:
        ValueError: K outside 2 to n.

    >>> _, exact = disjoint_law(num_parts=4, num_examples=20)
    >>> [round(float(exact[term]), 6) for term in ("total_variance", "bias_squared", "risk")]
    [0.2, 0.0, 1.2]
    """
    if not 2 <= num_parts <= num_examples:
        msg = f"num_parts: got {num_parts} of num_examples={num_examples}, expected 2 to {num_examples}"
        raise ValueError(msg)

    def trial(keys: Keys) -> Float[Array, "parts 1"]:
        dataset = _population_draw(keys["population"], num_examples, noise_std)
        return jax.vmap(_mean)(resampling.disjoint_split(keys["draw"], dataset, num_parts).parts)

    single, engine = designs.crossed(population=1, draw=1), ensembles.Engine(block=1)
    prepared = functools.cache(lambda: ensembles.prepare(trial, single, engine=engine))

    def predictions(key: Key) -> Float[np.ndarray, "parts 1"]:
        return prepared()(key).outputs[0, 0]

    name = f"disjoint parts, {num_parts} of {num_examples}"
    return _study(name, predictions, noise_std), _exact(1 / (num_examples // num_parts), 0.0, noise_std)


def _over_draws(
    name: str, law: Callable[[Dataset], Resampling], num_examples: int, noise_std: float, num_draws: int
) -> Study:
    """A study whose predictions come from one data set, a source with a single level that follows the root key."""

    def trial(keys: Keys) -> Float[Array, " 1"]:
        dataset = _population_draw(keys["population"], num_examples, noise_std)
        return _mean(law(dataset).sample({"data": keys["draw"]}))

    prepared = functools.cache(lambda: ensembles.prepare(trial, designs.crossed(population=1, draw=num_draws)))

    def predictions(key: Key) -> Float[np.ndarray, "draws 1"]:
        return prepared()(key).outputs[0]

    return _study(name, predictions, noise_std)


def _study(name: str, predictions: Callable[[Key], Float[np.ndarray, "draws 1"]], noise_std: float) -> Study:
    return Study(name, ("draw",), predictions, Target(mean=np.zeros(1), noise=noise_std**2))


def _exact(variance: float, deviation: float, noise_std: float) -> Exact:
    """Terms in units of the noise: the variance over draws, and the expected square of their center's deviation."""
    noise = noise_std**2
    return exact_terms(noise * deviation, {("draw",): noise * variance}, noise)


def _population_draw(key: Key, num_examples: int, noise_std: float) -> Dataset:
    labels = noise_std * jax.random.normal(key, (num_examples, 1))
    return Dataset(jnp.zeros_like(labels), labels, jnp.ones_like(labels[:, 0]))


def _mean(sample: Dataset) -> Float[Array, " 1"]:
    return jnp.mean(sample.y, axis=0)

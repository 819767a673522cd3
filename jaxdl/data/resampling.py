"""Ways to draw many training sets, each with its law: what a variance over the draws estimates, and how to convert it.

The laws are exact for the sample mean of n independent examples of variance s², and hold to first order for smooth learners.
None of them gives the bias from real data, as one data set never separates bias² from noise. Draws from one data set center on
that data set and not on the population, so their bias² + noise contains the data set's own deviation. Each law states how much.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Int

from jaxdl.data.problems import Problem
from jaxdl.examples import weighted_examples
from jaxdl.kinds import as_count, as_key, check_flag
from jaxdl.types import Dataset, Key, Keys, Sampler

__all__ = [
    "DisjointParts",
    "Resampling",
    "bag",
    "bootstrap",
    "disjoint_split",
    "fresh",
    "half_sample",
    "left_out",
    "subsample",
]


class Resampling(NamedTuple):
    """A sampler with its law: `variance_factor` times the variance over draws estimates that of fresh draws.

    >>> law = subsample(Dataset(jnp.zeros((20, 1)), jnp.zeros((20, 1)), jnp.ones(20)), 5)
    >>> law.training_size, round(law.variance_factor, 4)
    (5, 1.3333)
    """

    sample: Sampler
    """`keys -> Dataset`; reads the source `"data"`."""
    training_size: int
    """The number of examples in the fresh training sets whose variance is estimated."""
    variance_factor: float
    """What to multiply the variance over draws by to estimate the variance over fresh sets of `training_size`."""
    estimand: str
    """The same in a sentence, with the effect of the draws on bias and risk."""
    excess_factor: float = 0.0
    """The excess of bias² + noise over that of fresh sets as large as a draw, in units of the variance over draws."""


class DisjointParts(NamedTuple):
    """Parts of one data set that share no example, with their law; see `disjoint_split`.

    >>> data = Dataset(jnp.zeros((20, 1)), jnp.zeros((20, 1)), jnp.ones(20))
    >>> found = disjoint_split(jax.random.key(0), data, 4)
    >>> found.training_size, found.parts.x.shape
    (5, (4, 5, 1))
    """

    parts: Dataset
    """Every array with a leading axis, one entry for each part."""
    training_size: int
    """The number of examples in a part."""
    variance_factor: float
    """Always one: parts are as good as fresh draws of their size."""
    estimand: str
    """The same in a sentence."""


def fresh(problem: Problem, num_examples: int) -> Resampling:
    """Fresh draws from a known problem, the only law under which bias, variance and noise need no conversion.

    For the sample mean the variance over draws is `s²/n`. Reads `"inputs"` and `"labels"` where the keys have them,
    otherwise `"data"`.

    Raises:
        ValueError: no `Problem`, or fewer than one example.

    >>> from jaxdl.data import problems
    >>> fresh(problems.noisy_sine(), 10).sample({"data": jax.random.key(0)}).x.shape
    (10, 1)
    """
    if not isinstance(problem, Problem):
        msg = f"problem: got {problem!r:.60}, expected a Problem, such as problems.noisy_sine()"
        raise ValueError(msg)
    num_examples = as_count("num_examples", num_examples)

    def sample(keys: Keys) -> Dataset:
        return problem.sample(keys, num_examples)

    estimand = f"variance over fresh training sets of {num_examples} examples; bias and risk at the same size"
    return Resampling(sample, num_examples, 1.0, estimand)


def bootstrap(dataset: Dataset, *, as_weights: bool = False) -> Resampling:
    """As many rows as there are, n, drawn with replacement (Efron, 1979).

    For the sample mean the variance over draws has expectation `s²(n-1)/n²`, so `n/(n-1)` times it estimates `s²/n`.
    The draws center on this data set, not on the population: their bias² + noise has expectation `s² + s²/n`. About 63.2 %
    of the rows occur in a draw, some of them more than once, so a learner that interpolates meets repeated labels, and a
    split of a draw leaks rows. With `as_weights=True` a draw keeps x and y in place and multiplies the weights by the counts
    of the same draw: the result is the same for every learner that minimizes a weighted sum of losses.

    Raises:
        ValueError: fewer than two examples, or arrays whose shapes do not fit together.

    >>> dataset = Dataset(jnp.zeros((4, 1)), jnp.zeros((4, 1)), jnp.ones(4))
    >>> float(bootstrap(dataset, as_weights=True).sample({"data": jax.random.key(0)}).weight.sum())
    4.0
    """
    dataset, n = _admit(dataset)
    check_flag("as_weights", as_weights)

    def draw_rows(keys: Keys) -> Dataset:
        return _rows(dataset, jax.random.randint(keys["data"], (n,), 0, n))

    def draw_counts(keys: Keys) -> Dataset:
        counts = jnp.bincount(jax.random.randint(keys["data"], (n,), 0, n), length=n)
        return dataset._replace(weight=dataset.weight * counts.astype(dataset.weight.dtype))

    estimand = (
        f"variance over fresh training sets of {n} examples, once multiplied by n/(n-1) = {n}/{n - 1}; "
        "draws center on this data set, so their bias² + noise exceeds the truth by about the variance"
    )
    return Resampling(draw_counts if as_weights else draw_rows, n, n / (n - 1), estimand, n / (n - 1))


def bag(dataset: Dataset) -> Resampling:
    """Bags: `bootstrap(dataset, as_weights=True)`, with the law of predictions at the rows out of the bag.

    Each row is predicted by the runs that left it out, so no test set is needed (Breiman, 1996, Out-of-bag estimation).
    For the sample mean the variance over draws has expectation `s²(n-2)/(n(n-1))`, so `(n-1)/(n-2)` times it estimates `s²/n`.
    Draws center on the other n - 1 rows: their bias² + noise has expectation `s² + s²/(n-1)`, an excess of `n/(n-2)` times the
    variance. The risk `s²(1 + 2/n)` is that of n/2 fresh examples. `left_out(dataset, draw)` returns the rows, and
    `decomposition.out_of_bag` decomposes the predictions.

    Raises:
        ValueError: fewer than three examples, or arrays whose shapes do not fit together.

    >>> dataset = Dataset(jnp.zeros((4, 1)), jnp.zeros((4, 1)), jnp.ones(4))
    >>> law = bag(dataset)
    >>> law.training_size, law.variance_factor, law.excess_factor
    (4, 1.5, 2.0)
    """
    dataset, n = _admit(dataset)
    if n < 3:
        msg = f"dataset: got {n} examples, expected at least 3; with 2, a draw that leaves one out has no variance"
        raise ValueError(msg)
    estimand = (
        f"variance over fresh training sets of {n} examples, once multiplied by (n-1)/(n-2) = {n - 1}/{n - 2}; draws "
        f"center on the other {n - 1} rows, so their bias² + noise exceeds the truth by about the variance"
    )
    return Resampling(bootstrap(dataset, as_weights=True).sample, n, (n - 1) / (n - 2), estimand, n / (n - 2))


def left_out(dataset: Dataset, draw: Dataset) -> Bool[Array, " n"]:
    """The rows of `dataset` that weigh zero in `draw`, a draw by `bag(dataset)` or another that changes only weights.

    Rows that weigh zero in the data set itself do not count. Draws that repeat rows have no such rows.

    Raises:
        ValueError: a draw of another length than the data set.

    >>> dataset = Dataset(jnp.zeros((3, 1)), jnp.zeros((3, 1)), jnp.ones(3))
    >>> left_out(dataset, dataset._replace(weight=jnp.array([2.0, 0.0, 1.0]))).tolist()
    [False, True, False]
    """
    dataset, draw = weighted_examples("dataset", dataset), weighted_examples("draw", draw)
    if draw.weight.shape != dataset.weight.shape:
        msg = (
            f"draw: got weights of shape {draw.weight.shape}, expected {dataset.weight.shape}, as the data set has; draw by "
            "bag(dataset) or bootstrap(dataset, as_weights=True)"
        )
        raise ValueError(msg)
    return (draw.weight == 0) & (dataset.weight > 0)


def subsample(dataset: Dataset, num_examples: int) -> Resampling:
    """Some m = `num_examples` of n rows, drawn without replacement.

    For the sample mean the variance over draws has expectation `s²(1/m - 1/n)`, so `n/(n-m)` times it estimates `s²/m`:
    the variance at size m. The risk is that of size m as well; bias² + noise at size m is too large by `s²/n`, which is
    `m/(n-m)` times the variance over draws.

    Raises:
        ValueError: m outside 1 to n - 1 (n rows of n have no variance), or shapes that do not fit together.

    >>> dataset = Dataset(jnp.zeros((4, 1)), jnp.zeros((4, 1)), jnp.ones(4))
    >>> subsample(dataset, 3).variance_factor
    4.0
    """
    dataset, n = _admit(dataset)
    remedy = f"all {n} rows without replacement are always the same set: use bootstrap for sets of the full size"
    num_examples = as_count("num_examples", num_examples, high=n - 1, remedy=remedy)
    estimand = (
        f"variance over fresh training sets of {num_examples} examples, once multiplied by n/(n-m) = "
        f"{n}/{n - num_examples}; risk at size {num_examples}, and bias² + noise there once reduced by m/(n-m) times the "
        "variance over draws"
    )
    sample = _without_replacement(dataset, n, num_examples)
    rest = n - num_examples
    return Resampling(sample, num_examples, n / rest, estimand, num_examples / rest)


def half_sample(dataset: Dataset) -> Resampling:
    """Half of n rows, m = ⌊n/2⌋, drawn without replacement, as an estimate at size n (McCarthy, 1969).

    For the sample mean the variance over draws has expectation `s²(1/m - 1/n)`, which is `s²/n` already when n is even:
    the factor `m/(n-m)` is then one. Only the variance is that of size n: bias and risk are those of size m, so the two
    must not be added up; `subsample(dataset, n // 2)` gives every part at size m.

    Raises:
        ValueError: fewer than two examples, or arrays whose shapes do not fit together.

    >>> law = half_sample(Dataset(jnp.zeros((4, 1)), jnp.zeros((4, 1)), jnp.ones(4)))
    >>> law.training_size, law.variance_factor
    (4, 1.0)
    """
    dataset, n = _admit(dataset)
    m = n // 2
    estimand = (
        f"variance over fresh training sets of {n} examples, once multiplied by m/(n-m) = {m}/{n - m}; "
        f"but bias and risk at size {m}: do not add them to it"
    )
    return Resampling(_without_replacement(dataset, n, m), n, m / (n - m), estimand, m / (n - m))


def disjoint_split(key: Key, dataset: Dataset, num_parts: int) -> DisjointParts:
    """One random permutation of n rows cut into K = `num_parts` parts of m = ⌊n/K⌋; the n - Km rows left are dropped.

    Parts are independent training sets of size m: for the sample mean the variance over them (divided by K - 1) has
    expectation `s²/m`, and standard errors over parts are valid, both without any conversion.

    This is not a sampler: runs that drew their part from a key could draw the same one twice. Train on all parts by
    `jax.vmap` instead, and hand the predictions to a decomposition as the levels of a `"data"` factor.

    Raises:
        ValueError: K outside 2 to n, or arrays whose shapes do not fit together.

    >>> dataset = Dataset(jnp.zeros((9, 1)), jnp.arange(9.0)[:, None], jnp.ones(9))
    >>> split = disjoint_split(jax.random.key(0), dataset, 4)
    >>> jax.vmap(lambda part: part.y.mean(axis=0))(split.parts).shape       # one prediction of each part's learner
    (4, 1)
    """
    dataset, n = _admit(dataset)
    num_parts = as_count("num_parts", num_parts, low=2, high=n, remedy=f"there are {n} examples")
    m = n // num_parts
    indices = jax.random.permutation(as_key("key", key), n)[: num_parts * m].reshape(num_parts, m)
    estimand = f"variance over fresh training sets of {m} examples; bias and risk at the same size"
    return DisjointParts(_rows(dataset, indices), m, 1.0, estimand)


def _without_replacement(dataset: Dataset, n: int, m: int) -> Callable[[Keys], Dataset]:
    """A sampler of m different rows of n."""
    return lambda keys: _rows(dataset, jax.random.permutation(keys["data"], n)[:m])


def _rows(dataset: Dataset, indices: Int[Array, "*shape"]) -> Dataset:
    """The rows at `indices`, which are known to exist, weights included."""
    # Checking the bounds of every row would cost a twentieth of the training of a small network.
    return Dataset(*(field.at[indices].get(mode="promise_in_bounds") for field in dataset))


def _admit(dataset: Dataset) -> tuple[Dataset, int]:
    """The data set once its fields are known to fit together, and the number of its rows."""
    dataset = weighted_examples("dataset", dataset)
    n = dataset.x.shape[0]
    if n < 2:
        msg = f"dataset: got {n} examples, expected at least 2; one example has no variance to resample"
        raise ValueError(msg)
    return dataset, n

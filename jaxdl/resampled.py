"""`triangulate`: what several ways of resampling one real data set say about variance, and about bias² and noise together.

One data set never separates bias² from noise, and no resampling is a fresh draw. Each number therefore says at which training
size it holds, what it is conditional on, and by which law it was read from the draws. Where numbers at one size disagree by more
than their standard errors, the laws, which hold to first order, do not describe the learner, or this data set is unusual.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

import jax
import numpy as np
from jaxtyping import Array, Bool, Float

from jaxdl import designs, ensembles
from jaxdl.admission import as_array, as_numbers, check_finite
from jaxdl.data import resampling
from jaxdl.data.resampling import Resampling
from jaxdl.decomposition import Decomposition, Target, squared_error
from jaxdl.decomposition.bagging import out_of_bag
from jaxdl.decomposition.estimates import jackknife_variance
from jaxdl.ensembles import DivergedRunsError
from jaxdl.ensembles.collect import Runs
from jaxdl.ensembles.diverged import summary
from jaxdl.examples import weighted_examples
from jaxdl.kinds import as_count, as_key, check_function
from jaxdl.measure import decompose
from jaxdl.types import Dataset, Key, Keys, Learner

Predict = Callable[[Any, Array], Array]
"""`(variables, x) -> predictions "points out"`, such as `model.apply`."""
DIMS = ("points", "out")
TERMS = ("total_variance", "bias_squared_plus_noise")
MIN_RUNS = (
    50  # a draw leaves a row out with probability 0.37: with 50 all but one row in 10^7 are left out by 3 or more
)
MAX_DIVERGED = 0.05  # as in `decompose`
HEADINGS = ("scheme", "term", "at n", "estimate", "std. error", "over draws", "law", "conditional on", "estimand")
FOOTNOTE = (
    "V and B are the variance and the bias² + noise over draws, as they are. Laws are exact for the sample mean and hold to first "
    "order for smooth learners.\nA standard error speaks of draws, and with bias² + noise of test points and labels; what is "
    "conditional on this data set would change with another, and the error leaves that out."
)


class Row(NamedTuple):
    """One number of a triangulation."""

    scheme: str
    term: str
    """`"variance"` or `"bias_squared_plus_noise"`; never bias² alone, which one data set does not identify."""
    training_size: int
    """Of the fresh training sets that the estimate speaks of."""
    estimate: float
    """By the law."""
    standard_error: float
    over_draws: float
    """Before the law."""
    law: str
    """The estimate from V and B, the variance and the bias² + noise over draws."""
    conditional_on: str
    estimand: str


class Triangulation(NamedTuple):
    """The rows of `triangulate`, two for each scheme; prints as a table."""

    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    """Which schemes had runs that diverged, and what was left out."""

    def table(self) -> str:
        """All rows and notes as plain text."""
        cells = [HEADINGS, *map(_cells, self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in cells]
        lines.insert(1, "  ".join("-" * width for width in widths))
        return "\n".join([*lines, "", FOOTNOTE, *(f"note: {note}" for note in self.notes)])

    def __str__(self) -> str:
        return self.table()


def triangulate(
    learner: Learner,
    predict: Predict,
    dataset: Dataset,
    x_test: Float[Array, "points *features"] | Any,
    y_test: Float[Array, "points out"] | Any,
    key: Key,
    *,
    num_runs: int = 200,
    num_parts: int = 4,
    held: Sequence[str] = (),
    block: int = 8,
    progress: bool = True,
) -> Triangulation:
    """Variance, and bias² + noise, of a learner's squared error on one data set, by five ways of resampling it.

    Bootstrap, half-sampling and out-of-bag rows speak of the variance at the size n of the data set; subsampling and disjoint
    parts of that at size m = ⌊n/num_parts⌋. With V the variance over draws and B their bias² + noise,

        variance = variance_factor V,   bias² + noise = B - excess_factor V,

    where the factors are those of the laws in `data.resampling`. The half-samples' bias² + noise is that of size ⌊n/2⌋: never add
    numbers of different sizes. Runs that diverge are left out and noted; a scheme that loses more than 5 % of its runs is named,
    has rows of nan, and does not keep the others from being reported.

    Args:
        learner: `(keys, dataset) -> variables`; must honour weights, by which out-of-bag draws leave rows out.
        predict: `(variables, x) -> predictions "points out"`, such as `model.apply`.
        dataset: the data set. Rows of weight zero are padding: they are never drawn, and n does not count them.
        x_test: inputs held out from it. The out-of-bag rows do without: they predict the data set itself.
        y_test: their labels.
        key: the root key.
        num_runs: trainings for each scheme.
        num_parts: parts of a disjoint split; standard errors need 3. There are ⌊num_runs/num_parts⌋ splits, whose numbers are
            averaged; the error is that of one split, valid over data sets, and on the safe side for the average.
        held: other sources that the learner reads, such as `("init",)`. Each keeps one key, on which all numbers are then
            conditional: were they drawn anew, they would add variance to which no law of resampling applies.
        block: runs that are vectorised together.
        progress: show progress on standard error.

    Raises:
        ValueError: arguments of the wrong kind, shapes that do not fit, labels or inputs that are no finite real numbers, negative
            weights, too few parts or runs, a source that the learner reads and `held` does not name.

    >>> import jax.numpy as jnp
    >>> def mean(keys, dataset):                          # the simplest learner; its variance over fresh sets is s²/n
    ...     return {"mean": jnp.average(dataset.y, axis=0, weights=dataset.weight)}
    >>> data = Dataset(jnp.zeros((20, 1)), jnp.arange(20.0)[:, None], jnp.ones(20))      # s² = 35
    >>> predict = lambda variables, x: jnp.broadcast_to(variables["mean"][None], (len(x), 1))
    >>> result = triangulate(mean, predict, data, data.x[:2], data.y[:2], jax.random.key(0), progress=False)
    >>> variance = result.rows[0]
    >>> variance.scheme, variance.training_size, variance.law, variance.conditional_on
    ('bootstrap', 20, '1.053 V', 'this data set, these test points')
    >>> bool(abs(variance.estimate - 35 / 20) < 4 * variance.standard_error)
    True
    """
    dataset = _without_padding(weighted_examples("dataset", dataset))
    x_test, y_test = _held_out(dataset, x_test, y_test)
    n, num_runs, num_parts = _checked(dataset, learner, predict, num_runs, num_parts, held)
    key_bootstrap, key_half, key_subsample, key_split, key_out, key_held = jax.random.split(as_key("key", key), 6)
    keys_held = _HeldKeys({name: jax.random.fold_in(key_held, index) for index, name in enumerate(held)})
    design, target = designs.independent(num_runs, "data"), Target(labels=y_test)

    def predictions(training_set: Dataset, x: Array) -> Array:
        return predict(learner(keys_held, training_set), x)

    def over_draws(law: Resampling, key: Key) -> _Raw:
        def trial(keys: Keys) -> Array:
            return predictions(law.sample(keys), x_test)

        return _raw(decompose(trial, design, key, target=target, dims=DIMS, block=block, progress=progress))

    def over_parts(key: Key) -> _Raw:
        def trial(keys: Keys) -> Array:
            split = resampling.disjoint_split(keys["data"], dataset, num_parts)
            return jax.vmap(lambda part: predictions(part, x_test))(split.parts)

        splits = designs.independent(num_runs // num_parts, "data")
        runs = ensembles.run(trial, splits, key, block=max(1, block // num_parts), progress=progress)
        kept, notes = _kept(runs, runs.outputs, "splits")
        results = [
            _raw(squared_error(split, factors=("part",), target=target, dims=DIMS)) for split in runs.outputs[kept]
        ]
        per_point = {term: np.mean([each.per_point[term] for each in results], axis=0) for term in TERMS}
        return _Raw(per_point, tuple(replicates for each in results for replicates in each.replicates), notes)

    def over_rows(law: Resampling, key: Key) -> _Raw:
        def trial(keys: Keys) -> dict[str, Array]:
            draw = law.sample(keys)
            return {"predictions": predictions(draw, dataset.x), "left_out": resampling.left_out(dataset, draw)}

        runs = ensembles.run(trial, design, key, block=block, progress=progress)
        kept, notes = _kept(runs, runs.outputs["predictions"], "runs")
        result = out_of_bag(runs.outputs["predictions"][kept], runs.outputs["left_out"][kept], dataset.y)
        return _Raw(result.per_point, (result.replicates,), notes)

    bootstrap, half, outside = (
        make(dataset) for make in (resampling.bootstrap, resampling.half_sample, resampling.out_of_bag)
    )
    half_size, part_size = n // 2, n // num_parts
    part = resampling.subsample(dataset, part_size)
    on_levels = tuple(f"one level of {name}" for name in held)
    on_this, on_rows = ("this data set", *on_levels), ("this data set, tested on as well", *on_levels)
    schemes = (
        _Scheme("bootstrap", lambda: over_draws(bootstrap, key_bootstrap), _law(bootstrap), (n, n), on_this),
        _Scheme("half-sampling", lambda: over_draws(half, key_half), _law(half), (n, half_size), on_this),
        _Scheme("subsampling", lambda: over_draws(part, key_subsample), _law(part), (part_size, part_size), on_this),
        _Scheme("disjoint parts", lambda: over_parts(key_split), (1.0, 0.0), (part_size, part_size), on_levels),
        _Scheme("out-of-bag", lambda: over_rows(outside, key_out), _law(outside), (n, n), on_rows),
    )
    found = [_attempt(scheme) for scheme in schemes]
    return Triangulation(
        tuple(row for scheme, raw in zip(schemes, found, strict=True) for row in _rows(scheme, raw)),
        tuple(f"{scheme.name}: {note}" for scheme, raw in zip(schemes, found, strict=True) for note in raw.notes),
    )


class _HeldKeys(dict[str, Key]):
    """The keys of the sources that are held, and nothing else."""

    def __missing__(self, name: object) -> NoReturn:
        msg = (
            f"the learner reads the source {name!r}; name it in held={(*self, name)!r}, and it keeps one key throughout"
        )
        raise ValueError(msg)


class _Raw(NamedTuple):
    """What the draws give, before any law."""

    per_point: Mapping[Any, Float[np.ndarray, " points"]]
    replicates: tuple[Mapping[Any, Float[np.ndarray, " units"]], ...]
    """For each split (the other schemes have one): the averaged terms with one part, or one group of runs, left out."""
    notes: tuple[str, ...] = ()


class _Scheme(NamedTuple):
    """A way of resampling."""

    name: str
    measure: Callable[[], _Raw]
    law: tuple[float, float]
    """The factors of the variance, and of the excess of bias² + noise."""
    sizes: tuple[int, int]
    """Of the fresh training sets that its variance and its bias² + noise speak of."""
    conditions: tuple[str, ...]


def _attempt(scheme: _Scheme) -> _Raw:
    """What a scheme gives; nan and a note when too many of its runs diverge."""
    try:
        return scheme.measure()
    except DivergedRunsError as error:
        note = f"{summary(error.diverged)}; too many, so that its rows are nan. Train more gently"
        warnings.warn(f"{scheme.name}: {note}", stacklevel=3)
        nothing = {term: np.full(2, np.nan) for term in TERMS}
        return _Raw(nothing, (nothing,), (note,))


def _raw(result: Decomposition) -> _Raw:
    return _Raw(result.per_point.estimates, tuple(result.replicates.values()), result.notes)


def _kept(
    runs: Runs, predictions: Float[np.ndarray, "runs *rest"], what: str
) -> tuple[Bool[np.ndarray, " runs"], tuple[str, ...]]:
    """The runs that did not diverge, and a note on the others, about which the engine has warned.

    Raises:
        DivergedRunsError: when these are too many.
    """
    finite = np.isfinite(predictions).all(axis=tuple(range(1, predictions.ndim)))
    lost = int((~finite).sum())
    if lost > MAX_DIVERGED * len(finite):
        raise DivergedRunsError(summary(runs.diverged), runs.diverged, runs)
    note = f"conditional on convergence: left out {lost} of {len(finite)} {what}; {summary(runs.diverged)}"
    return finite, (note,) if lost else ()


def _law(law: Resampling) -> tuple[float, float]:
    return law.variance_factor, law.excess_factor


def _rows(scheme: _Scheme, raw: _Raw) -> tuple[Row, Row]:
    """The variance and the bias² + noise of one scheme, by its law, at the sizes where these hold."""
    (factor, excess), sizes, conditions = scheme.law, scheme.sizes, scheme.conditions

    def by_law(terms: Mapping[Any, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        variance, together = (np.asarray(terms[term]) for term in TERMS)
        return factor * variance, together - excess * variance

    # A mean over splits of one data set varies no more over data sets than a single split, whose error is therefore safe.
    jackknives = np.mean(
        [[jackknife_variance(values[:, None])[0] for values in by_law(each)] for each in raw.replicates], axis=0
    )
    variance, together = by_law(raw.per_point)
    of_test_points = np.array([0.0, together.var() / (len(together) - 1)])
    errors = np.sqrt(jackknives + of_test_points)
    over_draws = [float(np.mean(raw.per_point[term])) for term in TERMS]
    return (
        Row(
            scheme.name, "variance", sizes[0], float(variance.mean()), float(errors[0]), over_draws[0],
            _times(factor, "V"), ", ".join((*conditions, "these test points")), f"E|f - E f|², f from {sizes[0]} fresh examples",
        ),
        Row(
            scheme.name, "bias_squared_plus_noise", sizes[1], float(together.mean()), float(errors[1]), over_draws[1],
            f"B - {_times(excess, 'V')}" if excess else "B", ", ".join(conditions) or "nothing",
            f"E|E f - y|², f from {sizes[1]} fresh examples: bias² and noise together",
        ),
    )  # fmt: skip


def _times(factor: float, what: str) -> str:
    return what if factor == 1 else f"{factor:.4g} {what}"


def _cells(row: Row) -> tuple[str, ...]:
    numbers = (f"{row.estimate:.5g}", f"{row.standard_error:.2g}", f"{row.over_draws:.5g}")
    return row.scheme, row.term, str(row.training_size), *numbers, row.law, row.conditional_on, row.estimand


def _without_padding(dataset: Dataset) -> Dataset:
    """The rows that count: a draw, which treats all rows alike, must not see the others."""
    is_used = np.asarray(dataset.weight) > 0
    used = dataset if is_used.all() else Dataset(*(field[is_used] for field in dataset))
    for name in ("x", "y"):
        check_finite(f"dataset: {name}", getattr(used, name))
    return used


def _held_out(
    dataset: Dataset, x_test: Any, y_test: Any
) -> tuple[Float[Array, "points *features"], Float[np.ndarray, "points out"]]:
    """Test points as arrays of finite numbers that fit the data set."""
    # Labels meet predictions on the host, and keep their precision.
    x, y = as_array("x_test", x_test), as_numbers("y_test", y_test)
    for name, array, field in (("x_test", x, dataset.x), ("y_test", y, dataset.y)):
        if array.shape[1:] != field.shape[1:] or len(array.shape) < 2 or array.shape[0] < 2:
            msg = f"{name}: got shape {array.shape}, expected 2 points or more of shape {field.shape[1:]}, as in the data set; "
            msg += "a vector becomes a column by [:, None]"
            raise ValueError(msg)
        check_finite(name, array)
    if len(x) != len(y):
        msg = f"y_test: got {len(y)} rows, expected {len(x)}, one for each row of x_test"
        raise ValueError(msg)
    return x, y


def _checked(
    dataset: Dataset,
    learner: Any,
    predict: Any,
    num_runs: int,
    num_parts: int,
    held: Sequence[str],
) -> tuple[int, int, int]:
    """The numbers of examples, runs and parts, once these and the functions are known to make sense."""
    check_function("learner", learner, ("keys", "dataset"), "pass one such as learners.ridge(model, 0.1)")
    check_function("predict", predict, ("variables", "x"), "pass one such as model.apply")
    if isinstance(held, str) or not all(isinstance(name, str) for name in held):
        msg = f"held: got {held!r:.60}, expected a sequence of names; one is written ({held!r:.60},)"
        raise ValueError(msg)
    n = len(dataset.x)
    remedy = f"there are {n} examples of positive weight, 3 parts give an error, and a part holds 2 examples"
    num_parts = as_count("num_parts", num_parts, low=3, high=n // 2, remedy=remedy)
    remedy = "about 3 runs in 8 leave a row out, and each needs several"
    return n, as_count("num_runs", num_runs, low=MIN_RUNS, remedy=remedy), num_parts

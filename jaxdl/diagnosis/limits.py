"""`diagnose`: what limits a learner on a table of examples.

With n rows to train on, runs draw m = ⌊n/2⌋ of them without replacement, and a seed of the learner, crossed. Draws overlap, so
that their variance V_data is too small and their bias² + noise B too large. To first order, at training size m,

    variance[data] = n/(n - m) V_data,   bias² + noise = B - m/(n - m) V_data,   variance[seed] = V_seed + V_data,seed,

which is the law of `data.resampling.subsample`; the risk is that of size m as it is. What a seed adds, alone and with the rows,
is one number. Its two parts cannot be told apart: overlapping draws count a part of V_data,seed as V_seed, a large one where
the effect of a seed changes slowly with the rows, and none where each draw has another. Their sum is right in both cases. One
table never separates bias² from noise: the noise is bracketed.
"""

import math
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Int, Num

from jaxdl import designs, ensembles, learning_curves
from jaxdl.data import resampling
from jaxdl.data.resampling import Resampling
from jaxdl.decomposition import Decomposition, Target, bracket, kohavi_wolpert, noise, squared_error
from jaxdl.decomposition.noise import NoiseEstimate
from jaxdl.decomposition.noise_bracket import NoiseBracket
from jaxdl.diagnosis.found import TOGETHER, Diagnosis, Forecast, Number
from jaxdl.diagnosis.learners import DESCRIBED, NAMES, SEEDED, fitted
from jaxdl.diagnosis.mixed_tables import Examples
from jaxdl.ensembles import Engine
from jaxdl.kinds import as_count
from jaxdl.types import Dataset

Array = np.ndarray
NUM_DRAWS, NUM_SEEDS, NUM_SMALLER = 16, 4, 12
MOST_ROWS = 5000
MOST_TEST_POINTS = 1000
FEWEST_TO_TRAIN = 12
MOST_REPEATED = 0.5
"""The share of rows from which on those with an equal speak for all: noise may differ from row to row."""


def diagnose(
    examples: Examples,
    model: str = "forest",
    *,
    seed: int = 0,
    workers: int | None = 2,
    num_draws: int = NUM_DRAWS,
    num_seeds: int = NUM_SEEDS,
    progress: bool = False,
) -> Diagnosis:
    """Bias² + noise, variance by source, a bracket for the noise and a forecast of the risk, of a learner on a table.

    The loss is the squared error of numbers, and Kohavi and Wolpert's parts of the 0-1 loss of classes.

    Args:
        examples: of `read_examples`. Of more than 5,000 rows, 5,000 are drawn.
        model: "ridge" (of classes, logistic regression), "forest", "boosting" or "network".
        seed: of the split into rows to train and to test on, and of all runs.
        workers: processes that run side by side.
        num_draws: training sets.
        num_seeds: seeds of the learner, each of which meets each training set.
        progress: show progress on standard error.

    Raises:
        ValueError: another model, too few rows, wrong kinds of arguments.
        ImportError: without scikit-learn.
    """
    if model not in NAMES:
        msg = f"model: got {model!r}, expected one of {', '.join(NAMES)}; choose one"
        raise ValueError(msg)
    num_draws = as_count("num_draws", num_draws, low=4)
    num_seeds = as_count("num_seeds", num_seeds, low=3, remedy="two or fewer give no standard errors")
    generator = np.random.default_rng(as_count("seed", seed, low=0))
    notes = list(examples.notes)
    order = generator.permutation(len(examples.y))
    if len(order) > MOST_ROWS:
        notes.append(f"{MOST_ROWS} of {len(order)} rows were drawn, so that the runs take a minute or two")
        order = order[:MOST_ROWS]
    num_test = min(len(order) // 4, MOST_TEST_POINTS)
    test, pool = order[:num_test], order[num_test:]
    size = len(pool) // 2
    law = resampling.subsample(Dataset(*(jnp.ones((len(pool), *rest)) for rest in ((1,), (1,), ()))), size)
    runs = _Runs(examples, model, pool, test, seed, Engine(progress=progress), workers)
    result, predictions = runs.crossed(size, num_draws, num_seeds)
    terms = by_law(result, law)
    num_rows = len(examples.y)  # also those that were not drawn
    forecast = _forecast(runs, predictions, size, (num_rows, 2 * num_rows))
    together = terms[TOGETHER]
    bounds, doubts = noise_bounds(examples, order, together)
    return Diagnosis(
        examples.target,
        examples.task,
        model,
        DESCRIBED[model, examples.task],
        num_rows,
        len(pool),
        num_test,
        size,
        int(np.prod(predictions.shape[:-1])),
        terms,
        _constant_risk(examples, pool, test),
        bounds,
        _bias_squared(together, bounds),
        forecast,
        (*notes, *doubts),
    )


def by_law(result: Decomposition, law: Resampling) -> dict[str, Number]:
    """The terms at the size of a draw, from draws by the law of `resampling.subsample`; they add up to the risk."""
    excess = law.excess_factor

    def derived(statistic: Callable[[Any], Any]) -> Number:
        found = result.derive(statistic)
        return Number(*(float(value) for value in (found.estimate, found.standard_error, *found.interval)))

    def scaled(term: Any, factor: float) -> Number:
        numbers = (result[term], result.standard_errors[term], *result.intervals[term])
        return Number(*(factor * float(value) for value in numbers))

    def not_below_zero(number: Number) -> Number:
        return number._replace(low=max(number.low, 0.0), high=max(number.high, 0.0))

    found = {
        TOGETHER: not_below_zero(derived(lambda terms: terms[TOGETHER] - excess * terms["variance[data]"])),
        "variance[data]": scaled(("data",), law.variance_factor),
    }
    if ("seed",) in result.variance:
        found["variance[seed]"] = not_below_zero(
            derived(lambda terms: terms["variance[seed]"] + terms["variance[data, seed]"])
        )
    return found | {"risk": scaled("risk", 1.0)}


def noise_bounds(
    examples: Examples, rows: Int[Array, " rows"], together: Number
) -> tuple[NoiseBracket, tuple[str, ...]]:
    """Between what the noise lies: below bias² + noise of the learner, and below what nearest neighbours and equal rows say.

    Of classes it is ½(1 - |π|²), in which bounds for the noise of one-hot labels count half.
    """
    x, labels = _scaled(examples, rows), examples.y[rows][:, None].astype(float)
    if examples.classes:
        labels = np.sqrt(0.5) * np.eye(len(examples.classes))[examples.y[rows]]
    least = max(together.estimate, 0.0)  # an unbiased estimate of next to nothing may be negative
    own = NoiseEstimate(
        least, together.standard_error, "upper", "bias² + noise of this learner", "too large by its bias²"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of many features, where the bound is loose: then another one is tighter
        found = [noise.nearest_neighbor(x, labels), *_at_equal_rows(x, labels, examples.x[rows])]
    known = [own, *(each for each in found if each.direction != "either")]
    doubtful = [each.method.replace("_", " ") for each in found if each.direction == "either"]
    notes = (
        [f"rows that equal others may be copies, so that {' and '.join(doubtful)} bound no noise"] if doubtful else []
    )
    try:
        return bracket(*known), tuple(notes)
    except ValueError:  # bounds that contradict each other
        note = "measurements at equal rows vary more than the learner errs, and are not used to bound the noise"
        return bracket(*(each for each in known if each.direction == "upper")), (*notes, note)


def _at_equal_rows(
    x: Float[Array, "rows columns"], labels: Float[Array, "rows out"], cells: Float[Array, "rows features"]
) -> list[NoiseEstimate]:
    """The spread of labels at equal rows, where that is the noise of the table: most rows are repeated, and no cell is missing."""
    counts = np.unique(x, axis=0, return_counts=True)[1]
    is_of_the_table = counts[counts > 1].sum() >= MOST_REPEATED * len(x) and not np.isnan(cells).any()
    return [noise.replicates(x, labels)] if is_of_the_table else []


class _Runs(NamedTuple):
    """The fits of one learner on draws from a pool of rows."""

    examples: Examples
    model: str
    pool: Int[Array, " pool"]
    test: Int[Array, " test"]
    seed: int
    engine: Engine
    workers: int | None

    def crossed(self, size: int, num_draws: int, num_seeds: int) -> tuple[Decomposition, Num[Array, "*levels points"]]:
        """The decomposition over draws and seeds, and the predictions."""
        is_seeded = self.model in SEEDED
        design = designs.crossed(data=num_draws, **({"seed": num_seeds} if is_seeded else {}))
        outputs = self._outputs(design, np.array([size]), "crossed")[0]
        labels = self.examples.y[self.test]
        if self.examples.classes:  # one-hot, as a class may be absent from the test points
            labels = np.eye(len(self.examples.classes))[labels]
        loss = kohavi_wolpert if self.examples.classes else squared_error
        predictions = np.eye(len(self.examples.classes))[outputs] if self.examples.classes else outputs
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = loss(
                predictions,
                design=design,
                target=Target(labels=labels),
                dims=("points", "out") if self.examples.classes else ("points",),
                random_points=True,
                training_size=size,
            )
        return result, outputs

    def risks(self, size: Int[Array, " sizes"], num_runs: int) -> Float[Array, "sizes runs"]:
        """The mean loss of single runs on the test points, at each size."""
        sources = ("data", "seed") if self.model in SEEDED else ("data",)
        outputs = self._outputs(designs.independent(num_runs, *sources), size, "smaller")
        return self.losses(outputs).mean(axis=-1)

    def losses(self, predictions: Num[Array, "... points"]) -> Float[Array, "... points"]:
        """The squared error, or whether the class is wrong."""
        labels = self.examples.y[self.test]
        if self.examples.classes:
            return (predictions != labels).astype(float)
        return (predictions - labels) ** 2

    def _outputs(
        self, design: designs.Design, sizes: Int[Array, " sizes"], name: str
    ) -> Num[Array, "sizes *levels points"]:
        fit = fitted(self.model, self.examples.task, self.examples.is_text)
        x, y, pool, x_test = self.examples.x, self.examples.y, self.pool, self.examples.x[self.test]

        def trial(seeds: Any, size: Any) -> Array:
            # The size counts among the seeds, so that draws of different sizes are independent.
            rows = pool[np.random.default_rng((seeds["data"], int(size))).permutation(len(pool))[: int(size)]]
            of_learner = seeds.get("seed", 0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of solvers at their limit of steps, which is part of the learner
                return fit(x[rows], y[rows], x_test, of_learner)

        on_host = ensembles.on_host(trial, name=f"diagnose, {name}", workers=self.workers)
        runs = ensembles.run(on_host, design, jax.random.key(self.seed), settings=sizes, engine=self.engine)
        return runs.outputs


def _forecast(runs: _Runs, predictions: Num[Array, "*levels points"], size: int, ahead: tuple[int, ...]) -> Forecast:
    """The risk at ⌊m/8⌋, ⌊m/4⌋ and ⌊m/2⌋, those of enough rows, and at m, and the power law through them.

    Below two such sizes they are ⌊m/3⌋ and ⌊2m/3⌋. Runs of smaller sizes are independent; those of size m are crossed.
    """
    smaller = [size // divisor for divisor in (8, 4, 2) if size // divisor >= FEWEST_TO_TRAIN]
    while len(smaller) < 2:  # a curve has three parameters
        smaller = [size // 3, 2 * size // 3]
    risks = runs.risks(np.array(smaller), NUM_SMALLER)
    largest = runs.losses(predictions).mean(axis=-1)
    means = np.array([*risks.mean(axis=1), largest.mean()])
    errors = np.array([*risks.std(axis=1, ddof=1) / math.sqrt(NUM_SMALLER), _error_of_mean(largest)])
    least = (
        0.5 / runs.losses(predictions).size if runs.examples.classes else 1e-6 * means.max()
    )  # runs may agree by chance
    errors = np.maximum(errors, max(least, 1e-12))
    sizes = np.array([*smaller, size])
    curve = learning_curves.fit(sizes.astype(float), means, errors, degrees_of_freedom=NUM_SMALLER - 1)
    found = {}
    for each in ahead:
        low, high = learning_curves.predictive_interval(curve, each)
        found[each] = Number(learning_curves.risk_at(curve, each), math.nan, float(low), float(high))
    return Forecast(sizes, means, errors, found, curve.misfit)


def _error_of_mean(losses: Float[Array, "draws *seeds"]) -> float:
    """The standard error of the mean over draws, or over draws crossed with seeds: V_d/D + V_s/S + V_ds/(D S)."""
    of_draws = losses.reshape(len(losses), -1)
    variance = of_draws.mean(axis=1).var(ddof=1) / len(of_draws)
    if losses.ndim == 2:
        num_draws, num_seeds = losses.shape
        of_seeds = losses.mean(axis=0)
        rest = losses - losses.mean(axis=1, keepdims=True) - of_seeds + losses.mean()
        of_both = (rest**2).sum() / ((num_draws - 1) * (num_seeds - 1))
        # Both means vary with the interaction, which counts once.
        variance += max(of_seeds.var(ddof=1) / num_seeds - of_both / (num_draws * num_seeds), 0.0)
    return math.sqrt(variance)


def _scaled(examples: Examples, rows: Int[Array, " rows"]) -> Float[Array, "rows features"]:
    """Numbers with medians in missing cells and unit variance; a column for each text."""
    columns = []
    for values, holds_text in zip(examples.x[rows].T, examples.is_text, strict=True):
        if holds_text:
            columns.extend((values[:, None] == np.unique(values)).T.astype(float))
        else:
            filled = np.where(np.isnan(values), np.nanmedian(values) if not np.isnan(values).all() else 0.0, values)
            columns.append((filled - filled.mean()) / (filled.std() or 1.0))
    return np.stack(columns, axis=1)


def _constant_risk(examples: Examples, pool: Int[Array, " pool"], test: Int[Array, " test"]) -> float:
    if examples.classes:
        return float((examples.y[test] != np.bincount(examples.y[pool]).argmax()).mean())
    return float(((examples.y[test] - examples.y[pool].mean()) ** 2).mean())


def _bias_squared(together: Number, bounds: NoiseBracket) -> Number:
    """Bias² + noise less the upper end of the noise, to bias² + noise less its lower end, widened by two standard errors."""
    own = together.standard_error
    low = together.estimate - bounds.high.estimate - 2 * math.hypot(own, bounds.high.standard_error)
    high = together.estimate - bounds.low.estimate + 2 * math.hypot(own, bounds.low.standard_error)
    return Number(math.nan, math.nan, max(low, 0.0), max(high, 0.0))

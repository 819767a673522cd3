"""The ways in which `triangulate` resamples a data set, and the law by which each turns its draws into estimates."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxdl import designs, ensembles
from jaxdl.data import resampling
from jaxdl.data.resampling import Resampling
from jaxdl.decomposition import Decomposition, Target, squared_error
from jaxdl.decomposition.bagging import out_of_bag
from jaxdl.decomposition.estimates import jackknife_variance
from jaxdl.ensembles import DivergedRunsError, Engine, Runs
from jaxdl.ensembles.block_size import BLOCK_ON_CPU
from jaxdl.ensembles.diverged import summary
from jaxdl.ensembles.engine import PLATFORMS
from jaxdl.studies.decompose import decompose
from jaxdl.studies.divergence import MAX_DIVERGED
from jaxdl.studies.triangulation import Row
from jaxdl.types import Dataset, Key, Keys

DIMS = ("points", "out")
TERMS = ("total_variance", "bias_squared_plus_noise")
Fit = Callable[[Dataset, Array], Array]
"""`(training set, x) -> predictions "points out"`."""


class Draws(NamedTuple):
    """What the draws of a scheme give, before any law."""

    per_point: Mapping[Any, Float[np.ndarray, " points"]]
    replicates: tuple[Mapping[Any, Float[np.ndarray, " units"]], ...]
    """For each split (the other schemes have one): the averaged terms with one part, or one group of runs, left out."""
    notes: tuple[str, ...] = ()


class Scheme(NamedTuple):
    """A way of resampling."""

    name: str
    measure: Callable[[], Draws]
    law: tuple[float, float]
    """The factors of the variance, and of the excess of bias² + noise."""
    sizes: tuple[int, int]
    """Sizes of the fresh training sets for which its variance and its bias² + noise hold."""
    conditions: tuple[str, ...]


def over_draws(
    fit: Fit, law: Resampling, x_test: Array, target: Target, num_runs: int, key: Key, engine: Engine
) -> Draws:
    """The decomposition over resampled training sets, at test points held out from the data set."""

    def trial(keys: Keys) -> Array:
        return fit(law.sample(keys), x_test)

    design = designs.independent(num_runs, "data")
    result = decompose(trial, design, key, target=target, dims=DIMS, engine=engine)
    return _draws(result)  # type: ignore[arg-type]  # these predictions have no names


def over_parts(
    fit: Fit, dataset: Dataset, x_test: Array, target: Target, num_runs: int, num_parts: int, key: Key, engine: Engine
) -> Draws:
    """The decompositions over the disjoint parts of a data set, averaged over splits into parts."""

    def trial(keys: Keys) -> Array:
        split = resampling.disjoint_split(keys["data"], dataset, num_parts)
        return jax.vmap(lambda part: fit(part, x_test))(split.parts)

    splits = designs.independent(num_runs // num_parts, "data")
    asked = {name: block for name in PLATFORMS if (block := engine.block_on(name)) is not None}
    blocks = {"cpu": BLOCK_ON_CPU, **asked}
    engine = replace(engine, block={name: max(1, block // num_parts) for name, block in blocks.items()})
    runs = ensembles.run(trial, splits, key, engine=engine)
    kept, notes = _kept(runs, splits.num_runs, "splits")
    results = [
        _draws(squared_error(split, factors=("part",), target=target, dims=DIMS)) for split in runs.outputs[kept]
    ]
    per_point = {term: np.mean([each.per_point[term] for each in results], axis=0) for term in TERMS}
    return Draws(per_point, tuple(replicates for each in results for replicates in each.replicates), notes)


def over_rows(fit: Fit, dataset: Dataset, law: Resampling, num_runs: int, key: Key, engine: Engine) -> Draws:
    """The decomposition over draws that leave each row of the data set out."""

    def trial(keys: Keys) -> dict[str, Array]:
        draw = law.sample(keys)
        return {"predictions": fit(draw, dataset.x), "left_out": resampling.left_out(dataset, draw)}

    runs = ensembles.run(trial, designs.independent(num_runs, "data"), key, engine=engine)
    kept, notes = _kept(runs, num_runs, "runs")
    result = out_of_bag(runs.outputs["predictions"][kept], runs.outputs["left_out"][kept], dataset.y)
    return Draws(result.per_point, (result.replicates,), notes)


def attempt(scheme: Scheme) -> Draws:
    """The draws of a scheme; nan and a note when too many of its runs diverge."""
    try:
        return scheme.measure()
    except DivergedRunsError as error:
        note = f"{summary(error.diverged)}; too many, so that its rows are nan. Train more gently"
        warnings.warn(f"{scheme.name}: {note}", stacklevel=3)
        nothing = {term: np.full(2, np.nan) for term in TERMS}
        return Draws(nothing, (nothing,), (note,))


def _draws(result: Decomposition) -> Draws:
    return Draws(result.per_point.estimates, tuple(result.replicates.values()), result.notes)


def _kept(runs: Runs, num_runs: int, what: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The runs that did not diverge, and a note on the others, about which the engine has warned.

    Raises:
        DivergedRunsError: when these are too many.
    """
    kept = np.setdiff1d(np.arange(num_runs), [run.run for run in runs.diverged])
    lost = num_runs - len(kept)
    if lost > MAX_DIVERGED * num_runs:
        raise DivergedRunsError(summary(runs.diverged), runs.diverged, runs)
    note = f"conditional on convergence: left out {lost} of {num_runs} {what}; {summary(runs.diverged)}"
    return kept, (note,) if lost else ()


def law_of(law: Resampling) -> tuple[float, float]:
    """The factors of the variance, and of the excess of bias² + noise."""
    return law.variance_factor, law.excess_factor


def rows_of(scheme: Scheme, draws: Draws) -> tuple[Row, Row]:
    """The variance and the bias² + noise of one scheme, by its law, at the sizes for which they hold."""
    (factor, excess), sizes, conditions = scheme.law, scheme.sizes, scheme.conditions

    def by_law(terms: Mapping[Any, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        variance, together = (np.asarray(terms[term]) for term in TERMS)
        return factor * variance, together - excess * variance

    # A mean over splits of one data set varies no more over data sets than a single split, whose error is therefore safe.
    jackknives = np.mean(
        [[jackknife_variance(values[:, None])[0] for values in by_law(each)] for each in draws.replicates], axis=0
    )
    variance, together = by_law(draws.per_point)
    of_test_points = np.array([0.0, together.var() / (len(together) - 1)])
    errors = np.sqrt(jackknives + of_test_points)
    over_draws = [float(np.mean(draws.per_point[term])) for term in TERMS]
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

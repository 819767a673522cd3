"""From the estimates of each setting to one result: averages over test points, standard errors, populations, names."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float

from jaxdl.admission import as_numbers, check_finite
from jaxdl.decomposition.doubles import SMALLEST
from jaxdl.decomposition.estimates import Estimates, Spread, Term, spread_of_levels, spread_of_points, total_spread
from jaxdl.decomposition.limits import reaches_of_strata
from jaxdl.decomposition.populations import DRAWN_LABELS, DRAWN_POINTS, FIXED_POINTS
from jaxdl.decomposition.record import Averages, PerPoint
from jaxdl.decomposition.reliability import reliability_note
from jaxdl.decomposition.result import Decomposition
from jaxdl.decomposition.strata import Strata
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Design
from jaxdl.kinds import as_count, check_flag
from jaxdl.statistics import t_interval

Array = np.ndarray
NOT_NEGATIVE = (
    "bias",
    "bias_squared",
    "bias_squared_plus_noise",
    "total_variance",
    "excess_risk",
    "main_prediction_uncertain",
    "test_set_variance",
)
STRATA = ("squares", "effective_points", "kurtosis", "dependence", "projected", "covariance")
LABEL_FREE = ("total_variance", "main_prediction_uncertain")


@runtime_checkable
class Described(Protocol):
    """What a result is told of the loss that was taken apart; a `LossDecomposition` tells it."""

    name: str

    def estimand(self, term: Term, design: Design) -> str:
        """What a term estimates, in a line."""

    def population(self, term: Term) -> str | None:
        """The population that a term always speaks of; None where the study decides."""

    def notes(self, design: Design) -> tuple[str, ...]:
        """What a reader of the numbers must know besides."""


class _Average(NamedTuple):
    """The terms of one setting, averaged over test points."""

    estimate: Float[Array, "terms times"]
    variance: Float[Array, "terms times"]
    degrees_of_freedom: Float[Array, "terms times"]
    low: Float[Array, "terms times"]
    high: Float[Array, "terms times"]


def assemble(
    estimates: Sequence[Estimates],
    loss: Described,
    design: Design,
    reference: Reference | None,
    *,
    axes: tuple[str, ...],
    random_points: bool | None,
    settings: Array | None = None,
    times: Sequence[int | float] | None = None,
    training_size: int | None = None,
    notes: Sequence[str] = (),
    diverged: tuple[Any, ...] = (),
) -> Decomposition:
    """One `Decomposition` from the estimates of each setting; the arrays keep those of the axes settings and times in `axes`.

    `notes` has one for each setting, "" where there is nothing to say.

    Raises:
        ValueError: for times that are not those of the predictions; numbers so large or small that their standard errors are no
            doubles.
    """
    check_options(random_points, training_size, times)
    num_times = estimates[0].per_point.shape[1]
    if times is not None and ("times" not in axes or len(times) != num_times):
        had = num_times if "times" in axes else "no axis of"
        msg = f"times: got {len(times)} times for predictions with {had} times, expected one for each position on the axis "
        msg += "'times'; name that axis in dims"
        raise ValueError(msg)
    if random_points is False and reference is not None and reference.labels_are_random:
        warnings.warn(
            "random_points: got False for a target of random labels; standard errors of what is compared with them include "
            "the sampling of test points and labels all the same, as `populations` says; those of variances do not",
            stacklevel=3,
        )
    whole = _averages(estimates, loss, reference, random_points, axes)
    terms = tuple(whole.estimates)
    classes = None if reference is None else reference.classes
    of_classes = {}
    if reference is not None and estimates[0].of_classes is not None:
        for label, points in reference.places_of_classes().items():
            parts = [_of_class(each, label) for each in estimates]
            of_classes[label] = _averages(parts, loss, reference.at(points), random_points, axes)
    if reference is not None and reference.noise is not None:
        estimates = [_with_noise(each, reference.noise) for each in estimates]
    notes = _with_reliability(notes, estimates, design)
    return Decomposition(
        loss=loss.name,
        design=design,
        estimands={term: loss.estimand(term, design) for term in terms},
        **whole._asdict(),
        populations={term: loss.population(term) or _population(term, reference, random_points) for term in terms},
        per_point=PerPoint(
            _by_term([each.per_point for each in estimates], terms, axes),
            _by_term([np.sqrt(each.per_point_variance) for each in estimates], terms, axes),
        ),
        strata=_strata_by_name(estimates, axes),
        axes=axes,
        settings=settings,
        times=None if times is None else as_numbers("times", times),
        training_size=training_size,
        study_notes=(
            *loss.notes(design),
            *_note_of_fixed(design),
            *(() if "settings" in axes else filter(None, notes)),
        ),
        setting_notes=tuple(notes) if "settings" in axes else (),
        diverged=diverged,
        classes=classes if of_classes else None,
        of_classes=of_classes,
    )


def _of_class(estimates: Estimates, label: int) -> Estimates:
    """Those at the points of one class, which are there once they are there for the first setting."""
    return (estimates.of_classes or {})[label]


def _averages(
    estimates: Sequence[Estimates],
    loss: Described,
    reference: Reference | None,
    random_points: bool | None,
    axes: tuple[str, ...],
) -> Averages:
    """The terms averaged over the points that `estimates` and `reference` are of, with errors and intervals."""
    if reference is not None and reference.noise is not None:
        estimates = [_with_noise(each, reference.noise) for each in estimates]
    terms = estimates[0].terms
    populations = [loss.population(term) or _population(term, reference, random_points) for term in terms]
    averages = [_average(each, populations, reference) for each in estimates]
    for each in averages:
        _check_range(each, np.array([term != "noise" for term in terms]))
    units = dict.fromkeys(unit for each in estimates for unit in each.replicates)
    return Averages(
        estimates=_by_term([each.estimate for each in averages], terms, axes),
        standard_errors=_by_term([np.sqrt(each.variance) for each in averages], terms, axes),
        degrees_of_freedom=_by_term([each.degrees_of_freedom for each in averages], terms, axes),
        lower_ends=_by_term([each.low for each in averages], terms, axes),
        upper_ends=_by_term([each.high for each in averages], terms, axes),
        replicates={
            unit: _by_term(_padded([each.replicates.get(unit) for each in estimates]), terms, axes, position=2)
            for unit in units
        },
    )


def _by_term(
    arrays: list[Array], terms: tuple[Term, ...], axes: tuple[str, ...], position: int = 1
) -> dict[Term, Array]:
    """Stack one array `(terms, [levels,] times, ...)` for each setting, drop absent axes, and name the terms."""
    stacked = np.stack(arrays, axis=position)
    stacked = stacked if "times" in axes else stacked.squeeze(position + 1)
    stacked = stacked if "settings" in axes else stacked.squeeze(position)
    return {term: stacked[index, ...] for index, term in enumerate(terms)}


def check_options(random_points: bool | None, training_size: int | None, times: Sequence[int | float] | None) -> None:
    """Refuse labels of a result that are no numbers, and a choice that is none."""
    if random_points is not None:
        check_flag("random_points", random_points)
    if training_size is not None:
        as_count("training_size", training_size)
    if times is not None:
        values = as_numbers("times", times)
        if values.ndim != 1 or values.dtype == bool:
            msg = f"times: got shape {values.shape} of {values.dtype}, expected one number for each position on the axis 'times'"
            raise ValueError(msg)
        check_finite("times", values)
        if len(np.unique(values)) < len(values):
            msg = f"times: got {values.tolist()!r:.80}, which name some positions alike, expected numbers that differ; pass the "
            msg += "step of each position, or leave times out"
            raise ValueError(msg)


def _check_range(average: "_Average", is_estimated: Bool[Array, " terms"]) -> None:
    """Refuse numbers whose squares are no doubles: infinite standard errors, or zero for one that is estimated and tiny."""
    with np.errstate(invalid="ignore"):
        size = np.abs(average.estimate)
        is_lost = is_estimated[:, None] & (average.variance == 0) & (size > 0) & (size < SMALLEST**2)
    if np.isinf(average.estimate).any() or np.isinf(average.variance).any() or is_lost.any():
        msg = f"predictions: got estimates of size {np.nanmin(size):.3g} to {np.nanmax(size):.3g}, whose standard errors are "
        msg += "beyond double precision, expected numbers nearer to one; rescale predictions and target"
        raise ValueError(msg)


def _with_reliability(notes: Sequence[str], estimates: Sequence[Estimates], design: Design) -> tuple[str, ...]:
    """The note of each setting, with what its strata say of its intervals."""
    found = [
        "" if each.strata is None else reliability_note(each.strata, design, each.per_point.shape[-1])
        for each in estimates
    ]
    given = notes or [""] * len(found)
    return tuple("; ".join(filter(None, both)) for both in zip(given, found, strict=True))


def _note_of_fixed(design: Design) -> tuple[str, ...]:
    if not design.fixed:
        return ()
    fixed = " and ".join(design.fixed)
    return (f"for the one {fixed} drawn: its own variance is not measured, and its interactions count with the others",)


def _population(term: Term, reference: Reference | None, random_points: bool | None) -> str:
    if reference is not None and reference.labels_are_random and _involves_labels(term):
        return DRAWN_LABELS
    return DRAWN_POINTS if random_points else FIXED_POINTS


def _involves_labels(term: Term) -> bool:
    """Variances and their parts are the predictions' own; all else compares them with labels."""
    return isinstance(term, str) and term not in LABEL_FREE and not term.startswith("share[")


def _average(estimates: Estimates, populations: list[str], reference: Reference | None) -> _Average:
    """Jackknife variances over runs, plus the spread over points where the population is wider than the points at hand.

    Degrees of freedom from the number of deletions of each unit.
    """
    per_point = estimates.per_point
    num_points = per_point.shape[-1]
    parts = [spread_of_levels(values) for values in estimates.replicates.values()]
    if not parts:  # too few levels; only what no run affects is known exactly
        affected = np.array([term != "noise" for term in estimates.terms])[:, None]
        parts = [Spread(np.where(affected, np.nan, np.zeros(per_point.shape[:2])), np.ones(()))]
    wide = np.array([population != FIXED_POINTS for population in populations])[:, None]
    of_points = np.zeros(per_point.shape[:2])
    if wide.any():
        spread = spread_of_points(per_point)
        of_points = np.where(wide, spread.variance, 0.0)
        parts.append(spread._replace(variance=of_points))
    variance, freedom = total_spread(parts)
    estimate = per_point.mean(axis=-1)
    low, high = map(np.array, t_interval(estimate, np.sqrt(variance), freedom))
    if estimates.strata is not None:
        described = [index for index, term in enumerate(estimates.terms) if term not in estimates.apart]
        terms, own = tuple(estimates.terms[index] for index in described), estimate[described]
        below, above = _reaches(terms, own, reference, estimates.strata)
        _, reach = t_interval(np.zeros(()), np.sqrt(of_points[described]), max(num_points - 1, 1))
        low[described], high[described] = own - np.hypot(below, reach), own + np.hypot(above, reach)
    least = np.array([0.0 if _cannot_be_negative(term, estimates) else -np.inf for term in estimates.terms])[:, None]
    return _Average(estimate, variance, freedom, np.maximum(low, least), np.maximum(high, least))


def _reaches(
    terms: tuple[Term, ...], estimate: Float[Array, "terms times"], reference: Reference | None, strata: Strata
) -> tuple[Float[Array, "terms times"], Float[Array, "terms times"]]:
    """How far below and above intervals reach over runs, of terms that are sums of mean squares; none of the noise."""
    shared_nothing = None if reference is None else estimate[0] - reference.bias_offset.mean()
    below, above = reaches_of_strata(
        strata, shared_nothing, with_components=any(isinstance(term, tuple) for term in terms)
    )
    if "noise" in terms:
        at = terms.index("noise")
        below, above = np.insert(below, at, 0.0, axis=0), np.insert(above, at, 0.0, axis=0)
    return below, above


def _cannot_be_negative(term: Term, estimates: Estimates) -> bool:
    """Whether what a term estimates is zero at least, in every loss or in those of squares."""
    is_of_squares = estimates.strata is not None and term not in estimates.apart
    if is_of_squares or isinstance(term, tuple) or term.startswith(("share[", "distribution_wise")):
        return True
    return term in NOT_NEGATIVE


def _with_noise(estimates: Estimates, noise: Float[Array, " points"]) -> Estimates:
    """Insert the noise, which no run affects, before the risk."""
    at = estimates.terms.index("risk")
    return Estimates(
        (*estimates.terms[:at], "noise", *estimates.terms[at:]),
        np.insert(estimates.per_point, at, noise, axis=0),
        np.insert(estimates.per_point_variance, at, 0.0, axis=0),
        {unit: np.insert(values, at, noise.mean(), axis=0) for unit, values in estimates.replicates.items()},
        estimates.strata,
        estimates.apart,
    )


def _strata_by_name(estimates: Sequence[Estimates], axes: tuple[str, ...]) -> dict[str, Array]:
    """What the strata of all settings say; nothing where a setting has none."""
    found = [each.strata for each in estimates if each.strata is not None]
    if len(found) < len(estimates):
        return {}
    arrays = {}
    for name in STRATA:
        rows = [getattr(each, name) for each in found]
        if all(row is not None for row in rows):
            stacked = np.stack(rows, axis=1)
            stacked = stacked if "times" in axes else stacked.squeeze(2)
            arrays[name] = stacked if "settings" in axes else stacked.squeeze(1)
    return arrays


def _padded(replicates: list[Array | None]) -> list[Array]:
    """Settings with too few levels for standard errors have nan replicates."""
    [shape] = {values.shape for values in replicates if values is not None}
    return [np.full(shape, np.nan) if values is None else values for values in replicates]

"""How many levels of each source would do: the design of least cost with which a term reaches a precision that was asked for."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdl.decomposition.derive import check_result
from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.forecast import is_described, standard_error_at, variance_over_points
from jaxdl.decomposition.named_terms import label_of
from jaxdl.decomposition.populations import FIXED_POINTS
from jaxdl.decomposition.record import Record
from jaxdl.designs import Design
from jaxdl.designs.layout import MOST_RUNS
from jaxdl.kinds import as_count, as_scalar

Array = np.ndarray
FEWEST = 3
"""Levels that a standard error needs."""
STEP, STEP_OF_MANY = 1.12, 1.5  # between the levels of all sources but one that are tried; with three sources or more
RUN = "run"
TO_FIRST_ORDER = (
    "to first order: the runs' part of the variance is taken for a multiple of one over the levels of each source, of which none "
    "gets fewer than it has"
)


@dataclass(frozen=True)
class Precision:
    """A standard error that a term is wanted with, in its own unit or as a part of its estimate; the larger where both are given.

    `floor` is the number of levels of each source that is never stopped below: a standard error from fewer is small by chance too
    often. A source of a single level stays at it.

    Where an error in the unit of the term is proportional to the term, as that of a variance is, a low estimate stops early. In 400
    normal studies or more the 95 % interval of a variance then held 94 % where 200 runs were needed, and 91 % where 50 were; with
    a floor of 24 it held 92 %.

    >>> Precision("risk", relative=0.05).floor
    16
    """

    term: Term
    standard_error: float | int | None = None
    relative: float | int | None = None
    floor: int = 16

    def __post_init__(self) -> None:
        """Refuse what is no precision."""
        if self.standard_error is None and self.relative is None:
            msg = "standard_error: got none and no relative, expected one of the two; for example standard_error=0.01"
            raise ValueError(msg)
        for name in ("standard_error", "relative"):
            if getattr(self, name) is not None:
                as_scalar(
                    name, getattr(self, name), expected="a positive number", allowed=lambda value: 0 < value < math.inf
                )
        as_count("floor", self.floor, low=FEWEST, remedy="standard errors of few levels are small by chance")

    def target(self, result: Record) -> Float[Array, "*axes"]:
        """The standard error that is asked for, at every setting and time.

        Raises:
            ValueError: a term that the result does not identify; a part of an estimate that is not positive.
        """
        estimate = np.asarray(result[result.term(self.term)], np.float64)
        least = np.zeros_like(estimate) if self.standard_error is None else np.full_like(estimate, self.standard_error)
        if self.relative is None:
            return least
        if self.standard_error is None and not (estimate != 0).all():
            msg = (
                f"relative: got {self.relative} of an estimate of zero, expected one that is not; give a standard_error"
            )
            raise ValueError(msg)
        return np.asarray(np.maximum(least, self.relative * np.abs(estimate)))


class Plan(NamedTuple):
    """What `plan` found; prints as a few lines.

    >>> from jaxdl import designs
    >>> wanted = np.array(0.1)
    >>> print(Plan("risk", designs.crossed(data=40), standard_error=wanted, wanted=wanted, cost=40.0, num_needed=24))
    40 data: 40 runs, 24 of them new, at a cost of 40
    standard error of risk: 0.1 forecast, 0.1 wanted
    """

    term: Term
    design: Design
    standard_error: Float[Array, "*axes"]
    """As a result of that design would state it, forecast."""
    wanted: Float[Array, "*axes"]
    cost: float
    num_needed: int
    """Runs of the design that the study does not have yet, where it grows from the one at hand."""
    notes: tuple[str, ...] = ()

    @property
    def levels(self) -> dict[str, int]:
        """Of each factor."""
        return dict(zip(self.design.factors, self.design.shape, strict=True))

    @property
    def num_runs(self) -> int:
        """Of the whole design."""
        return self.design.num_runs

    def __str__(self) -> str:
        levels = " x ".join(f"{count} {factor}" for factor, count in self.levels.items())
        error, wanted = float(np.max(self.standard_error)), float(np.max(self.wanted))
        lines = [
            f"{levels}: {self.num_runs} runs, {self.num_needed} of them new, at a cost of {self.cost:.6g}",
            f"standard error of {label_of(self.term)}: {error:.3g} forecast, {wanted:.3g} wanted",
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def plan(
    result: Record,
    term: Term,
    *,
    standard_error: float | int | None = None,
    relative: float | int | None = None,
    cost: Mapping[str, float | int] | None = None,
) -> Plan:
    """The levels of each source with which a term reaches a standard error at least cost, from a study that was run.

        cost = sum over sources of cost[source] · (its different levels) + cost["run"] · (runs)

    The forecast is that of mean squares at the levels at hand; it is as uncertain as they are, so start from a study of 16 levels
    or more. With settings or times the precision is reached at each of them. Sources of a single level keep it.

    Args:
        result: a decomposition; of a loss without mean squares the forecast holds to first order, and inner levels are kept.
        term: by its name, as the table prints it.
        standard_error: that is wanted.
        relative: instead, as a part of the estimate.
        cost: of a level of each source and of a run; by default runs alone cost, one each. Labelling data may cost more than a run.

    Raises:
        ValueError: a term that the result does not identify, with those that it does; a result without standard errors; a
            precision that no number of runs reaches, since test points alone contribute more; a run that costs nothing.

    >>> from jaxdl.decomposition import squared_error
    >>> rng = np.random.default_rng(0)
    >>> pilot = squared_error(rng.normal(size=(20, 1, 9)) + rng.normal(size=(1, 16, 9)), factors=("data", "init"))
    >>> found = plan(pilot, "variance[data]", standard_error=0.1)
    >>> found.levels["init"], bool(10 < found.levels["data"] < 80)    # 2 / (9 · 0.1²) = 22, of an estimate
    (3, True)
    """
    precision = Precision(term, standard_error, relative)
    return planned(result, precision, cost, [FEWEST] * len(result.design.shape), MOST_RUNS)


def planned(
    result: Record,
    precision: Precision,
    cost: Mapping[str, float | int] | None,
    least: Sequence[int],
    most: int,
    share: float = 1.0,
) -> Plan:
    """The plan for a share of the precision, with at least some levels of each factor, and at most some runs."""
    check_result("result", result)
    term, design = result.term(precision.term), result.design
    of_level, of_run = _costs(design, cost)
    if np.isnan(result.standard_errors[term]).any():
        msg = f"result: got no standard error of {label_of(term)} from {design.shape} levels, expected {FEWEST} of each source "
        msg += "or more; run these first"
        raise ValueError(msg)
    wanted = np.asarray(share * precision.target(result))
    _check_points(result, term, wanted)
    forecast = standard_error_at(result, term)
    notes = () if is_described(result, term) else (TO_FIRST_ORDER,)
    is_kept = [bool(notes) and design.is_nested and axis > 0 for axis in range(len(design.shape))]
    least = [max(pair) for pair in zip(least, design.shape, strict=True)] if notes else least

    def reaches(shape: Sequence[int]) -> bool:
        return bool((forecast(shape) <= wanted).all())

    def price(shape: Sequence[int]) -> float:
        return sum(
            each * count for each, count in zip(of_level, _different(design, shape), strict=True)
        ) + of_run * math.prod(shape)

    best = cheapest(tuple(least), is_kept, reaches, price, most)
    if best is None:
        msg = f"{_name(precision)}: got {float(np.min(wanted)):.3g} for {label_of(term)}, which no design of {most} runs reaches, "
        msg += f"expected a larger one; at present it is {float(np.max(result.standard_errors[term])):.3g}"
        raise ValueError(msg)
    at_hand = math.prod(min(pair) for pair in zip(best, design.shape, strict=True))
    grown = replace(design, shape=best)
    return Plan(term, grown, forecast(best), wanted, price(best), grown.num_runs - at_hand, notes)


def cheapest(
    least: tuple[int, ...],
    is_kept: Sequence[bool],
    reaches: Callable[[Sequence[int]], bool],
    price: Callable[[Sequence[int]], float],
    most: int,
) -> tuple[int, ...] | None:
    """For many levels of all factors but one, the fewest of that one that reach the precision; the cheapest of all.

    Each factor is that one in turn, so that the levels of none are rounded to a step throughout.
    """
    best: tuple[int, ...] | None = None
    step = STEP if len(least) - sum(is_kept) < 3 else STEP_OF_MANY
    steps_of = [_steps(count, most, step) for count in least]

    def is_beyond(shape: tuple[int, ...]) -> bool:
        return math.prod(shape) > most or (best is not None and price(shape) > price(best))

    def walk(axis: int, position: int, chosen: tuple[int, ...]) -> None:
        nonlocal best
        if position == len(least):
            found = _fewest(axis, chosen, reaches, most)
            if found is not None and (
                best is None or (price(found), math.prod(found)) < (price(best), math.prod(best))
            ):
                best = found
            return
        for count in [least[position]] if position == axis or is_kept[position] else steps_of[position]:
            if is_beyond((*chosen, count, *least[position + 1 :])):
                break
            walk(axis, position + 1, (*chosen, count))

    for axis, kept in enumerate(is_kept):
        if not kept:
            walk(axis, 0, ())
    return best


def _fewest(
    axis: int, shape: tuple[int, ...], reaches: Callable[[Sequence[int]], bool], most: int
) -> tuple[int, ...] | None:
    """The fewest levels of one factor, given those of the others; more levels are taken never to hurt."""

    def at(count: int) -> tuple[int, ...]:
        return (*shape[:axis], count, *shape[axis + 1 :])

    low, limit = shape[axis], most * shape[axis] // math.prod(shape)
    if limit < low or not reaches(at(limit)):
        return None
    high = limit
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if reaches(at(middle)) else (middle + 1, high)
    return at(low)


def _steps(least: int, most: int, step: float) -> list[int]:
    steps = [least]
    while steps[-1] < min(most, 2**20):
        steps.append(max(steps[-1] + 1, round(steps[-1] * step)))
    return steps


def _different(design: Design, shape: Sequence[int]) -> list[int]:
    """Levels of each source that differ: of a nested one those inside every level of the sources before it."""
    return [math.prod(shape[axis] for axis in path) for path in design.paths]


def _costs(design: Design, cost: Mapping[str, float | int] | None) -> tuple[list[float], float]:
    if cost is not None and not isinstance(cost, Mapping):
        msg = f"cost: got {cost!r:.60}, expected a number for a run and for levels of sources; cost={{'run': 1}}"
        raise ValueError(msg)
    given: dict[str, Any] = {RUN: 1.0} if cost is None else dict(cost)
    known = (*design.sources, RUN)
    unknown = [name for name in given if name not in known]
    if unknown:
        msg = (
            f"cost: got one of {unknown[0]!r}, expected those of {', '.join(map(repr, known))}; name a source, or a run"
        )
        raise ValueError(msg)
    expected = "a number that is not negative"
    checked = {
        name: as_scalar(f"cost[{name!r}]", value, expected=expected, allowed=lambda number: 0 <= number < math.inf)
        for name, value in given.items()
    }
    if not checked.get(RUN, 0.0) > 0:
        msg = f"cost: got {dict(given)!r:.80}, in which a run is free, expected cost['run'] above zero; without it no design is "
        msg += "the cheapest. Say what a run costs beside a level of a source"
        raise ValueError(msg)
    return [checked.get(source, 0.0) for source in design.sources], checked[RUN]


def _check_points(result: Record, term: Term, wanted: Float[Array, "*axes"]) -> None:
    """Refuse a precision that the test points at hand keep from being reached, however many runs there are."""
    if result.populations[term] == FIXED_POINTS:
        return
    lasting, _ = variance_over_points(result, term)
    share = np.max(lasting / wanted**2)
    if share >= 1:
        num_points = result.per_point.estimates[term].shape[-1]
        msg = f"standard_error: got {float(np.min(wanted)):.3g} for {label_of(term)}, of which {num_points} test points alone "
        msg += f"contribute {float(np.sqrt(np.max(lasting))):.3g}, whatever the runs, expected a larger one; add test points, "
        msg += f"{math.ceil(num_points * share)} or more, or compare procedures on the same points"
        raise ValueError(msg)


def _name(precision: Precision) -> str:
    return "relative" if precision.standard_error is None else "standard_error"

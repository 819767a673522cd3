"""A study that grows by the law of its design until a term is as precise as was asked for."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from jaxtyping import Float
from scipy import special

from jaxdl.decomposition.forecast import variance_at_hand
from jaxdl.decomposition.named_terms import label_of
from jaxdl.decomposition.planning import Precision, planned
from jaxdl.decomposition.result import Decomposition
from jaxdl.designs import Design
from jaxdl.designs.layout import MOST_RUNS
from jaxdl.kinds import as_count

Results = Decomposition | Mapping[str, Decomposition]
MOST_GROWTH = 2.0
"""Times the runs at hand that one step goes to: a plan from few levels is as uncertain as they are."""
LEAST_GROWTH = 1.1
TAIL = 0.975


class PrecisionNotReachedError(RuntimeError):
    """The precision is not reached, or the results lack the term; `result` is what was measured, and nothing is lost.

    >>> from jaxdl import designs
    >>> from jaxdl.decomposition import squared_error
    >>> draws = np.random.default_rng(0).normal(size=(64, 5))
    >>> def measure(design):
    ...     return squared_error(draws[: design.shape[0]], factors=("data",))
    >>> try:
    ...     grow(measure, designs.crossed(data=16), Precision("total_variance", relative=1e-3), at_most=64)
    ... except PrecisionNotReachedError as error:
    ...     print(error.result.design.num_runs)
    64
    """

    def __init__(self, message: str, result: Results):
        super().__init__(message)
        self.result = result


def start_of(design: Design, until: Precision, at_most: int | None) -> Design:
    """The first design of a study that grows: what was given, with the floor of levels of each source that varies.

    Raises:
        ValueError: what is no precision, no limit, a limit below the first design.
    """
    if not isinstance(until, Precision):
        msg = f"until: got {until!r:.60}, expected a precision; decomposition.Precision('risk', relative=0.05)"
        raise ValueError(msg)
    if at_most is None:
        msg = "at_most: got none, expected the most runs that the study may take; for example at_most=10_000"
        raise ValueError(msg)
    shape = tuple(max(count, until.floor) if count > 1 else 1 for count in design.shape)
    first = replace(design, shape=shape)
    remedy = f"{dict(zip(design.factors, shape, strict=True))} are the fewest levels, by the floor of {until.floor}"
    as_count("at_most", at_most, low=first.num_runs, high=MOST_RUNS, remedy=remedy)
    return first


def grow(measure: Callable[[Design], Results], design: Design, until: Precision, at_most: int | None) -> Results:
    """Measure a design, and larger ones that contain it, until every result states a standard error as small as was asked for.

    A standard error from d degrees of freedom is compared with what was asked for times 1.96/t_d, so that the half width of a
    t interval is what the normal one of that standard error would be: one that is small by chance then stops it less often. So
    does the error by the mean squares, which has to be as small.

    Each step goes to the cheapest design that the plan finds with at least the levels at hand, and to twice the runs at most. The
    first steps are small, since their plans are rough. The last step is small too, so that few runs are in excess.

    Args:
        measure: the result of a design, or several by name; runs of a smaller design are part of those of a larger one.
        design: the first, whose levels are raised to the floor.
        until: the precision.
        at_most: the most runs.

    Raises:
        ValueError: at the door, as `start_of` does.
        PrecisionNotReachedError: a term that the results do not have; a precision that the test points alone keep from being
            reached, or that takes more runs than `at_most`. It has the result of all runs so far.

    Source: Chow & Robbins (1965), On the asymptotic theory of fixed-width sequential confidence intervals for the mean.

    >>> from jaxdl import designs
    >>> from jaxdl.decomposition import squared_error
    >>> draws = np.random.default_rng(0).normal(size=(4096, 5))
    >>> def measure(design):
    ...     return squared_error(draws[: design.shape[0]], factors=("data",))
    >>> found = grow(measure, designs.crossed(data=16), Precision("total_variance", relative=0.1), at_most=4096)
    >>> bool(found.standard_errors["total_variance"] <= 0.1 * found.total_variance)
    True
    """
    design = start_of(design, until, at_most)
    most = MOST_RUNS if at_most is None else at_most
    while True:
        found = measure(design)
        results = list(found.values()) if isinstance(found, Mapping) else [found]
        try:
            wanted = [until.target(result) for result in results]
            stated = [_stated(result, until) for result in results]
        except ValueError as error:
            raise PrecisionNotReachedError(str(error), found) from error
        short = [index for index, error in enumerate(stated) if not (error <= wanted[index]).all()]
        if not short:
            return found
        try:
            plans = [_next_shape(results[index], design, until) for index in short]
        except ValueError as error:
            raise PrecisionNotReachedError(str(error), found) from error
        shape = tuple(max(counts) for counts in zip(*plans, strict=True))
        grown = _within(design, replace(design, shape=shape), min(most, max(most_of_step(design), design.num_runs + 1)))
        if grown.shape == design.shape:
            index = short[0]
            msg = f"at_most: got {most} runs, in which the standard error of {label_of(results[index].term(until.term))} is "
            msg += f"{float(stated[index].max()):.3g}, expected {float(wanted[index].min()):.3g}; about {math.prod(shape)} runs "
            msg += "would reach it. The error's `result` has what was measured; with a store, the same call with more runs goes on"
            raise PrecisionNotReachedError(msg, found)
        design = grown


def _stated(result: Decomposition, until: Precision) -> Float[np.ndarray, "*axes"]:
    """The standard error that makes a normal interval as wide as the t interval; or that of the mean squares, if it is larger."""
    term = result.term(until.term)
    freedom = result.degrees_of_freedom[term]
    stated = result.standard_errors[term] * special.stdtrit(freedom, TAIL) / special.ndtri(TAIL)
    return np.asarray(np.maximum(stated, np.sqrt(variance_at_hand(result, term))))


def most_of_step(design: Design) -> int:
    """Runs of the largest next design."""
    return math.ceil(MOST_GROWTH * design.num_runs)


def _next_shape(result: Decomposition, design: Design, until: Precision) -> tuple[int, ...]:
    """The levels that the plan finds; some more of all of them where it holds that those at hand would do."""
    moving = [axis for axis, count in enumerate(design.shape) if count > 1]
    widened = np.max(_stated(result, until) / result.standard_errors[result.term(until.term)])
    least = [design.shape[axis] for axis in moving]
    plan = planned(result, until, None, least, MOST_RUNS, share=1 / float(widened))
    shape = list(design.shape)
    for axis, count in zip(moving, plan.design.shape, strict=True):
        shape[axis] = count
    if tuple(shape) == design.shape:
        return tuple(math.ceil(LEAST_GROWTH * count) if count > 1 else 1 for count in shape)
    return tuple(shape)


def _within(design: Design, larger: Design, most: int) -> Design:
    """The larger design, or as much of the way there, along each factor alike, as some runs allow."""
    if larger.num_runs <= most:
        return larger
    low, high, best = 0.0, 1.0, design
    for _ in range(40):
        share = (low + high) / 2
        shape = tuple(
            round(start * (end / start) ** share) for start, end in zip(design.shape, larger.shape, strict=True)
        )
        between = replace(design, shape=shape)
        if between.num_runs <= most:
            low, best = share, between
        else:
            high = share
    return best

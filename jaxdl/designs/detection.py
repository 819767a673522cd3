"""What a design can show before any run: the difference of two procedures that it detects, and how surely."""

import math
from collections.abc import Mapping, Sequence

from jaxdl.designs.layout import NUM_GROUPS, Component, Design, check_design
from jaxdl.kinds import as_scalar
from jaxdl.statistics.power import detected_by_t, power_of_t

Variances = Mapping[str | Component, float | int]


def detectable(
    design: Design,
    variances: Variances,
    *,
    correlation: float | int | Variances = 0.0,
    power: float = 0.8,
    level: float = 0.95,
) -> float:
    """The smallest difference of two procedures' means that this design shows, with a probability `power`, before any run.

    Shown means that the interval of `decomposition.compare`, or of the mean of the differences by `decomposition.metric`, leaves
    out zero. The variance of the mean difference is

        sum over components u of 2 (1 - correlation_u) V_u / (levels of the factors in u),

    it is estimated by deleting levels of each factor, and effects are taken for normal. Test points are those at hand.

    Args:
        design: of each procedure's runs; both have the same levels.
        variances: of the metric of a run by component, from an earlier study or a guess: `{"data": 1e-4, ("data", "init"): 2e-4}`.
            Those that are not named are zero.
        correlation: of the two procedures' effects of one level, a number or one for each component. Zero where they share nothing.
        power: the probability of showing it.
        level: of the interval.

    Raises:
        ValueError: components that the design does not have, fewer than two levels of a factor, nothing that varies.

    Five seeds of each procedure, of a standard deviation of 0.3 points, show a difference of 0.71 points, fifty one of 0.17:

    >>> from jaxdl.designs import crossed
    >>> for num_seeds in (5, 50):
    ...     print(round(detectable(crossed(seed=num_seeds), {"seed": 0.3**2}), 2))
    0.71
    0.17
    """
    _check_probability("level", level)
    as_scalar(
        "power", power, expected=f"a probability above {1 - level:.3g}, with which a difference of zero is seen, and below 1",
        allowed=lambda number: 1 - level < number < 1,
    )  # fmt: skip
    variance, parts = _of_difference(design, variances, correlation)
    return detected_by_t(power, variance, parts, level=level)


def power(
    design: Design,
    variances: Variances,
    *,
    difference: float | int,
    correlation: float | int | Variances = 0.0,
    level: float = 0.95,
) -> float:
    """The probability that the design shows a difference of two procedures' means; see `detectable`.

    >>> from jaxdl.designs import crossed
    >>> round(power(crossed(seed=5), {"seed": 0.3**2}, difference=0.5), 2)
    0.52
    """
    _check_probability("level", level)
    distance = as_scalar("difference", difference, expected="a finite number", allowed=math.isfinite)
    variance, parts = _of_difference(design, variances, correlation)
    return power_of_t(distance, variance, parts, level=level)


def _of_difference(
    design: Design, variances: Variances, correlation: float | int | Variances
) -> tuple[float, list[tuple[float, float]]]:
    """The variance of the mean difference, and of its estimate the expectation and degrees of freedom by factor."""
    check_design(design)
    known = design.components or (design.factors,)
    if min(design.shape) < 2:
        msg = f"design: got the levels {dict(zip(design.factors, design.shape, strict=True))}, expected 2 or more of each; one "
        msg += "tells nothing of its variance"
        raise ValueError(msg)
    own = _by_component("variances", variances, known, high=math.inf)
    shared = _by_component("correlation", correlation, known, high=1.0)
    of_component = {}
    for component in known:
        axes = [design.factors.index(factor) for factor in component]
        axes = list(range(axes[0] + 1)) if design.is_nested else axes
        size = math.prod(design.shape[axis] for axis in axes)
        of_component[component] = 2 * (1 - shared[component]) * own[component] / size
    total = sum(of_component.values())
    if not total > 0:
        msg = f"variances: got {dict(variances)!r:.80} with a correlation of {correlation!r:.40}, expected what "
        msg += "varies; else any difference is seen in two runs"
        raise ValueError(msg)
    if not design.is_crossed:
        return total, [(total, min(design.shape[0], NUM_GROUPS) - 1.0)]
    parts = [
        (sum(value for component, value in of_component.items() if factor in component), count - 1.0)
        for factor, count in zip(design.factors, design.shape, strict=True)
    ]
    return total, [part for part in parts if part[0] > 0]


def _by_component(
    name: str, values: float | int | Variances, known: Sequence[Component], *, high: float
) -> dict[Component, float]:
    """A number of each component; a single factor needs no tuple, and a number alone is one of all."""
    given = dict(values) if isinstance(values, Mapping) else dict.fromkeys(known, values)
    if name == "variances" and not isinstance(values, Mapping):
        msg = f"variances: got {values!r:.60}, expected one for each component, such as {{{known[0]!r}: 0.01}}; name its source"
        raise ValueError(msg)
    wrong = [key for key in given if not isinstance(key, str | tuple)]
    if wrong:
        msg = f"{name}: got a component {wrong[0]!r:.60}, expected names of factors; one of {list(known)}"
        raise ValueError(msg)
    by_factors = {frozenset(component): component for component in known}
    named = [((key,) if isinstance(key, str) else key, value) for key, value in given.items()]
    found = {by_factors.get(frozenset(key), key): value for key, value in named}
    unknown = [key for key in found if key not in known]
    if unknown:
        msg = f"{name}: got one of {unknown[0]}, expected those of {list(known)}, which this design has; name these"
        raise ValueError(msg)
    expected = f"a number from 0 to {high}" if high < math.inf else "a number that is not negative"
    checked = {
        key: as_scalar(
            f"{name}[{key}]", value, expected=expected, allowed=lambda number: 0 <= number <= high and number < math.inf
        )
        for key, value in found.items()
    }
    return {component: checked.get(component, 0.0) for component in known}


def _check_probability(name: str, value: float) -> None:
    as_scalar(name, value, expected="a probability between 0 and 1", allowed=lambda number: 0 < number < 1)

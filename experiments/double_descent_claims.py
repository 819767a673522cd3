"""Claims DD1 to DD3: double descent and its sources, judged by the results of `double_descent`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from experiments.double_descent_results import (
    DATA,
    LABEL_NOISE,
    LINEAR_PARTS,
    RISK,
    WITH_INIT,
    Measured,
    at,
    measured,
    scores,
)

if TYPE_CHECKING:
    from experiments.double_descent import Config
    from jaxdl.statistics import Claim


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    return _agreement(config, results), _peak(config, results), _sources(config, results)


def _agreement(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """DD1."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, judge

    found = np.concatenate([scores(config, results, terms) for terms in (*LINEAR_PARTS.values(), LABEL_NOISE, RISK)])
    found = found[np.isfinite(found)]
    share = float(np.mean(np.abs(found) <= 3))
    return Claim(
        number="DD1",
        statement="Least squares on p of D Gaussian features has the exact bias², variance by source and risk at every p.",
        source="Belkin, Hsu & Xu (2020), Theorem 1, for the risk; the split by source is jaxdl's",
        estimate=share,
        interval=Interval(np.nan, np.nan),
        criterion=f"At least {100 * config.agreement:g} % of the terms with |p - n| >= {config.gap} lie within 3 standard errors of the exact "
        "ones. Terms share random numbers, so their count has no interval.",
        verdict=judge(Interval(share, share), inside=(config.agreement, 1.0)),
        reading=f"{100 * share:.1f} % of {len(found)} terms do; the largest |z| is {np.abs(found).max():.1f}, and the root mean square "
        f"{np.sqrt(np.mean(found**2)):.2f}.",
        theory=0.9973,
        theory_note="for normal errors",
    )


def _peak(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """DD2."""
    from jaxdl.statistics import Claim, judge, judge_all

    n, gap = config.num_examples, config.gap
    falls, told = [], []
    for study, sizes in (("linear", config.linear_sizes), ("minimum norm", config.feature_sizes)):
        for near, far in ((n - gap, n // 2), (n + gap, sizes[-1])):
            high, low = at(sizes, near), at(sizes, far)
            falls.append(measured(results, study, RISK, _difference(high, low)))
            risks = [measured(results, study, RISK, of).estimate for of in (high, low)]
            told.append(f"{study}, {risks[0]:.3g} at p = {near} and {risks[1]:.3g} at {far}")
    least = min(falls, key=lambda fall: fall.interval.low)
    return Claim(
        number="DD2",
        statement="The risk peaks where parameters meet examples, and falls again beyond.",
        source="Belkin, Hsu, Ma & Mandal (2019); Belkin, Hsu & Xu (2020)",
        estimate=least.estimate,
        interval=least.interval,
        criterion=f"Of minimum norm, the linear model and random features alike: the risk at n - {gap} exceeds that at n/2, and the risk at "
        f"n + {gap} that at the largest p. Each paired difference has its 95 % interval above zero; the lowest is shown.",
        verdict=judge_all([judge(fall.interval, inside=(0.0, float("inf"))) for fall in falls]),
        reading=f"Risks: {'; '.join(told)}.",
        theory_note="in the linear model the risk is infinite for n - 1 <= p <= n + 1",
    )


def _sources(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """DD3."""
    from jaxdl.statistics import Claim, judge, judge_all

    sizes, middle = config.feature_sizes, 2 * config.num_examples
    start, end = at(sizes, middle), at(sizes, sizes[-1])
    last = [measured(results, "minimum norm", terms, end) for terms in (WITH_INIT, DATA)]
    ratios = [
        measured(results, "minimum norm", terms, lambda values: end(values) / start(values))
        for terms in (WITH_INIT, DATA)
    ]
    limit = measured(results, "kernel", DATA, lambda values: values[..., 0])
    return Claim(
        number="DD3",
        statement="As random features grow in number, the variance that involves their initialisation vanishes; that of the data stays.",
        source="d'Ascoli et al. (2020); Adlam & Pennington (2020)",
        estimate=ratios[0].estimate,
        interval=ratios[0].interval,
        criterion=f"Of minimum norm, from p = {middle} to {sizes[-1]}: V_init with its interactions falls below a half (the ratio is shown), and V_data "
        "stays above a half, by the 95 % intervals of both ratios.",
        verdict=judge_all(
            [judge(ratios[0].interval, inside=(0.0, 0.5)), judge(ratios[1].interval, inside=(0.5, float("inf")))]
        ),
        reading=f"With initialisation {ratios[0].estimate:.2f} of it is left, {_told(last[0])}. Of the data, {ratios[1].estimate:.2f}: "
        f"{_told(last[1])}, beside {_told(limit)} in the kernel limit.",
        theory=0.0,
        theory_note="at p = infinity; there is no closed form for finite p",
    )


def _difference(first: Callable[[Any], Any], second: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda values: first(values) - second(values)


def _told(value: Measured) -> str:
    return f"{value.estimate:.4f} ± {value.standard_error:.4f}"

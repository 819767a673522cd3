"""Claims TT1 to TT5: what training time does to bias, variance and their sources, judged by the results of `training_time`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.training_time_results import (
    BIAS,
    CONTROL_STEPS,
    RISK,
    SIZES,
    VARIANCE,
    WITH_LABELS,
    best,
    control_scores,
    log_times,
    measured,
)

if TYPE_CHECKING:
    from experiments.training_time import Config
    from jaxdl.statistics import Claim


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    return tuple(judged(config, results) for judged in (_control, _variance, _stopping, _bias, _ensembles))


def _control(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """TT1."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, judge

    found = control_scores(results)
    largest = float(found.max())
    term, time = np.unravel_index(found.argmax(), found.shape)
    steps = log_times(CONTROL_STEPS, config.control_times)[time]
    return Claim(
        number="TT1",
        statement="Gradient descent on a linear model has the exact bias², variance by source and risk at every stopping time.",
        source="Ali, Kolter & Tibshirani (2019), for the spectral filter; the split by source is jaxdl's",
        estimate=largest,
        interval=Interval(np.nan, np.nan),
        criterion=f"At {config.control_times} times of one run, every term lies within 4 standard errors of the exact one. Times and terms share "
        "random numbers, so their largest distance has no interval.",
        verdict=judge(Interval(largest, largest), inside=(0.0, 4.0)),
        reading=f"The largest of {found.size} distances is {largest:.1f} standard errors, of {results['control.terms'][term]} after {steps} steps.",
        theory_note="closed form: the filter 1 - (1 - learning rate x s²/n)^t of each singular value s",
    )


def _variance(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """TT2."""
    import numpy as np

    from jaxdl.statistics import Claim, judge, judge_all

    times = np.array(log_times(config.num_steps, config.num_times))
    tenth = int(np.abs(times - config.num_steps / 10).argmin())

    def rise(values):
        return values[..., -1] - values[..., tenth]

    total, of_labels = (measured(results, terms, rise) for terms in (VARIANCE, WITH_LABELS))
    values = measured(results, VARIANCE).estimate
    return Claim(
        number="TT2",
        statement="Under label noise the variance rises with training time, because wrong labels are learned.",
        source="Nakkiran et al. (2020); lecture notes on early stopping",
        estimate=total.estimate,
        interval=total.interval,
        criterion=f"From a tenth of the training ({times[tenth]} steps) to its end, the variance rises, and so does the part of it that involves "
        "wrong labels (95 % intervals of the differences; that of the total is shown).",
        verdict=judge_all([judge(each.interval, inside=(0.0, float("inf"))) for each in (total, of_labels)]),
        reading=f"The variance rises from {values[tenth]:.3f} to {values[-1]:.3f}; wrong labels, alone and with other sources, are "
        f"{100 * of_labels.estimate / total.estimate:.0f} % of the rise. Before, it falls from {values[0]:.3f} at the start to a lowest "
        f"{values.min():.3f} after {times[values.argmin()]} steps.",
        theory_note="in the linear model of TT1 the variance of label noise rises at every step",
    )


def _stopping(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """TT3."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict

    times = log_times(config.num_steps, config.num_times)
    level = 1 - 0.05 / (len(times) - 1)
    excess = measured(results, RISK, lambda values: values[..., -1:] - values[..., :-1], level=level)
    lows, highs = np.asarray(excess.interval.low), np.asarray(excess.interval.high)
    surest = int(lows.argmax())
    verdict = Verdict.INCONCLUSIVE
    if lows[surest] > 0:
        verdict = Verdict.SUPPORTED
    elif highs.max() < 0:
        verdict = Verdict.REFUTED
    risks = measured(results, RISK).estimate
    at = best(results)
    return Claim(
        number="TT3",
        statement="Under label noise the best time to stop lies before the end of training.",
        source="Prechelt (1998); Yao, Rosasco & Caponnetto (2007)",
        estimate=float(excess.estimate[surest]),
        interval=_interval(lows[surest], highs[surest]),
        criterion="The risk at the end exceeds that at some earlier time (95 % intervals of the differences, Bonferroni over times; the "
        "surest is shown). Refuted when it lies below that at every earlier time.",
        verdict=verdict,
        reading=f"The risk is lowest after {times[at]} of {times[-1]} steps, {risks[at]:.3f} against {risks[-1]:.3f} at the end.",
        theory_note="bias² falls and variance rises, so that their sum has its minimum inside unless one of them hardly moves",
    )


def _bias(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """TT4."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict

    times = log_times(config.num_steps, config.num_times)
    level = 1 - 0.05 / (2 * (len(times) - 1))
    ratios = (lambda values: values[..., 1:] / values[..., :-1], lambda values: values[..., -1:] / values[..., :-1])
    found = [measured(results, BIAS, ratio, level=level) for ratio in ratios]
    lows, highs = (np.concatenate([np.asarray(each.interval[end]) for each in found]) for end in (0, 1))
    changes = np.concatenate([each.estimate for each in found])
    values = measured(results, BIAS).estimate
    worst = int(highs.argmax())
    verdict = Verdict.INCONCLUSIVE
    if lows.max() > 1:
        verdict = Verdict.REFUTED
    elif highs[worst] <= 1 + config.largest_rise:
        verdict = Verdict.SUPPORTED
    return Claim(
        number="TT4",
        statement="Bias² falls monotonically with training time.",
        source="lecture notes on early stopping; Ali, Kolter & Tibshirani (2019) for linear models",
        estimate=float(changes[worst]),
        interval=_interval(lows[worst], highs[worst]),
        criterion=f"From each time to the next, and from each to the end, bias² rises by no more than {100 * config.largest_rise:g} % "
        "(95 % intervals of the ratios, Bonferroni; the one that reaches highest is shown). Refuted when one of them lies above one.",
        verdict=verdict,
        reading=f"Bias² falls from {values[0]:.3f} to {values[-1]:.4f}; {int((changes > 1).sum())} of {len(changes)} ratios are above one, "
        f"and the largest is {changes.max():.3f}.",
        theory_note="in the linear model of TT1 it falls at every step",
    )


def _ensembles(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """TT5."""
    import numpy as np

    from jaxdl.statistics import Claim, judge, judge_all, t_interval

    (foretold, foretold_error), (built, built_error) = (
        results[f"ensembles.{name}"][:2] for name in ("forecast", "built")
    )
    ratio = foretold / built
    of_foretold, of_built = (ratio * foretold_error / foretold) ** 2, (ratio * built_error / built) ** 2
    error = np.sqrt(of_foretold + of_built)
    # Satterthwaite (1946), with the least that the forecast can have.
    least = of_foretold**2 / (min(config.levels) - 1) + of_built**2 / (config.num_ensembles - 1)
    freedom = error**4 / least
    intervals = t_interval(ratio, error, freedom, level=1 - 0.05 / len(SIZES))
    rows = [_interval(low, high) for low, high in zip(*map(np.asarray, intervals), strict=True)]
    worst = int(np.abs(ratio - 1).argmax())
    told = ", ".join(f"{a:.3f} and {b:.3f} of {size}" for size, a, b in zip(SIZES, foretold, built, strict=True))
    return Claim(
        number="TT5",
        statement="The components of variance foretell that of ensembles over initialisations: V_D + (V_S + V_DS)/B for B members.",
        source="jaxdl; the two-way analysis of variance (Fisher, 1925)",
        estimate=float(ratio[worst]),
        interval=rows[worst],
        criterion=f"For B = {', '.join(map(str, SIZES))} the foretold variance, divided by that of ensembles built on fresh training data, lies "
        f"within {100 * config.agreement:g} % of one (95 % intervals, Bonferroni; the ratio farthest from one is shown).",
        verdict=judge_all([judge(row, inside=(1 - config.agreement, 1 + config.agreement)) for row in rows]),
        reading=f"Variance foretold and built: {told} members.",
        theory=1.0,
        theory_note="an identity of the population",
    )


def _interval(low: Any, high: Any) -> Any:
    from jaxdl.statistics import Interval

    return Interval(float(low), float(high))

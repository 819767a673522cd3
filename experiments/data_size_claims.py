"""Claims K008 to K012: what more training data change, judged by the results of `data_size`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.data_size_results import (
    ARMS,
    BIAS,
    CAUSES,
    CONTROLS,
    RECIPES,
    RISK,
    VARIANCE,
    along,
    best_remedies,
    covered,
    curve_learners,
    curve_sizes,
    detected,
    lag_errors,
    learners,
    logarithm,
    measured,
    pseudo_values,
    slope,
)

if TYPE_CHECKING:
    from experiments.data_size import Config
    from jaxdl.statistics import Claim, Interval, Verdict


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    return tuple(judged(config, results) for judged in (_bias, _gain, _extrapolation, _recipe, _lags))


def _bias(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K008."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, equivalence_test, judge, judge_all, t_interval

    sixteen = config.sizes.index(16 * config.sizes[0])
    margin = float(np.log1p(config.bias_margin))

    def change(values: Any) -> Any:
        return logarithm(values[..., sixteen]) - logarithm(values[..., 0])

    where = learners(config)
    steady = {name: place for name, place in where.items() if name not in CONTROLS}
    slopes = {name: along(results, place, VARIANCE, slope(config)) for name, place in where.items()}
    parts = [judge(_interval(*slopes[name].interval), inside=config.slope_range) for name in steady]
    changes = {name: along(results, place, BIAS, change) for name, place in steady.items()}
    shown = next(iter(steady))
    pseudo = pseudo_values(results, steady[shown], BIAS, change)
    p_value = equivalence_test(pseudo, margin=margin)
    # The interval of 90 % lies inside the margin exactly when both one-sided tests reject at 5 %.
    low, high = t_interval(pseudo.mean(), pseudo.std(ddof=1) / len(pseudo) ** 0.5, len(pseudo) - 1, level=0.9)
    least_squares = judge_all([*parts, judge(_interval(low, high), inside=(-margin, margin))])

    # Bias² that vanishes has no logarithm: what counts is then that it fell.
    falls = {
        name: along(results, place, BIAS, lambda v: v[..., -1] - (1 - config.bias_margin) * v[..., 0])
        for name, place in where.items()
        if name in CONTROLS
    }
    level = 1 - 0.05 / len(CONTROLS)
    changed = [name for name, each in falls.items() if _highest(each, level) < 0]
    kept = [name for name in CONTROLS if slopes[name].interval[0] > config.slope_range[1]]
    verdict, condition = least_squares, ""
    if least_squares == Verdict.SUPPORTED and changed:
        verdict = Verdict.RESTRICTED
        condition = "The class of functions, and what the learner minimises over it, does not depend on n, which is many times the number of parameters: least squares without a penalty here."
    ends = {name: along(results, place, BIAS).estimate[[0, -1]] for name, place in where.items()}
    told = ", ".join(f"{name} {first:.4f} to {last:.4f}" for name, (first, last) in ends.items())
    slope_told = ", ".join(f"{name} {each.estimate:.2f}" for name, each in slopes.items())
    return Claim(
        number="K008",
        statement="More data lower the variance and not the bias.",
        source="S0 and S4, on bias and variance",
        estimate=float(slopes[shown].estimate),
        interval=_interval(*slopes[shown].interval),
        criterion=f"For least squares of degrees {config.degrees[0]} and {config.degrees[1]}, the slope of log variance against log n (n = {config.sizes[0]} to {config.sizes[-1]}; shown for {shown}) lies within "
        f"{config.slope_range[0]:g} and {config.slope_range[1]:g} (jackknife 95 % interval), and bias² of the former, of which there is much, changes by less than {100 * config.bias_margin:g} % from n = {config.sizes[0]} to {config.sizes[sixteen]} (two one-sided tests at 5 %). "
        f"Restricted when besides bias² falls by more than {100 * config.bias_margin:g} % over all n for another learner (95 % intervals, Bonferroni).",
        verdict=verdict,
        reading=f"Bias² over all n: {told}. From n = {config.sizes[0]} to {config.sizes[sixteen]} it changes by "
        + ", ".join(
            f"{100 * np.expm1(each.estimate):+.1f} % ({_percent(each.interval)}) for {name}"
            for name, each in changes.items()
        )
        + f"; equivalence for {shown}: p = {p_value:.2g}. Slopes of log variance: {slope_told}. "
        f"Bias falls for: {', '.join(changed) or 'no other learner'}. Variance falls more slowly than claimed for: {', '.join(kept) or 'no other learner'}.",
        theory=-1.0,
        theory_note="variance σ²p/n to first order; a ridge of fixed strength λ shrinks by λ/(λ + n), k neighbours keep a variance σ²/k",
        condition=condition,
    )


def _gain(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K009."""
    from jaxdl.statistics import Claim, judge

    def ratio(values: Any) -> Any:
        return (values[..., 0] - values[..., 1]) / (values[..., 0] - values[..., 2])

    found = measured(results, "remedies", RISK, ratio)
    control = measured(results, "remedies", RISK, lambda v: (v[..., 3] - v[..., 4]) - (v[..., 3] - v[..., 5]))
    bias, variance, risk = (measured(results, "remedies", terms).estimate for terms in (BIAS, VARIANCE, RISK))
    ceiling = variance[0] / (risk[0] - risk[2])
    return Claim(
        number="K009",
        statement="Where bias dominates, more data do not help.",
        source="S1 and S4: do not collect data for a model that is poor on its training set",
        estimate=float(found.estimate),
        interval=_interval(*found.interval),
        criterion=f"For degree {config.degrees[0]} and n = {config.base_size}, {ARMS[1]} lower the risk by less than {100 * config.largest_gain:g} % of what {ARMS[2]} do (95 % interval, paired by data set; each arm tunes its ridge strength on the same labels).",
        verdict=judge(_interval(*found.interval), inside=(-float("inf"), config.largest_gain)),
        reading=f"Bias² is {bias[0] / (bias[0] + variance[0]):.0%} of the error above the noise. {ARMS[1]} lower the risk from {risk[0]:.4f} to {risk[1]:.4f}, {ARMS[2]} to {risk[2]:.4f}. "
        f"The control, degree 7, where bias² is {bias[3] / (bias[3] + variance[3]):.0%}: {risk[3]:.4f} becomes {risk[4]:.4f} by data and {risk[5]:.4f} by capacity, a difference of gains of {control.estimate:.4f} ± {control.standard_error:.4f}.",
        theory=float(ceiling),
        theory_note="at most: were all variance to go, as its measured share of the gain of capacity",
    )


def _extrapolation(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K010."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, judge, wilson_interval

    names = curve_learners(config, "own")
    level = 1 - 0.05 / (2 * len(names))
    hits = covered(results, "own")
    unseen = {name: ~detected(config, results, index)["5 % more"] for index, name in enumerate(names)}
    coverage = [_interval(*wilson_interval(int(row.sum()), row.size, level=level)) for row in hits]
    invisible = [_interval(*wilson_interval(int(row.sum()), row.size, level=level)) for row in unseen.values()]
    foretold = [judge(each, inside=(config.coverage, 1.0)) for each in coverage]
    unnoticed = [judge(each, inside=(config.undetected, 1.0)) for each in invisible]
    pools = covered(results, "pool")
    of_pools = [
        judge(_interval(*wilson_interval(int(row.sum()), row.size, level=level)), inside=(config.coverage, 1.0))
        for row in pools
    ]
    verdict, condition = _judged(foretold, unnoticed, of_pools, names)
    worst = int(np.argmin(hits.mean(axis=1)))
    fitted, more = curve_sizes(config)
    told = ", ".join(f"{name} {row.mean():.3f}" for name, row in zip(names, hits, strict=True))
    pooled = ", ".join(
        f"{name} {row.mean():.3f}" for name, row in zip(curve_learners(config, "pool"), pools, strict=True)
    )
    seen = detected(config, results, 1)
    return Claim(
        number="K010",
        statement="A learning curve on a logarithmic axis foretells the risk of more data; small additions do not show.",
        source="S1, on whether to gather more data",
        estimate=float(hits[worst].mean()),
        interval=coverage[worst],
        criterion=f"Of {config.num_curves} curves E(n) = a + b n^-c, fitted to n = {fitted[0]} to {fitted[-1]}, the 90 % predictive interval holds the risk then measured at n = {config.sizes[-1]} in at least {100 * config.coverage:g} %, and {more} instead of {fitted[0]} examples go unnoticed by "
        f"a test at 5 % in at least {100 * config.undetected:g} %, for each of {len(names)} learners (Wilson 95 % intervals, Bonferroni; the worst coverage is shown). Restricted when it fails for some, or for curves of one pool.",
        verdict=verdict,
        reading=f"Coverage: {told}; by cross-validation of one pool: {pooled}. Unnoticed: "
        + ", ".join(f"{name} {row.mean():.3f}" for name, row in unseen.items())
        + f"; of {names[1]}, twice the data show in {seen['twice'].mean():.0%} of curves and {fitted[-1] // fitted[0]} times in {seen['as many as fitted'].mean():.0%}. Median exponents: "
        + ", ".join(f"{name} {np.median(row):.2f}" for name, row in zip(names, results["own.exponents"], strict=True))
        + ".",
        theory=0.9,
        theory_note="nominal coverage; exponents are 1 to first order for parametric learners, and larger at small n, where the variance is σ²p/(n - p)",
        condition=condition if verdict == Verdict.RESTRICTED else "",
    )


def _judged(
    foretold: "Sequence[Verdict]", unnoticed: "Sequence[Verdict]", pools: "Sequence[Verdict]", names: Sequence[str]
) -> "tuple[Verdict, str]":
    """The verdict of K010, and its condition where it has one."""
    from jaxdl.statistics import Verdict, judge_all

    each = [judge_all(pair) for pair in zip(foretold, unnoticed, strict=True)]
    good = [name for name, verdict in zip(names, each, strict=True) if verdict == Verdict.SUPPORTED]
    if good and Verdict.REFUTED in each:
        return (
            Verdict.RESTRICTED,
            f"Learners whose risk is a power law of n already at the smallest n: here {', '.join(good)}.",
        )
    if judge_all(each) == Verdict.SUPPORTED and Verdict.REFUTED in pools:
        return Verdict.RESTRICTED, "Each n has training and test sets of its own: folds of one pool share their errors."
    return judge_all(each), ""


def _recipe(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K011."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, judge, wilson_interval

    best, _ = best_remedies(config, results)
    right = {name: results[f"diagnosis.{name}"] == best for name in RECIPES}
    found = {name: _interval(*wilson_interval(int(row.sum()), row.size)) for name, row in right.items()}
    verdict = judge(found["reference"], inside=(config.right_share, 1.0))
    condition = ""
    if verdict == Verdict.REFUTED and judge(found["noise"], inside=(config.right_share, 1.0)) == Verdict.SUPPORTED:
        verdict = Verdict.RESTRICTED
        condition = "The reference holds the noise of these labels, estimated from repeated ones: the recipe cannot see noise by itself."
    cause = np.arange(config.num_cases) % 4
    told = "; ".join(
        f"{name}: {right['reference'][cause == index].mean():.0%} and {right['noise'][cause == index].mean():.0%}"
        for index, name in enumerate(CAUSES)
    )
    (low, high) = found["noise"]
    return Claim(
        number="K011",
        statement="Training and validation error lead to the right remedy.",
        source="S0, S1 and S4: the recipe against underfitting and overfitting",
        estimate=float(right["reference"].mean()),
        interval=found["reference"],
        criterion=f"In at least {100 * config.right_share:g} % of {config.num_cases} cases, of four causes from severe to slight, the recipe names the remedy of four that lowers the risk most, or none where each lowers it by less than {100 * config.worthwhile:g} % (Wilson 95 % interval). "
        "The reference is the error that is possible with clean labels; gaps count by their estimates, as in the texts. Restricted when this fails, but not with the noise estimated from 100 repeated labels.",
        verdict=verdict,
        reading=f"Right in {right['reference'].mean():.0%} of cases, with the noise estimated in {right['noise'].mean():.0%} (interval {low:.3f} to {high:.3f}), and where gaps must besides be significant at 5 % in {right['tested'].mean():.0%}; without training longer to test the optimiser in {right['not longer'].mean():.0%}. By cause, clean reference and noise estimated: {told}.",
        theory_note="noise in labels raises training and validation error alike, as too little capacity does",
        condition=condition,
    )


def _lags(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K012."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, equivalence_test, holm, judge, mean_interval, paired_t_test

    logs = np.log(lag_errors(config, results)).reshape(-1, 4, config.num_series)
    cells = [
        f"drift {drift:g}, {years} year{'s' if years > 1 else ''}" for drift in config.drifts for years in (1, 2, 3)
    ]
    tests = [(cell, shorter) for cell in range(len(cells)) for shorter in (0, 1)]
    helps = holm(np.array([paired_t_test(logs[cell, shorter], logs[cell, shorter + 1]) for cell, shorter in tests]))
    hurts = holm(np.array([paired_t_test(logs[cell, shorter + 1], logs[cell, shorter]) for cell, shorter in tests]))
    margin = float(np.log1p(config.lag_margin))
    differences = logs[:, 3] - logs[:, 2]
    same = holm(np.array([equivalence_test(row, margin=margin) for row in differences]))
    intervals = [_interval(*mean_interval(row, level=1 - 0.05 / len(cells))) for row in differences]
    equal = [cell for cell, p in zip(cells, same, strict=True) if p < 0.05]
    unequal = [
        cell
        for cell, each in zip(cells, intervals, strict=True)
        if judge(each, inside=(-margin, margin)) == Verdict.REFUTED
    ]
    verdict, condition = Verdict.INCONCLUSIVE, ""
    if (hurts < 0.01).any() or len(unequal) == len(cells):
        verdict = Verdict.REFUTED
    elif (helps < 0.01).all() and len(equal) == len(cells):
        verdict = Verdict.SUPPORTED
    elif (helps < 0.01).all() and equal and unequal:
        verdict = Verdict.RESTRICTED
        condition = f"The weekly pattern changes within weeks, so that older ones tell nothing: here {'; '.join(equal)}. Where it stays, older weeks average the noise out."
    worst = int(np.abs(differences.mean(axis=1)).argmax())
    ratios = np.exp(differences.mean(axis=1))
    return Claim(
        number="K012",
        statement="For a forecast of daily traffic, 7 past days are better than 1 and 28 better than 7; 56 are no better than 28.",
        source="S3, whose 54 days are probably 56; its series is not supplied",
        estimate=float(ratios[worst]),
        interval=_interval(*np.exp(np.array(intervals[worst]))),
        criterion=f"Over {config.num_series} series of traffic with a trend, a weekly pattern and autoregressive noise, for 1 to 3 years and each drift of the pattern, linear autoregression has a lower mean absolute error with 7 than with 1 and with 28 than with 7 lags (paired t tests of logarithms, Holm, p < 0.01), and that "
        f"of 56 is within {100 * config.lag_margin:g} % of that of 28 (two one-sided tests, Holm, 5 %; the ratio farthest from one is shown). Restricted when the last holds under some conditions and fails under others. All tune a ridge penalty on the last fifth of the training days.",
        verdict=verdict,
        reading="Error of 56 lags relative to 28: "
        + ", ".join(f"{cell} {ratio:.3f} (p = {p:.2g})" for cell, ratio, p in zip(cells, ratios, same, strict=True))
        + f". Largest p-value of 7 against 1 and 28 against 7: {helps.max():.2g}. Not equivalent: {'; '.join(unequal) or 'none'}.",
        theory=1.0,
        theory_note="a weekly pattern that stays is better known from 8 weeks than from 4; estimating 28 more weights costs about 28/n of the squared error, which the penalty reduces",
        condition=condition,
    )


def _percent(interval: Any) -> str:
    """An interval of logarithms of ratios, in per cent of change."""
    import numpy as np

    low, high = 100 * np.expm1(np.array(interval))
    return f"{low:+.1f} to {high:+.1f}"


def _highest(each: Any, level: float) -> float:
    """The upper end of a wider interval than the one of 95 %, from 32 groups."""
    from jaxdl.statistics import t_interval

    return float(t_interval(each.estimate, each.standard_error, 31, level=level).high)


def _interval(low: Any, high: Any) -> "Interval":
    from jaxdl.statistics import Interval

    return Interval(float(low), float(high))

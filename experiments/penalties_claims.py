"""Claims K017 to K025: what textbooks say of penalties of the weights, judged by the results of `penalties`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments import penalties_network_claims
from experiments.penalties_results import (
    EXPONENTS,
    NOISE_STD,
    PRIOR_VARIANCES,
    RIDGE_STRENGTHS,
    SHRINKAGE_STRENGTHS,
    best_strength,
    interval_of,
    sparse_settings,
)

if TYPE_CHECKING:
    from experiments.penalties import Config
    from jaxdl.statistics import Claim, Verdict

LECTURES = "lecture notes on regularisation"
MIRRORED = 1e-4
"""K022: the relative change under a rotation that single precision explains, and 1/100 of what counts as one."""


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    of_regression = (_normal_equations, _prior, _trade_off, _zeros, _sparse_truth, _exponents)
    return (
        *(judged(config, results) for judged in of_regression),
        *penalties_network_claims.claims(config, results),
    )


def _normal_equations(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K017."""
    from jaxdl.statistics import Claim, Verdict, wilson_interval

    errors = results["solution.errors"]  # strengths, designs, (closed form, descent)
    holds = (errors < config.identity).all(axis=(0, 2))
    closed, descent = errors.max(axis=(0, 1))
    return Claim(
        number="K017",
        statement="Ridge regression is solved by (X'X + λI) w = X'y, and gradient descent on the penalised loss goes there.",
        source=f"{LECTURES}; Hoerl & Kennard (1970)",
        estimate=float(holds.mean()),
        interval=interval_of(wilson_interval(int(holds.sum()), len(holds))),
        criterion=f"On every random design, at λ = {', '.join(f'{each:g}' for each in RIDGE_STRENGTHS)}, both are within {config.identity:g} "
        "(relative, double precision) of least squares on the rows of X and sqrt(λ) I, by an orthogonal method. One failure refutes it. "
        "Shown is the share of designs, with Wilson's interval.",
        verdict=Verdict.SUPPORTED if holds.all() else Verdict.REFUTED,
        reading=f"On {holds.sum()} of {len(holds)} designs; the largest relative error is {closed:.1e} of the closed form and {descent:.1e} of "
        "descent.",
        theory=1.0,
        theory_note="an identity; descent converges at the rate 1 - 1/κ",
    )


def _prior(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K018."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, mean_interval, trend_test

    most_probable, right, printed = np.moveaxis(results["prior.distance"], -1, 0)  # each: variances, data sets
    equal = max(most_probable.max(), right.max())
    others = [index for index, variance in enumerate(PRIOR_VARIANCES) if variance != 1]
    lows, highs = map(np.asarray, mean_interval(printed[others].T, level=1 - 0.05 / len(others)))
    least = int(printed[others].mean(axis=1).argmin())
    smoother, rougher = (
        trend_test(sign * results["prior.roughness"][:, :, which].T) for sign, which in ((1, 1), (-1, 2))
    )
    is_smoother = (np.diff(results["prior.roughness"][:, :, 1], axis=0) > 0).all(axis=0)
    verdict = Verdict.INCONCLUSIVE
    if lows.min() > 0.01 and equal < config.identity:
        verdict = Verdict.REFUTED
    elif printed.max() < config.identity:
        verdict = Verdict.SUPPORTED
    at_one = printed[PRIOR_VARIANCES.index(1.0)].max()
    return Claim(
        number="K018",
        statement="A Gaussian prior of variance s² on the weights is the penalty λ|w|² beside the negative log-likelihood, with λ = s²/2: a "
        "smaller prior variance gives a smoother fit.",
        source="deep-learning lecture notes, where λ is so printed",
        estimate=float(printed[others[least]].mean()),
        interval=interval_of((lows[least], highs[least])),
        criterion="Polynomials of degree 12 through 5 points. Supported if the penalised fit is the posterior mean (by conditioning the joint "
        f"normal law) to {config.identity:g}; refuted if λ = 1/(2s²) gives it to that precision, and λ = s²/2 misses it by more than 1 % of its norm at every "
        "s² but 1 (95 % intervals of the mean, Bonferroni). Shown is the miss where it is least.",
        verdict=verdict,
        reading=f"The strength is λ = 1/(2s²), which is σ²/s² beside half the sum of squares: it gives the posterior mean within {equal:.0e}, and the most probable "
        f"weights. The printed one is right at s² = 1 alone (within {at_one:.0e}). With the right one a smaller s² is smoother, at every step on "
        f"{is_smoother.sum()} of {len(is_smoother)} data sets (trend of the integral of f''², p {_told(smoother)}); with the printed one it is rougher (p {_told(rougher)}).",
        theory=0.0,
        theory_note="were the claim true; -log N(w; 0, s²) = |w|²/(2s²) + constant",
    )


def _trade_off(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K019."""
    import numpy as np
    from scipy import special

    from jaxdl.statistics import Claim, Interval, Verdict, judge, judge_all, mean_interval

    batches = np.moveaxis(results["shrinkage.batches"], 0, 1)  # batches, strengths, (bias², variance, risk)
    best = best_strength(results)
    report = np.split(results["shrinkage.runs"], 2, axis=1)[1]
    difference = report[best] - report[0]
    interval = interval_of(mean_interval(difference, level=0.99))
    bias, variance = (results["shrinkage.estimates"][[0, best]][:, part] for part in (0, 1))
    exact = results["shrinkage.exact"][:, 2]

    found, closed = results["eigen.found"], results["eigen.exact"]  # strengths, (mean, variance), eigenvalues
    num = config.num_samples
    errors = np.stack([np.sqrt(closed[:, 1] / num), closed[:, 1] * np.sqrt(2 / (num - 1))], axis=1)
    farthest = float(np.abs((found - closed) / errors).max())
    bound = float(special.ndtri(1 - 0.005 / found.size))
    return Claim(
        number="K019",
        statement="A larger λ lowers the variance and raises the bias, and some λ > 0 has a lower risk than none.",
        source=f"{LECTURES}; Hoerl & Kennard (1970)",
        estimate=float(difference.mean()),
        interval=interval,
        criterion=f"Degree 12, n = {config.num_examples}, λ = 0 and {SHRINKAGE_STRENGTHS[1]:g} to {SHRINKAGE_STRENGTHS[-1]:g}: over 20 batches variance falls and bias² rises (exact "
        "trend tests, p < 0.01), and no single step goes the other way (99 % intervals, Bonferroni); the best λ, chosen on half of the runs, has a lower risk than "
        "λ = 0 on the other half (99 % interval of the paired difference, shown); mean and variance along every eigenvector agree with "
        "their closed forms (99 %, Bonferroni).",
        verdict=judge_all(
            [
                _trend(-batches[:, :, 1]),
                _trend(batches[:, :, 0]),
                judge(interval, inside=(-math.inf, 0.0)),
                judge(Interval(0.0, farthest), inside=(0.0, bound)) if farthest <= bound else Verdict.REFUTED,
            ]
        ),
        reading=f"From λ = 0 to the best, {SHRINKAGE_STRENGTHS[best]:.2g}, variance falls from {variance[0]:.4f} to {variance[1]:.4f} and bias² rises from "
        f"{bias[0]:.0e} to {bias[1]:.4f} (noise {NOISE_STD**2:.2f}); at {SHRINKAGE_STRENGTHS[-1]:g} bias² is {results['shrinkage.estimates'][-1][0]:.2f}. The farthest of "
        f"{found.size} means and variances along eigenvectors is {farthest:.1f} standard errors from its closed form.",
        theory=float(exact[best] - exact[0]),
        theory_note="bias² = Σ (λ/(s²+λ))² (u'f)² and variance = σ² Σ (s²/(s²+λ))² along the eigenvectors; some λ > 0 always lowers the risk at the "
        "inputs (Hoerl & Kennard)",
    )


def _zeros(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K020."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, judge, judge_all, mean_interval, wilson_interval

    settings = sparse_settings(config)
    lasso, ridge = (settings.index((config.num_nonzero[0], q)) for q in (1.0, 2.0))
    zeros = results["sparse.zeros"]
    interval = interval_of(mean_interval(zeros[lasso]))
    keeps = results["sparse.recall"][lasso] == 1
    kept = interval_of(wilson_interval(int(keeps.sum()), len(keeps)))
    others = max(float(zeros[ridge].max()), float(results["sparse.subgradient"][lasso].max()))
    return Claim(
        number="K020",
        statement="An L1 penalty makes weights exactly zero; an L2 penalty does not.",
        source=f"{LECTURES}; Tibshirani (1996)",
        estimate=float(zeros[lasso].mean()),
        interval=interval,
        criterion=f"{config.num_rows} examples of {config.num_features} inputs, {config.num_nonzero[0]} of which matter; both strengths tuned on validation data over one grid. The mean share of "
        f"exact zeros of L1 is at least {100 * config.least_zeros:g} % (95 % interval, shown) and of L2 none in any run; L1 keeps every input that matters in at least "
        f"{100 * config.least_recall:g} % of the runs (Wilson); and descent on the same L1 objective without a proximal step has no exact zero.",
        verdict=judge_all(
            [
                judge(interval, inside=(config.least_zeros, 1.0)),
                judge(kept, inside=(config.least_recall, 1.0)),
                Verdict.SUPPORTED if others == 0 else Verdict.REFUTED,
            ]
        ),
        reading=f"L1 makes {100 * zeros[lasso].mean():.0f} % of the weights zero, L2 {100 * zeros[ridge].mean():.0f} %; every input that matters is kept in {keeps.sum()} of {len(keeps)} "
        f"runs, beside {config.num_features * (1 - zeros[lasso].mean()) - np.mean(results['sparse.recall'][lasso]) * config.num_nonzero[0]:.1f} that do not. Subgradient "
        f"descent on the same objective makes {100 * results['sparse.subgradient'][lasso].mean():.0f} % zero: the step has to be a proximal one.",
        theory_note="soft threshold against shrinkage, for orthonormal inputs",
    )


def _sparse_truth(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K021."""
    import numpy as np

    from jaxdl.statistics import Claim, judge, judge_all, mean_interval

    settings, excess = sparse_settings(config), results["sparse.excess"]
    differences = np.stack(
        [excess[settings.index((k, 1.0))] - excess[settings.index((k, 2.0))] for k in config.num_nonzero], axis=1
    )
    lows, highs = map(np.asarray, mean_interval(differences[:, [0, -1]], level=1 - 0.05 / 2))
    sparse, dense = (interval_of(pair) for pair in zip(lows, highs, strict=True))
    means = differences.mean(axis=0)

    def parts(k, q):
        (bias, _), (variance, _) = results["sparse.parts"][settings.index((k, q))]
        return f"bias² {bias:.3f} and variance {variance:.3f}"

    first, last = config.num_nonzero[0], config.num_nonzero[-1]
    crossing = ""
    if len(means) > 2 and means[0] < 0 < means[-1]:
        at = int(np.argmax(means > 0))
        share = -means[at - 1] / (means[at] - means[at - 1])
        even = config.num_nonzero[at - 1] + share * (config.num_nonzero[at] - config.num_nonzero[at - 1])
        crossing = f" They are even at about {even:.0f} of {config.num_features}."
    return Claim(
        number="K021",
        statement="Sparsity helps prediction if, and only if, the truth is sparse.",
        source=f"{LECTURES}; Hastie, Tibshirani & Friedman (2009), section 16.2",
        estimate=float(means[0]),
        interval=sparse,
        criterion=f"Excess risk of L1 minus that of L2, each tuned on validation data over one grid, on the same data: below zero for {first} coefficients that are not zero (shown), and above zero "
        f"for {last} of {config.num_features} with the same |b|² (95 % intervals, Bonferroni).",
        verdict=judge_all([judge(sparse, inside=(-math.inf, 0.0)), judge(dense, inside=(0.0, math.inf))]),
        reading=f"With {first} the difference is {means[0]:+.3f}: L1 has {parts(first, 1.0)}, L2 {parts(first, 2.0)}. With {last} it is {means[-1]:+.3f} (interval {dense.low:+.3f} to "
        f"{dense.high:+.3f}): L1 {parts(last, 1.0)}, L2 {parts(last, 2.0)}.{crossing}",
        theory_note="risk of order k log(p)/n for k non-zero coefficients against p/n",
    )


def _exponents(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K022."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, judge, judge_all, mean_interval, wilson_interval

    rows = [sparse_settings(config).index((config.num_nonzero[0], q)) for q in EXPONENTS]
    zeros, minima, mirrored = (results[f"sparse.{name}"][rows] for name in ("zeros", "num_minima", "mirrored"))
    sparser = interval_of(mean_interval(zeros[0] - zeros[1], level=1 - 0.05 / 2))
    some = interval_of(mean_interval(zeros[1], level=1 - 0.05 / 2))
    several = (minima > 1).sum(axis=1)
    interval = interval_of(wilson_interval(int(several[0]), minima.shape[1]))
    at_two = EXPONENTS.index(2.0)
    others = [index for index in range(len(EXPONENTS)) if index != at_two]
    lows = np.asarray(mean_interval(mirrored[others].T, level=1 - 0.05 / len(others)).low)
    exact = (zeros[2:] == 0).all() and (several[1:] == 0).all() and mirrored[at_two].max() < MIRRORED
    told = ", ".join(f"{100 * zeros[i].mean():.0f} % at q = {q:g}" for i, q in enumerate(EXPONENTS))
    return Claim(
        number="K022",
        statement="With |w|^q the smaller q, the sparser, at the price of several minima for q < 1; q = 2 alone does not care for rotations; large q gives no zeros.",
        source=f"{LECTURES}; Frank & Friedman (1993)",
        estimate=float(several[0] / minima.shape[1]),
        interval=interval,
        criterion=f"q = {', '.join(f'{q:g}' for q in EXPONENTS)}, each tuned on validation data over one grid: the share of zeros is larger at 0.5 than at 1, and at 1 than zero (95 % intervals, "
        f"Bonferroni), and nothing above; from {config.num_starts + 1} starts descent ends at more than one place in most runs for q = 0.5 (Wilson, shown) and in none for q >= 1; mirrored inputs change the solution, "
        f"mirrored back, by more than {100 * MIRRORED:g} of its norm (95 %, Bonferroni) for every q but 2, and there by less than {MIRRORED:g}.",
        verdict=judge_all(
            [
                judge(sparser, inside=(0.0, 1.0)),
                judge(some, inside=(0.0, 1.0)) if some.low > 0 else Verdict.INCONCLUSIVE,
                judge(interval, inside=(0.5, 1.0)),
                Verdict.SUPPORTED if exact else Verdict.REFUTED,
                Verdict.SUPPORTED if lows.min() > 100 * MIRRORED else Verdict.INCONCLUSIVE,
            ]
        ),
        reading=f"Zeros: {told}. For q = 0.5 descent ends at {minima[0].mean():.1f} places on average, for q >= 1 at one. Mirroring the inputs moves the solution by "
        f"{mirrored[at_two].max():.0e} at q = 2 and {mirrored[others].mean(axis=1).min():.2f} or more elsewhere. Excess risk: "
        + ", ".join(f"{results['sparse.excess'][row].mean():.2f}" for row in rows)
        + ".",
        theory_note="balls of |w|^q have corners on the axes up to q = 1, are convex from there on, and round at 2; L0 and q < 1 are no norms",
    )


def _told(p_value: float) -> str:
    """A p-value that may be too small for a float."""
    return f"= {p_value:.0e}" if p_value > 0 else "< 1e-300"


def _trend(values: Any) -> "Verdict":
    """Whether values (batches, levels) increase with the level: by the trend over all, and no step surely the other way."""
    import numpy as np

    from jaxdl.statistics import Verdict, judge_test, mean_interval, trend_test

    steps = np.diff(values, axis=1)
    highs = np.asarray(mean_interval(steps, level=1 - 0.01 / steps.shape[1]).high)
    if (highs < 0).any():
        return Verdict.REFUTED
    return judge_test(trend_test(values), trend_test(-values))

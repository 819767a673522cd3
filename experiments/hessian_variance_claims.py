"""Claims HV1 to HV4: bias and variance of a Hessian's largest eigenvalue, judged by the results of `hessian_variance`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.hessian_variance_results import by_size, excess, moments, scaling, slope_ratios

if TYPE_CHECKING:
    from experiments.hessian_variance import Config
    from jaxdl.statistics import Claim, Interval, Verdict


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    return _tracy_widom(config, results), _bias(config, results), _batches(config, results), _slope(config, results)


def _tracy_widom(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HV1."""
    from jaxdl.statistics import Claim, Interval, judge_all, t_interval

    top = moments(results["linear"])[0]
    mean, spread = scaling(config.num_examples, config.num_features)
    z, ratio, ratio_error = (top.mean - mean) / top.mean_error, top.spread / spread, top.spread_error / spread
    freedom = len(results["linear"]) - 1
    mean_interval = t_interval(top.mean, top.mean_error, freedom)
    reach, tolerance = config.mean_agreement, config.spread_agreement
    return Claim(
        number="HV1",
        statement="The largest eigenvalue of a least-squares Hessian has the mean and the standard deviation of the Tracy-Widom law.",
        source="Johnstone (2001), with the constants of Ma (2012)",
        estimate=top.mean,
        interval=mean_interval,
        criterion=f"N = {config.num_examples}, d = {config.num_features}, {len(results['linear'])} data sets: the mean lies within {reach:g} of its "
        f"standard errors of the law's, and the standard deviation within {100 * tolerance:g} % of the law's. What lies outside, but by less than "
        "4 standard errors, is inconclusive.",
        verdict=judge_all(
            [
                _judge_point(z, Interval(z - 4, z + 4), (-reach, reach)),
                _judge_point(
                    ratio, Interval(ratio - 4 * ratio_error, ratio + 4 * ratio_error), (1 - tolerance, 1 + tolerance)
                ),
            ]
        ),
        reading=f"Mean {top.mean:.4f} ± {top.mean_error:.4f}, the law's {mean:.4f} ({z:+.1f} standard errors); standard deviation {top.spread:.4f} ± "
        f"{top.spread_error:.4f}, the law's {spread:.4f} ({100 * (ratio - 1):+.1f} %).",
        theory=mean,
        theory_note="a limit law; 60,000 draws of the exact tridiagonal model gave 2.1965 ± 0.0002 and a standard deviation of 0.0496",
    )


def _bias(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HV2."""
    from jaxdl.statistics import Claim, judge, judge_all, t_interval

    verdicts, told = [], []
    for size, samples in by_size(config, results):
        top, bottom, average = moments(samples)
        freedom = len(samples) - 1
        verdicts += [
            judge(t_interval(part.mean - 1, part.mean_error, freedom), inside=inside)
            for part, inside in ((top, (0.0, math.inf)), (bottom, (-math.inf, 0.0)))
        ]
        distance = abs(average.mean - 1) / average.mean_error
        verdicts.append(_judge_point(distance, t_interval(distance, 0.0, freedom), (0.0, 4.0)))
        told.append(f"{top.bias_squared / (top.bias_squared + top.variance):.1%} at N = {size}")
    top = moments(results["linear"])[0]
    return Claim(
        number="HV2",
        statement="The error of a Hessian's extreme eigenvalues is bias, outwards, though their mean is unbiased.",
        source="Marchenko & Pastur (1967); Jensen's inequality",
        estimate=top.mean - 1,
        interval=t_interval(top.mean - 1, top.mean_error, len(results["linear"]) - 1),
        criterion="At every N the 95 % intervals of the bias lie above zero for the largest eigenvalue and below it for the smallest, and the mean of "
        f"all eigenvalues is within 4 standard errors of 1. Shown is the largest one's bias at N = {config.num_examples}.",
        verdict=judge_all(verdicts),
        reading=f"Bias² is of the largest eigenvalue's mean squared error {', '.join(told)}.",
        theory=scaling(config.num_examples, config.num_features)[0] - 1,
        theory_note="the Tracy-Widom law; the bias decays like 2 √(d / N), the standard deviation faster",
    )


def _batches(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HV3."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, judge, judge_all, mean_interval

    value = results["value"][:, None, None]
    relative = excess(results) / value
    falls = -np.diff(relative, axis=1).reshape(-1, relative.shape[2])
    bias = relative[:, -1].mean(axis=0)
    intervals = [mean_interval(row) for row in (*falls, *relative[:, -1])]
    ratios = 1 + relative.mean(axis=(0, 2))
    least = min(intervals[: len(falls)], key=lambda interval: interval.low)
    return Claim(
        number="HV3",
        statement="The largest eigenvalue of a minibatch's Hessian is too large on average, and the less so the larger the batch.",
        source="Granziol, Zohren & Roberts (2022); Jensen's inequality",
        estimate=float(bias.mean()),
        interval=Interval(*map(float, mean_interval(bias))),
        criterion=f"For each of {len(relative)} networks: the bias falls from every batch size to the next, and is above zero at the largest, by 95 % t "
        "intervals over the same minibatches. Shown is the mean relative bias at the largest.",
        verdict=judge_all([judge(interval, inside=(0.0, math.inf)) for interval in intervals]),
        reading="Relative to all data it is "
        + ", ".join(f"{ratio:.3g} at B = {size}" for ratio, size in zip(ratios, config.batch_sizes, strict=True))
        + f"; the smallest fall has the interval {least.low:.2g} to {least.high:.2g}.",
        theory_note="both are theorems for batches drawn with replacement, since the largest eigenvalue is convex",
    )


def _slope(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HV4."""
    import numpy as np

    from jaxdl.statistics import Claim, judge, mean_interval

    ratios = slope_ratios(config, results)
    interval = mean_interval(ratios[-1])
    sizes = np.array(config.batch_sizes)[None, :]
    single = sizes * excess(results).mean(axis=2) / results["bias_slope"][:, None]
    low, high = config.slope_agreement
    return Claim(
        number="HV4",
        statement="For large batches that bias is c / B, with c from the spread of the examples' Hessians around their mean.",
        source="second-order perturbation theory; Granziol, Zohren & Roberts (2022) for isotropic noise",
        estimate=float(ratios[-1].mean()),
        interval=interval,
        criterion=f"At B = {config.batch_sizes[-1]}, the bias over the one predicted, averaged over {len(results['value'])} networks, lies between {low:g} "
        f"and {high:g} by the 95 % t interval over minibatches.",
        verdict=judge(interval, inside=(low, high)),
        reading="It is "
        + ", ".join(f"{row.mean():.2f} at B = {size}" for row, size in zip(ratios, config.batch_sizes, strict=True))
        + "; single networks stray by up to "
        + f"{100 * abs(single[:, 0] - 1).max():.0f} % at B = {config.batch_sizes[0]} and {100 * abs(single[:, -1] - 1).max():.0f} % at the largest.",
        theory=1.0,
        theory_note="the limit of large B",
    )


def _judge_point(point: float, around: "Interval", inside: tuple[float, float]) -> "Verdict":
    """Supported when the point lies inside, refuted when all that is around it lies outside, else inconclusive."""
    from jaxdl.statistics import Interval, Verdict, judge

    if judge(Interval(point, point), inside=inside) is Verdict.SUPPORTED:
        return Verdict.SUPPORTED
    return Verdict.REFUTED if judge(around, inside=inside) is Verdict.REFUTED else Verdict.INCONCLUSIVE

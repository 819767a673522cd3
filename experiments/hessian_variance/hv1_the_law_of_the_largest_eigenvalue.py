"""The largest eigenvalue of a least-squares Hessian has the mean and the standard deviation of the Tracy-Widom law.

Source: Johnstone (2001), with the constants of Ma (2012).
Theory: A limit law; 60,000 draws of the exact tridiagonal model at N = 400, d = 100 gave 2.1965 ± 0.0002 and a standard deviation
    of 0.0496.
Scope: Independent Gaussian inputs of equal variance.
Looks: The full profile was run once in an earlier form, at seed 0; it has seed 1 now.
"""

import numpy as np
from matplotlib.figure import Figure

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_variance import tracy_widom
from experiments.hessian_variance.least_squares import judge_point, moments, trial_of
from jaxdl import designs, plots
from jaxdl.statistics import Estimate, Interval, judge_all, t_interval

REACH = 2.0
SPREAD = 0.05
DOUBT = 4.0
SIZES = {
    "quick": {"features": 100, "examples": 400, "data_sets": 1500},
    "full": {"seed": 1},
    "smallest": {"features": 8, "examples": 30, "data_sets": 64},
}
CRITERION = f"""The mean lies within {REACH:g} of its standard errors of the law's, and the standard deviation within {SPREAD:.0%}
of the law's. What lies outside, but by less than {DOUBT:g} standard errors, is inconclusive."""


def judged(lab: Lab, spike: float = 1.0) -> Finding:
    """One study of one size; `spike` is the variance of the first input."""
    num_examples, num_features = lab["examples"], lab["features"]
    trial, design = trial_of(num_features, num_examples, spike), designs.independent(lab["data_sets"], "data")
    samples = lab.run("one size", trial, design, settings=np.array([num_examples], float)).outputs[0]
    top, (mean, spread) = moments(samples)[0], tracy_widom.mean_and_spread(num_examples, num_features)
    z, ratio, error = (top.mean - mean) / top.mean_error, top.spread / spread, top.spread_error / spread
    tests = [
        judge_point(z, Interval(z - DOUBT, z + DOUBT), (-REACH, REACH)),
        judge_point(ratio, Interval(ratio - DOUBT * error, ratio + DOUBT * error), (1 - SPREAD, 1 + SPREAD)),
    ]
    distance = tracy_widom.kolmogorov_distance(samples[:, 0].astype(float), num_examples, num_features)
    return Finding(
        what=f"mean of the largest eigenvalue, N = {num_examples}, d = {num_features}",
        shown=Estimate(top.mean, t_interval(top.mean, top.mean_error, len(samples) - 1)),
        verdict=judge_all(tests),
        reference={"Tracy-Widom law": mean},
        reading=f"Over {len(samples)} data sets the mean is {top.mean:.4f} ± {top.mean_error:.4f}, the law's {mean:.4f} ({z:+.1f} "
        f"standard errors); the standard deviation {top.spread:.4f} ± {top.spread_error:.4f}, the law's {spread:.4f} "
        f"({ratio - 1:+.1%}). Kolmogorov's distance from the law is {distance:.3f}; samples of the law stay below "
        f"{1.36 / len(samples) ** 0.5:.3f} in 95 % of cases.",
        figures={
            "The largest eigenvalue over data sets, and the law's density; it would be 1 with infinitely many examples": _figure(
                samples[:, 0], num_examples, num_features
            )
        },
    )


def _figure(samples: np.ndarray, num_examples: int, num_features: int) -> Figure:
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    mean, spread = tracy_widom.mean_and_spread(num_examples, num_features)
    x = np.linspace(min(samples.min(), mean - 4 * spread), max(samples.max(), mean + 4.5 * spread), 300)
    color = plots.SERIES_COLORS[0]
    axes.hist(samples, bins=max(10, len(samples) // 40), density=True, color=color, alpha=0.5, label="measured")
    density = tracy_widom.density(x, num_examples, num_features)
    axes.plot(x, density, color=plots.RISK_COLOR, linewidth=1.2, label="Tracy-Widom")
    axes.axvline(float(samples.mean()), color=color, linewidth=1, linestyle="--", label="measured mean")
    axes.set(xlabel="largest eigenvalue of the Hessian", ylabel="density")
    axes.legend(fontsize="small")
    return figure


def control(lab: Lab) -> Finding:
    """One input of variance 30, whose eigenvalue stands apart from the others and has another law."""
    return judged(lab, spike=30.0)

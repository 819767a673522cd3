"""The error of a Hessian's extreme eigenvalues is bias, outwards, though their mean is unbiased.

Source: Marchenko & Pastur (1967); Jensen's inequality.
Theory: The Tracy-Widom law. The bias decays like 2 √(d / N), the standard deviation faster.
Scope: Independent Gaussian inputs of equal variance: no eigenvalue stands apart from the others.
Looks: The full profile was run once in an earlier form, at seed 0; it has seed 1 now.
"""

import math

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_variance import tracy_widom
from experiments.hessian_variance.least_squares import Moments, judge_point, moments, trial_of
from jaxdl import designs, plots
from jaxdl.statistics import Estimate, Interval, judge, judge_all, t_interval

REACH = 4.0
SIZES = {
    "quick": {"features": 100, "examples": (200, 400, 800, 1600), "shown": 400, "data_sets": 96},
    "full": {"examples": (200, 400, 800, 1600, 3200), "data_sets": 1500, "seed": 1},
    "smallest": {"features": 8, "examples": (15, 30, 60), "shown": 30, "data_sets": 64},
}
CRITERION = f"""At every N the 95 % intervals of the bias lie above zero for the largest eigenvalue and below it for the smallest,
and the mean of all eigenvalues is within {REACH:g} standard errors of 1."""


def judged(lab: Lab, lost: int = 0) -> Finding:
    """One study of all sizes, each cut from the same data sets; sums are divided by N - `lost`."""
    sizes, d = np.array(lab["examples"]), lab["features"]
    trial, design = trial_of(d, int(sizes[-1])), designs.independent(lab["data_sets"], "data")
    outputs = lab.run("all sizes", trial, design, settings=sizes.astype(float)).outputs
    samples = np.asarray(outputs, np.float64) * (sizes / (sizes - lost))[:, None, None]
    found, freedom, tests = [moments(each) for each in samples], samples.shape[1] - 1, []
    for top, bottom, average in found:
        for part, inside in ((top, (0.0, math.inf)), (bottom, (-math.inf, 0.0))):
            tests.append(judge(t_interval(part.mean - 1, part.mean_error, freedom), inside=inside))
        distance = abs(average.mean - 1) / average.mean_error
        tests.append(judge_point(distance, Interval(distance, distance), (0.0, REACH)))
    tops = [top for top, _, _ in found]
    top = tops[list(sizes).index(lab["shown"])]
    shares = [
        f"{t.bias_squared / (t.bias_squared + t.variance):.1%} at N = {n}" for t, n in zip(tops, sizes, strict=True)
    ]
    return Finding(
        what=f"bias of the largest eigenvalue, N = {lab['shown']}, d = {d}",
        shown=Estimate(top.mean - 1, t_interval(top.mean - 1, top.mean_error, freedom)),
        verdict=judge_all(tests),
        reference={"Tracy-Widom law": tracy_widom.mean_and_spread(lab["shown"], d)[0] - 1},
        reading=f"Bias² is of the largest eigenvalue's mean squared error {', '.join(shares)}.",
        tables={
            "Mean and standard deviation of eigenvalues, which are 1 with infinitely many examples": {
                "N": sizes,
                **{name: _means(found, place) for place, name in enumerate(("largest", "smallest", "mean of all"))},
                "law of the largest": [round(tracy_widom.mean_and_spread(n, d)[0], 4) for n in sizes],
                "its standard deviation": [round(t.spread, 4) for t in tops],
                "law of that": [round(tracy_widom.mean_and_spread(n, d)[1], 4) for n in sizes],
            }
        },
        figures={
            "The error of the largest eigenvalue is bias at every number of examples": plots.against(
                sizes, {"bias²": _part(tops, "bias_squared"), "variance": _part(tops, "variance")}, log=True,
                xlabel="examples N", ylabel="squared error of the largest eigenvalue",
            )
        },
    )  # fmt: skip


def _part(tops: list[Moments], name: str) -> Estimate:
    estimates, errors = (np.array([getattr(top, field) for top in tops]) for field in (name, f"{name}_error"))
    return Estimate(estimates, Interval(estimates - 1.96 * errors, estimates + 1.96 * errors), errors)


def _means(found: list[list[Moments]], place: int) -> Estimate:
    means, errors = (np.array([getattr(each[place], field) for each in found]) for field in ("mean", "mean_error"))
    return Estimate(means, Interval(means - 1.96 * errors, means + 1.96 * errors), errors)


def control(lab: Lab) -> Finding:
    """Sums of squares divided by N less the number of inputs, which makes the mean of all eigenvalues too large."""
    return judged(lab, lost=lab["features"])

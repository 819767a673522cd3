"""Overfitted solutions differ from one data set to another; underfitted ones agree with each other and the pooled fit.

Source: S0, on overfitting; Geman, Bienenstock & Doursat (1992).
Textbook: UDL 8.2.
Theory: The ratio of variances at these inputs and test points is exact.
Scope: One curve with noise 0.3 at fixed, even inputs.
Looks: Full runs were made at seed 0, that of the quick profile; the full profile has seed 1 since.
"""

import numpy as np

from experiments.bias_variance.small_samples import small_samples
from experiments.book.finding import Finding
from experiments.book.lab import Lab
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, bootstrap_interval, judge, judge_all, means, stacked

RATIO = 10.0
DISTANCE = 3.0
SIZES = {"quick": {"runs": 2000}, "full": {"runs": 20_000, "seed": 1}, "smallest": {"runs": 400}}
CRITERION = f"""15 examples, degree 12 against degree 1: the ratio of variances between data sets is above {RATIO:g} (95 % bootstrap
interval), and the mean distance of a line from the pooled fit is below {DISTANCE:g} predicted standard errors."""


def judged(lab: Lab, degrees: tuple[int, int] = (1, 12)) -> Finding:
    """The simple degree first."""
    simple, flexible = small_samples(lab, degrees)

    def ratio(large: np.ndarray, small: np.ndarray) -> float:
        return float(np.mean(large) / np.mean(small))

    samples = flexible.distances, simple.distances
    interval = bootstrap_interval(*samples, statistic=ratio, num_resamples=1000, seed=lab["seed"])
    distance = means(np.sqrt(simple.distances) / np.sqrt(simple.exact[1]))
    within = judge(Interval(*map(float, distance.interval)), inside=(0.0, DISTANCE))
    spread = {
        f"degree {degree}": means(each.distances) for degree, each in zip(degrees, (simple, flexible), strict=True)
    }
    return Finding(
        what=f"variance of degree {degrees[1]} over that of degree {degrees[0]}",
        shown=Estimate(ratio(*samples), interval),
        verdict=judge_all([judge(interval, inside=(RATIO, np.inf)), within]),
        reading=f"Fits of degree {degrees[1]} vary {ratio(*samples):.0f} times as much; fits of degree {degrees[0]} lie "
        f"{float(distance.estimate):.2f} predicted standard errors from the pooled fit.",
        theory=flexible.exact[1] / simple.exact[1],
        tables={
            "Mean squared distance from the pooled fit": {"learner": list(spread), "distance": stacked(spread.values())}
        },
        figures={
            "Fits of a high degree scatter around the pooled fit": plots.rows(
                list(spread),
                {"distance": stacked(spread.values())},
                xlabel="mean squared distance from the pooled fit",
                log=True,
            )
        },
    )


def control(lab: Lab) -> Finding:
    """The degrees exchanged."""
    return judged(lab, (12, 1))

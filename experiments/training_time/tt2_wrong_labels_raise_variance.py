"""Under label noise the variance rises with training time, because wrong labels are learned.

Says: Under label noise training on fits the wrong labels, and the variance rises.
Source: Nakkiran et al. (2020); lecture notes on early stopping.
Textbook: ESL 7.3.
Theory: In the linear model of TT1 the variance of label noise rises at every step.
Scope: Digits, every fifth label wrong; 200 training digits of a pool of 1198; one width (32), Adam at one rate.
Looks: Sizes were settled at seed 0, also at full size, and a full run was made at seed 1. The arm without wrong labels came
    then; its bar was settled at seed 0. Earlier looks saw all digits; the sealed third dates from 2026-11-26.
"""

from typing import Any

import numpy as np

from experiments.book.finding import Finding, each_term, total
from experiments.book.lab import Lab
from experiments.training_time.digits import RATE, WITH_LABELS, log_times, parts_of, training
from jaxdl import plots
from jaxdl.statistics import Interval, judge, judge_all

FROM = 0.1
LEFT = 0.5
SIZES = {
    "quick": {"steps": 320, "times": 25, "data": 6, "labels": 6, "init": 8, "sealed": False},
    "full": {"steps": 1000, "times": 31, "data": 16, "labels": 12, "sealed": True, "seed": 26},
    "smallest": {"steps": 80, "times": 7, "data": 4, "labels": 3, "init": 8},
}
CRITERION = f"""From {FROM:.0%} of the training to its end, the variance rises, and so does the part of it that involves wrong
labels (95 % intervals of the differences, over runs and test digits; that of the total is shown). Without wrong labels it rises by
less than {LEFT:.0%} of that: the upper end of its interval lies below {LEFT:.0%} of the lower end of the other."""


def judged(lab: Lab, rate: float = RATE) -> Finding:
    """The study with wrong labels, and the same without."""
    result, clean = training(lab, rate=rate), training(lab, rate=rate, share=0.0)
    times = np.array(log_times(lab["steps"], lab["times"]))
    tenth = int(np.abs(times - FROM * times[-1]).argmin())

    def rises(t: Any) -> Any:
        return t["total_variance"][-1] - t["total_variance"][tenth]

    rise, of_clean = result.derive(rises), clean.derive(rises)
    of_labels = result.derive(lambda t: total(t, WITH_LABELS)[-1] - total(t, WITH_LABELS)[tenth])
    less = Interval(
        of_clean.interval.low - LEFT * rise.interval.high, of_clean.interval.high - LEFT * rise.interval.low
    )
    variance, parts = result.total_variance, parts_of(result)
    both = {"wrong labels": result, "right labels": clean}
    return Finding(
        what=f"rise of the variance from {times[tenth]} to {times[-1]} steps",
        shown=rise,
        verdict=judge_all(
            [judge(each.interval, inside=(0.0, np.inf)) for each in (rise, of_labels)] + [judge(less, inside=(-np.inf, 0.0))]
        ),
        reading=f"The variance rises from {variance[tenth]:.3f} to {variance[-1]:.3f}; wrong labels, alone and with other "
        f"sources, are {of_labels.estimate / rise.estimate:.0%} of the rise. With right labels alone it changes by "
        f"{of_clean.estimate:+.3f} [{of_clean.interval.low:+.3f}, {of_clean.interval.high:+.3f}]. Before, it falls from "
        f"{variance[0]:.3f} at the start to a lowest {variance.min():.3f} after {times[variance.argmin()]} steps.",
        reference={"bar": 0.0},
        tables={"Parts of the risk ± s.e.; wrong labels and initialisation with interactions": {"steps": times, **parts}},
        figures={
            "With wrong labels the variance rises, with right ones far less": plots.against(
                times, each_term(both, "total_variance"), log_x=True, xlabel="training steps", ylabel="variance"
            ),
            "Bias² falls, and the variance of wrong labels rises": plots.against(
                times, {name: part for name, part in parts.items() if name != "risk"}, log_x=True,
                xlabel="training steps", ylabel="part of the risk",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A learner so slow that it does no more than forget its start."""
    return judged(lab, rate=2e-4)

"""Under label noise the variance rises with training time, because wrong labels are learned.

Source: Nakkiran et al. (2020); lecture notes on early stopping.
Textbook: ESL 7.3.
Theory: In the linear model of TT1 the variance of label noise rises at every step.
Scope: Digits, every fifth label wrong; 200 training digits of a pool of 1200, one width and learning rate.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since.
"""

import numpy as np

from experiments.book.finding import Finding, total
from experiments.book.lab import Lab
from experiments.training_time.digits import RATE, WITH_LABELS, log_times, parts_of, training
from jaxdl import plots
from jaxdl.statistics import judge, judge_all

FROM = 0.1
SIZES = {
    "quick": {"steps": 320, "times": 25, "data": 8, "labels": 6, "init": 8},
    "full": {"steps": 1000, "times": 31, "data": 16, "labels": 12, "seed": 1},
    "smallest": {"steps": 80, "times": 7, "data": 4, "labels": 3, "init": 8},
}
CRITERION = f"""From {FROM:.0%} of the training to its end, the variance rises, and so does the part of it that involves wrong
labels (95 % intervals of the differences; that of the total is shown)."""


def judged(lab: Lab, rate: float = RATE) -> Finding:
    """One study at all stopping times; two differences of two times."""
    result = training(lab, rate=rate)
    times = np.array(log_times(lab["steps"], lab["times"]))
    tenth = int(np.abs(times - FROM * times[-1]).argmin())
    rise = result.derive(lambda t: t["total_variance"][-1] - t["total_variance"][tenth])
    of_labels = result.derive(lambda t: total(t, WITH_LABELS)[-1] - total(t, WITH_LABELS)[tenth])
    variance, parts = result.total_variance, parts_of(result)
    return Finding(
        what=f"rise of the variance from {times[tenth]} to {times[-1]} steps",
        shown=rise,
        verdict=judge_all([judge(each.interval, inside=(0.0, np.inf)) for each in (rise, of_labels)]),
        reading=f"The variance rises from {variance[tenth]:.3f} to {variance[-1]:.3f}; wrong labels, alone and with other "
        f"sources, are {of_labels.estimate / rise.estimate:.0%} of the rise. Before, it falls from {variance[0]:.3f} at the start "
        f"to a lowest {variance.min():.3f} after {times[variance.argmin()]} steps.",
        tables={"Parts of the risk ± s.e.; wrong labels and initialisation with interactions": {"steps": times, **parts}},
        figures={
            "Bias² falls, and the variance of wrong labels rises": plots.against(
                times, {name: part for name, part in parts.items() if name != "risk"}, log_x=True,
                xlabel="training steps", ylabel="part of the risk",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A learner so slow that it does no more than forget its start."""
    return judged(lab, rate=2e-4)

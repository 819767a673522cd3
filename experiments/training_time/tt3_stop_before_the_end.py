"""Under label noise the best time to stop lies before the end of training.

Says: Stop training where the validation error is lowest, before it rises again.
Source: Prechelt (1998); Yao, Rosasco & Caponnetto (2007).
Textbook: Deep Learning 7.8.
Theory: Bias² falls and variance rises, so that their sum has its minimum inside unless one of them hardly moves.
Scope: Digits, every fifth label wrong; 200 training digits of a pool of 1198; one width (32), Adam at one rate, 1000 steps:
    a training that ends early enough has no better time before its end, as the control shows.
Looks: Sizes were settled at seed 0, also at full size, and a full run was made at seed 1. The criterion did not
    change. Earlier looks saw all digits; the sealed third dates from 2026-11-26.
"""

import numpy as np

from experiments.book.finding import Finding, each_term
from experiments.book.lab import Lab
from experiments.training_time.digits import RATE, log_times, training
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, Verdict

LEVEL = 0.05
SIZES = {
    "quick": {"steps": 320, "times": 25, "data": 8, "labels": 6, "init": 8, "sealed": False},
    "full": {"steps": 1000, "times": 31, "data": 16, "labels": 12, "sealed": True, "seed": 26},
    "smallest": {"steps": 80, "times": 7, "data": 4, "labels": 3, "init": 8},
}
CRITERION = f"""The risk at the end exceeds that at some earlier time (intervals of the
differences, over runs and test digits, Bonferroni over times at
{LEVEL:.0%} in all; the surest is shown). Refuted when it lies below that at every earlier time."""


def judged(lab: Lab, rate: float = RATE) -> Finding:
    """The end against every earlier time of the same runs."""
    result = training(lab, rate=rate)
    times = log_times(lab["steps"], lab["times"])
    excess = result.derive(lambda t: t["risk"][-1:] - t["risk"][:-1], level=1 - LEVEL / (len(times) - 1))
    low, high = map(np.asarray, excess.interval)
    surest, best = int(np.argmax(low)), int(result.risk.argmin())
    verdict = Verdict.SUPPORTED if low[surest] > 0 else Verdict.REFUTED if np.max(high) < 0 else Verdict.INCONCLUSIVE
    return Finding(
        what=f"risk at the end less that after {times[surest]} steps",
        shown=Estimate(float(excess.estimate[surest]), Interval(float(low[surest]), float(high[surest]))),
        verdict=verdict,
        reading=f"The risk is lowest after {times[best]} of {times[-1]} steps, {result.risk[best]:.3f} against "
        f"{result.risk[-1]:.3f} at the end.",
        ends="family-wise 95 % interval",
        reference={"bar": 0.0},
        tables={"Risk ± s.e.": {"steps": times, **each_term({"risk": result}, "risk")}},
        figures={
            f"The risk is lowest after {times[best]} of {times[-1]} steps": plots.against(
                times,
                each_term({"risk": result}, "risk"),
                log_x=True,
                xlabel="training steps",
                ylabel="risk on noisy labels",
            )
        },
    )


def control(lab: Lab) -> Finding:
    """A learner so slow that the end of training is early."""
    return judged(lab, rate=1e-3)

"""What mlxtend's formulas return as bias² is bias², the noise, and the variance of the mean of the runs.

Says: Its user guide leaves the noise aside, and calls the number the bias.
Source: mlxtend 0.25, evaluate.bias_variance_decomp.
Theory: With one label for each point, E|mean prediction - label|² = bias² + noise + variance of the mean.
Scope: The problems of `jaxdl.truths` with noise, 50 runs or 16 x 8.
Looks: Judged before at seed 0, by the mean over problems alone; the worst problem counts since.
"""

import numpy as np

from experiments.book.finding import Finding, judge_each
from experiments.book.lab import Lab
from experiments.certify.tools import MLXTEND, OURS, answers, of_kind, ratios_by_problem
from jaxdl.statistics import judge, judge_all, means

RATIO, WORST_RATIO = (0.9, 1.1), (0.75, 1.25)
SIZES = {
    "quick": {"studies": 12, "problems": 16},
    "full": {"studies": 1000, "seed": 26},
    "smallest": {"studies": 30, "problems": 2},
}
CRITERION = f"""What is found in excess of bias², divided by noise + variance of the mean, lies within {RATIO} on average over the
problems with noise, and within {WORST_RATIO} for each of them (95 % intervals over studies, of the single problems Bonferroni)."""


def judged(lab: Lab, tool: str = MLXTEND) -> Finding:
    """The excess found over that predicted, problem by problem."""
    rows = answers(lab)
    noise = {row.problem: row.exact for row in of_kind(rows, "noise")}
    noisy = [row for row in of_kind(rows, "bias_squared") if noise[row.problem] > 0]
    ratios = np.array([(row.estimates[tool] - row.exact) / (row.excess + noise[row.problem]) for row in noisy])
    overall = means(ratios.mean(axis=0))
    each = means(ratios, level=1 - 0.05 / len(noisy))
    low, high = map(np.asarray, each.interval)
    far = int(np.abs(each.estimate - 1).argmax())
    return Finding(
        what="what the formulas add to bias² over noise + variance of the mean, over problems",
        shown=overall,
        verdict=judge_all([judge(overall.interval, inside=RATIO), judge_each(each.interval, inside=WORST_RATIO)]),
        reading=f"On {len(noisy)} problems and times the ratio lies between {each.estimate.min():.3f} and "
        f"{each.estimate.max():.3f}; farthest from one is {noisy[far]}, {low[far]:.3f} to "
        f"{high[far]:.3f}.",
        means="The number that mlxtend prints as bias holds the noise of the labels; most of it where the noise is large.",
        theory=1.0,
        reference={"lower bar": RATIO[0], "upper bar": RATIO[1]},
        tables={
            "Bias², and what the formulas add to it": {
                "problem": [str(row) for row in noisy], "bias²": [row.exact for row in noisy],
                "noise": [noise[row.problem] for row in noisy], "variance of the mean": [row.excess for row in noisy],
                "ratio found": each,
            }
        },
        figures={
            "What the formulas add, over noise + variance of the mean: one everywhere": ratios_by_problem(noisy, tool, each)
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """jaxdl, which adds nothing."""
    return judged(lab, OURS)

"""A plug-in bias² contains the variance of the mean of the runs, variance/K for K independent ones.

Source: scikit-learn's example "single estimator versus bagging", where it is all of the bias² printed for a tree.
Theory: E|mean prediction - truth|² = bias² + variance of the mean, sum_u V_u / (levels of u) for crossed sources.
Scope: The problems of `jaxdl.truths`, 50 runs or 16 x 8.
Looks: Judged before at seed 0.
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.certify.tools import MLXTEND, OURS, SKLEARN, answers, of_kind, ratios_by_problem
from jaxdl.statistics import judge, means

RATIO = (0.9, 1.1)
SIZES = {
    "quick": {"studies": 12, "problems": 16},
    "full": {"studies": 1000, "seed": 26},
    "smallest": {"studies": 30, "problems": 2},
}
CRITERION = f"""What scikit-learn's recipe adds to our estimate from the same runs, divided by the exact variance of the mean and
averaged over problems, lies within {RATIO} (95 % interval over studies)."""


def judged(lab: Lab, tool: str = SKLEARN) -> Finding:
    """The difference of two estimates from the same runs, over what theory says that it is."""
    rows = of_kind(answers(lab), "bias_squared")
    ratios = np.array([(row.estimates[tool] - row.estimates[OURS]) / row.excess for row in rows])
    overall, each = means(ratios.mean(axis=0)), means(ratios)
    seen = [row for row in rows if row.excess > 4 * row.estimates[tool].std(ddof=1) / lab["studies"] ** 0.5]
    return Finding(
        what="what a plug-in adds to bias² over the variance of the mean, over problems",
        shown=overall,
        verdict=judge(overall.interval, inside=RATIO),
        reading=f"The ratio lies between {each.estimate.min():.3f} and {each.estimate.max():.3f} on {len(rows)} problems and "
        f"times. On {len(seen)} the excess is larger than 4 standard errors of the average over {lab['studies']} studies: "
        "elsewhere it goes unseen.",
        theory=1.0,
        reference={"lower bar": RATIO[0], "upper bar": RATIO[1]},
        tables={
            "Bias², and what a plug-in adds to it": {
                "problem": [str(row) for row in rows], "bias²": [row.exact for row in rows],
                "variance of the mean": [row.excess for row in rows], "ratio found": each,
            }
        },
        figures={
            "What a plug-in adds to bias², over the variance of the mean: one everywhere": ratios_by_problem(rows, tool, each)
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A recipe whose bias² holds the noise as well."""
    return judged(lab, MLXTEND)

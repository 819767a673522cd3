"""On problems whose answer is known, jaxdl's 95 % intervals hold the exact value as often as they say, up to five points.

Source: The closed forms of `jaxdl.truths`, each with its own.
Theory: 95 % for normal effects in large designs.
Scope: The problems of `jaxdl.truths` whose runs are fresh draws, at one size each: 50 runs, 16 x 8 or 8 x 8 x 8.
Looks: Judged before at seed 0, as a part of CERT6, by the average over terms.
See: CERT1 (the same studies), CERT6 (the same intervals on sums of effects).
"""

from collections.abc import Callable

import numpy as np

from experiments.book.finding import Finding, judge_each
from experiments.book.lab import Lab
from experiments.certify.tools import Row, answers
from jaxdl import plots
from jaxdl.statistics import share, stacked

LEAST = 0.9
CONDITIONAL = "bootstrap, 20 of 20"
SIZES = {
    "quick": {"studies": 24, "problems": 16},
    "full": {"studies": 1000, "seed": 26},
    "smallest": {"studies": 30, "problems": 2},
}
CRITERION = f"""The share of intervals that hold the exact value is at least {LEAST:.0%} for every term that runs affect (Wilson
intervals, Bonferroni over terms). "{CONDITIONAL}" is left out, whose intervals speak of one data set, not of the average over
data sets."""


def judged(lab: Lab, moved: Callable[[Row], float] = lambda _: 0.0) -> Finding:
    """The term with the fewest is shown; `moved` is added to the exact values."""
    rows = [row for row in answers(lab) if row.problem != CONDITIONAL and row.low is not None and row.term != "noise"]
    holds = [
        (row.low - row.slack <= row.exact + moved(row)) & (row.exact + moved(row) <= row.high + row.slack)
        for row in rows
    ]
    shares = [share(each, level=1 - 0.05 / len(rows)) for each in holds]
    order = np.argsort([each.estimate for each in shares])
    worst = int(order[0])
    few = [int(place) for place in order[:12]]
    return Finding(
        what=f"coverage of the worst term: {rows[worst]}",
        shown=shares[worst],
        verdict=judge_each(stacked(shares).interval, inside=(LEAST, 1.0)),
        reading=f"On average over {len(rows)} terms {np.mean([each.estimate for each in shares]):.1%} hold, of the worst "
        f"{shares[worst].estimate:.1%}; {sum(each.estimate < 0.92 for each in shares)} terms are below 92 %.",
        reference={"bar": LEAST, "nominal": 0.95},
        ends="simultaneous 95 % interval",
        tables={"How often 95 % intervals hold": {"term": [str(row) for row in rows], "share": stacked(shares)}},
        figures={
            "Coverage of the twelve terms with the lowest shares, simultaneous intervals": plots.rows(
                [str(rows[place]) for place in few], {"share that holds": stacked(shares[place] for place in few)},
                xlabel="share that hold", levels={"bar": LEAST, "nominal": 0.95},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The intervals of other numbers: the exact values, moved by three standard deviations of a study."""
    return judged(lab, lambda row: 3 * float(row.estimates["jaxdl"].std(ddof=1)))

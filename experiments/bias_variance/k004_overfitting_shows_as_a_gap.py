"""Overfitting shows as a low training and a high test error, when examples are few or capacity is large; underfitting as two high
errors.

Source: S0, on overfitting and underfitting; Geman, Bienenstock & Doursat (1992).
Textbook: ESL 7.4, Deep Learning 5.2.
Theory: Expected optimism at the inputs, 2 σ²p/n.
Scope: One curve with noise 0.3 at fixed, even inputs.
Looks: Full runs were made at seed 0, that of the quick profile; the full profile has seed 1 since.
"""

import numpy as np

from experiments.bias_variance.polynomials import NOISE_STD, NUM_BATCHES, polynomials, run_other
from experiments.book.finding import Finding
from experiments.book.lab import Lab
from jaxdl import plots
from jaxdl.statistics import Estimate, holm, judge, judge_all, judge_test, means, stacked, trend_test

LEVEL = 0.01
TIMES = 1.5
SIZES = {"quick": {"runs": 500}, "full": {"runs": 5000, "seed": 1}, "smallest": {"runs": 100}}
CRITERION = f"""Degrees 1 to 9, n = 20 to 160: the gap between the risk on fresh labels of the same inputs and on the training
labels falls with n and rises with degree (exact trend tests over 20 batches, largest Holm-adjusted p < {LEVEL}); a line's
risks, and the training risk of descent with too small a step, stay above {TIMES} times the noise."""

DEGREES, EXAMPLES = (1, 3, 5, 9), (20, 40, 80, 160)
GRID = [(degree, size) for degree in DEGREES for size in EXAMPLES]


def judged(lab: Lab, sign: int = 1) -> Finding:
    """A grid of degrees and sizes; a negative sign counts the gap the wrong way."""
    runs = polynomials(lab, "grid", [(degree, size, NOISE_STD) for degree, size in GRID], lab["runs"])
    slow = run_other(lab, "small step")
    train, again = (np.asarray(runs.aux[name], float) for name in ("train", "again"))
    gaps = sign * (again - train)
    gap = gaps.reshape(len(DEGREES), len(EXAMPLES), NUM_BATCHES, -1).mean(axis=-1)
    falls = [trend_test(-gap[row].T) for row in range(len(DEGREES))]
    rises = [trend_test(gap[:, column].T) for column in range(len(EXAMPLES))]
    p_value = float(holm(np.array(falls + rises)).max())
    backwards = min(trend_test(gap.mean(axis=0).T), trend_test(-gap.mean(axis=1).T))

    line, noise = GRID.index((1, 80)), NOISE_STD**2
    underfit = {
        "line, training": means(train[line]),
        "line, fresh labels": means(again[line]),
        "small step, training": means(np.asarray(slow.aux["train"], float)),
    }
    high = [judge(each.interval, inside=(TIMES * noise, np.inf)) for each in underfit.values()]
    optimism = means(gaps[GRID.index((9, 40))])
    return Finding(
        what="gap between fresh and training labels at degree 9, n = 40",
        shown=Estimate(float(optimism.estimate), optimism.interval),
        verdict=judge_all([*high, judge_test(p_value, backwards, level=LEVEL)]),
        reading=f"The gap falls with n and rises with degree (largest p = {p_value:.1e}). Underfitting: "
        + ", ".join(f"{name} {float(each.estimate):.3f}" for name, each in underfit.items())
        + f", against noise {noise:.3f}.",
        theory=2 * noise * 10 / 40,
        tables={
            "Gap between fresh and training labels": {
                "degree": DEGREES,
                **{f"n = {size}": means(gaps[place :: len(EXAMPLES)]) for place, size in enumerate(EXAMPLES)},
            },
            "Risks of what underfits": {"learner": list(underfit), "risk": stacked(underfit.values())},
        },
        figures={
            "The gap falls with the number of examples and rises with the degree": plots.against(
                np.array(EXAMPLES),
                {
                    f"degree {degree}": means(gaps[row * len(EXAMPLES) : (row + 1) * len(EXAMPLES)])
                    for row, degree in enumerate(DEGREES)
                },
                log=True, xlabel="training examples n", ylabel="risk on fresh labels less that on training labels",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The gap counted the wrong way."""
    return judged(lab, sign=-1)

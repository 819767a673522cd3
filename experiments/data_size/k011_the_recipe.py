"""Training and validation error lead to the right remedy, whatever is wrong.

Says: From training and validation error one sees whether a model is too small, needs more data, or is badly optimised.
Source: S0, S1 and S4: the recipe against underfitting and overfitting.
Textbook: Deep Learning 11.4.
Theory: Noise in labels raises training and validation error alike, as too little capacity does. The error on 200 validation
    examples has itself a relative standard error of a tenth: a gap of a tenth is often chance.
Errs: "The gap between the training and the validation loss at the end of the curves is the bias." (S0): Bias is the distance from
    the achieved loss to the desired one, or to the noise floor. The gap between the curves is no measure of it.
Scope: Linear models of 16 features trained by gradient descent; four causes from severe to slight, of laws chosen here; 200
    validation examples.
Looks: Sizes were settled at seed 0, and a full run was made at seed 1. Its verdict was that of all causes together, and its
    reference was the noise of clean labels, so that the share of noisy cases decided it. Each cause has a verdict of its own
    since, and the reference the noise of the labels; settled at seed 0, on 400 cases.
"""

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.data_size import cases
from experiments.data_size.cases import CAUSES, REMEDIES, Diagnose, recipes
from jaxdl import designs, plots
from jaxdl.decomposition import Target
from jaxdl.diagnostics import Remedy
from jaxdl.statistics import judge, judge_all, share, stacked

RIGHT = 0.8
WORTHWHILE = 0.1
SIZES = {
    "quick": {"cases": 64, "runs": 16},
    "full": {"cases": 1000, "runs": 32, "seed": 26},
    "smallest": {"cases": 48, "runs": 4},
}
CRITERION = f"""Of each of four causes (too little capacity, too few data, steps too small, noise alone), the recipe names in
at least {RIGHT:.0%} of the cases the remedy of four that lowers the risk most, or none where each lowers it by less than
{WORTHWHILE:.0%} (Wilson 95 % intervals, Bonferroni over causes). Its reference is the noise of these labels, the best possible;
gaps count by their estimates, as in the texts. Restricted when it does for the first three, and fails for noise alone, which is
shown."""

RECIPES = recipes(WORTHWHILE)
CONDITION = (
    "Where a remedy helps, and the noise of the labels is known. Where nothing but noise is wrong, the recipe often asks "
    "for data that would not help."
)


def judged(lab: Lab, diagnose: Diagnose = RECIPES) -> Finding:
    """Each remedy of each case is tried; the recipe sees two errors of one data set."""
    drawn = cases.draw_cases(lab.generator("cases"), lab["cases"])
    tried = lab.decompose(
        "remedied", cases.remedied, designs.independent(lab["runs"], "data"), block=32,
        target=Target(mean=np.zeros(cases.NUM_TEST_POINTS)), settings=cases.with_remedies(drawn),
    )  # fmt: skip
    seen = lab.run("seen", cases.measured_errors, designs.independent(1, "data"), settings=drawn, block=1)
    best = cases.best_remedies(cases.shares_removed(tried.excess_risk, drawn["noise_std"]), WORTHWHILE)
    named = [diagnose(seen.outputs, case) for case in range(lab["cases"])]
    chosen = {name: np.array([REMEDIES.index(each[name]) for each in named]) for name in named[0]}
    cause = np.arange(lab["cases"]) % len(CAUSES)

    found = {
        name: [share((remedy == best)[cause == place], level=1 - 0.05 / len(CAUSES)) for place in range(len(CAUSES))]
        for name, remedy in chosen.items()
    }
    judged_by = next(iter(found))
    *curable, noise = (judge(each.interval, inside=(RIGHT, 1.0)) for each in found[judged_by])
    asked = chosen[judged_by][cause == len(CAUSES) - 1]
    by_cause = {name: stacked(shares) for name, shares in found.items()}
    return Finding(
        what=f"share of cases in which the recipe names the best remedy, {CAUSES[-1]}",
        shown=found[judged_by][-1],
        verdict=restricted(judge_all(curable), noise, CONDITION),
        reading="Right by cause: "
        + "; ".join(
            f"reference {name}, "
            + ", ".join(f"{cause} {each:.0%}" for cause, each in zip(CAUSES, row.estimate, strict=True))
            for name, row in by_cause.items()
        )
        + f". With {judged_by} it asks in {np.mean(asked == 1):.0%} of the cases of noise alone for more data.",
        reference={"bar": RIGHT},
        ends="family-wise 95 % interval",
        tables={
            "Share of cases in which the recipe names the best remedy, by cause": {
                "cause": CAUSES,
                "cases": np.bincount(cause),
                "as caused": [float(np.mean((best == place)[cause == place])) for place in range(len(CAUSES))],
                **by_cause,
            }
        },
        figures={
            "The recipe finds what a remedy mends; it takes noise for something else": plots.rows(
                CAUSES, by_cause, xlabel="share of cases with the best remedy named", levels={"bar": RIGHT}
            )
        },
    )


def control(lab: Lab) -> Finding:
    """A recipe that always asks for more capacity."""
    return judged(lab, lambda *_: {"always": Remedy.CAPACITY})

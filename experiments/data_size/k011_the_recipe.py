"""Training and validation error lead to the right remedy.

Source: S0, S1 and S4: the recipe against underfitting and overfitting.
Textbook: Deep Learning 11.4.
Theory: Noise in labels raises training and validation error alike, as too little capacity does.
Errs: "The gap between the training and the validation loss at the end of the curves is the bias." (S0): Bias is the distance from
    the achieved loss to the desired one, or to the noise floor. The gap between the curves is no measure of it.
Scope: Linear models of 16 features trained by gradient descent; four causes, a quarter of the cases each.
Looks: The sizes of the studies were settled at seed 0; the full profile has seed 1.
"""

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.data_size import cases
from experiments.data_size.cases import CAUSES, REMEDIES, Diagnose, recipes
from jaxdl import designs, plots
from jaxdl.decomposition import Target
from jaxdl.diagnostics import Remedy
from jaxdl.statistics import judge, share, stacked

RIGHT = 0.8
WORTHWHILE = 0.1
SIZES = {
    "quick": {"cases": 48, "runs": 16},
    "full": {"cases": 800, "runs": 64, "seed": 1},
    "smallest": {"cases": 24, "runs": 4},
}
CRITERION = f"""In at least {RIGHT:.0%} of the cases, of four causes from severe to slight, the recipe names the remedy of four
that lowers the risk most, or none where each lowers it by less than {WORTHWHILE:.0%} (Wilson 95 % interval). The reference is the
error that is possible with clean labels; gaps count by their estimates, as in the texts. Restricted when this fails, but not
with the noise estimated from 100 repeated labels."""

RECIPES = recipes(WORTHWHILE)


def judged(lab: Lab, diagnose: Diagnose = RECIPES) -> Finding:
    """Each remedy of each case is tried; the recipe sees two errors of one data set."""
    drawn = cases.draw_cases(lab.generator("cases"), lab["cases"])
    tried = lab.decompose(
        "remedied", cases.remedied, designs.independent(lab["runs"], "data"), block=32,
        target=Target(mean=np.zeros(cases.NUM_TEST_POINTS)), settings=cases.with_remedies(drawn),
    )  # fmt: skip
    seen = lab.run("seen", cases.measured_errors, designs.independent(1, "data"), settings=drawn, block=1)
    shares = cases.shares_removed(tried.excess_risk, drawn["noise_std"])
    best = cases.best_remedies(shares, WORTHWHILE)
    named = [diagnose(seen.outputs, case) for case in range(lab["cases"])]
    right = {name: np.array([REMEDIES.index(each[name]) for each in named]) == best for name in named[0]}

    found = {name: share(row) for name, row in right.items()}
    reference, estimated = (judge(each.interval, inside=(RIGHT, 1.0)) for each in list(found.values())[:2])
    cause = np.arange(lab["cases"]) % len(CAUSES)
    groups = {**{name: cause == place for place, name in enumerate(CAUSES)}, "all": cause >= 0}
    first, second = list(right)[:2]
    by_cause = {name: [float(row[chosen].mean()) for chosen in groups.values()] for name, row in right.items()}
    return Finding(
        what="share of cases in which the recipe names the best remedy, clean noise as its reference",
        shown=found[first],
        verdict=restricted(
            estimated,
            reference,
            "The reference holds the noise of these labels, estimated from repeated ones: the recipe cannot see noise by itself.",
        ),
        reading=f"Right in {right[first].mean():.0%} of cases, with the noise estimated in {right[second].mean():.0%}. "
        f"Where noise alone is wrong: {by_cause[first][3]:.0%} and {by_cause[second][3]:.0%}; elsewhere "
        f"{right[first][cause < 3].mean():.0%} and {right[second][cause < 3].mean():.0%}.",
        reference={"bar": RIGHT},
        tables={
            "Share of cases in which the recipe names the best remedy, by cause": {
                "cause": list(groups),
                "cases": [int(chosen.sum()) for chosen in groups.values()],
                "as caused": [float(np.mean((best == cause)[chosen])) for chosen in groups.values()],
                **by_cause,
            }
        },
        figures={
            "The recipe does not see noise unless it is given an estimate": plots.rows(
                list(right),
                {"all cases": stacked(found.values())},
                xlabel="share of cases with the best remedy named (Wilson 95 %)",
                levels={"bar": RIGHT},
            )
        },
    )


def control(lab: Lab) -> Finding:
    """A recipe that always asks for more capacity."""

    def more_capacity(*_: object) -> dict[str, Remedy]:
        return dict.fromkeys(("always", "always, noise estimated"), Remedy.CAPACITY)

    return judged(lab, more_capacity)

"""A penalty on activations gives sparse codes, at hardly any cost in accuracy.

Says: A penalty on activations makes the representation sparse, which penalises the parameters indirectly.
Source: S1, on sparse representations; Goodfellow, Bengio & Courville (2016).
Textbook: Deep Learning 7.10.
Scope: Digits, 300 to train on, drawn from a pool of which networks share digits; one hidden layer of 32 units.
Looks: Full runs were made at seeds 0 and 1, with intervals over networks alone. Earlier looks saw all digits; the
    sealed third dates from 2026-11-26.
"""

import numpy as np
from jaxtyping import Float

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.penalties.digits import ACTIVITIES, DECAYS, sparse_codes
from jaxdl import plots
from jaxdl.statistics import judge, judge_all, judge_test, means, trend_test, two_way

COST = 0.01
SIZES = {
    "quick": {"networks": 16, "steps": 150, "sealed": False},
    "full": {"networks": 96, "steps": 400, "sealed": True, "seed": 26},
    "smallest": {"networks": 4, "steps": 40},
}
CRITERION = f"""L1 of hidden activations: the share of active units on test digits falls with the strength (exact trend
test, p < 0.01); and at the smallest strength that halves it on validation digits, chosen for each network, accuracy on
test digits is less than {COST:.0%} below that without a penalty (95 % interval of the paired loss over networks and
digits, shown)."""


def halving(active: Float[np.ndarray, "strengths networks"]) -> np.ndarray:
    """For each network the smallest strength that halves the active share; the largest where none does."""
    is_half = active <= active[0] / 2
    is_half[-1] = True
    return np.argmax(is_half, axis=0)


def judged(lab: Lab, sign: int = 1) -> Finding:
    """Chosen on validation digits, told on test digits."""
    outputs, num, networks = sparse_codes(lab).outputs, len(ACTIVITIES), np.arange(lab["networks"])
    chosen, active = halving(np.array(outputs["validation"][:num])), outputs["test"]
    right = np.asarray(outputs["right"], float)
    loss = two_way(right[0] - right[chosen, networks])
    share = means(active[chosen, networks] / active[0])
    decayed, accuracy = active[num:].mean(axis=1), means(right.mean(axis=2))
    on_test = sign * active[:num].T
    return Finding(
        what="accuracy lost at half of the active units",
        shown=loss,
        verdict=judge_all(
            [
                judge_test(trend_test(-on_test), trend_test(on_test)),
                judge(loss.interval, inside=(-1.0, COST)),
            ]
        ),
        reading=f"Of all units {active[0].mean():.0%} are active without a penalty and {active[num - 1].mean():.0%} at the "
        f"largest; at the strength chosen {share.estimate:.0%} of the former, for {100 * loss.estimate:+.2f} points of accuracy "
        f"lost. Weight decay leaves {decayed.min():.0%} or more active: it is the penalty on activations that does it.",
        reference={"bar (upper)": COST},
        tables={
            "Means over networks ± s.e.": {
                "activity": [*ACTIVITIES, *[0.0] * len(DECAYS)], "decay": [*[0.0] * num, *DECAYS],
                "share of active units": means(active), "accuracy on test digits": accuracy,
            }
        },
        figures={
            "Units that are active, and accuracy, by penalty": plots.rows(
                [*(f"activations, {each:g}" for each in ACTIVITIES), *(f"weight decay, {each:g}" for each in DECAYS)],
                {"share of active units": means(active), "accuracy on test digits": accuracy}, xlabel="share",
                levels={"half of those active without": float(active[0].mean() / 2)},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Units that are not active, of which the penalty makes more."""
    return judged(lab, sign=-1)

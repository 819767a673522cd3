"""Too strong weight decay leaves training stuck at weights near zero.

Says: Early stopping is safe, whereas weight decay that is too strong leads into bad local minima at small weights.
Source: S1 and S4, on weight decay; Goodfellow, Bengio & Courville (2016).
Textbook: Deep Learning 7.8.
Theory: Zero is a critical point of two or more layers. For linear networks its Hessian is λ ± the singular values of
    X'y/n with two layers, and λ with more: a minimum at every λ > 0 (Ziyin, Li & Meng, 2022). Where X'y = 0 it is λ
    with two layers as well.
Errs: "Early stopping is safe, whereas strong weight decay gets trapped at small weights." (S1): Of two linear layers,
    weights that collapse to zero are the minimum of the penalised objective: a property of the objective, no trap of
    the search. Early stopping has a strength to tune too: its time.
Scope: Linear networks of 8 hidden units without biases, 40 examples of 4 inputs; one tanh network on one curve.
    Full-batch descent.
Looks: Full runs were made at seeds 0 and 1, with tanh networks on linear data, under a condition that is false of tanh
    networks. The threshold was judged with this claim, and is WD1 since.
See: WD1, K105 (the same runs; strict saddles are left, but zero under decay is a minimum)
"""

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.penalties.collapse import COLLAPSED, LESS, LOWERED, MUCH, RATIOS, curved, linear
from jaxdl import plots
from jaxdl.statistics import Estimate, judge, judge_all, share, stacked

GONE = COLLAPSED
MOST = 0.75
SIZES = {
    "quick": {"runs": 16, "steps": 500},
    "full": {"runs": 128, "steps": 1500, "seed": 26},
    "smallest": {"runs": 4, "steps": 150},
}
CRITERION = f"""A run is stuck if its weights vanish (norm below {GONE:g}) under too much decay and are still gone after
it is lowered, though a fresh start under the lower decay keeps them and ends lower. More than {MOST:.0%} of the runs
are (Wilson's 95 % interval; shown for three layers): of three linear layers, and of two tanh layers on a cubic that is
uncorrelated with its input. Restricted to these if fewer of two linear layers are. Too much is 1.05 to 1.5 times
|X'y|/n and then {LOWERED:g} times; for the cubic {MUCH:g} and then {LESS:g}."""

CONDITION = "Where zero stays a minimum under the lower decay: of three or more layers, or of two where no input is "
CONDITION += "correlated with the output. Two linear layers come back as soon as the decay is below |X'y|/n."
LAYERS = ("two linear layers", "three linear layers", "two tanh layers, X'y = 0")


def is_stuck(after: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """From what is seen, (norm, share left, objective), after each too strong decay was lowered, and from a fresh start."""
    gone = (after[:, :, :, 0] < GONE).all(axis=(1, 2))
    return gone & (fresh[:, 0] >= GONE) & (fresh[:, 2] < after[:, :, 1, 2].min(axis=1))


def judged(lab: Lab, deep: int = 3) -> Finding:
    """Three networks, each trained under too much decay and on under less."""
    networks = {LAYERS[0]: linear(lab, 2), LAYERS[1]: linear(lab, deep)}
    cubic = curved(lab)
    fresh = RATIOS.tolist().index(LOWERED)
    stuck = {name: is_stuck(seen[:, RATIOS > 1], seen[:, fresh, 0]) for name, seen in networks.items()}
    stuck[LAYERS[2]] = is_stuck(cubic[:, None, :2], cubic[:, 2])
    shares = {name: share(each) for name, each in stuck.items()}
    verdicts = {name: judge(each.interval, inside=(MOST, 1.0)) for name, each in shares.items()}
    left = {name: (seen[:, RATIOS > 1, 1, 1].mean(), seen[:, fresh, 0, 1].mean()) for name, seen in networks.items()}
    left[LAYERS[2]] = cubic[:, 1, 1].mean(), cubic[:, 2, 1].mean()
    return Finding(
        what="share of the runs of three linear layers that are stuck at zero",
        shown=Estimate(shares[LAYERS[1]].estimate, shares[LAYERS[1]].interval),
        verdict=restricted(judge_all([verdicts[name] for name in LAYERS[1:]]), verdicts[LAYERS[0]], CONDITION),
        reading="Stuck are "
        + ", ".join(f"{each.sum()} of {len(each)} runs of {name}" for name, each in stuck.items())
        + f". Under the lower decay a fresh start leaves {left[LAYERS[1]][1]:.0%} of the mean square with three linear layers, "
        f"where those that are stuck leave {left[LAYERS[1]][0]:.0%}.",
        means="Whether zero is a trap is a matter of the objective: of depth, and of what the inputs tell.",
        reference={"bar (lower)": MOST},
        tables={
            "Stuck runs, and the share of the mean square that is left after the decay is lowered": {
                "network": LAYERS,
                "stuck": stacked([shares[name] for name in LAYERS]),
                "left, lowered": [left[name][0] for name in LAYERS],
                "left, fresh": [left[name][1] for name in LAYERS],
            }
        },
        figures={
            "After too much decay two linear layers come back; others stay at zero": plots.rows(
                list(LAYERS), {"stuck": stacked([shares[name] for name in LAYERS])},
                xlabel="share of the runs stuck at zero", levels={"bar": MOST},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Two linear layers in the place of three."""
    return judged(lab, deep=2)

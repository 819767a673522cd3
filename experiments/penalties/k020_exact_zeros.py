"""An L1 penalty makes weights exactly zero; an L2 penalty does not.

Source: S0, S1 and S4, on L1; Tibshirani (1996).
Textbook: ESL 3.4.2, Deep Learning 7.1.2.
Theory: With orthonormal inputs L1 is a soft threshold, and L2 divides by a constant. A strength tuned for prediction
    keeps false inputs (Leng, Lin & Wahba, 2006).
Scope: Gaussian linear problems with 100 examples of 50 independent inputs, 5 of which matter; strong signal.
Looks: Full runs were made at seeds 0 and 1, with one sign pattern of the truth; signs are drawn since.
See: K022 (the shares of zeros at q = 1 and 2)
"""

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.penalties.sparse import EXPONENTS, NUM_FEATURES, NUM_NONZERO, exponents
from jaxdl import plots
from jaxdl.statistics import Verdict, judge, judge_all, means, share

ZEROS = 0.4
RECALL = 0.95
SIZES = {
    "quick": {"problems": 80, "steps": 150},
    "full": {"problems": 512, "steps": 300, "seed": 26},
    "smallest": {"problems": 4, "steps": 60},
}
CRITERION = f"""Both strengths tuned on validation data over one grid: the mean share of exact zeros of L1 is at least
{ZEROS:.0%} (95 % interval, shown) and of L2 none in any run; L1 keeps every input that matters on at least {RECALL:.0%}
of the problems (Wilson); and descent on the same L1 objective without a proximal step has no exact zero."""


def judged(lab: Lab, q: float = 1.0) -> Finding:
    """The penalty |w|^q in the place of L1, against L2 on the same problems."""
    runs = exponents(lab)
    first, ridge = EXPONENTS.index(q), EXPONENTS.index(2.0)
    zeros = (runs.outputs == 0).mean(axis=-1)
    made, kept = means(zeros[first]), share(runs.aux["recall"][first] == 1)
    others = max(zeros[ridge].max(), runs.aux["subgradient"][first].max())
    false = NUM_FEATURES * (1 - zeros[first].mean()) - runs.aux["recall"][first].mean() * NUM_NONZERO
    return Finding(
        what="share of the weights that L1 makes exactly zero",
        shown=made,
        verdict=judge_all(
            [
                judge(made.interval, inside=(ZEROS, 1.0)),
                judge(kept.interval, inside=(RECALL, 1.0)),
                Verdict.SUPPORTED if others == 0 else Verdict.REFUTED,
            ]
        ),
        reading=f"L1 makes {made.estimate:.0%} of the weights zero, L2 {zeros[ridge].mean():.0%}. Every input that matters is kept "
        f"on {kept.estimate:.0%} of the problems, beside {false:.1f} that do not. Subgradient descent on the same objective makes "
        f"{runs.aux['subgradient'][first].mean():.0%} zero: the step has to be a proximal one.",
        reference={"bar (lower)": ZEROS, "share that is zero in truth": 1 - NUM_NONZERO / NUM_FEATURES},
        tables={
            "Tuned on validation data, means ± s.e.": {
                "penalty": [f"q = {each:g}" for each in (q, 2.0)],
                "share of exact zeros": means(zeros[[first, ridge]]),
                "share of the inputs that matter kept": means(runs.aux["recall"][[first, ridge]]),
                "excess risk": means(runs.aux["excess"][[first, ridge]]),
            }
        },
        figures={
            "L1 makes exact zeros, L2 none": plots.rows(
                [f"penalty |w|^{each:g}" for each in (q, 2.0)], {"mean": means(zeros[[first, ridge]])},
                xlabel="share of the weights exactly zero", levels={"zero in truth": 1 - NUM_NONZERO / NUM_FEATURES},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """|w|^1.5 in its place, which has no corner."""
    return judged(lab, q=1.5)

"""With the penalty |w|^q, the smaller q up to one, the sparser the weights; above one there are no zeros.

Says: q < 1 is still sparser and not convex, q = 2 does not care for rotations, and a large q gives no sparsity.
Source: S4, on general penalties; Frank & Friedman (1993); Tibshirani (1996).
Textbook: ESL 3.4.3.
Theory: The slope of |w|^q at zero is infinite below q = 1, one at 1, and zero above.
Scope: Gaussian linear problems with 100 examples of 50 independent inputs, 5 of which matter; up to one, q = 1/2 and 1
    alone; proximal descent from zero, which for q < 1 need not find the lowest minimum.
Looks: Full runs were made at seeds 0 and 1, with one sign pattern of the truth. Several minima and rotations were
    judged with this claim, and are LQ1 and LQ2 since.
See: K020, LQ1, LQ2 (the same penalties; the shares of zeros at q = 1 and 2)
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.penalties.sparse import EXPONENTS, NUM_FEATURES, NUM_NONZERO, exponents
from jaxdl import plots
from jaxdl.statistics import Verdict, judge, judge_all, means

ORDER = EXPONENTS
SIZES = {
    "quick": {"problems": 80, "steps": 150},
    "full": {"problems": 512, "steps": 300, "seed": 26},
    "smallest": {"problems": 4, "steps": 60},
}
CRITERION = f"""q in {ORDER}, each tuned on validation data over one grid of strengths: the share of exact zeros is
larger at the first than at the second, and at the second than zero (95 % intervals, Bonferroni; the first is shown),
and no weight is zero at any of the others."""

LEAST = 1e-9
"""More than none."""


def judged(lab: Lab, order: tuple[float, ...] = ORDER) -> Finding:
    """Paired over problems."""
    runs = exponents(lab)
    rows = [EXPONENTS.index(q) for q in order]
    zeros = (runs.outputs[rows] == 0).mean(axis=-1)
    sparser, some = means(zeros[0] - zeros[1], level=0.975), means(zeros[1], level=0.975)
    return Finding(
        what=f"share of exact zeros at q = {order[0]:g} less that at {order[1]:g}",
        shown=sparser,
        verdict=judge_all(
            [
                judge(sparser.interval, inside=(LEAST, 1.0)),
                judge(some.interval, inside=(LEAST, 1.0)),
                Verdict.SUPPORTED if (zeros[2:] == 0).all() else Verdict.REFUTED,
            ]
        ),
        reading="Zeros: "
        + ", ".join(f"{each.mean():.0%} at q = {q:g}" for q, each in zip(order, zeros, strict=True))
        + ". Excess risk: "
        + ", ".join(f"{each:.2f}" for each in runs.aux["excess"][rows].mean(axis=1))
        + f". The largest residual of a solution is {runs.aux['residual'][rows].max():.0e}.",
        ends="family-wise 95 % interval",
        reference={"no difference": 0.0},
        tables={
            "Tuned on validation data, means ± s.e.": {
                "q": order,
                "share of exact zeros": means(zeros),
                "share of the inputs that matter kept": means(runs.aux["recall"][rows]),
                "excess risk": means(runs.aux["excess"][rows]),
                "median strength": np.median(runs.aux["strength"][rows], axis=1),
            }
        },
        figures={
            "The smaller q, the more weights are exactly zero": plots.against(
                np.array(order), {"mean": means(zeros)}, xlabel="q of the penalty |w|^q",
                ylabel="share of the weights exactly zero", levels={"zero in truth": 1 - NUM_NONZERO / NUM_FEATURES},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The exponents in reverse order."""
    return judged(lab, order=ORDER[::-1])

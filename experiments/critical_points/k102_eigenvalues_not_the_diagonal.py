"""The signs of the Hessian's diagonal say whether a critical point is a minimum, a maximum or a saddle.

Says: A saddle's Hessian has both signs on its diagonal; a maximum or a minimum has one sign there.
Source: S0, on saddle points.
Textbook: Deep Learning 4.3.1; UDL 20.3.
Theory: x² + 4xy + y² has diagonal (2, 2) and eigenvalues 6 and -2: one counterexample refutes. Of the Gaussian orthogonal ensemble
    with a positive diagonal, √2 - 1 are indefinite for N = 2, and 1 - 8 (π - 2√2) / (4π) for N = 3.
Errs: "The Hessian at a saddle point has 1 and -1 on its diagonal." (S0): That of x² - y² has, up to scale. In general a saddle has
    eigenvalues of both signs, whatever the diagonal.
Errs: "A point is a maximum or a minimum only if all diagonal entries of its Hessian have one sign." (S0): Its eigenvalues decide.
    The matrix ((2, 4), (4, 2)) has a positive diagonal and the eigenvalues 6 and -2. Diagonal entries of one sign are necessary,
    not sufficient, and an eigenvalue of zero leaves the matter open.
Scope: Ten polynomials of two variables, and matrices of the Gaussian orthogonal ensemble. Of three cases with an eigenvalue of
    zero "degenerate" counts as right, though one is a minimum and two are saddles.
Looks: Full looks at seeds 0 and 1 showed the share of analytic cases, which are hand-picked; a random share took its place.
"""

import math

import numpy as np

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.critical_points.matrices import ANALYTIC, BLOCK, LARGEST, analytic_kinds, name_of, positive
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, wilson_interval

SIZES = {"quick": {"blocks": 5}, "full": {"blocks": 100, "seed": 26}, "smallest": {"blocks": 2}}
CRITERION = f"""The rule is right on all of {len(ANALYTIC)} analytic cases; one counterexample refutes it. Shown is how often it
fails for random matrices of two rows with a positive diagonal (Wilson 95 % interval)."""


def judged(lab: Lab) -> Finding:
    """Analytic cases for the verdict, random matrices for how often the rule fails."""
    folded = positive(lab).outputs["folded"].sum(axis=0)
    draws = lab["blocks"] * BLOCK
    truth, by_eigenvalues, by_diagonal = analytic_kinds()
    right = {
        name: sum(a == b for a, b in zip(kinds, truth, strict=True))
        for name, kinds in {"eigenvalues": by_eigenvalues, "diagonal": by_diagonal}.items()
    }
    sizes = np.arange(1, LARGEST + 1)
    low, high = (np.asarray(end) for end in wilson_interval(draws - folded, np.full(LARGEST, draws)))
    indefinite = Estimate(1 - folded / draws, Interval(low, high))
    return Finding(
        what="share of random 2 x 2 matrices with a positive diagonal that are indefinite",
        shown=Estimate(float(indefinite.estimate[1]), Interval(float(low[1]), float(high[1]))),
        theory=math.sqrt(2) - 1,
        verdict=exact(right["diagonal"] == len(truth)),
        reading=f"It is the signs of the eigenvalues that say it: they are right on {right['eigenvalues']} of {len(truth)} cases, "
        "and call those with a zero eigenvalue and no two signs degenerate; the diagonal is right on "
        f"{right['diagonal']}. Random matrices with a positive diagonal are indefinite in "
        + ", ".join(f"{indefinite.estimate[size - 1]:.1%} of cases for N = {size}" for size in (2, 3, 5))
        + ".",
        tables={
            "The kind of a critical point": {
                "function": list(ANALYTIC),
                **{
                    name: [name_of(kind) for kind in kinds]
                    for name, kinds in {
                        "truth": truth,
                        "by eigenvalues": by_eigenvalues,
                        "by the diagonal": by_diagonal,
                    }.items()
                },
            }
        },
        figures={
            "The larger a random symmetric matrix, the less a positive diagonal says": plots.against(
                sizes,
                {"indefinite, though the diagonal is positive": indefinite},
                xlabel="N",
                ylabel="share of matrices",
            )
        },
    )

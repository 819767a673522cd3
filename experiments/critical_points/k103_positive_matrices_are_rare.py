"""The share of symmetric matrices that are positive falls faster than exponentially with their size.

Says: A hundred curvatures of one sign are as unlikely as a hundred coins that fall alike; minima are that rare.
Source: S0; Dean & Majumdar (2006); Bray & Dean (2007).
Textbook: Deep Learning 8.2.3.
Theory: Gaussian orthogonal ensemble: ln P ~ -N² ln(3) / 4; P = 1/2, (2 - √2)/4 and (π - 2√2)/(4π) for N = 1, 2, 3. Critical points
    of an isotropic Gaussian field: minima are 1/2, 1/4 and 1 / (2 + 2 (29 + 6√6) / (29 - 6√6)) of them (Bardeen et al., 1986, for
    N = 3), and by Kac and Rice e^-N to leading order: their Hessian can be shifted as a whole.
Errs: "A hundred curvatures of one sign are as unlikely as a hundred coins that fall alike." (S0): Of random symmetric matrices
    far more unlikely, since eigenvalues repel each other: exp(-N² ln(3) / 4). Minima among the critical points of an isotropic
    Gaussian field fall by e rather than 2 with each dimension.
Scope: The Gaussian orthogonal ensemble, and isotropic Gaussian fields over all heights, both up to N = 6.
Looks: Full looks at seeds 0 and 1 had the ensemble alone. Fields, which the source speaks of, are the second arm since; an earlier
    field on a torus was left out, as Euler's formula forces its shares.
See: K104, CP2 (an index that depends on the height)
"""

import math
from functools import partial

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.critical_points.matrices import BLOCK, LARGEST, of_fields, positive
from experiments.critical_points.shares import in_words, jackknifed, share, stay
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, judge, stacked

LARGER = 4
FALL = 0.5
SIZES = {"quick": {"blocks": 8}, "full": {"blocks": 100, "seed": 26}, "smallest": {"blocks": 4}}
CRITERION = f"""Of the matrices that are positive, a share stays so with one row more. Were the fall exponential, it would not
depend on N: from N = {LARGER} to {LARGER + 1} it is less than {FALL:g} times that from N = 1 to 2 (95 % jackknife t interval over
blocks of matrices). Two arms: the Gaussian orthogonal ensemble, and Hessians at critical points of an isotropic Gaussian field."""

EXACT = (0.5, (2 - math.sqrt(2)) / 4, (math.pi - 2 * math.sqrt(2)) / (4 * math.pi))
OF_FIELDS = (0.5, 0.25, 1 / (2 + 2 * (29 + 6 * math.sqrt(6)) / (29 - 6 * math.sqrt(6))))


def judged(lab: Lab, coupling: float = 1.0) -> Finding:
    """Shares of positive leading blocks, counted or weighted; entries off the diagonal are multiplied by `coupling`."""
    counts, fields = positive(lab, coupling).outputs["positive"].astype(float), of_fields(lab).outputs
    arms = {
        "random matrices": [np.full_like(counts, BLOCK), counts],
        "critical points of a field": [fields["all"], fields["minima"]],
    }
    shares = {name: [jackknifed(partial(share, n=n), arm) for n in range(LARGEST)] for name, arm in arms.items()}
    stays = {name: [jackknifed(partial(stay, n=n), arm) for n in range(1, LARGER + 1)] for name, arm in arms.items()}
    falls = [jackknifed(lambda a: stay(a, LARGER) / stay(a, 1), arm) for arm in arms.values()]
    first, second = (judge(fall.interval, inside=(0.0, FALL)) for fall in falls)
    sizes = np.arange(1, LARGEST + 1)
    return Finding(
        what="share of positive random matrices that stay so from N = 2 to 3",
        shown=stays["random matrices"][1],
        verdict=restricted(
            first,
            second,
            "Of the Gaussian orthogonal ensemble; at critical points of an isotropic Gaussian field, over all heights, the share "
            "falls nearly exponentially.",
        ),
        reading=f"From N = 1 on the share that stays is {in_words(stays['random matrices'])} for random matrices, a fall to "
        f"{falls[0].estimate:.2f} times the first (at most {falls[0].interval.high:.2f}), and "
        f"{in_words(stays['critical points of a field'])} for critical points, to {falls[1].estimate:.2f} times (at least "
        f"{falls[1].interval.low:.2f}); coins keep 0.5.",
        theory=EXACT[2] / EXACT[1],
        reference={"coins": 0.5, "fields, as N grows": 1 / math.e},
        tables={
            "Share that is positive": {
                "N": sizes,
                "random matrices": stacked(shares["random matrices"]),
                "exact": [*(f"{exact:.5f}" for exact in EXACT), *[""] * (LARGEST - 3)],
                "critical points of a field": stacked(shares["critical points of a field"]),
                "exact, fields": [*(f"{exact:.5f}" for exact in OF_FIELDS), *[""] * (LARGEST - 3)],
                "coins": 0.5**sizes,
            }
        },
        figures={
            "Positive random matrices are far rarer than coins that all fall alike; minima of fields are not": plots.against(
                sizes, {**{name: stacked(each) for name, each in shares.items()},
                        "coins": Estimate(0.5**sizes, Interval(0.5**sizes, 0.5**sizes))},
                log=True, xlabel="N", ylabel="share that is positive",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Diagonal matrices, whose signs are independent."""
    return judged(lab, coupling=0.0)

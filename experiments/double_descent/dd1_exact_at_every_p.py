"""Least squares on p of D Gaussian features has the exact bias², variance by source and risk at every p.

Source: Belkin, Hsu & Xu (2020), Theorem 1, for the risk; the split by source is jaxdl's.
Textbook: UDL 8.4.
Theory: For normal errors 0.9973 of the terms lie within 3 standard errors.
Scope: n = 40 and D = 100, noise 0.3.
Looks: Sizes were chosen on pilot runs, and full runs were made at seed 0; the full profile has seed 1 since.
"""

import numpy as np

from experiments.book.finding import Finding, exact, terms_of
from experiments.book.lab import Lab
from experiments.double_descent.linear import GAP, NOISE_STD, N, P, exact_terms, linear
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval

AGREEMENT = 0.95
ERRORS = 3
SIZES = {
    "quick": {"inputs": 256, "labels": 16},
    "full": {"inputs": 2048, "labels": 32, "seed": 1},
    "smallest": {"inputs": 48, "labels": 4},
}
CRITERION = f"""At least {AGREEMENT:.0%} of the terms with |p - n| >= 5 lie within {ERRORS} standard errors of the exact ones. Terms
share random numbers, so that their count has no interval."""

TERMS = {
    "bias²": "bias_squared",
    "variance: inputs": "variance[inputs]",
    "variance: inputs × label noise": "variance[inputs, labels]",
    "variance: label noise": "variance[labels]",
    "risk": "risk",
}


def judged(lab: Lab, noise_std: float = NOISE_STD) -> Finding:
    """One study at all p, held against the exact terms of the noise that is given."""
    result, expected = linear(lab, lab["inputs"], lab["labels"]), exact_terms(noise_std)
    measured = terms_of(result, TERMS)
    is_claimed = np.abs(P - N) >= GAP
    scores = {
        name: np.where(is_claimed, (each.estimate - expected[TERMS[name]]) / each.standard_error, np.nan)
        for name, each in measured.items()
    }
    away = terms_of(result, TERMS, at=is_claimed)
    found = np.abs(np.concatenate([values[is_claimed] for values in scores.values()]))
    share = float(np.mean(found <= ERRORS))
    return Finding(
        what=f"share of the terms within {ERRORS} standard errors of the exact ones",
        shown=Estimate(share, Interval(np.nan, np.nan)),
        verdict=exact(bool(share >= AGREEMENT)),
        reading=f"{share:.1%} of {found.size} terms do; the largest distance is {found.max():.1f} standard errors, and the root "
        f"mean square {np.sqrt(np.mean(found**2)):.2f}.",
        reference={"for normal errors": 0.9973, "bar": AGREEMENT},
        tables={
            f"{name}: measured ± s.e., exact, and their distance in s.e. (none for |p - n| < {GAP})": {
                "p": P, name: each, "exact": expected[TERMS[name]], "z": scores[name],
            }
            for name, each in measured.items()
        },
        figures={
            "Bias² does not notice where parameters meet examples; the variance diverges there": plots.against(
                P[is_claimed],
                {name: each for name, each in away.items() if name != "variance: label noise"},
                log=True, xlabel="p, Gaussian features in use", ylabel="squared error",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The exact terms of another noise."""
    return judged(lab, noise_std=2 * NOISE_STD)

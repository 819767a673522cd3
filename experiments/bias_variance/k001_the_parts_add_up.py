"""The expected squared error at fixed points is the sum of bias², variance and noise.

Says: The expected error splits into bias², variance and noise.
Source: S0 and S4, on bias and variance; Geman, Bienenstock & Doursat (1992).
Textbook: ESL 7.3, UDL 8.2, Deep Learning 5.4.
Theory: An identity, when bias² is estimated without its inflation by variance/K.
Errs: "The generalisation error is the gap between training and general error, and splits into bias, variance and noise." (S0):
    It is the expected squared test error that splits; the gap between training and test error is another quantity.
Errs: "The expected error is bias² plus variance." (S4): That is the error against the true function. Against labels, noise is
    a third part.
Scope: One curve with noise 0.3 at fixed, even inputs; two polynomials, ridge and a small network.
Looks: Full runs were made at seeds 0 and 1, with bias² and variance from the same runs: their sum was the mean excess risk by
    algebra, whatever the parts. Each part comes from other runs since, and is held against its exact value; settled at seed 0.
"""

from functools import partial
from typing import Any

import numpy as np

from experiments.bias_variance.polynomials import NOISE_STD, by_degree, decomposed, exact_terms, run_other
from experiments.book.finding import Finding, equivalent, exact, in_words
from experiments.book.lab import Lab
from jaxdl import plots
from jaxdl.decomposition.derive import Derived
from jaxdl.statistics import Estimate, judge_all, means, stacked, t_interval

MARGIN = 0.01
SIZES = {"quick": {"runs": 4000}, "full": {"runs": 20_000, "seed": 26}, "smallest": {"runs": 400}}
CRITERION = f"""Risk on independent test labels, less bias², variance and noise, for a polynomial, ridge and a network: within
{MARGIN:.0%} of the risk, where bias² is estimated from one third of the runs, variance from another and risk from the last. And
bias² and variance of degrees 1 and 3, each within {MARGIN:.0%} of the risk of its exact value (two one-sided tests at 5 % each)."""


def judged(lab: Lab, noise: float = NOISE_STD**2) -> Finding:
    """Sums of three learners, with the noise that is given; and the parts of two."""
    capacity = by_degree(lab)
    others = {name: run_other(lab, name) for name in ("ridge", "network")}
    studies = {"sum, degree 3": (capacity.aux["test"][3], capacity.outputs[3])}
    studies |= {f"sum, {name}": (runs.aux["test"], runs.outputs) for name, runs in others.items()}

    found, parts = {}, {}
    for name, (test, outputs) in studies.items():
        of_bias, of_variance, _ = (decomposed(third) for third in np.array_split(np.asarray(outputs), 3))
        risk = means(np.array_split(np.asarray(test, float), 3)[2])
        terms = float(of_bias["bias_squared"]), float(of_variance["total_variance"]), noise
        errors = (
            of_bias.standard_errors["bias_squared"],
            of_variance.standard_errors["total_variance"],
            risk.standard_error,
        )
        rest, error = (float(risk.estimate) - sum(terms)) / risk.estimate, np.linalg.norm(errors) / risk.estimate
        freedom = np.asarray(of_variance.degrees_of_freedom["total_variance"])
        found[name] = Derived(rest, error, freedom, t_interval(rest, error, freedom))
        parts[name] = (*terms, float(risk.estimate))
    for degree in (1, 3):
        bias, variance = exact_terms(degree)
        above, result = bias + variance + NOISE_STD**2, decomposed(capacity.outputs[degree])
        for name, term, known in (("bias²", "bias_squared", bias), ("variance", "total_variance", variance)):
            found[f"{name}, degree {degree}"] = result.derive(partial(_difference, term=term, known=known, risk=above))
    worst = max(found, key=lambda name: abs(float(found[name].estimate)))
    excluded = max(float(np.abs(np.asarray(t_interval(*each[:3], level=0.9))).max()) for each in found.values())
    columns = dict(zip(("bias²", "variance", "noise", "risk"), zip(*parts.values(), strict=True), strict=True))
    return Finding(
        what=f"relative difference, {worst}",
        shown=Estimate(found[worst].estimate, t_interval(*found[worst][:3], level=1 - 0.05 / len(found))),
        verdict=exact(judge_all([equivalent(each, MARGIN) for each in found.values()])),
        reading=f"The parts add up to the risk, and are the exact ones: differences relative to the risk {in_words(found, 4)}. "
        f"Errors above {excluded:.2%} of the risk are excluded.",
        theory=0.0,
        ends="family-wise 95 % interval",
        reference={"lower bar": -MARGIN, "upper bar": MARGIN},
        tables={"The parts and the risk, each from other runs": {"learner": list(parts), **columns}},
        figures={
            "The risk is the sum of the parts, and each part is the exact one": plots.rows(
                list(found), {"difference": stacked(found.values())}, xlabel="difference / risk",
                levels={f"{sign * MARGIN:+.0%}": sign * MARGIN for sign in (-1, 1)},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A sum with twice the noise."""
    return judged(lab, noise=2 * NOISE_STD**2)


def _difference(t: Any, term: str, known: float, risk: float) -> Any:
    return (t[term] - known) / risk

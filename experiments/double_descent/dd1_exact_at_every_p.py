"""Least squares on p of D Gaussian features has the exact bias², variance by source and risk at every p at least 8 from n.

Says: The test risk of least squares on p of D features is known at every p, and infinite at p = n.
Source: Belkin, Hsu & Xu (2020), Theorem 1, for the risk; the split by source is jaxdl's.
Textbook: UDL 8.4.
Theory: A rational function of p below n - 1 and beyond n + 1, infinite between.
Scope: n = 40 and D = 100, noise 0.3; p from 4 to 32 and from 48 to 100. Nearer to n the errors of measured terms have no finite
    variance.
Looks: Sizes were chosen on pilot runs, and full runs were made at seeds 0 and 1. They counted terms within 3 standard errors, from
    5 away from n on: too large errors would have passed. A margin, in units of the risk, took its place; settled at seed 0.
"""

import numpy as np

from experiments.book.finding import Finding, exact, terms_of
from experiments.book.lab import Lab
from experiments.double_descent.linear import GAP, NOISE_STD, N, P, at_the_peak, exact_terms, linear
from jaxdl import plots
from jaxdl.decomposition.derive import Derived
from jaxdl.statistics import Estimate, Interval, judge, judge_all, t_interval

MARGIN = 0.1
SIZES = {
    "quick": {"inputs": 192, "labels": 16},
    "full": {"inputs": 2048, "labels": 32, "seed": 26},
    "smallest": {"inputs": 48, "labels": 4},
}
CRITERION = f"""Each of bias², the variances by source and the risk, at each p with |p - n| >= {GAP}, lies within {MARGIN:.0%} of
the exact risk of its own exact value (two one-sided tests at 5 % each). The farthest is shown."""

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
    is_claimed = np.abs(P - N) >= GAP
    risk = expected["risk"][is_claimed]

    def differences(term: str) -> Derived:
        return result.derive(lambda t: (t[term][is_claimed] - expected[term][is_claimed]) / risk, level=0.9)

    found = {name: differences(term) for name, term in TERMS.items()}
    rows = {
        (name, p): Interval(*ends)
        for name, each in found.items()
        for p, ends in zip(P[is_claimed], zip(*map(np.asarray, each.interval), strict=True), strict=True)
    }
    name = max(found, key=lambda name: np.abs(found[name].estimate).max())
    place = int(np.abs(found[name].estimate).argmax())
    of_worst = [each[place] for each in found[name][:3]]
    excluded = max(max(-float(ends.low), float(ends.high)) for ends in rows.values())
    away = terms_of(result, TERMS, at=is_claimed)
    shown = {head: each for head, each in away.items() if head != "variance: label noise"}
    return Finding(
        what=f"difference from the exact term as a share of the exact risk, {name} at p = {P[is_claimed][place]}",
        shown=Estimate(float(of_worst[0]), Interval(*map(float, t_interval(*of_worst, level=1 - 0.05 / len(rows))))),
        verdict=exact(judge_all([judge(ends, inside=(-MARGIN, MARGIN)) for ends in rows.values()])),
        reading=f"Of {len(TERMS)} terms at {is_claimed.sum()} sizes none lies farther from the exact one than "
        f"{abs(float(of_worst[0])):.1%} of the risk; errors above {excluded:.1%} are excluded.",
        theory=0.0,
        ends="family-wise 95 % interval",
        reference={"lower bar": -MARGIN, "upper bar": MARGIN},
        tables={
            f"{head}: measured ± s.e., exact, and their difference as a share of the risk": {
                "p": P[is_claimed], head: each, "exact": expected[TERMS[head]][is_claimed], "difference": found[head].estimate,
            }
            for head, each in away.items()
        },
        figures={
            "Bias² does not notice where parameters meet examples; the variance diverges there": at_the_peak(
                plots.against(P[is_claimed], shown, log=True, xlabel="p, Gaussian features in use", ylabel="squared error"),
                [expected[TERMS[head]] for head in shown],
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The exact terms of another noise."""
    return judged(lab, noise_std=2 * NOISE_STD)

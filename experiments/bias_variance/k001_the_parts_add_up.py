"""The expected squared error at fixed points is the sum of bias², variance and noise.

Source: S0 and S4, on bias and variance; Geman, Bienenstock & Doursat (1992).
Textbook: ESL 7.3, UDL 8.2, Deep Learning 5.4.
Theory: An identity, when bias² is estimated without its inflation by variance/K.
Errs: "The generalisation error is the gap between training and general error, and splits into bias, variance and noise." (S0):
    It is the expected squared test error that splits; the gap between training and test error is another quantity.
Errs: "The expected error is bias² plus variance." (S4): That is the error against the true function. Against labels, noise is
    a third part.
Scope: One curve with noise 0.3 at fixed, even inputs.
Looks: Full runs were made at seed 0, that of the quick profile; the full profile has seed 1 since.
"""

import numpy as np

from experiments.bias_variance.polynomials import NOISE_STD, by_degree, decomposed, excess, run_other
from experiments.book.finding import Finding, exact, in_words
from experiments.book.lab import Lab
from jaxdl import plots
from jaxdl.statistics import Estimate, bootstrap_interval, judge, judge_all, stacked

MARGIN = 0.01
SIZES = {"quick": {"runs": 2000}, "full": {"runs": 20_000, "seed": 1}, "smallest": {"runs": 400}}
CRITERION = f"""Risk on independent test labels against estimated bias² + variance + noise: for a polynomial, ridge and a network
the 95 % bootstrap interval of the relative difference lies within {MARGIN:.0%} (an equivalence test)."""


def judged(lab: Lab, noise: float = NOISE_STD**2) -> Finding:
    """Three learners; the sum is formed with the noise that is given."""
    capacity = by_degree(lab)
    others = {name: run_other(lab, name) for name in ("ridge", "network")}
    studies = {"polynomial of degree 3": (capacity.aux["test"][3], capacity.outputs[3])}
    studies |= {name: (runs.aux["test"], runs.outputs) for name, runs in others.items()}

    def relative(test: np.ndarray, above: np.ndarray) -> float:
        # Over resampled runs, bias² + variance is their mean excess risk: the unbiased estimates add up to it exactly.
        return float(np.mean(test - above - noise) / np.mean(test))

    found, parts = {}, {}
    for name, (test, outputs) in studies.items():
        test, above = np.asarray(test, float), excess(outputs)
        ends = bootstrap_interval(test, above, statistic=relative, num_resamples=1000, seed=lab["seed"])
        result = decomposed(outputs)
        parts[name] = (float(result.bias_squared), float(result.total_variance), noise, float(test.mean()))
        found[name] = Estimate(1 - sum(parts[name][:3]) / parts[name][3], ends)
    worst = max(found, key=lambda name: abs(found[name].estimate))
    columns = dict(
        zip(("bias²", "variance", "noise", "risk, measured apart"), zip(*parts.values(), strict=True), strict=True)
    )
    return Finding(
        what=f"relative difference of the risk and the sum, {worst}",
        shown=found[worst],
        verdict=exact(judge_all([judge(each.interval, inside=(-MARGIN, MARGIN)) for each in found.values()])),
        reading=f"The parts add up to the risk: relative differences {in_words(found, 4)}.",
        theory=0.0,
        tables={"The parts and the risk": {"learner": list(parts), **columns}},
        figures={
            "The risk on independent labels is the sum of the parts": plots.rows(
                list(found), {"difference": stacked(found.values())}, xlabel="(risk - sum) / risk",
                levels={f"{sign * MARGIN:+.0%}": sign * MARGIN for sign in (-1, 1)},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A sum with twice the noise."""
    return judged(lab, noise=2 * NOISE_STD**2)

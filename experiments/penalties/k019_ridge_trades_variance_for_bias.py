"""A larger λ lowers the variance and raises the bias, and some λ > 0 has a lower risk than none.

Source: S0 and S4, on regularisation; Hoerl & Kennard (1970) of coefficients, Theobald (1974) of predictions.
Textbook: ESL 3.4, Deep Learning 7.1, UDL 9.1.
Theory: Along the eigenvectors of X'X, of eigenvalues s², bias² = Σ (λ/(s²+λ))² (u'f)² and variance = σ² Σ (s²/(s²+λ))².
    For a truth in the class some λ > 0 always lowers the risk; here it is not quite in it.
Scope: One curve, polynomials of degree 12 at 20 even inputs, noise 0.3; ridge alone, no other regulariser.
Looks: Full runs were made at seeds 0 and 1. Agreement with the closed forms was a test that did not reject, of 364
    numbers that were 26, each at 14 strengths; it is an equivalence since. Trend tests over batches of runs became
    intervals of the steps.
"""

import numpy as np

from experiments.book.finding import Finding, judge_each, terms_of
from experiments.book.lab import Lab
from experiments.penalties.shrinkage import NOISE_STD, STRENGTHS, decomposed, exact_terms, excess, farthest, weights
from jaxdl import plots
from jaxdl.statistics import Verdict, judge, judge_all, means

MARGIN = 0.05
SIZES = {"quick": {"runs": 4000}, "full": {"runs": 20_000, "seed": 26}, "smallest": {"runs": 400}}
CRITERION = f"""λ = 0 and {STRENGTHS[1]:g} to {STRENGTHS[-1]:g}. At each step the variance falls, and bias² does not
surely fall (intervals of the steps, Bonferroni at 5 % each); bias² rises from none to the best λ and from there to the
largest. The best λ, chosen on half of the runs, has a lower risk than λ = 0 on the other half (99 % interval of the
paired difference, shown). Bias² and variance at every λ are within {MARGIN:.0%} of the risk above the noise of their
closed forms (two one-sided t tests each)."""

PARTS = {
    "bias²": "bias_squared",
    "variance": "total_variance",
    "risk above the noise": ("bias_squared", "total_variance"),
}


def judged(lab: Lab, wandering: float = 0.0) -> Finding:
    """The trade-off, step by step, and against its closed forms."""
    found, exact = weights(lab, wandering), exact_terms()
    result = decomposed(found)
    level = 1 - 0.05 / (len(STRENGTHS) - 1)
    variance = result.derive(lambda t: np.diff(t["total_variance"]), level=level)
    bias = result.derive(lambda t: np.diff(t["bias_squared"]), level=level)

    chosen, report = np.split(excess(found), 2, axis=1)
    best = int(chosen.mean(axis=1).argmin())
    gain = means(report[best] - report[0], level=0.99)
    rises = result.derive(lambda t: np.diff(t["bias_squared"][np.array([0, best, -1])]), level=0.975)

    scale = exact.bias_squared + exact.variance
    # Two one-sided t tests at 5 % are intervals of 90 %.
    of_bias = result.derive(lambda t: (t["bias_squared"] - exact.bias_squared) / scale, level=0.9).interval
    of_variance = result.derive(lambda t: (t["total_variance"] - exact.variance) / scale, level=0.9).interval
    excluded = max(np.max(np.abs(np.asarray(end))) for end in (*of_bias, *of_variance))

    terms = terms_of(result, PARTS)
    b, v = result.bias_squared, result.total_variance
    return Finding(
        what=f"risk at the best λ, {STRENGTHS[best]:.2g}, less that at λ = 0",
        shown=gain,
        verdict=judge_all(
            [
                judge_each(variance.interval, inside=(-np.inf, 0.0)),
                Verdict.REFUTED if np.any(np.asarray(bias.interval.high) < 0) else Verdict.SUPPORTED,
                judge_each(rises.interval, inside=(0.0, np.inf)),
                judge(gain.interval, inside=(-np.inf, 0.0)),
                *(judge_each(each, inside=(-MARGIN, MARGIN)) for each in (of_bias, of_variance)),
            ]
        ),
        reading=f"From λ = 0 to the best, {STRENGTHS[best]:.2g}, variance falls from {v[0]:.4f} to {v[best]:.4f} and bias² rises "
        f"from {b[0]:.0e} to {b[best]:.4f} (noise {NOISE_STD**2:.2f}); at {STRENGTHS[-1]:g} bias² is {b[-1]:.2f}. Any distance "
        f"from a closed form above {excluded:.1%} of the risk above the noise is excluded. Of the 26 "
        f"means and variances along eigenvectors the farthest is {farthest(found[0]):.1f} standard errors from its closed form.",
        ends="99 % interval",
        theory=float(scale[best] - scale[0]),
        reference={"no difference": 0.0},
        tables={
            "Ridge polynomials: measured ± s.e., and exact": {
                "λ": STRENGTHS, "bias²": terms["bias²"], "bias², exact": exact.bias_squared,
                "variance": terms["variance"], "variance, exact": exact.variance,
            }
        },
        figures={
            f"Variance falls and bias² rises; the risk is lowest at λ = {STRENGTHS[best]:.2g}": plots.against(
                np.log10(STRENGTHS[1:-2]), terms_of(result, PARTS, at=slice(1, -2)), xlabel="log10 λ", ylabel="squared error"
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A penalty of the distance from a point that is drawn anew each time: what it adds is variance."""
    return judged(lab, wandering=1.0)

"""A Gaussian prior of variance s² on the weights is the penalty λ|w|² beside the negative log-likelihood, with λ =
s²/2.

Says: A Gaussian prior makes the loss the negative log-likelihood plus λ|θ|², where λ is half of σ².
Source: S0, on regularisation as a prior.
Textbook: Deep Learning 5.6.1, ESL 3.4.1, UDL 9.1.
Theory: -log N(w; 0, s²) = |w|²/(2s²) + constant.
Errs: "A Gaussian prior of variance σ² on the weights is a penalty of strength λ = σ²/2." (S0): λ = 1/(2σ²), for λ|w|²
    added to the negative log-likelihood: a narrower prior penalises more. With noise of variance s² and half the sum of
    squares, and (λ/2)|w|², it is λ = s²/σ².
Scope: Polynomials of degree 12 through 5 noisy points of one curve; prior variances from 0.01 to 100.
Looks: Full runs were made at seeds 0 and 1. What a smaller variance does was judged with this claim, and is PS1 since.
See: PS1 (the right strength is the one that it varies)
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.penalties.polynomials import VARIANCES, Strength, fits, posterior_means, printed, right
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, Verdict, means

IDENTITY = 1e-8
MISS = 0.01
SIZES = {"quick": {"fits": 100}, "full": {"fits": 500, "seed": 26}, "smallest": {"fits": 4}}
CRITERION = f"""Supported if the fit so penalised is the posterior mean to {IDENTITY:g} of its norm. Refuted if λ =
1/(2s²) gives it to that precision, and λ = s²/2 misses it by more than {MISS:.0%} of its norm at every s² but 1, where
both are the same (95 % intervals of the mean, Bonferroni; the least miss is shown)."""


def judged(lab: Lab, strength: Strength = printed) -> Finding:
    """Distances from the posterior mean, which no penalty enters."""
    found = fits(lab)
    mean = posterior_means(found)
    distance = {
        name: np.linalg.norm(found[name] - mean, axis=-1) / np.linalg.norm(mean, axis=-1)
        for name in ("newton", right.__name__, strength.__name__)
    }
    equal, missed = max(distance["newton"].max(), distance["right"].max()), distance[strength.__name__]
    is_other = VARIANCES != 1
    miss = means(missed[is_other], level=1 - 0.05 / is_other.sum())
    least, (low, high) = int(miss.estimate.argmin()), map(np.asarray, miss.interval)
    verdict = Verdict.INCONCLUSIVE
    if missed.max() < IDENTITY:
        verdict = Verdict.SUPPORTED
    elif low.min() > MISS and equal < IDENTITY:
        verdict = Verdict.REFUTED
    return Finding(
        what=f"relative distance from the posterior mean, s² = {VARIANCES[is_other][least]:g}, where it is least but for s² = 1",
        shown=Estimate(float(miss.estimate[least]), Interval(float(low[least]), float(high[least]))),
        verdict=verdict,
        reading=f"λ = 1/(2s²) gives the posterior mean within {equal:.0e}. λ = s²/2 gives it at s² = 1 alone (within "
        f"{missed[~is_other].max():.0e}); elsewhere it misses it by {miss.estimate.min():.0%} to {miss.estimate.max():.0%} of its "
        "norm on average.",
        ends="family-wise 95 % interval",
        reference={"bar (lower)": MISS},
        tables={
            "Mean relative distance from the posterior mean ± s.e.": {
                "s²": VARIANCES,
                "λ = 1/(2s²)": means(distance["right"]),
                "λ = s²/2": means(missed),
                "maximum of the posterior": means(distance["newton"]),
            }
        },
        figures={
            "The printed strength is right at a prior variance of one alone": plots.against(
                np.log10(VARIANCES), {"λ = s²/2, as printed": means(missed), "λ = 1/(2s²)": means(distance["right"])},
                xlabel="log10 of the prior variance s²", ylabel="relative distance from the posterior mean",
            )
        },
    )  # fmt: skip

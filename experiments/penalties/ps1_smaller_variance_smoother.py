"""A Gaussian prior of smaller variance on the weights gives a smoother fit.

Says: The smaller the variance of the prior, the smaller the coefficients, and the fewer spikes the function has.
Source: S0, on regularisation as a prior.
Textbook: Deep Learning 5.6.1, ESL 5.4.
Theory: The norm |w| of the fit never grows with λ. The integral of f''² is another quadratic form of w, of which that
    is no theorem.
Scope: Polynomials of degree 12 through 5 noisy points of one curve; prior variances from 0.01 to 100, ten times apart.
Looks: A part of K018 until 2026-11-26, when full runs at seeds 0 and 1 had shown that it is so at every step on 433 of
    500 data sets, which nothing judged.
See: K018 (the strength that belongs to a variance)
"""

import numpy as np

from experiments.book.finding import Finding, judge_each, restricted
from experiments.book.lab import Lab
from experiments.penalties.polynomials import VARIANCES, fits, right, roughness
from jaxdl import plots
from jaxdl.statistics import Interval, judge, means, share

SIZES = {"quick": {"fits": 200}, "full": {"fits": 1000, "seed": 26}, "smallest": {"fits": 16}}
CRITERION = """On average over data sets, the logarithm of the integral of f''² falls at each step to a smaller prior
variance (95 % intervals, Bonferroni). Restricted to the average if on single data sets it does not: if the share of
those on which it falls at every step, which is shown, is surely below one (Wilson's 95 % interval)."""

CONDITION = "On average over data sets; on single ones the weights always shrink, and the integral of f''² may grow."


def judged(lab: Lab, strength: str = right.__name__) -> Finding:
    """Both readings of the sentence: of the average, and of each fit."""
    found = fits(lab)[strength]
    rough, norms = np.log(roughness(found)), np.linalg.norm(found, axis=-1)
    steps, shrinks = np.diff(rough, axis=0), (np.diff(norms, axis=0) > 0).all(axis=0)
    falls = share((steps > 0).all(axis=0))
    on_average = means(steps, level=1 - 0.05 / len(steps))
    each = judge(Interval(falls.interval.low, min(falls.interval.high, 1.0)), inside=(1.0, 1.0))
    at_step = {
        "to s²": VARIANCES[:-1],
        "mean fall of the logarithm ± s.e.": means(steps),
        "share of the data sets on which it falls": (steps > 0).mean(axis=1),
    }
    return Finding(
        what="share of the data sets on which the fit gets smoother at every step",
        shown=falls,
        verdict=restricted(judge_each(on_average.interval, inside=(0.0, np.inf)), each, CONDITION),
        reading=f"On average the integral of f''² falls by a factor of {np.exp(steps.mean(axis=1)).min():.2f} or more at each "
        f"step, in {(steps > 0).mean():.0%} of all single steps, and at every step on {falls.estimate:.0%} of {steps.shape[1]} "
        f"data sets. The norm of the weights falls at every step on {shrinks.mean():.0%}.",
        means="So it is in the mean; for a single fit only the size of the coefficients is sure.",
        reference={"bar (upper)": 1.0},
        tables={"From each prior variance to the next smaller one": at_step},
        figures={
            "The integral of f''² falls with the prior variance on average": plots.against(
                np.log10(VARIANCES), {"mean over data sets": means(rough / np.log(10))}, xlabel="log10 of the prior variance s²",
                ylabel="log10 of the integral of f''²",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The strength that the lectures print, which grows with the variance."""
    return judged(lab, strength="printed")

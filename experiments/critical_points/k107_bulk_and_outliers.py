"""The Hessian's spectrum is a bulk near zero and about as many outliers as there are classes.

Says: Many eigenvalues near zero and a few large ones, about as many as classes.
Source: Sagun et al. (2016); Ghorbani, Krishnan & Xiao (2019); Papyan (2019).
Textbook: UDL 20.3.
Theory: Outliers stem from means of gradients by class (Papyan, 2019): C of them, or C - 1 where these add up to zero.
Scope: Ten digits, one hidden layer of 10 tanh units, 300 examples, 100 steps of Adam; networks differ in examples and start.
Looks: Earlier looks saw all digits as they are, at seeds 0 and 1, and a single count without an interval. Centred pixels, the
    interval and the tolerance of HS1 were added when a referee found 1 or 2 outliers of centred pixels. The sealed third dates
    from 2026-11-26.
See: HS1 (the same tolerance, for other numbers of classes)
"""

import jax
import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.critical_points.classifiers import CLASSES, PIXELS, by_rank, count_of_typical, trial_of
from jaxdl import designs
from jaxdl.curvature.spectra import num_outliers
from jaxdl.statistics import Estimate, Interval, bootstrap_interval, judge, judge_all, means

FEWER, MORE = 2, 1
SHARE = 0.5
SIZES = {
    "quick": {"networks": 6, "sealed": False},
    "full": {"networks": 32, "sealed": True, "seed": 26},
    "smallest": {"networks": 2},
}
CRITERION = f"""In the geometric mean of the networks' spectra the largest ratio of neighbors among the 2 C + 2 largest comes after
C - {FEWER} to C + {MORE} of them, that is after as many as classes or one fewer, give or take one (C = {CLASSES}, 95 % bootstrap
interval over networks); and more than {SHARE:.0%} of all eigenvalues lie within 1 % of the largest (95 % t interval). Two arms:
pixels as they are, which share a large mean, and centred ones."""


def judged(lab: Lab, classes: int = CLASSES) -> Finding:
    """Counts and bulks in the arm of the condition and in its complement, held against a number of classes."""
    with jax.enable_x64(True):
        design = designs.independent(lab["networks"], "data", "init")
        outputs = lab.run("digits", trial_of(lab["sealed"]), design, block=1).outputs
    num_top, arms = 2 * CLASSES + 2, range(len(PIXELS))
    tops = [outputs["values"][:, arm, :num_top] for arm in arms]
    bulks = [means((np.abs(v) < 0.01 * v[:, :1]).mean(axis=1)) for v in (outputs["values"][:, arm] for arm in arms)]
    counts = [counted(top, lab["seed"]) for top in tops]
    spanned = [means((outputs["overlap"][:, arm, :num_top] > 0.5).sum(axis=1)) for arm in arms]
    each = [num_outliers(top) for top in tops]
    first, second = (
        judge_all(
            [
                judge(count.interval, inside=(classes - FEWER, classes + MORE)),
                judge(bulk.interval, inside=(SHARE, 1.0)),
            ]
        )
        for count, bulk in zip(counts, bulks, strict=True)
    )
    return Finding(
        what=f"outliers of the geometric mean of the spectra, pixels {PIXELS[0]}",
        shown=counts[0],
        verdict=restricted(first, second, "Inputs share a large mean; centred ones leave no gap after that many."),
        reading=f"Pixels {PIXELS[0]} have {counts[0].estimate:.0f} outliers, {PIXELS[1]} {counts[1].estimate:.0f} "
        f"({counts[1].interval.low:.0f} to {counts[1].interval.high:.0f}). More than half of "
        f"{spanned[0].estimate:.1f} and {spanned[1].estimate:.1f} of the {num_top} largest eigenvectors lies in the span of the "
        "classes' mean gradients: where no gap shows them, the directions of the classes are there all the same.",
        ends="95 % bootstrap interval over networks",
        reference={"lower bar": classes - FEWER, "upper bar": classes + MORE, "classes": classes},
        tables={
            "Networks, ± s.e.": {
                "pixels": PIXELS,
                "outliers of single networks": [f"{row.min()} to {row.max()}, median {np.median(row):g}" for row in each],
                "share near zero": [f"{bulk.estimate:.3f} ± {bulk.standard_error:.3f}" for bulk in bulks],
                "vectors in the span of classes": [f"{s.estimate:.2f} ± {s.standard_error:.2f}" for s in spanned],
            }
        },
        figures={"A gap after ten eigenvalues for pixels as they are, and none there for centred ones": by_rank(
            dict(zip((f"pixels {name}" for name in PIXELS), (outputs["values"][:, arm, :num_top] for arm in range(2)), strict=True))
        )},
    )  # fmt: skip


def counted(top: np.ndarray, seed: int) -> Estimate:
    """The outliers of the typical spectrum, with an interval over networks."""
    low, high = bootstrap_interval(top, statistic=count_of_typical, num_resamples=2000, seed=seed)
    return Estimate(float(count_of_typical(top)), Interval(float(low), float(high)))


def control(lab: Lab) -> Finding:
    """Half as many classes as there are."""
    return judged(lab, CLASSES // 2)

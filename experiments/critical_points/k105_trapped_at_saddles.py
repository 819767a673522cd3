"""Gradient descent gets trapped at saddle points.

Says: Stochastic descent easily gets trapped at saddle points and in local optima.
Source: S0 and S4, on optimisation.
Textbook: Deep Learning 8.2.3; UDL 6.1.
Theory: Almost every start escapes a strict saddle (Lee et al., 2016), from a distance e and by a curvature -r in
    ln(1 / e) / ln(1 + r s) steps of size s. Zero weights of three layers have no negative curvature, and leaving takes of the
    order of 1 / (e s) steps.
Errs: "Stochastic descent easily gets trapped at saddle points and in local optima." (S4): It leaves strict saddles from almost
    every start, and noise helps. It is held near saddles without negative curvature, such as zero weights of three layers.
Scope: Strict saddles of a quartic, curvatures from 0.01 to 1, and of a linear autoencoder; three layers of one unit each. Many
    saddles in a row take longer (Du et al., 2017). Local optima are not judged: descent ends in the one of its basin.
Looks: Full looks at seeds 0 and 1 had curvatures from 0.1 and 4000 steps, which no descent could exceed; a referee found slower
    ones, and the budget of 40,000 steps, the smaller curvature and the degenerate saddle were added.
See: K024 (three layers trapped at zero by weight decay)
"""

import jax
import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.critical_points.saddles import OFFSETS, RATES, STEP_SIZE, escapes
from jaxdl import plots
from jaxdl.statistics import judge, means, share, slope

SHARE = 0.05
STEPS = 40_000
NEAR = 1e-4
SIZES = {"quick": {"runs": 80}, "full": {"runs": 160, "seed": 26}, "smallest": {"runs": 80}}
CRITERION = f"""More than {SHARE:.0%} of the runs are still at the saddle after {STEPS} steps of {STEP_SIZE:g} (Wilson 95 %
interval). Two arms: the degenerate saddle of three layers, from a distance of {NEAR:g}; and strict saddles, where a run counts as
held if it is at any of {len(OFFSETS) * len(RATES)} distances and curvatures, or if its autoencoder ends high."""


def judged(lab: Lab, held_for: int = STEPS) -> Finding:
    """A run is held that takes `held_for` steps or more."""
    with jax.enable_x64(True):
        outputs = escapes(lab, STEPS).outputs
    names = ("degenerate", "degenerate with noise")
    at_three_layers = {name: share(outputs[name][:, OFFSETS.index(NEAR)] >= held_for) for name in names}
    strict = outputs["strict"]
    held = share((strict >= held_for).any(axis=(1, 2)) | (outputs["excess"] > 1e-3))
    growth = slope(-np.log(OFFSETS), np.moveaxis(strict * np.log1p(STEP_SIZE * np.array(RATES)), 1, -1)).mean(axis=1)
    left = outputs["degenerate"][:, -1] * STEP_SIZE * OFFSETS[-1]
    series = {
        **{f"strict, curvature -{rate:g}": means(strict[:, :, place].T) for place, rate in enumerate(RATES)},
        "three layers": means(outputs["degenerate"].T),
        "three layers, with noise": means(outputs["degenerate with noise"].T),
    }
    never = bool((outputs["on the manifold"] == STEPS).all())
    return Finding(
        what=f"share of the runs still at the saddle of three layers, from a distance of {NEAR:g}",
        shown=at_three_layers["degenerate"],
        verdict=restricted(
            judge(at_three_layers["degenerate"].interval, inside=(SHARE, 1.0)),
            judge(held.interval, inside=(SHARE, 1.0)),
            "The saddle has no negative curvature, as zero weights of three layers, and no noise helps: for about 1 / (distance · "
            "step size) steps, here more than the budget. Strict saddles delay by the distance's logarithm alone.",
        ),
        reading=f"{at_three_layers[names[0]].estimate:.0%} of the runs are, {at_three_layers[names[1]].estimate:.0%} with "
        f"gradient noise, and {held.estimate:.0%} at strict saddles (at most {held.interval.high:.1%}). Steps to leave those grow "
        f"as ln(1 / distance) / ln(1 + step size · curvature), slope {growth.mean():.3f}, up to {strict.max()}; from "
        f"{OFFSETS[-1]:g} of three layers they are {np.median(left):.2g} / (distance · step size) in the median. From exactly the "
        f"stable manifold of a strict saddle descent {'never leaves' if never else 'leaves too'}.",
        reference={"lower bar": SHARE},
        tables={"Mean steps to leave, at most those of the budget, ± s.e.": {"distance": OFFSETS, **series}},
        figures={
            "Near three layers descent without noise stays; strict saddles delay by the distance's logarithm": plots.against(
                np.array(OFFSETS), series, log=True, xlabel="distance at the start", ylabel="mean steps to leave",
                levels={"budget": float(STEPS)},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Runs that would have to stay for more steps than there are."""
    return judged(lab, held_for=STEPS + 1)

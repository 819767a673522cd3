"""Gradient descent gets trapped at saddle points.

Says: Stochastic descent easily gets trapped at saddle points and in local optima.
Source: S0 and S4, on optimisation.
Textbook: Deep Learning 8.2.3.
Theory: Almost every start escapes a strict saddle (Lee et al., 2016), though it may take long (Du et al., 2017).
Errs: "Stochastic descent easily gets trapped at saddle points and in local optima." (S4): From random starts strict saddles are
    left almost surely, and noise helps. What is real is the time it takes.
Scope: Strict saddles: of a quartic with one, negative curvatures from 0.1 to 1, and of a linear autoencoder.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since. Wilson's interval took the place
    of Clopper and Pearson's.
"""

import jax
import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.critical_points.saddles import OFFSETS, RATES, escapes, slopes
from jaxdl import plots
from jaxdl.statistics import judge, mean_interval, means, share, sign_test

SHARE = 0.05
STEPS = 4000
SIZES = {"quick": {"runs": 64}, "full": {"runs": 512, "seed": 1}, "smallest": {"runs": 16}}
CRITERION = f"""More than {SHARE:.0%} of the runs from random starts near a saddle are still there after {STEPS} steps (Wilson 95 %
interval): of a quartic with one ({len(OFFSETS) * len(RATES)} settings) and of a linear autoencoder with nothing but strict saddles
beside its minimum."""


def judged(lab: Lab) -> Finding:
    """A run is trapped that is still there in one setting, or whose autoencoder ends high."""
    with jax.enable_x64(True):
        outputs = escapes(lab, STEPS).outputs
    times = {name: outputs[name] for name in ("descent", "with noise")}
    left = (times["descent"] < STEPS).all(axis=(1, 2)) & (outputs["autoencoder excess"] < 1e-3)
    trapped = share(~left)
    low, high = mean_interval(slopes(times["descent"]).mean(axis=1))
    plain, noisy = (each[:, -1].mean(axis=1) for each in times.values())
    never = bool((outputs["on the manifold"] == STEPS).all())
    series = {
        name: {f"curvature -{rate:g}": means(each[:, :, column].T) for column, rate in enumerate(RATES)}
        for name, each in times.items()
    }
    return Finding(
        what="share of the runs that are still at a saddle",
        shown=trapped,
        verdict=judge(trapped.interval, inside=(SHARE, 1.0)),
        reading=f"{(~left).sum()} of {len(left)} runs are. Steps to leave grow as ln(1 / distance) / ln(1 + step size · "
        f"curvature), slope {(low + high) / 2:.3f} ± {(high - low) / 2:.3f}: saddles delay. From a distance of "
        f"{OFFSETS[-1]:g} gradient noise cuts {plain.mean():.0f} steps to {noisy.mean():.0f} (sign test "
        f"p = {sign_test(plain, noisy):.1e}). Only from exactly the stable manifold does descent "
        f"{'never leave' if never else 'leave too'}.",
        reference={"bar": SHARE},
        tables={
            f"Mean steps to leave the saddle ± s.e., {name}": {"distance": OFFSETS, **each}
            for name, each in series.items()
        },
        figures={
            f"Steps to leave the saddle, {name}": plots.against(
                np.array(OFFSETS), each, log=True, xlabel="distance from the stable manifold", ylabel="mean steps"
            )
            for name, each in series.items()
        },
    )

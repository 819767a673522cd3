"""Searches from random starts find nearly all classes of critical points of a linear autoencoder, and nothing else.

Source: Baldi & Hornik (1989) for the classes; Frye et al. (2019) for the test.
Theory: A closed form for every stratum.
Scope: One covariance; a class is a distinct pair of loss and index, which several strata may share.
Looks: Sizes were settled on runs at seed 0, also at full size, where 63 of 64 classes were found; the full profile has seed 1
    since.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.critical_points import autoencoder
from experiments.critical_points.matrices import name_of
from jaxdl import curvature, designs, plots
from jaxdl.curvature.critical import Kind
from jaxdl.statistics import Estimate, Interval, judge, judge_all
from jaxdl.types import Keys

SHARE = 0.968
SIZES = {
    "quick": {"eigenvalues": (3.0, 2.0, 1.5, 0.75, 0.5), "units": 2, "chunks": 6},
    "full": {"eigenvalues": (3.0, 2.75, 2.0, 1.5, 1.0, 0.75, 0.5, 0.25), "units": 3, "chunks": 64, "seed": 1},
    "smallest": {"eigenvalues": (2.0, 1.25, 0.5), "units": 1, "chunks": 4},
}
CRITERION = f"""At least {SHARE:.1%} of the distinct pairs of loss and index are found, and no point has a pair that is not among
them. The truth is known exactly, so the share has no interval."""

CHUNK = 32
"""Searches side by side: the slowest of them decides when the next ones begin."""


def judged(lab: Lab, shift: int = 0) -> Finding:
    """The classes that searches find, against all that there are, whose index is moved by `shift`."""
    eigenvalues, units = lab["eigenvalues"], lab["units"]

    def trial(keys: Keys) -> dict[str, Array]:
        # Scales are log-uniform: near zero all searches end at zero, and large starts reach the points of low loss.
        key_scale, key_encoder, key_decoder = jax.random.split(keys["start"], 3)
        scales = 10 ** jax.random.uniform(key_scale, (CHUNK, 1, 1), minval=-0.6, maxval=0.5)
        starts = {
            "encoder": scales * jax.random.normal(key_encoder, (CHUNK, units, len(eigenvalues))),
            "decoder": scales * jax.random.normal(key_decoder, (CHUNK, len(eigenvalues), units)),
        }
        found = curvature.critical_points(autoencoder.loss_of(jnp.array(eigenvalues)), starts, max_steps=150)
        return {
            "value": found.value, "index": found.inertia[:, 0], "kind": found.kind, "num_steps": found.num_steps
        }  # fmt: skip

    with jax.enable_x64(True):
        outputs = lab.run("census", trial, designs.independent(lab["chunks"], "start"), block=1).outputs
    value, index, kind, num_steps = (outputs[name].ravel() for name in ("value", "index", "kind", "num_steps"))
    truth = np.array(autoencoder.classes(eigenvalues, units)) + np.array([0, shift])
    is_critical = kind <= Kind.DEGENERATE
    is_loss = np.abs(value[is_critical, None] - truth[None, :, 0]) < 1e-6
    hits = is_loss & (index[is_critical, None] == truth[None, :, 1])
    counts, spurious = hits.sum(axis=0), int((~hits.any(axis=1)).sum())
    share, ends = float(np.mean(counts > 0)), np.bincount(kind, minlength=len(Kind))
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes, hit = figure.subplots(), counts > 0
    axes.scatter(
        truth[hit, 0], truth[hit, 1], s=15 + 12 * np.sqrt(counts[hit]), alpha=0.8, label="found (area: how often)"
    )
    axes.scatter(truth[~hit, 0], truth[~hit, 1], s=40, facecolors="none", edgecolors="#D55E00", label="missed")
    axes.set(xlabel="loss", ylabel="index")
    axes.legend(fontsize="small")
    return Finding(
        what="share of the classes that are found",
        shown=Estimate(share, Interval(np.nan, np.nan)),
        verdict=judge_all(
            [
                judge(Interval(share, share), inside=(SHARE, 1.0)),
                judge(Interval(spurious, spurious), inside=(0, 0)),
            ]
        ),
        reading=f"{hit.sum()} of {len(hit)} classes, {spurious} points of none; {len(kind)} searches, of {num_steps.mean():.0f} "
        "steps on average, ended as " + ", ".join(f"{ends[each]} {name_of(each)}" for each in Kind if ends[each]) + ".",
        reference={"all": 1.0, "bar": SHARE},
        figures={"The classes of critical points, found and missed": figure},
    )


def control(lab: Lab) -> Finding:
    """Classes whose index is one too high."""
    return judged(lab, shift=1)

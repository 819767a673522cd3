"""Searches from random starts find nearly all classes of critical points of a linear autoencoder, and nothing else.

Says: Its critical points are known, one class for each set of eigenvectors that is kept; a method is to find them.
Source: Baldi & Hornik (1989) for the classes; Frye et al. (2019) for the test.
Textbook: none.
Theory: A closed form for loss and index of every class. If N searches fell on K classes with chances of at least c / K each, they
    would miss at most the share (1 - c / K)^N on average.
Scope: One covariance, whose eigenvalues are such that all classes have losses of their own.
Looks: Full looks at seeds 0 and 1 had eigenvalues that give 93 classes 64 pairs of loss and index, of which 63 were found, and a
    bar set after the first. One search of 2048 had a wrong index: it ended in an ill-conditioned member of its class, with a
    Hessian of norm 500, and the tolerance for zero of the searches swallowed two negative eigenvalues above 0.001. Here they
    are counted from a ten-millionth of the largest on, which mends that search.
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
from jaxdl.statistics import Estimate, Interval, judge, judge_all, t_interval
from jaxdl.types import Keys

EVEN = 0.1
SIZES = {
    "quick": {"eigenvalues": (3.0, 2.1, 1.37, 0.83, 0.5), "units": 2, "chunks": 8},
    "full": {"eigenvalues": (3.0, 2.688, 2.037, 1.468, 1.08, 0.733, 0.544, 0.366), "units": 3, "chunks": 96, "seed": 26},
    "smallest": {"eigenvalues": (2.0, 1.25, 0.5), "units": 1, "chunks": 4},
}  # fmt: skip
CRITERION = f"""The share of the K classes that N searches find is at least 1 - (1 - {EVEN:g} / K)^N, the bar of chances that are
uneven by up to {1 / EVEN:g} times (t interval over chunks of searches, by the jackknife), and no point belongs to none."""

CHUNK = 32
"""Searches side by side: the slowest of them decides when the next ones begin."""
RESOLUTION = 1e-7
"""Of the largest eigenvalue: what is less negative counts as zero."""


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
        floor = -RESOLUTION * jnp.max(jnp.abs(found.spectrum), axis=1, keepdims=True)
        index = jnp.sum(found.spectrum < floor, axis=1)
        return {"value": found.value, "index": index, "kind": found.kind, "num_steps": found.num_steps}

    with jax.enable_x64(True):
        outputs = lab.run("census", trial, designs.independent(lab["chunks"], "start"), block=1).outputs
    truth = np.array(autoencoder.classes(eigenvalues, units)) + np.array([0, shift])
    is_loss = np.abs(outputs["value"][:, :, None] - truth[None, None, :, 0]) < 1e-6
    is_critical = outputs["kind"] <= Kind.DEGENERATE
    hits = is_loss & (outputs["index"][:, :, None] == truth[None, None, :, 1]) & is_critical[:, :, None]
    by_chunk, spurious = hits.sum(axis=1), int((is_critical & ~hits.any(axis=2)).sum())
    counts, num, ends = by_chunk.sum(axis=0), len(by_chunk), np.bincount(outputs["kind"].ravel(), minlength=len(Kind))
    share, bar = float(np.mean(counts > 0)), 1 - (1 - EVEN / len(truth)) ** is_critical.sum()
    without = np.mean(counts[None] - by_chunk > 0, axis=1)
    low, high = t_interval(share, np.sqrt((num - 1) * without.var()), num - 1)
    needed = ((share - low) / (share - bar)) ** 2 if low < bar < share else 0.0
    figure, hit = plots.new_figure(plots.PANEL_SIZE), counts > 0
    axes = figure.subplots()
    axes.scatter(
        truth[hit, 0], truth[hit, 1], s=10 + 6 * np.sqrt(counts[hit]), alpha=0.7, label="found (area: how often)"
    )
    axes.scatter(truth[~hit, 0], truth[~hit, 1], s=40, facecolors="none", edgecolors="#D55E00", label="missed")
    axes.set(xlabel="loss", ylabel="index")
    axes.legend(fontsize="small")
    return Finding(
        what="share of the classes that are found",
        shown=Estimate(share, Interval(float(low), min(1.0, float(high)))),
        verdict=judge_all(
            [judge(Interval(low, min(1.0, high)), inside=(bar, 1.0)), judge(Interval(spurious, spurious), inside=(0, 0))]
        ),
        reading=f"{hit.sum()} of {len(hit)} classes, the rarest {int(counts.min())} times, {spurious} points of none; {ends.sum()} "
        f"searches, of {outputs['num_steps'].mean():.0f} steps on average, ended as "
        + ", ".join(f"{ends[each]} {name_of(each)}" for each in Kind if ends[each]) + "."
        + (f" About {needed:.0f} censuses of this size would settle it." if needed else ""),
        reference={"all": 1.0, "lower bar": bar},
        figures={"The classes of critical points, found and missed": figure},
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Classes whose index is one too high."""
    return judged(lab, shift=1)

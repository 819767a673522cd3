"""The loss of a neural network with a hidden layer is not convex.

Says: The loss functions of neural networks are not convex.
Source: S0, on optimisation.
Textbook: Deep Learning 8.2; UDL 6.1.
Theory: Hidden units can be exchanged: minima come in sets that are not convex. Each violation is a proof for its network.
Scope: tanh networks with one hidden layer of 5 units, squared error, 25 examples. Without a hidden layer, or with one that is not
    trained, the loss is convex, as the control shows.
Looks: Sizes were settled on runs at seed 0, also at full size; seed 1 had one full look.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Scalar

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.critical_points.networks import random_networks, random_task, risk
from jaxdl import curvature, designs, plots
from jaxdl.statistics import Estimate, Interval
from jaxdl.types import Keys, Params, Trial

LINES = 256
SIZES = {"quick": {"networks": 64}, "full": {"networks": 512, "seed": 26}, "smallest": {"networks": 16}}
CRITERION = f"""Every random network with data of its own violates the midpoint inequality on one of {LINES} random segments, and
has a negative eigenvalue at its start. Each violation is a proof, so the share has no interval."""


def trial_of(is_hidden_trained: bool) -> Trial:
    """Excesses at the middles of random segments over the mean of their ends, and the extreme eigenvalues at the start."""

    def trial(keys: Keys) -> dict[str, Array]:
        task, ends = random_task(keys["data"]), random_networks(keys["init"], (2, LINES), 0.0, 0.0)
        first = jax.tree.map(lambda leaf: leaf[0, 0], ends)
        fixed = {} if is_hidden_trained else {name: first[name] for name in ("in", "bias")}

        def loss(w: Params) -> Scalar:
            return risk({**w, **fixed}, task)

        points = jax.tree.map(lambda leaf: jnp.stack([leaf[0], jnp.mean(leaf, axis=0), leaf[1]]), ends)
        values = jax.vmap(jax.vmap(loss))(points)
        spectrum = jnp.linalg.eigvalsh(curvature.products.dense(curvature.hvp(loss, first), first))
        excess = curvature.landscape.barrier(values.T, jnp.array([0.0, 0.5, 1.0]))[:, 1]
        return {"excess": excess, "extremes": spectrum[jnp.array([0, -1])]}

    return trial


def judged(lab: Lab, is_hidden_trained: bool = True) -> Finding:
    """Each network is a proof, or it is not."""
    with jax.enable_x64(True):
        runs = lab.run("convexity", trial_of(is_hidden_trained), designs.independent(lab["networks"], "data", "init"))
    is_above, least = runs.outputs["excess"] > 0, runs.outputs["extremes"][:, 0]
    violated, negative = is_above.any(axis=1), least < 0
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    axes.plot(is_above.mean(axis=1), least, "o", markersize=4, alpha=0.6)
    axes.axhline(0, color="black", linewidth=1)
    axes.set(xlabel="share of the segments that violate the inequality", ylabel="least eigenvalue at the start")
    return Finding(
        what="share of the networks with a violation",
        shown=Estimate(float(violated.mean()), Interval(np.nan, np.nan)),
        verdict=exact(bool((violated & negative).all())),
        reading=f"{violated.mean():.0%} violate it, on {is_above.mean():.0%} of the segments; {negative.mean():.0%} have a "
        f"negative eigenvalue, the least of each network between {least.min():.2g} and {least.max():.2g}.",
        reference={"bar": 1.0},
        figures={"Each network violates the inequality on some segments and has a negative eigenvalue": figure},
    )


def control(lab: Lab) -> Finding:
    """Networks whose hidden layer is not trained, which are linear in their weights."""
    return judged(lab, is_hidden_trained=False)

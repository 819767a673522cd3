"""Searches for the critical points of small tanh networks, along descents and from random starts: the study of K104 and CP3."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Scalar
from matplotlib.figure import Figure

from experiments.book.lab import Lab
from experiments.critical_points.networks import canonical, random_networks, random_task, risk
from jaxdl import curvature, designs, plots
from jaxdl.curvature import critical
from jaxdl.curvature.critical import CriticalPoints
from jaxdl.types import Keys, Params, Trial

CHUNK = 32
"""Searches side by side: the slowest of them decides when the next ones begin."""
STRENGTH = 1e-3
"""Of the penalty strength |w|² / 2, without which the gradient also vanishes at infinity."""
STEP_SIZE, MAX_STEPS = 0.2, 3200
"""Of the descents."""


def trial_of(num_descended: int, num_random: int) -> Trial:
    """On a data set of its own, where searches end that begin along descents, and then those from random points.

    Descents take a number of steps that is log-uniform between 10 and 3200.
    """
    num = num_descended + num_random

    def trial(keys: Keys) -> dict[str, Any]:
        task = random_task(keys["data"])
        key_small, key_time, key_random = jax.random.split(keys["starts"], 3)
        small = random_networks(key_small, (num_descended,), -1.0, 0.0)
        large = random_networks(key_random, (num_random,), -0.6, 0.2)
        times = 10 ** jax.random.uniform(key_time, (num_descended,), minval=1.0, maxval=math.log10(MAX_STEPS))

        def loss(w: Params) -> Scalar:
            return risk(w, task, STRENGTH)

        def descended(w: Params, time: Scalar) -> Params:
            def step(i: Array, w: Params) -> Params:
                size = jnp.where(i < time, STEP_SIZE, 0)
                return jax.tree.map(lambda a, g: a - size * g, w, jax.grad(loss)(w))

            return jax.lax.fori_loop(0, MAX_STEPS, step, w)

        begins = jax.tree.map(lambda a, b: jnp.concatenate([a, b]), jax.vmap(descended)(small, times), large)
        chunks = jax.tree.map(lambda leaf: leaf.reshape(-1, math.gcd(num, CHUNK), *leaf.shape[1:]), begins)
        found = jax.lax.map(lambda chunk: curvature.critical_points(loss, chunk, max_steps=200, radius=100.0), chunks)
        found = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found)
        return found._replace(params=jax.vmap(canonical)(found.params))._asdict()

    return trial


def ends(lab: Lab) -> tuple[list[CriticalPoints], list[CriticalPoints]]:
    """Where searches ended on each data set: from along descents, and from random starts."""
    num = lab["descended"]
    with jax.enable_x64(True):
        design = designs.independent(lab["data_sets"], "data", "starts")
        runs = lab.run("networks", trial_of(num, lab["random"]), design, block=1)
    found = CriticalPoints(**runs.outputs)
    halves = slice(num), slice(num, None)
    descended, random = (
        [jax.tree.map(lambda leaf, at=(place, half): leaf[at], found) for place in range(lab["data_sets"])]
        for half in halves
    )
    return descended, random


def distinct(found: CriticalPoints, gradient_norm: float) -> tuple[np.ndarray, np.ndarray, int]:
    """Loss and index of the distinct critical points with a small enough gradient, and the number of parameters."""
    points = critical.distinct(found).points
    kept = points.gradient_norm < gradient_norm
    return np.asarray(points.value)[kept], np.asarray(points.inertia)[kept, 0], found.spectrum.shape[-1]


def within(values: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Which values lie in the range of both sets of losses; none where one is empty."""
    if not len(values) or not len(others):
        return np.zeros(len(values), bool)
    return (values >= max(values.min(), others.min())) & (values <= min(values.max(), others.max()))


def scatter(index: dict[str, list[np.ndarray]], value: dict[str, list[np.ndarray]]) -> Figure:
    """A dot for each critical point."""
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    for (name, counts), marker in zip(index.items(), "os", strict=True):
        axes.plot(np.concatenate(value[name]), np.concatenate(counts), marker, markersize=4, alpha=0.6, label=name)
    axes.set(xlabel="loss", ylabel="index", xscale="log")
    low, high = axes.get_xlim()
    axes.set_xticks([tick for tick in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5) if low < tick < high])
    axes.set_xticks([], minor=True)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.legend(fontsize="small")
    return figure

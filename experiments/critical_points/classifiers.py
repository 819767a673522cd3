"""Networks on digits, the spectrum of their Hessian, and the directions of the classes: the study of K107."""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float, Scalar
from matplotlib.figure import Figure

from experiments.book.sealed import parts
from jaxdl import curvature, losses, models, plots
from jaxdl.curvature.spectra import num_outliers
from jaxdl.data import real
from jaxdl.types import Keys, Params, Trial

CLASSES, NUM_UNITS, NUM_EXAMPLES, NUM_STEPS = 10, 10, 300, 100
PIXELS = ("as they are", "centred")


def trial_of(is_sealed: bool) -> Trial:
    """Of a network trained on each sort of pixels: the Hessian's eigenvalues in decreasing order, and the overlap of each vector.

    The overlap is the share of its squared length that lies in the span of the mean gradients of the classes.
    """
    opened, kept = parts(real.digits(), is_sealed)
    digits = kept if is_sealed else opened
    inputs, targets = np.asarray(digits.x, float) / 16, np.asarray(digits.y, float)
    model, optimizer = models.mlp([NUM_UNITS], CLASSES, activation=jnp.tanh), optax.adam(0.01)

    def trial(keys: Keys) -> dict[str, Array]:
        chosen = jax.random.permutation(keys["data"], len(inputs))[:NUM_EXAMPLES]

        def spectrum(centred: bool) -> dict[str, Array]:
            x, y = jnp.asarray(inputs - centred * inputs.mean(axis=0))[chosen], jnp.asarray(targets)[chosen]

            def by_class(params: Params) -> Float[Array, " classes"]:
                each = losses.softmax_cross_entropy(model.apply({"params": params}, x), y)
                return jnp.mean(each[:, None] * y, axis=0)

            def loss(params: Params) -> Scalar:
                return jnp.sum(by_class(params))

            def step(state: tuple[Params, optax.OptState], _: None) -> tuple[tuple[Params, optax.OptState], None]:
                params, memory = state
                updates, memory = optimizer.update(jax.grad(loss)(params), memory, params)
                return (optax.apply_updates(params, updates), memory), None

            start = model.init(keys["init"], x)["params"]
            params = jax.lax.scan(step, (start, optimizer.init(start)), length=NUM_STEPS)[0][0]
            values, vectors = jnp.linalg.eigh(curvature.products.dense(curvature.hvp(loss, params), params))
            gradients = jax.vmap(lambda tree: ravel_pytree(tree)[0])(jax.jacrev(by_class)(params))
            overlap = jnp.sum((jnp.linalg.qr(gradients.T)[0].T @ vectors) ** 2, axis=0)
            return {"values": values[::-1], "overlap": overlap[::-1]}

        return jax.tree.map(lambda *both: jnp.stack(both), *(spectrum(name == "centred") for name in PIXELS))

    return trial


def count_of_typical(top: Float[np.ndarray, "networks ranks"]) -> int:
    """The outliers of the geometric mean of spectra; an eigenvalue that is not positive counts as a tiny one."""
    return int(num_outliers(np.exp(np.log(np.maximum(top, np.finfo(float).tiny)).mean(axis=0))))


def by_rank(tops: Mapping[str, Float[np.ndarray, "networks ranks"]]) -> Figure:
    """Geometric means of spectra, relative to the largest, by rank; full dots for outliers, thin lines for networks."""
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    for place, (name, top) in enumerate(tops.items()):
        typical, ranks = np.exp(np.log(top).mean(axis=0)), np.arange(1, top.shape[1] + 1)
        num, color = num_outliers(typical), plots.SERIES_COLORS[place]
        axes.semilogy(ranks, (top[:8] / top[:8, :1]).T, color=color, linewidth=0.5, alpha=0.3)
        axes.semilogy(ranks[:num], typical[:num] / typical[0], "o", color=color, label=f"{name}: {num} above the gap")
        axes.semilogy(ranks[num:], typical[num:] / typical[0], "o", color=color, markersize=4, markerfacecolor="white")
    axes.set(xlabel="rank", ylabel="eigenvalue / largest")
    axes.legend(fontsize="small")
    return figure

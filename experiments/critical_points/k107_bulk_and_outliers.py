"""The Hessian's spectrum is a bulk near zero and about as many outliers as there are classes.

Source: Sagun et al. (2016); Ghorbani, Krishnan & Xiao (2019); Papyan (2019).
Theory: As many as classes; one fewer where the gradients of the classes add up to zero.
Scope: One hidden layer of 10 tanh units, 500 of the digits, pixels as they are, which share a large mean; 100 steps of Adam.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from jaxdl import curvature, designs, losses, models, plots
from jaxdl.data import real
from jaxdl.statistics import Estimate, Interval, judge, judge_all
from jaxdl.types import Keys, Params, Trial

COUNTS = (9, 11)
NUM_LARGEST = 31
AGREEMENT = 0.01
SIZES = {"quick": {"networks": 3}, "full": {"networks": 5, "seed": 1}, "smallest": {"networks": 2}}
CRITERION = f"""In the geometric mean of the networks' spectra, ten classes, the largest ratio of neighbours among the {NUM_LARGEST}
largest eigenvalues comes after {COUNTS[0]} to {COUNTS[1]} of them (a count, without an interval); and Lanczos' method finds the 12
largest and 3 smallest to {AGREEMENT:.0%}."""


def trial_of(centred: bool) -> Trial:
    """The whole spectrum of a trained network's Hessian, in increasing order, and its ends by Lanczos' method."""
    digits, model, optimizer = real.digits(), models.mlp([10], 10, activation=jnp.tanh), optax.adam(0.01)
    inputs, targets = np.asarray(digits.x, float) / 16, np.asarray(digits.y, float)
    inputs -= centred * inputs.mean(axis=0)

    def trial(keys: Keys) -> dict[str, Array]:
        chosen = jax.random.permutation(keys["data"], len(inputs))[:500]
        x, y = jnp.asarray(inputs)[chosen], jnp.asarray(targets)[chosen]

        def loss(params: Params) -> Scalar:
            return jnp.mean(losses.softmax_cross_entropy(model.apply({"params": params}, x), y))

        def step(state: tuple[Params, optax.OptState], _: None) -> tuple[tuple[Params, optax.OptState], None]:
            params, memory = state
            updates, memory = optimizer.update(jax.grad(loss)(params), memory, params)
            return (optax.apply_updates(params, updates), memory), None

        start = model.init(keys["init"], x)["params"]
        params = jax.lax.scan(step, (start, optimizer.init(start)), length=100)[0][0]
        product = curvature.hvp(loss, params)
        found = curvature.eigenpairs(product, params, keys["search"], top=12, bottom=3)
        return {"spectrum": jnp.linalg.eigvalsh(curvature.products.dense(product, params)), "ends": found.values}

    return trial


def judged(lab: Lab, centred: bool = False) -> Finding:
    """The count of the typical spectrum, and Lanczos' ends against exact ones."""
    design = designs.independent(lab["networks"], "data", "init", "search")
    with jax.enable_x64(True):
        outputs = lab.run("digits", trial_of(centred), design, block=1).outputs
    spectrum = outputs["spectrum"]
    exact = np.concatenate([spectrum[:, ::-1][:, :12], spectrum[:, 2::-1]], axis=1)
    error = float(np.abs(outputs["ends"] / exact - 1).max())
    largest = spectrum[:, ::-1][:, :NUM_LARGEST]
    typical = np.exp(np.log(largest).mean(axis=0))
    each, num = num_outliers(largest), int(num_outliers(typical))
    bulk = float((np.abs(spectrum) < 0.01 * spectrum[:, -1:]).mean())
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes, ranks = figure.subplots(), np.arange(1, NUM_LARGEST + 1)
    axes.semilogy(ranks, largest.T, color="#999999", linewidth=0.8)
    axes.semilogy(ranks[:num], typical[:num], "o", label=f"{num} outliers of the geometric mean")
    axes.semilogy(ranks[num:], typical[num:], "o", markersize=4, label="bulk")
    axes.set(xlabel="rank", ylabel="eigenvalue")
    axes.legend(fontsize="small")
    return Finding(
        what="outliers of the geometric mean of the spectra",
        shown=Estimate(float(num), Interval(np.nan, np.nan)),
        verdict=judge_all(
            [judge(Interval(num, num), inside=COUNTS), judge(Interval(error, error), inside=(0.0, AGREEMENT))]
        ),
        reading=f"{num} outliers, in single networks {', '.join(map(str, each))}; {bulk:.0%} of the {spectrum.shape[1]} "
        f"eigenvalues are below 1 % of the largest; Lanczos' largest relative error is {error:.0e}.",
        means="Pixels as they are share a large mean. Centred pixels have other counts (HS1).",
        reference={"classes": 10.0},
        figures={"The largest eigenvalues of networks on digits; grey: each network": figure},
    )


def num_outliers(top: Float[np.ndarray, "*rest ranks"]) -> np.ndarray:
    """The number of eigenvalues above the largest ratio of neighbours."""
    return np.argmax(top[..., :-1] / top[..., 1:], axis=-1) + 1


def control(lab: Lab) -> Finding:
    """Centred pixels."""
    return judged(lab, centred=True)

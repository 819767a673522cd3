"""Full-batch gradient descent whose largest Hessian eigenvalue, the sharpness, is followed: what HS4, HS5 and HS7 share."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from experiments.hessian_spectrum.digits import DESIGN_SOURCES, problem
from jaxdl import curvature, designs, losses, objectives, plots
from jaxdl.learners import training
from jaxdl.types import Keys, Loss, Trial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NUM_EXAMPLES = 300
EVERY = 40
"""Steps between two measurements."""
REACH = 0.95
"""Of 2 / step size: where sharpness counts as having reached it."""


def trial_of(num_steps: int, is_sealed: bool, loss: Loss, momentum: float = 0.0) -> Trial:
    """`(keys, step size)` -> sharpness along training on a loss, its error bounds, and the last value of the loss.

    Weights begin half as large as usual, so that training begins in a flat region.
    """
    model, data = problem(is_sealed, NUM_EXAMPLES, 10, 1.0)
    risk = objectives.empirical_risk(model, loss)

    def trial(keys: Keys, step_size: Scalar) -> dict[str, Array]:
        optimizer = optax.sgd(step_size, momentum or None)
        state = training.initial_state(model, optimizer, keys, data)
        state = state._replace(variables=jax.tree.map(lambda leaf: leaf / 2, state.variables))
        step = training.training_step(model, risk, optimizer, keys, lambda _: data)
        last, seen = curvature.spectra.track(
            keys["search"], step, state, lambda state: curvature.products.hvp_over(model, loss, state.variables, data),
            state.variables["params"], num_steps=num_steps, num_steps_between=EVERY, num_matvecs=6,
        )  # fmt: skip
        return {
            "sharpness": seen.values[:, 0],
            "bound": seen.residual_bounds[:, 0],
            "loss": risk(last.variables, data, None)[0],
        }

    return trial


def descents(
    lab: Lab, study: str, step_sizes: Sequence[float], loss: Loss = losses.half_squared_error, momentum: float = 0.0
) -> Any:
    """The runs of all step sizes: settings on the first axis, initialisations on the second."""
    design = designs.independent(lab["inits"], *DESIGN_SOURCES)
    trial = trial_of(lab["steps"], lab["sealed"], loss, momentum)
    return lab.run(study, trial, design, settings=np.array(step_sizes, np.float32))


def relative(runs: Any, step_sizes: Sequence[float]) -> Float[np.ndarray, "sizes inits times"]:
    """The sharpness in units of 2 / step size."""
    return runs.outputs["sharpness"].astype(float) * np.array(step_sizes)[:, None, None] / 2


def last_quarter(values: Float[np.ndarray, "*rest times"]) -> Float[np.ndarray, "*rest"]:
    """The mean over the last quarter of the times."""
    return values[..., -(values.shape[-1] // 4) :].mean(axis=-1)


def arrival(units: Float[np.ndarray, "*rest times"], level: float = REACH) -> Float[np.ndarray, "*rest"]:
    """The step at which a curve first passes a level, between two measurements by a straight line; infinite where it never does."""
    above = units > level
    place = above.argmax(axis=-1)
    before, after = (
        np.take_along_axis(units, np.maximum(place - lag, 0)[..., None], axis=-1)[..., 0] for lag in (1, 0)
    )
    share = np.where(place > 0, (level - before) / np.where(after > before, after - before, 1), 1)
    return np.where(above.any(axis=-1), EVERY * np.maximum(place - 1 + share, 0), np.inf)


def mean_after(
    units: Float[np.ndarray, "inits times"], start: Float[np.ndarray, " inits"]
) -> Float[np.ndarray, " inits"]:
    """The mean of each row from its own step on, which lies within the measurements."""
    is_after = EVERY * np.arange(units.shape[1])[None, :] >= start[:, None]
    return (units * is_after).sum(axis=1) / is_after.sum(axis=1)


def along_training(
    curves: Mapping[str, Float[np.ndarray, "inits times"]], levels: Mapping[str, float], ylabel: str
) -> "Figure":
    """Median and range over initialisations along training."""
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    for name, values in curves.items():
        steps = EVERY * np.arange(values.shape[1])
        (line,) = axes.plot(steps, np.median(values, axis=0), linewidth=1.2, label=name)
        axes.fill_between(steps, values.min(axis=0), values.max(axis=0), color=line.get_color(), alpha=0.2, linewidth=0)
    for place, (name, level) in enumerate(levels.items()):
        axes.axhline(level, color="black", linestyle=("--", ":")[place % 2], linewidth=1, label=name)
    axes.set(xlabel="training steps", ylabel=ylabel)
    axes.legend(fontsize="small")
    return figure

"""L1 against L2 by how many inputs matter, how strong the signal is and how correlated the inputs are: the study of K021."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num, Scalar

from experiments.book.lab import Lab
from experiments.penalties.sparse import MODEL, NUM_EXAMPLES, NUM_FEATURES, RISK, STRENGTHS, best_on, draw, largest_rate
from jaxdl import designs, learners, penalties
from jaxdl.types import Keys, Trial

COUNTS, SIGNALS, CORRELATIONS = (1, 5, 20, NUM_FEATURES), (0.1, 0.5, 5.0), (0.0, 0.9)
CELLS = list(itertools.product(COUNTS, SIGNALS, CORRELATIONS))


def trial_of(num_steps: int) -> Trial:
    """`(keys, cell)` -> the excess risk of each penalty at the strength that is best on validation data."""
    model = MODEL._replace(init=lambda *_: {"params": {"weights": jnp.zeros((NUM_FEATURES, 1))}})

    def trial(keys: Keys, cell: dict[str, Scalar]) -> dict[str, Array]:
        drawn = draw(keys, cell["count"], cell["signal"], cell["correlation"])

        def lasso(strength: Scalar) -> Any:
            return learners.proximal_gradient(
                model, RISK, penalties.soft_threshold, strength=strength, learning_rate=largest_rate(drawn.train.x),
                num_steps=num_steps,
            )({"init": None}, drawn.train)  # fmt: skip

        def ridge(strength: Scalar) -> Any:
            # Half the mean square beside strength |w|² is ridge of strength 2n strength.
            return learners.ridge(MODEL, 2 * NUM_EXAMPLES * strength)({}, drawn.train)

        def excess(fit: Any) -> Scalar:
            weights = jax.vmap(fit)(jnp.asarray(STRENGTHS, drawn.train.x.dtype))["params"]["weights"][..., 0]
            error = weights[best_on(drawn.validation, weights)] - drawn.truth
            return error @ drawn.covariance @ error

        return {"L1": excess(lasso), "L2": excess(ridge)}

    return trial


def phases(lab: Lab) -> tuple[dict[str, Num[np.ndarray, " cells"]], dict[str, Float[np.ndarray, "cells problems"]]]:
    """The cells by column, and the excess risks of both penalties in each, on the same draws."""
    settings = {
        name: np.array(column, int if name == "count" else np.float32)
        for name, column in zip(("count", "signal", "correlation"), zip(*CELLS, strict=True), strict=True)
    }
    design = designs.independent(lab["problems"], "data", "validation")
    return settings, lab.run("phases", trial_of(lab["steps"]), design, settings=settings, block=8).outputs

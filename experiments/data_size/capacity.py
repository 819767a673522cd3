"""More data against more capacity: ridge regression on polynomials as it is, and with each of the two."""

from typing import Any

import jax
import numpy as np
from jaxtyping import Float, Scalar

from experiments.book.lab import Lab
from experiments.data_size.curve import ONE_SOURCE, PROBLEM, TARGET, X, first, tuned
from jaxdl import designs, learners, models
from jaxdl.types import Keys, Trial

EXAMPLES = 40
TIMES = 8
MORE_DEGREES = 2
MAX_DEGREE = 9


def trial_of(strength: float | None) -> Trial:
    """Ridge regression of a fixed strength, or of a tuned one: `(keys, {"size", "degree"})` -> predictions."""
    model = models.polynomial(MAX_DEGREE)

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Float[jax.Array, "points 1"]:
        keys = designs.tied(keys, **ONE_SOURCE)
        train = first(PROBLEM.sample(keys, TIMES * EXAMPLES), setting["size"])
        mask = models.degree_mask(MAX_DEGREE, setting["degree"])
        if strength is not None:
            return model.apply(learners.ridge(model, strength, mask=mask)(keys, train), X)
        return model.apply(tuned(lambda s: learners.ridge(model, s, mask=mask)(keys, train), keys, train, model), X)

    return trial


def arms(lab: Lab, degree: int, strength: float | None) -> Any:
    """The decomposition of the learner as it is, with more data, and with more degrees, on the same data sets."""
    settings = {"size": np.array([1, TIMES, 1]) * EXAMPLES, "degree": np.array([0, 0, MORE_DEGREES]) + degree}
    return lab.decompose(
        "remedies", trial_of(strength), designs.independent(lab["runs"], "data"), block=64, target=TARGET,
        dims=("points", "out"), settings=settings,
    )  # fmt: skip

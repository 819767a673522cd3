"""Networks of growing width on handwritten digits, crossed over training sets and initialisations.

Training sets are drawn without replacement from a pool that they share, of 1198 digits with the seal open and 799 without: data
variance over fresh sets of 200 is 1.2 or 1.33 times as large. Single labels cannot tell bias² from noise. The minibatch order
follows the initialisation.
"""

import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Scalar

from experiments.book.lab import Lab
from experiments.book.sealed import Parts, parts
from jaxdl import designs, learners, losses, models, objectives
from jaxdl.data import orders, real, resampling
from jaxdl.decomposition import Decomposition, Target
from jaxdl.types import Keys, Run

WIDTHS = np.array([1, 2, 4, 8, 16, 32, 64])
NUM_DIGITS = 200
DIGITS = real.digits()
PARTS = {
    "bias² + noise": "bias_squared_plus_noise",
    "variance: data": "variance[data]",
    "variance: initialisation, order": "variance[init]",
    "variance: interaction": "variance[data, init]",
    "risk": "risk",
}


def split(lab: Lab) -> Parts:
    """What is trained on and what is judged by; the sealed third only where a profile says so."""
    return parts(DIGITS._replace(x=DIGITS.x / 16), sealed=lab["sealed"])


def networks(lab: Lab) -> Decomposition:
    """The study at every width."""
    pool, test = split(lab)
    sample = resampling.subsample(pool, NUM_DIGITS).sample

    def trial(keys: Keys, width: Scalar) -> Run:
        model = models.mlp_of_width(int(WIDTHS[-1]), width, 10, output_scale=0.1)
        fit = learners.minibatch_descent(
            model, objectives.empirical_risk(model, losses.squared_error), optax.adam(1e-2), num_steps=lab["steps"],
            batch_size=50, order=orders.with_replacement,
        )  # fmt: skip
        variables = fit(designs.tied(keys, order="init"), sample(keys))
        return Run(model.apply(variables, test.x), variables["report"])

    return lab.decompose(
        "digits", trial, designs.crossed(data=lab["data"], init=lab["init"]), target=Target(labels=np.asarray(test.y)),
        dims=("points", "out"), random_points=True, settings=jnp.array(WIDTHS, jnp.float32), training_size=NUM_DIGITS,
    )  # fmt: skip

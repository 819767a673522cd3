"""Networks of growing width on handwritten digits, crossed over training sets and initialisations.

Training sets are drawn without replacement from a pool of 1200, which they share: data variance over fresh sets of 200 is 1.2 times
as large. Single labels cannot tell bias² from noise. The minibatch order follows the initialisation.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Scalar

from experiments.book.lab import Lab
from jaxdl import designs, learners, losses, models, objectives, selection
from jaxdl.data import orders, real, resampling
from jaxdl.decomposition import Decomposition, Target
from jaxdl.types import Keys, Run

WIDTHS = np.array([1, 2, 4, 8, 16, 32, 64])
NUM_DIGITS = 200
DIGITS = real.digits()
POOL, TEST = (
    selection.select(DIGITS._replace(x=DIGITS.x / 16), rows)
    for rows in selection.hold_out(jax.random.key(0), 1797, 597)
)
PARTS = {
    "bias² + noise": "bias_squared_plus_noise",
    "variance: data": "variance[data]",
    "variance: initialisation, order": "variance[init]",
    "variance: interaction": "variance[data, init]",
    "risk": "risk",
}


def networks(lab: Lab) -> Decomposition:
    """The study at every width."""
    sample = resampling.subsample(POOL, NUM_DIGITS).sample

    def trial(keys: Keys, width: Scalar) -> Run:
        model = models.mlp_of_width(int(WIDTHS[-1]), width, 10, output_scale=0.1)
        fit = learners.minibatch_descent(
            model, objectives.empirical_risk(model, losses.squared_error), optax.adam(1e-2), num_steps=lab["steps"],
            batch_size=50, order=orders.with_replacement,
        )  # fmt: skip
        variables = fit(designs.tied(keys, order="init"), sample(keys))
        return Run(model.apply(variables, TEST.x), variables["report"])

    return lab.decompose(
        "digits", trial, designs.crossed(data=lab["data"], init=lab["init"]), target=Target(labels=np.asarray(TEST.y)),
        dims=("points", "out"), settings=jnp.array(WIDTHS, jnp.float32), training_size=NUM_DIGITS,
    )  # fmt: skip

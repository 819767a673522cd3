"""With weight decay tuned at each width, a bigger network lowers bias² without raising the variance.

Says: With suitable regularisation, a bigger network lowers the bias without hurting the variance.
Source: S4; Yang et al. (2020).
Textbook: UDL 8.4.
Theory: None for trained networks; NS1 has the limit in which the first layer does not learn.
Scope: One hidden layer, AdamW at one rate and number of steps, 8 inputs; n = 80 and 240, means over a law of teachers.
Looks: Seeds 0 to 5 at full size, one teacher each: "restricted" to random features on 0, 1, 2, 4 and 5, open on 3, of networks
    undecided on all. Since then teachers are replicates, n/4 examples validate in place of 200, and NS1 is a claim of its own.
    Sizes were settled on runs with up to 80 teachers at seed 0.
See: NS1 (more random features lower bias² too).
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.network_size.growth import by_width, growth
from experiments.network_size.teachers import Predict, measured, terms_of
from jaxdl import learners, losses, models, objectives, plots
from jaxdl.statistics import judge_all, means
from jaxdl.types import Dataset, Keys

LEAST_FALL, LARGEST_RISE = 0.1, 0.1
SIZES = {
    "quick": {"teachers": 6, "data": 3, "init": 3},
    "full": {"teachers": 160, "data": 4, "init": 3, "seed": 26},
    "smallest": {"teachers": 5, "data": 3, "init": 3},
}
CRITERION = f"""At n = 80 and 240, with the weight decay that n/4 validation examples choose for each run from the same values
at every width: mean bias² over teachers is lower at the largest width than at the smallest by {LEAST_FALL:.0%} or more, and mean
variance higher than at every smaller width by {LARGEST_RISE:.0%} at most (95 % Fieller intervals over teachers, for variances
Bonferroni over widths; the ratio of variances that may be highest is shown)."""

WIDTHS = (2, 4, 8, 32)
STRENGTHS = (0.32, 1.0, 3.2, 10.0)
NUM_STEPS, RATE = 400, 1e-2
EXAMPLES = 80, 240


def networks(strengths: tuple[float, ...]) -> Predict:
    """A network trained by AdamW without weight decay, then with each strength."""

    def predict(keys: Keys, train: Dataset, width: Scalar, x: Array) -> Float[Array, "strengths points"]:
        model = models.mlp_of_width(WIDTHS[-1], width, 1)
        objective = objectives.empirical_risk(model, losses.squared_error)

        def decayed(strength: Scalar) -> Float[Array, " points"]:
            optimizer = optax.adamw(RATE, weight_decay=strength)
            learner = learners.gradient_descent(model, objective, optimizer, num_steps=NUM_STEPS)
            return model.apply(learner(keys, train), x)[:, 0]

        return jax.vmap(decayed)(jnp.array([0.0, *strengths]))

    return predict


def judged(lab: Lab, strengths: tuple[float, ...] = STRENGTHS) -> Finding:
    """Two sizes of training sets, all widths."""
    predict = networks(strengths)
    runs = {f"n = {n}": measured(lab, f"networks-{n}", predict, n, WIDTHS) for n in EXAMPLES}
    terms = {name: terms_of(each.outputs["tuned"]) for name, each in runs.items()}
    grown = {name: growth(WIDTHS, each, LEAST_FALL, LARGEST_RISE) for name, each in terms.items()}
    worst = max(grown, key=lambda name: float(grown[name].rise.interval.high))
    free = {name: terms_of(each.outputs["without"])["variance"].mean(axis=1) for name, each in runs.items()}
    at_end = {name: float(np.mean(each.aux["chosen"] == len(strengths))) for name, each in runs.items()}
    return Finding(
        what=f"variance at width {WIDTHS[-1]} over that at {WIDTHS[grown[worst].worst]}, {worst}",
        shown=grown[worst].rise,
        verdict=judge_all([each.verdict for each in grown.values()]),
        reading=" ".join(each.told(name) for name, each in grown.items())
        + " Without weight decay the variance is "
        + "; ".join(f"{each[0]:.3f} at width {WIDTHS[0]} and {each[-1]:.3f} at {WIDTHS[-1]}, {name}" for name, each in free.items())
        + f". The strongest decay was chosen in {' and '.join(f'{each:.0%}' for each in at_end.values())} of the runs.",
        reference={"upper bar": 1 + LARGEST_RISE},
        ends="family-wise 95 % interval",
        tables={f"Tuned, {name}: means over teachers ± s.e.": by_width(WIDTHS, each) for name, each in terms.items()},
        figures={
            f"Bias² and variance of tuned networks against width, {name}": plots.against(
                np.array(WIDTHS), {part: means(each[part]) for part in ("bias²", "variance")}, log=True,
                xlabel="hidden units", ylabel="part of the risk, mean over teachers",
            )
            for name, each in terms.items()
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Networks without any weight decay."""
    return judged(lab, strengths=())

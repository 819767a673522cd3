"""With a ridge penalty tuned at each size, more random features lower bias² and do not raise the variance; without a penalty the
variance peaks where features meet examples.

Says: With suitable regularisation, a bigger network lowers the bias without hurting the variance.
Source: S4; Yang et al. (2020); d'Ascoli et al. (2020).
Textbook: UDL 8.4.
Theory: Least squares on p Gaussian features: the variance goes as p/(n - p - 1) below p = n, where it is infinite.
Scope: Random ReLU features of 8 inputs, n = 80, means over a law of teachers; the peak is placed between 72 and 88 features.
Looks: As a part of K013, seeds 0 to 5 at full size, one teacher each: it held on all but seed 3, which left K013 open. Since then
    teachers are replicates, n/4 examples validate in place of 200, and the peak is looked for at n. Sizes: seed 0, 120 teachers.
See: K013 (networks, whose first layer learns), DD2 (the risk peaks there too).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.network_size.growth import by_width, growth
from experiments.network_size.teachers import Predict, measured, terms_of
from jaxdl import learners, models, plots
from jaxdl.statistics import Estimate, Interval, judge, judge_all, means
from jaxdl.types import Dataset, Keys

LEAST_FALL, LARGEST_RISE = 0.1, 0.1
SIZES = {
    "quick": {"teachers": 16, "data": 4, "init": 4},
    "full": {"teachers": 400, "data": 4, "init": 4, "seed": 26},
    "smallest": {"teachers": 8, "data": 3, "init": 2},
}
CRITERION = f"""With the penalty that n/4 validation examples choose for each run from the same values at every size: mean bias²
over teachers is lower at the most features than at the fewest by {LEAST_FALL:.0%} or more, and mean variance higher than at every
smaller number by {LARGEST_RISE:.0%} at most (95 % Fieller intervals over teachers, for variances Bonferroni over numbers; the ratio
that may be highest is shown). And without a penalty the log variance of a teacher's runs is higher at n features than at every
other number (95 % t intervals over teachers, Bonferroni)."""

N, INPUT_SCALE = 80, 10.0  # else weights of features that one example alone activates have no finite variance
WIDTHS = (5, 10, 20, 40, 72, 80, 88, 160, 320)
STRENGTHS = (1.0, 3.2, 10.0, 32.0, 100.0, 320.0)


def features(strengths: tuple[float, ...]) -> Predict:
    """The fit of minimum norm, then ridge with each strength."""
    model = models.random_features(WIDTHS[-1])

    def predict(keys: Keys, train: Dataset, width: Scalar, x: Array) -> Float[Array, "strengths points"]:
        mask = (jnp.arange(WIDTHS[-1]) < width).astype(x.dtype)
        train, x = train._replace(x=INPUT_SCALE * train.x), INPUT_SCALE * x

        def penalised(strength: Scalar) -> Float[Array, " points"]:
            # The kernel of so many features is width / WIDTHS[-1] times that of all: the penalty follows it.
            learner = learners.ridge(model, strength * width / WIDTHS[-1], mask=mask)
            return model.apply(learner(keys, train), x)[:, 0]

        free = model.apply(learners.least_squares(model, mask=mask)(keys, train), x).T
        return jnp.concatenate([free, jax.vmap(penalised)(jnp.array(strengths))]) if strengths else free

    return predict


def judged(lab: Lab, strengths: tuple[float, ...] = STRENGTHS) -> Finding:
    """One study of both arms, tuned and without a penalty."""
    runs = measured(lab, "features", features(strengths), N, WIDTHS)
    terms = terms_of(runs.outputs["tuned"])
    grown = growth(WIDTHS, terms, LEAST_FALL, LARGEST_RISE)
    spread = np.log(np.var(np.asarray(runs.outputs["without"], float), axis=(2, 3)).mean(axis=-1))
    others = [at for at, width in enumerate(WIDTHS) if width != N]
    above = means(spread[WIDTHS.index(N)] - spread[others], level=1 - 0.05 / len(others))
    peaks = [judge(Interval(low, np.inf), inside=(0.0, np.inf)) for low in np.asarray(above.interval.low)]
    times, typical = np.exp(above.estimate), means(spread)
    drawn = {f"{part}, tuned": means(terms[part]) for part in ("bias²", "variance")}
    drawn["variance, no penalty"] = Estimate(np.exp(typical.estimate), Interval(*np.exp(np.array(typical.interval))))
    return Finding(
        what=f"variance of {WIDTHS[-1]} tuned random features over that of {WIDTHS[grown.worst]}",
        shown=grown.rise,
        verdict=judge_all([grown.verdict, *peaks]),
        reading=grown.told("Tuned") + f" Without a penalty {N} features vary {times[WIDTHS.index(N // 4)]:.0f} times as much as "
        f"{N // 4} (geometric mean over teachers), and {times.min():.0f} times as much as the number of them that comes nearest.",
        reference={"upper bar": 1 + LARGEST_RISE},
        ends="family-wise 95 % interval",
        tables={
            "Tuned: means over teachers ± s.e.": by_width(WIDTHS, terms),
            f"No penalty: log variance at {N} features less that at": {
                "width": [WIDTHS[at] for at in others], "difference": above,
            },
        },
        figures={
            f"Tuned, the variance falls; without a penalty its geometric mean over teachers peaks at n = {N}": plots.against(
                np.array(WIDTHS), drawn, log=True, xlabel="random features", ylabel="part of the risk, mean over teachers"
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """No penalty in either arm."""
    return judged(lab, strengths=())

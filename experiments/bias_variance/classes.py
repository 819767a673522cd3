"""Classifiers of two moons, where each class's probability is known, and of digits, with single labels, in three losses."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Bool, Float

from experiments.bias_variance.digits import NUM_DIGITS, split
from experiments.book.lab import Lab
from jaxdl import designs, learners, losses, models, objectives
from jaxdl.data import problems, resampling
from jaxdl.decomposition import Decomposition, Target, cross_entropy, kohavi_wolpert, zero_one
from jaxdl.types import Keys, Model, Run, Sampler

SPREAD = 0.35
"""Of the moons, so that their classes overlap."""
NUM_MOONS, NUM_POINTS = 40, 200
CERTAIN = 1e-3
PARTS = ("noise", "bias", "bias_plus_noise", "bias_squared", "bias_squared_plus_noise", "total_variance")
PARTS_OF_VOTES = ("noise_effect", "bias", "bias_plus_noise", "net_variance")


class Study(NamedTuple):
    """One problem: what the three losses give, and what variance does to the error of single runs."""

    results: dict[str, Decomposition]
    differences: dict[str, float]
    """Between the risk, measured apart, and the sum of the parts."""
    is_right: Bool[np.ndarray, " points"]
    is_wrong: Bool[np.ndarray, " points"]
    """Where the main prediction of one half of the runs surely is so."""
    effects: Float[np.ndarray, "2 runs"]
    """What variance adds to the error of each run of the other half, at those points, as a share of all."""


def moons(lab: Lab, leave_out: str = "") -> Study:
    """Two moons: the probability of each class is known at every point."""
    problem = problems.two_moons(SPREAD)
    x = problem.test_points(NUM_POINTS)
    probabilities = problem.mean(x)
    target = Target(probabilities=np.asarray(probabilities))
    runs = _runs(
        lab,
        "moons",
        models.mlp((2,), 2, activation=jax.nn.tanh),
        lambda keys: problem.sample(keys, NUM_MOONS),
        x,
        probabilities,
    )
    return _study(runs, probabilities, target, leave_out)


def digits(lab: Lab, leave_out: str = "") -> Study:
    """Handwritten digits, each with its label."""
    pool, test = split(lab)
    sample = resampling.subsample(pool, NUM_DIGITS).sample
    runs = _runs(lab, "classes", models.mlp((16,), 10), sample, test.x, test.y)
    return _study(runs, test.y, Target(labels=np.asarray(test.y)), leave_out)


def of_the_best_rule() -> tuple[float, float]:
    """Noise and bias by Kohavi & Wolpert of the rule that always says the likelier of two classes, at probabilities 0.7 and 0.3."""
    target = Target(probabilities=np.array([[0.7, 0.3]]))
    found = kohavi_wolpert(np.tile([1.0, 0.0], (4, 1, 1)), target=target, dims=("points", "out"), factors=("runs",))
    return float(found["noise"]), float(found["bias_squared"])


def _runs(lab: Lab, study: str, model: Model, sample: Sampler, x: Array, probabilities: Array) -> Any:
    objective = objectives.empirical_risk(model, losses.softmax_cross_entropy)
    fit = learners.gradient_descent(model, objective, optax.adam(0.05), num_steps=60)

    def trial(keys: Keys) -> Run:
        outputs = model.apply(fit(keys, sample(keys)), x)
        return Run(outputs, jnp.mean(losses.softmax_cross_entropy(outputs, probabilities)))

    return lab.run(study, trial, designs.independent(lab["classifiers"], "data", "init"), block=32)


def _study(runs: Any, probabilities: Array, target: Target, leave_out: str) -> Study:
    pi, predicted = np.asarray(probabilities, np.float64), runs.outputs.argmax(axis=-1)
    pi = pi / pi.sum(axis=-1, keepdims=True)  # single precision leaves sums of 1 ± 1e-7
    design = designs.independent(len(predicted), "data", "init")

    def correct(classes: np.ndarray) -> np.ndarray:
        """The probability that a class is that of the label, at each point."""
        return np.take_along_axis(pi[None], classes[..., None], axis=-1)[..., 0]

    def taken_apart(loss: Any, outputs: np.ndarray, **design: Any) -> Decomposition:
        return loss(outputs, target=target, dims=("points", "out"), **design)

    def present(values: Mapping[Any, Any], terms: tuple[str, ...]) -> Any:
        return sum(values[term] for term in terms if term in values and term != leave_out)

    named = {"cross-entropy": cross_entropy, "Kohavi and Wolpert": kohavi_wolpert, "Domingos": zero_one}
    results = {name: taken_apart(loss, runs.outputs, design=design) for name, loss in named.items()}
    error = (1 - correct(predicted)).mean(axis=0)
    sums = {name: result.per_point.estimates for name, result in results.items()}
    differences = {
        "cross-entropy": np.mean(runs.aux.astype(np.float64)) - present(results["cross-entropy"].estimates, PARTS),
        "Kohavi and Wolpert": np.abs(error - present(sums["Kohavi and Wolpert"], PARTS)).max(),
        "Domingos": np.abs(error - present(sums["Domingos"], PARTS_OF_VOTES)).max(),
    }
    # The main prediction of one half of the runs; what it says of the other half, no selection has touched.
    half = len(predicted) // 2
    first = taken_apart(zero_one, runs.outputs[:half], factors=("runs",)).per_point.estimates
    is_wrong = present(first, ("bias", "bias_plus_noise")) > 0
    is_certain = first["main_prediction_uncertain"] < CERTAIN
    main = (predicted[:half, :, None] == np.arange(pi.shape[1])).sum(axis=0).argmax(axis=-1)
    change = correct(main[None]) - correct(predicted[half:])  # of the error, from the main prediction to that of a run
    chosen = is_certain & ~is_wrong, is_certain & is_wrong
    effects = np.stack([(change * each).mean(axis=1) for each in chosen])
    return Study(results, {name: float(abs(value)) for name, value in differences.items()}, *chosen, effects)

"""Learners of growing width on many random teachers, and the parts of the risk of each teacher.

A teacher is a random network with noisy labels. Each has test points, training sets and initialisations of its own, so
that teachers are independent replicates.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Scalar

from experiments.book.lab import Lab
from jaxdl import designs
from jaxdl.data import problems
from jaxdl.decomposition import Target, squared_error
from jaxdl.types import Dataset, Keys, Run, Trial

NUM_INPUTS, TEACHER_WIDTH, NUM_POINTS = 8, 50, 100
NOISE_STD = 0.3
"""Of the labels; the standard deviation of a teacher's own is about 0.4."""
PARTS = {
    "bias²": "bias_squared",
    "variance: data": "variance[data]",
    "variance: initialisation": "variance[init]",
    "variance: data × initialisation": "variance[data, init]",
    "variance": "total_variance",
}
ByTeacher = Float[np.ndarray, "widths teachers"]
Predict = Callable[[Keys, Dataset, Scalar, Array], Float[Array, "strengths points"]]
"""`(keys, train, width, x)` -> predictions at x with each strength of the regularisation, the first with none."""


def errors_of(predict: Predict, num_examples: int) -> Trial:
    """`(keys, width)` -> errors at test points, `tuned` with the strength that validation examples choose, and `without`.

    A quarter as many validation examples as training examples are drawn with them, so that the luck of the choice is part
    of the variance of the data.
    """

    def trial(keys: Keys, width: Scalar) -> Run:
        mark = jax.random.bits(keys["teacher"])
        own: Keys = {name: jax.random.fold_in(keys[name], mark) for name in ("data", "init")}
        own = designs.tied(own, validation="data")
        key_teacher, key_points = jax.random.split(keys["teacher"])
        teacher = problems.teacher_network(key_teacher, NUM_INPUTS, TEACHER_WIDTH, noise_std=NOISE_STD)
        x = teacher.inputs(key_points, NUM_POINTS)
        train = teacher.sample(own, num_examples)
        judges = teacher.sample({"data": own["validation"]}, num_examples // 4)
        found = predict(own, train, width, jnp.concatenate([x, judges.x]))
        chosen = jnp.mean((found[:, NUM_POINTS:] - judges.y.T) ** 2, axis=1).argmin()
        errors = found[:, :NUM_POINTS] - teacher.mean(x).T
        return Run({"tuned": errors[chosen], "without": errors[0]}, {"chosen": chosen})

    return trial


def measured(lab: Lab, study: str, predict: Predict, num_examples: int, widths: Sequence[int]) -> Any:
    """The runs of a study: errors of each arm, (widths, teachers, data, init, points), and the strengths chosen."""
    design = designs.crossed(teacher=lab["teachers"], data=lab["data"], init=lab["init"])
    return lab.run(study, errors_of(predict, num_examples), design, block=16, settings=np.array(widths, np.float32))


def terms_of(errors: Float[np.ndarray, "widths teachers data init points"]) -> dict[str, ByTeacher]:
    """The parts of the risk of each teacher, by their names in `PARTS`, from the errors of runs that share it."""
    num_widths, num_teachers, *_, num_points = errors.shape
    runs = np.moveaxis(np.asarray(errors), (2, 3), (0, 1)).reshape(*errors.shape[2:4], -1, num_points)
    target = Target(mean=np.zeros(num_points))
    found = squared_error(runs, factors=("data", "init"), target=target, dims=("times", "points"))
    return {name: np.asarray(found[term]).reshape(num_widths, num_teachers) for name, term in PARTS.items()}

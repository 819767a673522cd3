"""The studies of `data_size` on one curve: bias² and variance against n, two remedies, and learning curves.

One number of rows serves all n: examples beyond it have weight zero, so that n is a traced setting and each larger
training set contains the smaller ones. Imported by `measure` alone, so that jax is not needed to show a finished run.
"""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Scalar, ScalarLike

from jaxdl import designs, learners, losses, models, objectives
from jaxdl.data import problems
from jaxdl.decomposition import Target
from jaxdl.types import Dataset, Key, Keys, Trial

if TYPE_CHECKING:
    from experiments.data_size import Config

MAX_DEGREE = 9
STRENGTHS = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""Of the ridge penalties that are tuned, per example: what is added to the sum over examples is n times as large."""
NUM_FEATURES = 40
NUM_VALIDATION = 100
NUM_TEST = 1000
NUM_POINTS = 100
WIDTH, STEP = 32, 0.02
"""Of the network that sees each example once; a fifth of the largest step that is stable at its start."""


def target(config: "Config") -> Target:
    """The truth at the test points, in the shape (points, out)."""
    problem = problems.noisy_sine(config.noise_std)
    return Target(mean=np.asarray(problem.mean(problem.test_points(NUM_POINTS)), np.float64), noise=config.noise_std**2)


def first(dataset: Dataset, size: ScalarLike) -> Dataset:
    """The first `size` examples, at an unchanged shape."""
    return dataset._replace(weight=(jnp.arange(dataset.x.shape[0]) < size).astype(dataset.x.dtype))


def polynomials(config: "Config") -> Trial:
    """Least squares of each degree: `(keys, n)` -> predictions (degrees, points, out)."""
    problem = problems.noisy_sine(config.noise_std)
    x = problem.test_points(NUM_POINTS)

    def trial(keys: Keys, size: Scalar) -> Array:
        train = first(problem.sample(keys, max(config.sizes)), size)
        return jnp.stack([_polynomial(train, degree)(x) for degree in config.degrees])

    return trial


def penalised(config: "Config") -> Trial:
    """Ridge of a fixed strength, and random features whose strength is tuned: predictions (2, points, out)."""
    problem = problems.noisy_sine(config.noise_std)
    x = problem.test_points(NUM_POINTS)
    model = models.polynomial(max(config.degrees))
    fixed = learners.ridge(model, config.fixed_strength)

    def trial(keys: Keys, size: Scalar) -> Array:
        train = first(problem.sample(keys, max(config.sizes)), size)
        keys = designs.tied(keys, validation="data", init="data")
        validation = problem.sample({"data": keys["validation"]}, NUM_VALIDATION)
        return jnp.stack([model.apply(fixed(keys, train), x), _tuned_features(keys["init"], train, validation)(x)])

    return trial


def iterative(config: "Config") -> Trial:
    """The mean of the nearest neighbours, and a network that sees each example once: predictions (2, points, out)."""
    problem = problems.noisy_sine(config.noise_std)
    x = problem.test_points(NUM_POINTS)
    num_rows = max(config.sizes)
    model = models.mlp_of_width(WIDTH, WIDTH, 1, output_scale=0.1)
    # Batches beyond the n-th example weigh nothing and, with plain gradient descent, change nothing.
    fit = learners.minibatch_descent(
        model, objectives.empirical_risk(model, losses.squared_error), optax.sgd(STEP), num_steps=num_rows // config.batch_size,
        batch_size=config.batch_size, order=_in_sequence,
    )  # fmt: skip

    def trial(keys: Keys, size: Scalar) -> Array:
        train = first(problem.sample(keys, num_rows), size)
        network = fit(designs.tied(keys, init="data", order="data"), train)
        return jnp.stack([_nearest_neighbours(train, x, config.num_neighbours), model.apply(network, x)])

    return trial


def remedies(config: "Config") -> Trial:
    """Ridge regression on a polynomial, its strength tuned: `(keys, {"size", "degree"})` -> predictions (points, out)."""
    problem = problems.noisy_sine(config.noise_std)
    x = problem.test_points(NUM_POINTS)
    model = models.polynomial(MAX_DEGREE)

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Array:
        train = first(problem.sample(keys, 8 * config.base_size), setting["size"])
        keys = designs.tied(keys, validation="data")
        validation = problem.sample({"data": keys["validation"]}, NUM_VALIDATION)
        mask = models.degree_mask(MAX_DEGREE, setting["degree"])

        def fit(strength: Scalar) -> Any:
            return learners.ridge(model, strength * jnp.sum(train.weight), mask=mask)(keys, train)

        return model.apply(_best(fit, model, validation), x)

    return trial


def curves(config: "Config") -> Trial:
    """One measurement for a learning curve: `(keys, n)` -> the risk of each learner on noisy test labels of its own.

    The training and test sets of different n share nothing, as the errors of a learning curve must not.
    """
    problem = problems.noisy_sine(config.noise_std)

    def trial(keys: Keys, size: Scalar) -> Float[Array, " learners"]:
        key_train, key_test, key_validation, key_init = jax.random.split(jax.random.fold_in(keys["data"], size), 4)
        train = first(problem.sample({"data": key_train}, max(config.sizes)), size)
        validation = problem.sample({"data": key_validation}, NUM_VALIDATION)
        test = problem.sample({"data": key_test}, NUM_TEST)
        fits = [
            *(_polynomial(train, degree) for degree in config.degrees),
            _tuned_features(key_init, train, validation),
        ]
        return jnp.stack([jnp.mean((fit(test.x) - test.y) ** 2) for fit in fits])

    return trial


def cross_validated(config: "Config") -> Trial:
    """Five-fold learning curves from one pool: `(keys, {"size", "pool"})` -> validation risks (degrees, folds).

    The training sets are the first n of what each fold leaves, as scikit-learn's `learning_curve` has them.
    """
    problem = problems.noisy_sine(config.noise_std)
    num_rows = 5 * max(config.sizes) // 4

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Float[Array, "degrees 5"]:
        # The pool of the largest n is drawn anew: it is the future that the smaller pool is to foretell.
        pool = problem.sample({"data": jax.random.fold_in(keys["data"], setting["pool"])}, num_rows)
        row = jnp.arange(num_rows)
        fold_size = setting["pool"] // 5

        def risk(fold: Scalar) -> Float[Array, " degrees"]:
            is_held_out = row // fold_size == fold
            is_rest = (row < setting["pool"]) & ~is_held_out
            is_training = is_rest & (jnp.cumsum(is_rest) <= setting["size"])
            train = pool._replace(weight=is_training.astype(pool.x.dtype))
            squares = [(_polynomial(train, degree)(pool.x) - pool.y)[:, 0] ** 2 for degree in config.degrees]
            return jnp.stack([jnp.sum(jnp.where(is_held_out, each, 0)) / fold_size for each in squares])

        return jax.vmap(risk, out_axes=1)(jnp.arange(5))

    return trial


def _polynomial(train: Dataset, degree: int) -> Any:
    model = models.polynomial(degree)
    variables = learners.least_squares_qr(model)({}, train)
    return lambda x: model.apply(variables, x)


def _tuned_features(key: Key, train: Dataset, validation: Dataset) -> Any:
    """Ridge regression on random features, of the strength that is best on the validation set."""
    model = models.random_features(NUM_FEATURES)

    def fit(strength: Scalar) -> Any:
        return learners.ridge(model, strength * jnp.sum(train.weight))({"init": key}, train)

    variables = _best(fit, model, validation)
    return lambda x: model.apply(variables, x)


def _best(fit: Any, model: Any, validation: Dataset) -> Any:
    """The variables, among those of all strengths, of the smallest validation error."""
    candidates = jax.vmap(fit)(jnp.array(STRENGTHS, validation.x.dtype))
    outputs = jax.vmap(model.apply, in_axes=(0, None))(candidates, validation.x)
    best = jnp.argmin(jnp.mean((outputs - validation.y[None]) ** 2, axis=(1, 2)))
    return jax.tree.map(lambda leaf: leaf[best], candidates)


def _nearest_neighbours(train: Dataset, x: Float[Array, "points 1"], num_neighbours: int) -> Float[Array, "points 1"]:
    distances = jnp.abs(x - train.x[:, 0][None, :])
    distances = jnp.where(train.weight[None, :] > 0, distances, jnp.inf)
    _, nearest = jax.lax.top_k(-distances, num_neighbours)
    return jnp.mean(train.y[nearest], axis=1)


def _in_sequence(key: Key, num_examples: int, batch_size: int, num_steps: int) -> Int[Array, "steps batch"]:
    del key, num_examples  # examples are drawn independently: their own order is a random one
    return jnp.arange(num_steps * batch_size).reshape(num_steps, batch_size)

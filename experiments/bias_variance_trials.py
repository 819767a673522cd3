"""What `bias_variance` trains: polynomials, ridge, small networks on the noisy sine, and networks on the digits."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.bias_variance import Config
    from jaxdl.types import Trial

MAX_DEGREE = 12
NOISE_LEVELS = (0.0, 0.1, 0.3, 1.0)
GRID = tuple((degree, size) for degree in (1, 3, 5, 9) for size in (20, 40, 80, 160))
SMALL_SAMPLE = 15
NUM_BATCHES = 20  # of runs, each decomposed on its own: the replicates of the rank and sign tests
SHARE = 4  # side studies take one in SHARE of the runs


def polynomial_trial(num_points: int) -> "Trial":
    """`(keys, setting)` -> predictions, and the risks on the training labels and on two sorts of fresh ones.

    Inputs are an even grid on [-1, 1] of `setting["num_examples"]`, padded with examples of weight zero, so that
    one compilation serves every degree, sample size and noise level.
    """
    import jax
    import jax.numpy as jnp

    from jaxdl import learners, models
    from jaxdl.data import problems
    from jaxdl.types import Run

    model = models.polynomial(MAX_DEGREE)
    x_test = problems.noisy_sine().test_points(num_points)
    index = jnp.arange(max(size for _, size in GRID))

    def trial(keys, setting):
        problem = problems.noisy_sine(setting["noise_std"])
        is_used = index < setting["num_examples"]
        x = jnp.where(is_used, 2 * index / (setting["num_examples"] - 1) - 1, 0.0)[:, None]
        train = problem.sample_at(keys, x)._replace(weight=is_used.astype(x.dtype))
        mask = models.degree_mask(MAX_DEGREE, setting["degree"])
        variables = learners.least_squares_qr(model, mask=mask)(keys, train)
        key_test, key_again = jax.random.split(keys["test"])
        predictions, fitted = model.apply(variables, x_test), model.apply(variables, x)
        y_test = problem.labels(key_test, x_test)

        def risk_at_inputs(labels):
            return jnp.sum(train.weight * (fitted - labels)[:, 0] ** 2) / setting["num_examples"]

        risks = {
            "train": risk_at_inputs(train.y),
            "again": risk_at_inputs(problem.labels(key_again, x)),
            "test": jnp.mean((predictions - y_test) ** 2),
            "oracle": jnp.mean((problem.mean(x_test) - y_test) ** 2),
        }
        return Run(predictions[:, 0], risks)

    return trial


def other_trials(config: "Config") -> "dict[str, Trial]":
    """Ridge, a small network, and gradient descent with too small a step, at the same inputs and noise."""
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import learners, losses, models, objectives
    from jaxdl.data import problems
    from jaxdl.types import Run

    problem = problems.noisy_sine(config.noise_std)
    x_test = problem.test_points(config.num_points)
    x = jnp.linspace(-1, 1, config.num_examples)[:, None]

    def tested(model, learner):
        def trial(keys):
            train = problem.sample_at(keys, x)
            variables = learner(keys, train)
            predictions = model.apply(variables, x_test)
            risks = {
                "train": jnp.mean((model.apply(variables, x) - train.y) ** 2),
                "test": jnp.mean((predictions - problem.labels(keys["test"], x_test)) ** 2),
            }
            return Run(predictions[:, 0], risks)

        return trial

    def descent(model, optimizer, num_steps):
        objective = objectives.empirical_risk(model, losses.squared_error)
        return learners.gradient_descent(model, objective, optimizer, num_steps=num_steps)

    polynomial = models.polynomial(MAX_DEGREE)
    network = models.mlp((8,), 1, activation=jax.nn.tanh)
    return {
        "ridge": tested(polynomial, learners.ridge(polynomial, 1.0)),
        "network": tested(network, descent(network, optax.adam(0.05), 200)),
        "small step": tested(polynomial, descent(polynomial, optax.sgd(1e-3), 100)),
    }


def digits_trial(config: "Config") -> "tuple[Trial, Any]":
    """`(keys, width)` -> predictions of one-hot labels; and the labels of the test digits."""
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import designs, learners, losses, models, objectives, selection
    from jaxdl.data import orders, real, resampling
    from jaxdl.types import Run

    digits = real.digits()
    digits = digits._replace(x=digits.x / 16)
    pool, test = (selection.select(digits, rows) for rows in selection.hold_out(jax.random.key(0), 1797, 597))
    sample = resampling.subsample(pool, config.num_digits).sample

    def trial(keys, width):
        model = models.mlp_of_width(max(config.widths), width, 10, output_scale=0.1)
        objective = objectives.empirical_risk(model, losses.squared_error)
        fit = learners.minibatch_descent(
            model,
            objective,
            optax.adam(1e-2),
            num_steps=config.num_steps,
            batch_size=min(50, config.num_digits),
            order=orders.with_replacement,
        )
        variables = fit(designs.tied(keys, order="init"), sample(keys))
        return Run(model.apply(variables, test.x), variables["report"])

    return trial, jnp.asarray(test.y)


def sine(num_points: int) -> Any:
    """The true mean at the test points, in double precision."""
    import numpy as np

    x = (2 * np.arange(num_points) + 1) / num_points - 1
    return np.sin(np.pi * x) + x / 2


def excess(predictions: Any, mean: Any) -> Any:
    """Mean squared distance from `mean` over test points, for each run."""
    import numpy as np

    return np.mean((predictions.astype(np.float64) - mean) ** 2, axis=-1)


def exact_terms(config: "Config", degree: int, num_examples: int | None = None) -> tuple[float, float]:
    """bias² and variance of least squares at fixed inputs: f(x) = s(x)·y with s(x) = features(x)' pinv(features)."""
    import numpy as np
    from numpy.polynomial.legendre import legvander

    size = num_examples or config.num_examples
    x, x_test = np.linspace(-1, 1, size), (2 * np.arange(config.num_points) + 1) / config.num_points - 1
    smoother = legvander(x_test, degree) @ np.linalg.pinv(legvander(x, degree))
    bias = smoother @ (np.sin(np.pi * x) + x / 2) - sine(config.num_points)
    return float(np.mean(bias**2)), float(config.noise_std**2 * np.mean((smoother**2).sum(axis=1)))

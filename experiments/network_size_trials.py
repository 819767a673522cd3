"""What `network_size` trains: random features and networks on a teacher's noisy labels, and networks on handwritten digits."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jaxtyping import ScalarLike

    from experiments.network_size import Config
    from jaxdl.data.problems import Problem
    from jaxdl.types import Dataset, Key, Keys, Model, Trial

    Predict = Callable[[Keys, Dataset, ScalarLike, Any], Any]
    """`(keys, train, width, x)` -> predictions (1 + strengths, points, out), the first without regularisation."""

NUM_INPUTS = 8
TEACHER_WIDTH = 50
INPUT_SCALE = 10.0
"""Of the random features' inputs, as in `double_descent`: else features that only one example activates make a tail too heavy
for a finite variance."""
LEARNING_RATE = 1e-2
NUM_POOL, NUM_JUDGES = 600, 298
"""Digits of each of two disjoint parts: those to draw training sets from, and those to judge by."""


def teacher(config: "Config", key: "Key") -> "Problem":
    """A fixed random network with noisy labels, whose mean is known."""
    from jaxdl.data import problems

    return problems.teacher_network(key, NUM_INPUTS, TEACHER_WIDTH, noise_std=config.noise_std)


def predict_by_features(max_width: int, strengths: Sequence[float]) -> "Predict":
    """Random ReLU features: the fit of minimum norm, then ridge with each of the `strengths`, which are positive."""
    import jax
    import jax.numpy as jnp

    from jaxdl import learners, models

    model = models.random_features(max_width)

    def predict(keys, train, width, x):
        mask = (jnp.arange(max_width) < width).astype(train.x.dtype)
        train, x = train._replace(x=INPUT_SCALE * train.x), INPUT_SCALE * x

        def penalised(strength):
            # The kernel of so many features is width / max_width times that of all: the penalty follows it.
            return model.apply(learners.ridge(model, strength * width / max_width, mask=mask)(keys, train), x)

        without = model.apply(learners.least_squares(model, mask=mask)(keys, train), x)
        return jnp.concatenate([without[None], jax.vmap(penalised)(jnp.array(strengths))])

    return predict


def predict_by_network(max_width: int, strengths: Sequence[float], num_steps: int) -> "Predict":
    """A network with one hidden layer, trained by AdamW: without weight decay, then with each of the `strengths`."""
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import learners, losses, models, objectives

    def predict(keys, train, width, x):
        model = models.mlp_of_width(max_width, width, 1)
        objective = objectives.empirical_risk(model, losses.squared_error)

        def decayed(strength):
            optimizer = optax.adamw(LEARNING_RATE, weight_decay=strength)
            variables = learners.gradient_descent(model, objective, optimizer, num_steps=num_steps)(keys, train)
            return model.apply(variables, x)

        return jax.vmap(decayed)(jnp.array([0.0, *strengths]))

    return predict


def regression_trial(problem: "Problem", predict: "Predict", num_examples: int, num_judges: int, x: Any) -> "Trial":
    """`(keys, width)` -> predictions (points, out) at `x`, `tuned` and `without` regularisation, and which strength was chosen
    by the error on fresh noisy validation examples.
    """
    import jax.numpy as jnp

    from jaxdl import designs
    from jaxdl.types import Run

    def trial(keys, width):
        train = problem.sample(keys, num_examples)
        judges = problem.sample({"data": designs.tied(keys, validation="data")["validation"]}, num_judges)
        found = predict(keys, train, width, jnp.concatenate([x, judges.x]))
        chosen = jnp.mean((found[:, len(x) :] - judges.y[None]) ** 2, axis=(1, 2)).argmin()
        return Run({"tuned": found[chosen, : len(x)], "without": found[0, : len(x)]}, {"chosen": chosen})

    return trial


def shuffled_digits() -> "Dataset":
    """The digits in an order that is always the same, with intensities from 0 to 1.

    They are two parts of `NUM_POOL` digits to train on and `NUM_JUDGES` to judge by, one after the other: the first part serves
    the choice of hyperparameters, the second all that is reported.
    """
    import jax

    from jaxdl.data import real

    digits = real.digits()
    order = jax.random.permutation(jax.random.key(0), digits.x.shape[0])
    return digits._replace(x=digits.x[order] / 16, y=digits.y[order])


def part_of(digits: "Dataset", part: "ScalarLike") -> "tuple[Dataset, Dataset]":
    """The pool and the judges of part 0 or 1, which may be traced."""
    import jax

    start = part * (NUM_POOL + NUM_JUDGES)

    def rows(first, count):
        return jax.tree.map(lambda field: jax.lax.dynamic_slice_in_dim(field, first, count), digits)

    return rows(start, NUM_POOL), rows(start + NUM_POOL, NUM_JUDGES)


def memory_trial(config: "Config") -> "Trial":
    """`(keys, setting)` -> errors on the training labels, and the accuracy on fresh digits' own labels.

    The setting says how many hidden units there are, which share of the training labels is wrong, and whether they are shuffled.
    """
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import learners, losses, models, objectives
    from jaxdl.data import resampling
    from jaxdl.data.label_noise import wrong_labels

    pool, test = part_of(shuffled_digits(), 1)
    num_classes = pool.y.shape[1]
    sample = resampling.subsample(pool, config.num_memorised).sample

    def trial(keys, setting):
        train = sample(keys)
        key_wrong, key_order = jax.random.split(keys["labels"])
        classes = wrong_labels(key_wrong, jnp.argmax(train.y, axis=1), setting["share"], num_classes)
        classes = jnp.where(setting["is_shuffled"], jax.random.permutation(key_order, classes), classes)
        train = train._replace(y=jax.nn.one_hot(classes, num_classes, dtype=train.x.dtype))
        model = models.mlp_of_width(max(config.memory_widths), setting["width"], num_classes)
        objective = objectives.empirical_risk(model, losses.softmax_cross_entropy)
        learner = learners.gradient_descent(model, objective, optax.adam(LEARNING_RATE), num_steps=config.memory_steps)
        variables = learner(keys, train)
        return {
            "train": jnp.sum(jnp.argmax(model.apply(variables, train.x), axis=1) != classes),
            "test": accuracy(model, variables, test),
        }

    return trial


def regularised_trial(config: "Config") -> "Trial":
    """`(keys, setting)` -> the accuracy of a network on digits that it never saw, after training on partly wrong labels.

    The setting says how many hidden units there are, the weight decay, the rate of dropout of hidden units, the part of the digits,
    and which share of the judges' labels is wrong: as many as the training labels where they choose, none for the report.
    """
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import designs, learners, losses, objectives
    from jaxdl.data import orders, resampling
    from jaxdl.data.label_noise import wrong_labels

    digits = shuffled_digits()
    num_classes = digits.y.shape[1]

    def noisy(key, dataset, share):
        classes = wrong_labels(key, jnp.argmax(dataset.y, axis=1), share, num_classes)
        return dataset._replace(y=jax.nn.one_hot(classes, num_classes, dtype=dataset.x.dtype))

    def trial(keys, setting):
        pool, judges = part_of(digits, setting["part"])
        key_train, key_judges = jax.random.split(keys["labels"])
        sample = resampling.subsample(pool, config.num_digits).sample(keys)
        train = noisy(key_train, sample, config.label_noise)
        model = network_with_dropout(max(config.grid_widths), setting["width"], num_classes, setting["rate"])
        learner = learners.minibatch_descent(
            model, objectives.empirical_risk(model, losses.softmax_cross_entropy),
            optax.adamw(LEARNING_RATE, weight_decay=setting["strength"]), num_steps=config.grid_steps,
            batch_size=min(50, config.num_digits), order=orders.reshuffled_each_epoch,
        )  # fmt: skip
        variables = learner(designs.tied(keys, order="init", dropout="init"), train)
        return accuracy(model, variables, noisy(key_judges, judges, setting["judges_share"]))

    return trial


def network_with_dropout(max_width: int, width: "ScalarLike", num_outputs: int, rate: "ScalarLike") -> "Model":
    """`models.mlp_of_width` that drops hidden units while it trains, at a rate that may be traced."""
    import jax
    import jax.numpy as jnp

    from jaxdl import models

    model = models.mlp_of_width(max_width, width, num_outputs)
    is_used = jnp.arange(max_width) < width

    def train_apply(variables, x, key):
        (hidden, c), (output, b) = variables["params"]["hidden"], variables["params"]["output"]
        # Bytes, because drawing uniform numbers would cost as much as the rest of the step: rates count in 1/256.
        is_kept = jax.random.bits(key, (x.shape[0], max_width), jnp.uint8) >= 256 * rate
        activity = jnp.where(is_used[None, :] & is_kept, jax.nn.relu(x @ hidden + c[None, :]), 0) / (1 - rate)
        return activity @ output + b[None, :], variables

    return model._replace(train_apply=train_apply, stochastic=True)


def accuracy(model: "Model", variables: Any, dataset: "Dataset") -> Any:
    """The share of examples whose largest output is that of their label."""
    import jax.numpy as jnp

    is_right = jnp.argmax(model.apply(variables, dataset.x), axis=1) == jnp.argmax(dataset.y, axis=1)
    return jnp.mean(is_right.astype(dataset.x.dtype))

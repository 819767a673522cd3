"""Every objective, learner and selection refuses data, losses and arguments that do not fit, by name; what fits is taken by all."""

import inspect
from decimal import Decimal
from fractions import Fraction

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx

from jaxdl import learners, losses, models, objectives, penalties, priors, selection
from jaxdl.data import orders
from jaxdl.types import Dataset, Model

KEY = jax.random.key(0)
KEYS = dict.fromkeys(("init", "order", "dropout", "split"), KEY)
LINEAR = models.linear(2)
N = 6
DATA = Dataset(
    jnp.linspace(-1.0, 1.0, N)[:, None],
    jnp.stack([jnp.linspace(0.0, 1.0, N), jnp.linspace(2.0, 1.0, N)], axis=1),
    jnp.array([1.0, 2.0, 0.0, 1.0, 1.0, 1.0]),
)
AT = {"params": {"weights": jnp.ones((2, 2))}}
OBJECTIVES = {
    "empirical_risk": objectives.empirical_risk,
    "evaluation_risk": objectives.evaluation_risk,
    "map_estimate": lambda model, loss: objectives.map_estimate(model, loss, penalties.l2),
    "regularized": lambda model, loss: objectives.regularized(
        objectives.empirical_risk(model, loss), penalties.l2, 0.1
    ),
    "with_activity_penalty": lambda model, loss: objectives.with_activity_penalty(
        objectives.empirical_risk(model, loss), lambda variables, x: x, penalties.l1, 0.1
    ),
}
RISK = objectives.empirical_risk(LINEAR, losses.squared_error)
SPLITS = selection.k_fold(KEY, N, 2)
SPLIT = jax.tree.map(lambda leaf: leaf[0], SPLITS)
ROUGH = learners.ridge(LINEAR, 1.0)


def of_model(make, model=LINEAR, loss=losses.squared_error, **changes):
    """A learner of a model, a loss and an optimiser, of one step."""
    arguments = {
        "model": model,
        "objective": objectives.empirical_risk(LINEAR, loss),
        "optimizer": optax.sgd(0.1),
        "num_steps": 1,
        "batch_size": 2,
        "order": orders.shuffled_once,
        "patience": 2,
        "validation": objectives.evaluation_risk(LINEAR, loss),
        "proximal": penalties.soft_threshold,
        "strength": 0.1,
        "learning_rate": 0.1,
    } | changes
    return make(**{name: arguments[name] for name in inspect.signature(make).parameters if name in arguments})


LEARNERS = {make.__name__: make for make in (getattr(learners, name) for name in learners.__all__)}
OF_OBJECTIVES = {name: make for name, make in LEARNERS.items() if "objective" in inspect.signature(make).parameters}
# Everything that takes a data set, as `dataset -> anything`.
TAKERS = {name: (lambda data, make=make: of_model(make)(KEYS, data)) for name, make in LEARNERS.items()}
TAKERS |= {
    name: (lambda data, make=make: make(LINEAR, losses.squared_error)(AT, data, KEY))
    for name, make in OBJECTIVES.items()
}
TAKERS |= {
    "validate": lambda data: selection.validate(ROUGH, RISK, data, KEYS, split=SPLIT),
    "cross_validate": lambda data: selection.cross_validate(ROUGH, RISK, data, KEYS, splits=SPLITS),
    "tuned": lambda data: selection.tuned(lambda s: learners.ridge(LINEAR, s), RISK, jnp.ones(2), num_folds=2)(
        KEYS, data
    ),
    "select": lambda data: selection.select(data, SPLIT.train),
}
X, Y, WEIGHT = DATA
UNFIT = {
    "x without its last axis": (Dataset(X[:, 0], Y, WEIGHT), r"x of shape \(6,\).*x\[:, None\]"),
    "y without its last axis": (Dataset(X, Y[:, 0], WEIGHT), r"y of shape \(6,\).*\(n, out\).*y\[:, None\]"),
    "y of other examples": (Dataset(X, Y[:4], WEIGHT), r"y of shape \(4, 2\)"),
    "y without outputs": (Dataset(X, Y[:, :0], WEIGHT), r"y of shape \(6, 0\)"),
    "a column of weights": (Dataset(X, Y, WEIGHT[:, None]), r"weight of shape \(6, 1\).*weight\[:, 0\]"),
    "a row of weights": (Dataset(X, Y, WEIGHT[None]), r"weight of shape \(1, 6\)"),
    "one weight": (Dataset(X, Y, jnp.ones(())), r"weight of shape \(\)"),
    "weights of other examples": (Dataset(X, Y, WEIGHT[:4]), r"weight of shape \(4,\)"),
    "weights of half precision": (Dataset(X, Y, WEIGHT.astype(jnp.float16)), "weight of dtype float16"),
    "no weights": (Dataset(X, Y, None), "weight"),
    "no examples": (Dataset(X[:0], Y[:0], WEIGHT[:0]), "one example or more"),
    "complex targets": (Dataset(X, Y + 1j, WEIGHT), "y: got complex numbers"),
    "text": (Dataset(X, np.full((N, 2), "a"), WEIGHT), "y: got text"),
    "a masked array": (Dataset(np.ma.masked_less(np.array(X), 0), Y, WEIGHT), "x: got a masked array"),
    "keys as inputs": (Dataset(jax.random.split(KEY, (N, 1)), Y, WEIGHT), "x: got random keys"),
    "a tuple": ((X, Y, WEIGHT), r"data set of type tuple.*Dataset\(x, y, weight\)"),
}
BAD_VALUES = {
    "a missing input": (Dataset(X.at[3, 0].set(jnp.nan), Y, WEIGHT), "x: got .* nan in row 3"),
    "an infinite target": (Dataset(X, Y.at[2, 1].set(jnp.inf), WEIGHT), "y: got .* inf in row 2"),
    "a missing weight": (Dataset(X, Y, WEIGHT.at[1].set(jnp.nan)), "weight: got .* nan in row 1"),
    "a negative weight": (Dataset(X, Y, WEIGHT.at[1].set(-1.0)), "weight: got .* -1.0 in row 1"),
    "weights of zero": (Dataset(X, Y, 0 * WEIGHT), "weight: got zeros"),
    "weights that overflow": (Dataset(X, Y, WEIGHT.astype(jnp.float32) * 1e38), "a sum of"),
}


@pytest.fixture(autouse=True)
def as_users_run_it(monkeypatch):
    """Without the run-time type checker of the tests, which would refuse many of these first."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.mark.parametrize("taker", TAKERS)
@pytest.mark.parametrize("case", UNFIT)
def test_a_data_set_that_does_not_fit_together_is_refused_by_name(taker, case):
    dataset, match = UNFIT[case]
    with pytest.raises(ValueError, match=match):
        TAKERS[taker](dataset)


@pytest.mark.parametrize("taker", [*LEARNERS, "validate", "cross_validate", "tuned"])
@pytest.mark.parametrize("case", BAD_VALUES)
def test_values_that_cannot_be_trained_on_are_refused_where_they_are_at_hand(taker, case):
    dataset, match = BAD_VALUES[case]
    with pytest.raises(ValueError, match=match):
        TAKERS[taker](dataset)


@pytest.mark.parametrize("taker", ["gradient_descent", "ridge", "empirical_risk"])
def test_shapes_are_checked_while_a_program_is_traced(taker):
    with pytest.raises(ValueError, match=r"weight of shape \(6, 1\)"):
        jax.jit(TAKERS[taker]).lower(DATA._replace(weight=WEIGHT[:, None]))


def test_values_are_not_looked_at_while_a_program_is_traced():
    assert jax.eval_shape(TAKERS["ridge"], DATA._replace(weight=-WEIGHT))["params"]["weights"].shape == (2, 2)


MISFIT_LOSSES = {
    "elementwise": (lambda f, y: (f - y) ** 2, r"shape \(6, 2\).*sum over outputs: jnp.sum\(..., axis=-1\)"),
    "a column": (lambda f, y: jnp.sum((f - y) ** 2, axis=-1, keepdims=True), r"shape \(6, 1\).*sum over outputs"),
    "a mean": (lambda f, y: jnp.mean((f - y) ** 2), r"shape \(\).*do not reduce over examples"),
    "a number": (lambda f, y: 1.0, r"shape \(\).*do not reduce over examples"),
    "reduced over examples": (lambda f, y: jnp.sum((f - y) ** 2, axis=0), r"shape \(2,\).*do not reduce over examples"),
    "each with each": (lambda f, y: f @ y.T, r"shape \(6, 6\)"),
    "nothing": (lambda f, y: None, "a loss that returns NoneType"),
    "a pair": (lambda f, y: (f, y), "a loss that returns tuple"),
    "complex": (lambda f, y: jnp.sum(f - y, axis=-1) + 0j, "losses of dtype complex"),
}


@pytest.mark.parametrize("objective", OBJECTIVES)
@pytest.mark.parametrize("case", MISFIT_LOSSES)
def test_a_loss_that_does_not_give_one_number_for_each_example_is_refused(objective, case):
    loss, match = MISFIT_LOSSES[case]
    with pytest.raises(ValueError, match=match):
        OBJECTIVES[objective](LINEAR, loss)(AT, DATA, None)


@pytest.mark.parametrize("learner", OF_OBJECTIVES)
@pytest.mark.parametrize("case", ["elementwise", "a mean"])
def test_no_learner_trains_on_a_loss_that_is_not_one_number_for_each_example(learner, case):
    loss, match = MISFIT_LOSSES[case]
    with pytest.raises(ValueError, match=match.partition(".*")[2]):
        of_model(OF_OBJECTIVES[learner], loss=loss)(KEYS, DATA)


@pytest.mark.parametrize("what", ["early_stopping", "validate", "cross_validate", "tuned"])
def test_nothing_is_judged_by_a_loss_that_is_not_one_number_for_each_example(what):
    judge = objectives.evaluation_risk(LINEAR, MISFIT_LOSSES["a mean"][0])
    judged = {
        "early_stopping": lambda: of_model(learners.early_stopping, validation=judge)(KEYS, DATA),
        "validate": lambda: selection.validate(ROUGH, judge, DATA, KEYS, split=SPLIT),
        "cross_validate": lambda: selection.cross_validate(ROUGH, judge, DATA, KEYS, splits=SPLITS),
        "tuned": lambda: selection.tuned(lambda s: ROUGH, judge, jnp.ones(2), num_folds=2)(KEYS, DATA),
    }
    with pytest.raises(ValueError, match="do not reduce over examples"):
        judged[what]()


def test_outputs_as_many_as_examples_are_not_taken_for_examples():
    square = DATA._replace(x=X[:2], y=Y[:2], weight=WEIGHT[:2])
    assert objectives.empirical_risk(LINEAR, losses.squared_error)(AT, square, None)[0] > 0
    with pytest.raises(ValueError, match="do not reduce over examples"):
        objectives.empirical_risk(LINEAR, MISFIT_LOSSES["reduced over examples"][0])(AT, square, None)


def test_counts_of_errors_judge_and_do_not_train():
    def is_wrong(predictions, targets):
        return jnp.argmax(predictions, axis=-1) != jnp.argmax(targets, axis=-1)

    # The model prefers neither class, so that argmax says the first: wrong where the second target is larger, in all rows but one.
    expected = np.average([1, 1, 1, 1, 1, 0], weights=WEIGHT)
    np.testing.assert_allclose(objectives.evaluation_risk(LINEAR, is_wrong)(AT, DATA, None)[0], expected)
    with pytest.raises(ValueError, match="dtype bool, whose gradient is zero"):
        objectives.empirical_risk(LINEAR, is_wrong)(AT, DATA, None)


@pytest.mark.thorough
def test_whole_numbers_and_numpy_arrays_train_as_floats_do():
    whole = Dataset(np.arange(N)[:, None] * 1.0, np.arange(2 * N).reshape(N, 2), np.array([1, 2, 0, 1, 1, 1]))
    floats = Dataset(*(jnp.asarray(part, float) for part in whole))
    names = ("ridge", "gradient_descent", "minibatch_descent", "early_stopping", "newton", "proximal_gradient")
    # One program trains them all: compilation is what takes time.
    found, expected = (
        jax.jit(lambda data=data: {name: TAKERS[name](data)["params"]["weights"] for name in names})()
        for data in (whole, floats)
    )
    for name in names:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, err_msg=name)


@pytest.mark.thorough
def test_every_descent_takes_images():
    def apply(variables, x):
        return jnp.mean(x, axis=(1, 2)) @ variables["params"]["weights"]

    model = Model(lambda key, x: {"params": {"weights": jnp.zeros((x.shape[-1], 2))}}, apply)
    images = DATA._replace(x=jnp.broadcast_to(X[:, :, None, None], (N, 2, 3, 1)))
    risk = objectives.empirical_risk(model, losses.squared_error)
    flat = of_model(
        learners.newton,
        models.linear(2, intercept=False),
        objective=objectives.empirical_risk(models.linear(2, intercept=False), losses.squared_error),
    )(KEYS, DATA)["params"]["weights"]
    found = of_model(learners.newton, model, objective=risk)(KEYS, images)["params"]["weights"]
    np.testing.assert_allclose(found, flat, rtol=1e-10)
    for make in (learners.gradient_descent, learners.minibatch_descent, learners.early_stopping):
        trained = jax.eval_shape(of_model(make, model, objective=risk, validation=risk), KEYS, images)
        assert trained["params"]["weights"].shape == (1, 2)
    with pytest.raises(ValueError, match=r"x of shape \(6, 2, 3, 1\).*x.reshape\(len\(x\), -1\)"):
        TAKERS["ridge"](images)


WRONG = {
    "model": [nn.Dense(2), nn.Dense, nnx.Linear(1, 2, rngs=nnx.Rngs(0)), "linear", None, LINEAR.apply],
    "objective": [losses.squared_error, penalties.l2, "risk", LINEAR, None, ROUGH],
    "validation": [losses.squared_error, None],
    "optimizer": [optax.adam, "adam", None, optax.sgd(0.1).update],
    "num_steps": [2.5, True, -1, "3", None, np.float64(2.0), jnp.ones(2, int)],
    "batch_size": [2.5, True, 0, None],
    "patience": [2.5, True, 0],
    "order": ["shuffled", jnp.zeros((1, 2), int), lambda key: key],
    "times": [3, (0.5,), (True,), "1", jnp.ones(1), jnp.array(1), jnp.array([[0, 1]]), jnp.array([1, 0])],
    "proximal": [penalties.l1, penalties.lq_threshold, "soft", None],
    "strength": [-1.0, jnp.nan, np.inf, "1", None, jnp.ones(2), True, 1j],
    "damping": [-1.0, jnp.nan, "1"],
    "learning_rate": [0.0, -1.0, jnp.nan, "1"],
    "validation_fraction": [jnp.nan, -0.1, "half"],
    "mask": [0.5 * jnp.ones(2), [1, 2], [[1], [1, 0]], "all"],
}
MISTAKES = [
    pytest.param(make, argument, value, id=f"{name}-{argument}-{index}")
    for name, make in LEARNERS.items()
    for argument, values in WRONG.items()
    if argument in inspect.signature(make).parameters
    for index, value in enumerate(values)
]


@pytest.mark.parametrize(("make", "argument", "value"), MISTAKES)
def test_an_argument_of_the_wrong_kind_is_refused_by_name(make, argument, value):
    with pytest.raises(ValueError, match=f"{make.__name__}: got .*{argument}"):
        of_model(make, **{argument: value}) if argument != "times" and argument != "mask" else make(
            **{**arguments_of(make), argument: value}
        )


def arguments_of(make):
    signature = inspect.signature(make).parameters
    each = {"model": LINEAR, "objective": RISK, "optimizer": optax.sgd(0.1), "num_steps": 1, "strength": 0.1}
    each |= {"batch_size": 2, "order": orders.shuffled_once}
    return {name: value for name, value in each.items() if name in signature}


ELSEWHERE = {
    "a loss as text": lambda: objectives.empirical_risk(LINEAR, "squared"),
    "an objective as loss": lambda: objectives.empirical_risk(LINEAR, RISK),
    "a module as model": lambda: objectives.evaluation_risk(nn.Dense(2), losses.squared_error),
    "a loss as objective": lambda: objectives.regularized(losses.squared_error, penalties.l2, 1.0),
    "a learner as objective": lambda: objectives.regularized(ROUGH, penalties.l2, 1.0),
    "a proximal operator as penalty": lambda: objectives.regularized(RISK, penalties.soft_threshold, 1.0),
    "a negative strength": lambda: objectives.regularized(RISK, penalties.l2, -1.0),
    "a missing strength": lambda: objectives.regularized(RISK, penalties.l2, jnp.nan),
    "a factory of groups as penalty": lambda: objectives.regularized(RISK, penalties.group, 1.0)(AT, DATA, None),
    "a factory of powers as penalty": lambda: objectives.regularized(RISK, penalties.lq, 1.0)(AT, DATA, None),
    "a factory of priors as prior": lambda: objectives.map_estimate(LINEAR, losses.squared_error, priors.normal)(
        AT, DATA, None
    ),
    "a penalty of each parameter": lambda: objectives.regularized(RISK, lambda params: params["weights"], 1.0)(
        AT, DATA, None
    ),
    "an activity of one argument": lambda: objectives.with_activity_penalty(RISK, jnp.abs, penalties.l1, 1.0),
    "an objective as learner": lambda: selection.validate(RISK, RISK, DATA, KEYS, split=SPLIT),
    "a loss as judge": lambda: selection.validate(ROUGH, losses.squared_error, DATA, KEYS, split=SPLIT),
    "rows as split": lambda: selection.validate(ROUGH, RISK, DATA, KEYS, split=SPLIT.train),
    "a split of more examples": lambda: selection.cross_validate(
        ROUGH, RISK, DATA, KEYS, splits=selection.k_fold(KEY, N + 2, 2)
    ),
    "a vector of scores": lambda: selection.search(lambda s: s * jnp.ones(2), jnp.ones(3)),
    "a half fold": lambda: selection.k_fold(KEY, N, 2.5),
    "a Boolean number of draws": lambda: selection.draws(KEY, {"a": selection.uniform(0, 1)}, True),
    "a number as law": lambda: selection.draws(KEY, {"a": 1.0}, 3),
    "no upper bound": lambda: selection.log_uniform(1.0, float("inf")),
    "a missing exponent": lambda: penalties.lq(float("nan")),
    "an axis in two": lambda: penalties.group(0.5),
    "an axis that is not there": lambda: penalties.group(1)({"bias": jnp.ones(3)}),
    "a negative strength of a threshold": lambda: penalties.soft_threshold(jnp.ones(2), -1.0),
    "a missing standard deviation": lambda: priors.normal(jnp.nan),
    "a negative delta": lambda: losses.huber(jnp.ones((1, 1)), jnp.ones((1, 1)), delta=-1.0),
    "lists to a loss": lambda: losses.squared_error([1.0], 1.0),
    "a degree in two": lambda: models.polynomial(2.5),
    "a Boolean degree": lambda: models.polynomial(True),
    "a degree beyond the mask": lambda: models.degree_mask(3, 4),
    "a width for widths": lambda: models.mlp(16, 1),
    "a Boolean width": lambda: models.mlp([True], 1),
    "no outputs": lambda: models.linear(0),
    "a negative spread": lambda: models.linear(init_std=-1.0),
    "a width beyond the largest": lambda: models.mlp_of_width(4, 5, 1),
    "whole numbers for a network": lambda: models.mlp([4], 1).init(KEY, jnp.arange(3)[:, None]),
    "half precision for a linear model": lambda: LINEAR.init(KEY, jnp.ones((3, 1), jnp.bfloat16)),
    "keys without the source": lambda: of_model(learners.newton)({"data": KEY}, DATA),
    "one key for all sources": lambda: of_model(learners.newton)(KEY, DATA),
    "an integer for a key": lambda: of_model(learners.newton)({"init": 0}, DATA),
    "no key for a start that is drawn": lambda: of_model(learners.newton)({"init": None}, DATA),
    "several keys": lambda: of_model(learners.newton)({"init": jax.random.split(KEY)}, DATA),
    "an order of rows that are not there": lambda: of_model(
        learners.minibatch_descent, order=lambda key, n, size, steps: jnp.full((steps, size), n)
    )(KEYS, DATA),
    "an order of floats": lambda: of_model(
        learners.minibatch_descent, order=lambda key, n, size, steps: jnp.ones((steps, size))
    )(KEYS, DATA),
    "an objective of a vector": lambda: of_model(
        learners.gradient_descent, objective=lambda variables, data, key: (data.weight, variables)
    )(KEYS, DATA),
    "an objective without variables": lambda: of_model(
        learners.gradient_descent, objective=lambda variables, data, key: jnp.sum(data.weight)
    )(KEYS, DATA),
    "an objective that adds a collection": lambda: of_model(
        learners.gradient_descent, objective=lambda v, data, key: (jnp.sum(v["params"]["weights"]), {**v, "more": 1.0})
    )(KEYS, DATA),
    "a model without parameters": lambda: of_model(
        learners.gradient_descent, LINEAR._replace(init=lambda key, x: {"weights": x})
    )(KEYS, DATA),
    "parameters that are whole numbers": lambda: of_model(
        learners.gradient_descent, LINEAR._replace(init=lambda key, x: {"params": {"weights": jnp.ones((2, 2), int)}})
    )(KEYS, DATA),
    "outputs among other things": lambda: of_model(
        learners.gradient_descent,
        objective=objectives.empirical_risk(
            Model(LINEAR.init, lambda variables, x: (LINEAR.apply(variables, x), x)), losses.squared_error
        ),
    )(KEYS, DATA),
    "outputs that are whole numbers": lambda: objectives.empirical_risk(
        Model(LINEAR.init, lambda variables, x: LINEAR.apply(variables, x).astype(int)), losses.absolute_error
    )(AT, DATA, None),
    "outputs without their last axis": lambda: objectives.empirical_risk(
        Model(LINEAR.init, lambda variables, x: x[:, 0]), lambda f, y: jnp.sum((f - y.T) ** 2, axis=0)
    )(AT, DATA, None),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_what_is_taken_for_something_else_is_refused(case):
    with pytest.raises(ValueError, match=r"(: got |got .*expected)"):
        ELSEWHERE[case]()


def test_a_model_that_draws_nothing_needs_no_key():
    given = LINEAR._replace(init=lambda key, x: AT)
    for make in (learners.newton, learners.gradient_descent, learners.proximal_gradient):
        expected, found = (of_model(make, given)({"init": key}, DATA)["params"] for key in (KEY, None))
        np.testing.assert_array_equal(found["weights"], expected["weights"])


def test_a_stochastic_model_without_a_key_is_refused():
    model = models.from_nnx(lambda rngs: nnx.Dropout(0.5, rngs=rngs), stochastic=True)
    variables = model.init(KEY, DATA.y)
    square = DATA._replace(x=DATA.y)
    with pytest.raises(ValueError, match="no key for a model that draws random numbers"):
        objectives.empirical_risk(model, losses.squared_error)(variables, square, None)
    # 0 where nothing is dropped: evaluation draws nothing.
    assert objectives.evaluation_risk(model, losses.squared_error)(variables, square, None)[0] == 0


def test_early_stopping_on_bootstrap_weights_that_leave_nothing_to_watch_returns_no_number():
    learner = of_model(learners.early_stopping, num_steps=2)
    for weight in jnp.eye(N):
        # One example alone has a weight: either nothing is trained on, or nothing is watched.
        found = jax.jit(learner)(KEYS, DATA._replace(weight=weight))["params"]["weights"]
        assert jnp.all(jnp.isnan(found))


@pytest.mark.thorough
def test_descent_runs_under_jaxs_debugging_modes():
    fit = of_model(learners.gradient_descent, optimizer=optax.sgd(0.1), num_steps=1)
    expected = fit(KEYS, DATA)["params"]["weights"]
    with jax.numpy_dtype_promotion("strict"):
        np.testing.assert_allclose(fit(KEYS, DATA)["params"]["weights"], expected, rtol=1e-12)
    with jax.disable_jit():
        np.testing.assert_allclose(fit(KEYS, DATA)["params"]["weights"], expected, rtol=1e-12)
    with jax.debug_nans(True):
        np.testing.assert_allclose(fit(KEYS, DATA)["params"]["weights"], expected, rtol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize("learner", LEARNERS)
def test_keys_of_both_of_jaxs_kinds_draw_alike(learner):
    old = dict.fromkeys(KEYS, jax.random.key_data(KEY))
    drawn = models.linear(2, init_std=1.0)
    fit = jax.jit(of_model(LEARNERS[learner], drawn))
    found, expected = fit(old, DATA)["params"]["weights"], fit(KEYS, DATA)["params"]["weights"]
    np.testing.assert_array_equal(found, expected)


def test_folds_and_draws_take_keys_of_both_kinds():
    old = jax.random.key_data(KEY)
    for of in (
        lambda key: selection.k_fold(key, N, 2),
        lambda key: selection.hold_out(key, N, 2),
        lambda key: selection.draws(key, selection.uniform(0, 1), 2),
    ):
        jax.tree.map(np.testing.assert_array_equal, of(old), of(KEY))


@pytest.mark.parametrize("make", [make for make in LEARNERS.values() if "mask" in inspect.signature(make).parameters])
def test_a_mask_may_be_any_container_of_ones_and_zeros(make):
    expected = make(**arguments_of(make), mask=jnp.array([1.0, 0.0]))(KEYS, DATA)["params"]["weights"]
    for mask in ([1, 0], (True, False), np.array([1, 0], np.int8)):
        found = make(**arguments_of(make), mask=mask)(KEYS, DATA)["params"]["weights"]
        np.testing.assert_array_equal(found, expected)


def test_times_may_be_an_array_of_whole_numbers():
    expected = learners.gradient_descent(LINEAR, RISK, optax.sgd(0.1), num_steps=1, times=(0, 1))(KEYS, DATA)
    for times in (jnp.array([0, 1]), np.arange(2)):
        found = learners.gradient_descent(LINEAR, RISK, optax.sgd(0.1), num_steps=1, times=times)(KEYS, DATA)
        jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.parametrize("strength", [Decimal("0.5"), Fraction(1, 2)])
def test_a_strength_may_be_a_decimal_or_a_fraction(strength):
    takers = {
        "ridge": lambda strength: learners.ridge(LINEAR, strength)(KEYS, DATA),
        "newton": lambda strength: learners.newton(LINEAR, RISK, num_steps=1, damping=strength)(KEYS, DATA),
        "proximal": lambda strength: of_model(learners.proximal_gradient, strength=strength)(KEYS, DATA),
        "regularized": lambda strength: objectives.regularized(RISK, penalties.l2, strength)(AT, DATA, None),
        "threshold": lambda strength: penalties.soft_threshold(jnp.ones(2), strength),
    }
    for of in takers.values():
        jax.tree.map(np.testing.assert_array_equal, of(strength), of(0.5))


def test_several_steps_of_an_optimiser_may_be_gathered_into_one():
    # Two gradients of the same point are averaged, by optax in single precision: one step of descent.
    gathered = optax.MultiSteps(optax.sgd(0.1), 2)
    found = of_model(learners.gradient_descent, optimizer=gathered, num_steps=2)(KEYS, DATA)
    expected = of_model(learners.gradient_descent, num_steps=1)(KEYS, DATA)
    np.testing.assert_allclose(found["params"]["weights"], expected["params"]["weights"], rtol=1e-6)
    searching = optax.MultiSteps(optax.chain(optax.sgd(0.1), optax.contrib.reduce_on_plateau()), 2)
    of_model(learners.early_stopping, optimizer=searching)(KEYS, DATA)


def test_the_rows_of_an_order_may_be_numpys():
    def in_order(key, num_examples, batch_size, num_steps):
        return np.arange(num_steps * batch_size).reshape(num_steps, batch_size) % num_examples

    expected = of_model(learners.minibatch_descent, order=lambda *counts: jnp.asarray(in_order(*counts)))(KEYS, DATA)
    for convert in (np.asarray, np.ndarray.tolist):
        found = of_model(learners.minibatch_descent, order=lambda *counts, c=convert: c(in_order(*counts)))(KEYS, DATA)
        jax.tree.map(np.testing.assert_array_equal, found, expected)

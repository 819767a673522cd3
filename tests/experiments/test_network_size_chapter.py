"""What the claims about network size share: teachers, growth, digits, and networks with dropout."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.network_size import digits, growth, k014_shuffled_labels, k015_zero_training_error, teachers, tuning
from experiments.network_size.k013_bigger_networks import networks
from experiments.network_size.ns1_more_random_features import features
from jaxdl import designs, models, statistics
from jaxdl.data import problems
from jaxdl.statistics import Estimate, Interval, Verdict


def keys_of(seed, *names):
    return dict(zip(names, jax.random.split(jax.random.key(seed), len(names)), strict=True))


KEYS = keys_of(3, "teacher", "data", "init")


def test_every_run_is_tuned_by_noisy_validation_examples_of_its_own():
    def predict(keys, train, width, x):
        assert not set(np.ravel(train.x)) & set(np.ravel(x))
        teacher = problems.teacher_network(jax.random.split(KEYS["teacher"])[0], 8, 50, noise_std=0.3)
        mark = jax.random.bits(KEYS["teacher"])
        own = designs.tied({"data": jax.random.fold_in(KEYS["data"], mark)}, validation="data")
        labels = teacher.sample({"data": own["validation"]}, 5).y[:, 0]
        truth = teacher.mean(x)[:, 0]
        # Right at the test points alone, without the noise, and as the validation labels are: only the last must win.
        return jnp.stack([truth.at[-5:].add(9.0), truth, truth.at[-5:].set(labels) + width])

    run = teachers.errors_of(predict, 20)(KEYS, jnp.array(0.01))
    assert run.aux["chosen"] == 2
    np.testing.assert_allclose(run.outputs["tuned"], 0.01, atol=1e-5)
    np.testing.assert_allclose(run.outputs["without"], 0.0, atol=1e-5)


def test_the_parts_add_up_to_the_excess_risk_of_every_teacher():
    errors = np.random.default_rng(0).normal(1.0, 1.0, size=(2, 3, 4, 5, teachers.NUM_POINTS))
    terms = teachers.terms_of(errors)
    parts = sum(terms[name] for name in teachers.PARTS if name != "variance")
    np.testing.assert_allclose(parts, np.mean(errors**2, axis=(2, 3, 4)), rtol=1e-9)
    np.testing.assert_allclose(terms["bias²"] + terms["variance"], parts, rtol=1e-9)


def test_teachers_share_neither_training_sets_nor_test_points():
    seen = []

    def predict(keys, train, width, x):
        seen.extend([train.x, x])
        return jnp.zeros((1, len(x)))

    for teacher in range(2):
        teachers.errors_of(predict, 20)({**KEYS, "teacher": jax.random.key(teacher)}, 1.0)
    assert len({float(each[0, 0]) for each in seen}) == len(seen)


def test_features_without_a_penalty_interpolate_from_as_many_as_there_are_examples():
    train = problems.teacher_network(KEYS["teacher"], 8, 50).sample(KEYS, 16)
    few, many = (jnp.abs(features((10.0,))(KEYS, train, p, train.x) - train.y.T).max(axis=1) for p in (8.0, 320.0))
    assert many[0] < 1e-3 < 1e-2 < min(many[1], *few)


def test_weight_decay_shrinks_what_a_network_predicts():
    train = problems.teacher_network(KEYS["teacher"], 8, 50).sample(KEYS, 16)
    spread = jnp.std(networks((1.0, 100.0))(KEYS, train, 8.0, train.x), axis=1)
    assert spread[0] > spread[1] > spread[2]


def test_fiellers_interval_ends_where_a_t_test_is_undecided():
    rng = np.random.default_rng(0)
    above, below = rng.normal(3.0, 1.0, 30), rng.normal(2.0, 1.0, 30)
    found = growth.ratio(above, below, level=0.9)
    assert found.estimate == above.mean() / below.mean()
    assert found.interval.low < found.estimate < found.interval.high
    assert abs(statistics.mean_interval(above - found.interval.low * below, level=0.9).low) < 1e-9
    assert abs(statistics.mean_interval(above - found.interval.high * below, level=0.9).high) < 1e-9
    assert growth.ratio(above, rng.normal(0.0, 1.0, 30)).interval == (-np.inf, np.inf)


@pytest.mark.parametrize(
    ("bias", "variance", "verdict"),
    [
        ((4, 3, 2), (1, 1, 1), Verdict.SUPPORTED),
        ((4, 3, 3.95), (1, 1, 1), Verdict.REFUTED),
        ((4, 3, 2), (2, 1, 1.2), Verdict.REFUTED),
        ((4, 3, 2), (1, 1, 1.1), Verdict.INCONCLUSIVE),
    ],
)
def test_growth_needs_bias_to_fall_and_variance_not_to_rise(bias, variance, verdict):
    noise = 1 + 0.01 * np.random.default_rng(1).normal(size=(2, 3, 20))
    terms = {"bias²": np.array(bias)[:, None] * noise[0], "variance": np.array(variance)[:, None] * noise[1]}
    found = growth.growth((2, 4, 8), terms, 0.1, 0.1)
    assert found.verdict == verdict
    assert (f"takes {found.needed} teachers" in found.told("n")) == (verdict == Verdict.INCONCLUSIVE)


def test_an_interval_that_reaches_twice_as_far_as_the_bar_needs_four_times_the_replicates():
    assert growth.replicates_needed(Estimate(1.0, Interval(0.8, 1.2)), 1.1, 50) == 200
    assert growth.replicates_needed(Estimate(1.0, Interval(0.8, 1.1)), 0.9, 50) == 200


def test_no_digit_occurs_twice():
    assert len(set(map(bytes, np.asarray(digits.DIGITS.x)))) == 1797


@pytest.mark.parametrize(("arm", "size"), [("network", 9610), ("linear softmax", 650)])
def test_models_of_digits_have_as_many_parameters_as_the_criterion_says(arm, size):
    params = k014_shuffled_labels.ARMS[arm][0].init(KEYS["init"], jnp.ones((1, 64)))["params"]
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == size


def test_an_error_cannot_be_avoided_for_each_digit_with_two_labels():
    setting = {"width": jnp.array(48.0), "share": jnp.array(0.4), "is_twice": jnp.array(True)}
    trial = jax.jit(k015_zero_training_error.trial_of(False))
    keys = keys_of(0, "data", "labels", "init")
    found = trial(keys, setting)
    assert found["errors"] == found["floor"] > 0
    assert trial(keys, setting | {"is_twice": jnp.array(False)})["floor"] == 0
    # Both labels right, or both wrong and alike: 0.36 + 0.16 / 9 of the pairs agree.
    floors = [int(trial(keys_of(seed, "data", "labels", "init"), setting)["floor"]) for seed in range(6)]
    assert abs(np.mean(floors) - 62.2) < 4 * (100 * 0.622 * 0.378 / 6) ** 0.5


def test_dropout_keeps_the_mean_of_the_outputs_and_a_rate_of_zero_changes_nothing():
    x = jax.random.normal(KEYS["data"], (1, 3))
    model = tuning.with_dropout(8, 5, 0.0)
    variables = model.init(KEYS["init"], x)
    plain = models.mlp_of_width(8, 5, 10).apply(variables, x)
    for outputs in (model.train_apply(variables, x, KEYS["init"])[0], model.apply(variables, x)):
        np.testing.assert_allclose(outputs, plain, rtol=1e-6)
    dropped = tuning.with_dropout(8, 5, 0.25).train_apply
    outputs = jax.vmap(lambda each: dropped(variables, x, each)[0])(jax.random.split(KEYS["init"], 4000))
    errors = 4 * outputs.std(axis=0) / np.sqrt(4000)
    assert (abs(outputs.mean(axis=0) - plain) < errors).all()
    assert (errors > 0).all()


def test_arms_without_a_penalty_have_none_and_the_best_cell_of_an_arm_keeps_to_its_times():
    arms = {"large": (8, True, 0), "late": (8, False, 1)}
    cells = tuning.drawn_cells(np.random.default_rng(0), 3, arms)
    assert not cells["decay"][1].any()
    assert not cells["dropout"][1].any()
    assert (cells["rate"][0] == cells["rate"][1]).all()
    scores = np.zeros((2, 3, 2))
    scores[:, 2, 0], scores[:, 1, 1] = 9.0, 5.0
    assert tuning.best_cells(scores, arms) == [(2, 0), (1, 1)]

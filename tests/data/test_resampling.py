import collections
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import problems, resampling
from jaxdl.types import Dataset

NUM_EXAMPLES = 20
NUM_DRAWS = 4000


def numbered(num_examples=NUM_EXAMPLES):
    """Rows that tell where they come from; labels whose unbiased variance is exactly one."""
    index = jnp.arange(float(num_examples))
    labels = index**2
    labels = labels / jnp.std(labels, ddof=1)
    return Dataset(index[:, None], labels[:, None], jnp.ones(num_examples))


def weighted_mean(sample):
    return jnp.sum(sample.weight * sample.y[:, 0]) / jnp.sum(sample.weight)


def draws(law, key, statistic=weighted_mean, num_draws=NUM_DRAWS):
    keys = jax.random.split(key, num_draws)
    return np.asarray(jax.jit(jax.vmap(lambda key: statistic(law.sample({"data": key}))))(keys))


# name -> (law, variance over draws of the sample mean of 20 examples with s² = 1, size that it refers to)
DATASET = numbered()
LAWS = {
    "fresh": (resampling.fresh(problems.gaussian_linear(jnp.zeros(1), 1.0), 20), 1 / 20, 20),
    "bootstrap": (resampling.bootstrap(DATASET), 0.0475, 20),
    "bootstrap as weights": (resampling.bootstrap(DATASET, as_weights=True), 0.0475, 20),
    "subsample 5": (resampling.subsample(DATASET, 5), 0.15, 5),
    "subsample 10": (resampling.subsample(DATASET, 10), 0.05, 10),
    "subsample 15": (resampling.subsample(DATASET, 15), 1 / 60, 15),
    "half_sample": (resampling.half_sample(DATASET), 0.05, 20),
    "half_sample of an odd number": (resampling.half_sample(numbered(21)), 1 / 10 - 1 / 21, 21),
}


@pytest.mark.parametrize("name", LAWS)
def test_the_sample_mean_has_the_variance_of_its_law(name, key):
    law, variance, size = LAWS[name]
    means = draws(law, key)
    squares = (means - means.mean()) ** 2
    assert abs(means.var(ddof=1) - variance) < 4 * squares.std() / np.sqrt(NUM_DRAWS)
    assert law.training_size == size
    # Converted, every law estimates s² / training_size.
    np.testing.assert_allclose(law.variance_factor * variance, 1 / size, rtol=1e-12)
    assert str(size) in law.estimand
    # Draws centre on the data set, which deviates by s² / n from the truth; fresh ones do not.
    deviation = 0 if name == "fresh" else 1 / (21 if "odd" in name else 20)
    np.testing.assert_allclose(law.excess_factor * variance, deviation, rtol=1e-12)


@pytest.mark.parametrize("name", ["fresh", "bootstrap", "bootstrap as weights", "subsample 5"])
def test_a_draw_uses_its_key_once_and_vmap_equals_a_loop(name, key):
    def sample(key):
        return LAWS[name][0].sample({"data": key})

    keys = jax.random.split(key, 3)
    second = keys[1]
    with jax.debug_key_reuse(True):
        both = jax.jit(lambda keys, key: (jax.vmap(sample)(keys), sample(key)))
        batched, alone = both(keys, second)
    for many, one in zip(batched, alone, strict=True):
        np.testing.assert_allclose(many[1], one, rtol=1e-12)


def test_without_replacement_no_row_occurs_twice(key):
    rows = draws(resampling.subsample(DATASET, 19), key, lambda sample: sample.x[:, 0], num_draws=20)
    assert all(len(set(row)) == 19 for row in rows)


def test_every_subset_is_equally_likely(key):
    rows = draws(resampling.subsample(numbered(4), 2), key, lambda sample: sample.x[:, 0])
    counts = collections.Counter(tuple(sorted(row)) for row in rows.tolist())
    expected, error = NUM_DRAWS / 6, np.sqrt(NUM_DRAWS * (1 / 6) * (5 / 6))
    for pair in itertools.combinations(range(4), 2):
        assert abs(counts[pair] - expected) < 4 * error


def test_rows_keep_their_labels_and_weights(key):
    weighted = DATASET._replace(weight=DATASET.x[:, 0] + 1)
    for law in (resampling.bootstrap(weighted), resampling.subsample(weighted, 5)):
        sample = jax.jit(law.sample)({"data": key})
        rows = sample.x[:, 0].astype(int)
        np.testing.assert_array_equal(sample.y, weighted.y[rows])
        np.testing.assert_array_equal(sample.weight, weighted.weight[rows])


def test_bootstrap_weights_and_rows_are_the_same_draw(key):
    weighted = DATASET._replace(weight=DATASET.x[:, 0] + 1)
    rows, counts = jax.jit(
        lambda keys: [resampling.bootstrap(weighted, as_weights=flag).sample(keys) for flag in (False, True)]
    )({"data": key})
    np.testing.assert_array_equal(counts.x, weighted.x)
    totals = np.bincount(rows.x[:, 0].astype(int), weights=rows.weight, minlength=NUM_EXAMPLES)
    np.testing.assert_allclose(counts.weight, totals, rtol=1e-12)
    np.testing.assert_allclose(weighted_mean(rows), weighted_mean(counts), rtol=1e-12)


def test_out_of_bag_draws_are_bootstrap_draws_and_tell_which_rows_they_leave_out(key):
    weighted = DATASET._replace(weight=DATASET.x[:, 0])  # row 0 is in no bag, and left out of none
    law = resampling.bag(weighted)
    draw, bootstrap, left_out = jax.jit(
        lambda keys: (
            law.sample(keys),
            resampling.bootstrap(weighted).sample(keys),
            resampling.left_out(weighted, law.sample(keys)),
        )
    )({"data": key})
    np.testing.assert_array_equal(draw.y, weighted.y)
    rows = set(bootstrap.x[:, 0].astype(int).tolist())
    assert set(np.flatnonzero(left_out).tolist()) == set(range(1, NUM_EXAMPLES)) - rows
    assert str(law.training_size) in law.estimand


def test_a_draw_leaves_a_row_out_as_often_as_it_should(key):
    fractions = draws(resampling.bag(DATASET), key, lambda draw: jnp.mean(resampling.left_out(DATASET, draw)))
    assert abs(fractions.mean() - 0.95**20) < 4 * fractions.std() / np.sqrt(NUM_DRAWS)


def test_fresh_draws_read_inputs_and_labels_where_a_design_has_them(key):
    law = resampling.fresh(problems.noisy_sine(), 6)
    keys = {"inputs": key, "labels": jax.random.key(1)}
    draw = jax.jit(law.sample)
    np.testing.assert_array_equal(draw(keys).x, draw({**keys, "labels": jax.random.key(2)}).x)


def test_disjoint_parts_share_no_row_and_drop_the_remainder(key):
    split = resampling.disjoint_split(key, DATASET, 3)
    assert (split.training_size, split.variance_factor) == (6, 1.0)
    assert split.parts.x.shape == (3, 6, 1)
    assert split.parts.weight.shape == (3, 6)
    rows = split.parts.x.ravel()
    assert len(set(rows.tolist())) == 18
    np.testing.assert_array_equal(split.parts.y.ravel(), DATASET.y[rows.astype(int), 0])


def test_the_variance_over_disjoint_parts_is_that_of_their_size(key):
    def variance(key):
        with jax.debug_key_reuse(True):
            split = resampling.disjoint_split(key, DATASET, 4)
        return jnp.var(jax.vmap(weighted_mean)(split.parts), ddof=1)

    variances = jax.jit(jax.vmap(variance))(jax.random.split(key, NUM_DRAWS))
    assert abs(variances.mean() - 0.2) < 4 * variances.std() / np.sqrt(NUM_DRAWS)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: resampling.subsample(DATASET, 20),
            "num_examples: got 20, expected a whole number from 1 to 19.*use bootstrap",
        ),
        (lambda: resampling.subsample(DATASET, 0), "num_examples: got 0, expected a whole number from 1 to 19"),
        (lambda: resampling.bootstrap(numbered(1)), "1 examples, expected at least 2"),
        (lambda: resampling.bag(numbered(2)), "2 examples, expected at least 3"),
        (lambda: resampling.left_out(DATASET, numbered(5)), r"draw: got weights of shape \(5,\), expected \(20,\)"),
        (
            lambda: resampling.half_sample(DATASET._replace(y=DATASET.y[:, 0])),
            r"y of shape \(20,\), expected \(n, out\)",
        ),
        (lambda: resampling.bootstrap(DATASET._replace(weight=jnp.ones(19))), r"weight of shape \(19,\)"),
        (
            lambda: resampling.disjoint_split(jax.random.key(0), DATASET, 1),
            "num_parts: got 1, .* from 2 to 20",
        ),
        (
            lambda: resampling.disjoint_split(jax.random.key(0), DATASET, 21),
            "num_parts: got 21, .* from 2 to 20",
        ),
    ],
)
def test_bad_input_is_refused_with_the_remedy(call, message, unchecked):
    with pytest.raises(ValueError, match=message):
        call()

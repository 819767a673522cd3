import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import selection
from jaxdl.data import real

X = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]


def numbered(num_examples):
    index = np.arange(float(num_examples))
    return real.from_arrays(index[:, None], 10 * index, weight=index + 1)


def halves(key, dataset, num_train):
    num_examples = len(dataset.weight)
    return (selection.select(dataset, rows) for rows in selection.hold_out(key, num_examples, num_examples - num_train))


STANDARDIZED = jax.jit(real.standardized)


def weighted_data(dtype=np.float64):
    """Three ordinary columns, then three that are constant wherever the weight is positive."""
    generator = np.random.default_rng(5)
    x = np.column_stack(
        [generator.normal(size=(12, 3)) * [1.0, 1e-3, 50.0] + [0.0, 3.0, -7.0], np.full((12, 2), 0.1), np.zeros(12)]
    )
    weight = generator.integers(0, 4, size=12).astype(float)
    weight[0] = 0.0
    x[0, 5] = 9.0
    return x.astype(dtype), generator.normal(size=12).astype(dtype), weight.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardised_columns_have_the_weighted_moments_of_the_training_part_alone(dtype):
    x, y, weight = weighted_data(dtype)
    train = real.from_arrays(x, y, weight=weight)
    test = real.from_arrays(x[:5] + 1, y[:5])
    train_scaled, test_scaled = STANDARDIZED(train, test)
    # An independent account of the weights: rows repeated as often as they weigh.
    repeated = np.repeat(x.astype(float), weight.astype(int), axis=0)[:, :3]
    expected = (x[:5, :3].astype(float) + 1 - repeated.mean(axis=0)) / repeated.std(axis=0)
    tolerance = 10 * np.sqrt(np.finfo(dtype).eps)
    np.testing.assert_allclose(test_scaled.x[:, :3], expected, rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(np.average(train_scaled.x[:, :3], axis=0, weights=weight), 0, atol=tolerance)
    np.testing.assert_allclose(np.average(train_scaled.x[:, :3] ** 2, axis=0, weights=weight), 1, rtol=tolerance)
    np.testing.assert_array_equal(train_scaled.x[:, 3:], np.zeros((12, 3)))
    np.testing.assert_array_equal(test_scaled.x[:, 3:], np.zeros((5, 3)))
    np.testing.assert_array_equal(train_scaled.y, train.y)
    assert test_scaled.x.dtype == dtype


@pytest.mark.parametrize(("offset", "scale"), [(1e6, 1.0), (0.0, 1e-30), (0.0, 1e30)])
def test_standardisation_survives_extreme_offsets_and_scales_in_single_precision(offset, scale):
    values = (offset + scale * np.array([[0.0], [1.0], [2.0], [5.0]])).astype(np.float32)
    (scaled,) = STANDARDIZED(real.from_arrays(values, np.zeros(4)))
    np.testing.assert_allclose(scaled.x[:, 0], np.array([-2, -1, 0, 3]) / np.sqrt(3.5), rtol=1e-6, atol=1e-6)


@pytest.mark.thorough
def test_standardisation_under_vmap_equals_a_loop(key):
    x, y, weight = weighted_data()
    dataset = real.from_arrays(x, y, weight=weight)

    def prepare(key):
        return real.standardized_targets(*real.standardized(*halves(key, dataset, 8)))

    keys = jax.random.split(key, 3)
    batched, alone = jax.jit(lambda keys: (jax.vmap(prepare)(keys), prepare(keys[1])))(keys)
    jax.tree.map(lambda many, one: np.testing.assert_allclose(many[1], one, rtol=1e-9, atol=1e-9), batched, alone)


def test_standardised_targets_have_weighted_mean_zero_and_variance_one():
    x, y, weight = weighted_data()
    (scaled,) = jax.jit(real.standardized_targets)(real.from_arrays(x, y, weight=weight))
    np.testing.assert_allclose(np.average(scaled.y[:, 0], weights=weight), 0, atol=1e-12)
    np.testing.assert_allclose(np.average(scaled.y[:, 0] ** 2, weights=weight), 1, rtol=1e-12)
    np.testing.assert_array_equal(scaled.x, x)


def test_data_sets_with_other_columns_are_refused():
    with pytest.raises(ValueError, match="others: got a data set with 2 columns in x, expected 1"):
        real.standardized(numbered(4), real.from_arrays(X, [1, 2, 3]))


def test_a_nan_is_never_taken_for_a_constant_column():
    """At hand it is refused; under `jit` it stays to be seen."""
    dataset = numbered(4)._replace(x=jnp.array([[1.0], [np.nan], [2.0], [3.0]]))
    with pytest.raises(ValueError, match="x: got 1 of 4 entries such as nan in row 1"):
        real.standardized(dataset)
    (scaled,) = STANDARDIZED(dataset)
    assert np.isnan(scaled.x).all()
    no_weight = numbered(4)._replace(weight=jnp.zeros(4))
    with pytest.raises(ValueError, match=r"train: weight: got zeros"):
        real.standardized(no_weight)
    assert np.isnan(STANDARDIZED(no_weight)[0].x).all()


def test_weights_of_half_precision_do_not_overflow():
    """Their sum, 70 000, is beyond the range of float16."""
    x = np.repeat([[0.0], [2.0]], 35_000, axis=0).astype(np.float16)
    (scaled,) = real.standardized(real.from_arrays(x, np.zeros(len(x))))
    assert scaled.x.dtype == np.float16
    np.testing.assert_array_equal(scaled.x[:, 0], np.repeat([-1.0, 1.0], 35_000))


@pytest.mark.thorough
def test_images_are_split_and_standardised_pixel_by_pixel(key):
    images = np.random.default_rng(0).normal(size=(6, 2, 2, 1))
    dataset = real.from_arrays(images, np.arange(6))
    train, test = halves(key, dataset, 4)
    rows = np.concatenate([train.y, test.y])[:, 0].astype(int)
    np.testing.assert_array_equal(np.concatenate([train.x, test.x]), images[rows])
    flat = real.from_arrays(images.reshape(6, -1), np.arange(6))
    (scaled,), (expected,) = real.standardized(dataset), real.standardized(flat)
    np.testing.assert_allclose(scaled.x.reshape(6, -1), expected.x, rtol=1e-12)

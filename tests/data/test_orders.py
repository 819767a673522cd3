import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data import orders

EVERY = [orders.with_replacement, orders.reshuffled_each_epoch, orders.shuffled_once, orders.online]


@pytest.mark.thorough
@pytest.mark.parametrize("order", EVERY)
def test_an_order_names_rows_for_each_step_and_maps_over_keys(order, key):
    keys = jax.random.split(key, 3)
    rows = jax.jit(jax.vmap(lambda key: order(key, 40, 8, 5)))(keys)
    assert rows.shape == (3, 5, 8)
    assert rows.dtype == jnp.int32
    assert rows.min() >= 0
    assert rows.max() < 40
    np.testing.assert_array_equal(rows[2], jax.jit(lambda key: order(key, 40, 8, 5))(keys[2]))
    assert not np.array_equal(rows[0], rows[1])


@pytest.mark.parametrize("order", EVERY)
@pytest.mark.parametrize("batch_size", [0, 11])
def test_a_batch_that_does_not_fit_the_data_is_refused(order, batch_size, key):
    with pytest.raises(ValueError, match=f"batch_size: got {batch_size}, expected a whole number from 1 to 10"):
        order(key, 10, batch_size, 1)


def test_every_epoch_of_a_reshuffled_order_is_another_permutation(key):
    line = orders.reshuffled_each_epoch(key, 20, 7, 9).reshape(-1)
    epochs = np.array(line[:60]).reshape(3, 20)
    np.testing.assert_array_equal(np.sort(epochs, axis=1), np.tile(np.arange(20), (3, 1)))
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert len(set(line[60:].tolist())) == 3


def test_an_order_shuffled_once_repeats_its_only_permutation(key):
    line = np.array(orders.shuffled_once(key, 20, 7, 9)).reshape(-1)
    np.testing.assert_array_equal(np.sort(line[:20]), np.arange(20))
    np.testing.assert_array_equal(line, np.resize(line[:20], 63))


def test_an_online_order_uses_no_row_twice(key):
    rows = orders.online(key, 65, 16, 4)
    assert len(np.unique(rows)) == 64


def test_an_online_order_longer_than_the_data_is_refused(key):
    with pytest.raises(ValueError, match=r"got 5 steps of 16 examples and 65 examples.*take 4 steps"):
        orders.online(key, 65, 16, 5)


@pytest.mark.parametrize("num_examples", [4, 65])
def test_permutations_are_uniform(num_examples, key):
    """Each row is in each place equally often, and every pair of rows in either order."""
    num_epochs = 4000
    rows = orders.reshuffled_each_epoch(key, num_examples, num_examples, num_epochs)
    share = np.stack([np.bincount(column, minlength=num_examples) for column in np.array(rows).T]) / num_epochs
    standard_error = np.sqrt((1 - 1 / num_examples) / num_examples / num_epochs)
    # The largest of up to 4225 deviations is compared: two standard errors more than for a single one.
    assert np.abs(share - 1 / num_examples).max() < 6 * standard_error
    place = np.argsort(rows, axis=1)
    assert abs(np.mean(place[:, 0] < place[:, 1]) - 0.5) < 4 * 0.5 / num_epochs**0.5


def test_all_permutations_of_three_rows_are_equally_likely(key):
    rows = np.array(orders.reshuffled_each_epoch(key, 3, 3, 6000))
    _, counts = np.unique(rows @ [9, 3, 1], return_counts=True)
    assert len(counts) == 6
    assert np.abs(counts / 6000 - 1 / 6).max() < 4 * (5 / 36 / 6000) ** 0.5


@pytest.mark.thorough
def test_draws_with_replacement_are_uniform(key):
    rows = np.array(orders.with_replacement(key, 10, 10, 1000)).reshape(-1)
    share = np.bincount(rows, minlength=10) / rows.size
    assert np.abs(share - 0.1).max() < 4 * (0.09 / rows.size) ** 0.5


def test_an_order_of_no_steps_is_empty(key):
    assert orders.reshuffled_each_epoch(key, 10, 5, 0).shape == (0, 5)


def test_a_negative_number_of_steps_is_refused(key):
    with pytest.raises(ValueError, match="num_steps: got -1"):
        orders.shuffled_once(key, 10, 5, -1)

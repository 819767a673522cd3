"""The plug-in numbers of mlxtend: its own, from its own bootstrap indices, and how they relate to the unbiased ones."""

import inspect

import numpy as np
import pytest

from jaxdl.decomposition import Target, squared_error
from jaxdl.decomposition.plug_in import PlugIn, bootstrap_indices, plug_in_squared_error, plug_in_zero_one

NUM_ROUNDS = 200


def split(x, y, **options):
    """The split of mlxtend's user guide."""
    selection = pytest.importorskip("sklearn.model_selection")
    return selection.train_test_split(x, y, test_size=0.3, random_state=123, shuffle=True, **options)


def bootstrapped(model, x_train, x_test, y_train):
    rounds = bootstrap_indices(len(x_train), NUM_ROUNDS, random_seed=123)
    return np.stack([model.fit(x_train[rows], y_train[rows]).predict(x_test) for rows in rounds])


def least_squares_triple(x, y):
    linear_model = pytest.importorskip("sklearn.linear_model")
    x_train, x_test, y_train, y_test = split(x, y)
    return plug_in_squared_error(bootstrapped(linear_model.LinearRegression(), x_train, x_test, y_train), y_test)


def iris_tree():
    datasets, tree = pytest.importorskip("sklearn.datasets"), pytest.importorskip("sklearn.tree")
    x, y = datasets.load_iris(return_X_y=True)
    return tree.DecisionTreeClassifier(random_state=123), split(x, y, stratify=y)


def test_the_indices_are_those_that_mlxtend_draws_round_by_round():
    random = np.random.RandomState(123)
    expected = [random.choice(np.arange(17), size=17, replace=True) for _ in range(5)]
    np.testing.assert_array_equal(bootstrap_indices(17, 5, 123), expected)


def test_least_squares_on_the_diabetes_data_gives_the_triple_that_mlxtend_0_25_returned():
    datasets = pytest.importorskip("sklearn.datasets")
    triple = least_squares_triple(*datasets.load_diabetes(return_X_y=True))
    np.testing.assert_allclose(triple, [3029.249479816364, 2931.716156364658, 97.5333234517055], rtol=1e-9)


def test_trees_on_the_iris_data_give_the_numbers_of_the_user_guide():
    """Documented: average expected loss 0.062, average bias 0.022, average variance 0.040."""
    tree, (x_train, x_test, y_train, y_test) = iris_tree()
    triple = plug_in_zero_one(bootstrapped(tree, x_train, x_test, y_train), y_test)
    assert [f"{value:.3f}" for value in triple] == ["0.062", "0.022", "0.040"]
    np.testing.assert_allclose(triple, [0.06155555555555556, 0.022222222222222223, 0.04], rtol=1e-9)


def test_mlxtend_itself_returns_the_same_numbers():
    evaluate = pytest.importorskip("mlxtend.evaluate")
    data = pytest.importorskip("mlxtend.data")
    from sklearn.linear_model import LinearRegression

    x, y = data.boston_housing_data()
    triple = least_squares_triple(x, y)
    np.testing.assert_allclose(triple, [29.891450216, 28.609233802, 1.282216414], rtol=0, atol=5.1e-10)
    x_train, x_test, y_train, y_test = split(x, y)
    expected = evaluate.bias_variance_decomp(
        LinearRegression(), x_train, y_train, x_test, y_test, loss="mse", num_rounds=NUM_ROUNDS, random_seed=123
    )
    np.testing.assert_allclose(triple, expected, rtol=1e-9)
    tree, (x_train, x_test, y_train, y_test) = iris_tree()
    expected = evaluate.bias_variance_decomp(
        tree, x_train, y_train, x_test, y_test, loss="0-1_loss", num_rounds=NUM_ROUNDS, random_seed=123
    )
    triple = plug_in_zero_one(bootstrapped(tree, x_train, x_test, y_train), y_test)
    np.testing.assert_allclose(triple, expected, rtol=1e-9)


def test_what_the_unbiased_estimates_change_is_variance_over_k():
    random = np.random.default_rng(0)
    predictions, labels = random.normal(size=(7, 11)) + 2, random.normal(size=11)
    triple = plug_in_squared_error(predictions, labels)
    result = squared_error(predictions, factors=("data",), target=Target(labels=labels))
    np.testing.assert_allclose(triple.loss, triple.bias + triple.variance, rtol=1e-12)
    np.testing.assert_allclose(result.risk, triple.loss, rtol=1e-12)
    np.testing.assert_allclose(result.total_variance, triple.variance * 7 / 6, rtol=1e-12)
    np.testing.assert_allclose(result.bias_squared_plus_noise, triple.bias - triple.variance / 6, rtol=1e-12)


def test_a_tie_goes_to_the_smallest_class():
    predictions = np.array([[2, 5], [1, 5], [1, -3], [2, -3]])
    assert plug_in_zero_one(predictions, np.array([1, -3])) == PlugIn(0.5, 0.0, 0.5)
    assert plug_in_zero_one(predictions, np.array([2, 5])) == PlugIn(0.5, 1.0, 0.5)


def test_the_zero_one_loss_is_not_the_sum_where_deviations_from_a_wrong_main_prediction_are_right():
    """q = (0.6, 0.4) and label 1: the loss is 0.6, and not the 1 + 0.4 that bias and variance add up to."""
    predictions = np.array([[0]] * 6 + [[1]] * 4)
    assert plug_in_zero_one(predictions, np.array([1])) == PlugIn(0.6, 1.0, 0.4)


@pytest.mark.parametrize("plug_in", [plug_in_squared_error, plug_in_zero_one])
@pytest.mark.parametrize(
    ("predictions", "labels"), [((4, 3), (3, 1)), ((4, 3), (1,)), ((3,), (3,)), ((4, 0), (0,)), ((0, 3), (3,))]
)
def test_shapes_that_do_not_fit_are_refused(plug_in, predictions, labels):
    as_users_call_it = inspect.unwrap(plug_in)  # without the type checker of the tests
    with pytest.raises(ValueError, match=r"expected \(rounds, points\)"):
        as_users_call_it(np.zeros(predictions, int), np.zeros(labels, int))


def test_indices_of_nothing_are_refused():
    with pytest.raises(ValueError, match="num_rounds: got 0"):
        bootstrap_indices(5, 0, 123)

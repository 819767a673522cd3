"""scikit-learn's published bias-variance example, decomposed without the inflation of its plug-in formula."""

import numpy as np
from jaxtyping import Float

from jaxdl.decomposition import Target
from jaxdl.truths.study import Exact, Study, exact_terms

NUM_REPEATS, NUM_TRAIN, NUM_TEST, NOISE_STD = 50, 50, 1000, 0.1


def published_trees(*, bagged: bool = False) -> tuple[Study, Exact]:
    """50 regression trees (or bags of trees) on 50 points each, as in scikit-learn's "single estimator versus bagging".

    The example prints bias² 0.0003 for the tree. All of it is inflation: it is the variance divided by the number of repeats.
    The exact values are those of the unbiased formulas on the example's own data, to six decimals. The mean is
    f(x) = exp(-x²) + 1.5 exp(-(x - 2)²), and the noise is the variance of the example's replicate labels.

    Raises:
        ImportError: without scikit-learn.

    >>> study, exact = published_trees()
    >>> study.factors, "bias_squared" in exact
    (('data',), True)
    """
    try:
        from sklearn.ensemble import BaggingRegressor
        from sklearn.tree import DecisionTreeRegressor
    except ImportError as error:
        msg = 'the published example needs scikit-learn: pip install "jaxdl[experiments]"'
        raise ImportError(msg) from error
    # The example seeds NumPy's global generator once, and everything draws from it in turn, the bags after all of the trees;
    # a generator of our own, passed along, gives the same stream.
    random = np.random.RandomState(0)
    training_sets = [_draw(random, NUM_TRAIN, 1) for _ in range(NUM_REPEATS)]
    x_test, y_test = _draw(random, NUM_TEST, NUM_REPEATS)

    def fit_all(model) -> Float[np.ndarray, "data points"]:
        return np.stack([model.fit(x[:, None], y[:, 0]).predict(x_test[:, None]) for x, y in training_sets])

    predictions = fit_all(DecisionTreeRegressor(random_state=random))
    if bagged:
        predictions = fit_all(BaggingRegressor(DecisionTreeRegressor(), random_state=random))
    bias, variance, noise = (0.000240, 0.009340, 0.009960) if bagged else (-0.000003, 0.015556, 0.009960)
    exact = exact_terms(bias, {("data",): variance}, noise)
    name = "published trees, bagged" if bagged else "published trees"
    target = Target(mean=_mean(x_test), noise=y_test.var(axis=1, ddof=1))
    return Study(
        name, ("data",), lambda key: predictions, target, tolerance=1.5e-6, labels=lambda key: y_test.T  # noqa: ARG005
    ), exact  # fmt: skip


def _mean(x: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    return np.exp(-(x**2)) + 1.5 * np.exp(-((x - 2) ** 2))


def _draw(
    random: np.random.RandomState, num_examples: int, num_labels: int
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n labels"]]:
    x = np.sort(random.rand(num_examples) * 10 - 5)
    return x, np.stack([_mean(x) + random.normal(0.0, NOISE_STD, num_examples) for _ in range(num_labels)], axis=1)

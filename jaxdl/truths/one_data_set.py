"""One data set and its bootstrap, the input of mlxtend's `bias_variance_decomp`, with the terms that it should estimate."""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from jaxdl.decomposition import Target
from jaxdl.decomposition.plug_in import PlugIn, bootstrap_indices
from jaxdl.truths.random_design import minimum_norm_terms
from jaxdl.truths.study import Exact, Study, exact_terms, generator_of
from jaxdl.types import Key

Array = np.ndarray


class OneDataSet(NamedTuple):
    """Training examples, test inputs whose second moment is that of the training inputs', and the seed of the bootstrap."""

    x: Float[Array, "n features"]
    y: Float[Array, " n"]
    x_test: Float[Array, "points features"]
    random_seed: int


def bootstrapped_least_squares(
    *, num_examples: int = 30, num_features: int = 5, noise_std: float = 1.0, num_rounds: int = 50
) -> tuple[Study, Exact]:
    """Least squares on mlxtend's bootstrap of one data set, beside the exact terms of least squares itself.

    No estimator passes, jaxdl's included, because the fault lies in the design and not in a formula. `belkin_hsu_xu` with
    `p = num_features` has the same exact terms, and fresh draws that give them:

        bias² = 0,   variance = sigma² p / (n - p - 1),   noise = sigma²

    with x ~ N(0, I_p) and y = sum x + sigma e.

    >>> study, exact = bootstrapped_least_squares()
    >>> round(float(exact["risk"]), 4)
    1.2083
    """

    def predictions(key: Key) -> Float[Array, "rounds points"]:
        x, y, x_test, seed = one_data_set(key, num_examples, num_features, noise_std)
        rounds = bootstrap_indices(num_examples, num_rounds, seed)
        return (np.linalg.pinv(x[rounds]) @ y[rounds][..., None])[..., 0] @ x_test.T

    terms = minimum_norm_terms(num_examples, num_features, num_features, float(num_features), noise_std)
    exact = exact_terms(terms["bias_squared"], {("draw",): terms["total_variance"]}, terms["noise"])
    target = Target(mean=_test_points(num_features).sum(axis=1), noise=noise_std**2)
    study = Study("one data set, bootstrapped", ("draw",), predictions, target)
    return study, exact


def one_data_set(key: Key, num_examples: int, num_features: int, noise_std: float) -> OneDataSet:
    """The data set on which `bootstrapped_least_squares` trains with this key.

    >>> import jax
    >>> one_data_set(jax.random.key(0), 30, 5, 1.0).x.shape
    (30, 5)
    """
    random = generator_of(key)
    x = random.normal(size=(num_examples, num_features))
    y = x.sum(axis=1) + noise_std * random.normal(size=num_examples)
    return OneDataSet(x, y, _test_points(num_features), int(random.integers(2**31)))


def run_mlxtend(data: OneDataSet, y_test: Float[Array, " points"], *, num_rounds: int) -> PlugIn:
    """The numbers of mlxtend itself, with scikit-learn's `LinearRegression` without an intercept.

    Its numbers equal those of `mlxtend_recipe` on the predictions of `bootstrapped_least_squares`.

    Raises:
        ImportError: without mlxtend.

    >>> import importlib.util, jax
    >>> data = one_data_set(jax.random.key(0), 30, 5, 1.0)
    >>> has_mlxtend = importlib.util.find_spec("mlxtend") is not None
    >>> not has_mlxtend or run_mlxtend(data, np.zeros(len(data.x_test)), num_rounds=3).loss > 0
    True
    """
    try:
        from mlxtend.evaluate import bias_variance_decomp
        from sklearn.linear_model import LinearRegression
    except ImportError as error:
        msg = 'running mlxtend itself needs mlxtend and scikit-learn: pip install "jaxdl[bench]"'
        raise ImportError(msg) from error
    return PlugIn(
        *map(
            float,
            bias_variance_decomp(
                LinearRegression(fit_intercept=False), data.x, data.y, data.x_test, y_test,
                loss="mse", num_rounds=num_rounds, random_seed=data.random_seed,
            ),
        )
    )  # fmt: skip


def _test_points(num_features: int) -> Float[Array, "points features"]:
    """40 copies of sqrt(p) times the unit vectors: their second moment is the identity, and each copy has its own label."""
    return np.tile(np.sqrt(num_features) * np.eye(num_features), (40, 1))

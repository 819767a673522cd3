"""The learners that `diagnose` offers, as pipelines of scikit-learn that learn their own preprocessing in each fit."""

from collections.abc import Callable
from typing import Any, Literal, get_args

import numpy as np
from jaxtyping import Float, Num

Array = np.ndarray
Name = Literal["ridge", "forest", "boosting", "network"]
NAMES: tuple[str, ...] = get_args(Name)
SEEDED = ("forest", "boosting", "network")
"""Those that draw random numbers: the others give one fit for one training set."""
DESCRIBED = {
    ("ridge", "regression"): "ridge regression, strength by leave-one-out in each fit",
    ("ridge", "classification"): "logistic regression with an l2 penalty of strength 1",
    ("forest", "regression"): "random forest of 100 trees",
    ("forest", "classification"): "random forest of 100 trees",
    ("boosting", "regression"): "gradient boosting, 100 trees of depth 3 on random halves",
    ("boosting", "classification"): "gradient boosting, 100 trees of depth 3 on random halves",
    ("network", "regression"): "network with one hidden layer of 64, 200 epochs of Adam",
    ("network", "classification"): "network with one hidden layer of 64, 200 epochs of Adam",
}


def fitted(
    name: str, task: str, is_text: tuple[bool, ...]
) -> Callable[
    [Num[Array, "n features"], Num[Array, " n"], Float[Array, "points features"], int], Num[Array, " points"]
]:
    """`(x, y, x_test, seed) -> predictions`: one fit; numbers, or the numbers of classes."""
    model = _model(name, task)
    numbers = [column for column, holds_text in enumerate(is_text) if not holds_text]
    texts = [column for column, holds_text in enumerate(is_text) if holds_text]

    def fit(x: Array, y: Array, x_test: Array, seed: int) -> Array:
        from sklearn.compose import ColumnTransformer
        from sklearn.impute import SimpleImputer
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import OneHotEncoder, StandardScaler

        if len(np.unique(y)) == 1:  # of one class, which not every classifier takes
            return np.full(len(x_test), y[0])
        imputer = SimpleImputer(strategy="median", add_indicator=True, keep_empty_features=True)
        coder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=20, sparse_output=False)
        columns = ColumnTransformer(
            [("numbers", make_pipeline(imputer, StandardScaler()), numbers), ("texts", coder, texts)]
        )
        return make_pipeline(columns, model(seed)).fit(x, y).predict(x_test)

    return fit


def _model(name: str, task: str) -> Callable[[int], Any]:
    """`seed -> estimator`."""
    try:
        from sklearn import compose, ensemble, linear_model, neural_network
    except ImportError as error:
        msg = 'diagnose: got no scikit-learn, expected it installed; pip install "jaxdl[estimators]"'
        raise ImportError(msg) from error
    is_regression = task == "regression"

    def ridge(seed: int) -> Any:
        del seed
        if is_regression:
            return linear_model.RidgeCV(alphas=np.geomspace(1e-3, 1e4, 15))
        return linear_model.LogisticRegression(max_iter=2000)

    def forest(seed: int) -> Any:
        make = ensemble.RandomForestRegressor if is_regression else ensemble.RandomForestClassifier
        return make(n_estimators=100, random_state=seed)

    def boosting(seed: int) -> Any:
        make = ensemble.GradientBoostingRegressor if is_regression else ensemble.GradientBoostingClassifier
        return make(n_estimators=100, max_depth=3, subsample=0.5, random_state=seed)

    def network(seed: int) -> Any:
        if not is_regression:
            return neural_network.MLPClassifier(hidden_layer_sizes=(64,), max_iter=200, random_state=seed)
        from sklearn.preprocessing import StandardScaler

        regressor = neural_network.MLPRegressor(hidden_layer_sizes=(64,), max_iter=200, random_state=seed)
        return compose.TransformedTargetRegressor(regressor, transformer=StandardScaler())

    return {"ridge": ridge, "forest": forest, "boosting": boosting, "network": network}[name]

"""What the claims about mlxtend's bootstrap share: its loss, bias and variance for one data set at a time."""

import importlib.util
from collections.abc import Mapping

import jax
import numpy as np
from jaxtyping import Float

from jaxdl import truths
from jaxdl.truths.one_data_set import one_data_set
from jaxdl.types import Key

NUM_FEATURES, NUM_ROUNDS = 5, 50
TERMS = ("risk", "bias_squared", "total_variance")
IS_INSTALLED = importlib.util.find_spec("mlxtend") is not None


def by_formulas(num_examples: int, key: Key) -> Float[np.ndarray, "3"]:
    """Loss, bias and variance by the plug-in formulas, with mlxtend's own bootstrap indices."""
    study, _ = truths.bootstrapped_least_squares(num_examples=num_examples, num_rounds=NUM_ROUNDS)
    key_data, key_labels = jax.random.split(key)
    found = truths.mlxtend_recipe(study, study.predictions(key_data), study.draw_labels(key_labels))
    return np.array([found[term] for term in TERMS])


def by_mlxtend(num_examples: int, key: Key) -> Float[np.ndarray, "3"]:
    """The same, by mlxtend itself."""
    study, _ = truths.bootstrapped_least_squares(num_examples=num_examples, num_rounds=NUM_ROUNDS)
    key_data, key_labels = jax.random.split(key)
    data = one_data_set(key_data, num_examples, NUM_FEATURES, 1.0)
    return np.array(truths.run_mlxtend(data, study.draw_labels(key_labels)[0], num_rounds=NUM_ROUNDS))


def on_fresh_data(num_examples: int, key: Key) -> Float[np.ndarray, "3"]:
    """The same formulas, but every round has a data set of its own, as the expectations in their definition want it."""
    study, _ = truths.bootstrapped_least_squares(num_examples=num_examples, num_rounds=NUM_ROUNDS)
    *keys, key_labels = jax.random.split(key, NUM_ROUNDS + 1)
    sets = [one_data_set(each, num_examples, NUM_FEATURES, 1.0) for each in keys]
    predictions = np.stack([np.linalg.lstsq(data.x, data.y)[0] @ data.x_test.T for data in sets])
    found = truths.mlxtend_recipe(study, predictions, study.draw_labels(key_labels))
    return np.array([found[term] for term in TERMS])


def exact(num_examples: int) -> Mapping[str, float]:
    """Risk, bias² and variance of least squares on fresh data sets of this size."""
    terms = truths.bootstrapped_least_squares(num_examples=num_examples, num_rounds=NUM_ROUNDS)[1]
    return {term: float(terms[term]) for term in TERMS}

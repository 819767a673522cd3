"""Validation and cross-validation of any learner, and a learner that tunes itself by cross-validation."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from jaxdl.arguments import check_learner, check_objective, key_of, value_of
from jaxdl.examples import admitted_examples
from jaxdl.kinds import as_count, check_function
from jaxdl.selection.search import Settings, search
from jaxdl.selection.splits import Split, check_rows, k_fold, select
from jaxdl.types import Dataset, Keys, Learner, Objective


class CrossValidation(NamedTuple):
    """The result of `cross_validate`. The folds share training rows, so their spread is not a standard error of the risk.

    >>> folds = CrossValidation(risk=jnp.array(0.2), per_fold=jnp.array([0.1, 0.3]), fold_weight=jnp.array([5.0, 5.0]))
    >>> bool(jnp.isclose(jnp.average(folds.per_fold, weights=folds.fold_weight), folds.risk))
    True
    """

    risk: Scalar
    """The weighted mean over all validated examples."""
    per_fold: Float[Array, " folds"]
    fold_weight: Float[Array, " folds"]
    """The examples' weights, summed over each fold."""


def validate(learner: Learner, validation: Objective, dataset: Dataset, keys: Keys, *, split: Split) -> Scalar:
    """The validation objective of a learner that trains on one part of a data set, on the other part.

    Args:
        learner: it gets the training rows only.
        validation: an objective such as `objectives.evaluation_risk(model, loss)`.
        dataset: training and validation rows.
        keys: the learner's.
        split: from `hold_out`, or one fold of `k_fold`.

    Returns:
        The validation objective of the trained model.

    Raises:
        ValueError: what is no learner, objective or split; data that do not fit together or are not finite.

    >>> from jaxdl import learners, losses, models, objectives, selection
    >>> model = models.constant()
    >>> risk = objectives.evaluation_risk(model, losses.squared_error)
    >>> data = Dataset(jnp.ones((4, 1)), jnp.ones((4, 1)), jnp.ones(4))
    >>> split = selection.hold_out(jax.random.key(0), 4, 1)
    >>> print(validate(learners.ridge(model, 3.0), risk, data, {}, split=split).round(6))  # it predicts a half
    0.25
    """
    dataset = _admit("validate", learner, validation, dataset, split)
    variables = learner(keys, select(dataset, split.train))
    return value_of("validate", validation, variables, select(dataset, split.validation), None, what="validation")[0]


def cross_validate(
    learner: Learner, validation: Objective, dataset: Dataset, keys: Keys, *, splits: Split
) -> CrossValidation:
    """The validation objective over all folds: sum_k W_k R_k / sum_k W_k, with W_k the weight of fold k.

    For a weighted mean of losses this is the weighted mean over the whole data set. It estimates the risk of the learner at the
    size of the training part, not that of the final model. Every fold has keys of its own, folded from the learner's with the
    fold's number. All folds train as one batch.

    Args:
        learner: it trains on each fold's training rows.
        validation: an objective such as `objectives.evaluation_risk(model, loss)`.
        dataset: all rows.
        keys: the learner's.
        splits: from `k_fold`, or any splits with a leading axis.

    Raises:
        ValueError: a single split, without the leading axis; see `validate`.

    >>> from jaxdl import learners, losses, models, objectives
    >>> model = models.constant()
    >>> risk = objectives.evaluation_risk(model, losses.squared_error)
    >>> data = Dataset(jnp.ones((4, 1)), jnp.ones((4, 1)), jnp.ones(4))
    >>> result = cross_validate(learners.ridge(model, 2.0), risk, data, {}, splits=k_fold(jax.random.key(0), 4, 2))
    >>> print(result.risk, result.per_fold)
    0.25 [0.25 0.25]
    """
    dataset = _admit("cross_validate", learner, validation, dataset, splits)
    if splits.train.index.ndim != 2:
        msg = (
            f"cross_validate: got splits whose rows have shape {splits.train.index.shape}, expected (folds, rows) as from "
            "k_fold; use validate for one split"
        )
        raise ValueError(msg)
    num_folds = splits.train.index.shape[0]

    def one_fold(fold: Array, split: Split) -> Scalar:
        return validate(learner, validation, dataset, _FoldedKeys(keys, fold), split=split)

    per_fold = jax.vmap(one_fold)(jnp.arange(num_folds), splits)
    weight = jnp.sum(jax.vmap(lambda rows: select(dataset, rows).weight)(splits.validation), axis=1)
    return CrossValidation(jnp.sum(weight * per_fold) / jnp.sum(weight), per_fold, weight)


def tuned(
    learner_of: Callable[[Any], Learner], validation: Objective, settings: Settings, *, num_folds: int
) -> Learner:
    """The learner that chooses its setting by cross-validation on its own training set, then trains on all of it.

    It reads the source `"split"` besides those of the learner: folds are drawn from it, and all settings share them. The choice
    is a part of the learner, so every estimate of the learner's error includes it.

    Args:
        learner_of: `setting -> learner`, for a traced setting.
        validation: an objective such as `objectives.evaluation_risk(model, loss)`, for parts of the training set.
        settings: a pytree with one leading axis, such as from `grid` or `draws`.
        num_folds: folds of the training set.

    Returns:
        A learner, `(keys, dataset) -> variables`; `variables["selection"]` is the `Search`.

    Raises:
        ValueError: `learner_of` is not a function of a setting, or `validation` not an objective; fewer folds than two; see
            `cross_validate` and `search`.

    >>> from jaxdl import learners, losses, models, objectives
    >>> model = models.constant()
    >>> risk = objectives.evaluation_risk(model, losses.squared_error)
    >>> learner = tuned(lambda strength: learners.ridge(model, strength), risk, jnp.array([9.0, 0.0, 1.0]), num_folds=2)
    >>> data = Dataset(jnp.ones((4, 1)), jnp.ones((4, 1)), jnp.ones(4))
    >>> variables = learner({"split": jax.random.key(0)}, data)
    >>> print(variables["selection"].best, variables["params"]["weights"])
    0.0 [[1.]]
    """
    check_function(
        "tuned", learner_of, ("setting",), "return a learner: lambda s: learners.ridge(model, s)", what="learner_of"
    )
    check_objective("tuned", validation, what="validation")
    num_folds = as_count("tuned", num_folds, what="num_folds", low=2)

    def learner(keys: Keys, dataset: Dataset) -> Any:
        dataset = admitted_examples("tuned", dataset)
        splits = k_fold(key_of("tuned", keys, "split"), dataset.x.shape[0], num_folds)

        def score(setting: Any) -> Scalar:
            return cross_validate(learner_of(setting), validation, dataset, keys, splits=splits).risk

        result = search(score, settings)
        return {**learner_of(result.best)(keys, dataset), "selection": result}

    return learner


def _admit(name: str, learner: Learner, validation: Objective, dataset: Dataset, split: Split) -> Dataset:
    """The data set, after a check of all arguments and of the split's rows."""
    check_learner(name, learner)
    check_objective(name, validation, what="validation")
    if not isinstance(split, Split):
        msg = f"{name}: got a split of type {type(split).__name__}, expected a selection.Split; make one by hold_out or k_fold"
        raise ValueError(msg)
    dataset = admitted_examples(name, dataset)
    check_rows(name, split.train, dataset.x.shape[0])
    check_rows(name, split.validation, dataset.x.shape[0])
    return dataset


class _FoldedKeys:
    """`keys`, each folded with the number of a fold; a name is read only when the learner reads it."""

    def __init__(self, keys: Keys, fold: Array):
        self._keys = keys
        self._fold = fold

    def __getitem__(self, name: str) -> Array:
        return jax.random.fold_in(key_of("cross_validate", self._keys, name), self._fold)

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

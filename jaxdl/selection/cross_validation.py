"""Validation and cross-validation of any learner, and the learner that tunes itself by it."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from jaxdl.selection.search import Settings, search
from jaxdl.selection.splits import Split, k_fold, select
from jaxdl.types import Dataset, Keys, Learner, Objective


class CrossValidation(NamedTuple):
    """What `cross_validate` found. The folds share their training rows: their spread is no standard error of the risk."""

    risk: Scalar
    """The weighted mean over all validated examples."""
    per_fold: Float[Array, " folds"]
    fold_weight: Float[Array, " folds"]
    """The examples' weights, summed over each fold."""


def validate(learner: Learner, validation: Objective, dataset: Dataset, keys: Keys, *, split: Split) -> Scalar:
    """Train on one part of a data set, judge on the other.

    Args:
        learner: what is judged; it meets the training rows alone.
        validation: the judge, such as `objectives.evaluation_risk(model, loss)`.
        dataset: training and validation rows.
        keys: the learner's.
        split: from `hold_out`, or one fold of `k_fold`.

    Returns:
        The validation objective of the trained model.

    >>> from jaxdl import learners, losses, models, objectives, selection
    >>> model = models.constant()
    >>> risk = objectives.evaluation_risk(model, losses.squared_error)
    >>> data = Dataset(jnp.ones((4, 1)), jnp.ones((4, 1)), jnp.ones(4))
    >>> split = selection.hold_out(jax.random.key(0), 4, 1)
    >>> print(validate(learners.ridge(model, 3.0), risk, data, {}, split=split).round(6))  # it predicts a half
    0.25
    """
    variables = learner(keys, select(dataset, split.train))
    return validation(variables, select(dataset, split.validation), None)[0]


def cross_validate(
    learner: Learner, validation: Objective, dataset: Dataset, keys: Keys, *, splits: Split
) -> CrossValidation:
    """The validation objective over all folds: sum_k W_k R_k / sum_k W_k, with W_k the weight of fold k.

    With a weighted mean of losses as the objective this is their weighted mean over the whole data set. It estimates the
    risk of the learner at the size of the training part, not of the final model. Every fold trains with keys of its own,
    each folded from the learner's by the fold's number, and all folds train as one batch.

    Args:
        learner: what is judged.
        validation: the judge, such as `objectives.evaluation_risk(model, loss)`.
        dataset: all rows.
        keys: the learner's.
        splits: from `k_fold`, or any splits with a leading axis.

    Raises:
        ValueError: a single split, without the leading axis.

    >>> from jaxdl import learners, losses, models, objectives
    >>> model = models.constant()
    >>> risk = objectives.evaluation_risk(model, losses.squared_error)
    >>> data = Dataset(jnp.ones((4, 1)), jnp.ones((4, 1)), jnp.ones(4))
    >>> found = cross_validate(learners.ridge(model, 2.0), risk, data, {}, splits=k_fold(jax.random.key(0), 4, 2))
    >>> print(found.risk, found.per_fold)
    0.25 [0.25 0.25]
    """
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

    Reads the source `"split"`, besides those of the learner: folds are drawn anew with it, and all settings share them.
    The choice is a part of the learner, so that whatever judges the learner judges the choice with it.

    Args:
        learner_of: `setting -> learner`, for a traced setting.
        validation: the judge within the training set, such as `objectives.evaluation_risk(model, loss)`.
        settings: a pytree with one leading axis, such as from `grid` or `draws`.
        num_folds: folds of the training set.

    Returns:
        A learner, `(keys, dataset) -> variables`; `variables["selection"]` is the `Search`.

    >>> from jaxdl import learners, losses, models, objectives
    >>> model = models.constant()
    >>> risk = objectives.evaluation_risk(model, losses.squared_error)
    >>> learner = tuned(lambda strength: learners.ridge(model, strength), risk, jnp.array([9.0, 0.0, 1.0]), num_folds=2)
    >>> data = Dataset(jnp.ones((4, 1)), jnp.ones((4, 1)), jnp.ones(4))
    >>> variables = learner({"split": jax.random.key(0)}, data)
    >>> print(variables["selection"].best, variables["params"]["weights"])
    0.0 [[1.]]
    """

    def learner(keys: Keys, dataset: Dataset) -> Any:
        splits = k_fold(keys["split"], dataset.x.shape[0], num_folds)

        def score(setting: Any) -> Scalar:
            return cross_validate(learner_of(setting), validation, dataset, keys, splits=splits).risk

        found = search(score, settings)
        return {**learner_of(found.best)(keys, dataset), "selection": found}

    return learner


class _FoldedKeys:
    """`keys`, each folded with the number of a fold; a name is read only when the learner reads it."""

    def __init__(self, keys: Keys, fold: Array):
        self._keys = keys
        self._fold = fold

    def __getitem__(self, name: str) -> Array:
        return jax.random.fold_in(self._keys[name], self._fold)

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

"""The choice of hyperparameters on held-out examples: splits, cross-validation, and searches as one vmapped program.

* A `Split` divides the rows of a data set into those for training and those for validation. `validate` trains on the former and
  scores on the latter. `cross_validate` does so for every fold, so each example is scored once, by a model that never saw it.
* `search` compares settings by such scores. Every setting has the same rows and keys, so differences are paired.
* The score of the best setting is the smallest of many noisy ones, hence too good (Cawley & Talbot, 2010). Report its error on
  examples that took part in neither training nor validation. `tuned` makes one learner of the choice and the final training,
  whose error a test set, an outer `cross_validate`, or `decompose` can estimate.

Everything is a pure function of keys and traced settings, and works under `jit` and `vmap` at fixed shapes. Settings are
pytrees with one leading axis, as `decompose` and `ensembles.run` take them.
"""

from jaxdl.selection.cross_validation import CrossValidation, cross_validate, tuned, validate
from jaxdl.selection.search import (
    Law,
    Score,
    Search,
    Setting,
    Settings,
    draws,
    grid,
    log_uniform,
    search,
    uniform,
)
from jaxdl.selection.splits import Rows, Split, hold_out, k_fold, select

__all__ = [
    "CrossValidation",
    "Law",
    "Rows",
    "Score",
    "Search",
    "Setting",
    "Settings",
    "Split",
    "cross_validate",
    "draws",
    "grid",
    "hold_out",
    "k_fold",
    "log_uniform",
    "search",
    "select",
    "tuned",
    "uniform",
    "validate",
]

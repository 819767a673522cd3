"""Choosing hyperparameters on held-out examples: splits, cross-validation, and searches that are one vmapped program.

Which data see what:

* A `Split` parts one data set into rows that a learner trains on and rows that judge it. `validate` trains on the former and
  scores on the latter; `cross_validate` does so for every fold, so that each example judges once, a model that never saw it.
* `search` compares settings by such scores, and every setting meets the same rows and the same keys: differences are paired.
* The score of the winner is the smallest of many noisy ones, hence too good (Cawley & Talbot, 2010). Report the winner's error
  on examples that took part in neither training nor validation. `tuned` makes one learner of the choice and the final
  training, which any honest estimate may judge: a test set, `cross_validate` again (nested), or `decompose`.

Everything is a pure function of keys and traced settings: it works under `jit` and `vmap`, at fixed shapes. Settings are
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

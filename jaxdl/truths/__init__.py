"""Problems with exact answers, by which any estimator can be tested: `study, exact = truths.belkin_hsu_xu(n=40, p=60)`."""

from jaxdl.truths.certify import (
    ReportCard,
    ReportCards,
    certify,
    report_cards,
    unbiased,
    unbiased_from_labels,
)
from jaxdl.truths.classifiers import normal_logits, votes
from jaxdl.truths.fixed_design import ridge_regression, stopped_descent
from jaxdl.truths.gaussian_process import gaussian_process, gaussian_process_errors
from jaxdl.truths.ishigami import ishigami
from jaxdl.truths.linear_smoothers import kernel_ridge, nearest_neighbors, polynomial_regression
from jaxdl.truths.one_data_set import bootstrapped_least_squares, one_data_set, run_mlxtend
from jaxdl.truths.published_trees import published_trees
from jaxdl.truths.random_design import belkin_hsu_xu
from jaxdl.truths.random_effects import crossed_effects, ensemble_mean, nested_effects
from jaxdl.truths.random_ridge import random_ridge
from jaxdl.truths.recipes import mlxtend_recipe, plug_in_recipe, sklearn_recipe
from jaxdl.truths.resampling_laws import bootstrap_law, disjoint_law, subsample_law
from jaxdl.truths.sample_mean import sample_mean
from jaxdl.truths.sobol import sobol_g
from jaxdl.truths.study import Exact, Study
from jaxdl.truths.suite import suite

__all__ = [
    "Exact",
    "ReportCard",
    "ReportCards",
    "Study",
    "belkin_hsu_xu",
    "bootstrap_law",
    "bootstrapped_least_squares",
    "certify",
    "crossed_effects",
    "disjoint_law",
    "ensemble_mean",
    "gaussian_process",
    "gaussian_process_errors",
    "ishigami",
    "kernel_ridge",
    "mlxtend_recipe",
    "nearest_neighbors",
    "nested_effects",
    "normal_logits",
    "one_data_set",
    "plug_in_recipe",
    "polynomial_regression",
    "published_trees",
    "random_ridge",
    "report_cards",
    "ridge_regression",
    "run_mlxtend",
    "sample_mean",
    "sklearn_recipe",
    "sobol_g",
    "stopped_descent",
    "subsample_law",
    "suite",
    "unbiased",
    "unbiased_from_labels",
    "votes",
]

"""Problems with exact answers, to hold any estimator against: `study, exact = truths.belkin_hsu_xu(n=40, p=60)`."""

from jaxdl.truths.certify import ReportCard, certify, measured, plug_in, unbiased
from jaxdl.truths.fixed_design import gradient_descent, ridge_regression
from jaxdl.truths.ishigami import ishigami
from jaxdl.truths.published_trees import published_trees
from jaxdl.truths.random_design import belkin_hsu_xu
from jaxdl.truths.sample_mean import sample_mean
from jaxdl.truths.study import Exact, Study

__all__ = [
    "Exact",
    "ReportCard",
    "Study",
    "belkin_hsu_xu",
    "certify",
    "gradient_descent",
    "ishigami",
    "measured",
    "plug_in",
    "published_trees",
    "ridge_regression",
    "sample_mean",
    "unbiased",
]

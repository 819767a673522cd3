"""Products of vectors with curvature matrices, of any scalar function or of a model's risk over chunks of data."""

from jaxdl.curvature.products.gauss_newton import (
    Labels,
    empirical_fisher,
    fisher,
    gaussian_labels,
    ggn,
    sigmoid_labels,
    softmax_labels,
)
from jaxdl.curvature.products.hessian import check_deterministic, hvp, hvp_over
from jaxdl.curvature.products.operators import Matvec, Restricted, check_symmetric, dense, restrict

__all__ = [
    "Labels",
    "Matvec",
    "Restricted",
    "check_deterministic",
    "check_symmetric",
    "dense",
    "empirical_fisher",
    "fisher",
    "gaussian_labels",
    "ggn",
    "hvp",
    "hvp_over",
    "restrict",
    "sigmoid_labels",
    "softmax_labels",
]

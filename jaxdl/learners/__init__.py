"""Learners, `(keys, dataset) -> variables`: closed forms, Newton's method and descents are interchangeable."""

from jaxdl.learners.closed_form import least_squares, least_squares_qr, ridge
from jaxdl.learners.descent import gradient_descent, minibatch_descent
from jaxdl.learners.early_stopping import early_stopping
from jaxdl.learners.newton import newton
from jaxdl.learners.proximal import proximal_gradient

__all__ = [
    "early_stopping",
    "gradient_descent",
    "least_squares",
    "least_squares_qr",
    "minibatch_descent",
    "newton",
    "proximal_gradient",
    "ridge",
]

"""What is fitted: factories of `types.Model`, from a constant to any flax module."""

from jaxdl.models.adapters import from_flax, from_nnx
from jaxdl.models.linear_in_parameters import (
    constant,
    degree_mask,
    legendre,
    linear,
    monomials,
    polynomial,
    random_features,
)
from jaxdl.models.networks import mlp, mlp_of_width

__all__ = [
    "constant",
    "degree_mask",
    "from_flax",
    "from_nnx",
    "legendre",
    "linear",
    "mlp",
    "mlp_of_width",
    "monomials",
    "polynomial",
    "random_features",
]

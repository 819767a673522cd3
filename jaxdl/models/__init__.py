"""Factories of `types.Model`, from a constant to any flax module."""

from jaxdl.models.linear_in_parameters import (
    constant,
    degree_mask,
    legendre,
    linear,
    monomials,
    polynomial,
    random_features,
)
from jaxdl.models.linen_modules import from_flax
from jaxdl.models.networks import mlp, mlp_of_width
from jaxdl.models.nnx_modules import from_nnx

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

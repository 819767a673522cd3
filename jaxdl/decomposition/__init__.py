"""Where the error comes from: bias², variance by source and noise, unbiased, with standard errors."""

from jaxdl.decomposition.result import Decomposition, PerPoint
from jaxdl.decomposition.squared import squared_error
from jaxdl.decomposition.storage import load
from jaxdl.decomposition.target import Target

__all__ = ["Decomposition", "PerPoint", "Target", "load", "squared_error"]

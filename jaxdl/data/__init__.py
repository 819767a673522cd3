"""Examples: problems with a known truth, real data, laws of resampling, and orders of minibatches."""

from jaxdl.data import orders, problems, real, resampling

__all__ = ["orders", "problems", "real", "resampling"]

"""Where examples come from: problems with a known truth, real data, the laws that resample it, orders of minibatches."""

from jaxdl.data import orders, problems, real, resampling

__all__ = ["orders", "problems", "real", "resampling"]

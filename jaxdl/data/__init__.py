"""Where examples come from: problems with a known truth, real data and the laws that resample it, minibatch orders."""

from jaxdl.data import orders, problems, real, resampling

__all__ = ["orders", "problems", "real", "resampling"]

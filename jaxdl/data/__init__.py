"""Examples: problems with a known truth, real data, laws of resampling, and orders of minibatches."""

from jaxdl.data import label_noise, orders, problems, real, resampling

__all__ = ["label_noise", "orders", "problems", "real", "resampling"]

"""Shares of positive matrices and their errors over blocks: what K103 computes with."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float

from jaxdl.statistics import Estimate, Interval, t_interval

Sums = Sequence[Float[np.ndarray, " sizes"]]


def share(sums: Sums, n: int) -> float:
    """The share that is positive; `sums` are those of all and of the positive ones, by size."""
    return float(sums[1][n] / sums[0][n])


def stay(sums: Sums, n: int) -> float:
    """Of the positive ones of n rows, the share that is positive with one row more."""
    return share(sums, n) / share(sums, n - 1)


def jackknifed(statistic: Callable[[Sums], float], blocks: Sequence[Float[np.ndarray, "blocks sizes"]]) -> Estimate:
    """A statistic of sums over blocks, with the t interval of the jackknife that leaves a block out."""
    num, sums = len(blocks[0]), [each.sum(axis=0) for each in blocks]
    without = np.array([statistic([s - each[b] for s, each in zip(sums, blocks, strict=True)]) for b in range(num)])
    error = math.sqrt((num - 1) * without.var())
    low, high = t_interval(statistic(sums), error, num - 1)
    return Estimate(float(statistic(sums)), Interval(float(low), float(high)), error)


def in_words(shares: Sequence[Estimate]) -> str:
    """The shares, separated by commas."""
    return ", ".join(f"{each.estimate:.3g}" for each in shares)

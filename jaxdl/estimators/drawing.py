"""Training sets as rows of a data set, drawn by a law of `data.resampling` from the seed of the source "data"."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl.admission import type_name
from jaxdl.data.resampling import Resampling
from jaxdl.kinds import check_function, shown
from jaxdl.types import Dataset

Array = np.ndarray
Law = Callable[[Dataset], Resampling]


class Draw(NamedTuple):
    """A training set as rows of the data set, in their order.

    >>> Draw(np.array([0, 0, 2]), None).rows.tolist()
    [0, 0, 2]
    """

    rows: Array
    weight: Array | None
    """One for each row; `None` where all weigh one."""


def drawing(resample: Law | None, num_rows: int) -> tuple[Resampling | None, Callable[[Any], Draw] | None]:
    """The law, and the function from seeds to a training set; in one mode of jax, whatever mode a study is in."""
    if resample is None:
        return None, None
    if not callable(resample):
        msg = f"resample: got {shown(resample)}, expected a law of a data set; pass resampling.half_sample, or "
        raise ValueError(msg + "lambda rows: resampling.subsample(rows, 200)")
    check_function("resample", resample, ("rows",), "give it the rest: lambda rows: resampling.subsample(rows, 200)")
    rows = jnp.arange(num_rows, dtype=jnp.int32)[:, None]
    with jax.enable_x64(False):
        law = resample(Dataset(rows, rows, jnp.ones(num_rows, jnp.float32)))
    if not isinstance(law, Resampling):
        msg = f"resample: got a function that returns {type_name(law)}, expected a Resampling, a law of training sets; pass "
        raise ValueError(msg + "resampling.bootstrap, or lambda rows: resampling.subsample(rows, 200)")

    def draw(seeds: Any) -> Draw:
        if "data" not in seeds:
            msg = f"design: got sources {list(seeds)}, expected 'data' besides, which draws training sets; add data=32 to the "
            raise ValueError(msg + "design, or pass resample=None, for one training set")
        with jax.enable_x64(False), jax.threefry_partitionable(True):
            key = jax.random.wrap_key_data(jnp.array([0, seeds["data"]], jnp.uint32), impl="threefry2x32")
            drawn = law.sample({"data": key})
        numbers, weight = np.asarray(drawn.x), np.asarray(drawn.weight)
        if not _are_rows(numbers, num_rows):
            msg = f"resample: got a law that draws {shown(numbers)}, expected rows of the data set that it is given; pass "
            raise ValueError(msg + "resampling.bootstrap, or lambda rows: resampling.subsample(rows, 200)")
        return Draw(numbers[:, 0], None if (weight == 1).all() else weight)

    return law, draw


def _are_rows(numbers: Array, num_rows: int) -> bool:
    has_rows = numbers.dtype.kind == "i" and numbers.shape[1:] == (1,) and len(numbers) > 0
    return has_rows and bool(numbers.min() >= 0) and bool(numbers.max() < num_rows)

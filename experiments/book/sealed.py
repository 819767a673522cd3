"""Real data in two parts: one for every look, and a sealed third for released verdicts alone.

A new seed draws other subsets of the same digits; it does not make them unseen. So sizes, strengths and criteria are settled on
the open part, and a full profile, whose sizes say `"sealed": True`, is judged on the other. The seal dates from 2026-11-26:
earlier looks, which a claim's `Looks:` names, saw all rows.
"""

from typing import NamedTuple

import jax

from jaxdl import selection
from jaxdl.types import Dataset

KEY = 20261126


class Parts(NamedTuple):
    """What is trained or chosen on, and what the result is judged on."""

    pool: Dataset
    test: Dataset


def parts(data: Dataset, sealed: bool) -> Parts:
    """The open two thirds and the sealed third; or, with the seal closed, two thirds and one third of the open ones.

    >>> from jaxdl.data import real
    >>> [len(part.x) for part in parts(real.wine(), sealed=True)]
    [119, 59]
    >>> [len(part.x) for part in parts(real.wine(), sealed=False)]
    [80, 39]
    """
    opened, kept = _thirds(data, KEY)
    return Parts(opened, kept) if sealed else Parts(*_thirds(opened, KEY + 1))


def _thirds(data: Dataset, seed: int) -> tuple[Dataset, Dataset]:
    count = len(data.x)
    rows = selection.hold_out(jax.random.key(seed), count, count // 3)
    return selection.select(data, rows[0]), selection.select(data, rows[1])

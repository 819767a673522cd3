"""Verdicts on claims, from intervals and tests."""

import enum
from collections.abc import Sequence

from jaxdl.statistics.intervals import Interval, Number


class Verdict(enum.StrEnum):
    """What the data say about a claim.

    >>> judge(Interval(0.1, 0.2), inside=(0.0, 1.0)) is Verdict.SUPPORTED
    True
    """

    SUPPORTED = "supported"
    REFUTED = "refuted"
    RESTRICTED = "restricted"
    """true under the condition stated with it, and only there"""
    INCONCLUSIVE = "inconclusive"
    EXACT = "exact"
    """an identity or a theorem, which only a wrong program can fail"""


def judge(interval: Interval, *, inside: tuple[Number, Number]) -> Verdict:
    """Supported when the interval lies inside the closed region, refuted when it lies outside, else inconclusive.

    >>> judge(Interval(0.2, 0.4), inside=(-1.0, 0.3))
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    if not (inside[0] <= inside[1]):
        msg = f"The region {inside} is empty; give its lower end first."
        raise ValueError(msg)
    if inside[0] <= interval.low and interval.high <= inside[1]:
        return Verdict.SUPPORTED
    if interval.high < inside[0] or interval.low > inside[1]:
        return Verdict.REFUTED
    return Verdict.INCONCLUSIVE


def judge_test(p_value: Number, opposite_p_value: Number, *, level: float = 0.01) -> Verdict:
    """Supported when the test rejects in the claimed direction, refuted when it does in the opposite one.

    >>> judge_test(0.2, 0.8)
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    if p_value < level:
        return Verdict.SUPPORTED
    return Verdict.REFUTED if opposite_p_value < level else Verdict.INCONCLUSIVE


def judge_all(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on a claim of several parts: refuted if one part is, supported if all are, else inconclusive.

    >>> judge_all([Verdict.SUPPORTED, Verdict.INCONCLUSIVE])
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    if not verdicts or Verdict.RESTRICTED in verdicts:
        msg = f"Got the verdicts {list(verdicts)}; expected at least one, each supported, refuted or inconclusive."
        raise ValueError(msg)
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Verdict.SUPPORTED

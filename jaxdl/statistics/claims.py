"""Claims of textbooks, and what the data say about them."""

import dataclasses
import enum
import math
from collections.abc import Mapping, Sequence
from typing import Any

from jaxdl.statistics.intervals import Interval, Number, Numbers


class Verdict(enum.StrEnum):
    """What the data say about a claim."""

    SUPPORTED = "supported"
    REFUTED = "refuted"
    RESTRICTED = "restricted"
    """true under the condition stated with it, and only there"""
    INCONCLUSIVE = "inconclusive"
    EXACT = "exact"
    """an identity or a theorem, which only a wrong program can fail"""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence from a textbook, what was measured about it, and the verdict.

    Raises ValueError when a restricted claim lacks its condition, or another one has a condition.

    >>> claim = Claim(
    ...     number="K001", statement="The parts add up.", source="Geman et al. (1992)", estimate=0.001,
    ...     interval=Interval(-0.002, 0.004), criterion="The relative difference is below 1 %.",
    ...     verdict=Verdict.SUPPORTED, reading="They do, to 0.4 %.", theory=0.0, theory_note="an identity")
    >>> Claim.from_dict(claim.to_dict()) == claim
    True
    """

    number: str
    """as in the list of claims, for example "K001\""""
    statement: str
    source: str
    estimate: Number
    interval: Interval
    criterion: str
    """one sentence, fixed before the data were seen"""
    verdict: Verdict
    reading: str
    """one sentence that says what was found"""
    theory: Number | None = None
    theory_note: str = ""
    """where the theoretical value comes from, or what theory says when it gives no number"""
    condition: str = ""
    """when a restricted claim is true"""

    def __post_init__(self) -> None:
        if (self.verdict == Verdict.RESTRICTED) != bool(self.condition):
            msg = (
                f"Claim {self.number} is {self.verdict.value} with condition {self.condition!r}; "
                "state the condition of a restricted claim, and of no other."
            )
            raise ValueError(msg)

    def to_dict(self) -> dict[str, Any]:
        """Plain values that strict JSON can hold: numbers that are not finite become strings."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        return values | {
            "estimate": _to_json(self.estimate),
            "interval": [_to_json(end) for end in self.interval],
            "theory": None if self.theory is None else _to_json(self.theory),
            "verdict": self.verdict.value,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Claim":
        """The inverse of `to_dict`."""
        low, high = values["interval"]
        numbers = {
            "estimate": float(values["estimate"]),
            "interval": Interval(float(low), float(high)),
            "theory": None if values["theory"] is None else float(values["theory"]),
            "verdict": Verdict(values["verdict"]),
        }
        return cls(**{**values, **numbers})


def _to_json(number: Numbers) -> float | str:
    value = float(number)
    return value if math.isfinite(value) else str(value)


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

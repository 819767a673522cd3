"""`Finding`: what a claim's `judged` returns. Its verdict follows from intervals, by rules that the functions here hold to."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from jaxdl.decomposition import Decomposition
from jaxdl.decomposition.derive import Derived
from jaxdl.statistics import Interval, Verdict, judge, judge_all, t_interval

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Measured(Protocol):
    """A number or an array with its interval, such as `Derived` and `Estimate`."""

    @property
    def estimate(self) -> Any:
        """The numbers."""

    @property
    def interval(self) -> Interval:
        """Their ends."""


class Judgement(NamedTuple):
    """A verdict, and where a restricted claim is true."""

    verdict: Verdict
    condition: str = ""


def restricted(where: Verdict, elsewhere: Verdict, condition: str) -> Judgement:
    """The verdict on a claim with two arms: where the condition holds, and where it does not.

    Supported when both arms are, restricted when the first is and the second is refuted. Refuted when an arm is refuted
    otherwise, as the sentence claims both. Inconclusive in the other cases: an arm about which the data say nothing restricts
    no claim.

    >>> restricted(Verdict.SUPPORTED, Verdict.REFUTED, "least squares").verdict
    <Verdict.RESTRICTED: 'restricted'>
    >>> restricted(Verdict.SUPPORTED, Verdict.INCONCLUSIVE, "least squares").verdict
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    if {where, elsewhere} & {Verdict.RESTRICTED, Verdict.EXACT} or not condition:
        msg = f"restricted: got {where}, {elsewhere} and {condition!r}, expected two verdicts from intervals, and words"
        raise ValueError(msg)
    if where == Verdict.SUPPORTED and elsewhere == Verdict.REFUTED:
        return Judgement(Verdict.RESTRICTED, condition)
    return Judgement(judge_all([where, elsewhere]))


def exact(holds: bool | Verdict) -> Verdict:
    """The verdict on an identity or a theorem, which only a wrong program can fail; inconclusive where too few runs leave it open.

    >>> exact(True)
    <Verdict.EXACT: 'exact'>
    """
    if holds == Verdict.INCONCLUSIVE:
        return Verdict.INCONCLUSIVE
    return Verdict.EXACT if holds is True or holds == Verdict.SUPPORTED else Verdict.REFUTED


def equivalent(measured: Any, margin: float, *, level: float = 0.05) -> Verdict:
    """Whether a number is zero up to `margin`, by two one-sided t tests: the interval of level 1 - 2 `level` must lie inside.

    `measured` has `estimate`, `standard_error` and `degrees_of_freedom`, as `Derived`.
    """
    of = measured.estimate, measured.standard_error, measured.degrees_of_freedom
    return judge(t_interval(*of, level=1 - 2 * level), inside=(-margin, margin))


def judge_each(intervals: Interval, *, inside: tuple[float, float]) -> Verdict:
    """The verdict on several intervals at once: supported when all lie inside the region, refuted when one lies outside.

    >>> judge_each(Interval(np.array([0.1, -0.2]), np.array([0.2, 0.1])), inside=(0.0, 1.0))
    <Verdict.INCONCLUSIVE: 'inconclusive'>
    """
    low, high = (np.ravel(np.asarray(end)) for end in intervals)
    return judge_all([judge(Interval(*map(float, ends)), inside=inside) for ends in zip(low, high, strict=True)])


def each_term(results: Mapping[str, Decomposition], term: str) -> dict[str, Derived]:
    """One term of each result, with its error."""
    return {name: result.derive(lambda terms: terms[term]) for name, result in results.items()}


def terms_of(result: Decomposition, named: Mapping[str, str | Sequence[str]], at: Any = ...) -> dict[str, Derived]:
    """Terms of one result, or sums of several, by the names that a reader gets; `at` picks settings or times."""

    def derived(terms: str | Sequence[str]) -> Derived:
        names = (terms,) if isinstance(terms, str) else terms
        return result.derive(lambda values: total(values, names)[at])

    return {name: derived(terms) for name, terms in named.items()}


def total(values: Mapping[Any, Any], terms: Sequence[str]) -> Any:
    """The sum of some terms of the mapping that a statistic is given."""
    return sum(np.asarray(values[term]) for term in terms)


def in_words(named: Mapping[str, Measured], digits: int = 3) -> str:
    """Names with their numbers, for a sentence: "degree 1 0.912, degree 3 0.927"."""
    return ", ".join(f"{name} {float(each.estimate):.{digits}f}" for name, each in named.items())


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What was measured about a claim, and what follows.

    Raises ValueError when the verdict is restricted without its two arms, or the shown number is no number.
    """

    what: str
    """The number that is shown, in words: "slope of log variance against log n, degree 1\""""
    shown: Measured
    verdict: Verdict | Judgement
    reading: str
    """What was found, the most telling sentence first."""
    means: str = ""
    """What the verdict says of the source, where the statement is not the source's own."""
    theory: float | None = None
    """The exact value of the shown number, and nothing else."""
    reference: Mapping[str, float] = field(default_factory=dict)
    """What else it is held against: bars, bounds, null hypotheses, by their names."""
    ends: str = "95 % interval"
    """What the interval's ends are."""
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """By title: columns by their heads. A column is a sequence of numbers or words, or `Measured`."""
    figures: Mapping[str, "Figure"] = field(default_factory=dict)
    """By caption, a sentence that says what is seen; the first one stands beside the verdict."""

    def __post_init__(self) -> None:
        if self.verdict == Verdict.RESTRICTED:
            msg = "verdict: got restricted alone, expected both arms; call restricted(where, elsewhere, condition)"
            raise ValueError(msg)
        if np.ndim(self.shown.estimate) or np.ndim(self.shown.interval.low):
            msg = f"shown: got shape {np.shape(self.shown.estimate)}, expected one number with its interval"
            raise ValueError(msg)
        if not self.reading or not self.what:
            msg = "what, reading: got an empty text, expected words"
            raise ValueError(msg)

    @property
    def judgement(self) -> Judgement:
        """The verdict with its condition."""
        return self.verdict if isinstance(self.verdict, Judgement) else Judgement(self.verdict)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; numbers that are not finite become strings."""
        values = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)}
        for name in ("shown", "figures"):
            del values[name]
        return values | {
            "estimate": plain(self.shown.estimate),
            "interval": [plain(end) for end in self.shown.interval],
            "verdict": self.judgement.verdict.value,
            "condition": self.judgement.condition,
            "theory": None if self.theory is None else plain(self.theory),
            "reference": {name: plain(value) for name, value in self.reference.items()},
            "tables": {title: _columns(title, columns) for title, columns in self.tables.items()},
            "captions": list(self.figures),
        }


def plain(value: Any) -> Any:
    """A number, a word or nested lists of them, as JSON holds them."""
    if isinstance(value, str) or value is None:
        return str(value or "")
    array = np.asarray(value)
    if array.ndim:
        return [plain(each) for each in value]
    if array.dtype.kind in "iub":
        return int(array)
    return float(array) if math.isfinite(array) else str(float(array))


def _columns(title: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    """A table for JSON: for each column its values, and their half-widths where there are any."""
    found = {}
    for head, column in columns.items():
        is_measured = hasattr(column, "interval")
        values = column.estimate if is_measured else column
        error = getattr(column, "standard_error", None)
        found[head] = {"values": plain(values)}
        if error is not None:
            found[head]["errors"] = plain(error)
        elif is_measured:
            found[head]["ends"] = [plain(end) for end in column.interval]
    lengths = {len(column["values"]) for column in found.values()}
    if len(lengths) != 1:
        msg = f"tables: got columns of lengths {sorted(lengths)} in {title!r}, expected one length"
        raise ValueError(msg)
    return found

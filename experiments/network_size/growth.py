"""What width does to the mean bias² and the mean variance over teachers, and the verdict on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from experiments.network_size.teachers import PARTS, ByTeacher
from jaxdl import statistics
from jaxdl.statistics import Estimate, Interval, Verdict, judge, judge_all, t_interval


def ratio(above: Float[np.ndarray, " n"], below: Float[np.ndarray, " n"], *, level: float = 0.95) -> Estimate:
    """The ratio of two means over the same replicates, with Fieller's interval.

    It holds each r that a t test of the mean of above - r·below allows; each number, where the mean below may be zero.
    Source: Fieller (1954).
    """
    num = len(above)
    quantile = t_interval(0.0, 1.0, num - 1, level=level).high
    (aa, ab), (_, bb) = np.cov(above, below) / num * quantile**2
    a, b = above.mean(), below.mean()
    if b**2 <= bb:
        return Estimate(a / b, Interval(-np.inf, np.inf))
    middle, root = a * b - ab, np.sqrt(max((a * b - ab) ** 2 - (a**2 - aa) * (b**2 - bb), 0.0))
    return Estimate(a / b, Interval((middle - root) / (b**2 - bb), (middle + root) / (b**2 - bb)))


@dataclass(frozen=True)
class Growth:
    """Bias² at the largest width over that at the smallest, and variance there over that at each smaller one."""

    widths: Sequence[int]
    fall: Estimate
    rises: Sequence[Estimate]
    verdict: Verdict
    needed: int
    """Replicates that would decide what is open, if the estimates were the truth."""

    @property
    def worst(self) -> int:
        """The smaller width above whose variance that of the largest may reach highest."""
        return int(np.argmax([float(each.interval.high) for each in self.rises]))

    @property
    def rise(self) -> Estimate:
        """The ratio of variances there."""
        return self.rises[self.worst]

    def told(self, name: str) -> str:
        """Both ratios, in a sentence."""
        return (
            f"{name}: {self.verdict.value}; from width {self.widths[0]} to {self.widths[-1]} bias² becomes {_words(self.fall)} "
            f"times as large, and the variance is {_words(self.rise)} times that at width {self.widths[self.worst]}."
            + (
                f" It takes {self.needed} teachers or more to settle it."
                if self.verdict == Verdict.INCONCLUSIVE
                else ""
            )
        )


def growth(widths: Sequence[int], terms: Mapping[str, ByTeacher], least_fall: float, largest_rise: float) -> Growth:
    """Judges that bias² falls by one share at least, and variance rises by another at most.

    The intervals of the variance's ratios hold together, by Bonferroni.
    """
    bias, variance = terms["bias²"], terms["variance"]
    fall = ratio(bias[-1], bias[0])
    rises = [ratio(variance[-1], each, level=1 - 0.05 / (len(widths) - 1)) for each in variance[:-1]]
    bars = [(fall, 1 - least_fall), *((each, 1 + largest_rise) for each in rises)]
    verdicts = [judge(each.interval, inside=(-np.inf, bar)) for each, bar in bars]
    num_teachers = variance.shape[1]
    needed = [
        replicates_needed(each, bar, num_teachers)
        for (each, bar), verdict in zip(bars, verdicts, strict=True)
        if verdict == Verdict.INCONCLUSIVE
    ]
    return Growth(widths, fall, rises, judge_all(verdicts), max(needed, default=num_teachers))


def replicates_needed(measured: Estimate, bar: float, num: int) -> int:
    """With how many replicates the interval would end at the bar, were its reach to shrink as their root; 100,000 at most."""
    end = measured.interval.high if measured.estimate < bar else measured.interval.low
    reach = abs(float(end - measured.estimate)) / max(abs(bar - measured.estimate), 1e-9)
    return int(np.ceil(min(num * reach**2, 1e5)))


def by_width(widths: Sequence[int], terms: Mapping[str, ByTeacher]) -> dict[str, Any]:
    """The columns of a table: means over teachers."""
    return {"width": widths, **{part: statistics.means(terms[part]) for part in PARTS}}


def _words(measured: Estimate) -> str:
    return f"{measured.estimate:.2f} ({measured.interval.low:.2f} to {measured.interval.high:.2f})"

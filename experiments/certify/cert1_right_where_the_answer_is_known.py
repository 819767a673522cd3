"""jaxdl is right on every problem whose answer is known, from the mean function and from replicate labels alone.

Source: The closed forms of `jaxdl.truths`, each with its own.
Theory: The estimators are unbiased.
Scope: Sixteen problems in the squared error, at one size each.
Looks: Judged before at seed 0 by the share of terms within 4 standard errors, which a small study passes; equivalence took its
    place.
See: CERT7 (the same studies).
"""

from collections.abc import Mapping, Sequence

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.certify.tools import FROM_LABELS, MLXTEND, OURS, Row, answers
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, Verdict, judge, judge_all, stacked, t_interval

LARGEST = 0.25
SIZES = {
    "quick": {"studies": 12, "problems": 16},
    "full": {"studies": 1000, "seed": 26},
    "smallest": {"studies": 30, "problems": 2},
}
CRITERION = f"""Of every term the average over studies lies within {LARGEST:g} standard deviations of one study of the exact value
(t intervals, Bonferroni over all terms and both ways to the truth; terms
that nothing random enters are equal up to rounding)."""


def judged(lab: Lab, tools: Sequence[str] = (OURS, FROM_LABELS)) -> Finding:
    """The mean error in standard deviations of a study, whose largest excluded value says what the design could miss."""
    rows = {tool: [row for row in answers(lab) if tool in row.estimates] for tool in tools}
    count = sum(map(len, rows.values()))
    found = {tool: [_error(row, tool, 1 - 0.05 / count) for row in of_tool] for tool, of_tool in rows.items()}
    verdicts = [judge(each.interval, inside=(-LARGEST, LARGEST)) for of_tool in found.values() for each in of_tool]
    far = {tool: int(np.argmax([abs(each.estimate) for each in of_tool])) for tool, of_tool in found.items()}
    worst = max(tools, key=lambda tool: abs(found[tool][far[tool]].estimate))
    excluded = max(max(-each.interval.low, each.interval.high) for of_tool in found.values() for each in of_tool)
    return Finding(
        what=f"mean error of {rows[worst][far[worst]]}, by {worst}, in standard deviations of one study",
        shown=found[worst][far[worst]],
        verdict=judge_all(verdicts),
        reading=f"Of {count} terms {verdicts.count(Verdict.SUPPORTED)} are surely that close, {verdicts.count(Verdict.REFUTED)} "
        f"surely not; no term is off by more than {excluded:.2f} standard deviations of one study.",
        theory=0.0,
        reference={"bar": LARGEST},
        ends="family-wise 95 % interval",
        tables={f"Mean error of {tool}, in standard deviations of one study": _table(rows[tool], found[tool]) for tool in tools},
        figures={
            f"Mean error of {tool} in standard deviations of one study: bias², total variance and risk": plots.rows(
                [str(row) for row in rows[tool] if _is_total(row)],
                {tool: stacked([each for row, each in zip(rows[tool], found[tool], strict=True) if _is_total(row)])},
            )
            for tool in tools
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A recipe whose bias² holds the noise."""
    return judged(lab, (MLXTEND,))


def _error(row: Row, tool: str, level: float) -> Estimate:
    errors = row.estimates[tool] - row.exact
    spread = errors.std(ddof=1)
    if spread <= row.slack:  # nothing random enters the term
        error = 0.0 if abs(errors.mean()) <= row.slack else float("inf")
        return Estimate(error, Interval(error, error))
    interval = t_interval(errors.mean() / spread, len(errors) ** -0.5, len(errors) - 1, level=level)
    return Estimate(float(errors.mean() / spread), Interval(*map(float, interval)))


def _is_total(row: Row) -> bool:
    return row.term.split(" at ")[0] in ("bias_squared", "total_variance", "risk")


def _table(rows: Sequence[Row], found: Sequence[Estimate]) -> Mapping[str, object]:
    return {
        "problem": [row.problem for row in rows], "term": [row.term for row in rows], "exact": [row.exact for row in rows],
        "error": stacked(found),
    }  # fmt: skip

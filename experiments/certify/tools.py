"""What the claims about tools share: every estimate of every tool, from the same runs and labels of problems with exact answers."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Float

import jaxdl
from experiments.book.lab import Lab
from jaxdl import designs, plots, truths
from jaxdl.ensembles import on_host
from jaxdl.statistics import Estimate
from jaxdl.truths.certify import Estimator, estimates_of, exact_by_label, slack_of
from jaxdl.truths.recipes import variance_of_the_mean

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OURS, FROM_LABELS, MLXTEND, SKLEARN = "jaxdl", "jaxdl, from labels", "mlxtend's recipe", "scikit-learn's recipe"
TOOLS: dict[str, Estimator] = {
    OURS: truths.unbiased, FROM_LABELS: truths.unbiased_from_labels, MLXTEND: truths.mlxtend_recipe,
    SKLEARN: truths.sklearn_recipe,
}  # fmt: skip
NUM_RUNS, LEVELS, LEVELS_OF_THREE = 50, (16, 8), 8
"""Trainings of an independent study, as in scikit-learn's example; levels of two crossed or nested factors, and of three."""


class Row(NamedTuple):
    """One term of one problem: its exact value up to rounding, each tool's estimates, and the ends of jaxdl's intervals."""

    problem: str
    term: str
    exact: float
    slack: float
    excess: float
    """What a plug-in adds to bias², in theory."""
    estimates: Mapping[str, Float[np.ndarray, " studies"]]
    low: Any
    high: Any
    """None for terms without intervals."""

    def __str__(self) -> str:
        return f"{self.problem}, {self.term}"


def answers(lab: Lab) -> list[Row]:
    """Every term of every problem, from `lab["studies"]` studies of each; all claims about tools ask for these."""
    suite = truths.suite(num_runs=NUM_RUNS, levels=LEVELS, levels_of_three=LEVELS_OF_THREE)
    # The other tools know the squared error alone.
    problems = [(study, exact) for study, exact in suite if study.loss is None][: lab["problems"]]
    code, design = code_of_jaxdl(), designs.independent(lab["studies"], "study")
    found = [
        lab.run(study.name, on_host(_trial(study), name=f"{study.name}, code {code}"), design) for study, _ in problems
    ]
    return [
        row for (study, exact), runs in zip(problems, found, strict=True) for row in _rows(study, exact, runs.outputs)
    ]


def code_of_jaxdl() -> str:
    """A digest of the library's files, without which stored estimates would outlive a change of the estimators."""
    paths = sorted(Path(jaxdl.__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()[:16]


def _trial(study: truths.Study) -> Callable[..., Any]:
    """One study of a problem: what each tool returns, by the names of the terms."""
    ends = {"low": _end_of_intervals(0), "high": _end_of_intervals(1)}

    def trial(seeds: Mapping[str, int]) -> dict[str, dict[str, np.ndarray]]:
        return estimates_of(study, jax.random.key(seeds["study"]), TOOLS | ends)

    return trial


def _end_of_intervals(which: int) -> Estimator:
    def ends(study: truths.Study, predictions: Any, labels: Any) -> Any:
        del labels
        return {term: ends[which] for term, ends in study.decompose(predictions, study.target).intervals.items()}

    return ends


def _rows(study: truths.Study, exact: truths.Exact, outputs: Mapping[str, Mapping[str, np.ndarray]]) -> list[Row]:
    excess = variance_of_the_mean(study, exact, (NUM_RUNS,) if study.design is None else study.design.shape)
    rows = []
    for term, values in exact_by_label(exact).items():
        for place in np.ndindex(values.shape):
            at = (slice(None), *place)
            of_tool = {tool: outputs[tool][term][at] for tool in TOOLS if term in outputs.get(tool, {})}
            ends = [outputs[end][term][at] if term in outputs[end] else None for end in ("low", "high")]
            name = term + (f" at time {place[0]}" if place else "")
            rows.append(
                Row(
                    study.name, name, float(values[place]), slack_of(study, exact), float(excess[place]), of_tool, *ends
                )
            )
    return rows


def of_kind(rows: Sequence[Row], kind: str) -> list[Row]:
    """The rows of one term, at all times."""
    return [row for row in rows if row.term.split(" at ")[0] == kind]


def ratios_by_problem(rows: Sequence[Row], tool: str, ratios: Estimate) -> "Figure":
    """What a tool adds to bias² over what theory predicts, a line for each problem."""
    return plots.rows(
        [row.problem for row in rows], {tool: ratios}, xlabel="excess found / predicted", levels={"predicted": 1.0}
    )

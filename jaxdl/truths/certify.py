"""`certify` and `report_cards` test whether a tool returns the exact answer on average, where that is known."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxdl.decomposition import Target
from jaxdl.decomposition.named_terms import label_of
from jaxdl.truths.recipes import Labels, Predictions, TermEstimates
from jaxdl.truths.study import Exact, Study
from jaxdl.types import Key

Array = np.ndarray
Estimator = Callable[[Study, Predictions, Labels], TermEstimates]
"""`(study, predictions, labels) -> {term: estimate}`, for the terms that it knows; `labels` are independent replicates."""
LARGEST_DEVIATION = 4.0  # standard errors; by chance in fewer than 1 of 1,000 normal terms with 20 seeds


class Sample(NamedTuple):
    """A tool's estimates of one term of one study, one for each seed; `slack` is the rounding allowed."""

    study: str
    term: str
    exact: float
    slack: float
    estimates: Float[np.ndarray, " seeds"]


class Row(NamedTuple):
    """One term of one study: the exact value, and the mean of the estimates over seeds with its standard error."""

    study: str
    term: str
    exact: float
    estimate: float
    standard_error: float
    passed: bool

    @property
    def verdict(self) -> str:
        """`right` or `WRONG`."""
        return "right" if self.passed else "WRONG"


class ReportCard(NamedTuple):
    """The result of `certify`: a row for each term of each study.

    >>> from jaxdl import truths
    >>> certify([truths.sample_mean()], jax.random.key(0)).passed
    True
    """

    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether every term of every study is right."""
        return all(row.passed for row in self.rows)

    def __str__(self) -> str:
        lines = [f"{'study':28}{'term':32}{'exact':>12}{'estimate':>12}{'std. error':>12}  verdict"]
        lines += [
            f"{row.study:28}{row.term:32}{row.exact:12.6f}{row.estimate:12.6f}{row.standard_error:12.2g}  {row.verdict}"
            for row in self.rows
        ]
        return "\n".join(lines)


class ReportCards(NamedTuple):
    """The report cards of several tools, by name; all of them had the same predictions and labels.

    >>> from jaxdl import truths
    >>> list(report_cards([truths.sample_mean()], jax.random.key(0), estimators={"jaxdl": unbiased}).cards)
    ['jaxdl']
    """

    cards: Mapping[str, ReportCard]

    def __str__(self) -> str:
        """A line for each term: the exact value, and each tool's average with its verdict, or a dash for no answer."""
        tables = {tool: {(row.study, row.term): row for row in card.rows} for tool, card in self.cards.items()}
        exact = {place: row.exact for rows in tables.values() for place, row in rows.items()}
        # Sorted by study, because a term that only a later tool knows comes last otherwise.
        studies = list(dict.fromkeys(study for study, _ in exact))
        places = sorted(exact, key=lambda place: studies.index(place[0]))
        rows = [("study", "term", "exact", *tables)]
        for study, term in places:
            cells = (_cell(table.get((study, term))) for table in tables.values())
            rows.append((study, term, f"{exact[study, term]:.5f}", *cells))
        right = (f"{sum(row.passed for row in card.rows)} of {len(card.rows)} right" for card in self.cards.values())
        rows.append(("", "", "", *right))
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        aligns = ("<", "<", *">" * (len(widths) - 2))
        return "\n".join(
            "  ".join(f"{cell:{align}{width}}" for cell, align, width in zip(row, aligns, widths, strict=True))
            for row in rows
        )


def unbiased(study: Study, predictions: Predictions, labels: Labels) -> TermEstimates:
    """The estimates of jaxdl by the loss of the study, with the target known.

    >>> from jaxdl import truths
    >>> study, exact = truths.sample_mean()
    >>> found = unbiased(study, study.predictions(jax.random.key(0)), study.draw_labels(jax.random.key(1)))
    >>> set(exact) <= set(found)
    True
    """
    del labels
    return study.decompose(predictions, study.target).estimates


def unbiased_from_labels(study: Study, predictions: Predictions, labels: Labels) -> TermEstimates:
    """The estimates of jaxdl from replicate labels only, without the mean.

    >>> from jaxdl import truths
    >>> study, exact = truths.sample_mean()
    >>> found = unbiased_from_labels(study, study.predictions(jax.random.key(0)), study.draw_labels(jax.random.key(1)))
    >>> "noise" in found
    True
    """
    return study.decompose(predictions, Target(replicates=labels)).estimates


def certify(
    studies: Iterable[tuple[Study, Exact]], key: Key, *, estimator: Estimator = unbiased, num_seeds: int = 20
) -> ReportCard:
    """The report card of an estimator: its averages over seeds beside the exact answers of the studies.

    A term is right if the average lies within 4 of its standard errors, or within the rounding of the exact value where nothing
    is random. Standard errors are taken over seeds, not from the estimator. The estimate of a bias² that is zero, from few
    levels, is skewed like χ² of one degree of freedom less its mean: a right one then fails 1 time in 40 with 20 seeds, and 1 in
    1,000 with 200.

    Raises:
        ValueError: fewer than two seeds, no studies, an estimate of something that the study has no exact value for.

    >>> from jaxdl import truths
    >>> certify([truths.sample_mean()], jax.random.key(0)).passed
    True
    """
    return report_cards(studies, key, estimators={"": estimator}, num_seeds=num_seeds).cards[""]


def report_cards(
    studies: Iterable[tuple[Study, Exact]], key: Key, *, estimators: Mapping[str, Estimator], num_seeds: int = 20
) -> ReportCards:
    """The report cards of several estimators on the same predictions and labels; print them to see them side by side.

    Raises:
        ValueError: see `certify`.

    >>> from jaxdl import truths
    >>> tools = {"jaxdl": unbiased, "mlxtend": truths.mlxtend_recipe}
    >>> card = report_cards([truths.sample_mean()], jax.random.key(0), estimators=tools)
    >>> card.cards["jaxdl"].passed
    True
    """
    rows: dict[str, list[Row]] = {tool: [] for tool in estimators}
    for index, (study, exact) in enumerate(studies):
        of_study = jax.random.fold_in(key, index)  # so that studies do not share the luck of their labels
        for tool, samples in sample(study, exact, of_study, estimators=estimators, num_seeds=num_seeds).items():
            rows[tool] += map(judge_sample, samples)
    silent = [tool for tool, own in rows.items() if not own]
    if silent or not rows:
        msg = (
            f"estimators: got no estimates by {silent or 'any of them'}, expected some; pass studies whose terms they know, for "
            "example [truths.sample_mean()]"
        )
        raise ValueError(msg)
    return ReportCards({tool: ReportCard(tuple(own)) for tool, own in rows.items()})


def sample(
    study: Study, exact: Exact, key: Key, *, estimators: Mapping[str, Estimator], num_seeds: int
) -> dict[str, list[Sample]]:
    """The estimates of each estimator from the same predictions and labels of a study, drawn anew for each seed."""
    if num_seeds < 2:
        msg = f"num_seeds: got {num_seeds}, expected at least 2, as a standard error over seeds needs"
        raise ValueError(msg)
    known = exact_by_label(exact)
    # Exact answers are those of exact products: accelerators multiply with 8 to 11 bits unless asked otherwise.
    with jax.default_matmul_precision("highest"):
        found = [estimates_of(study, jax.random.fold_in(key, seed), estimators) for seed in range(num_seeds)]
    slack = slack_of(study, exact)
    return {tool: _samples(study.name, known, [each[tool] for each in found], slack) for tool in estimators}


def estimates_of(
    study: Study, key: Key, estimators: Mapping[str, Estimator]
) -> dict[str, dict[str, Float[np.ndarray, "*times"]]]:
    """What each estimator returns for one study drawn with this key, by the names of the terms; all get the same draws.

    >>> from jaxdl import truths
    >>> study, _ = truths.sample_mean()
    >>> sorted(estimates_of(study, jax.random.key(0), {"jaxdl": unbiased})["jaxdl"])
    ['bias_squared', 'noise', 'risk', 'total_variance', 'variance[data]']
    """
    key_runs, key_labels = jax.random.split(key)
    predictions, labels = study.predictions(key_runs), study.draw_labels(key_labels)
    found = {tool: estimator(study, predictions, labels) for tool, estimator in estimators.items()}
    return {
        tool: {label_of(term): np.asarray(value, np.float64) for term, value in terms.items()}
        for tool, terms in found.items()
    }


def exact_by_label(exact: Exact) -> dict[str, Float[np.ndarray, "*times"]]:
    """The exact terms by their names, bias² + noise among them where both are known."""
    known = {label_of(term): value for term, value in exact.items()}
    if "bias_squared" in exact and "noise" in exact:
        known["bias_squared_plus_noise"] = np.asarray(exact["bias_squared"] + exact["noise"])
    return known


def slack_of(study: Study, exact: Exact) -> float:
    """Rounding of sums over runs: what is left of a difference that is zero in exact arithmetic."""
    return study.tolerance + 1e-6 * max(float(np.abs(value).max()) for value in exact.values())


def judge_sample(sample: Sample) -> Row:
    """The mean over seeds with its standard error, and whether it lies within 4 of them of the exact value."""
    estimates = sample.estimates
    mean, error = float(estimates.mean()), float(estimates.std(ddof=1) / np.sqrt(len(estimates)))
    passed = abs(mean - sample.exact) <= LARGEST_DEVIATION * error + sample.slack
    return Row(sample.study, sample.term, sample.exact, mean, error, bool(passed))


def _samples(
    name: str, known: Mapping[str, Array], estimates: Sequence[Mapping[str, Array]], slack: float
) -> list[Sample]:
    samples = []
    for term in estimates[0]:
        if term not in known:
            msg = f"estimator: got the terms {list(estimates[0])} of {name}, expected some of {list(known)}"
            raise ValueError(msg)
        values = np.stack([each[term] for each in estimates])
        for index in np.ndindex(values.shape[1:]):
            where = f" at time {index[0]}" if index else ""
            samples.append(Sample(name, term + where, float(known[term][index]), slack, values[(slice(None), *index)]))
    return samples


def _cell(row: Row | None) -> str:
    return "-" if row is None else f"{row.estimate:.5f} ± {row.standard_error:.1g} {row.verdict}"

"""`certify`: does an estimator return the right answer, on average, where the right answer is known?"""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float

from jaxdl.decomposition import Decomposition, squared_error
from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.result import label_of
from jaxdl.truths.study import Exact, Study
from jaxdl.types import Key

Estimator = Callable[[Study, Float[np.ndarray, "..."]], Mapping[Term, Float[np.ndarray, "*times"]]]
"""`(study, predictions) -> {term: estimate}`, for the terms that it knows."""
LARGEST_DEVIATION = 4.0  # standard errors; by chance in fewer than 1 of 1,000 terms with 20 seeds


class Row(NamedTuple):
    """One term of one study: the exact value, and the mean of the estimates over seeds with its standard error."""

    study: str
    term: str
    exact: float
    estimate: float
    standard_error: float
    passed: bool


class ReportCard(NamedTuple):
    """What `certify` found."""

    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether every term of every study is right."""
        return all(row.passed for row in self.rows)

    def __str__(self) -> str:
        lines = [f"{'study':28}{'term':32}{'exact':>12}{'estimate':>12}{'std. error':>12}  verdict"]
        lines += [
            f"{row.study:28}{row.term:32}{row.exact:12.6f}{row.estimate:12.6f}{row.standard_error:12.2g}  "
            f"{'right' if row.passed else 'WRONG'}"
            for row in self.rows
        ]
        return "\n".join(lines)


def unbiased(study: Study, predictions: Float[np.ndarray, "..."]) -> Mapping[Term, Float[np.ndarray, "*times"]]:
    """Our own estimator, `decomposition.squared_error`."""
    return squared_error(predictions, factors=study.factors, target=study.target, dims=study.dims).estimates


def measured(study: Study, key: Key) -> Decomposition:
    """The study's predictions, decomposed: what is to be compared with its exact answer."""
    return squared_error(study.predictions(key), factors=study.factors, target=study.target, dims=study.dims)


def plug_in(study: Study, predictions: Float[np.ndarray, "..."]) -> Mapping[Term, Float[np.ndarray, "*times"]]:
    """The usual recipe: bias² from the mean prediction as it is, and the variance with divisor K, over all runs pooled.

    Its bias² is too large by variance/K, its variance too small by the same amount.
    """
    mean = np.asarray(study.target.mean)
    pooled = np.asarray(predictions, np.float64).reshape(-1, *predictions.shape[len(study.factors) :])
    bias, variance = (pooled.mean(0) - mean) ** 2, pooled.var(axis=0)
    if "out" in study.dims:
        bias, variance = bias.sum(-1), variance.sum(-1)
    return {"bias_squared": np.asarray(bias.mean(-1)), "total_variance": np.asarray(variance.mean(-1))}


def certify(
    studies: Iterable[tuple[Study, Exact]], key: Key, *, estimator: Estimator = unbiased, num_seeds: int = 20
) -> ReportCard:
    """Compare an estimator's average over seeds with the exact answers of the studies.

    A term is right when the average lies within 4 of its own standard errors (taken over seeds, so that no estimator's word is
    taken for its precision), or within the rounding of the exact value where nothing is random.

    >>> from jaxdl import truths
    >>> certify([truths.sample_mean()], jax.random.key(0)).passed
    True
    """
    if num_seeds < 2:
        msg = f"got num_seeds={num_seeds}; a standard error over seeds needs at least 2"
        raise ValueError(msg)
    keys = [jax.random.fold_in(key, seed) for seed in range(num_seeds)]
    rows = []
    for study, exact in studies:
        estimates = [estimator(study, study.predictions(each)) for each in keys]
        unknown = [term for term in estimates[0] if term not in exact]
        if unknown or not estimates[0]:
            msg = f"the estimator returned {list(estimates[0])} for {study.name}, whose terms are {list(exact)}; "
            msg += "return some of these"
            raise ValueError(msg)
        for term in estimates[0]:
            values = np.stack([np.asarray(each[term], np.float64) for each in estimates])
            # Rounding of sums over runs: what is left of a difference that is zero in exact arithmetic.
            rounding = 1e-6 * max(float(np.abs(value).max()) for value in exact.values())
            means, errors = values.mean(axis=0), values.std(axis=0, ddof=1) / np.sqrt(num_seeds)
            for index in np.ndindex(means.shape):
                where = f" at time {index[0]}" if index else ""
                allowed = LARGEST_DEVIATION * errors[index] + study.tolerance + rounding
                known, mean, error = (float(part[index]) for part in (exact[term], means, errors))
                rows.append(
                    Row(study.name, label_of(term) + where, known, mean, error, bool(abs(mean - known) <= allowed))
                )
    if not rows:
        msg = "got no studies to certify with; pass some, for example [truths.sample_mean()]"
        raise ValueError(msg)
    return ReportCard(tuple(rows))

"""The variance of a metric over runs, by source, and how much of it is that of a finite test set.

A metric is one number of a run: its accuracy, F1, loss or calibration error. Where it is a mean over n test points, its variance
over runs at these points is a mean over pairs of them, and has two parts. With C_u(x, x') the part of cov(f(x), f(x')) that belongs
to the component u, over runs,

    M_u = mean over all x, x' of C_u = V_u + (W_u - V_u)/n,      W_u = mean of C_u(x, x),   V_u = mean of C_u(x, x'), x ≠ x'.

V_u is a U-statistic of the points, drawn anew: what remains with infinitely many of them. All three come from the terms of the
squared error: of the points for W_u, of their mean a for M_u, and of f + a for C_u(x, a), which says how V_u changes without x.
"""

from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Num, Shaped

from jaxdl.admission import as_numbers
from jaxdl.decomposition.crossed import crossed_estimates, jackknifed
from jaxdl.decomposition.estimates import Estimates, Term
from jaxdl.decomposition.grouped import GroupedMeans, GroupedMoments
from jaxdl.decomposition.loss import LossDecomposition
from jaxdl.decomposition.populations import DRAWN_POINTS
from jaxdl.decomposition.result import Decomposition
from jaxdl.decomposition.squared_error import component_estimand, given_fixed
from jaxdl.decomposition.target import Reference, Target
from jaxdl.designs import Design

Array = np.ndarray
DISTRIBUTION_WISE, OF_TEST_SET = "distribution_wise_variance", "test_set_variance"
FEWEST_POINTS = 3


class Metric(LossDecomposition):
    """Mean and variance by source of one number of each run; from values at test points, also the part of a finite test set.

        Var a = sum of the components;      Var a = distribution_wise_variance + test_set_variance     (with "points" in `dims`)

    `distribution_wise_variance` is what remains with infinitely many test points, `distribution_wise[data]` its part of a source,
    and `test_set_variance` the rest, a multiple of 1/n. These speak of test points drawn anew, the components and
    `total_variance` of the points at hand. All are unbiased, and may be negative where they are small.

    References:
        Jordan (2023), Calibrated chaos: variance between runs of neural network training is harmless and inevitable,
        arXiv 2304.01910.

    >>> rng = np.random.default_rng(0)
    >>> accuracy = 0.9 + 0.01 * rng.normal(size=(40, 1)) + 0.02 * rng.normal(size=(1, 30))
    >>> result = metric(accuracy, factors=("data", "init"))
    >>> bool(abs(result.variance["data"] - 1e-4) < 4 * result.standard_errors["data",])
    True

    One training in ten is right at a point, independently of the others: nothing would remain of the variance.

    >>> is_right = rng.random(size=(200, 50)) < 0.1
    >>> result = metric(is_right, factors=("seed",), dims=("points",))
    >>> remains = result.intervals["distribution_wise_variance"]
    >>> bool(abs(result["test_set_variance"] - 0.09 / 50) < 4 * result.standard_errors["test_set_variance"]), bool(remains.low == 0)
    (True, True)
    """

    name = "metric"
    argument = "values"

    def __call__(
        self,
        predictions: Shaped[Array, "..."],
        *,
        factors: Sequence[str] = (),
        design: Design | None = None,
        target: Target | None = None,
        dims: Sequence[str] = (),
        nested: bool = False,
        random_points: bool | None = None,
        training_size: int | None = None,
        times: Sequence[int | float] | None = None,
    ) -> Decomposition:
        """Take apart the values of runs that are there already.

        Args:
            predictions: the values `(levels of each factor, then dims)`: one number of each run, or one at each of its test points.
            factors: names of the leading axes, crossed with one another unless `nested`.
            design: instead of `factors`, the design of the runs.
            target: none; a metric has met its labels.
            dims: names of the trailing axes: (), ("times",), ("points",) or ("times", "points"); the metric is the mean of points.
            nested: each factor draws its levels anew inside every level of the factors before it.
            random_points: include the sampling of test points in the errors of the mean and of the components.
            training_size: the number of training examples, for the labels of the result.
            times: the step counts (or others) on the axis "times", for the labels of the result.

        Raises:
            ValueError: values that are NaN or infinite in some runs, with the runs; fewer than two levels of every factor; one or
                two test points; a target.
        """
        values = as_numbers("values", predictions)
        _check_values(values, factors, design)
        names = tuple(dims) if isinstance(dims, tuple | list) else dims
        if isinstance(names, tuple) and "points" not in names:
            values, names = values[..., None], (*names, "points")
        return super().__call__(
            values,
            factors=factors,
            design=design,
            target=target,
            dims=names,
            nested=nested,
            random_points=random_points,
            training_size=training_size,
            times=times,
        )

    def reference(self, target: Target | None, shape: tuple[int, ...]) -> Reference | None:
        if target is not None:
            msg = "target: got one for a metric, expected none; a metric is computed from labels, pass its values"
            raise ValueError(msg)
        if len(shape) > 1 or 1 < shape[0] < FEWEST_POINTS:
            msg = f"dims: got values of shape {shape} in a run, expected one number, or {FEWEST_POINTS} test points or more; for a "
            msg += "vector per point pass one of its components"
            raise ValueError(msg)
        return None

    def grouped(self, design: Design, reference: Reference | None) -> GroupedMeans:
        return _GroupedMetric(design, reference)

    def from_table(
        self,
        table: Num[Array, "*levels times points out"],
        design: Design,
        reference: Reference | None,
        kept: Sequence[Array],
    ) -> Estimates:
        own = _crossed_mean(table, design, kept)
        of_runs = table.mean(axis=-2, keepdims=True, dtype=np.float64)
        of_mean = crossed_estimates(of_runs, design, reference, kept)
        if table.shape[-2] == 1:
            return _joined(own, of_mean, None)
        of_points = crossed_estimates(table, design, reference, kept)
        of_sums = crossed_estimates(table + of_runs, design, reference, kept)
        return _joined(own, of_mean, (of_points, of_sums))

    def estimand(self, term: Term, design: Design) -> str:
        given = given_fixed(design)
        if isinstance(term, tuple):
            return component_estimand(term, design) + ", f the metric"
        if term.startswith("distribution_wise["):
            source = term.removeprefix("distribution_wise[").removesuffix("]")
            return f"what remains of variance[{source}] with infinitely many test points{given}"
        return {
            "mean": f"E f over {', '.join(design.sources)}{given}, f the metric",
            "total_variance": f"E|f - E f|²{given}",
            DISTRIBUTION_WISE: f"what remains of the total variance with infinitely many test points{given}",
            OF_TEST_SET: f"the part of the total variance that is 1/n of its value for one test point{given}",
        }[term]

    def population(self, term: Term) -> str | None:
        is_of_all = isinstance(term, str) and term.startswith(("distribution_wise", OF_TEST_SET))
        return DRAWN_POINTS if is_of_all else None


metric = Metric()


class _GroupedMetric(GroupedMeans):
    """The mean of the metric, and beside it the running sums of three squared errors."""

    def __init__(self, design: Design, reference: Reference | None):
        super().__init__(design, reference)
        self._of_mean, self._of_points, self._of_sums = (GroupedMoments(design, reference) for _ in range(3))

    @property
    def terms(self) -> tuple[Term, ...]:
        return ("mean",)

    def _statistics(self, runs: Array, kept: Array) -> tuple[Array, ...]:
        del kept
        return (runs.mean(axis=tuple(range(1, len(self._design.shape)))),)

    def _terms(self, counts: Array, sums: tuple[Array, ...]) -> Array:
        return (sums[0][..., 0] / counts[:, None, None])[None]

    def add(self, runs: Num[Array, "units *inner times points out"], kept: Float[Array, " units"]) -> None:
        super().add(runs, kept)
        of_runs = runs.mean(axis=-2, keepdims=True, dtype=np.float64)
        self._of_mean.add(of_runs, kept)
        if runs.shape[-2] > 1:
            self._of_points.add(runs, kept)
            self._of_sums.add(runs + of_runs, kept)

    def estimates(self) -> Estimates:
        own, of_mean = super().estimates(), self._of_mean.estimates()
        if own.per_point.shape[-1] == 1:
            return _joined(own, of_mean, None)
        return _joined(own, of_mean, (self._of_points.estimates(), self._of_sums.estimates()))


def _crossed_mean(table: Num[Array, "*levels times points out"], design: Design, kept: Sequence[Array]) -> Estimates:
    """The mean over the levels in `kept`, and without each of them."""
    num_factors, counts = len(design.shape), tuple(map(len, kept))

    def at_points(values: Array, time: int, chunk: slice) -> tuple[Array, Callable[[int], Array]]:
        del time, chunk
        mean = values[..., 0].mean(axis=tuple(range(num_factors)))

        def without(axis: int) -> Array:
            own = values[..., 0].mean(axis=tuple(i for i in range(num_factors) if i != axis))
            return ((counts[axis] * mean - own) / (counts[axis] - 1))[None]

        return mean[None], without

    return jackknifed(table, design, None, kept, ("mean",), at_points)


def _joined(own: Estimates, of_mean: Estimates, parts: tuple[Estimates, Estimates] | None) -> Estimates:
    """The mean, the components of the metric, and of values at points what remains with infinitely many of them."""
    terms: tuple[Term, ...] = (*own.terms, *of_mean.terms)
    apart: tuple[Term, ...] = own.terms
    if parts is None:
        per_point = np.concatenate([own.per_point, of_mean.per_point])
        variance = np.concatenate([own.per_point_variance, of_mean.per_point_variance])
        replicates = {
            unit: np.concatenate([own.replicates[unit], values]) for unit, values in of_mean.replicates.items()
        }
        return Estimates(terms, per_point, variance, replicates, of_mean.strata, apart)
    of_points, of_sums = parts
    n = own.per_point.shape[-1]
    along = (of_sums.per_point - of_points.per_point - of_mean.per_point) / 2  # C(x, a)
    remaining = _remaining(of_mean.per_point[..., 0], of_points.per_point.mean(axis=-1), n)
    # n V less (n - 1) times V without x, of which V is the mean.
    pairs = (n * (n - 1) * remaining[..., None] - 2 * (n * along - of_points.per_point)) / (n - 2)
    pairs = n * remaining[..., None] - pairs
    at_hand = pairs * (1 - 1 / n) + of_points.per_point / n
    # Of single components too where there are several; the last is their total.
    is_shown = [*range(len(of_mean.terms) - 1 if len(of_mean.terms) > 2 else 0), len(of_mean.terms) - 1]
    names = [_name_of_remaining(of_mean.terms[index]) for index in is_shown]

    def stacked(mean: Array, of_terms: Array, beyond: Array) -> Array:
        return np.concatenate([mean, of_terms, beyond[is_shown], (of_terms - beyond)[-1:]])

    replicates = {
        unit: stacked(own.replicates[unit], values, _remaining(values, of_points.replicates[unit], n))
        for unit, values in of_mean.replicates.items()
    }
    per_point = stacked(own.per_point, at_hand, pairs)
    variance = np.full_like(per_point, np.nan)
    variance[:1] = own.per_point_variance
    terms, apart = (*terms, *names, OF_TEST_SET), (*apart, *names, OF_TEST_SET)
    return Estimates(terms, per_point, variance, replicates, of_mean.strata, apart)


def _remaining(of_mean: Array, of_points: Array, num_points: int) -> Array:
    """V from M and W."""
    return (num_points * of_mean - of_points) / (num_points - 1)


def _name_of_remaining(term: Term) -> str:
    return f"distribution_wise[{', '.join(term)}]" if isinstance(term, tuple) else DISTRIBUTION_WISE


def _check_values(values: Array, factors: Sequence[str], design: Design | None) -> None:
    """Refuse NaN and infinity, and say in which runs they are."""
    names = tuple(factors) if design is None and not isinstance(factors, str) else ()
    names = names if design is None else design.factors
    is_finite = np.isfinite(values)
    if is_finite.all():
        return
    num_axes = min(len(names), values.ndim)
    of_runs = is_finite.reshape(*values.shape[:num_axes], -1).all(axis=-1)
    lost = np.argwhere(~of_runs)
    first = ", ".join(f"{name} {level}" for name, level in zip(names, lost[0].tolist(), strict=False))
    msg = f"values: got NaN or infinity in {len(lost)} of {of_runs.size} runs, first at {first}, expected a finite "
    msg += (
        "number of every run; leave out those levels whole, in all runs, and say so: what is left is conditional on it"
    )
    raise ValueError(msg)

"""What the decomposition of a loss must provide; every one is called on predictions, or handed to `jaxdl.decompose`."""

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence, Set

import numpy as np
from jaxtyping import Num, Shaped

from jaxdl import designs
from jaxdl.admission import as_numbers
from jaxdl.decomposition.assemble import assemble, check_options
from jaxdl.decomposition.doubles import as_counted, check_smallest
from jaxdl.decomposition.estimates import Estimates, Term
from jaxdl.decomposition.grouped import GroupedMeans
from jaxdl.decomposition.named_axes import check_names, check_names_of_target
from jaxdl.decomposition.result import Decomposition
from jaxdl.decomposition.target import Reference, Target
from jaxdl.designs import Design, check_design
from jaxdl.kinds import check_flag
from jaxdl.narrowing import as_type

Array = np.ndarray
KNOWN_DIMS = ("times", "points", "out")
CHUNK_BYTES = 2**25  # of predictions in double precision, folded at once


class LossDecomposition(ABC):
    """The expected loss of a learning procedure as bias, variance and noise.

    A subclass estimates its terms from running means over units (`grouped`: independent and nested designs) or from a full
    table of predictions (`from_table`: crossed designs).
    """

    name: str
    is_of_squares = False
    """Whether predictions are squared, so that very small ones are refused."""

    def __call__(
        self,
        predictions: Shaped[Array, "..."],
        *,
        factors: Sequence[str] = (),
        design: Design | None = None,
        target: Target | None = None,
        dims: Sequence[str] = ("points",),
        nested: bool = False,
        random_points: bool | None = None,
        training_size: int | None = None,
        times: Sequence[int | float] | None = None,
    ) -> Decomposition:
        """Decompose predictions that are there already.

        Args:
            predictions: `(levels of each factor, then dims)`.
            factors: names of the leading axes, crossed with one another unless `nested`. A single factor is K independent runs.
            design: instead of `factors`, the design that made the predictions: `ensembles.run(trial, design, key).outputs`.
            target: what is known of the truth; without it, variances only.
            dims: names of the trailing axes, among "times" (kept), "points" (averaged) and "out", in this order.
            nested: each factor draws its levels anew inside every level of the factors before it.
            random_points: let standard errors speak of test points drawn anew, not of these. Where labels are random, what is
                compared with them speaks of test points and labels drawn anew in any case: one label for each point does not
                tell how much another would change. `populations` says which.
            training_size: the number of training examples, for the labels of the result.
            times: the step counts (or others) on the axis "times", for the labels of the result.

        Raises:
            ValueError: on shapes that do not fit, fewer than two levels of every factor, NaN or infinity, predictions for which
                the loss overflows or that it cannot mean.
        """
        names = getattr(predictions, "dims", None)
        predictions = as_counted(as_numbers("predictions", predictions))
        if predictions.dtype.itemsize >= np.dtype(np.float64).itemsize:  # wider floats, and whole numbers beyond 2**53
            predictions = as_type("predictions", predictions, np.float64)
        check_dims(dims)
        dims = tuple(dims)
        check_flag("nested", nested)
        check_options(random_points, training_size, times)
        design = _named_design(predictions, factors, design, dims, nested)
        check_names("predictions", names, (*design.factors, *dims))
        check_names_of_target(target, dims)
        check_predictions(predictions)
        varying = check_levels(design)
        warn_of_fixed(varying)
        axes = len(design.shape)
        table = canonical(predictions, dims).reshape(*varying.shape, *canonical(predictions, dims).shape[axes:])
        reference = self.reference(target, point_shape(predictions.shape[axes:], dims))
        if not np.isfinite(self.admitted(table, reference)).all():
            raise ValueError(_beyond_doubles(predictions, self.name))
        if self.is_of_squares:
            check_smallest("predictions", predictions, *(() if reference is None else (reference.center,)))
        estimates = self.estimate(table, varying, reference)
        if not np.isfinite(estimates.per_point).all() or np.isinf(estimates.per_point_variance).any():
            raise ValueError(_beyond_doubles(predictions, self.name))
        return assemble(
            [estimates],
            self,
            varying,
            reference,
            axes=("times",) if "times" in dims else (),
            random_points=random_points,
            training_size=training_size,
            times=times,
        )

    @abstractmethod
    def reference(self, target: Target | None, shape: tuple[int, ...]) -> Reference | None:
        """The target resolved for predictions of `shape`, `(points,)` or `(points, out)`, at one run and time."""

    def admitted(self, predictions: Num[Array, "... out"], reference: Reference | None) -> Num[Array, "... out"]:
        """The predictions, infinite where the loss would be: such runs count as diverged.

        Raises:
            ValueError: for predictions that the loss cannot mean, such as a class that the target does not have.
        """
        del reference
        return predictions

    @abstractmethod
    def grouped(self, design: Design, reference: Reference | None) -> GroupedMeans:
        """Running means for the terms of an independent or nested design."""

    @abstractmethod
    def from_table(
        self,
        table: Num[Array, "*levels times points out"],
        design: Design,
        reference: Reference | None,
        kept: Sequence[Array],
    ) -> Estimates:
        """The terms of a crossed design, from the levels in `kept` alone."""

    @abstractmethod
    def estimand(self, term: Term, design: Design) -> str:
        """What a term estimates, in a line."""

    def notes(self, design: Design) -> tuple[str, ...]:
        """What a reader of the numbers must know besides."""
        del design
        return ()

    def estimate(
        self,
        table: Num[Array, "*levels times points out"],
        design: Design,
        reference: Reference | None,
        kept: Sequence[Array] | None = None,
    ) -> Estimates:
        """The terms of a full table of predictions; of a crossed one, from the levels in `kept` alone."""
        if design.is_crossed:
            kept = [np.arange(count) for count in design.shape] if kept is None else kept
            return self.from_table(table, design, reference, kept)
        sums = self.grouped(design, reference)
        width = 1 if reference is None else max(1, reference.center.shape[-1] // table.shape[-1])
        size = max(1, CHUNK_BYTES // (8 * width * int(np.prod(table.shape[1:]))))
        for start in range(0, len(table), size):
            part = table[start : start + size]
            sums.add(part, np.ones(len(part)))
        return sums.estimates()


def canonical(predictions: Array, dims: tuple[str, ...]) -> Num[Array, "... times points out"]:
    """Predictions with all three trailing axes."""
    if "out" not in dims:
        predictions = predictions[..., None]
    return predictions if "times" in dims else np.expand_dims(predictions, -3)


def point_shape(shape: tuple[int, ...], dims: tuple[str, ...]) -> tuple[int, ...]:
    """The part of a prediction's shape that a target must have: `(points,)` or `(points, out)`."""
    return tuple(size for name, size in zip(dims, shape, strict=True) if name != "times")


def check_loss(loss: LossDecomposition) -> None:
    """Refuse what is no decomposition of a loss, such as its name or a loss of single examples."""
    if not isinstance(loss, LossDecomposition):
        msg = (
            f"loss: got {loss!r:.80}, expected a decomposition; pass one of jaxdl.decomposition: squared_error, cross_entropy, "
            "zero_one, kohavi_wolpert or bregman(potential)"
        )
        raise ValueError(msg)


def check_dims(dims: Sequence[str]) -> None:
    """Refuse unknown, repeated or disordered names."""
    if (
        isinstance(dims, str | Set | Mapping)
        or not isinstance(dims, Iterable)
        or "points" not in (names := tuple(dims))
        or names != tuple(name for name in KNOWN_DIMS if name in names)
    ):
        msg = f"dims: got dims={dims!r}, expected the names of the trailing axes, among {KNOWN_DIMS}, in this order, with 'points' "
        msg += "among them; for example dims=('points', 'out')"
        raise ValueError(msg)


def check_levels(design: Design) -> Design:
    """The design of what varies: sources at a single level are fixed; refuse a design in which nothing varies."""
    check_design(design)
    varying = design.varying
    if not varying.shape:
        msg = f"design: got the levels {dict(zip(design.factors, design.shape, strict=True))}: nothing varies, expected at least 2 "
        msg += "levels of a source (3 for a standard error); add levels"
        raise ValueError(msg)
    return varying


def warn_of_fixed(varying: Design) -> None:
    """One level of a source is a sample of one: say what the study can and cannot tell."""
    if not varying.fixed:
        return
    fixed, moving = " and ".join(varying.fixed), " and ".join(varying.sources)
    warnings.warn(
        f"{fixed} has a single level: variance over {moving} is measured for that level alone, V[{moving}] plus its interactions "
        f"with {fixed}, and bias and risk are those of that level. Give {fixed} more levels to tell them apart",
        stacklevel=3,
    )


def check_predictions(predictions: Array) -> None:
    """Refuse what is not a finite real number."""
    predictions = as_numbers("predictions", predictions)
    if not np.isfinite(predictions).all():
        count = int((~np.isfinite(predictions)).sum())
        msg = (
            f"predictions: got {count} NaN or infinite predictions, expected finite ones; leave those runs out, whole "
        )
        msg += "levels at a time"
        if (predictions == -np.inf).any():
            msg += ". Where minus infinity is the logarithm of a zero probability, clip or smooth the probabilities first: "
            msg += "decomposition.log_probabilities(probabilities, smallest=1e-3)"
        raise ValueError(msg)


def _beyond_doubles(predictions: Array, name: str) -> str:
    size = max(float(predictions.max()), -float(predictions.min()))
    return (
        f"predictions: got predictions up to {size:.4g}, at which the {name} or its standard errors are no longer finite in double "
        "precision, expected smaller ones; leave those runs out, whole levels at a time, or rescale predictions and target"
    )


def _named_design(
    predictions: Array, factors: Sequence[str], design: Design | None, dims: tuple[str, ...], nested: bool
) -> Design:
    if design is not None:
        check_design(design)
    is_sequence = isinstance(factors, Iterable) and not isinstance(factors, str | Set | Mapping)
    names = tuple(factors) if is_sequence else ()
    if not is_sequence or not all(isinstance(name, str) for name in names) or len(set(names)) < len(names):
        wanted = f"factors=({factors!r},)" if isinstance(factors, str) else "factors=('data', 'init')"
        msg = (
            f"factors: got {factors!r:.80}, expected one name for each leading axis, in order, all different; {wanted}"
        )
        raise ValueError(msg)
    if bool(names) == (design is not None):
        msg = f"factors: got factors={factors!r} and design={design}, expected one of the two; name each leading axis, "
        msg += "factors=('data', 'init'), or give the design"
        raise ValueError(msg)
    num_factors = len(names) if design is None else len(design.shape)
    if predictions.ndim != num_factors + len(dims) or 0 in predictions.shape:
        named = names if design is None else design.factors
        msg = f"predictions: got shape {predictions.shape} for factors {named} and dims {dims}, expected one axis for each, none "
        msg += f"of them empty{_ways_out(predictions.shape, names, design, len(dims))}"
        raise ValueError(msg)
    shape = predictions.shape[:num_factors]
    if design is None:
        design = (designs.nested if nested else designs.crossed)(**dict(zip(names, shape, strict=True)))
    if design.shape != shape:
        msg = f"predictions: got shape {predictions.shape} for a design of shape {design.shape}, expected leading axes that agree; "
        msg += "transpose them, or give the design that made them"
        raise ValueError(msg)
    return design


def _ways_out(shape: tuple[int, ...], factors: tuple[str, ...], design: Design | None, num_dims: int) -> str:
    """The shape, or the names of axes, that would fit."""
    if 0 in shape:
        return ""
    num_factors = len(factors) if design is None else len(design.shape)
    ways = []
    if num_factors > 1 and len(shape) == 1 + num_dims and (design is None or design.num_runs == shape[0]):
        named = factors if design is None else tuple(map(str, design.shape))
        levels = _two_levels(shape[0]) if design is None and num_factors == 2 else ()
        example = f", for example reshape{(*levels, *shape[1:])}" if levels else ""
        ways.append(
            f"give each factor an axis of its own, predictions.reshape({', '.join([*named, *map(str, shape[1:])])}){example}"
        )
    dims = [
        repr(names)
        for names in (("points",), ("points", "out"), ("times", "points"), KNOWN_DIMS)
        if len(names) == len(shape) - num_factors and (design is None or shape[:num_factors] == design.shape)
    ]
    if dims:
        ways.append(f"dims={' or '.join(dims)} would fit, which name the trailing axes")
    return f"; {'; or '.join(ways)}" if ways else ""


def _two_levels(runs: int) -> tuple[int, ...]:
    """The two factors of a number that are closest to each other, the larger first; nothing for a prime."""
    smaller = next((n for n in range(math.isqrt(runs), 1, -1) if runs % n == 0), None)
    return () if smaller is None else (runs // smaller, smaller)

"""What the decomposition of a loss must provide; every one is called on predictions, or handed to `jaxdl.decompose`."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence

import jax
import numpy as np
from jaxtyping import Num, Shaped

from jaxdl import designs
from jaxdl.decomposition.assemble import assemble
from jaxdl.decomposition.estimates import Estimates, Term
from jaxdl.decomposition.grouped import GroupedMeans
from jaxdl.decomposition.result import Decomposition
from jaxdl.decomposition.target import Reference, Target
from jaxdl.designs import Design

Array = np.ndarray
KNOWN_DIMS = ("times", "points", "out")
CHUNK_BYTES = 2**25  # of predictions in double precision, folded at once


class LossDecomposition(ABC):
    """The expected loss of a learning procedure as bias, variance and noise.

    A subclass estimates its terms from running means over units (`grouped`: independent and nested designs) or from a full
    table of predictions (`from_table`: crossed designs).
    """

    name: str

    def __call__(
        self,
        predictions: Shaped[Array, "..."],
        *,
        factors: Sequence[str] = (),
        design: Design | None = None,
        target: Target | None = None,
        dims: Sequence[str] = ("points",),
        nested: bool = False,
        random_points: bool = False,
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
            random_points: let standard errors speak of test points drawn anew, not of these.
            training_size: the number of training examples, for the labels of the result.
            times: the step counts (or others) on the axis "times", for the labels of the result.

        Raises:
            ValueError: on shapes that do not fit, fewer than two levels of every factor, NaN or infinity, predictions for which
                the loss overflows or that it cannot mean.
        """
        predictions = np.asarray(predictions)
        if predictions.dtype == bool:
            predictions = predictions.astype(np.int8)
        dims = tuple(dims)
        check_dims(dims)
        design = _named_design(predictions, factors, design, dims, nested)
        check_predictions(predictions)
        varying = check_levels(design)
        warn_of_fixed(varying)
        axes = len(design.shape)
        table = canonical(predictions, dims).reshape(*varying.shape, *canonical(predictions, dims).shape[axes:])
        reference = self.reference(target, point_shape(predictions.shape[axes:], dims))
        if not np.isfinite(self.admitted(table, reference)).all():
            msg = f"got predictions up to {predictions.max():.4g}, at which the {self.name} is no longer finite in double "
            msg += "precision; leave those runs out, whole levels at a time"
            raise ValueError(msg)
        estimates = self.estimate(table, varying, reference)
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
        isinstance(dims, str)
        or "points" not in dims
        or tuple(dims) != tuple(name for name in KNOWN_DIMS if name in dims)
    ):
        msg = f"got dims={dims!r}; name the trailing axes from {KNOWN_DIMS}, in this order, with 'points' among them"
        raise ValueError(msg)


def check_levels(design: Design) -> Design:
    """The design of what varies: sources at a single level are fixed; refuse a design in which nothing varies."""
    varying = design.varying
    if not varying.shape:
        msg = f"got the levels {dict(zip(design.factors, design.shape, strict=True))}: nothing varies, and a variance needs at "
        msg += "least 2 levels (3 for a standard error); add levels"
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
    if not (np.issubdtype(predictions.dtype, np.number) or jax.dtypes.issubdtype(predictions.dtype, np.inexact)):
        msg = f"got predictions of dtype {predictions.dtype}; expected real numbers. Classes by name become numbers by "
        msg += "np.unique, the same for predictions and labels"
        raise ValueError(msg)
    if np.iscomplexobj(predictions):
        msg = "got complex predictions; pass real and imaginary parts as two outputs, on an axis 'out'"
        raise ValueError(msg)
    if not np.isfinite(predictions).all():
        count = int((~np.isfinite(predictions)).sum())
        msg = f"got {count} NaN or infinite predictions; leave those runs out, whole levels at a time"
        raise ValueError(msg)


def _named_design(
    predictions: Array, factors: Sequence[str], design: Design | None, dims: tuple[str, ...], nested: bool
) -> Design:
    if isinstance(factors, str) or bool(factors) == (design is not None) or len(set(factors)) < len(factors):
        msg = f"got factors={factors!r} and design={design}; name each leading axis once, factors=('data', 'init'), or "
        msg += "give the design"
        raise ValueError(msg)
    num_factors = len(factors) if design is None else len(design.shape)
    if predictions.ndim != num_factors + len(dims) or 0 in predictions.shape:
        named = tuple(factors) if design is None else design.factors
        msg = f"got predictions of shape {predictions.shape} for factors {named} and dims {tuple(dims)}; "
        msg += "expected one axis for each, none of them empty"
        raise ValueError(msg)
    shape = predictions.shape[:num_factors]
    if design is None:
        design = (designs.nested if nested else designs.crossed)(**dict(zip(factors, shape, strict=True)))
    if design.shape != shape:
        msg = f"got predictions of shape {predictions.shape} for a design of shape {design.shape}; their leading axes must agree"
        raise ValueError(msg)
    return design

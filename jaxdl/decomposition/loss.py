"""`LossDecomposition`: a loss that is taken apart, called on predictions or passed to `jaxdl.decompose`."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Num, Shaped

from jaxdl.admission import as_numbers
from jaxdl.decomposition.assemble import assemble, check_options
from jaxdl.decomposition.doubles import as_counted, check_smallest
from jaxdl.decomposition.estimates import Estimates, Term
from jaxdl.decomposition.grouped import GroupedMeans
from jaxdl.decomposition.named_axes import check_names, check_names_of_target
from jaxdl.decomposition.predictions import (
    beyond_doubles,
    canonical,
    check_dims,
    check_levels,
    check_predictions,
    named_design,
    point_shape,
    warn_of_fixed,
)
from jaxdl.decomposition.result import Decomposition
from jaxdl.decomposition.target import Reference, Target
from jaxdl.designs import Design
from jaxdl.kinds import check_flag
from jaxdl.narrowing import as_type

Array = np.ndarray
CHUNK_BYTES = 2**25  # of predictions in double precision, folded at once


class LossDecomposition(ABC):
    """The expected loss of a learning procedure as bias, variance and noise.

    A subclass estimates its terms from running means over units (`grouped`: independent and nested designs) or from a full
    table of predictions (`from_table`: crossed designs).

    >>> from jaxdl.decomposition import cross_entropy, squared_error
    >>> isinstance(squared_error, LossDecomposition), cross_entropy.is_of_squares
    (True, False)
    """

    name: str
    argument = "predictions"
    """What is taken apart, as errors call it."""
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
            random_points: include the sampling of test points in the standard errors (default: these points are fixed). Where
                labels are random, errors of what is compared with them include that of points and labels in any case, since one
                label for each point does not show how much another would change. `populations` says which.
            training_size: the number of training examples, for the labels of the result.
            times: the step counts (or others) on the axis "times", for the labels of the result.

        Raises:
            ValueError: on shapes that do not fit, fewer than two levels of every factor, NaN or infinity, predictions for which
                the loss overflows or that are outside its domain.
        """
        names = getattr(predictions, "dims", None)
        predictions = as_counted(as_numbers(self.argument, predictions))
        if predictions.dtype.itemsize >= np.dtype(np.float64).itemsize:  # wider floats, and whole numbers beyond 2**53
            predictions = as_type(self.argument, predictions, np.float64)
        check_dims(dims)
        dims = tuple(dims)
        check_flag("nested", nested)
        check_options(random_points, training_size, times)
        design = named_design(predictions, factors, design, dims, nested, self.argument)
        check_names(self.argument, names, (*design.factors, *dims))
        check_names_of_target(target, dims)
        check_predictions(predictions, self.argument)
        varying = check_levels(design)
        warn_of_fixed(varying)
        axes = len(design.shape)
        table = canonical(predictions, dims).reshape(*varying.shape, *canonical(predictions, dims).shape[axes:])
        reference = self.reference(target, point_shape(predictions.shape[axes:], dims))
        if not np.isfinite(self.admitted(table, reference)).all():
            raise ValueError(beyond_doubles(predictions, self.name, self.argument))
        if self.is_of_squares:
            check_smallest(self.argument, predictions, *(() if reference is None else (reference.center,)))
        estimates = self.estimate(table, varying, reference)
        if not np.isfinite(estimates.per_point).all() or np.isinf(estimates.per_point_variance).any():
            raise ValueError(beyond_doubles(predictions, self.name, self.argument))
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
        """The predictions, with infinity where the loss overflows, so that those runs count as diverged.

        Raises:
            ValueError: for predictions outside the loss's domain, such as a class number that the target lacks.
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

    def population(self, term: Term) -> str | None:
        """The population that a term always speaks of; None where the study decides."""
        del term
        return None

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
            return self._with_classes(table, design, reference, kept)
        sums = self.grouped(design, reference)
        width = 1 if reference is None else max(1, reference.center.shape[-1] // table.shape[-1])
        size = max(1, CHUNK_BYTES // (8 * width * int(np.prod(table.shape[1:]))))
        for start in range(0, len(table), size):
            part = table[start : start + size]
            sums.add(part, np.ones(len(part)))
        return sums.with_classes()

    def _with_classes(
        self,
        table: Num[Array, "*levels times points out"],
        design: Design,
        reference: Reference | None,
        kept: Sequence[Array],
    ) -> Estimates:
        """The terms of a crossed design, and those at the points of each class where labels are classes.

        Of a table that is on disk, as it exceeds the limit of memory, there are none of classes: points of one class are copied.
        """
        found = self.from_table(table, design, reference, kept)
        if reference is None or reference.classes is None or _is_on_disk(table):
            return found
        places = reference.places_of_classes()
        return found._replace(
            of_classes={
                label: self.from_table(table[..., points, :], design, reference.at(points), kept)
                for label, points in places.items()
            }
        )


def _is_on_disk(array: Any) -> bool:
    """Whether an array, or what it is a view of, is mapped to a file."""
    while array is not None and not isinstance(array, np.memmap):
        array = getattr(array, "base", None)
    return array is not None


def check_loss(loss: LossDecomposition) -> None:
    """Refuse anything but a decomposition of a loss, such as its name or a loss of single examples."""
    if not isinstance(loss, LossDecomposition):
        msg = (
            f"loss: got {loss!r:.80}, expected a decomposition; pass one of jaxdl.decomposition: squared_error, cross_entropy, "
            "zero_one, kohavi_wolpert or bregman(potential)"
        )
        raise ValueError(msg)

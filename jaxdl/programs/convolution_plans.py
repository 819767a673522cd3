"""Which matrix product a convolution becomes: every way, and the one of least cost.

A convolution joins places of an image with places of a kernel and places of a result: along each axis, where
`image * spread + low = few * few_step + many * many_step`. `few` are the places of the kernel or those of the result, whichever
costs less. An axis is served in one of two ways:

- in slices: the image, shifted by each of the few places, is laid side by side; the product sums over the few, or keeps them;
- in a band: the product runs over the whole axis, with a kernel that is spread out to a matrix of image by many places, zero where
  no place of the kernel joins the two; or it keeps all pairs of places, and sums along diagonals follow.

Slices copy the image `few` times; a band copies nothing of it and multiplies by zeros. A short axis is cheaper in a band.
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

MOST_PLACES = 128
"""Slices of one convolution; a larger kernel would make a long program."""
MOST_BYTES = 2**28
"""Of all slices of one run together; more stay a convolution, for the sake of memory."""
FLOPS_OF_A_COPY = 100
"""Operations of a product in the time that a number is copied: 80 to 150 on CPUs with AVX2 and AVX-512."""
SHORT_ROW = 4
"""Numbers that are copied in the time that a copied row begins."""


class Axis(NamedTuple):
    """One spatial axis: `place of the image * spread + low = few * few_step + many * many_step`."""

    length: int
    spread: int
    low: int
    high: int
    few: int
    few_step: int
    many: int
    many_step: int

    def joined(self, few: int) -> np.ndarray:
        """Whether this one of the few places joins each place of the image with each of the many."""
        image = np.arange(self.length)[:, None] * self.spread + self.low
        return image == few * self.few_step + np.arange(self.many) * self.many_step

    @property
    def phases(self) -> int:
        """Into how many convolutions without zeros between the places of the image it falls apart."""
        return self.spread if self.few_step == self.many_step == 1 else 1


class Plan(NamedTuple):
    """One way to compute a convolution."""

    kernel_is_few: bool
    sliced: tuple[int, ...]
    banded: tuple[int, ...]
    axes: tuple[Axis, ...]
    """Of the image, in the order of its spatial axes."""
    groups: int
    rows: int
    """Along the axis that the image does not share with the few places: examples, where those are of the kernel."""
    columns: int
    outputs: int
    transposed: int
    """Numbers of an image, a kernel and a result that lie in another order than the product's."""

    @property
    def num_slices(self) -> int:
        """Copies of the image that are laid side by side."""
        return math.prod(self.axes[i].few for i in self.sliced)

    @property
    def patches(self) -> int:
        """Numbers in the left factor of the product."""
        each = math.prod(self.axes[i].few * self.axes[i].many for i in self.sliced)
        return self.groups * self.rows * each * self._row

    @property
    def band(self) -> int:
        """Numbers in the spread kernel, or in the product before sums along diagonals."""
        each = math.prod(self.axes[i].length * self.axes[i].many for i in self.banded)
        return self.groups * self.num_slices * each * self.columns * self.outputs

    @property
    def cost(self) -> float:
        """In operations of a product."""
        phases = math.prod(self.axes[i].phases for i in self.sliced)
        inner = math.prod(self.axes[i].many for i in self.banded) * self.outputs
        copied = self.patches / phases * (1 + SHORT_ROW / self._row) if self.num_slices > 1 else 0.0
        copied += self.transposed + (self.band if self.banded else 0)
        return 2 * self.patches / phases * inner + FLOPS_OF_A_COPY * copied

    @property
    def _row(self) -> int:
        return math.prod(self.axes[i].length for i in self.banded) * self.columns


def cheapest(params: dict[str, Any], image: Sequence[int], kernel: Sequence[int], itemsize: int) -> Plan | None:
    """The plan of least cost among those that are neither too long nor too large."""
    return min(
        (
            plan
            for plan in plans(params, image, kernel)
            if plan.num_slices <= MOST_PLACES
            and sum(plan.axes[i].few * plan.axes[i].many for i in plan.banded) <= MOST_PLACES
            and max(plan.patches, plan.band) * itemsize <= MOST_BYTES
        ),
        key=lambda plan: plan.cost,
        default=None,
    )


def plans(params: dict[str, Any], image: Sequence[int], kernel: Sequence[int]) -> Iterator[Plan]:
    """The kernel's places are few, or the result's; and the last axes, which lie together in memory, are banded."""
    numbers = params["dimension_numbers"]
    (batch, channel, *axes), (out, into, *places) = numbers.lhs_spec, numbers.rhs_spec
    of_batch, of_feature, *of_places = numbers.out_spec
    groups = max(params["feature_group_count"], params["batch_group_count"])
    grouped = group_axis(params)
    for kernel_is_few in (True, False):
        columns, rows = (channel, batch) if kernel_is_few else (batch, channel)
        orders = [
            (rows, *axes, columns),
            (*places, into, out) if kernel_is_few else (into, *places, out),
            (of_batch, *of_places, of_feature) if kernel_is_few else (*of_places, of_batch, of_feature),
        ]
        described = []
        for index, (on_image, on_kernel) in enumerate(zip(axes, places, strict=True)):
            (low, high), spread = params["padding"][index], params["lhs_dilation"][index]
            stride, dilation = params["window_strides"][index], params["rhs_dilation"][index]
            total = max((image[on_image] - 1) * spread + 1, 0) + low + high
            size = kernel[on_kernel]
            result = (total - (size - 1) * dilation - 1) // stride + 1
            of_kernel, of_result = (size, dilation), (result, stride)
            few, many = (of_kernel, of_result) if kernel_is_few else (of_result, of_kernel)
            described.append(Axis(image[on_image], spread, low, high, *few, *many))
        num_results = math.prod(axis.many if kernel_is_few else axis.few for axis in described)
        num_results *= image[batch] // params["batch_group_count"] * kernel[out]
        numbers_of = zip(orders, (math.prod(image), math.prod(kernel), num_results), strict=True)
        transposed = sum(count for order, count in numbers_of if list(order) != sorted(order))
        for num_sliced in range(len(axes) + 1):
            indices = tuple(range(len(axes)))
            yield Plan(
                kernel_is_few,
                indices[:num_sliced],
                indices[num_sliced:],
                tuple(described),
                groups,
                image[rows] // (groups if grouped == rows else 1),
                image[columns] // (groups if grouped == columns else 1),
                kernel[out] // groups,
                transposed,
            )


def group_axis(params: dict[str, Any]) -> int:
    """The axis of the image that groups divide, of channels or of examples."""
    batch, channel = params["dimension_numbers"].lhs_spec[:2]
    return channel if params["feature_group_count"] > 1 else batch

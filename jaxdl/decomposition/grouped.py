"""Independent and nested designs: statistics that stream, in memory that does not grow with the runs.

The unit is the outer level, an independent run being an outer level with nothing inside. Unit i goes to group i mod 32,
whatever the number of units, and a group keeps n, the sum of the units' means m_i, of |m_i|², and of c_d(i), the unbiased
estimates of E<f, f'> for two runs that share their first d levels. With S and Q the first two sums over all units,

    C_0 = (|S|² - Q) / (n (n - 1)),   C_d = mean c_d,   V_d = C_d - C_{d-1}.

Standard errors delete one group at a time; with at most 32 units this is the ordinary jackknife. Sums are in double precision
after a pivot has been subtracted, and add units one by one in run order, so that no split into chunks changes a bit.
"""

import numpy as np
from jaxtyping import Float

from jaxdl.decomposition.estimates import Estimates, jackknife_variance, stack_terms, term_names
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Design

Array = np.ndarray
NUM_GROUPS = 32
MIN_GROUPS = 3


class GroupedMoments:
    """The running sums of one setting; `add` units in run order, then ask for `estimates`."""

    def __init__(self, design: Design, reference: Reference | None):
        self._design = design
        self._reference = reference
        self._pivot = None if reference is None else reference.center
        self._next_unit = 0
        self._counts = np.zeros(NUM_GROUPS)
        self._sums = np.zeros(())  # (groups, times, points, out), once the first units tell the shape
        self._products = np.zeros(())  # (groups, Q then c_1 .. c_depth, times, points)

    def add(self, runs: Float[Array, "units *inner times points out"], kept: Float[Array, " units"]) -> None:
        """Add consecutive units; those with `kept` zero take their place in the order and count for nothing."""
        if self._next_unit == 0:
            times, points, out = runs.shape[-3:]
            self._sums = np.zeros((NUM_GROUPS, times, points, out))
            self._products = np.zeros((NUM_GROUPS, len(self._design.shape) + 1, times, points))
        runs = np.where(kept.reshape(-1, *[1] * (runs.ndim - 1)) > 0, runs, 0).astype(np.float64)
        if self._pivot is None and kept.any():
            self._pivot = runs[np.argmax(kept)][(0,) * (len(self._design.shape) - 1)]
        centred = runs - (0 if self._pivot is None else self._pivot)
        means, products = _unit_statistics(centred, self._design.shape)
        position = 0
        while position < len(runs):
            group = self._next_unit % NUM_GROUPS
            size = min(NUM_GROUPS - group, len(runs) - position)
            groups, units = slice(group, group + size), slice(position, position + size)
            weight = kept[units]
            self._counts[groups] += weight
            self._sums[groups] += means[units] * weight[:, None, None, None]
            self._products[groups] += products[units] * weight[:, None, None, None]
            self._next_unit += size
            position += size

    def estimates(self) -> Estimates:
        """All terms, nan with fewer than two units, and one replicate for each group; nan for a group that is empty."""
        total = self._terms(self._counts.sum()[None], self._sums.sum(0)[None], self._products.sum(0)[None])[:, 0]
        occupied = np.flatnonzero(self._counts)
        terms = term_names(self._design.components, self._reference)
        variance = np.full_like(total, np.nan)
        rest = self._counts.sum() - self._counts[occupied]
        if len(occupied) < MIN_GROUPS or (rest < 2).any():
            return Estimates(terms, total, variance, {})
        replicates = np.full((len(terms), min(NUM_GROUPS, self._design.shape[0]), total.shape[1]), np.nan)
        for time in range(total.shape[1]):
            sums, products = self._sums[:, [time]], self._products[:, :, [time]]
            deleted = self._terms(rest, sums.sum(0) - sums[occupied], products.sum(0) - products[occupied])[:, :, 0]
            variance[:, time] = jackknife_variance(deleted)
            replicates[:, occupied, time] = deleted.mean(axis=-1)
        return Estimates(terms, total, variance, {"groups": replicates})

    def _terms(
        self,
        counts: Float[Array, " rows"],
        sums: Float[Array, "rows times points out"],
        products: Float[Array, "rows d times points"],
    ) -> Float[Array, "terms rows times points"]:
        n = counts[:, None, None]
        with np.errstate(invalid="ignore", divide="ignore"):  # fewer than two units: nan, which says so
            nothing_shared = (np.einsum("...o,...o->...", sums, sums) - products[:, 0]) / (n * (n - 1))
            shared = products[:, 1:] / n[:, None]
        steps = np.diff(np.concatenate([nothing_shared[:, None], shared], axis=1), axis=1)
        components = list(np.moveaxis(steps, 1, 0)) if self._design.components else []
        offsets = None if self._reference is None else (self._reference.bias_offset, self._reference.risk_offset)
        return stack_terms(nothing_shared, shared[:, -1], components, offsets)


def _unit_statistics(runs: Array, shape: tuple[int, ...]) -> tuple[Array, Array]:
    """Each unit's mean, and |mean|² followed by c_1 .. c_depth: T_d is the mean square of the means of nodes at depth d, and
    c_d = (L T_d - T_{d+1}) / (L - 1) with L children for each node; c of the last depth is T itself.
    """
    means, mean_squares = runs, []
    for depth in range(len(shape), 0, -1):
        squares = np.einsum("...o,...o->...", means, means)
        mean_squares.append(squares.mean(axis=tuple(range(1, depth))) if depth > 1 else squares)
        if depth > 1:
            means = means.mean(axis=depth - 1)
    mean_squares.reverse()
    unbiased = [
        (n * outer - inner) / (n - 1)
        for n, outer, inner in zip(shape[1:], mean_squares[:-1], mean_squares[1:], strict=True)
    ]
    return means, np.stack([mean_squares[0], *unbiased, mean_squares[-1]], axis=1)

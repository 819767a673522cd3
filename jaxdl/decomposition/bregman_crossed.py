"""Jensen gaps of a crossed table: every order in which sources can be separated, and Shapley's shares.

For each set u of factors let J_u = E A(E[η|u]): nothing is known at u = {}, everything at the full set. Telling factor j after u
explains J_{u+j} - J_u of the total J_all - J_{}. A is applied to means over the other factors' levels, which makes J_u too large
by a term of order 1/levels; jackknives over these factors, one after the other, remove it.
"""

import itertools
import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Num

from jaxdl.decomposition import averaged_probabilities, potentials
from jaxdl.decomposition.crossed import Subset, jackknifed, margins_of, subsets_of
from jaxdl.decomposition.estimates import Estimates, Term, term_names
from jaxdl.decomposition.potentials import Potential
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Component, Design

Array = np.ndarray


def crossed_gaps(
    potential: Potential,
    table: Num[Array, "*levels times points out"],
    design: Design,
    reference: Reference | None,
    kept: Sequence[Array],
) -> Estimates:
    """All terms of a crossed design; standard errors delete one level of each factor at a time."""
    num_factors = len(design.shape)
    counts = tuple(map(len, kept))
    steps = _steps(num_factors)
    components: list[Term] = [*(_step_name(design.factors, *step) for step in steps), *map(_share_name, design.factors)]
    ensembles = None
    if potential is potentials.softmax and reference is not None:
        ensembles = _Ensembles(reference, counts, design.factors, table.shape[num_factors:-1])

    def at_points(values: Array, time: int, chunk: slice) -> tuple[Array, Callable[[int], Array]]:
        if ensembles is not None:
            ensembles.add(values, time, chunk)
        margins = margins_of(values, num_factors)
        averages = {u: _mean(potential.value(margin)) for u, margin in margins.items()}
        corrected = {u: _corrected(potential, margins, u, counts) for u in margins}

        def without(axis: int) -> Array:
            gaps, central = _deleted(potential, margins, averages, axis, counts[axis])
            return _terms(gaps, steps, _linear_of(central, reference, chunk), reference, chunk)

        return _terms(corrected, steps, _linear(margins, reference, chunk), reference, chunk), without

    found = jackknifed(table, design, reference, kept, term_names(components, reference), at_points)
    return found if ensembles is None else ensembles.added_to(found)


class _Ensembles:
    """The risk of averaged probabilities, chunk by chunk."""

    def __init__(self, reference: Reference, counts: tuple[int, ...], factors: tuple[str, ...], shape: tuple[int, int]):
        self._reference, self._counts = reference, counts
        self._risk = np.full(shape, np.nan)
        self._deleted = {
            factor: np.full((count, *shape), np.nan) for factor, count in zip(factors, counts, strict=True)
        }

    def add(self, values: Float[Array, "*levels points classes"], time: int, chunk: slice) -> None:
        """The predictions of all levels at a few points."""
        logs, axes = averaged_probabilities.log_softmax(values), range(values.ndim - 2)
        of_levels = [averaged_probabilities.log_mean(logs, [other for other in axes if other != axis]) for axis in axes]
        weights = [np.ones(count) for count in self._counts]
        risk, deleted = averaged_probabilities.averaged_risk(of_levels, weights, self._reference.center[chunk])
        self._risk[time, chunk] = risk
        for total, rows in zip(self._deleted.values(), deleted, strict=True):
            total[:, time, chunk] = rows

    def added_to(self, found: Estimates) -> Estimates:
        """The terms with those of the ensembles after them."""
        return averaged_probabilities.with_ensembles(found, self._reference, self._risk, self._deleted)


def _steps(num_factors: int) -> list[tuple[int, Subset]]:
    """The gap that factor j adds after the set u, for every j and every u without it."""
    return [(j, u) for u in subsets_of(num_factors) for j in range(num_factors) if j not in u]


def _step_name(factors: tuple[str, ...], j: int, u: Subset) -> Component:
    known = ",".join(factors[i] for i in sorted(u))
    return (f"{factors[j]}({known})" if known else factors[j],)


def _share_name(factor: str) -> str:
    return f"share[{factor}]"


def _mean(values: Float[Array, "*levels points"]) -> Float[Array, " points"]:
    return values.mean(axis=tuple(range(values.ndim - 1)))


def _deleted(
    potential: Potential, margins: dict[Subset, Array], averages: dict[Subset, Array], axis: int, count: int
) -> tuple[dict[Subset, Float[Array, "levels points"]], Float[Array, "levels points out"]]:
    """J_u without each level of the factor on `axis`, and the mean of η without it."""

    def over_others(values: Array) -> Array:
        return values.mean(axis=tuple(i for i in range(values.ndim - 1) if i != axis))

    rows, central = {}, margins[frozenset()]
    for u, margin in margins.items():
        if axis in u:
            rows[u] = (count * averages[u] - over_others(potential.value(margin))) / (count - 1)
        else:
            without = (count * margin - margins[u | {axis}]) / (count - 1)
            rows[u] = over_others(potential.value(without))
            if not u:
                central = without
    return rows, central.reshape(count, *central.shape[-2:])


def _corrected(
    potential: Potential, margins: dict[Subset, Array], u: Subset, counts: tuple[int, ...]
) -> Float[Array, " points"]:
    """J_u with a jackknife over each factor outside u, one after the other: the product of (L_j - (L_j - 1) D_j), where D_j
    averages over deletions of one level of j. In a sum of single jackknives, what factors share would be taken away twice.
    """
    outside = frozenset(range(len(counts))) - u
    total = np.zeros(margins[u].shape[-2])
    for v in _parts_of(outside):
        without = sum(
            (-1) ** len(w) * math.prod(counts[j] for j in v - w) * margins[u | w] for w in _parts_of(v)
        ) / math.prod(counts[j] - 1 for j in v)
        weight = math.prod(1 - counts[j] for j in v) * math.prod(counts[j] for j in outside - v)
        total += weight * _mean(potential.value(without))
    return total


def _parts_of(factors: Subset) -> list[Subset]:
    return [frozenset(part) for n in range(len(factors) + 1) for part in itertools.combinations(sorted(factors), n)]


def _linear(margins: dict[Subset, Array], reference: Reference | None, chunk: slice) -> Array | None:
    central = margins[frozenset()]
    return _linear_of(central.reshape(central.shape[-2:]), reference, chunk)


def _linear_of(central: Float[Array, "... points out"], reference: Reference | None, chunk: slice) -> Array | None:
    return None if reference is None else np.einsum("...po,po->...p", central, reference.center[chunk])


def _terms(
    gaps: dict[Subset, Float[Array, "*rows points"]],
    steps: list[tuple[int, Subset]],
    linear: Array | None,
    reference: Reference | None,
    chunk: slice,
) -> Float[Array, "terms *rows points"]:
    num_factors = max(map(len, gaps))
    everything = frozenset(range(num_factors))
    explained = [gaps[u | {j}] - gaps[u] for j, u in steps]
    orders = [math.factorial(len(u)) * math.factorial(num_factors - 1 - len(u)) for _, u in steps]
    shares = [
        sum(n * value for n, value, (i, _) in zip(orders, explained, steps, strict=True) if i == j)
        / math.factorial(num_factors)
        for j in range(num_factors)
    ]
    total = gaps[everything] - gaps[frozenset()]
    if reference is None or linear is None:
        return np.stack([*explained, *shares, total])
    bias = gaps[frozenset()] - linear + reference.bias_offset[chunk]
    return np.stack([bias, *explained, *shares, total, gaps[everything] - linear + reference.risk_offset[chunk]])

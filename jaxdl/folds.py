"""From the chunks of one setting to its terms: what a design keeps, what it drops when runs diverge, and what it estimates."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Num

from jaxdl.decomposition.estimates import Estimates
from jaxdl.decomposition.loss_decomposition import LossDecomposition
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Design
from jaxdl.ensembles import Chunk, DivergedRun
from jaxdl.ensembles.collect import collect
from jaxdl.ensembles.diverged import finite_runs, naming_diverged


class Folded(NamedTuple):
    """One setting: its terms (nan where too few levels are left), and what was left out."""

    estimates: Estimates
    diverged: tuple[DivergedRun, ...]
    lost: float
    """The fraction of runs left out; 1 where nothing could be estimated."""
    left_out: str


def fold(
    chunks: Iterable[Chunk], loss: LossDecomposition, design: Design, reference: Reference | None, memory_limit: int
) -> Folded:
    """All chunks of one setting, with predictions `(runs, times, points, out)`.

    A crossed design keeps its predictions; an independent or nested one adds its units to running sums.
    """
    diverged: list[DivergedRun] = []
    named = (chunk._replace(aux=None) for chunk in naming_diverged(chunks, design, diverged))
    varying = design.varying
    if varying.is_crossed:
        (table, _) = collect(named, varying, 1, memory_limit)
        return _fold_table(table[0], loss, varying, reference, diverged)
    return _fold_units(named, loss, varying, reference, diverged)


def _fold_table(
    table: Num[np.ndarray, "*levels times points out"],
    loss: LossDecomposition,
    design: Design,
    reference: Reference | None,
    diverged: list[DivergedRun],
) -> Folded:
    """Estimate from the levels in which nothing diverged."""
    finite = np.ones(design.shape, bool)
    for run in diverged:
        finite[tuple(run.levels[factor] for factor in design.factors)] = False
    kept = _levels_to_keep(finite)
    dropped = {
        factor: sorted(set(range(count)) - set(levels.tolist()))
        for factor, count, levels in zip(design.factors, design.shape, kept, strict=True)
    }
    left_out = "; ".join(f"levels {levels} of {factor}" for factor, levels in dropped.items() if levels)
    estimates = loss.estimate(table, design, reference, kept)
    enough = min(map(len, kept)) > 1
    lost = 1 - math.prod(map(len, kept)) / design.num_runs if enough else 1.0
    return Folded(estimates, tuple(diverged), lost, left_out)


def _levels_to_keep(finite: Bool[np.ndarray, "..."]) -> list[np.ndarray]:
    """Drop the level that loses the fewest runs for each diverged one, until all that is left is finite."""
    kept = [np.arange(count) for count in finite.shape]
    while True:
        rest = finite[np.ix_(*kept)]
        if rest.all():
            return kept
        shares = [(~rest).mean(axis=tuple(set(range(rest.ndim)) - {axis})) for axis in range(rest.ndim)]
        axis = max(range(rest.ndim), key=lambda i: shares[i].max())
        kept[axis] = np.delete(kept[axis], shares[axis].argmax())


def _fold_units(
    chunks: Iterable[Chunk],
    loss: LossDecomposition,
    design: Design,
    reference: Reference | None,
    diverged: list[DivergedRun],
) -> Folded:
    """Add units (runs, or whole outer levels); a unit with a diverged run counts for nothing."""
    sums, num_kept = loss.grouped(design, reference), 0
    for units in _whole_units(chunks, design):
        finite = finite_runs(units)
        num_kept += int(finite.sum())
        sums.add(units, finite.astype(np.float64))
    num_units = design.shape[0]
    lost = 1 - num_kept / num_units if num_kept > 1 else 1.0
    left_out = f"{num_units - num_kept} of {num_units} levels of {design.factors[0]}" if diverged else ""
    return Folded(sums.estimates(), tuple(diverged), lost, left_out)


def _whole_units(chunks: Iterable[Chunk], design: Design) -> Iterator[Num[np.ndarray, "units ..."]]:
    """Runs regrouped into whole outer levels, which may be spread over several chunks."""
    inside = math.prod(design.shape[1:])
    pending: list[np.ndarray] = []
    for chunk in chunks:
        pending.append(chunk.outputs)
        count = sum(map(len, pending))
        if count < inside:
            continue
        runs = np.concatenate(pending)
        whole = count // inside * inside
        pending = [runs[whole:].copy()]
        yield runs[:whole].reshape(-1, *design.shape[1:], *runs.shape[1:])

"""The terms of one setting from its chunks, by name of prediction, and the runs that its design leaves out when some diverge."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Num

from jaxdl.decomposition.estimates import Estimates
from jaxdl.decomposition.grouped import GroupedMeans
from jaxdl.decomposition.loss import LossDecomposition
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Design
from jaxdl.ensembles import Chunk, DivergedRun
from jaxdl.ensembles.diverged import diverged_runs, finite_runs
from jaxdl.ensembles.run import collect

Piece = tuple[Mapping[str, Num[np.ndarray, "_ times points out"]], Bool[np.ndarray, " _"]]
"""Predictions of consecutive runs by name, and which of the runs are finite."""

MAX_DIVERGED = 0.05
"""The fraction of runs that may be left out unless a study says otherwise."""


class Estimated(NamedTuple):
    """One setting: its terms by name of prediction (nan where too few levels are left), and what was left out."""

    estimates: dict[str, Estimates]
    diverged: tuple[DivergedRun, ...]
    lost: float
    """The fraction of runs left out; 1 where nothing could be estimated."""
    left_out: str


def estimate(
    chunks: Iterable[Chunk], loss: LossDecomposition, design: Design, reference: Reference | None, memory_limit: int
) -> Estimated:
    """The terms of one setting, whose chunks hold predictions by name; a run that diverges under one name is left out of all.

    A crossed design keeps its predictions; an independent or nested one adds its units to running sums.
    """
    if design.varying.is_crossed:
        return _from_table(chunks, loss, design, reference, memory_limit)
    return _from_units(chunks, loss, design, reference)


def _from_table(
    chunks: Iterable[Chunk], loss: LossDecomposition, design: Design, reference: Reference | None, memory_limit: int
) -> Estimated:
    """Estimate from the levels in which nothing diverged."""
    runs = collect(chunks, design, 1, memory_limit, keep_aux=False)
    varying = design.varying
    finite = np.ones(varying.shape, bool)
    for run in runs.diverged:
        finite[tuple(run.levels[factor] for factor in varying.factors)] = False
    kept = _levels_to_keep(finite)
    dropped = {
        factor: sorted(set(range(count)) - set(levels.tolist()))
        for factor, count, levels in zip(varying.factors, varying.shape, kept, strict=True)
    }
    left_out = "; ".join(f"levels {levels} of {factor}" for factor, levels in dropped.items() if levels)
    estimates = {
        name: loss.estimate(table.reshape(*varying.shape, *table.shape[-3:]), varying, reference, kept)
        for name, table in runs.outputs.items()
    }
    enough = min(map(len, kept)) > 1
    lost = 1 - math.prod(map(len, kept)) / varying.num_runs if enough else 1.0
    return Estimated(estimates, runs.diverged, lost, left_out)


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


def _from_units(
    chunks: Iterable[Chunk], loss: LossDecomposition, design: Design, reference: Reference | None
) -> Estimated:
    """Add units (runs, or whole outer levels); a unit with a diverged run counts for nothing."""
    varying = design.varying
    sums: dict[str, GroupedMeans] = {}
    diverged: list[DivergedRun] = []
    pending: list[Piece] = []
    num_kept = 0
    for chunk in chunks:
        is_finite = finite_runs(chunk.outputs)
        diverged.extend(diverged_runs(design, chunk, is_finite))
        units, is_kept, pending = _whole_units([*pending, (chunk.outputs, is_finite)], varying)
        num_kept += int(is_kept.sum())
        for name, predictions in units.items():
            if name not in sums:
                sums[name] = loss.grouped(varying, reference)
            sums[name].add(predictions, is_kept.astype(np.float64))
    num_units = varying.shape[0]
    lost = 1 - num_kept / num_units if num_kept > 1 else 1.0
    left_out = f"{num_units - num_kept} of {num_units} levels of {varying.factors[0]}" if diverged else ""
    return Estimated({name: each.with_classes() for name, each in sums.items()}, tuple(diverged), lost, left_out)


def _whole_units(
    pieces: Sequence[Piece], design: Design
) -> tuple[dict[str, Num[np.ndarray, "units ..."]], Bool[np.ndarray, " units"], list[Piece]]:
    """The outer levels that consecutive pieces hold whole, which of them are finite, and the runs of the next level."""
    inside = math.prod(design.shape[1:])
    count = sum(len(is_finite) for _, is_finite in pieces)
    whole = count // inside * inside
    if not whole:
        return {}, np.zeros(0, bool), list(pieces)
    is_finite = np.concatenate([finite for _, finite in pieces])
    runs = {name: np.concatenate([piece[name] for piece, _ in pieces]) for name in pieces[0][0]}
    units = {name: each[:whole].reshape(-1, *design.shape[1:], *each.shape[1:]) for name, each in runs.items()}
    rest: list[Piece] = (
        [({name: each[whole:].copy() for name, each in runs.items()}, is_finite[whole:])] if whole < count else []
    )
    return units, np.asarray(is_finite[:whole].reshape(-1, inside).all(axis=1)), rest

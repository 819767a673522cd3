"""`decompose`: run a trial over a design, fold what it predicts, and say what the numbers estimate."""

import itertools
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import Bool, Float

from jaxdl import ensembles
from jaxdl.decomposition import Decomposition, Target
from jaxdl.decomposition.assemble import assemble
from jaxdl.decomposition.estimates import Estimates
from jaxdl.decomposition.grouped import GroupedMoments
from jaxdl.decomposition.squared import canonical, check_dims, check_levels, estimate, point_shape
from jaxdl.decomposition.target import Reference, resolve
from jaxdl.designs import Design
from jaxdl.ensembles import Chunk, DivergedRun, DivergedRunsError
from jaxdl.ensembles.collect import MEMORY_LIMIT, collect
from jaxdl.ensembles.dispatch import count_settings
from jaxdl.ensembles.diverged import diverged_runs, finite_runs, summary
from jaxdl.types import Key, Trial

Array = np.ndarray


def decompose(
    trial: Trial,
    design: Design,
    key: Key,
    *,
    target: Target | None = None,
    dims: Sequence[str] = ("points",),
    settings: Any = None,
    inner: Sequence[str] = (),
    block: int = 8,
    devices: Sequence[jax.Device] | None = None,
    random_points: bool = False,
    training_size: int | None = None,
    strict: bool = False,
    max_diverged: float = 0.05,
    memory_limit: int = MEMORY_LIMIT,
    progress: bool = True,
) -> Decomposition:
    """Measure bias², variance by source, and noise of the squared error of a learning procedure.

        E|f - y|² = |E f - E[y|x]|² + sum_u V_u + E|y - E[y|x]|²

    Args:
        trial: `trial(keys)`, or `trial(keys, setting)`: one training, a pure function of one key for each source; returns
            predictions at fixed test points, or `(predictions, aux)`.
        design: `designs.crossed`, `nested` or `independent`.
        key: the root key; with the levels of the design it determines every run.
        target: what is known of the truth at the test points; without it, variances only.
        dims: names of the axes of the predictions, from "times", "points" and "out", in this order.
        settings: hyperparameters to sweep, a pytree with one common leading axis; they share one compilation and their random
            numbers. The result has a leading axis for them.
        inner: trailing sources whose levels the trial handles itself, for work that they share: see `ensembles.stream`.
        block: runs that are vectorised together; part of a study's identity.
        devices: by default all local ones.
        random_points: let standard errors speak of test points drawn anew, not of these.
        training_size: the number of training examples, for the labels of the result.
        strict: raise when any run diverges.
        max_diverged: the fraction of runs that may be left out because of divergence. An independent design leaves out the
            run, a nested one its outer level, a crossed one whole levels, those that lose least; all numbers are then
            conditional on that, and the notes say so.
        memory_limit: bytes of predictions that a crossed design keeps in memory; beyond, in a temporary file.
        progress: show progress on standard error.

    Returns:
        A `Decomposition`: `.table()`, `.bias_squared`, `.variance[("data",)]`, `.standard_errors`, `.per_point`, `.save(path)`, ...

    Raises:
        ValueError: when arguments do not fit together.
        DivergedRunsError: when too many runs diverged; it carries what was estimated without them.

    >>> from jaxdl import designs
    >>> from jaxdl.decomposition import Target
    >>> def sample_mean(keys):      # of 25 standard normal numbers: variance 1/25
    ...     return jax.numpy.mean(jax.random.normal(keys["data"], (1, 25)), axis=1)
    >>> study = designs.independent(400, "data")
    >>> result = decompose(sample_mean, study, jax.random.key(0), target=Target(mean=np.zeros(1)), progress=False)
    >>> bool(abs(result.total_variance - 1 / 25) < 4 * result.standard_errors["total_variance"])
    True
    """
    dims = tuple(dims)
    check_dims(dims)
    check_levels(design)
    num_settings = count_settings(settings)
    chunks = ensembles.stream(
        trial, design, key, settings=settings, inner=inner, block=block, devices=devices, progress=progress
    )  # fmt: skip
    fold = _fold_crossed if len(design.shape) > 1 and not design.is_nested else _fold_units
    folded: list[_Folded] = []
    reference = None
    for _, of_one_setting in itertools.groupby(chunks, key=lambda chunk: chunk.setting):
        first = next(of_one_setting)
        if not folded:
            reference = _resolve(first, dims, target)
        rest = itertools.chain([first], of_one_setting)  # noqa: B031 - each group is used up before the next begins
        folded.append(fold(_canonical(rest, dims), design, reference, memory_limit))

    diverged = tuple(run for each in folded for run in each.diverged)
    lost = max(each.lost for each in folded)
    result = None
    if all(each.estimates is not None for each in folded):
        result = assemble(
            [each.estimates for each in folded if each.estimates is not None],
            design,
            reference,
            axes=(*(("settings",) if settings is not None else ()), *(("times",) if "times" in dims else ())),
            random_points=random_points,
            settings=np.asarray(settings)
            if isinstance(settings, np.ndarray | jax.Array) and settings.ndim == 1
            else None,
            training_size=training_size,
            notes=_notes(folded, num_settings),
            diverged=diverged,
        )
    if diverged:
        _report(diverged, lost, result, strict, max_diverged)
    assert result is not None
    return result


class _Folded(NamedTuple):
    """One setting: its terms (`None` when too few levels are left), and what was left out."""

    estimates: Estimates | None
    diverged: tuple[DivergedRun, ...]
    lost: float
    left_out: str


def _fold_crossed(chunks: Iterable[Chunk], design: Design, reference: Reference | None, memory_limit: int) -> _Folded:
    """Keep all predictions, then estimate from the levels in which nothing diverged."""
    (table, _), diverged = collect(chunks, design, 1, memory_limit)
    table = table[0]
    if not diverged:
        return _Folded(estimate(table, design, reference), (), 0.0, "")
    finite = np.ones(design.shape, bool)
    for run in diverged:
        finite[tuple(run.levels.values())] = False
    kept = _levels_to_keep(finite)
    lost = 1 - math.prod(map(len, kept)) / design.num_runs
    dropped = {
        factor: sorted(set(range(count)) - set(levels.tolist()))
        for factor, count, levels in zip(design.factors, design.shape, kept, strict=True)
    }
    left_out = "; ".join(f"levels {levels} of {factor}" for factor, levels in dropped.items() if levels)
    enough = min(map(len, kept)) > 1
    return _Folded(estimate(table[np.ix_(*kept)], design, reference) if enough else None, diverged, lost, left_out)


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


def _fold_units(chunks: Iterable[Chunk], design: Design, reference: Reference | None, memory_limit: int) -> _Folded:
    """Add units (runs, or whole outer levels) to running sums; a unit with a diverged run counts for nothing."""
    del memory_limit  # nothing is kept
    diverged: tuple[DivergedRun, ...] = ()
    moments, num_kept = None, 0
    for units, named in _whole_units(chunks, design):
        diverged += named
        if moments is None:
            moments = GroupedMoments(design, reference, units.shape[-3:])
        finite = finite_runs(units)
        num_kept += int(finite.sum())
        moments.add(units, finite.astype(np.float64))
    assert moments is not None
    lost = 1 - num_kept / design.shape[0]
    left_out = f"{design.shape[0] - num_kept} of {design.shape[0]} levels of {design.factors[0]}"
    return _Folded(moments.estimates() if num_kept > 1 else None, diverged, lost, left_out if diverged else "")


def _whole_units(
    chunks: Iterable[Chunk], design: Design
) -> Iterator[tuple[Float[Array, "units ..."], tuple[DivergedRun, ...]]]:
    inside = math.prod(design.shape[1:])
    rest = None
    for chunk in chunks:
        runs = chunk.outputs if rest is None else np.concatenate([rest, chunk.outputs])
        whole = len(runs) // inside * inside
        rest = runs[whole:].copy()
        yield runs[:whole].reshape(-1, *design.shape[1:], *runs.shape[1:]), diverged_runs(design, chunk)


def _canonical(chunks: Iterable[Chunk], dims: tuple[str, ...]) -> Iterator[Chunk]:
    return (chunk._replace(outputs=canonical(chunk.outputs, dims)) for chunk in chunks)


def _resolve(first: Chunk, dims: tuple[str, ...], target: Target | None) -> Reference | None:
    """Check the first predictions against the names of their axes, and the target against them."""
    if not isinstance(first.outputs, np.ndarray) or first.outputs.ndim - 1 != len(dims):
        shapes = jax.tree.map(lambda leaf: leaf.shape[1:], first.outputs)
        msg = f"got predictions of shape {shapes} from one run, and dims={dims}; expected one array with one axis for each name"
        raise ValueError(msg)
    return None if target is None else resolve(target, point_shape(first.outputs.shape[1:], dims))


def _notes(folded: list[_Folded], num_settings: int) -> tuple[str, ...]:
    return tuple(
        f"conditional on convergence{f' (setting {index})' if num_settings > 1 else ''}: left out {each.left_out}; "
        f"{summary(each.diverged)}"
        for index, each in enumerate(folded)
        if each.diverged
    )


def _report(
    diverged: tuple[DivergedRun, ...], lost: float, result: Decomposition | None, strict: bool, max_diverged: float
) -> None:
    told = summary(diverged)
    if strict:
        msg = f"{told}. strict=True allows none; the estimates without them are in this error's `result`"
        raise DivergedRunsError(msg, diverged, result)
    if result is None:
        msg = f"{told}. Too few levels are left to estimate anything; train more gently (a lower learning rate) or add levels"
        raise DivergedRunsError(msg, diverged)
    if lost > max_diverged:
        msg = (
            f"{told}. Leaving them out loses {lost:.1%} of the runs, more than max_diverged={max_diverged:.0%}: train more "
            "gently, or pass a larger max_diverged; the estimates without them are in this error's `result`"
        )
        raise DivergedRunsError(msg, diverged, result)
    warnings.warn(f"{told}. They are left out, and every number is conditional on that", stacklevel=3)

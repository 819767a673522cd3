"""`decompose`: run a trial over a design, fold what it predicts, and say what the numbers estimate."""

import itertools
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from jaxdl import ensembles
from jaxdl.admission import as_numbers
from jaxdl.decomposition import Decomposition, LossDecomposition, Target, squared_error
from jaxdl.decomposition.assemble import assemble, check_options
from jaxdl.decomposition.loss_decomposition import (
    canonical,
    check_dims,
    check_levels,
    check_loss,
    point_shape,
    warn_of_fixed,
)
from jaxdl.decomposition.named_axes import check_names_of_target
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Design, check_design
from jaxdl.ensembles import Chunk, DivergedRunsError, Plan
from jaxdl.ensembles.collect import MEMORY_LIMIT
from jaxdl.ensembles.diverged import summary
from jaxdl.folds import Folded, fold
from jaxdl.types import Key, Trial


def decompose(
    trial: Trial,
    design: Design,
    key: Key,
    *,
    target: Target | None = None,
    loss: LossDecomposition = squared_error,
    dims: Sequence[str] = ("points",),
    settings: Any = None,
    inner: Sequence[str] = (),
    block: int | None = None,
    devices: Sequence[jax.Device] | None = None,
    store: str | Path | None = None,
    shard: tuple[int, int] = (1, 1),
    fresh: bool = False,
    rehearse: Callable[[Plan], None] | None = None,
    random_points: bool | None = None,
    training_size: int | None = None,
    times: Sequence[int | float] | None = None,
    strict: bool = False,
    max_diverged: float = 0.05,
    memory_limit: int = MEMORY_LIMIT,
    progress: bool = True,
) -> Decomposition:
    """Measure bias, variance by source, and noise of a learning procedure, in any of the losses of `decomposition`.

    For the squared error,

        E|f - y|² = |E f - E[y|x]|² + sum_u V_u + E|y - E[y|x]|²

    Args:
        trial: `trial(keys)`, or `trial(keys, setting)`: one training, a pure function of one key for each source; returns
            predictions at fixed test points, or `(predictions, aux)`.
        design: `designs.crossed`, `nested` or `independent`.
        key: the root key; with the levels of the design it determines every run.
        target: what is known of the truth at the test points; without it, variances only.
        loss: `decomposition.squared_error`, `cross_entropy`, `kohavi_wolpert`, `zero_one` or `bregman(potential)`.
        dims: names of the axes of the predictions, from "times", "points" and "out", in this order.
        settings: hyperparameters to sweep, a pytree with one common leading axis; they share one compilation and their random
            numbers. The result has a leading axis for them.
        inner: trailing sources whose levels the trial handles itself, for work that they share: see `ensembles.stream`.
        block: runs that are vectorised together; part of a study's identity (by default 8 on CPUs).
        devices: by default all of them.
        store: a folder that keeps finished runs; the same call continues from them. See `ensembles.stream`, also for the next
            three.
        shard: `(k, K)`: compute the k-th of K shares only.
        fresh: forget what the store holds.
        rehearse: receives the study's plan, instead of a computation.
        random_points: let standard errors speak of test points drawn anew, not of these. What is compared with random labels
            speaks of test points and labels drawn anew in any case: `populations` says which.
        training_size: the number of training examples, for the labels of the result.
        times: the step counts (or others) on the axis "times", for the labels of the result.
        strict: raise when any run diverges.
        max_diverged: the fraction of runs that may be left out because of divergence. An independent design leaves out the
            run, a nested one its outer level, a crossed one whole levels, those that lose least; all numbers are then
            conditional on that, and the notes say so.
        memory_limit: bytes of predictions that a crossed design keeps in memory; beyond, in a temporary file.
        progress: show progress on standard error.

    Returns:
        A `Decomposition`: `.table()`, `.bias_squared`, `.variance[("data",)]`, `.standard_errors`, `.per_point`, `.save(path)`, ...

    Raises:
        ValueError, StoreError, UnfinishedStudyError: as `ensembles.stream` does.
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
    check_design(design)
    check_loss(loss)
    check_dims(dims)
    check_options(random_points, training_size, times)
    varying = check_levels(design)
    warn_of_fixed(varying)
    if not 0 <= max_diverged <= 1:
        msg = f"got max_diverged={max_diverged}; pass a fraction of the runs, between 0 and 1"
        raise ValueError(msg)
    chunks = ensembles.stream(
        trial, design, key, settings=settings, inner=inner, block=block, devices=devices,
        store=store, shard=shard, fresh=fresh, rehearse=rehearse, progress=progress,
    )  # fmt: skip
    folded: list[Folded] = []
    reference = None
    for _, of_one_setting in itertools.groupby(chunks, key=lambda chunk: chunk.setting):
        first = next(of_one_setting)
        if not folded:
            reference = _resolve(first, tuple(dims), target, loss, times)
        rest = itertools.chain([first], of_one_setting)  # noqa: B031 - each group is used up before the next begins
        usable = _canonical(rest, tuple(dims), loss, reference)
        folded.append(fold(usable, loss, design, reference, memory_limit))

    result = assemble(
        [each.estimates for each in folded],
        loss,
        varying,
        reference,
        axes=(*(("settings",) if settings is not None else ()), *(("times",) if "times" in dims else ())),
        random_points=random_points,
        settings=np.asarray(settings) if isinstance(settings, np.ndarray | jax.Array) and settings.ndim == 1 else None,
        training_size=training_size,
        times=times,
        notes=_notes(folded),
        diverged=tuple(run for each in folded for run in each.diverged),
    )
    if result.diverged:
        _report(result, max(each.lost for each in folded), strict, max_diverged)
    return result


def _canonical(
    chunks: Iterable[Chunk], dims: tuple[str, ...], loss: LossDecomposition, reference: Reference | None
) -> Iterator[Chunk]:
    return (chunk._replace(outputs=loss.admitted(canonical(chunk.outputs, dims), reference)) for chunk in chunks)


def _resolve(
    first: Chunk,
    dims: tuple[str, ...],
    target: Target | None,
    loss: LossDecomposition,
    times: Sequence[int | float] | None,
) -> Reference | None:
    """Check the first predictions against the names of their axes, and the target against them."""
    if not isinstance(first.outputs, np.ndarray) or first.outputs.ndim - 1 != len(dims):
        shapes = jax.tree.map(lambda leaf: leaf.shape[1:], first.outputs)
        msg = f"got predictions of shape {shapes} from one run, and dims={dims}; expected one array with one axis for each name"
        raise ValueError(msg)
    as_numbers("predictions", first.outputs)
    if times is not None and ("times" not in dims or len(times) != first.outputs.shape[1 + dims.index("times")]):
        msg = f"got {len(times)} times for predictions of shape {first.outputs.shape[1:]} with dims={dims}; pass one for each "
        msg += "position on the axis 'times'"
        raise ValueError(msg)
    check_names_of_target(target, dims)
    return loss.reference(target, point_shape(first.outputs.shape[1:], dims))


def _notes(folded: list[Folded]) -> tuple[str, ...]:
    return tuple(
        f"conditional on convergence: left out {each.left_out}; {summary(each.diverged)}"
        f"{'; too few levels are left to estimate anything' if each.lost == 1 else ''}"
        if each.diverged
        else ""
        for each in folded
    )


def _report(result: Decomposition, lost: float, strict: bool, max_diverged: float) -> None:
    """Warn about diverged runs, or raise when there are too many."""
    told = summary(result.diverged)
    kept = "the estimates without them are in this error's `result`"
    if strict:
        msg = f"{told}. strict=True allows none; {kept}"
        raise DivergedRunsError(msg, result.diverged, result)
    if all(np.isnan(values).all() for values in result.variance.values()) and np.isnan(result.total_variance).all():
        msg = f"{told}. Too few levels are left to estimate anything; train more gently (a lower learning rate)"
        raise DivergedRunsError(msg, result.diverged, result)
    if lost > max_diverged:
        msg = (
            f"{told}. At one setting leaving them out loses {lost:.1%} of the runs, more than max_diverged={max_diverged:.0%}: "
            f"train more gently, or pass a larger max_diverged; {kept}"
        )
        raise DivergedRunsError(msg, result.diverged, result)
    warnings.warn(f"{told}. They are left out, and every number is conditional on that", stacklevel=3)

"""`decompose`: run a trial over a design, and estimate bias, variance by source, and noise from its predictions."""

import contextlib
import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import jax
import numpy as np

from jaxdl import ensembles
from jaxdl.admission import as_numbers
from jaxdl.decomposition import Decomposition, LossDecomposition, Precision, Target, grow, squared_error
from jaxdl.decomposition.assemble import assemble, check_options
from jaxdl.decomposition.growing import Results
from jaxdl.decomposition.loss import check_loss
from jaxdl.decomposition.named_axes import check_names_of_target
from jaxdl.decomposition.predictions import canonical, check_dims, check_levels, point_shape, warn_of_fixed
from jaxdl.decomposition.target import Reference
from jaxdl.designs import Design
from jaxdl.designs.layout import check_design
from jaxdl.ensembles import Chunk, DivergedRunsError, Engine
from jaxdl.ensembles.diverged import summary
from jaxdl.ensembles.engine import check_engine
from jaxdl.ensembles.on_host import HostTrial
from jaxdl.studies.beside import beside
from jaxdl.studies.divergence import MAX_DIVERGED, Estimated, estimate
from jaxdl.types import Key, Trial

ALONE = ""
"""The name of predictions that have none."""


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
    engine: Engine = Engine(),
    random_points: bool | None = None,
    training_size: int | None = None,
    times: Sequence[int | float] | None = None,
    strict: bool = False,
    max_diverged: float = MAX_DIVERGED,
    until: Precision | None = None,
    at_most: int | None = None,
) -> Decomposition | dict[str, Decomposition]:
    """Measure bias, variance by source, and noise of a learning procedure, in any of the losses of `decomposition`.

    For the squared error,

        E|f - y|² = |E f - E[y|x]|² + sum_u V_u + E|y - E[y|x]|²

    Args:
        trial: `trial(keys)`, or `trial(keys, setting)`: one training, a pure function of one key for each source; returns
            predictions at fixed test points, a dict of such predictions by name, all of one shape, or `Run(predictions, aux)`.
        design: `designs.crossed`, `nested` or `independent`.
        key: the root key; with the levels of the design it determines every run.
        target: what is known of the truth at the test points; without it, variances only.
        loss: `decomposition.squared_error`, `cross_entropy`, `kohavi_wolpert`, `zero_one` or `bregman(potential)`.
        dims: names of the axes of the predictions, from "times", "points" and "out", in this order.
        settings: hyperparameters to sweep, a pytree with one common leading axis; they share one compilation and their random
            numbers. The result has a leading axis for them.
        inner: trailing sources whose levels the trial handles itself, for work that they share: see `ensembles.stream`.
        engine: how the runs are computed and kept: block, devices, store, shard, progress, ...
        random_points: include the sampling of test points in the standard errors (default: these points are fixed). Errors of what
            is compared with random labels include it in any case: `populations` says which.
        training_size: the number of training examples, for the labels of the result.
        times: the step counts (or others) on the axis "times", for the labels of the result.
        strict: raise when any run diverges.
        max_diverged: the fraction of runs that may be left out because of divergence. An independent design leaves out the
            run, a nested one its outer level, a crossed one whole levels, those that lose least; all numbers are then
            conditional on that, and the notes say so.
        until: a precision, until which the design grows by its own law, each step to the cheapest design of a plan; its floor of
            levels is never stopped below. Runs are kept in the engine's store, or in a temporary one.
        at_most: the most runs that this may take.

    Returns:
        A `Decomposition`: `.table()`, `.bias_squared`, `.variance["data"]`, `.standard_errors`, `.per_point`, `.save(path)`, ...
        Of named predictions a dict with one for each name, on the same runs: a run that diverges under one name is left out of all.

    Raises:
        ValueError, StoreError, UnfinishedStudyError: as `ensembles.stream` does.
        DivergedRunsError: when too many runs diverged; it carries what was estimated without them.
        PrecisionNotReachedError: when the precision is beyond `at_most` runs, or beyond any; it carries what was measured.

    >>> from jaxdl import designs
    >>> from jaxdl.decomposition import Target
    >>> def sample_mean(keys):      # of 25 standard normal numbers: variance 1/25
    ...     return jax.numpy.mean(jax.random.normal(keys["data"], (1, 25)), axis=1)
    >>> study = designs.independent(400, "data")
    >>> result = decompose(sample_mean, study, jax.random.key(0), target=Target(mean=np.zeros(1)))
    >>> bool(abs(result.total_variance - 1 / 25) < 4 * result.standard_errors["total_variance"])
    True
    """
    check_design(design)
    if until is not None or at_most is not None:
        given = {
            "target": target, "loss": loss, "dims": dims, "settings": settings, "inner": inner, "random_points": random_points,
            "training_size": training_size, "times": times, "strict": strict, "max_diverged": max_diverged,
        }  # fmt: skip
        return _grown(partial(decompose, trial, key=key, **given), design, engine, until, at_most)
    check_loss(loss)
    check_dims(dims)
    if isinstance(trial, HostTrial) and training_size is None:
        training_size = trial.training_size
    check_options(random_points, training_size, times)
    varying = check_levels(design)
    warn_of_fixed(varying)
    if not 0 <= max_diverged <= 1:
        msg = f"max_diverged: got {max_diverged}, expected a fraction of the runs; pass a number from 0 to 1"
        raise ValueError(msg)
    dims = tuple(dims)
    every: list[Estimated] = []
    reference, is_named = None, False
    for chunks in ensembles.stream(trial, design, key, settings=settings, inner=inner, engine=engine):
        first = next(chunks)
        if not every:
            is_named = isinstance(first.outputs, Mapping)
            reference = _resolve(first, dims, target, loss, times)

        def fold(received: Iterator[Chunk], reference: Reference | None = reference) -> Estimated:
            usable = (_admitted(chunk, dims, loss, reference) for chunk in received)
            return estimate(usable, loss, design, reference, engine.memory_limit)

        every.append(beside(fold, itertools.chain([first], chunks)))
    results = {
        name: assemble(
            [each.estimates[name] for each in every],
            loss,
            varying,
            reference,
            axes=(*(("settings",) if settings is not None else ()), *(("times",) if "times" in dims else ())),
            random_points=random_points,
            settings=np.asarray(settings)
            if isinstance(settings, np.ndarray | jax.Array) and settings.ndim == 1
            else None,
            training_size=training_size,
            times=times,
            notes=tuple(_note(each) for each in every),
            diverged=tuple(run for each in every for run in each.diverged),
        )
        for name in every[0].estimates
    }
    if isinstance(trial, HostTrial):
        results = {name: replace(each, study_notes=(*each.study_notes, *trial.notes)) for name, each in results.items()}
    result = results if is_named else results[ALONE]
    if any(each.diverged for each in every):
        _report(result, every, strict, max_diverged)
    return result


def _grown(
    measure: Callable[..., Results], design: Design, engine: Engine, until: Precision | None, at_most: int | None
) -> Any:
    """The study that grows, whose runs are kept so that none is computed twice."""
    if until is None:
        msg = f"at_most: got {at_most} without a precision, expected both; until=decomposition.Precision('risk', relative=0.05)"
        raise ValueError(msg)
    check_engine(engine)
    if engine.shard != (1, 1):
        msg = f"engine: got the shard {engine.shard}, expected a whole study; shards cannot know when the others have enough"
        raise ValueError(msg)
    with contextlib.ExitStack() as stack:
        if engine.store is None:
            engine = replace(engine, store=stack.enter_context(tempfile.TemporaryDirectory(prefix="jaxdl-")))
        return grow(lambda larger: measure(design=larger, engine=engine), design, until, at_most)


def _admitted(chunk: Chunk, dims: tuple[str, ...], loss: LossDecomposition, reference: Reference | None) -> Chunk:
    """The chunk's predictions by name, each with axes `(runs, times, points, out)`."""
    return chunk._replace(
        outputs={
            name: loss.admitted(canonical(predictions, dims), reference)
            for name, predictions in _named(chunk.outputs).items()
        }
    )


def _named(outputs: Any) -> Mapping[str, Any]:
    return outputs if isinstance(outputs, Mapping) else {ALONE: outputs}


def _resolve(
    first: Chunk,
    dims: tuple[str, ...],
    target: Target | None,
    loss: LossDecomposition,
    times: Sequence[int | float] | None,
) -> Reference | None:
    """Check the first predictions against the names of their axes, and the target against them."""
    named = _named(first.outputs)
    if not all(isinstance(predictions, np.ndarray) for predictions in named.values()):
        structure = jax.tree.map(lambda leaf: leaf.shape[1:], first.outputs)
        msg = f"trial: got predictions of shape {structure}, expected one array, or a dict of arrays by name; return those"
        raise ValueError(msg)
    shapes = {name: predictions.shape[1:] for name, predictions in named.items()}
    if len(set(shapes.values())) > 1:
        msg = f"trial: got predictions of shapes {shapes}, expected one shape for all names; predict at the same points"
        raise ValueError(msg)
    shape = next(iter(shapes.values()))
    if len(shape) != len(dims):
        msg = f"dims: got {dims} for predictions of shape {shape} from one run, expected one name for each axis; name them all"
        raise ValueError(msg)
    for name, predictions in named.items():
        as_numbers(f"predictions {name!r}" if name else "predictions", predictions)
    if times is not None and ("times" not in dims or len(times) != shape[dims.index("times")]):
        msg = f"times: got {len(times)} for predictions of shape {shape} with dims={dims}, expected one for each position on the "
        msg += "axis 'times'; pass as many"
        raise ValueError(msg)
    check_names_of_target(target, dims)
    return loss.reference(target, point_shape(shape, dims))


def _note(each: Estimated) -> str:
    if not each.diverged:
        return ""
    too_few = "; too few levels are left to estimate anything" if each.lost == 1 else ""
    return f"conditional on convergence: left out {each.left_out}; {summary(each.diverged)}{too_few}"


def _report(
    result: Decomposition | dict[str, Decomposition], every: Sequence[Estimated], strict: bool, max_diverged: float
) -> None:
    """Warn about diverged runs, or raise when there are too many."""
    diverged = tuple(run for each in every for run in each.diverged)
    lost = max(each.lost for each in every)
    what = summary(diverged)
    kept = "the estimates without them are in this error's `result`"
    if strict:
        msg = f"{what}. strict=True allows none; {kept}"
        raise DivergedRunsError(msg, diverged, result)
    if all(each.lost == 1 for each in every):
        msg = f"{what}. Too few levels are left to estimate anything; train more gently (a lower learning rate)"
        raise DivergedRunsError(msg, diverged, result)
    if lost > max_diverged:
        msg = (
            f"{what}. At one setting leaving them out loses {lost:.1%} of the runs, more than max_diverged={max_diverged:.0%}: "
            f"train more gently, or pass a larger max_diverged; {kept}"
        )
        raise DivergedRunsError(msg, diverged, result)
    warnings.warn(f"{what}. They are left out, and every number is conditional on that", stacklevel=3)

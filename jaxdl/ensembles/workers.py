"""The door to joblib: calls one after the other, or side by side in the processes, threads or cluster that it serves.

BLAS and OpenMP have one thread in each call, wherever it is made: more change last bits, and beside other workers only wait.
"""

import functools
import itertools
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import threadpoolctl

CALLS_OF_A_WORKER = 4
"""In a batch, where a backend of joblib returns batches alone: more would wait longer for the store."""
INSTALL = 'pip install "jaxdl[estimators]"'


def called(
    function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]], *, workers: int | None, threads: bool
) -> Iterator[Any]:
    """`function(*job)` of each job, in their order; jobs are asked for as workers come free.

    Raises:
        ImportError: for more than one worker without joblib.
        ValueError: a function or a job that no other process can be sent.
    """
    if workers == 1:
        for job in jobs:
            yield _alone(function, job)
        return
    try:
        with (
            one_thread()
        ):  # threads of a process set and reset one number: it is one before the first and after the last
            yield from _side_by_side(function, jobs, num_workers(workers), "threads" if threads else None)
    except Exception as error:
        if type(error).__name__ != "PicklingError":  # by its name, since this package has no other use for its module
            raise
        reason = (str(error.__cause__ or error).strip().strip('"').splitlines() or [""])[-1]
        msg = (
            f"workers: got a trial that cannot be sent to another process ({reason:.200}), expected functions and data that "
            "pickle; open files, locks and connections inside of the function, or pass threads=True or workers=1"
        )
        raise ValueError(msg) from error


def num_workers(workers: int | None) -> int:
    """How many workers joblib is asked for: -1, all there are, where neither `workers` nor `joblib.parallel_config` says."""
    if workers is not None:
        return workers
    configured = _joblib().parallel.get_active_backend()[1]
    return -1 if configured is None else configured


def count_workers(workers: int | None) -> int:
    """How many workers there will be, those of a cluster too."""
    return 1 if workers == 1 else _joblib().effective_n_jobs(num_workers(workers))


def one_thread() -> AbstractContextManager[Any]:
    """A context in which each call of BLAS and OpenMP has one thread."""
    return _libraries(len(sys.modules)).limit(limits=1)


@functools.lru_cache(maxsize=1)
def _libraries(num_modules: int) -> threadpoolctl.ThreadpoolController:
    """The thread pools of this process; looked for again, which takes milliseconds, where modules were imported since."""
    del num_modules
    return threadpoolctl.ThreadpoolController()


def _side_by_side(
    function: Callable[..., Any], jobs: Iterable[tuple[Any, ...]], n_jobs: int, prefer: str | None
) -> Iterator[Any]:
    joblib = _joblib()
    calls = (joblib.delayed(_alone)(function, job) for job in jobs)
    if joblib.parallel.get_active_backend()[0].supports_return_generator:
        yield from joblib.Parallel(n_jobs=n_jobs, prefer=prefer, return_as="generator")(calls)
        return
    with joblib.Parallel(n_jobs=n_jobs, prefer=prefer) as parallel:  # Ray's returns nothing before it has all
        size = CALLS_OF_A_WORKER * joblib.effective_n_jobs(n_jobs)
        while batch := list(itertools.islice(calls, size)):
            yield from parallel(batch)


def _alone(function: Callable[..., Any], job: tuple[Any, ...]) -> Any:
    with one_thread():
        return function(*job)


def _joblib() -> ModuleType:
    try:
        import joblib
    except ImportError as error:
        msg = f"workers: got no joblib, which serves all but workers=1, expected it to be installed; {INSTALL}"
        raise ImportError(msg) from error
    return joblib

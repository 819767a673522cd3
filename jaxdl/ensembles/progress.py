"""Progress of a study on standard error: a bar with time left on a terminal, a line now and then elsewhere."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 15.0


@contextlib.contextmanager
def progress_of(total: int, enabled: bool) -> Iterator[Callable[[int], None]]:
    """A context that gives `advance(num_runs)`, to call when that many more runs are done."""
    if not enabled:
        yield lambda _: None
    elif sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("runs", total=total)
            yield lambda num_runs: bar.advance(task, num_runs)
    else:
        yield _line_printer(total)


def _line_printer(total: int) -> Callable[[int], None]:
    started = last = time.monotonic()
    done = at_once = 0

    def advance(num_runs: int) -> None:
        nonlocal done, at_once, last
        now = time.monotonic()
        if not done:
            at_once = num_runs  # a store's, or the first dispatch with its compilation: no measure of the rest
        done += num_runs
        if now - last >= SECONDS_BETWEEN_LINES and done > at_once:
            last = now
            left = (now - started) * (total - done) / (done - at_once)
            print(f"{done} of {total} runs, about {left:.0f} s left", file=sys.stderr, flush=True)

    return advance

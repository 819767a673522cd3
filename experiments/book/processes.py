"""Chapters in processes of their own, under one progress display."""

import collections
import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence

LINES_KEPT = 40


def in_a_process(name: str, arguments: Sequence[str], show: Callable[[str], None]) -> str:
    """Run `python -m experiments.NAME`; nothing, or the end of what it said when it fails, which `show` gets line by line."""
    said: collections.deque[str] = collections.deque(maxlen=LINES_KEPT)
    call, quiet = [*program(name), *arguments], subprocess.DEVNULL
    with subprocess.Popen(call, stdout=quiet, stderr=subprocess.PIPE, text=True, errors="replace") as process:
        try:
            for line in process.stderr or ():
                show(line.strip())
                said.append(line)
            status = process.wait()
        except BaseException:
            _stop(process)
            raise
    if status == 0:
        return ""
    ended = f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
    return "".join([*said, ended])


def program(name: str) -> list[str]:
    """The command that runs a chapter with this Python."""
    return [sys.executable, "-m", f"experiments.{name}"]


def _stop(process: subprocess.Popen[str]) -> None:
    """Wait for a process that Ctrl-C has reached too, and end one that it has not."""
    # The second Ctrl-C that a process gets ends it at once.
    for seconds, ask in ((5.0, lambda: process.send_signal(signal.SIGINT)), (10.0, process.kill)):
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            ask()
    process.wait()


@contextlib.contextmanager
def display(total: int, enabled: bool) -> Iterator[Callable[[int, str, str], None]]:
    """A context that gives `show(place, name, line)`: which chapter runs, and the last that it said of its progress."""
    if not enabled:
        yield lambda *_: None
    elif sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        columns = (
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[line]}", markup=False, table_column=Column(ratio=1, no_wrap=True)),
        )
        # Rich would send what is printed on standard output to this console, also when that is redirected to a file.
        redirect = sys.stdout.isatty()
        console = Console(stderr=True)
        with Progress(*columns, console=console, transient=True, expand=True, redirect_stdout=redirect) as bar:
            task = bar.add_task("", total=total, line="")
            yield lambda place, name, line: bar.update(task, completed=place, description=name, line=line)
    else:

        def show(place: int, name: str, line: str) -> None:
            print(f"[{place + 1} of {total}] {name}  {line}".rstrip(), file=sys.stderr, flush=True)

        yield show

"""All experiments in one go: each in a process of its own, under one progress display, and their results in one report.

A process of its own, so that one that crashes, or is killed for its memory, costs its own results only, and so that the
numbers in the report are those of the command printed beside them.
"""

import collections
import contextlib
import functools
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from experiments import book_page, report, run_folder
from experiments.book.interruption import interruptible
from experiments.book_page import Chapter
from experiments.runner import Experiment

LINES_KEPT = 40

Show = Callable[[str], None]
"""what to call with each line that an experiment writes on standard error"""


def write(
    experiments: Sequence[Experiment],
    profile: str,
    out: Path,
    *,
    only: Sequence[str] = (),
    fresh: bool = False,
    arguments: Sequence[str] = (),
    again: str,
    progress: bool = True,
) -> int:
    """Run the experiments that are not finished, `only` these if any are named, and write `out`/report.html.

    Finished experiments are not run again, unless `fresh`; an interrupted one goes on as its own command would. The
    report covers all experiments, those that are not run from their finished runs. `arguments` are passed on, `again`
    is the command that goes on after an interruption. Returns the exit status: 0, 1 when an experiment failed, which
    stops no other one, or 130 after Ctrl-C and 143 when told to terminate, after which what is finished stays.
    """
    report.check_own(out / "report.html")
    chosen = [experiment for experiment in experiments if not only or experiment.name in only]
    started, finished, errors = time.monotonic(), 0, {}
    interrupted = None
    with interruptible() as interruption:
        try:
            with display(len(chosen), progress) as show:
                for place, experiment in enumerate(chosen):
                    begun = time.monotonic()
                    error = _finish(experiment, profile, out, fresh, arguments, functools.partial(show, place))
                    if error:
                        errors[experiment.name] = error
                    finished += not error
                    told = "failed" if error else _told(experiment, profile, out)
                    print(f"{experiment.name:18} {time.monotonic() - begun:6.1f} s  {told}", flush=True)
        except KeyboardInterrupt:
            interrupted = interruption.signal
    chapters = [chapter(experiment, profile, out, errors.get(experiment.name, "")) for experiment in experiments]
    page = book_page.html_page(chapters, profile, f"python -m experiments all --profile {profile}")
    run_folder.write(out, "report.html", page)
    for name, error in errors.items():
        print(f"\n{name} failed: {command(name, profile)}\n{error}", file=sys.stderr)
    print(f"\nreport   {out / 'report.html'}", flush=True)
    if interrupted is not None:
        print(
            f"Interrupted after {time.monotonic() - started:.0f} s; {finished} of {len(chosen)} experiments have finished, "
            f"and stay. To go on: {again}",
            file=sys.stderr,
        )
        return 128 + interrupted
    return 1 if errors else 0


def chapter(experiment: Experiment, profile: str, out: Path, error: str = "") -> Chapter:
    """What the report says of an experiment: its finished run below `out`, or the error, or neither."""
    run = None if error else _finished(experiment, profile, out)
    drawings = sorted(path for path in (run.folder / "figures").glob("*.svg") if path.is_file()) if run else []
    return Chapter(
        name=experiment.name,
        description=experiment.description,
        command=command(experiment.name, profile),
        run=run,
        drawings={path.name: path.read_bytes() for path in drawings},
        error=error,
    )


def command(name: str, profile: str) -> str:
    """What a reader types to get the same numbers."""
    return f"python -m experiments.{name} --profile {profile}"


def in_a_process(name: str, arguments: Sequence[str], show: Show) -> str:
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
    """The command that runs an experiment with this Python."""
    return [sys.executable, "-m", f"experiments.{name}"]


def _finish(
    experiment: Experiment,
    profile: str,
    out: Path,
    fresh: bool,
    arguments: Sequence[str],
    show: Callable[[str, str], None],
) -> str:
    """Run one experiment unless it has finished; its error, or nothing."""
    if profile not in experiment.profiles:
        return f"{experiment.name} has no profile {profile!r}, but {', '.join(experiment.profiles)}."
    if not fresh and _finished(experiment, profile, out) is not None:
        return ""
    show(experiment.name, "")
    options = ["--profile", profile, "--out", str(out), *(["--fresh"] if fresh else []), *arguments]
    error = in_a_process(experiment.name, options, lambda line: show(experiment.name, line))
    if not error and _finished(experiment, profile, out) is None:
        return f"{command(experiment.name, profile)} ended without an error and without a finished run."
    return error


def _finished(experiment: Experiment, profile: str, out: Path) -> run_folder.Run | None:
    if profile not in experiment.profiles:
        return None
    try:
        return run_folder.read(run_folder.path_of(out, experiment.name, experiment.profiles[profile]))
    except (OSError, ValueError):  # a damaged run is computed again
        return None


def _told(experiment: Experiment, profile: str, out: Path) -> str:
    """The verdicts of a finished run, counted."""
    run = _finished(experiment, profile, out)
    verdicts = collections.Counter(claim["verdict"] for claim in run.claims) if run else {}
    return ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items(), reverse=True)) or "no claims"


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
    """A context that gives `show(place, name, line)`: which experiment runs, and the last that it said of its progress."""
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

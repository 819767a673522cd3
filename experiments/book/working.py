"""From a claim's file to its finished run: import, run, judge, draw, store."""

import dataclasses
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.book import find, manifest, page, runs
from experiments.book.find import Entry
from experiments.book.options import Options
from experiments.book.runs import Run
from experiments.book.set_up import CannotRunError, set_up_jax

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from experiments.book.finding import Finding
    from experiments.book.lab import Lab


@dataclass
class Session:
    """What the claims that one command runs have in common."""

    options: Options
    command: str
    machine: dict[str, Any] = field(default_factory=dict)
    forgotten: set[Any] = field(default_factory=set)
    seconds_to_import: float = 0.0

    @property
    def is_first(self) -> bool:
        """Whether this process writes and prints; the others of a job only compute."""
        return bool(self.machine["devices"]["process"] == 0)

    def start(self) -> None:
        """Set up jax, once; raises CannotRunError when a device or the other processes are missing."""
        if not self.machine:
            started = time.monotonic()
            set_up_jax(self.options)
            self.machine = manifest.describe_machine()
            self.seconds_to_import = time.monotonic() - started

    def lab(self, entry: Entry, sizes: Mapping[str, Any]) -> "Lab":
        """Where a claim runs its studies."""
        from experiments.book.lab import Lab

        options = self.options if self.is_first else dataclasses.replace(self.options, progress=False)
        return Lab(entry.chapter, sizes, options, forgotten=self.forgotten)


def compute(session: Session, entry: Entry, profile: str, sizes: Mapping[str, Any]) -> Run | None:
    """Run, judge and store a claim; None in all processes but the first.

    Raises CannotRunError when runs diverge, or their store cannot be used or lacks what is to be judged.
    """
    from experiments.book.lab import PendingError
    from jaxdl.ensembles import DivergedRunsError, StoreError

    assert session.options.out is not None
    folder = runs.path_of(session.options.out, entry.number, sizes)
    started = time.monotonic()
    module = find.load(entry)
    try:
        finding = module.judged(session.lab(entry, sizes))
    except (DivergedRunsError, StoreError, PendingError) as error:
        msg = f"{entry.number}: {error}"
        raise CannotRunError(msg) from error
    if not session.is_first:
        return None
    files = {f"figures/{name}": content for name, content in draw(entry.number, finding.figures).items()}
    usual = entry.sizes(profile)
    seconds = time.monotonic() - started
    if session.options.judge and (before := _before(folder)) is not None:
        seconds = before.manifest["seconds"]  # of the runs, which this has only judged
    run = Run(
        folder=folder,
        config={"number": entry.number, "chapter": entry.chapter, "profile": profile, "sizes": dict(sizes)},
        finding=described(entry, module.CRITERION, finding),
        manifest={
            **session.machine,
            **manifest.describe_run(session.command, seconds),
            "changed": sum(sizes[name] != usual.get(name) for name in sizes),
            "code": code_of(entry),
        },
        drawings=runs.drawings_of(files),
    )
    written: dict[str, bytes | str] = {
        "config.json": runs.to_json(run.config),
        "finding.json": runs.to_json(run.finding),
        **files,
        "page.html": page.page(f"{entry.number}: {entry.statement}", entry.paragraphs[1:], [run], folder),
    }
    runs.finish(folder, written, run.manifest)
    return run


def _before(folder: Path) -> Run | None:
    """The run that a folder holds already, where it can be read."""
    try:
        return runs.read(folder)
    except (OSError, ValueError):
        return None


def described(entry: Entry, criterion: str, finding: "Finding") -> dict[str, Any]:
    """All that is said of a claim: what its file says, and what was found."""
    fields = {
        name.lower(): entry.fields.get(name, []) for name in ("Says", "Source", "Textbook", "Scope", "Looks", "See")
    }
    return fields | {
        "number": entry.number,
        "chapter": entry.chapter,
        "file": str(entry.path.relative_to(entry.path.parents[2])),
        "statement": entry.statement,
        "criterion": " ".join(criterion.split()),
        "theory_note": entry.fields.get("Theory", []),
        "errata": [erratum._asdict() for erratum in entry.errata],
        **finding.to_dict(),
    }


def code_of(entry: Entry) -> str:
    """A hash of the claim's file and its chapter's modules, by which a changed claim is noticed."""
    others = sorted(path for path in entry.path.parent.glob("*.py") if not find.NAME.fullmatch(path.name))
    return runs.digest(b"".join(path.read_bytes() for path in (entry.path, *others)))


def draw(number: str, figures: Mapping[str, "Figure"]) -> dict[str, bytes]:
    """The figures as PNG and SVG files, without dates, so that equal findings give equal files."""
    import matplotlib

    matplotlib.use("Agg")
    formats: dict[str, dict[str, Any]] = {"png": {"dpi": 150}, "svg": {"metadata": {"Date": None}}}
    files = {}
    with matplotlib.rc_context({"svg.hashsalt": "jaxdl", "figure.autolayout": False}):
        for place, figure in enumerate(figures.values(), start=1):
            # Laid out and measured once for both formats, which takes longer than drawing.
            figure.draw_without_rendering()
            figure.set_layout_engine(None)
            box = figure.get_tightbbox().padded(0.1)
            for suffix, settings in formats.items():
                content = io.BytesIO()
                figure.savefig(content, format=suffix, bbox_inches=box, **settings)
                files[f"{number}-{place}.{suffix}"] = content.getvalue()
    return files


def plan(session: Session, entry: Entry, sizes: Mapping[str, Any]) -> str:
    """What a claim's studies will take in time and memory; nothing of them is computed but a few timed blocks."""
    from experiments.book.lab import PendingError

    lab = session.lab(entry, sizes)
    started = time.monotonic()
    module = find.load(entry)
    imported = time.monotonic()
    try:
        module.judged(lab)
        left = ""
    except PendingError:
        left = "; a study that needs another's results is not planned, if there is one"
    plans = lab.plans.values()
    timing = sum(each.measuring_seconds for each in plans)
    compiling = sum(each.compile_seconds for each in plans)
    running = sum(each.seconds for each in plans)
    tracing = max(time.monotonic() - imported - timing - compiling, 0)
    importing = session.seconds_to_import + imported - started
    largest = max((each.num_devices * each.block_bytes + each.results_bytes for each in plans), default=0)
    heads = ("runs", "block", "devices", "per device", "results", "compile", "time")
    columns: dict[str, Any] = {"study": {"values": list(lab.plans)}} | {head: {"values": []} for head in heads}
    for each in plans:
        of_bytes = [f"{count / 2**20:.3g} MiB" for count in (each.block_bytes, each.results_bytes)]
        seconds = [f"{value:.1f} s" for value in (each.compile_seconds, each.seconds)]
        row = [each.num_runs, each.block, each.num_devices, *of_bytes, *seconds]
        for head, value in zip(heads, row, strict=True):
            columns[head]["values"].append(value)
    total = importing + tracing + compiling + running
    parts = f"import {importing:.1f} s, trace {tracing:.1f} s, compile {compiling:.1f} s, run {running:.1f} s"
    return "\n".join(
        [
            f"{entry.number}  {entry.statement}",
            *page.lines(columns),
            f"time    about {total:.0f} s: {parts}; estimates and figures besides",
            f"memory  about {largest / 2**20:.3g} MiB for the largest study, besides the programs",
            f"nothing was written{left}",
        ]
    )


def share(session: Session, entry: Entry, sizes: Mapping[str, Any]) -> str:
    """Compute and store this process's share of a claim's studies, and say what is missing."""
    from experiments.book.lab import PendingError

    lab = session.lab(entry, sizes)
    try:
        find.load(entry).judged(lab)
    except PendingError:
        missing = [f"{entry.number}  {reason}" for reason in lab.missing]
        return "\n".join(missing)
    return f"{entry.number}  all shares are there; the same command without --shard shows the result"

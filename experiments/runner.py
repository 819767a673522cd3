"""Run an experiment from its command line: compute or find again, store, print, report.

An experiment module defines a frozen dataclass `Config`, the functions named in `Experiment`, and ends with

    EXPERIMENT = runner.Experiment(name="...", description=__doc__, profiles={"quick": Config(), ...}, ...)

    if __name__ == "__main__":
        raise SystemExit(runner.main(EXPERIMENT))
"""

import dataclasses
import hashlib
import importlib.util
import io
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments import report, run_folder
from experiments.book import manifest
from experiments.book.interruption import interruptible
from experiments.book.printing import print_anything
from experiments.book.set_up import CannotRunError, set_up_jax
from experiments.command_line import parse
from experiments.options import Execution, Options, execution_of
from experiments.run_folder import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jaxdl.statistics import Claim

EXTRA = ("tyro", "matplotlib", "sklearn")


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A question and how to answer it.

    The first profile is the default one. Every configuration has a `seed`. `measure` returns named arrays, without
    objects among them; the other functions are pure, so that a table or a figure can be drawn again from a stored run.
    All of them import jax, jaxdl and matplotlib themselves, which keeps `--help` instant.
    """

    name: str
    description: str
    """the module's docstring: its first paragraph is the question"""
    profiles: Mapping[str, Any]
    measure: Callable[[Any, Options], Mapping[str, Any]]
    """`(config, options) -> results`; runs each study by `options.run("its-name", ...)` or `options.decompose`"""
    tables: Callable[[Any, Mapping[str, Any]], str]
    plot: Callable[[Any, Mapping[str, Any]], Mapping[str, "Figure"]]
    claims: Callable[[Any, Mapping[str, Any]], Sequence["Claim"]]

    def __post_init__(self) -> None:
        run_folder.check_name(self.name)
        for profile, config in self.profiles.items():
            if "seed" not in {field.name for field in dataclasses.fields(config)}:
                msg = f"The profile {profile!r} of {self.name} has no field `seed`; a run must be reproducible."
                raise ValueError(msg)

    @property
    def question(self) -> str:
        """The first paragraph of the description, on one line."""
        return " ".join(self.description.strip().split("\n\n")[0].split())


def main(experiment: Experiment, arguments: Sequence[str] | None = None) -> int:
    """Run the command line of `experiment`; returns the exit status.

    That is 0, 1 (cannot run), 2 (usage), 130 (Ctrl-C) or 143 (told to terminate).
    """
    started = time.monotonic()
    arguments = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", f"experiments.{experiment.name}", *arguments])
    command = command.encode(errors="replace").decode()  # bytes of a path that are no UTF-8 cannot be kept
    print_anything()

    def last_words() -> str:
        if "--dry-run" in arguments:
            return "Interrupted; nothing was written"
        resume = shlex.join(
            ["python", "-m", f"experiments.{experiment.name}", *(a for a in arguments if a != "--fresh")]
        )
        return f"Interrupted after {time.monotonic() - started:.0f} s; finished runs are stored. To continue: {resume}"

    with interruptible(last_words) as interruption:
        try:
            return _answer(experiment, arguments, command)
        except CannotRunError as error:
            return _fail(1, str(error))
        except OSError as error:
            return _fail(1, f"error: {error}; finished runs are stored, and the same command continues")
        except KeyboardInterrupt:
            return _fail(128 + interruption.signal, last_words())


def compute(
    experiment: Experiment, profile: str, config: Any, options: Options, folder: Path, command: str
) -> Run | None:
    """Measure, and fill the run folder; the results are stored before anything is drawn from them.

    Of several processes the first alone does so; the others return None.
    """
    started = time.monotonic()
    machine, results = measured(experiment, profile, config, execution_of(options, experiment.name), folder)
    if machine["devices"]["process"] > 0:
        return None
    from jaxdl.files import to_npz

    archive = to_npz(results)
    seconds = time.monotonic() - started
    described = {"experiment": experiment.name, "profile": profile, "fields": dataclasses.asdict(config)}
    configuration = run_folder.to_json(described)
    run_folder.unfinish(folder)
    run_folder.write(folder, "config.json", configuration)
    run_folder.write(folder, "results.npz", archive)

    hashes = {
        "config_sha256": hashlib.sha256(configuration.encode()).hexdigest(),
        "results_sha256": hashlib.sha256(archive).hexdigest(),
    }
    run = Run(
        folder=folder,
        config=described,
        manifest=machine | manifest.describe_run(command, seconds) | hashes,
        table=experiment.tables(config, results).rstrip() + "\n",
        claims=[claim.to_dict() for claim in experiment.claims(config, results)],
    )
    figures = draw(experiment.plot, config, results)
    for name, content in figures.items():
        run_folder.write(folder, f"figures/{name}", content)
    run_folder.write(folder, "table.txt", run.table)
    run_folder.write(folder, "claims.json", run_folder.to_json(run.claims))
    drawings = {name: content for name, content in figures.items() if name.endswith(".svg")}
    run_folder.write(folder, "report.html", report.html_page(experiment.description, run, drawings))
    run_folder.write(folder, run_folder.MANIFEST, run_folder.to_json(run.manifest))
    return run


def measured(
    experiment: Experiment, profile: str, config: Any, options: Execution, folder: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the machine is, and the results, in an order of their own.

    Raises CannotRunError when runs diverge or their store cannot be used.
    """
    import numpy as np

    set_up_jax(options)  # type: ignore[arg-type]
    from jaxdl.ensembles import DivergedRunsError, StoreError

    machine = manifest.describe_machine()
    is_first = machine["devices"]["process"] == 0
    if is_first:
        print(banner(experiment.name, profile, config, machine, folder), end="\n\n", flush=True)
    try:
        results = experiment.measure(config, options if is_first else dataclasses.replace(options, progress=False))
    except (DivergedRunsError, StoreError) as error:
        msg = f"error: {error}"
        raise CannotRunError(msg) from error
    return machine, {name: np.asarray(value) for name, value in results.items()}


def banner(name: str, profile: str, config: Any, machine: Mapping[str, Any], folder: Path) -> str:
    """Three lines: what is run on what, with what into which folder, and how it is stopped."""
    devices, packages = machine["devices"], machine["packages"]
    processes = f"{devices['processes']} processes of " if devices["processes"] > 1 else ""
    what = [
        name,
        profile,
        f"seed {config.seed}",
        f"{processes}{devices['count']} x {devices['kind']}",
        machine["dtype"],
    ]
    versions = [f"{package} {packages[package]}" for package in ("jaxdl", "jax")]
    stopping = "Ctrl-C stops within a second, or five amid a compilation or a long block, and keeps finished runs"
    return "\n".join(
        " · ".join(parts) for parts in (what, [*versions, f"python {machine['python']}", str(folder)], [stopping])
    )


def draw(plot: Callable[..., Mapping[str, "Figure"]], config: Any, results: Mapping[str, Any]) -> dict[str, bytes]:
    """The figures as PNG and SVG files, without dates, so that equal results give equal files."""
    import matplotlib

    matplotlib.use("Agg")
    formats: dict[str, dict[str, Any]] = {"png": {"dpi": 150}, "svg": {"metadata": {"Date": None}}}
    files = {}
    with matplotlib.rc_context(
        {"svg.hashsalt": "jaxdl", "figure.autolayout": False, "figure.constrained_layout.use": False}
    ):
        for name, figure in plot(config, results).items():
            run_folder.check_name(name)
            # Laid out and measured once for both formats, which takes longer than drawing.
            figure.draw_without_rendering()
            figure.set_layout_engine(None)
            box = figure.get_tightbbox().padded(0.1)
            for suffix, settings in formats.items():
                content = io.BytesIO()
                figure.savefig(content, format=suffix, bbox_inches=box, **settings)
                files[f"{name}.{suffix}"] = content.getvalue()
    return files


def _answer(experiment: Experiment, arguments: Sequence[str], command: str) -> int:
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        return _fail(1, f'{", ".join(missing)} not found: pip install "jaxdl[experiments]"')
    try:
        profile, config, options = parse(experiment, arguments)
        folder = run_folder.path_of(options.out, experiment.name, config)
        if not options.dry_run:
            folder.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        return _fail(2, f"error: {error}")
    if options.dry_run:
        return _plan(experiment, profile, config, options, folder)
    if options.shard != "1/1":
        return _share(experiment, profile, config, options, folder)
    # All processes of a job compute, whatever each finds: none may wait for one that has nothing to do.
    found = None if options.fresh or options.strict or options.distributed else _find(folder)
    if options.fresh:
        run_folder.unfinish(folder)
    if found is not None:
        print(f"{report.provenance(found)}; --fresh computes it again\n")
    run = found or compute(experiment, profile, config, options, folder, command)
    if run is not None:
        report.show(run)
    return 0


def _plan(experiment: Experiment, profile: str, config: Any, options: Options, folder: Path) -> int:
    from experiments.planning import planned

    execution = dataclasses.replace(execution_of(options, experiment.name), progress=False)
    set_up_jax(execution)  # type: ignore[arg-type]
    print(banner(experiment.name, profile, config, manifest.describe_machine(), folder), end="\n\n", flush=True)
    print(planned(lambda: experiment.measure(config, execution), execution, folder))
    return 0


def _share(experiment: Experiment, profile: str, config: Any, options: Options, folder: Path) -> int:
    from jaxdl.ensembles import UnfinishedStudyError

    execution = execution_of(options, experiment.name)
    try:
        measured(experiment, profile, config, execution, folder)
    except UnfinishedStudyError as error:
        execution.missing.append(str(error))
    print("\n".join(execution.missing))
    print(f"share {options.shard} is stored; when all are, the same command without --shard shows the result")
    return 0


def _find(folder: Path) -> Run | None:
    try:
        return run_folder.read(folder)
    except (OSError, ValueError) as error:
        print(f"{folder} is damaged ({error}); computing it again", file=sys.stderr)
        return None


def _fail(status: int, message: str) -> int:
    print(message, file=sys.stderr)
    return status

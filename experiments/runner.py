"""The command line of an experiment, and its run folder: parse, compute or find again, print, report.

An experiment module defines a frozen dataclass `Config`, the functions named in `Experiment`, and ends with

    EXPERIMENT = runner.Experiment(name="...", description=__doc__, profiles={"quick": Config(), ...}, ...)

    if __name__ == "__main__":
        raise SystemExit(runner.main(EXPERIMENT))
"""

import argparse
import contextlib
import dataclasses
import importlib.util
import io
import os
import shlex
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from experiments import manifest, report, run_folder
from experiments.options import Execution, Options, execution_of, share_of
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
    """`(config, options) -> results`; runs each study with `**options.engine("its-name")`"""
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
    with interruptible() as interruption:
        try:
            return _answer(experiment, arguments, command)
        except OSError as error:
            return _fail(1, f"error: {error}; finished runs are stored, and the same command continues")
        except KeyboardInterrupt:
            if "--dry-run" in arguments:
                return _fail(128 + interruption.signal, "Interrupted; nothing was written")
            resume = shlex.join(
                ["python", "-m", f"experiments.{experiment.name}", *(a for a in arguments if a != "--fresh")]
            )
            return _fail(
                128 + interruption.signal,
                f"Interrupted after {time.monotonic() - started:.0f} s; finished runs are stored. To continue: {resume}",
            )


class Interruption:
    """The signal that stopped the process, Ctrl-C's unless another came."""

    signal = signal.SIGINT


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Make SIGTERM stop like Ctrl-C, and a second one of either end the process at once.

    The second one is seen by a thread of its own: handlers run between two steps of the main thread, which may be waiting for
    a compilation or a long run.
    """
    interruption = Interruption()

    def stop(number: int, frame: Any) -> None:
        del frame
        interruption.signal = signal.Signals(number)
        raise KeyboardInterrupt

    def watch(arrived: int) -> None:
        stopping = 0
        while number := os.read(arrived, 1):
            stopping += number[0] in (signal.SIGINT, signal.SIGTERM)
            if stopping > 1:
                os._exit(128 + number[0])
        os.close(arrived)

    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread alone
        yield interruption
        return
    arrived, sent = os.pipe()
    os.set_blocking(sent, False)
    threading.Thread(target=watch, args=(arrived,), daemon=True).start()
    wakeup = signal.set_wakeup_fd(sent, warn_on_full_buffer=False)
    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        signal.set_wakeup_fd(wakeup)
        os.close(sent)
        for each, handler in before.items():
            signal.signal(each, handler)


def parse(experiment: Experiment, arguments: Sequence[str]) -> tuple[str, Any, Options]:
    """The profile's name, its configuration with the options given, and how to run it.

    An option wins over the file of `--config`, which wins over the profile. Exits with status 2 on an option or a value that
    is refused, also when the configuration raises the ValueError.
    """
    if os.environ.get("NO_COLOR"):
        os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")
    import tyro

    # The profile and the file are looked up first, because they supply the defaults of the other options.
    defaults = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    defaults.add_argument("--profile", nargs="?")
    defaults.add_argument("--config", nargs="?", type=Path)
    chosen = defaults.parse_known_args(arguments)[0]
    if chosen.config and chosen.profile:
        msg = "config and profile both supply the configuration; choose one."
        raise ValueError(msg)
    profile, config = run_folder.read_config(chosen.config, experiment.name) if chosen.config else (chosen.profile, {})
    profile = profile if profile in experiment.profiles else next(iter(experiment.profiles))
    names: Any = Literal[tuple(experiment.profiles)]  # type: ignore[valid-type]
    fields = [
        ("profile", Annotated[names, tyro.conf.arg(help="supplies the defaults of the configuration")], profile),
        (
            "config",
            Annotated[Path | None, tyro.conf.arg(help="config.json of an earlier run, which supplies them instead")],
            None,
        ),
        ("configuration", type(experiment.profiles[profile]), _configured(experiment.profiles[profile], config)),
        ("run", Options, Options()),
    ]
    parsed: Any = tyro.cli(
        dataclasses.make_dataclass("Command", fields, frozen=True),
        args=arguments,
        prog=f"python -m experiments.{experiment.name}",
        description=experiment.description,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    return profile if parsed.config else parsed.profile, parsed.configuration, parsed.run


def _configured(default: Any, given: Mapping[str, Any]) -> Any:
    """`default` with the fields of a config.json, whose lists were tuples; raises ValueError for unknown ones."""
    known = {field.name for field in dataclasses.fields(default)}
    unknown = sorted(set(given) - known)
    if unknown:
        msg = f"The configuration file has {', '.join(unknown)}; this version knows {', '.join(sorted(known))}."
        raise ValueError(msg)
    return dataclasses.replace(default, **{name: _as_tuples(value) for name, value in given.items()})


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value


def compute(experiment: Experiment, profile: str, config: Any, options: Options, folder: Path, command: str) -> Run:
    """Measure, and fill the run folder; the results are stored before anything is drawn from them."""
    started = time.monotonic()
    machine, results = measured(experiment, profile, config, execution_of(options, experiment.name), folder)
    from jaxdl.archives import to_npz

    archive = to_npz(results)
    seconds = time.monotonic() - started
    described = {"experiment": experiment.name, "profile": profile, "fields": dataclasses.asdict(config)}
    configuration = run_folder.to_json(described)
    run_folder.unfinish(folder)
    run_folder.write(folder, "config.json", configuration)
    run_folder.write(folder, "results.npz", archive)

    run = Run(
        folder=folder,
        config=described,
        manifest=machine | manifest.describe_run(command, configuration, archive, seconds),
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

    Raises SystemExit with one line when runs diverge or their store cannot be used.
    """
    import numpy as np

    set_up_jax(options)
    from jaxdl.ensembles import DivergedRunsError, StoreError

    machine = manifest.describe_machine()
    is_first = machine["devices"]["process"] == 0
    if is_first:
        print(banner(experiment.name, profile, config, machine, folder), end="\n\n", flush=True)
    try:
        results = experiment.measure(config, options if is_first else dataclasses.replace(options, progress=False))
    except (DivergedRunsError, StoreError) as error:
        raise SystemExit(_fail(1, f"error: {error}")) from None
    return machine, {name: np.asarray(value) for name, value in results.items()}


def set_up_jax(options: Options) -> None:
    """Give jax its devices, before its backend starts, a compilation cache that outlives the process, and its peers.

    Raises SystemExit with one line when the wanted kind of device is missing, or the peers are.
    """
    import jax

    from jaxdl import ensembles

    if options.device is not None:
        jax.config.update("jax_platforms", "cuda" if options.device == "gpu" else options.device)
    if options.device in (None, "cpu"):
        ensembles.use_cpu_devices(options.devices)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(cache / "jaxdl"))
    # A dry run reads the cache and leaves it as it is.
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 1e9 if options.dry_run else 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    try:
        if options.distributed:
            join_processes(options)
    except (RuntimeError, ValueError) as error:
        raise SystemExit(_fail(1, f"error: cannot join the other processes: {error}")) from None
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # jax asserts that a plug-in is there
        extra = {"gpu": "cuda13", "tpu": "tpu"}.get(options.device or "")
        cause = f" ({str(error).splitlines()[0]})" if str(error) else ""
        remedy = (
            f'no {options.device} found: pip install "jax[{extra}]", or --device cpu' if extra else "error: no device"
        )
        raise SystemExit(_fail(1, remedy + cause)) from None


def join_processes(options: Options) -> None:
    """Connect this process to the others of its job; the first one listens on a port, without a password."""
    import jax

    if options.coordinator is None:
        jax.distributed.initialize()
    else:
        position, count = share_of(options.process or "", "process")
        jax.distributed.initialize(options.coordinator, num_processes=count, process_id=position - 1)
    if jax.process_index() == 0:
        print(f"{jax.process_count()} processes, {jax.device_count()} devices", file=sys.stderr)


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
    stopping = "Ctrl-C stops within a second, or one block where that is longer, and keeps finished runs"
    return "\n".join(
        " · ".join(parts) for parts in (what, [*versions, f"python {machine['python']}", str(folder)], [stopping])
    )


def draw(plot: Callable[..., Mapping[str, "Figure"]], config: Any, results: Mapping[str, Any]) -> dict[str, bytes]:
    """The figures as PNG and SVG files, without dates, so that equal results give equal files."""
    import matplotlib

    matplotlib.use("Agg")
    formats: dict[str, dict[str, Any]] = {"png": {"dpi": 150}, "svg": {"metadata": {"Date": None}}}
    files = {}
    with matplotlib.rc_context({"svg.hashsalt": "jaxdl"}):
        for name, figure in plot(config, results).items():
            run_folder.check_name(name)
            for suffix, settings in formats.items():
                content = io.BytesIO()
                figure.savefig(content, format=suffix, bbox_inches="tight", **settings)
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
        return _rehearse(experiment, profile, config, options, folder)
    if options.shard != "1/1":
        return _share(experiment, profile, config, options, folder)
    if options.distributed:
        return _distributed(experiment, profile, config, options, folder, command)
    run = None if options.fresh or options.strict else _find(folder)
    if options.fresh:
        run_folder.unfinish(folder)
    if run is None:
        run = compute(experiment, profile, config, options, folder, command)
    else:
        print(f"{report.provenance(run)}; --fresh computes it again\n")
    report.show(run)
    return 0


def _rehearse(experiment: Experiment, profile: str, config: Any, options: Options, folder: Path) -> int:
    from experiments.rehearsal import rehearse

    execution = dataclasses.replace(execution_of(options, experiment.name), progress=False)
    set_up_jax(execution)
    print(banner(experiment.name, profile, config, manifest.describe_machine(), folder), end="\n\n", flush=True)

    def work() -> None:
        results = experiment.measure(config, execution)
        experiment.tables(config, results)
        draw(experiment.plot, config, results)
        experiment.claims(config, results)

    print(rehearse(work, execution, folder))
    return 0


def _share(experiment: Experiment, profile: str, config: Any, options: Options, folder: Path) -> int:
    done = f"share {options.shard} is stored; when all are, the same command without --shard shows the result"
    try:
        measured(experiment, profile, config, execution_of(options, experiment.name), folder)
    except Exception as error:  # what other shards compute is stood in for, and may have no statistics
        told = f"{type(error).__name__}: {error}"
        return _fail(
            1, f"this share stopped early, after what it stored ({told}); when the others are done, give it again"
        )
    print(done)
    return 0


def _distributed(
    experiment: Experiment, profile: str, config: Any, options: Options, folder: Path, command: str
) -> int:
    """Every process measures; the first one alone writes and shows the run."""
    set_up_jax(options)
    import jax

    ready = dataclasses.replace(options, distributed=False, coordinator=None, process=None)
    if jax.process_index() == 0:
        report.show(compute(experiment, profile, config, ready, folder, command))
    else:
        measured(experiment, profile, config, execution_of(ready, experiment.name), folder)
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

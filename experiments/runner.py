"""The command line of an experiment, and its run folder: parse, compute or find again, print, report.

An experiment module defines a frozen dataclass `Config`, the functions named in `Experiment`, and ends with

    EXPERIMENT = runner.Experiment(name="...", description=__doc__, profiles={"quick": Config(), ...}, ...)

    if __name__ == "__main__":
        raise SystemExit(runner.main(EXPERIMENT))
"""

import argparse
import dataclasses
import importlib.util
import io
import os
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from experiments import manifest, report, run_folder
from experiments.run_folder import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jaxdl.statistics import Claim

EXTRA = ("tyro", "matplotlib", "sklearn")


@dataclass(frozen=True)
class Options:
    """Where and how to run it; changes no result."""

    out: Path = Path("results")
    """folder that receives EXPERIMENT/HASH/"""
    fresh: bool = False
    """compute again, also when a finished run is there"""
    devices: int | None = None
    """CPU devices to use; by default one for each core and at least two"""
    progress: bool = True
    """show how far it is, and the time left"""
    strict: bool = False
    """stop with an error when any run diverges; computes again"""

    def __post_init__(self) -> None:
        if self.devices is not None and self.devices < 1:
            msg = f"devices is {self.devices}; expected at least 1, or nothing for one per core."
            raise ValueError(msg)

    def engine(self, study: str) -> dict[str, Any]:
        """The keyword arguments with which an experiment runs the study of this name, for `decompose` or `ensembles.run`."""
        run_folder.check_name(study)
        return {"progress": self.progress}


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
    """Run the command line of `experiment`; returns the exit status: 0, 1 (cannot run), 2 (usage) or 130 (Ctrl-C)."""
    started = time.monotonic()
    arguments = sys.argv[1:] if arguments is None else arguments
    command = shlex.join(["python", "-m", f"experiments.{experiment.name}", *arguments])
    try:
        return _answer(experiment, arguments, command)
    except KeyboardInterrupt:
        return _fail(130, f"Interrupted after {time.monotonic() - started:.0f} s. To start again: {command}")


def parse(experiment: Experiment, arguments: Sequence[str]) -> tuple[str, Any, Options]:
    """The profile's name, its configuration with the options given, and how to run it.

    Exits with status 2 on an option or a value that is refused, also when the configuration raises the ValueError.
    """
    if os.environ.get("NO_COLOR"):
        os.environ.setdefault("PYTHON_TYRO_ANSI_CODES", "False")
    import tyro

    # The profile is looked up first, because it supplies the defaults of the other options.
    profiles = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    profiles.add_argument("--profile", nargs="?")
    chosen = profiles.parse_known_args(arguments)[0].profile
    profile = chosen if chosen in experiment.profiles else next(iter(experiment.profiles))
    config = experiment.profiles[profile]
    names: Any = Literal[tuple(experiment.profiles)]  # type: ignore[valid-type]
    fields = [
        ("profile", Annotated[names, tyro.conf.arg(help="supplies the defaults of the configuration")], profile),
        ("config", type(config), config),
        ("run", Options, Options()),
    ]
    parsed: Any = tyro.cli(
        dataclasses.make_dataclass("Command", fields, frozen=True),
        args=arguments,
        prog=f"python -m experiments.{experiment.name}",
        description=experiment.description,
        config=(tyro.conf.OmitArgPrefixes,),
    )
    return parsed.profile, parsed.config, parsed.run


def compute(experiment: Experiment, profile: str, config: Any, options: Options, folder: Path, command: str) -> Run:
    """Measure, and fill the run folder; the results are stored before anything is drawn from them."""
    import numpy as np

    started = time.monotonic()
    set_up_jax(options.devices)
    from jaxdl.ensembles import DivergedRunsError

    machine = manifest.describe_machine()
    print(banner(experiment.name, profile, config, machine, folder), end="\n\n", flush=True)

    try:
        results = {name: np.asarray(value) for name, value in experiment.measure(config, options).items()}
    except DivergedRunsError as error:
        raise SystemExit(_fail(1, f"error: {error}")) from None
    archive = run_folder.to_npz(results)
    seconds = time.monotonic() - started
    described = {"experiment": experiment.name, "profile": profile, "fields": dataclasses.asdict(config)}
    run_folder.unfinish(folder)
    run_folder.write(folder, "config.json", run_folder.to_json(described))
    run_folder.write(folder, "results.npz", archive)

    run = Run(
        folder=folder,
        config=described,
        manifest=machine | manifest.describe_run(command, archive, seconds),
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


def set_up_jax(devices: int | None) -> None:
    """Give jax its CPU devices, before its backend starts, and a compilation cache that outlives the process."""
    import jax

    from jaxdl import ensembles

    ensembles.use_cpu_devices(devices)
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        jax.config.update("jax_compilation_cache_dir", str(cache / "jaxdl"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def banner(name: str, profile: str, config: Any, machine: Mapping[str, Any], folder: Path) -> str:
    """Two lines: what is run on what, and with what into which folder."""
    devices, packages = machine["devices"], machine["packages"]
    what = [name, profile, f"seed {config.seed}", f"{devices['count']} x {devices['kind']}", machine["dtype"]]
    versions = [f"{package} {packages[package]}" for package in ("jaxdl", "jax")]
    return "\n".join(" · ".join(parts) for parts in (what, [*versions, f"python {machine['python']}", str(folder)]))


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
        folder.mkdir(parents=True, exist_ok=True)
    except (ValueError, OSError) as error:
        return _fail(2, f"error: {error}")
    run = None if options.fresh or options.strict else _find(folder)
    if run is None:
        run = compute(experiment, profile, config, options, folder, command)
    else:
        print(f"{report.provenance(run)}; --fresh computes it again\n")
    report.show(run)
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

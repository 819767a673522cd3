"""What a command line asks for: the profile, the configuration, and how to run it."""

import argparse
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from experiments import run_folder
from experiments.options import Options

if TYPE_CHECKING:
    from experiments.runner import Experiment


def parse(experiment: "Experiment", arguments: Sequence[str]) -> tuple[str, Any, Options]:
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

"""What a command line asks for: the profile, the configuration, and how to run it."""

import argparse
import dataclasses
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

from experiments import forms, run_folder
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
    defaults.add_argument("--config", nargs="?")
    defaults.add_argument("--out", nargs="?")
    chosen = defaults.parse_known_args(arguments)[0]
    if chosen.config is not None and chosen.profile:
        msg = "config and profile both supply the configuration; choose one."
        raise ValueError(msg)
    profile, config = chosen.profile, dict[str, Any]()
    if chosen.config is not None:
        profile, config = run_folder.read_config(run_folder.given_path(chosen.config, "config"), experiment.name)
    out = {} if chosen.out is None else {"out": run_folder.given_path(chosen.out, "out")}
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
    _check_fields(parsed.configuration, dataclasses.asdict(parsed.configuration))
    return profile if parsed.config else parsed.profile, parsed.configuration, dataclasses.replace(parsed.run, **out)


def _configured(default: Any, given: Mapping[str, Any]) -> Any:
    """`default` with the fields of a config.json, whose lists were tuples; raises ValueError for unknown ones."""
    known = {field.name for field in dataclasses.fields(default)}
    unknown = sorted(set(given) - known)
    if unknown:
        msg = f"The configuration file has {', '.join(unknown)}; this version knows {', '.join(sorted(known))}."
        raise ValueError(msg)
    _check_fields(default, given)
    return dataclasses.replace(default, **{name: _as_tuples(value) for name, value in given.items()})


def _check_fields(config: Any, given: Mapping[str, Any]) -> None:
    """Raises ValueError for a value of another type than the field of that name, or beyond what can be computed with."""
    types = get_type_hints(type(config))
    for name, value in given.items():
        if name == "seed" and type(value) is int and not 0 <= value <= forms.LARGEST:  # jax takes it for another
            msg = f"seed: got {value}, expected a whole number from 0 to {forms.LARGEST}"
            raise ValueError(msg)
        forms.check(value, types[name], name)


def _as_tuples(value: Any) -> Any:
    return tuple(map(_as_tuples, value)) if isinstance(value, list) else value

"""Decompositions on disk, as `.npz` archives without pickle, and as labelled xarray data sets."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.named_terms import label_of
from jaxdl.decomposition.populations import POPULATIONS
from jaxdl.decomposition.record import Averages, PerPoint, Record
from jaxdl.designs import Design
from jaxdl.files import from_npz, to_npz, write_atomically
from jaxdl.paths import as_path

if TYPE_CHECKING:
    from xarray import Dataset

FAMILY = "jaxdl.decomposition/"
FORMAT = FAMILY + "5"
GROUPS = (
    "estimates",
    "standard_errors",
    "degrees_of_freedom",
    "lower_ends",
    "upper_ends",
    "point_estimates",
    "point_errors",
)


class DescribedRun(NamedTuple):
    """What a file keeps of a run that diverged."""

    setting: int
    description: str

    def __str__(self) -> str:
        return self.description


def save(result: Record, path: str | os.PathLike[str]) -> None:
    """Write a decomposition to `path`, whole or not at all; `.npz` is appended when the name lacks it."""
    target = _npz_path(path)
    terms = list(result.estimates)
    facts = {
        "format": FORMAT,
        "terms": [list(term) if isinstance(term, tuple) else term for term in terms],
        "loss": result.loss,
        "estimands": [result.estimands[term] for term in terms],
        "sources": result.design.sources,
        "shape": result.design.shape,
        "paths": result.design.paths,
        "fixed": result.design.fixed,
        "populations": [result.populations[term] for term in terms],
        "axes": result.axes,
        "training_size": None if result.training_size is None else int(result.training_size),
        "study_notes": result.study_notes,
        "setting_notes": result.setting_notes,
        "diverged": [(run.setting, str(run)) for run in result.diverged],
        "units": list(result.replicates),
        "classes": list(result.of_classes),
        "strata": list(result.strata),
    }
    groups = dict(zip(GROUPS, _arrays_by_term(result), strict=True))
    groups |= {f"replicates/{unit}": values for unit, values in result.replicates.items()}
    arrays: dict[str, Any] = {name: np.stack([values[term] for term in terms]) for name, values in groups.items()}
    for label, averages in result.of_classes.items():
        of_class = {**averages._asdict(), **{f"replicates/{unit}": each for unit, each in averages.replicates.items()}}
        arrays |= {
            f"class {label}/{name}": np.stack([of_class[name][term] for term in terms])
            for name in (*GROUPS[:5], *(f"replicates/{unit}" for unit in averages.replicates))
        }
    if result.classes is not None:
        arrays["classes"] = result.classes
    arrays |= {f"strata/{name}": values for name, values in result.strata.items()}
    if result.settings is not None:
        arrays["settings"] = np.asarray(result.settings)
    if result.times is not None:
        arrays["times"] = result.times
    if not target.parent.is_dir():
        msg = f"path: got {target}, expected a file in a folder that is there; make {target.parent} first"
        raise FileNotFoundError(msg)
    write_atomically(target, to_npz({"facts": np.array(json.dumps(facts)), **arrays}))


def read(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The fields of a decomposition that `save` wrote; errors are those of `result.load`."""
    target = _npz_path(path)
    try:
        content = target.read_bytes()
    except FileNotFoundError as error:
        msg = f"path: got {target}, expected a file that is there; check the name and the folder"
        raise FileNotFoundError(msg) from error
    try:
        arrays = dict(from_npz(content))
        facts = json.loads(str(arrays.pop("facts")))
        found = facts.get("format") if isinstance(facts, dict) else None
        earlier = (
            f", got {found!r} of another version of jaxdl; decompose the predictions again"
            if _is_of_family(found)
            else ""
        )
        _expect(found == FORMAT, f"the format {FORMAT!r}{earlier}")
        return _restored(facts, arrays)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        msg = f"path: got {target}, which is not a saved decomposition, or is damaged ({error!s:.200}), expected what "
        msg += "`Decomposition.save` wrote; save it again"
        raise ValueError(msg) from error


def _restored(facts: dict[str, Any], arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    """The fields that facts and arrays describe, each of the type and shape that it must have."""
    for name in (
        "sources",
        "fixed",
        "estimands",
        "populations",
        "axes",
        "study_notes",
        "setting_notes",
        "units",
        "strata",
    ):
        _expect(_are_words(facts[name]), f"a list of text as {name}")
    _expect(isinstance(facts["loss"], str), "the name of a loss")
    _expect(all(isinstance(term, str) or _are_words(term) for term in facts["terms"]), "names of terms")
    terms: list[Term] = [tuple(term) if isinstance(term, list) else term for term in facts["terms"]]
    _expect(
        0 < len(terms) == len(set(terms)) == len(facts["estimands"]) == len(facts["populations"]),
        "a text for each term",
    )
    _expect(set(facts["populations"]) <= set(POPULATIONS), f"populations among {POPULATIONS}")
    _expect(
        facts["axes"] == [name for name in ("settings", "times") if name in facts["axes"]],
        "axes among settings and times",
    )
    size = facts["training_size"]
    _expect(size is None or (_is_whole(size) and size > 0), "a whole number as training_size")
    diverged = [DescribedRun(*run) for run in facts["diverged"]]
    _expect(
        all(_is_whole(run.setting) and isinstance(run.description, str) for run in diverged), "runs with their settings"
    )
    design = _restored_design(facts)
    estimates = arrays["estimates"]
    axes = estimates.shape[1:]
    points = arrays["point_estimates"].shape[-1:]
    for name in GROUPS:
        wanted = (len(terms), *axes, *(points if name.startswith("point") else ()))
        _expect(arrays[name].dtype == np.float64 and arrays[name].shape == wanted, f"{name} of shape {wanted}")
    _expect(len(axes) == len(facts["axes"]), f"an axis of the estimates for each of {facts['axes']}")
    for unit in facts["units"]:
        values = arrays[f"replicates/{unit}"]
        _expect(
            values.dtype == np.float64 and values.shape[:1] + values.shape[2:] == (len(terms), *axes),
            f"replicates of {unit}",
        )
    for name in facts["strata"]:
        values = arrays[f"strata/{name}"]
        _expect(values.dtype == np.float64 and values.shape[1:] == axes, f"the strata's {name}")
    for name in ("settings", "times"):
        if name in arrays:
            length = axes[facts["axes"].index(name)] if name in facts["axes"] else None
            _expect(
                arrays[name].dtype.kind in "biuf" and arrays[name].shape == (length,), f"a number for each of {name}"
            )

    labels = facts.get("classes", [])  # files of earlier versions have none
    _expect(
        isinstance(labels, list) and all(map(_is_whole, labels)) and len(set(labels)) == len(labels),
        "classes by number",
    )
    if labels:
        of_points = arrays["classes"]
        _expect(of_points.dtype == np.int64 and of_points.shape == points, "a class for each point")
        _expect(sorted(labels) == np.unique(of_points).tolist(), "the classes of the points")
    for label in labels:
        for name in (*GROUPS[:5], *(f"replicates/{unit}" for unit in facts["units"])):
            whole, part = arrays[name], arrays[f"class {label}/{name}"]
            _expect(part.dtype == np.float64 and part.shape == whole.shape, f"{name} of class {label} as of all")

    def named(name: str) -> dict[Term, np.ndarray]:
        return {term: arrays[name][index, ...] for index, term in enumerate(terms)}

    return {
        "loss": facts["loss"],
        "design": design,
        "estimands": dict(zip(terms, facts["estimands"], strict=True)),
        "estimates": named("estimates"),
        "standard_errors": named("standard_errors"),
        "degrees_of_freedom": named("degrees_of_freedom"),
        "lower_ends": named("lower_ends"),
        "upper_ends": named("upper_ends"),
        "populations": dict(zip(terms, facts["populations"], strict=True)),
        "per_point": PerPoint(named("point_estimates"), named("point_errors")),
        "replicates": {unit: named(f"replicates/{unit}") for unit in facts["units"]},
        "strata": {name: arrays[f"strata/{name}"] for name in facts["strata"]},
        "axes": tuple(facts["axes"]),
        "settings": arrays.get("settings"),
        "times": arrays.get("times"),
        "training_size": size,
        "study_notes": tuple(facts["study_notes"]),
        "setting_notes": tuple(facts["setting_notes"]),
        "diverged": tuple(diverged),
        "classes": arrays["classes"] if labels else None,
        "of_classes": {
            label: Averages(
                replicates={unit: named(f"class {label}/replicates/{unit}") for unit in facts["units"]},
                **{name: named(f"class {label}/{name}") for name in GROUPS[:5]},
            )
            for label in labels
        },
    }


def _restored_design(facts: dict[str, Any]) -> Design:
    shape, paths = facts["shape"], facts["paths"]
    _expect(
        isinstance(shape, list) and all(_is_whole(count) and count > 0 for count in shape), "levels as whole numbers"
    )
    _expect(
        len(paths) == len(facts["sources"]) > 0 and all(path and all(_is_whole(i) for i in path) for path in paths),
        "a path for each source",
    )
    _expect({i for path in paths for i in path} == set(range(len(shape))), "paths over the axes of the design")
    return Design(tuple(facts["sources"]), tuple(shape), tuple(map(tuple, paths)), tuple(facts["fixed"]))


def _expect(is_right: bool, what: str) -> None:
    if not is_right:
        msg = f"expected {what}"
        raise ValueError(msg)


def _is_of_family(found: Any) -> bool:
    return isinstance(found, str) and found.startswith(FAMILY)


def _are_words(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(each, str) for each in value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def to_xarray(result: Record) -> "Dataset":
    """Variables `estimate`, `standard_error`, `low`, `high` over (term, setting, time), and `per_point` over points too."""
    try:
        import xarray
    except ImportError as error:
        msg = 'to_xarray needs xarray: pip install "jaxdl[xarray]"'
        raise ImportError(msg) from error
    terms = list(result.estimates)
    dims = ("term", *(axis.rstrip("s") for axis in result.axes))
    estimates, errors, _, low, high, point_estimates, point_errors = (
        np.stack([values[term] for term in terms]) for values in _arrays_by_term(result)
    )
    coordinates: dict[str, Any] = {
        "term": [label_of(term) for term in terms],
        "population": ("term", [result.populations[term] for term in terms]),
        "estimand": ("term", [result.estimands[term] for term in terms]),
    }
    if result.settings is not None:
        coordinates["setting"] = np.asarray(result.settings)
    if result.times is not None:
        coordinates["time"] = result.times
    return xarray.Dataset(
        {
            "estimate": (dims, estimates),
            "standard_error": (dims, errors),
            "low": (dims, low),
            "high": (dims, high),
            "per_point": ((*dims, "point"), point_estimates),
            "per_point_standard_error": ((*dims, "point"), point_errors),
        },
        coordinates,
        {"loss": result.loss, "notes": "; ".join(result.notes)},
    )


def _arrays_by_term(result: Record) -> tuple[dict[Term, np.ndarray], ...]:
    return (
        result.estimates,
        result.standard_errors,
        result.degrees_of_freedom,
        result.lower_ends,
        result.upper_ends,
        *result.per_point,
    )


def _npz_path(path: str | os.PathLike[str]) -> Path:
    """The file that a path names, `~` being the home folder; refuse what is no file, which would be lost, or never end."""
    target = as_path("path", path)
    if not target.name:
        msg = f"path: got {path!r}, expected the name of a file in that folder, such as {str(target / 'study.npz')!r}"
        raise ValueError(msg)
    target = target if target.suffix == ".npz" else target.with_name(target.name + ".npz")
    if target.exists() and not target.is_file():
        msg = f"path: got {target}, which is a folder or a device, expected the name of a file"
        raise ValueError(msg)
    return target

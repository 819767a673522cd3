"""Decompositions on disk, as `.npz` archives without pickle, and as labelled xarray data sets."""

import json
import os
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.result import Decomposition, PerPoint, label_of
from jaxdl.designs import Design

if TYPE_CHECKING:
    from xarray import Dataset

FORMAT = "jaxdl.decomposition/3"
GROUPS = ("estimates", "standard_errors", "degrees_of_freedom", "point_estimates", "point_errors")


class DescribedRun(NamedTuple):
    """What a file keeps of a run that diverged."""

    setting: int
    description: str

    def __str__(self) -> str:
        return self.description


def save(result: Decomposition, path: str | os.PathLike[str]) -> None:
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
    }
    groups = dict(zip(GROUPS, _arrays_by_term(result), strict=True))
    groups |= {f"replicates/{unit}": values for unit, values in result.replicates.items()}
    arrays: dict[str, Any] = {name: np.stack([values[term] for term in terms]) for name, values in groups.items()}
    if result.settings is not None:
        arrays["settings"] = np.asarray(result.settings)
    if result.times is not None:
        arrays["times"] = result.times
    if not target.parent.is_dir():
        msg = f"cannot write {target}: there is no folder {target.parent}"
        raise FileNotFoundError(msg)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            np.savez(file, facts=np.array(json.dumps(facts)), **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def load(path: str | os.PathLike[str]) -> Decomposition:
    """Read what `Decomposition.save` wrote; diverged runs come back as their descriptions.

    Raises:
        ValueError: when the file is no saved decomposition.
    """
    target = _npz_path(path)
    facts, arrays = {}, {}
    try:
        with np.load(target, allow_pickle=False) as archive:
            facts = json.loads(str(archive["facts"]))
            arrays = {name: archive[name] for name in archive.files if name != "facts"}
    except (ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        msg = f"{target} is not a saved decomposition, or is damaged: {error}"
        raise ValueError(msg) from error
    if facts.get("format") != FORMAT:
        msg = f"{target} is not a saved decomposition (format {facts.get('format')!r}, expected {FORMAT!r})"
        raise ValueError(msg)
    terms: list[Term] = [tuple(term) if isinstance(term, list) else term for term in facts["terms"]]

    def named(name: str) -> dict[Term, np.ndarray]:
        return {term: arrays[name][index, ...] for index, term in enumerate(terms)}

    return Decomposition(
        loss=facts["loss"],
        design=Design(
            tuple(facts["sources"]), tuple(facts["shape"]), tuple(map(tuple, facts["paths"])), tuple(facts["fixed"])
        ),
        estimands=dict(zip(terms, facts["estimands"], strict=True)),
        estimates=named("estimates"),
        standard_errors=named("standard_errors"),
        degrees_of_freedom=named("degrees_of_freedom"),
        populations=dict(zip(terms, facts["populations"], strict=True)),
        per_point=PerPoint(named("point_estimates"), named("point_errors")),
        replicates={unit: named(f"replicates/{unit}") for unit in facts["units"]},
        axes=tuple(facts["axes"]),
        settings=arrays.get("settings"),
        times=arrays.get("times"),
        training_size=facts["training_size"],
        study_notes=tuple(facts["study_notes"]),
        setting_notes=tuple(facts["setting_notes"]),
        diverged=tuple(DescribedRun(*run) for run in facts["diverged"]),
    )


def to_xarray(result: Decomposition) -> "Dataset":
    """Variables `estimate`, `standard_error`, `low`, `high` over (term, setting, time), and `per_point` over points too."""
    try:
        import xarray
    except ImportError as error:
        msg = 'to_xarray needs xarray: pip install "jaxdl[xarray]"'
        raise ImportError(msg) from error
    terms = list(result.estimates)
    dims = ("term", *(axis.rstrip("s") for axis in result.axes))
    estimates, errors, _, point_estimates, point_errors = (
        np.stack([values[term] for term in terms]) for values in _arrays_by_term(result)
    )
    bounds = [result.intervals[term] for term in terms]
    coordinates: dict[str, Any] = {
        "term": [label_of(term) for term in terms],
        "population": ("term", [result.populations[term] for term in terms]),
        "estimand": ("term", [result.estimand(term) for term in terms]),
    }
    if result.settings is not None:
        coordinates["setting"] = np.asarray(result.settings)
    if result.times is not None:
        coordinates["time"] = result.times
    return xarray.Dataset(
        {
            "estimate": (dims, estimates),
            "standard_error": (dims, errors),
            "low": (dims, np.stack([bound.low for bound in bounds])),
            "high": (dims, np.stack([bound.high for bound in bounds])),
            "per_point": ((*dims, "point"), point_estimates),
            "per_point_standard_error": ((*dims, "point"), point_errors),
        },
        coordinates,
        {"loss": result.loss, "notes": "; ".join(result.notes)},
    )


def _arrays_by_term(result: Decomposition) -> tuple[dict[Term, np.ndarray], ...]:
    return result.estimates, result.standard_errors, result.degrees_of_freedom, *result.per_point


def _npz_path(path: str | os.PathLike[str]) -> Path:
    target = Path(path)
    return target if target.suffix == ".npz" else target.with_name(target.name + ".npz")

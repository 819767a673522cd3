"""The program of a trial on the host: what the engine knows of it, the seeds of its runs, and their results in order."""

import json
import platform
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jaxtyping import Int

from jaxdl.admission import as_numbers
from jaxdl.designs import Design
from jaxdl.designs.keys import keys_at
from jaxdl.ensembles.identity import digest
from jaxdl.ensembles.on_host import HostTrial, version_of
from jaxdl.files import write_atomically
from jaxdl.types import Key, Run

SECONDS_PER_RECORD = 0.3
ROUNDING = 1e-4
"""Of the largest entry: by how much a run that is made again may differ, as where threads add up in another order."""


@dataclass(frozen=True, eq=False)
class HostProgram:
    """What the engine knows of a trial on the host, in place of a compiled `Program`."""

    trial: HostTrial
    design: Design
    key: Key
    first_setting: Any
    store: Path | None
    fresh: bool = False
    """What the store knows is not used."""
    block: int = 1
    inner: tuple[int, ...] = ()
    shapes: list[Any] = field(default_factory=list)
    """What a run returns, once that is known; before, nothing."""
    first: list[Any] = field(default_factory=list)
    """What the first run returned where it was made to learn the shapes, until it is made again."""

    @property
    def devices(self) -> tuple[jax.Device, ...]:
        """This process's first, which nothing runs on."""
        return (jax.local_devices()[0],)

    def identity(self, key: Key) -> dict[str, str]:
        """What the results of a run depend on, as far as it can be known, besides its levels and its setting."""
        sources = zip(self.design.sources, self.design.paths, strict=True)
        return {
            "root key": f"{jax.random.key_impl(key)} {np.asarray(jax.random.key_data(key)).tolist()}",
            "sources": " ".join(f"{name}{list(path)}" for name, path in sources),
            "block": "1",
            "trial": f"on the host, by name: {self.trial.name}",
            **self.trial.facts,
            "Python": platform.python_version(),
            **{f"version of {name}": version_of(name) for name in ("numpy", "jax", *self.trial.packages)},
        }

    @property
    def results(self) -> Any:
        """Shapes of what a run returns, with a leading axis of one: as the store says, else by making the first run."""
        self.learn_shapes()
        return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct((1, *leaf.shape), leaf.dtype), self.shapes[0])

    def check(self, result: Run, run: int) -> None:
        """Refuse a run that returns something else than all others, at any setting."""
        shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), tuple(result))
        if not self.shapes:
            self.shapes.append(shapes)
        if jax.tree.flatten(shapes) != jax.tree.flatten(self.shapes[0]):
            msg = f"trial: got {_told(shapes)} from run {run}, expected what others return, {_told(self.shapes[0])}; "
            raise ValueError(msg + "return one shape and type, and give another name to a function that changed")

    def learn_shapes(self) -> None:
        """Ask the store, or make the first run, where the shapes are not known."""
        if self.shapes:
            return
        known = None if self.store is None else self.store / f"shapes-{digest(self.identity(self.key))[:16]}.json"
        if known is not None and known.is_file() and not self.fresh:
            stored = _from_description(json.loads(known.read_text()))
            self.shapes.append(jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape[1:], leaf.dtype), stored))
            return
        _, results = next(computed_on_host(self, self.design, self.key, self.first_setting, np.arange(1)))
        self.first.append(jax.tree.map(lambda leaf: leaf[0], results))
        # The store's folder is there once runs are to be kept; a plan leaves none behind.
        if known is not None and known.parent.is_dir() and _is_plain(self.shapes[0]):
            write_atomically(known, json.dumps(_description(self.results)).encode())


def computed_on_host(
    program: HostProgram, design: Design, key: Key, setting: Any, runs: Int[np.ndarray, " runs"]
) -> Iterator[tuple[Int[np.ndarray, " runs"], Any]]:
    """The given runs in their order with their results, in batches of a moment each, at least one run."""
    if program.trial.made_twice and len(runs) > 1:
        program.learn_shapes()
    arguments = () if setting is None else (setting,)
    results = program.trial.runs(zip(_names_of(design, runs), seeds_at(design, key, runs), strict=True), arguments)
    batch: list[Any] = []
    done, clock = 0, time.monotonic()
    try:
        for result in results:
            run = int(runs[done + len(batch)])
            program.check(result, run)
            if run == 0 and program.first and setting is program.first_setting and key is program.key:
                _warn_of_difference(program.first.pop(), tuple(result))
            batch.append(tuple(result))
            if time.monotonic() - clock > SECONDS_PER_RECORD:
                yield runs[done : done + len(batch)], _stacked(batch)
                done, batch, clock = done + len(batch), [], time.monotonic()
    except Exception:  # what was computed before it is kept
        if batch:
            yield runs[done : done + len(batch)], _stacked(batch)
        raise
    if batch:
        yield runs[done:], _stacked(batch)


def seeds_at(design: Design, key: Key, runs: Int[np.ndarray, " runs"]) -> Iterator[dict[str, int]]:
    """The seeds of each run: 32 random bits of the key that a compiled trial has for each source."""

    def bits(levels: Any) -> dict[str, jax.Array]:
        return {name: jax.random.bits(each, dtype=np.uint32) for name, each in keys_at(design, key, levels).items()}

    # In one mode of jax, as the identity of a study does not tell of it: a level would have two seeds in one store.
    with jax.threefry_partitionable(True):
        drawn = {name: np.asarray(each) for name, each in jax.jit(jax.vmap(bits))(design.levels(runs)).items()}
    return ({name: int(each[index]) for name, each in drawn.items()} for index in range(len(runs)))


def _names_of(design: Design, runs: Int[np.ndarray, " runs"]) -> Iterator[str]:
    """Each run by its number and levels, as a diverged one is named: `run 4 (data 0, init 4)`."""
    for run, levels in zip(runs, design.levels(runs), strict=True):
        at = ", ".join(f"{factor} {level}" for factor, level in zip(design.factors, levels, strict=True))
        yield f"run {run} ({at})"


def _warn_of_difference(once: Any, again: Any) -> None:
    """Say so where a run that was made twice differs by more than rounding."""
    pairs = list(zip(jax.tree.leaves(once), jax.tree.leaves(again), strict=True))
    sizes = [max(np.abs(leaf).max(initial=0, where=np.isfinite(leaf)), np.finfo(float).tiny) for leaf, _ in pairs]
    if all(
        np.allclose(one, other, rtol=0, atol=ROUNDING * size, equal_nan=True)
        for (one, other), size in zip(pairs, sizes, strict=True)
    ):
        return
    warnings.warn(
        "trial: got two results of the first run, which was made twice, expected the same from the same seeds: it draws from "
        "something else, and what is measured of one source is in part that of another. Seed all that is random: "
        "random_state=seed, torch.manual_seed(seed)",
        stacklevel=2,
    )


def _told(shapes: Any) -> str:
    return str(jax.tree.map(lambda leaf: (leaf.shape, str(leaf.dtype)), shapes))


def _stacked(batch: list[Any]) -> Any:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *batch)


def settings_on_host(settings: Any) -> Any:
    """Settings as host arrays of the types that they have, which a trial cannot write to."""

    def admitted(leaf: Any) -> np.ndarray:
        is_complex = isinstance(leaf, np.ndarray) and np.iscomplexobj(leaf)
        array = np.array(leaf if is_complex else as_numbers("settings", leaf))
        array.flags.writeable = False
        return array

    return jax.tree.map(admitted, settings)


def _is_plain(shapes: Any) -> bool:
    """Whether JSON can hold the containers: other keys than strings would come back as strings, in another order."""
    if type(shapes) is dict:
        return all(isinstance(name, str) for name in shapes) and all(map(_is_plain, shapes.values()))
    if type(shapes) is tuple:
        return all(map(_is_plain, shapes))
    return shapes is None or isinstance(shapes, jax.ShapeDtypeStruct)


def _description(shapes: Any) -> Any:
    """Dicts and tuples of shapes, for JSON."""
    if isinstance(shapes, dict):
        return {"dict": {name: _description(each) for name, each in shapes.items()}}
    if isinstance(shapes, tuple):
        return {"tuple": [_description(each) for each in shapes]}
    return None if shapes is None else [list(shapes.shape), str(shapes.dtype)]


def _from_description(found: Any) -> Any:
    if isinstance(found, dict):
        ((kind, parts),) = found.items()
        if kind == "dict":
            return {name: _from_description(each) for name, each in parts.items()}
        return tuple(map(_from_description, parts))
    return None if found is None else jax.ShapeDtypeStruct(tuple(found[0]), found[1])

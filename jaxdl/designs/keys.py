"""The keys of a run: one for each source, from the root key, the source's name and its level."""

import zlib
from collections.abc import Iterator, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from jaxdl.designs.layout import Design
from jaxdl.kinds import as_count
from jaxdl.types import Key, Keys


def keys_of_run(design: Design, key: Key, run: int) -> dict[str, Key]:
    """The keys of run number `run` in a study with the root key `key`.

    >>> from jaxdl.designs import crossed
    >>> first, second = (keys_of_run(crossed(data=3, init=2), jax.random.key(0), run) for run in (0, 1))
    >>> bool(first["data"] == second["data"]), bool(first["init"] == second["init"])
    (True, False)
    """
    run = as_count("run", run, low=0, high=design.num_runs - 1, remedy=f"this design has {design.num_runs} runs")
    return keys_at(design, key, jnp.asarray(design.levels(np.array([run]))[0]))


def keys_at(design: Design, key: Key, levels: Int[Array, " factors"], inner: Sequence[int] = ()) -> dict[str, Array]:
    """One key for each source: `fold_in(fold_in(key, crc32(name)), level)`, folding in the whole path when nested.

    For factors in `inner` (axes of the table) the key gets a leading axis that runs over all levels of that factor.
    """

    def source_key(name: str, path: tuple[int, ...]) -> Array:
        def descend(key: Array, remaining: tuple[int, ...]) -> Array:
            if not remaining:
                return key
            axis, *rest = remaining
            if axis not in inner:
                return descend(jax.random.fold_in(key, levels[axis]), tuple(rest))
            every_level = jnp.arange(design.shape[axis], dtype=levels.dtype)
            return jax.vmap(lambda level: descend(jax.random.fold_in(key, level), tuple(rest)))(every_level)

        return descend(jax.random.fold_in(key, np.uint32(zlib.crc32(name.encode()))), path)

    return {name: source_key(name, path) for name, path in zip(design.sources, design.paths, strict=True)}


class RecordedKeys:
    """Keys that remember which sources were asked for, and refuse sources that the design lacks."""

    def __init__(self, keys: dict[str, Array]):
        self._keys = keys
        self.names_read: set[str] = set()

    def __getitem__(self, name: Any) -> Array:
        if not isinstance(name, str):
            msg = f"got keys[{name!r}] in the trial; a source of randomness is read by its name, one of {sorted(self._keys)}"
            raise ValueError(msg)
        if name not in self._keys:
            msg = (
                f"the trial reads the source {name!r}, but the design has only {sorted(self._keys)}. Add {name!r} to the "
                f"design, or let it follow a source that is there: designs.tied(keys, {name}={list(self._keys)[-1]!r})"
            )
            raise ValueError(msg)
        self.names_read.add(name)
        return self._keys[name]

    def __contains__(self, name: object) -> bool:
        return name in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def keys(self) -> Iterator[str]:
        """The names, so that `dict(keys)` has all keys."""
        return iter(self._keys)

    def __getattr__(self, name: str) -> Any:
        msg = f"got keys.{name} in the trial; read a source by its name, keys[{sorted(self._keys)[0]!r}]"
        raise AttributeError(msg)


class _TiedKeys:
    """`keys` with further sources, each derived from one that is there."""

    def __init__(self, keys: Keys, followed: dict[str, str]):
        self._keys = keys
        self._followed = followed

    def __getitem__(self, name: str) -> Array:
        if name not in self._followed:
            return self._keys[name]
        return jax.random.fold_in(self._keys[self._followed[name]], np.uint32(zlib.crc32(name.encode())))

    def __contains__(self, name: object) -> bool:
        return name in self._followed or name in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter([*self._keys, *self._followed])

    def keys(self) -> Iterator[str]:
        """The names, so that `dict(keys)` has all keys."""
        return iter(self)


def tied(keys: Keys, **followed: str) -> Keys:
    """Let a source vary together with another: `tied(keys, order="init")` draws the minibatch order from `init`'s level.

    The new source has a key of its own, folded from the followed one by its name, so no key is used twice.

    >>> keys = tied({"init": jax.random.key(0)}, order="init")
    >>> "order" in keys, bool(keys["order"] == keys["init"])
    (True, False)
    """
    missing = sorted(set(followed.values()) - set(keys))
    if missing:
        msg = f"cannot tie {followed} to {missing}: the sources here are {sorted(keys)}"
        raise ValueError(msg)
    return _TiedKeys(keys, followed)

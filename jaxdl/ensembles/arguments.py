"""The arguments of a study: what does not fit is refused, or warned about, before anything runs."""

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxdl.admission import as_numbers
from jaxdl.designs import Design
from jaxdl.ensembles.program import Program
from jaxdl.kinds import shown
from jaxdl.narrowing import as_type
from jaxdl.types import Key


def count_settings(settings: Any) -> int:
    """The length of the leading axis that all leaves of `settings` share; 1 without settings."""
    if settings is None:
        return 1
    shapes = [np.shape(leaf) for leaf in jax.tree.leaves(settings)]
    if not shapes or any(len(shape) == 0 or shape[0] != shapes[0][0] for shape in shapes) or shapes[0][0] == 0:
        msg = (
            f"settings: got shapes {shapes}, expected the same, non-empty leading axis in every leaf, one entry for each setting; "
            "pass jnp.array([0.1, 1.0]), not a list"
        )
        raise ValueError(msg)
    return shapes[0][0]


def admitted_settings(settings: Any) -> Any:
    """Settings as arrays of the types in which they run; warned about where those cannot hold their values."""

    def admitted(leaf: Any) -> Any:
        if isinstance(leaf, jax.Array):
            return leaf
        if isinstance(leaf, np.ndarray) and np.iscomplexobj(leaf):
            return leaf.astype(jax.dtypes.canonicalize_dtype(leaf.dtype))
        array = as_numbers("settings", leaf)
        dtype = jax.dtypes.canonicalize_dtype(array.dtype)
        try:
            return as_type("settings", array, dtype)
        except ValueError as error:
            with np.errstate(over="ignore"):
                narrowed = array.astype(dtype)
            changed = np.flatnonzero(narrowed != array)[0]
            warnings.warn(
                f"{error}. The runs use {narrowed.flat[changed].item()!r} for {array.flat[changed].item()!r}",
                stacklevel=level_of_caller(),
            )
            return narrowed

    return jax.tree.map(admitted, settings)


def setting_at(settings: Any, index: int) -> Any:
    """One slice of the settings."""
    return jax.tree.map(lambda leaf: leaf[index], settings)


def inner_axes_of(design: Design, inner: Sequence[str]) -> tuple[int, ...]:
    """The axes of the sources that the trial handles itself, which are the last ones."""
    if isinstance(inner, str):
        msg = f"inner: got {inner!r}, expected a tuple of sources; pass inner=({inner!r},)"
        raise ValueError(msg)
    if not inner:
        return ()
    last = design.sources[-len(inner) :]
    if tuple(inner) != last or len(design.sources) != len(design.shape) or len(inner) == len(design.sources):
        msg = (
            f"inner: got {inner}, expected the last sources of a crossed or nested design's {design.sources}, not all of them; "
            "put shared sources last in the design"
        )
        raise ValueError(msg)
    return tuple(range(len(design.shape) - len(inner), len(design.shape)))


def check_key(key: Key) -> None:
    """Refuse anything but a root key, and keys whose random numbers change under vmap."""
    if not jax.dtypes.issubdtype(getattr(key, "dtype", None), jax.dtypes.prng_key) or key.shape != ():
        msg = f"key: got {shown(key)}, expected one new-style root key; pass jax.random.key(0)"
        raise ValueError(msg)
    if "rbg" in str(jax.random.key_impl(key)):
        msg = (
            "key: got an 'rbg' key, whose random numbers change under vmap, expected another kind; pass "
            "jax.random.key(0, impl='threefry2x32')"
        )
        raise ValueError(msg)


def warn_of_idleness(design: Design, program: Program, devices: tuple[jax.Device, ...]) -> None:
    """Warn about sources that the trial never reads, and about cores that have no device."""
    ignored = [name for name in design.sources if name not in program.names_read]
    if ignored:
        warnings.warn(
            f"the trial never reads the source{'s' if len(ignored) > 1 else ''} {ignored}, which the design varies: components "
            "that involve them are exactly zero. Read keys[name] in the trial, or leave the source out of the design",
            stacklevel=level_of_caller(),
        )
    if devices[0].platform == "cpu" and len(devices) == 1:
        warnings.warn(
            "this process has one CPU device, so cores stay idle and last bits may differ from other machines'. Call "
            "jaxdl.ensembles.use_cpu_devices() before anything else computes",
            stacklevel=level_of_caller(),
        )


def level_of_caller() -> int:
    """The level of the stack, as `warnings` counts it from our caller, of the first one outside of the library."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in ("jaxdl", "jax"):
        frame, level = frame.f_back, level + 1
    return level

"""What makes two studies the same: everything that the bits of a run depend on, except its levels and its setting.

Numbers of levels and values of settings are left out, so that a study can grow; each stored run is filed under its levels
and its setting.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

import flax
import jax
import jaxlib
import numpy as np
import optax

from jaxdl.designs import Design
from jaxdl.ensembles.devices import compiler_options
from jaxdl.types import Key

OPTIONS = (
    "jax_enable_x64",
    "jax_default_matmul_precision",
    "jax_threefry_partitionable",
    "jax_numpy_dtype_promotion",
    "jax_debug_nans",
)
"""Options of jax that change what is compiled."""


def identity_of(
    trial: str,
    design: Design,
    inner: tuple[int, ...],
    block: int,
    devices: tuple[jax.Device, ...],
    root: Key,
) -> dict[str, str]:
    """The parts of a study's identity by name.

    Args:
        trial: the digest of its lowering, `lowering_digest`.
        design: the study's; its sources and their nesting count.
        inner: axes of the design that the trial handles itself.
        block: runs that are vectorised together.
        devices: their kind counts, and whether there are several, as one alone compiles to other last bits.
        root: the root key.
    """
    return {
        "root key": f"{jax.random.key_impl(root)} {np.asarray(jax.random.key_data(root)).tolist()}",
        "sources": " ".join(f"{name}{list(path)}" for name, path in zip(design.sources, design.paths, strict=True)),
        "inner sources": str(list(inner)),
        "block": str(block),
        "devices": f"{'several' if len(devices) > 1 else 'one'}, {devices[0].platform} {devices[0].device_kind}",
        "XLA_FLAGS": os.environ.get("XLA_FLAGS", ""),
        "compiler options": str(compiler_options(devices)),
        "options": ", ".join(f"{name}={getattr(jax.config, name)}" for name in OPTIONS),
        "versions": f"jax {jax.__version__}, jaxlib {jaxlib.__version__}, flax {flax.__version__}, optax {optax.__version__}",
        "trial": trial,
    }


def lowering_digest(lowered: jax.stages.Lowered) -> str:
    """One word for what a block computes, from its lowering for one device.

    That holds every constant of the trial and no place in a source file: it changes with what is computed and not with where
    that is written.
    """
    return hashlib.sha256(lowered.as_text().encode()).hexdigest()


def digest(identity: Mapping[str, str]) -> str:
    """One word for an identity: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def setting_digest(setting: Any) -> str:
    """One word for a setting's structure, types and values; without settings that of `None`."""
    leaves, structure = jax.tree.flatten(setting)
    arrays = [np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf) for leaf in leaves]
    told = hashlib.sha256(str(structure).encode())
    for array in arrays:
        told.update(f"{array.dtype} {array.shape} ".encode())
        told.update(array.tobytes())
    return told.hexdigest()[:16]


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(getattr(leaf, "dtype", None), jax.dtypes.prng_key)

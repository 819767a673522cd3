"""The identity of a study: everything that the bits of a run depend on, except its levels and its setting.

Numbers of levels and values of settings are left out, so that a study can grow; each stored run is filed under its levels
and its setting.
"""

import hashlib
import importlib.metadata
import json
import os
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxdl.designs import Design
from jaxdl.ensembles.devices import compiler_options
from jaxdl.ensembles.processor import processor
from jaxdl.types import Key

OPTIONS = tuple(
    name
    for name in (
        # Of the program that is traced.
        "jax_enable_x64", "jax_explicit_x64_dtypes", "jax_numpy_dtype_promotion", "jax_default_matmul_precision",
        "jax_allow_f16_reductions", "jax_enable_custom_prng", "jax_random_seed_offset", "jax_threefry_partitionable",
        "jax_threefry_gpu_kernel_lowering", "jax_high_dynamic_range_gumbel", "jax_accurate_erf_inv", "jax_softmax_custom_jvp",
        "jax_use_hlo_logistic_lowering", "jax_use_direct_linearize", "jax_use_simplified_jaxpr_constants",
        "jax_embedded_constants_max_bytes", "jax_remat3", "jax_scan3", "jax_custom_jvp3", "jax_custom_vjp3",
        "jax_remat_barrier_no_cotangents", "jax_debug_nans", "jax_debug_infs",
        "jax_error_checking_behavior_nan", "jax_error_checking_behavior_divide", "jax_error_checking_behavior_oob",
        # Of what the compiler makes of it.
        "jax_use_shardy_partitioner", "jax_optimization_level", "jax_memory_fitting_level", "jax_exec_time_optimization_effort",
        "jax_memory_fitting_effort", "jax_disable_most_optimizations", "jax_compiler_enable_remat_pass",
        "jax_xla_profile_version", "jax_enable_pgle", "jax_pgle_profiling_runs", "jax_use_magma",
        "jax_bcoo_cusparse_lowering", "jax_ragged_dot_use_ragged_dot_instruction",
        "jax_ragged_dot_use_gpu_pallas_triton_lowering", "jax_pallas_use_mosaic_gpu",
    )
    if hasattr(jax.config, name)
)  # fmt: skip
"""Options of this version of jax that change what is compiled."""
VARIABLES = ("XLA_FLAGS", "LIBTPU_INIT_ARGS", "NVIDIA_TF32_OVERRIDE", "OPENBLAS_CORETYPE")
"""Variables of the environment that choose other instructions, or other libraries' kernels."""


def identity_of(
    trial: str,
    design: Design,
    inner: tuple[int, ...],
    block: int,
    devices: tuple[jax.Device, ...],
    key: Key,
) -> dict[str, str]:
    """The parts of a study's identity by name.

    Args:
        trial: the digest of its lowering, `lowering_digest`, and those of the arrays that it closes over.
        design: the study's; its sources and their nesting count.
        inner: axes of the design that the trial handles itself.
        block: runs that are vectorised together.
        devices: their kind counts, with the processor or the driver below them, and whether there are several, as one alone
            compiles to other last bits.
        key: the root key.
    """
    return {
        "root key": f"{jax.random.key_impl(key)} {np.asarray(jax.random.key_data(key)).tolist()}",
        "sources": " ".join(f"{name}{list(path)}" for name, path in zip(design.sources, design.paths, strict=True)),
        "inner sources": str(list(inner)),
        "block": str(block),
        "devices": f"{'several' if len(devices) > 1 else 'one'}, {_hardware(devices[0])}",
        **{name: os.environ.get(name, "") for name in VARIABLES},
        "compiler options": str(compiler_options(devices)),
        **{name: str(getattr(jax.config, name)) for name in OPTIONS},
        "jax_disable_most_optimizations": str(jax.config.read("jax_disable_most_optimizations")),
        # SciPy's because jax calls its LAPACK.
        **{
            f"version of {each}": importlib.metadata.version(each)
            for each in ("jax", "jaxlib", "scipy", "flax", "optax")
        },
        "trial": trial,
    }


def _hardware(device: jax.Device) -> str:
    below = processor() if device.platform == "cpu" else " ".join(device.client.platform_version.split())
    return f"{device.platform} {device.device_kind}, {below}"


def digest(identity: Mapping[str, str]) -> str:
    """One word for an identity: 64 hexadecimal digits."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def array_digest(array: Any) -> str:
    """One word for an array's type, shape and values.

    >>> array_digest(np.zeros(2)) == array_digest(np.zeros(2)), array_digest(np.zeros(2)) == array_digest(-np.zeros(2))
    (True, False)
    """
    values = np.asarray(array)
    word = hashlib.sha256(f"{values.dtype} {values.shape} ".encode())
    word.update(np.ascontiguousarray(values).view(np.uint8).data)
    return word.hexdigest()


def setting_digest(setting: Any) -> str:
    """One word for a setting's structure, types and values; without settings that of `None`."""
    leaves, structure = jax.tree.flatten(setting)
    arrays = [np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf) for leaf in leaves]
    summary = hashlib.sha256(str(structure).encode())
    for array in arrays:
        summary.update(f"{array.dtype} {array.shape} ".encode())
        summary.update(array.tobytes())
    return summary.hexdigest()[:16]


def _is_key(leaf: Any) -> bool:
    return jax.dtypes.issubdtype(getattr(leaf, "dtype", None), jax.dtypes.prng_key)

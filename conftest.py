"""Shared test settings: double precision, no silent broadcasting of ranks, two CPU devices, a compilation cache."""

import os
import tempfile

import jax
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_compilation_cache_dir", os.path.join(tempfile.gettempdir(), "jaxdl-test-cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


collect_ignore = ["tests/ensembles/worker.py"]  # a program of its own, not a module with doctests


@pytest.fixture
def key():
    """A fixed root key."""
    return jax.random.key(0)

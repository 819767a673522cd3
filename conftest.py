"""Shared test settings: double precision, no silent broadcasting of ranks, two CPU devices, a compilation cache."""

import gc
import os
import socket
import tempfile

# Several workers share an accelerator, of which each would take three quarters.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

import jax
import jaxtyping
import pytest

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_compilation_cache_dir", os.path.join(tempfile.gettempdir(), "jaxdl-test-cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


LARGE = 2**28
resident_after = 0

# Programs of their own, not modules with doctests.
collect_ignore = [
    "tests/programs/lapack_worker.py",
    "tests/ensembles/worker.py",
    "tests/ensembles/study_worker.py",
    "tests/estimators/forest_worker.py",
]


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Nothing in jaxdl connects to anything; the tests of several processes start them with sockets of their own."""

    def refuse(_, address):
        msg = f"a test tried to connect to {address}"
        raise AssertionError(msg)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket.socket, "connect_ex", refuse)


@pytest.fixture(autouse=True, scope="module")
def freed_programs():
    """Frees what the tests have compiled, now and then: a worker's memory would grow with every program."""
    global resident_after
    yield
    if resident_bytes() > resident_after + LARGE:
        jax.clear_caches()
        gc.collect()
        resident_after = resident_bytes()


def resident_bytes():
    """Memory of this process now; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


@pytest.fixture
def key():
    """A fixed root key."""
    return jax.random.key(0)


@pytest.fixture
def unchecked():
    """Without jaxtyping's checks, as users run: the library's own errors must say what is wrong."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)

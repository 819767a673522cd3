"""Decompositions in an ensemble wait for nothing: batches become loops, with the bits that each matrix has alone."""

import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import jax.scipy.linalg as sl
import numpy as np
import pytest
from jax.extend.core import jaxpr_as_fun

from jaxdl import designs
from jaxdl.ensembles.program import trace_program
from jaxdl.programs.lapack import batches_lapack, one_matrix_at_a_time

WORKER = Path(__file__).with_name("lapack_worker.py")

FACTORS, VECTORS = (np.random.default_rng(seed).normal(size=(4, 5, *rest)) for seed, rest in ((0, (5,)), (1, ())))
MATRICES = FACTORS @ FACTORS.swapaxes(1, 2) + np.eye(5)


def in_a_loop(a, b):
    return jax.lax.scan(lambda x, _: (jnp.linalg.solve(a, x), jnp.linalg.eigvalsh(a)), b, length=2)


def in_a_branch(a, b):
    return jax.lax.cond(b[0] > 0, lambda: jnp.linalg.svd(a, compute_uv=False), lambda: b)


def while_running(a, _):
    return jax.lax.while_loop(
        lambda state: state[1] < 2, lambda state: (jnp.linalg.cholesky(state[0] @ state[0].T), state[1] + 1), (a, 0)
    )[0]


def in_a_gradient(a, _):
    return jax.grad(jax.checkpoint(lambda a: jnp.linalg.slogdet(a)[1]))(a)


def in_a_batch_of_its_own(a, _):
    return jax.vmap(lambda scale: jnp.linalg.inv(scale * a))(jnp.arange(1.0, 4.0))


PROGRAMS = {
    "solve": lambda a, b: jnp.linalg.solve(a, b),
    "cholesky": lambda a, b: jnp.linalg.cholesky(a),
    "eigh": lambda a, b: jnp.linalg.eigh(a),
    "eig": lambda a, b: jnp.linalg.eig(a),
    "svd": lambda a, b: jnp.linalg.svd(a),
    "qr": lambda a, b: jnp.linalg.qr(a),
    "qr with pivots": lambda a, b: sl.qr(a, pivoting=True),
    "lstsq": lambda a, b: jnp.linalg.lstsq(a, b)[0],
    "det": lambda a, b: jnp.linalg.det(a),
    "inverse": lambda a, b: jnp.linalg.inv(a),
    "schur": lambda a, b: sl.schur(a),
    "hessenberg": lambda a, b: sl.hessenberg(a),
    "expm": lambda a, b: sl.expm(a),
    "triangular": lambda a, b: sl.solve_triangular(a, b),
    "tridiagonal": lambda a, b: jax.lax.linalg.tridiagonal(a),
    "tridiagonal solve": lambda a, b: jax.lax.linalg.tridiagonal_solve(b / 9, b + 9, b / 9, b[:, None]),
    "eigh of a tridiagonal": lambda a, b: sl.eigh_tridiagonal(b, b[:-1]),
    "normal numbers": lambda a, b: jax.random.multivariate_normal(jax.random.key(0), b, a),
    "in a loop": in_a_loop,
    "in a branch": in_a_branch,
    "while running": while_running,
    "in a gradient": in_a_gradient,
    "in a batch of its own": in_a_batch_of_its_own,
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", PROGRAMS)
def test_batches_become_loops_with_the_same_bits(name):
    program = jax.make_jaxpr(jax.vmap(PROGRAMS[name]))(MATRICES, VECTORS)
    looped = one_matrix_at_a_time(program)
    assert batches_lapack(program)
    assert not batches_lapack(looped)
    for expected, result in zip(
        jax.jit(jaxpr_as_fun(program))(MATRICES, VECTORS), jax.jit(jaxpr_as_fun(looped))(MATRICES, VECTORS), strict=True
    ):
        assert np.isfinite(expected).all()
        np.testing.assert_array_equal(result, expected)


def test_a_program_without_batches_is_left_as_it_is():
    program = jax.make_jaxpr(lambda a: jnp.tanh(jnp.linalg.inv(a)))(MATRICES[0])
    assert one_matrix_at_a_time(program) is program


@pytest.mark.parametrize("block", [1, 8])
def test_no_program_of_the_engine_batches_lapack_where_that_hangs(block):
    def trial(keys):
        return jax.vmap(jnp.linalg.solve)(jax.random.normal(keys["data"], (2, 3, 3)), jnp.ones((2, 3)))

    devices = tuple(jax.devices())
    program = trace_program(trial, designs.independent(16, "data"), (), block, devices, jax.random.key(0), None)
    assert batches_lapack(program.one_block.jaxpr) == (jax.__version_info__ >= (0, 12))
    assert program.executable.devices == devices


def stands_still(devices, seed, count, seconds):
    """The trial at which the worker stood still, or None."""
    try:
        done = subprocess.run(
            [sys.executable, WORKER, *map(str, (devices, seed, count))],
            capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as expired:
        return (expired.stdout or b"").decode().splitlines()[-1:]
    assert done.stdout.endswith("finished\n"), done.stderr
    return None


@pytest.mark.thorough
@pytest.mark.parametrize("devices", [1, 2])
def test_trials_that_call_lapack_many_times_never_stand_still(devices):
    assert stands_still(devices, seed=devices, count=3, seconds=120) is None


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("devices", [1, 2, 4, 8])
def test_no_drawn_trial_stands_still(devices, seed):
    assert stands_still(devices, seed=100 + seed, count=10, seconds=300) is None

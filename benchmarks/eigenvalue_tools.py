"""Eigenvalues of the same operators by every tool, through its own public interface.

Each is set as well as its own arguments allow, rather than by its defaults, and asked for as many of the ten outermost
eigenvalues as it can give. A tool that is not installed is found out when it is first asked.
"""

import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np
from jax.experimental.sparse.linalg import lobpcg_standard
from jax.flatten_util import ravel_pytree
from jaxtyping import Bool, Float

from benchmarks.torture import Case, Quadratic
from jaxdl.curvature import eigenpairs
from jaxdl.curvature.spectra import Eigenpairs

COUNT = 5
"""Eigenvalues at each end."""
LOBPCG_STEPS = 300
ARPACK_CYCLES = 300
"""Its default, ten for each dimension, can take many minutes."""

CURVLINOPS = ("curvlinops-for-pytorch", "scipy")


class Found(NamedTuple):
    """What a tool returned."""

    values: Float[np.ndarray, " found"]
    exact: Float[np.ndarray, " found"]
    """What each of them claims to be."""
    certified: Bool[np.ndarray, " found"] | None
    """What the tool says has converged; `None` where it says nothing."""
    num_asked: int


class Tool(NamedTuple):
    """A way to compute eigenvalues, at both ends unless told otherwise."""

    label: str
    settings: str
    packages: tuple[str, ...]
    solve: Callable[[Case, int], Found]


def at_both_ends(case: Case, top: Any, bottom: Any, certified: Any = None) -> Found:
    """From the largest values, the largest first, and the smallest, the smallest first."""
    top, bottom = np.asarray(top, float), np.asarray(bottom, float)
    exact = np.r_[case.values[: len(top)], case.values[::-1][: len(bottom)]]
    flags = None if certified is None else np.asarray(certified, bool)
    return Found(np.r_[top, bottom], exact, flags, 2 * COUNT)


@jax.jit
def _ours(problem: Any, key: Any) -> Eigenpairs:
    return eigenpairs(*problem.operator(), key, top=COUNT, bottom=COUNT, dense_size=0)


def ours(case: Case, seed: int) -> Found:
    pairs = _ours(case.problem, jax.random.key(seed))
    flags = np.r_[pairs.converged[:COUNT], pairs.converged[COUNT:][::-1]]
    return at_both_ends(case, pairs.values[:COUNT], pairs.values[COUNT:][::-1], flags)


def pyhessian(case: Case, seed: int) -> Found:
    """Power iteration with deflation: the largest magnitudes only, and no word on convergence."""
    import torch
    from pyhessian import hessian

    torch.manual_seed(seed)
    model, criterion, x, y = _in_torch(case)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, that gradients with a graph refer to themselves
        values, _ = hessian(model, criterion, data=(x, y), cuda=False).eigenvalues(1000, 1e-6, COUNT)
    return Found(np.sort(values)[::-1], case.largest(len(values)), None, COUNT)


def hessian_eigenthings(num_steps: int) -> Callable[[Case, int], Found]:
    """Unrestarted Lanczos, once for each end."""

    def solve(case: Case, seed: int) -> Found:
        from hessian_eigenthings import HessianOperator, lanczos

        model, criterion, x, y = _in_torch(case)
        operator = HessianOperator(model, [(x, y)], lambda model, batch: criterion(model(batch[0]), batch[1]))
        ends = [lanczos(operator, k=COUNT, max_iter=num_steps, which=which, seed=seed) for which in ("LA", "SA")]
        flags = np.r_[ends[0].converged.numpy(), ends[1].converged.numpy()]
        return at_both_ends(case, *(end.eigenvalues.numpy() for end in ends), flags)

    return solve


def curvlinops(tolerance: float) -> Callable[[Case, int], Found]:
    """SciPy's ARPACK on curvlinops' operator; it raises unless all has converged."""

    def solve(case: Case, seed: int) -> Found:
        from curvlinops import HessianLinearOperator
        from scipy.sparse.linalg import eigsh

        model, criterion, x, y = _in_torch(case)
        operator = HessianLinearOperator(model, criterion, list(model.parameters()), [(x, y)]).to_scipy()
        start = np.random.default_rng(seed).normal(size=operator.shape[0]).astype(operator.dtype)
        values = eigsh(
            operator, 2 * COUNT, which="BE", v0=start, tol=tolerance, maxiter=ARPACK_CYCLES, return_eigenvectors=False
        )
        values = np.sort(values)
        return at_both_ends(case, values[: -COUNT - 1 : -1], values[:COUNT], np.ones(2 * COUNT))

    return solve


def matfree(num_steps: int) -> Callable[[Case, int], Found]:
    """All Ritz values of one Krylov space, unflagged, of which the ends are taken."""

    def solve(case: Case, seed: int) -> Found:
        from matfree import decomp, eig

        matvec, like = case.problem.operator()
        start = _random_like(like, seed)
        values, _ = jax.jit(lambda start: eig.eigh_partial(decomp.tridiag_sym(num_steps))(matvec, start))(start)
        values = np.asarray(values)
        return at_both_ends(case, values[: -COUNT - 1 : -1], values[:COUNT])

    return solve


def lobpcg(case: Case, seed: int) -> Found:
    """JAX's own: the largest only. It stops before its last step when all has converged."""
    matvec, like = case.problem.operator()
    flat, unravel = ravel_pytree(like)
    start = jax.random.normal(jax.random.key(seed), (flat.size, COUNT), flat.dtype)
    columns = jax.vmap(lambda column: ravel_pytree(matvec(unravel(column)))[0], 1, 1)
    values, _, num_steps = lobpcg_standard(columns, start, LOBPCG_STEPS)
    flags = np.full(COUNT, int(num_steps) < LOBPCG_STEPS)
    return at_both_ends(case, values, [], flags)._replace(num_asked=COUNT)


def tools() -> tuple[Tool, ...]:
    """Ours first."""
    return (
        Tool("jaxdl", "defaults, but never dense", ("jaxdl", "jax"), ours),
        Tool("PyHessian", "maxIter=1000, tol=1e-6; by magnitude", ("PyHessian", "torch"), pyhessian),
        Tool("hessian-eigenthings, 50", "max_iter=50", ("hessian-eigenthings",), hessian_eigenthings(50)),
        Tool("hessian-eigenthings, 100", "max_iter=100", ("hessian-eigenthings",), hessian_eigenthings(100)),
        Tool("curvlinops, SciPy", f"eigsh(tol=0, maxiter={ARPACK_CYCLES})", CURVLINOPS, curvlinops(0.0)),
        Tool("curvlinops, SciPy, loose", f"eigsh(tol=1e-5, maxiter={ARPACK_CYCLES})", CURVLINOPS, curvlinops(1e-5)),
        Tool("matfree", "tridiag_sym(100)", ("matfree",), matfree(100)),
        Tool("JAX's LOBPCG", f"m={LOBPCG_STEPS}; top only", ("jax",), lobpcg),
    )


def _random_like(like: Any, seed: int) -> Any:
    flat, unravel = ravel_pytree(like)
    return unravel(jax.random.normal(jax.random.key(seed), flat.shape, flat.dtype))


def _in_torch(case: Case) -> tuple[Any, Any, Any, Any]:
    """A module, a criterion, inputs and targets, whose mean loss has the case's Hessian."""
    import torch

    class Form(torch.nn.Module):
        """The quadratic form as the one output."""

        def __init__(self, matrix: torch.Tensor):
            super().__init__()
            self.weights = torch.nn.Parameter(torch.zeros(len(matrix)))
            self.matrix = matrix

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (self.weights @ (self.matrix @ self.weights) / 2).expand(len(x))

    class MeanOutput(torch.nn.Module):
        """The mean of the outputs, whatever the targets."""

        reduction = "mean"

        def forward(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            del targets
            return outputs.mean()

    if isinstance(case.problem, Quadratic):
        matrix = torch.from_numpy(np.array(case.problem.matrix))
        return Form(matrix), MeanOutput(), torch.zeros(1, 1), torch.zeros(1)
    x, y = (torch.from_numpy(np.array(field)) for field in case.problem)
    linear = torch.nn.Linear(x.shape[1], y.shape[1], bias=False)
    torch.nn.init.zeros_(linear.weight)
    return linear, torch.nn.CrossEntropyLoss(), x, y.argmax(dim=1)

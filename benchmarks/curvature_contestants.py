"""The contestants of `benchmarks.curvature`, each prepared in a process of its own: `python -m ... NAME`.

Those of one comparison do the same work on the same weights and data, compiled before the first measurement.
"""

import importlib.metadata
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import threadpoolctl
from jax import lax
from jax.flatten_util import ravel_pytree
from jaxtyping import Array

from benchmarks.curvature_problems import LOSS, data, from_torch, in_torch, network, weights
from benchmarks.worker import answer
from jaxdl import curvature, designs, ensembles, learners, losses, models, objectives
from jaxdl.learners import training
from jaxdl.types import Dataset, Keys

REPEATS = 20
"""Gradients or products in one measurement."""
CHUNKED_EXAMPLES, CHUNK_SIZE = 4096, 683
LANCZOS_STEPS = 60
TOLERANCE = 1e-5
"""Largest residual of an eigenpair, relative to the norm."""
NUM_MODELS = 64
TRAINING_STEPS, EVERY = 400, 40


class Contestant(NamedTuple):
    """What is timed, and what is known of it besides."""

    run: Callable[[], Any]
    facts: dict[str, Any]
    packages: tuple[str, ...] = ("jax", "jaxdl")


def gradients() -> Contestant:
    """At parameters that move, so that none can be reused."""
    dataset, model, variables = data(1024), network(), weights()

    def risk(params: Any) -> Array:
        return jnp.mean(LOSS(model.apply({"params": params}, dataset.x), dataset.y))

    def step(params: Any, _: None) -> tuple[Any, None]:
        return jax.tree.map(lambda weight, slope: weight - 1e-6 * slope, params, jax.grad(risk)(params)), None

    return _compiled(lambda params: lax.scan(step, params, None, REPEATS)[0], variables["params"])


def products() -> Contestant:
    return _products(1024, None)


def whole_products() -> Contestant:
    return _products(CHUNKED_EXAMPLES, None)


def chunked_products() -> Contestant:
    return _products(CHUNKED_EXAMPLES, CHUNK_SIZE)


def _products(num_examples: int, chunk_size: int | None) -> Contestant:
    dataset, model = data(num_examples), network()

    def repeated(params: Any) -> Any:
        matvec = curvature.products.hvp_over(model, LOSS, {"params": params}, dataset, chunk_size=chunk_size)
        return lax.scan(lambda vector, _: (matvec(vector), None), params, None, REPEATS)[0]

    return _compiled(repeated, weights()["params"])


def lanczos() -> Contestant:
    def decomposed(matvec: Callable, start: Array) -> Array:
        return curvature.spectra.tridiagonalize(jax.random.key(1), matvec, start, LANCZOS_STEPS).basis

    return _lanczos(decomposed)


def lanczos_matfree() -> Contestant:
    from matfree import decomp

    tridiagonalize = decomp.tridiag_sym(LANCZOS_STEPS, materialize=False)
    return _lanczos(lambda matvec, start: tridiagonalize(matvec, start).Q_tall)._replace(packages=("jax", "matfree"))


def _lanczos(decomposed: Callable[[Callable, Array], Array]) -> Contestant:
    dataset, model = data(512), network()
    flat, unravel = ravel_pytree(weights()["params"])

    def run(flat: Array) -> Array:
        product = curvature.products.hvp_over(model, LOSS, {"params": unravel(flat)}, dataset)
        start = jax.random.normal(jax.random.key(0), flat.shape, flat.dtype)
        return decomposed(lambda v: ravel_pytree(product(unravel(v)))[0], start)

    made = _compiled(run, flat)
    basis = np.asarray(made.run(), float)
    basis = basis if basis.shape[0] == LANCZOS_STEPS else basis.T
    return made._replace(facts={"orthogonality": float(np.abs(basis @ basis.T - np.eye(LANCZOS_STEPS)).max())})


def top_five() -> Contestant:
    dataset, model, variables = data(512), network(), weights()

    def run(params: Any) -> curvature.spectra.Eigenpairs:
        matvec = curvature.products.hvp_over(model, LOSS, {"params": params}, dataset)
        return curvature.eigenpairs(matvec, params, jax.random.key(0), top=5, bottom=0, tolerance=TOLERANCE)

    made = _compiled(run, variables["params"])
    pairs = made.run()
    facts = {"values": pairs.values.tolist(), "products": int(pairs.num_matvecs)}
    return made._replace(facts={**facts, "residual": float((pairs.residual_bounds / pairs.norm).max())})


def top_five_curvlinops() -> Contestant:
    """SciPy's ARPACK, stopped at the loosest of its tolerances that reaches the residual asked of ours."""
    import torch
    from curvlinops import HessianLinearOperator
    from scipy.sparse.linalg import eigsh

    dataset = data(512)
    model = in_torch(weights())
    x, y = (torch.from_numpy(np.array(field)) for field in dataset[:2])
    criterion, params = torch.nn.CrossEntropyLoss(), list(model.parameters())
    batches = [(x, y.argmax(dim=1))]
    operator = HessianLinearOperator(model, criterion, params, batches, check_deterministic=False).to_scipy()
    start = np.random.default_rng(0).normal(size=operator.shape[0]).astype(np.float32)
    looseness, residual = 1.0, 1.0
    values = vectors = np.zeros(0)
    while residual > TOLERANCE:
        looseness /= 4
        values, vectors = eigsh(operator, 5, which="LA", v0=start, tol=looseness)
        residual = np.linalg.norm(operator @ vectors - vectors * values, axis=0).max() / np.abs(values).max()
    facts = {"values": np.sort(values)[::-1].tolist(), "residual": float(residual), "tolerance": looseness}
    packages = ("curvlinops-for-pytorch", "scipy", "torch")
    return Contestant(lambda: eigsh(operator, 5, which="LA", v0=start, tol=looseness), facts, packages)


def spectra() -> Contestant:
    """Through the engine, compilation of which is cached by its first run.

    In blocks of one: some spectra take twice as many products as others, and all of a block wait for the slowest.
    """
    ensembles.use_cpu_devices()
    design = designs.independent(NUM_MODELS, "init")
    return _warm(lambda: ensembles.run(_spectrum, design, jax.random.key(0), engine=ensembles.Engine(block=1)).outputs)


def spectra_vmapped() -> Contestant:
    """One batch of them all, with the one thread for each call of LAPACK that the engine's devices have too."""
    threadpoolctl.threadpool_limits(1, user_api="blas")
    keys = jax.random.split(jax.random.key(0), NUM_MODELS)
    return _compiled(jax.vmap(lambda key: _spectrum({"init": key})), keys)


def _spectrum(keys: Keys) -> Array:
    """Five eigenvalues at each end for a network of 467 parameters after 100 steps of Adam."""
    x = jax.random.normal(jax.random.key(1), (200, 8))
    dataset = Dataset(x, jnp.sin(2 * x[:, :3]), jnp.ones_like(x[:, 0]))
    model = models.mlp([16, 16], 3, activation=jnp.tanh)
    risk = objectives.evaluation_risk(model, losses.half_squared_error)
    variables = learners.gradient_descent(model, risk, optax.adam(0.01), num_steps=100)(keys, dataset)
    matvec = curvature.products.hvp_over(model, losses.half_squared_error, variables, dataset)
    return curvature.eigenpairs(matvec, variables["params"], jax.random.key(2)).values


def training_alone() -> Contestant:
    return _training(is_tracked=False)


def training_tracked() -> Contestant:
    return _training(is_tracked=True)


def _training(*, is_tracked: bool) -> Contestant:
    dataset, model = data(512), network()
    optimizer = optax.sgd(0.05)
    keys = {"init": jax.random.key(0)}
    step = training.training_step(model, objectives.empirical_risk(model, LOSS), optimizer, keys, lambda _: dataset)

    def run(state: training.State) -> Any:
        if not is_tracked:
            return lax.fori_loop(0, TRAINING_STEPS, step, state).variables
        params = state.variables["params"]
        final, seen = curvature.spectra.track(
            jax.random.key(1),
            step,
            state,
            lambda state: curvature.products.hvp_over(model, LOSS, state.variables, dataset),
            params,
            num_steps=TRAINING_STEPS,
            num_steps_between=EVERY,
        )
        return final.variables, seen

    return _compiled(run, training.initial_state(model, optimizer, keys, dataset))


def parity() -> Contestant:
    """Hessian, Gauss-Newton and empirical Fisher against curvlinops', in uneven batches and float64: largest differences."""
    jax.config.update("jax_enable_x64", True)
    import torch
    from curvlinops import EFLinearOperator, GGNLinearOperator, HessianLinearOperator

    dataset, model, variables = data(237, np.float64), network(), weights(np.float64)
    twin = in_torch(variables)
    x, y = (torch.from_numpy(np.array(field)) for field in dataset[:2])
    batches = [(x[rows], y[rows].argmax(dim=1)) for rows in (slice(0, 100), slice(100, 200), slice(200, 237))]
    params = list(twin.parameters())
    random = np.random.default_rng(0)
    vector = [torch.from_numpy(random.normal(size=tuple(each.shape))) for each in params]
    pairs = {
        "Hessian": (curvature.products.hvp_over, HessianLinearOperator),
        "Gauss-Newton": (curvature.ggn, GGNLinearOperator),
        "empirical Fisher": (curvature.products.empirical_fisher, EFLinearOperator),
    }
    differences = {}
    for name, (of_ours, of_theirs) in pairs.items():
        theirs = from_torch(of_theirs(twin, torch.nn.CrossEntropyLoss(), params, batches) @ vector)
        for chunk_size in (None, 100):
            matvec = of_ours(model, LOSS, variables, dataset, chunk_size=chunk_size)
            ours = jax.jit(matvec)(jax.tree.map(jnp.asarray, from_torch(vector)))
            largest = max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(ours))
            off = jax.tree.map(lambda one, other: float(np.abs(one - other).max()), ours, theirs)
            chunks = "whole" if chunk_size is None else f"chunks of {chunk_size}"
            differences[f"{name}, {chunks}"] = max(jax.tree.leaves(off)) / largest
    return Contestant(lambda: None, differences, ("curvlinops-for-pytorch", "jax", "jaxdl", "torch"))


def _compiled(function: Callable, argument: Any) -> Contestant:
    compiled = jax.jit(function).lower(argument).compile()
    return _warm(lambda: compiled(argument))._replace(
        facts={"mebibytes": compiled.memory_analysis().temp_size_in_bytes / 2**20}
    )


def _warm(run: Callable[[], Any]) -> Contestant:
    jax.block_until_ready(run())
    return Contestant(lambda: jax.block_until_ready(run()), {})


CONTESTANTS: tuple[Callable[[], Contestant], ...] = (
    gradients, products, whole_products, chunked_products, lanczos, lanczos_matfree, top_five, top_five_curvlinops,
    spectra, spectra_vmapped, training_alone, training_tracked, parity,
)  # fmt: skip


def main() -> None:
    """Prepare the one named, say so, and measure it at each line read."""
    contestant = next(each for each in CONTESTANTS if each.__name__ == sys.argv[1])()
    answer({name: importlib.metadata.version(name) for name in contestant.packages})
    for _ in sys.stdin:
        start = time.perf_counter()
        contestant.run()
        answer({"seconds": time.perf_counter() - start, "facts": contestant.facts})


if __name__ == "__main__":
    main()

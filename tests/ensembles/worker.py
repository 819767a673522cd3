"""Runs a set of trials in single precision and prints a hash of each one's outputs, for the tests of reproducibility.

python worker.py NUM_DEVICES
"""

import hashlib
import json
import os
import sys
import tempfile

import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen

from jaxdl import curvature, designs, ensembles, learners, losses, models, objectives
from jaxdl.data import orders, problems
from jaxdl.ensembles import dispatch
from jaxdl.types import Run

jax.config.update("jax_compilation_cache_dir", os.path.join(tempfile.gettempdir(), "jaxdl-test-cache"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0)
jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
ensembles.use_cpu_devices(int(sys.argv[1]))

KEY = jax.random.key(3)
PROBLEM = problems.noisy_sine(0.3)
X_TEST = PROBLEM.test_points(20)


class Convolution(linen.Module):
    """Two convolutions along a line of 8 pixels, and pooling between."""

    @linen.compact
    def __call__(self, x):
        x = linen.max_pool(linen.relu(linen.Conv(4, (3,))(x[:, :, None])), (2,), (2,))
        x = linen.relu(linen.Conv(4, (3,))(x))
        return linen.Dense(1)(x.reshape(x.shape[0], -1))


def trained(model, make_learner, inputs=lambda x: x):
    """A trial that trains `model`, with every source that is not a factor tied to the initialisation."""
    objective = objectives.empirical_risk(model, losses.squared_error)
    learner = make_learner(model, objective)

    def trial(keys):
        keys = designs.tied(keys, order="init", dropout="init", split="init")
        train = PROBLEM.sample(keys, 24)
        variables = learner(keys, train._replace(x=inputs(train.x)))
        return Run(model.apply(variables, inputs(X_TEST)), variables["report"])

    return trial


def minibatch(model, objective):
    return learners.minibatch_descent(
        model, objective, optax.adam(1e-2), num_steps=12, batch_size=8, order=orders.with_replacement
    )  # fmt: skip


def stopped_early(model, objective):
    return learners.early_stopping(model, objective, optax.adam(1e-1), validation=objective, num_steps=30, patience=2)


def pixels(x):
    return jnp.cos(x * jnp.arange(1.0, 9.0)[None, :])


def by_lapack(solve):
    """A trial that ignores nothing: noisy targets through a linear solver."""

    def trial(keys):
        train = PROBLEM.sample(keys, 24)
        start = jax.random.normal(keys["init"], (8,))
        return (pixels(X_TEST) @ solve(pixels(train.x), train.y[:, 0], start))[:, None]

    return trial


def eigensolver(x, y, start):
    values, vectors = jnp.linalg.eigh(x.T @ x + jnp.diag(start**2))
    return vectors @ ((vectors.T @ (x.T @ y)) / (values + 1e-2))


def spectrum(keys):
    """Of a network's Hessian, by Lanczos' method: small decompositions, which are not batched."""
    train = PROBLEM.sample(keys, 24)
    model = models.mlp((6,), 1)
    variables = model.init(keys["init"], train.x)
    matvec = curvature.products.hvp_over(model, losses.half_squared_error, variables, train)
    key = jax.random.key(0)
    pairs = curvature.eigenpairs(matvec, variables["params"], key, top=1, bottom=1, basis_size=12, dense_size=0)
    return pairs.values[:, None]


BLOCKS = {"solve in blocks of one": 1}
TRIALS = {
    "mlp": trained(models.mlp((8,), 1), minibatch),
    "dropout": trained(models.mlp((8,), 1, dropout_rate=0.3), minibatch),
    "convolution": trained(models.from_flax(Convolution()), minibatch, pixels),
    "early stopping": trained(models.mlp((8,), 1), stopped_early),
    "solve": by_lapack(lambda x, y, start: jnp.linalg.solve(x.T @ x + jnp.eye(8), x.T @ y + start)),
    "eigh": by_lapack(eigensolver),
    "svd": by_lapack(lambda x, y, start: jnp.linalg.pinv(x) @ y + 0 * start),
    "lstsq": by_lapack(lambda x, y, start: jnp.linalg.lstsq(x + 0 * start, y)[0]),
    "solve in blocks of one": by_lapack(lambda x, y, start: jnp.linalg.solve(x.T @ x + jnp.eye(8), x.T @ y + start)),
    "spectrum": spectrum,
    "newton": trained(models.mlp((3,), 1), lambda model, objective: learners.newton(model, objective, num_steps=3)),
}


def digest(outputs):
    return hashlib.sha256(np.ascontiguousarray(outputs).tobytes()).hexdigest()[:16]


def main():
    assert not jax.config.jax_enable_x64
    hashes = {}
    for name, trial in TRIALS.items():
        options = {"engine": ensembles.Engine(block=BLOCKS.get(name))}
        whole = ensembles.run(trial, designs.crossed(data=16, init=4), KEY, **options).outputs
        dispatch.SECONDS_PER_DISPATCH = 0.0  # one block in each dispatch
        one_by_one = ensembles.run(trial, designs.crossed(data=16, init=4), KEY, **options).outputs
        dispatch.SECONDS_PER_DISPATCH = 0.3
        small = ensembles.run(trial, designs.crossed(data=4, init=4), KEY, **options).outputs
        alone = ensembles.run(trial, designs.crossed(data=1, init=1), KEY, **options).outputs
        hashes[name] = {
            "whole": digest(whole),
            "one block at a time": digest(one_by_one),
            "first levels": digest(whole[:4]),
            "before growing": digest(small),
            "first run": digest(whole[0, 0]),
            "alone": digest(alone[0, 0]),
            "finite": bool(np.isfinite(whole).all()),
            "distinct": len({digest(run) for run in whole.reshape(64, -1)}),
        }
    print(json.dumps(hashes))


if __name__ == "__main__":
    main()

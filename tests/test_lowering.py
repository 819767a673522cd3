"""Every transformation lowers for GPUs and TPUs, with matrix products in the precision that its numbers need.

No device is needed to lower for it. What the programs of an accelerator do, a text of theirs tells.
"""

import re

import jax
import jax.numpy as jnp
import optax
import pytest

from jaxdl import curvature, designs, learners, losses, models, objectives, penalties
from jaxdl.curvature import critical, landscape, products, spectra
from jaxdl.data import orders, problems, resampling
from jaxdl.ensembles.program import trace_program
from jaxdl.learners import proximal
from jaxdl.types import Dataset

KEY = jax.random.key(0)
X = jax.random.normal(KEY, (20, 4), jnp.float32)
Y = jax.nn.one_hot(jnp.arange(20) % 2, 2, dtype=jnp.float32)
DATA = Dataset(X, Y, jnp.ones(20, jnp.float32))
MODEL = models.mlp((6,), 2)
VARIABLES = MODEL.init(KEY, X)
PARAMS = VARIABLES["params"]
OBJECTIVE = objectives.empirical_risk(MODEL, losses.softmax_cross_entropy)
LINEAR = models.linear(num_outputs=2)
KEYS = {"init": KEY, "order": KEY}
OVER = (MODEL, losses.softmax_cross_entropy)


def loss(params):
    return jnp.mean(losses.softmax_cross_entropy(MODEL.apply({"params": params}, X), Y))


def hessian(params):
    return products.hvp(loss, params)


EXACT = {
    "hvp": lambda p: hessian(p)(p),
    "hvp_over in chunks": lambda p: products.hvp_over(*OVER, {"params": p}, DATA, chunk_size=8)(p),
    "ggn": lambda p: products.ggn(*OVER, {"params": p}, DATA)(p),
    "fisher": lambda p: products.fisher(*OVER, {"params": p}, DATA, products.softmax_labels)(p),
    "empirical_fisher": lambda p: products.empirical_fisher(*OVER, {"params": p}, DATA)(p),
    "dense": lambda p: products.dense(hessian(p), p),
    "eigenpairs": lambda p: curvature.eigenpairs(hessian(p), p, KEY, top=1, bottom=1, dense_size=0, basis_size=6),
    "eigenpairs, dense": lambda p: curvature.eigenpairs(hessian(p), p, KEY, top=1, bottom=1),
    "spectral_density": lambda p: curvature.spectral_density(hessian(p), p, KEY, num_probes=2, num_steps=4),
    "inertia": lambda p: curvature.inertia(hessian(p), p, KEY),
    "trace": lambda p: curvature.trace(hessian(p), p, KEY),
    "diagonal": lambda p: spectra.diagonal(hessian(p), p, KEY),
    "logdet": lambda p: spectra.logdet(hessian(p), p, KEY, num_probes=2, num_steps=4),
    "minres": lambda p: critical.minres(hessian(p), p, max_steps=3),
    "newton_mr": lambda p: critical.newton_mr(loss, p, gradient_tolerance=1e-3, max_steps=2),
    "critical_points": lambda p: curvature.critical_points(loss, jax.tree.map(lambda leaf: leaf[None], p), max_steps=2),
    "line": lambda p: landscape.line(loss, p, p, jnp.linspace(0, 1, 3, dtype=jnp.float32)),
    "least_squares": lambda _: learners.least_squares(LINEAR)({}, DATA),
    "least_squares_qr": lambda _: learners.least_squares_qr(LINEAR)({}, DATA),
    "ridge": lambda _: learners.ridge(LINEAR, 1.0)({}, DATA),
    "newton": lambda _: learners.newton(LINEAR, objectives.empirical_risk(LINEAR, losses.squared_error), num_steps=2)(
        KEYS, DATA
    ),
    "random features": lambda _: models.random_features(8).apply(models.random_features(8).init(KEY, X), X),
    "noisy_sine": lambda _: problems.noisy_sine(0.1).sample({"inputs": KEY, "labels": KEY, "data": KEY}, 9),
    "bootstrap": lambda _: resampling.bootstrap(DATA).sample({"data": KEY}),
}
"""What the numbers of a claim rest on: all digits."""
TRAINED = {
    "gradient_descent": lambda _: learners.gradient_descent(MODEL, OBJECTIVE, optax.adam(0.1), num_steps=7)(KEYS, DATA),
    "minibatch_descent": lambda _: learners.minibatch_descent(
        MODEL, OBJECTIVE, optax.adam(0.1), num_steps=7, batch_size=5, order=orders.with_replacement
    )(KEYS, DATA),
    "proximal_gradient": lambda _: proximal.proximal_gradient(
        MODEL, OBJECTIVE, penalties.soft_threshold, strength=0.1, learning_rate=0.1, num_steps=7
    )(KEYS, DATA),
}
"""Networks are trained in the precision that the caller chooses."""


def lowered(function, platform):
    return jax.jit(function).trace(PARAMS).lower(lowering_platforms=(platform,)).as_text()


def precisions(text):
    """Of products of float32, as the operands' attributes say."""
    lines = [line for line in text.splitlines() if "stablehlo.dot_general" in line and "xf32>" in line]
    return {word for line in lines for word in re.search(r"precision = \[([^\]]*)\]", line)[1].split(", ")}


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("name", EXACT)
def test_it_lowers_for_accelerators_with_all_digits(name, platform):
    assert precisions(lowered(EXACT[name], platform)) <= {"HIGHEST"}


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
@pytest.mark.parametrize("name", TRAINED)
def test_training_lowers_for_accelerators_with_loops_of_known_length(name, platform):
    text = lowered(TRAINED[name], platform)
    assert "DEFAULT" in precisions(text) <= {"DEFAULT", "HIGHEST"}
    loops = re.findall(r"stablehlo\.while.*?do \{", text, flags=re.DOTALL)
    assert loops
    for each in loops:
        bound = re.search(r"stablehlo\.compare\s+LT, %\w+, (%\w+)", each)
        assert bound, each
        assert re.search(rf"{re.escape(bound[1])} = stablehlo\.constant", text), each


@pytest.mark.parametrize("platform", ["cuda", "tpu"])
def test_a_block_of_runs_lowers_for_accelerators(platform):
    def trial(keys):
        model = models.mlp((4,), 2)
        objective = objectives.empirical_risk(model, losses.softmax_cross_entropy)
        fit = learners.gradient_descent(model, objective, optax.sgd(0.1), num_steps=5)
        return model.apply(fit(keys, DATA), X)

    program = trace_program(trial, designs.independent(8, "init"), (), 8, tuple(jax.devices()), KEY, None)
    arguments = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in program.constants], *program.arguments
    text = jax.jit(program.one_block).trace(*arguments).lower(lowering_platforms=(platform,)).as_text()
    assert "all_reduce" not in text
    assert "all_gather" not in text

import functools

import chex
import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from jaxdl import losses, models, objectives
from jaxdl.models.dependence import depends, depends_on_draws
from jaxdl.types import Dataset


class Noisy(nn.Module):
    @nn.compact
    def __call__(self, x, *, deterministic):
        return nn.Dropout(0.5)(x, deterministic=deterministic)


class Normalised(nn.Module):
    @nn.compact
    def __call__(self, x, *, train):
        return nn.Dense(2)(nn.BatchNorm(use_running_average=not train)(x))


def nnx_network(rngs):
    return nnx.Sequential(
        nnx.Linear(1, 4, rngs=rngs),
        nnx.BatchNorm(4, rngs=rngs),
        nnx.Dropout(0.5, rngs=rngs),
        nnx.Linear(4, 2, rngs=rngs),
    )


NORMALISED = models.from_flax(
    Normalised(), train_kwargs={"train": True}, eval_kwargs={"train": False}, mutable=("batch_stats",)
)
NOISY = models.from_flax(
    Noisy(), train_kwargs={"deterministic": False}, eval_kwargs={"deterministic": True}, stochastic=True
)
NNX = models.from_nnx(nnx_network, stochastic=True)
LINEAR_IN_PARAMETERS = {
    "constant": models.constant(2, init_std=1.0),
    "linear": models.linear(2, init_std=1.0),
    "linear through the origin": models.linear(2, intercept=False, init_std=1.0),
    "legendre": models.polynomial(3, num_outputs=2, init_std=1.0),
    "monomials": models.polynomial(3, models.monomials, num_outputs=2, init_std=1.0),
    "random features": models.random_features(5, num_outputs=2, init_std=1.0),
}
FLOAT64 = {**LINEAR_IN_PARAMETERS, "mlp": models.mlp([4], 2), "mlp with dropout": models.mlp([4], 2, dropout_rate=0.5)}
EVERY = {**FLOAT64, "flax": NORMALISED, "nnx": NNX}


def inputs(dtype=float):
    return jnp.linspace(-1, 1, 7, dtype=dtype)[:, None]


@pytest.mark.parametrize("model", EVERY.values(), ids=EVERY.keys())
def test_a_model_is_a_pair_of_pure_functions(model, key):
    x, keys = inputs(jnp.float32), jax.random.split(key, 2)

    def predict(key):
        variables = model.init(key, x)
        return variables, model.apply(variables, x)

    variables, outputs = jax.jit(jax.vmap(predict))(keys)
    assert outputs.shape == (2, 7, 2)
    assert outputs.dtype == jnp.float32
    assert not np.array_equal(outputs[0], outputs[1])
    alone = model.apply(jax.tree.map(lambda leaf: np.asarray(leaf)[1], variables), x)
    np.testing.assert_allclose(outputs[1], alone, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("model", FLOAT64.values(), ids=FLOAT64.keys())
def test_precision_follows_the_inputs(model, key):
    variables = jax.eval_shape(model.init, key, inputs())
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype("float64")}
    assert jax.eval_shape(model.apply, variables, inputs()).dtype == jnp.float64


@pytest.mark.parametrize("model", LINEAR_IN_PARAMETERS.values(), ids=LINEAR_IN_PARAMETERS.keys())
def test_outputs_are_features_times_weights(model, key):
    x = inputs()[:4]
    # Random weights of the model's structure: those of `init` are another test's subject, and slower to compile.
    draws = np.random.default_rng(0)
    variables = jax.tree.map(
        lambda leaf: jnp.asarray(draws.normal(size=leaf.shape)), jax.eval_shape(model.init, key, x)
    )
    expected = np.array(model.features(variables, x)) @ np.array(variables["params"]["weights"])
    np.testing.assert_allclose(model.apply(variables, x), expected, rtol=1e-12)


def test_weights_start_at_zero_unless_asked(key):
    assert not jnp.any(models.linear(2).init(key, inputs())["params"]["weights"])


def test_initial_weights_have_the_variance_asked_for(key):
    x = jnp.zeros((1, 1999))
    weights = jax.jit(lambda std: models.linear(init_std=std).init(key, x)["params"]["weights"])(3.0)
    # The sample variance of n normal draws has relative standard error sqrt(2 / n).
    assert abs(jnp.mean(weights**2) / 9 - 1) < 4 * (2 / 2000) ** 0.5


def test_legendre_columns_are_scaled_legendre_polynomials():
    x = np.linspace(-1, 1, 11)
    expected = np.polynomial.legendre.legvander(x, 12) * np.sqrt(2 * np.arange(13) + 1)
    np.testing.assert_allclose(models.legendre(jnp.asarray(x), 12), expected, atol=1e-12)


def test_legendre_columns_are_orthonormal_under_the_uniform_law():
    nodes, weights = np.polynomial.legendre.leggauss(13)
    phi = np.array(models.legendre(jnp.asarray(nodes), 12))
    np.testing.assert_allclose(phi.T @ (phi * weights[:, None] / 2), np.eye(13), atol=1e-12)


@pytest.mark.parametrize("basis", [models.legendre, models.monomials])
def test_a_basis_of_degree_zero_is_constant(basis):
    np.testing.assert_array_equal(basis(inputs()[:, 0], 0), np.ones((7, 1)))


def test_monomials_are_powers_even_of_zero():
    x = np.array([0.0, -2.0])
    np.testing.assert_array_equal(models.monomials(jnp.asarray(x), 4), np.vander(x, 5, increasing=True))


def test_a_degree_mask_keeps_the_columns_of_a_lower_degree():
    masks = jax.vmap(lambda degree: models.degree_mask(4, degree))(jnp.arange(5))
    np.testing.assert_array_equal(masks, np.tri(5))


def test_a_polynomial_of_two_features_is_refused(key):
    with pytest.raises(ValueError, match=r"got inputs of shape \(3, 2\), expected \(n, 1\).*select a column"):
        models.polynomial(2).init(key, jnp.ones((3, 2)))


def test_a_negative_degree_is_refused():
    with pytest.raises(ValueError, match="got degree=-1, expected a whole number of 0 or more"):
        models.polynomial(-1)


def test_random_features_are_drawn_with_unit_variance_before_the_activation(key):
    x = jnp.full((1, 4), 1.0)
    model = models.random_features(4000, lambda a: a)
    # x K is N(0, |x|²/4) and b is N(0, 1): a sum of variance 2, divided by sqrt(num_features).
    mean_square = jax.jit(lambda key: jnp.sum(model.features(model.init(key, x), x) ** 2))(key)
    assert abs(mean_square / 2 - 1) < 4 * (2 / 4000) ** 0.5


@pytest.mark.parametrize("rate", [-0.1, 1.0])
def test_a_dropout_rate_that_is_no_share_dropped_is_refused(rate):
    with pytest.raises(ValueError, match="expected 0 <= rate < 1"):
        models.mlp([4], 1, dropout_rate=rate)


def test_a_network_of_relus_is_positively_homogeneous_and_its_kernels_have_variance_two_over_fan_in(key):
    model, x = models.mlp([2000], 1), jnp.ones((1, 50))
    params = model.init(key, x)["params"]
    np.testing.assert_allclose(
        model.apply({"params": params}, 3 * x), 3 * model.apply({"params": params}, x), rtol=1e-10
    )
    # Truncated normal draws have less than the normal law's fourth moment, so this standard error is generous.
    assert abs(jnp.mean(params["Dense_0"]["kernel"] ** 2) * 50 / 2 - 1) < 4 * (2 / 100_000) ** 0.5


@pytest.mark.parametrize("model", [models.mlp([], 2), models.mlp([3], 2), models.from_flax(nn.Dense(2))])
def test_a_model_that_trains_as_it_predicts_says_so(model):
    assert model.train_apply is None
    assert not model.stochastic


def test_dropout_acts_only_in_training_and_keeps_the_mean(key):
    x = jnp.ones((1, 4000))
    variables = NOISY.init(key, x)
    np.testing.assert_array_equal(NOISY.apply(variables, x), x)
    outputs, updated = NOISY.train_apply(variables, x, key)
    assert set(np.unique(outputs)) == {0.0, 2.0}
    assert abs(outputs.mean() - 1) < 4 / 4000**0.5
    assert updated == variables
    assert NOISY.stochastic


def test_batch_statistics_move_only_in_training(key):
    x = jnp.array([[1.0], [3.0]])
    variables = NORMALISED.init(key, x)
    _, updated = NORMALISED.train_apply(variables, x, None)
    np.testing.assert_allclose(updated["batch_stats"]["BatchNorm_0"]["mean"], [0.01 * 2.0], rtol=1e-5)
    assert updated["params"] is variables["params"]
    chex.assert_trees_all_equal_shapes_and_dtypes(updated, variables)


def test_an_nnx_module_keeps_its_state_beside_its_parameters(key):
    x = jnp.array([[1.0], [3.0]], jnp.float32)
    variables = NNX.init(key, x)
    assert set(variables) == {"params", "state"}
    np.testing.assert_array_equal(NNX.apply(variables, x), NNX.apply(variables, x))
    key_a, key_b = jax.random.split(key)
    outputs_a, updated = NNX.train_apply(variables, x, key_a)
    outputs_b, _ = NNX.train_apply(variables, x, key_b)
    assert jnp.any(outputs_a != outputs_b)
    hidden = x @ variables["params"]["layers"][0]["kernel"]
    np.testing.assert_allclose(updated["state"]["layers"][1]["mean"], 0.01 * hidden.mean(0), rtol=1e-5)
    chex.assert_trees_all_equal_shapes_and_dtypes(updated, variables)


class Dropped(nn.Module):
    rate: float = 0.5

    @nn.compact
    def __call__(self, x, *, deterministic=True):
        return nn.Dense(2)(nn.Dropout(self.rate)(x, deterministic=deterministic))


class DroppedWithItsKey(nn.Module):
    @nn.compact
    def __call__(self, x):
        return nn.Dense(2)(nn.Dropout(0.5)(x, deterministic=not self.has_rng("dropout")))


class Drawing(nnx.Module):
    """Draws in training, in evaluation as well, or inside a transformation of nnx."""

    def __init__(self, rngs, rate=0.5, *, always=False, transformed=False):
        self.dropout, self.linear = nnx.Dropout(rate, rngs=rngs), nnx.Linear(1, 2, rngs=rngs)
        self.always, self.transformed = always, transformed

    def __call__(self, x):
        def call(self, x):
            return self.linear(self.dropout(x, deterministic=False if self.always else None))

        return nnx.jit(call)(self, x) if self.transformed else call(self, x)


class Frozen(nn.Module):
    """Both layers switched off by words that no argument of a call could change."""

    @nn.compact
    def __call__(self, x):
        return nn.Dense(2)(nn.BatchNorm()(nn.Dropout(0.5)(x, deterministic=True), use_running_average=True))


class Forgotten(nn.Module):
    """Statistics that move, and dropout that is on, only where an argument says so."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.BatchNorm(use_running_average=not train)(nn.Dense(4)(x))
        return nn.Dense(2)(nn.Dropout(0.5, deterministic=not train)(x))


class FrozenBesideDropout(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        x = nn.BatchNorm(use_running_average=True)(x)
        return nn.Dense(2)(nn.Dropout(0.5)(x, deterministic=not train))


class Keyed(nnx.Module):
    """Keeps a key, draws from a stream without counting it, or takes its streams by name alone."""

    def __init__(self, *, rngs, keeps=False, folds=False):
        self.linear = nnx.Linear(1, 2, rngs=rngs)
        if keeps:
            self.key = rngs.noise()
        if folds:
            self.rngs = rngs.fork()
        self.folds = folds

    def __call__(self, x):
        noise = jax.random.normal(jax.random.fold_in(self.rngs.default.key[...], 0)) if self.folds else 0.0
        return self.linear(x) + noise


class Recurrent(nnx.Module):
    """Splits a key for its carry, which is zero unless it starts at random."""

    def __init__(self, rngs, cell=nnx.LSTMCell, *, is_random=False):
        self.recurrent, self.is_random = nnx.RNN(cell(1, 2, rngs=rngs), rngs=rngs), is_random

    def __call__(self, x):
        cell, rngs = self.recurrent.cell, self.recurrent.rngs
        start = cell.initialize_carry(x.shape, rngs, jax.random.normal) if self.is_random else None
        return self.recurrent(x[:, None, :], initial_carry=start)[:, 0]


BATCHES = {"train_kwargs": {"train": True}, "eval_kwargs": {"train": False}}
BUILT = nnx.Linear(1, 2, rngs=nnx.Rngs(0))
SILENT = {
    "dropout that is never on": (lambda: models.from_flax(Dropped()), "nn.Dropout and no different training"),
    "dropout that stochastic alone does not switch on": (
        lambda: models.from_flax(Dropped(), stochastic=True),
        "draws no random numbers as it is called",
    ),
    "dropout without a key": (
        lambda: models.from_flax(Dropped(), train_kwargs={"deterministic": False}),
        "draws random numbers while it is trained.*stochastic=True",
    ),
    "dropout in evaluation": (
        lambda: models.from_flax(Dropped(), eval_kwargs={"deterministic": False}, stochastic=True),
        "draws random numbers while it is initialized|evaluated",
    ),
    "batch statistics that never move": (lambda: models.from_flax(Normalised(), **BATCHES), "nn.BatchNorm.*mutable="),
    "batch statistics by letters": (
        lambda: models.from_flax(Normalised(), **BATCHES, mutable="batch_stats"),
        r"mutable='batch_stats', expected names.*\('batch_stats',\)",
    ),
    "batch statistics that no call moves": (
        lambda: models.from_flax(Forgotten(), mutable=["batch_stats"]),
        r"mutable=\('batch_stats',\) for a module that changes none",
    ),
    "statistics and dropout that nobody switches on": (
        lambda: models.from_flax(Forgotten()),
        "nn.BatchNorm, nn.Dropout and no different training",
    ),
    "a first layer that nobody switches on": (
        lambda: models.from_flax(nn.Sequential([Dropped(), nn.Dense(2)])),
        "nn.Dropout and no different training",
    ),
    "dropout for which there is no key": (
        lambda: models.from_flax(DroppedWithItsKey()),
        "nn.Dropout and no different training",
    ),
    "a key that is kept": (lambda: models.from_nnx(lambda rngs: Keyed(rngs=rngs, keeps=True)), "keep nnx.Rngs, not a"),
    "a draw that nothing counts": (
        lambda: models.from_nnx(lambda rngs: Keyed(rngs=rngs, folds=True)),
        "draws random numbers while it predicts",
    ),
    "a random start of a recurrent network": (
        lambda: models.from_nnx(lambda rngs: Recurrent(rngs, is_random=True)),
        "draws random numbers while it predicts",
    ),
    "streams of its own": (
        lambda: models.from_nnx(lambda rngs: nnx.Linear(1, 2, rngs=nnx.Rngs(0))),
        "draw from the rngs you are given",
    ),
    "dropout from streams of its own": (
        lambda: models.from_nnx(
            lambda rngs: nnx.Sequential(nnx.Linear(1, 2, rngs=rngs), nnx.Dropout(0.5, rngs=nnx.Rngs(0))),
            stochastic=True,
        ),
        "draw from the rngs you are given",
    ),
    "a class of further arguments": (
        lambda: models.from_nnx(nnx.Linear),
        r"not one of \(in_features, out_features",
    ),
    "a class of linen": (lambda: models.from_flax(nn.Dense), "got Dense, expected an instance"),
    "nnx as linen": (lambda: models.from_flax(BUILT), "models.from_nnx"),
    "one mask for all steps": (
        lambda: models.from_nnx(Drawing),
        "draws random numbers while it trains.*stochastic=True",
    ),
    "one mask for all steps, transformed": (
        lambda: models.from_nnx(lambda rngs: Drawing(rngs, transformed=True)),
        "draws random numbers while it trains.*stochastic=True",
    ),
    "one mask for all predictions": (
        lambda: models.from_nnx(lambda rngs: Drawing(rngs, always=True), stochastic=True),
        "draws random numbers while it predicts",
    ),
    "one module for all starts": (lambda: models.from_nnx(lambda rngs: BUILT), "returns the same module each time"),
    "a module as its builder": (lambda: models.from_nnx(BUILT), "expected a function that builds it"),
    "linen as nnx": (lambda: models.from_nnx(nn.Dense(2)), "for a module of linen use models.from_flax"),
    "a builder of linen": (lambda: models.from_nnx(lambda rngs: nn.Dense(2)), "a builder that returns Dense"),
    "a builder of no arguments": (
        lambda: models.from_nnx(lambda: BUILT),
        r"expected a function \(rngs\), not one of \(\)",
    ),
}
HEARD = {
    "no dropout in linen": lambda: models.from_flax(Dropped(0.0)),
    "dropout in linen": lambda: models.from_flax(Dropped(), train_kwargs={"deterministic": False}, stochastic=True),
    "dropout where there is a key": lambda: models.from_flax(DroppedWithItsKey(), stochastic=True),
    "frozen layers": lambda: models.from_flax(Frozen()),
    "frozen statistics": lambda: models.from_flax(
        nn.Sequential([nn.Dense(4), nn.BatchNorm(use_running_average=True), nn.Dense(2)])
    ),
    "frozen statistics first": lambda: models.from_flax(
        nn.Sequential([nn.BatchNorm(use_running_average=True), nn.Dense(2)])
    ),
    "frozen statistics beside dropout": lambda: models.from_flax(FrozenBesideDropout(), **BATCHES, stochastic=True),
    "zeros as a start": lambda: models.from_nnx(
        lambda rngs: nnx.Linear(1, 2, kernel_init=nnx.initializers.zeros, rngs=rngs)
    ),
    "a copy of a trained module": lambda: models.from_nnx(lambda rngs: nnx.clone(BUILT)),
    "a class": lambda: models.from_nnx(Keyed),
    "a class and its sizes": lambda: models.from_nnx(functools.partial(nnx.Linear, 1, 2)),
    "long short-term memory": lambda: models.from_nnx(Recurrent),
    "gated recurrent units": lambda: models.from_nnx(lambda rngs: Recurrent(rngs, nnx.GRUCell)),
    "no dropout in nnx": lambda: models.from_nnx(lambda rngs: Drawing(rngs, 0.0)),
    "no dropout in a transformation": lambda: models.from_nnx(lambda rngs: Drawing(rngs, 0.0, transformed=True)),
    "dropout in nnx": lambda: models.from_nnx(Drawing, stochastic=True),
}


def trained_outputs(model, key):
    x = inputs(jnp.float32)
    variables = model.init(key, x)
    model.apply(variables, x)
    if model.train_apply is None:
        return model.apply(variables, x)
    outputs = model.train_apply(variables, x, key if model.stochastic else None)[0]
    return outputs if model.stochastic else model.apply(variables, x)


@pytest.mark.parametrize("case", SILENT)
def test_a_module_that_would_train_otherwise_than_it_says_is_refused(case, key, monkeypatch):
    # Users run without the run-time type checker, which would refuse some of these first.
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    make, match = SILENT[case]
    with pytest.raises(ValueError, match=match):
        jax.eval_shape(lambda key: trained_outputs(make(), key), key)


@pytest.mark.parametrize("case", HEARD)
def test_a_module_that_trains_as_it_says_is_taken(case, key):
    assert jax.eval_shape(lambda key: trained_outputs(HEARD[case](), key), key).shape == (7, 2)


@pytest.mark.parametrize("model", [NORMALISED, NNX], ids=["linen", "nnx"])
def test_a_model_takes_keys_of_both_of_jaxs_kinds(model, key):
    x = inputs(jnp.float32)
    found, expected = (model.init(each, x) for each in (jax.random.key_data(key), key))
    jax.tree.map(np.testing.assert_array_equal, found, expected)
    found, expected = (model.train_apply(expected, x, each)[0] for each in (jax.random.key_data(key), key))
    np.testing.assert_array_equal(found, expected)


def test_dependence_is_followed_through_loops_and_branches(key):
    def looped(key, is_used):
        start = jnp.zeros(2), jax.random.key_data(key), jnp.zeros(2)

        def step(carry, _):
            total, bits, last = carry
            return (total + last, bits, bits.astype(float) if is_used else last), last

        (total, _, _), each = jax.lax.scan(step, start, length=3)
        return jax.lax.cond(total.sum() > 0, lambda pair: pair[0], lambda pair: pair[1], (total, each[0]))

    assert depends(lambda key: looped(key, True), key)
    assert not depends(lambda key: looped(key, False), key)
    assert not depends(lambda key: jax.random.normal(jax.random.key(0)), key)
    assert depends_on_draws(lambda key: jax.jit(jax.random.normal)(jax.random.key(0)), key)
    assert not depends_on_draws(lambda key: jax.random.split(key), key)
    assert depends(lambda key: jax.lax.fori_loop(0, key, lambda i, total: total + 1, 0), 3)


def test_a_network_of_traced_width_trains_like_a_narrow_one():
    """Silent units feel no gradient."""
    wide, narrow = models.mlp_of_width(8, 3, 2), models.mlp_of_width(3, 3, 2)
    x = jax.random.normal(jax.random.key(0), (5, 4))
    data = Dataset(x, jnp.ones((5, 2)), jnp.ones(5))
    params = wide.init(jax.random.key(1), x)["params"]
    cut = {
        "hidden": (params["hidden"][0][:, :3], params["hidden"][1][:3]),
        "output": (params["output"][0][:3], params["output"][1]),
    }
    gradients = [
        jax.grad(
            lambda p, model=model: objectives.empirical_risk(model, losses.squared_error)({"params": p}, data, None)[0]
        )(p)
        for model, p in ((wide, params), (narrow, cut))
    ]
    np.testing.assert_allclose(gradients[0]["hidden"][0][:, :3], gradients[1]["hidden"][0], rtol=1e-10)
    np.testing.assert_allclose(gradients[0]["output"][0][:3], gradients[1]["output"][0], rtol=1e-10)
    assert (gradients[0]["hidden"][0][:, 3:] == 0).all()
    assert (gradients[0]["output"][0][3:] == 0).all()

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxdl import losses, models, objectives
from jaxdl.curvature.products import dense, hvp_over
from jaxdl.curvature.spectra import track
from jaxdl.learners import training
from jaxdl.types import Dataset


@pytest.mark.thorough
def test_sharpness_along_a_training_is_that_of_the_dense_hessian_at_every_time(key):
    x = jax.random.normal(key, (40, 3))
    data = Dataset(x, jnp.sin(2 * x[:, :1]), jnp.ones(40))
    model = models.mlp([8], 1, activation=jnp.tanh)
    risk = objectives.empirical_risk(model, losses.half_squared_error)
    optimizer = optax.sgd(0.1)
    num_steps, every = 60, 10

    @jax.jit
    @jax.vmap
    def trained(key):
        keys = {"init": key}
        state = training.initial_state(model, optimizer, keys, data)
        step = training.training_step(model, risk, optimizer, keys, lambda _: data)

        def matvec_at(state):
            return hvp_over(model, losses.half_squared_error, state.variables, data)

        tracked, seen = track(
            key,
            step,
            state,
            matvec_at,
            state.variables["params"],
            num_steps=num_steps,
            num_steps_between=every,
            top=2,
            num_matvecs=8,
        )

        def then(state, start):
            spectrum = jnp.linalg.eigvalsh(dense(matvec_at(state), state.variables["params"]))
            return jax.lax.fori_loop(start, start + every, step, state), spectrum

        untracked, spectra = jax.lax.scan(then, state, jnp.arange(0, num_steps, every))
        return tracked.variables, untracked.variables, seen, spectra

    tracked, untracked, seen, spectra = trained(jax.random.split(key, 3))
    # Watching changes nothing.
    for one, other in zip(jax.tree.leaves(tracked), jax.tree.leaves(untracked), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    np.testing.assert_array_equal(seen.steps[0], np.arange(0, num_steps + 1, every))
    exact = spectra[:, :, :-3:-1]
    values, bounds = seen.values[:, :-1], seen.residual_bounds[:, :-1]
    np.testing.assert_allclose(values, exact, rtol=1e-3)
    np.testing.assert_allclose(values[:, 0], exact[:, 0], rtol=1e-6)
    nearest = np.abs(values[..., None] - spectra[:, :, None, :]).min(axis=-1)
    assert np.all(nearest <= bounds)
    # A Ritz value never exceeds the largest eigenvalue.
    assert np.all(values[..., 0] <= exact[..., 0] * (1 + 1e-12))
    # Training changed what is measured.
    assert np.all(np.abs(exact[:, -1, 0] / exact[:, 0, 0] - 1) > 0.01)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_steps": 5, "num_steps_between": 2}, "expected a multiple"),
        ({"num_steps": 4, "num_steps_between": 0}, "got num_steps_between=0, expected a whole number of 1 or more"),
        ({"num_steps": 4, "num_steps_between": 2, "top": 3, "num_matvecs": 2}, "1 <= top <= num_matvecs <= dimension"),
        ({"num_steps": 4, "num_steps_between": 2, "num_matvecs": 5}, "1 <= top <= num_matvecs <= dimension"),
    ],
)
def test_impossible_schedules_are_refused(arguments, message, key):
    with pytest.raises(ValueError, match=message):
        track(key, lambda index, w: w, jnp.ones(4), lambda w: lambda v: v, jnp.ones(4), **arguments)

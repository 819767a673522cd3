"""What newcomers write into a trial is answered in the library's terms, with the way out."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from jaxdl import designs, ensembles
from jaxdl.ensembles.arguments import admitted_settings
from jaxdl.ensembles.mistakes import check_call
from jaxdl.types import Run

NORMAL = jax.random.normal

MISTAKES = {
    "scikit-learn": (
        lambda k, s: LinearRegression().fit(NORMAL(k["data"], (9, 2)), np.ones(9)).coef_,
        "decomposition.squared_error",
    ),
    "NumPy's array": (lambda k, s: np.asarray(NORMAL(k["data"], (3,))), "decomposition.squared_error"),
    "NumPy's method": (lambda k, s: np.linalg.norm(NORMAL(k["data"], (3,))), "jax.numpy"),
    "a shape": (lambda k, s: NORMAL(k["data"], (5, s)), "models.mlp_of_width"),
    "zeros": (lambda k, s: jnp.zeros(s), "one study for each size"),
    "arange": (lambda k, s: jnp.arange(s), "one study for each size"),
    "range": (lambda k, s: jnp.ones(2) * sum(range(s)), "static"),
    "a slice": (lambda k, s: jnp.arange(5)[:s], "static"),
    "an index": (lambda k, s: jnp.ones(2) * [1, 2, 3][s], "static"),
    "split": (lambda k, s: jax.random.split(k["data"], s), "static"),
    "reshape": (lambda k, s: jnp.ones(6).reshape(s, -1), "static"),
    "a static argument": (
        lambda k, s: jax.jit(lambda key, n: NORMAL(key, (n,)), static_argnums=1)(k["data"], s),
        "one study for each size",
    ),
    "steps": (lambda k, s: jax.lax.scan(lambda c, _: (c, c), 0.0, length=s)[1], "static"),
    "int": (lambda k, s: jnp.ones(int(s)), r"float\(\), int\(\)"),
    "float": (lambda k, s: float(NORMAL(k["data"])), r"float\(\), int\(\)"),
    "item": (lambda k, s: NORMAL(k["data"]).item(), "item"),
    "math": (lambda k, s: math.sqrt(s), "in place of math"),
    "if": (lambda k, s: 1.0 if NORMAL(k["data"]) > 0 else 2.0, "jax.numpy.where"),
    "while": (lambda k, s: [s := s - 1 for _ in iter(lambda: s > 0, False)], "jax.lax.while_loop"),
    "a boolean mask": (lambda k, s: jnp.arange(3)[jnp.arange(3) < s], "jax.numpy.where"),
    "a NumPy generator": (lambda k, s: np.random.default_rng(k["data"]).normal(size=3), "jax.random.normal"),
    "a key as a seed": (lambda k, s: NORMAL(jax.random.key(k["data"])), "it is a random key already"),
    "arithmetic of keys": (lambda k, s: k["data"] + 1, "it is a random key already"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_in_a_trial_is_answered_with_the_way_out(name):
    trial, remedy = MISTAKES[name]
    with pytest.raises(
        ValueError, match=rf"^trial: got .*expected .*{remedy}.* \(.*test_mistakes\.py, line \d+\)(\n|$)"
    ):
        ensembles.run(trial, designs.independent(4, "data"), jax.random.key(0), settings=jnp.array([2, 3]))


def test_a_trial_that_is_compiled_already_is_refused():
    trial = jax.jit(lambda keys: NORMAL(keys["data"], (2,)))
    with pytest.raises(ValueError, match=r"^trial: got .* jax\.jit .*expected a plain one"):
        ensembles.run(trial, designs.independent(4, "data"), jax.random.key(0))


def test_keys_are_a_mapping_that_remembers_what_was_read():
    def trial(keys):
        return NORMAL(dict(keys)["data"], (2,)) + NORMAL(dict(designs.tied(keys, order="data"))["order"], (2,))

    ensembles.run(trial, designs.independent(4, "data"), jax.random.key(0))
    with pytest.raises(AttributeError, match=r"got keys\.data in the trial; read a source by its name, keys\['data'\]"):
        ensembles.run(lambda keys: keys.data, designs.independent(4, "data"), jax.random.key(0))


@pytest.mark.parametrize(
    ("returned", "told"),
    [
        (np.array([2**40 + 7]), "which int32 cannot hold"),
        (2**40 + 7, "which int32 cannot hold"),
        (1.7e9 + np.arange(3.0), "keeps 1 of 3 distinct values"),
        (np.datetime64("2020"), "got dates"),
    ],
    ids=str,
)
def test_a_result_that_jax_would_falsify_is_refused(returned, told):
    with jax.enable_x64(False), pytest.raises(ValueError, match=rf"^trial's result: .*{told}"):
        ensembles.run(
            lambda keys: Run(NORMAL(keys["data"]), returned),
            designs.independent(4, "data"),
            jax.random.key(0),
            engine=ensembles.Engine(block=1),
        )


def test_a_source_is_read_by_its_name_alone():
    with pytest.raises(ValueError, match=r"got keys\[0\] in the trial; .* one of \['data'\]"):
        ensembles.run(lambda keys: NORMAL(keys[0]), designs.independent(4, "data"), jax.random.key(0))


@pytest.mark.parametrize("trial", [None, "trial", 3])
def test_what_cannot_be_called_is_no_trial(trial):
    with pytest.raises(ValueError, match=r"^trial: got .*, expected a function \(keys\); pass settings="):
        check_call(trial, None)


@pytest.mark.parametrize("kind", [TypeError, RuntimeError, KeyError])
def test_an_error_of_the_trials_own_comes_through_unchanged(kind):
    def trial(keys):
        msg = "my own"
        raise kind(msg)

    with pytest.raises(kind, match=r"^'?my own'?(\n|$)"):
        ensembles.run(trial, designs.independent(4, "data"), jax.random.key(0))


def test_partial_functions_methods_and_optional_arguments_are_trials():
    class Study:
        def trial(self, keys, setting=1.0):
            return setting * NORMAL(keys["data"], (2,))

    design, key, study = designs.independent(4, "data"), jax.random.key(0), Study()
    expected = ensembles.run(study.trial, design, key).outputs
    for same in (functools.partial(Study.trial, study), lambda *keys: study.trial(*keys)):
        np.testing.assert_array_equal(ensembles.run(same, design, key).outputs, expected)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.array([2**40 + 7, 1]), "int32 cannot hold.* The runs use 7 for 1099511627783"),
        (np.array([1e300, 1.0]), "beyond the range of float32.* The runs use inf for 1e[+]300"),
        (1.7e9 + np.arange(3.0), "keeps 1 of 3 distinct values"),
    ],
)
def test_settings_that_their_type_cannot_hold_are_told(values, told):
    with jax.enable_x64(False), pytest.warns(UserWarning, match=rf"^settings: got .*{told}"):
        admitted_settings({"value": values})


def test_a_debugging_mode_without_compilation_is_refused_with_the_way_to_debug():
    with jax.disable_jit(), pytest.raises(ValueError, match=r"jax_disable_jit.*keys_of_run"):
        ensembles.run(lambda keys: NORMAL(keys["data"], (2,)), designs.independent(4, "data"), jax.random.key(0))

"""A plan measures what a study will take, and computes nothing but a few blocks."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import designs, ensembles
from jaxdl.types import Run

KEY = jax.random.key(2)
STUDY = {"design": designs.crossed(data=6, init=5), "key": KEY, "settings": jnp.array([0.5, 2.0])}


def trial(keys, scale):
    values = scale * jax.random.normal(keys["data"], (3,), jnp.float32) + jax.random.normal(
        keys["init"], (3,), jnp.float32
    )
    return Run({"values": values, "low": values.astype(jnp.bfloat16)}, jnp.sum(values) > 0)


def wide(keys):
    return jax.random.normal(keys["data"], (2**14,), jnp.float32) + jax.random.normal(keys["init"], (), jnp.float32)


def test_a_plan_has_the_size_of_the_study():
    plan = ensembles.plan(trial, **STUDY, engine=ensembles.Engine(block=4))
    runs = ensembles.run(trial, **STUDY, engine=ensembles.Engine(block=4))
    assert (plan.num_runs, plan.num_settings, plan.block, plan.num_devices) == (60, 2, 4, len(jax.devices()))
    assert plan.results_bytes == sum(leaf.nbytes for leaf in jax.tree.leaves((runs.outputs, runs.aux)))
    assert plan.block_bytes > 0
    assert plan.seconds > 0
    assert plan.store is None


def test_a_plan_counts_the_runs_that_a_trial_makes_of_its_inner_sources():
    def all_inits(keys):
        start = jax.random.normal(keys["data"], (3,), jnp.float32)
        return jax.vmap(lambda key: start + jax.random.normal(key, (3,), jnp.float32))(keys["init"])

    design = designs.crossed(data=6, init=5)
    plan = ensembles.plan(all_inits, design, KEY, inner=("init",), engine=ensembles.Engine(block=2))
    assert (plan.num_runs, plan.block, plan.results_bytes) == (30, 10, 6 * 5 * 3 * 4)


def test_a_plan_names_the_store_and_writes_nothing(tmp_path):
    engine = ensembles.Engine(store=tmp_path / "study-{identity}")
    plan = ensembles.plan(trial, **STUDY, engine=engine)
    assert not list(tmp_path.iterdir())
    ensembles.run(trial, **STUDY, engine=engine)
    assert list(tmp_path.iterdir()) == [plan.store]


def test_a_study_that_does_not_fit_is_refused_before_it_runs(monkeypatch):
    module = sys.modules["jaxdl.ensembles.plan"]  # the package's name `plan` is the function
    with monkeypatch.context() as patch:
        patch.setattr(module, "_host_memory", lambda: 1000)
        patch.setattr(module, "dispatch", None)
        with pytest.raises(
            ValueError, match=r"block: got 8, whose program takes .* GiB, expected .*; pass a smaller block"
        ):
            ensembles.plan(trial, **STUDY)
    with monkeypatch.context() as patch:
        patch.setattr(module, "dispatch", None)
        huge = designs.crossed(data=2**20, init=2**10)
        with pytest.raises(ValueError, match=r"design: got .* runs that return .* GiB, expected at most .*; run fewer"):
            ensembles.plan(wide, huge, KEY)


def test_a_study_that_streams_may_be_larger_than_the_machine():
    plan = ensembles.plan(wide, designs.independent(2**30, "data", "init"), KEY)
    assert plan.results_bytes == 2**30 * 2**14 * 4 == 2**46
    assert np.isfinite(plan.seconds)

"""How the engine runs where there are accelerators: blocks by rate, one block a dispatch. Nothing here needs one."""

import dataclasses
import warnings
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import designs, ensembles
from jaxdl.ensembles import block_size
from jaxdl.ensembles.block_size import default_block, fastest_block
from jaxdl.ensembles.dispatch import dispatch
from jaxdl.ensembles.program import trace_program

KEY = jax.random.key(3)
DESIGN = designs.independent(50, "data")


def trial(keys):
    return jnp.cumsum(jax.random.normal(keys["data"], (4,), jnp.float32))


def program_of(block, function=trial):
    return trace_program(function, DESIGN, (), block, tuple(jax.devices()), KEY, None)


def rates(launch=24e-6 * 2, each=1e-7, fits=8192):
    """Runs a second where a step of a block takes a time for its launches and one for each of its runs."""
    asked = []

    def rate(block):
        asked.append(block)
        return block / (launch + each * block) if block <= fits else 0

    return rate, asked


@pytest.mark.parametrize(
    ("of", "largest", "expected"),
    [
        ({"launch": 48e-6, "each": 1e-7}, 8192, 4096),  # launches count: twice the block gains until they are a tenth
        ({"launch": 48e-6, "each": 1e-7, "fits": 700}, 8192, 512),  # what does not fit is left
        ({"launch": 0, "each": 1e-7}, 8192, 8),  # all the same: the smallest waits least
        ({"launch": 48e-6, "each": 1e-7}, 64, 64),  # no larger than the study
        ({"launch": 48e-6, "each": 1e-7, "fits": 0}, 8192, 8),
    ],
)
def test_the_block_is_the_one_at_which_doubling_gains_little(of, largest, expected):
    rate, asked = rates(**of)
    assert fastest_block(rate, first=1024, largest=largest) == expected
    assert len(asked) == len(set(asked)) <= 9


def gpu(limit):
    stats = None if limit is None else {"bytes_limit": limit}
    return SimpleNamespace(platform="gpu", process_index=0, memory_stats=lambda: stats)


def fake_trace(bytes_of_run, seconds, monkeypatch):
    """Programs whose block takes `seconds(block)` by a clock of their own."""
    clock = [0.0]
    monkeypatch.setattr(block_size, "time", SimpleNamespace(monotonic=lambda: clock[0]))

    def trace(block):
        def execute(*_):
            clock[0] += seconds(block)

        memory = SimpleNamespace(
            argument_size_in_bytes=0, output_size_in_bytes=0, temp_size_in_bytes=block * bytes_of_run
        )
        compiled = SimpleNamespace(memory_analysis=lambda: memory)
        arguments = (KEY, np.zeros((block, 1)), None)
        return SimpleNamespace(
            executable=SimpleNamespace(compiled=compiled), devices=[0], capacity=1, block=block, arguments=arguments,
            execute=execute,
        )  # fmt: skip

    return trace


def test_a_study_on_a_gpu_takes_the_fastest_block_that_fits_in_half_its_memory(unchecked, monkeypatch):
    trace = fake_trace(2**20, lambda block: 48e-6 + 1e-8 * block, monkeypatch)
    assert default_block((gpu(2**32),), trace, 10**6, KEY, None) == 2048
    assert default_block((gpu(2**30),), trace, 10**6, KEY, None) == 512
    assert default_block((gpu(2**32),), trace, 100, KEY, None) == 128


def test_slow_runs_are_no_runs_that_do_not_fit(unchecked, monkeypatch):
    """Networks of an hour each: a fraction of a run a second, and each block is executed once."""
    begun = []

    def seconds(block):
        begun.append(block)
        return 3600 * max(1, block / 64)  # 64 at a time take no longer than one

    assert default_block((gpu(2**40),), fake_trace(2**20, seconds, monkeypatch), 10**6, KEY, None) == 64
    assert len(begun) == len(set(begun))


def test_a_device_that_does_not_tell_its_memory_is_warned_about(unchecked, monkeypatch):
    trace = fake_trace(2**20, lambda block: 48e-6, monkeypatch)
    with pytest.warns(UserWarning, match="no block above 256 is tried"):
        assert default_block((gpu(None),), trace, 10**6, KEY, None) == 256


def test_the_rate_of_a_real_program_is_measured():
    rate = block_size._runs_per_second(program_of(8), np.inf, KEY, None)
    assert rate > 0
    assert block_size._runs_per_second(program_of(8), 1.0, KEY, None) == 0


def test_a_block_for_cpus_is_no_block_for_others():
    engine = ensembles.Engine(block={"cpu": 16})
    assert (engine.block_on("cpu"), engine.block_on("gpu")) == (16, None)
    assert ensembles.plan(trial, DESIGN, KEY, engine=engine).block == 16
    assert ensembles.Engine(block=16).block_on("tpu") == 16
    with pytest.raises(ValueError, match="expected platforms among"):
        ensembles.Engine(block={"cuda12": 8})
    with pytest.raises(ValueError, match="block: got 0"):
        ensembles.Engine(block={"gpu": 0})


def loops_of(looped, single):
    """Programs of a block by itself, and of dispatches of one and of many."""
    return looped.one_block.lower(), single._lower(), looped._lower()


def test_a_dispatch_on_an_accelerator_is_one_block_and_no_loop():
    looped = program_of(8)
    single = dataclasses.replace(looped, capacity=1, in_a_loop=False)
    own, alone, many = (each.as_text().count("stablehlo.while") for each in loops_of(looped, single))
    assert (alone, many) == (own, own + 1)
    found = list(dispatch(single, DESIGN, KEY, None, np.arange(50)))
    assert max(len(each.runs) for each in found) <= 8 * len(jax.devices())
    outputs = np.concatenate([each.results[0] for each in found])
    np.testing.assert_array_equal(outputs, ensembles.run(trial, DESIGN, KEY).outputs)


def closing_over(array):
    return lambda keys: jnp.sum(array * jax.random.normal(keys["data"], array.shape, array.dtype))


def test_arrays_of_a_closure_are_inputs_and_part_of_the_identity():
    """So that another closure of the same trial finds its program compiled, and no store takes it for the first."""
    arrays = [jnp.linspace(0, scale, 1000, dtype=jnp.float32) for scale in (1, 2)]
    first, second = (program_of(8, closing_over(each)) for each in arrays)
    assert [each.shape for each in first.constants] == [(1000,)]
    assert first.executable is second.executable
    assert first.identity(KEY) != second.identity(KEY)
    assert first.identity(KEY) == program_of(8, closing_over(arrays[0])).identity(KEY)
    ratios = [ensembles.run(closing_over(each), DESIGN, KEY).outputs for each in arrays]
    np.testing.assert_allclose(2 * ratios[0], ratios[1], rtol=1e-4)


def test_numpys_arrays_count_as_they_are_when_the_study_begins():
    array = np.linspace(0, 1, 1000, dtype=np.float32)
    expected = ensembles.run(closing_over(jnp.array(array)), DESIGN, KEY).outputs
    program = program_of(8, closing_over(jnp.asarray(array)))
    found = []
    for each in dispatch(program, DESIGN, KEY, None, np.arange(50)):
        array[:] = 0
        found.append(each.results[0])
    np.testing.assert_array_equal(np.concatenate(found), expected)


@pytest.mark.parametrize("jitted", [False, True])
def test_arrays_of_functions_that_the_trial_calls_are_inputs_too(jitted):
    array = jnp.linspace(0, 1, 1000, dtype=jnp.float32)

    def inner(x):
        return jnp.vdot(array, x)

    called = jax.jit(inner) if jitted else inner

    def outer(keys):
        x = jax.random.normal(keys["data"], (1000,), jnp.float32)
        return jax.lax.fori_loop(0, 3, lambda _, total: total + jnp.sum(array * x), called(x))

    program = program_of(8, outer)
    assert [each.shape for each in program.constants] == [(1000,)]  # once, though it is used twice
    assert max(map(len, program._lower().as_text().splitlines())) < 5000
    expected = [jax.jit(outer)(designs.keys_of_run(DESIGN, KEY, run)) for run in range(3)]
    np.testing.assert_allclose(ensembles.run(outer, DESIGN, KEY).outputs[:3], expected, rtol=1e-4)


def test_runs_of_other_devices_are_named_before_they_are_computed_again(tmp_path):
    """A share of two devices gathered on one is another study to the bit, and no secret."""
    store = tmp_path / "study-{identity}"
    ensembles.run(trial, DESIGN, KEY, engine=ensembles.Engine(store=store))
    (there,) = tmp_path.iterdir()
    alone = ensembles.Engine(store=store, devices=jax.devices()[:1])

    def told():
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            ensembles.run(trial, DESIGN, KEY, engine=alone)
        return [str(each.message) for each in caught if "other devices" in str(each.message)]

    (named,) = told()
    assert str(there) in named
    assert "several, cpu" in named
    assert not told()  # since its own folder is there now
    other = ensembles.Engine(store=store)
    ensembles.run(trial, DESIGN, jax.random.key(99), engine=other)  # another root key is another study: no warning

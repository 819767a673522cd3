import functools
import subprocess
import sys
import warnings
from types import SimpleNamespace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
import threadpoolctl

from jaxdl import designs, ensembles, learners, losses, models, objectives
from jaxdl.data import orders, problems
from jaxdl.ensembles.devices import compiler_options
from jaxdl.ensembles.identity import identity_of
from jaxdl.ensembles.program import trace_program
from jaxdl.ensembles.run import collect
from jaxdl.ensembles.stream import stream
from jaxdl.programs.lowering import lowering_digest
from jaxdl.types import Run

KEY = jax.random.key(1)
CROSSED = designs.crossed(data=5, init=3)


def two_normals(keys):
    return jax.random.normal(keys["data"], (4,)) + 10 * jax.random.normal(keys["init"], (4,))


def network_trial(keys):
    model = models.mlp((4,), 1)
    objective = objectives.empirical_risk(model, losses.squared_error)
    keys = designs.tied(keys, order="init")
    train = problems.noisy_sine(0.3).sample(keys, 16)
    fit = learners.minibatch_descent(
        model, objective, optax.adam(1e-2), num_steps=3, batch_size=4, order=orders.reshuffled_each_epoch
    )  # fmt: skip
    return model.apply(fit(keys, train), train.x[:2])


def test_every_run_gets_the_keys_of_its_levels():
    outputs = ensembles.run(two_normals, CROSSED, KEY).outputs
    for run in range(CROSSED.num_runs):
        expected = jax.jit(two_normals)(designs.keys_of_run(CROSSED, KEY, run))
        np.testing.assert_allclose(outputs.reshape(-1, 4)[run], expected, rtol=1e-12)


@pytest.mark.parametrize("design", [designs.nested(data=5, init=3), designs.independent(21, "data", "init")])
def test_every_design_runs_in_order(design):
    outputs = ensembles.run(two_normals, design, KEY).outputs.reshape(-1, 4)
    for run in (0, 1, design.num_runs - 1):
        np.testing.assert_allclose(outputs[run], two_normals(designs.keys_of_run(design, KEY, run)), rtol=1e-12)


@pytest.mark.thorough
def test_inner_sources_give_the_same_numbers():
    def shared(keys):
        data = jax.random.normal(keys["data"], (4,))
        return data[None, :] + 10 * jax.vmap(lambda key: jax.random.normal(key, (4,)))(keys["init"])

    for design in (CROSSED, designs.nested(data=5, init=3)):
        expected = ensembles.run(two_normals, design, KEY).outputs
        np.testing.assert_allclose(ensembles.run(shared, design, KEY, inner=("init",)).outputs, expected, rtol=1e-12)


def test_settings_share_one_trace_and_their_random_numbers():
    @chex.assert_max_traces(n=2)  # once a study
    def trial(keys, setting):
        return setting["scale"] * two_normals(keys)

    settings = {"scale": jnp.array([1.0, 2.0, 4.0])}
    for seed in (0, 1):
        outputs = ensembles.run(trial, CROSSED, jax.random.key(seed), settings=settings).outputs
        assert outputs.shape == (3, 5, 3, 4)
        np.testing.assert_array_equal(outputs[2], 4 * outputs[0])


def test_aux_and_pytrees_of_outputs_are_kept():
    def trial(keys):
        values = two_normals(keys)
        return Run({"mean": values.mean(), "all": values}, {"count": jnp.array(4)})

    runs = ensembles.run(trial, CROSSED, KEY)
    assert runs.outputs["mean"].shape == (5, 3)
    assert runs.outputs["all"].shape == (5, 3, 4)
    assert (runs.aux["count"] == 4).all()


def test_outputs_beyond_the_memory_limit_go_to_a_file():
    in_memory = ensembles.run(two_normals, CROSSED, KEY).outputs
    on_disk = ensembles.run(two_normals, CROSSED, KEY, engine=ensembles.Engine(memory_limit=10)).outputs
    assert isinstance(on_disk, np.memmap)
    np.testing.assert_array_equal(on_disk, in_memory)


@pytest.mark.thorough
def test_the_compiled_engine_holds_no_collective():
    assert len(jax.devices()) >= 2
    program = trace_program(network_trial, CROSSED, (), 8, tuple(jax.devices()), KEY, None)
    assert len(program.executable.devices) == len(jax.devices())
    text = program.executable.compiled.as_text()
    for collective in ("all-reduce", "all-gather", "all-to-all", "collective-permute", "reduce-scatter"):
        assert collective not in text


def test_a_study_traces_its_trial_once_whatever_is_asked_of_it(tmp_path):
    traced = []

    def trial(keys):
        traced.append(True)
        return jax.random.normal(keys["data"], (2,))

    design = designs.independent(8, "data")
    # Named by its identity, its block chosen, lowered for one device and for all, executed.
    ensembles.run(trial, design, KEY, engine=ensembles.Engine(store=tmp_path / "{identity}"))
    assert len(traced) == 1


def test_a_prepared_study_is_traced_once_and_gives_what_run_gives():
    traced = []

    def trial(keys, scale):
        traced.append(True)
        return scale * two_normals(keys)

    settings = jnp.array([1.0, 2.0])
    repeat = ensembles.prepare(trial, CROSSED, settings=settings)
    repeated = [repeat(jax.random.key(seed)).outputs for seed in (1, 2)]
    assert len(traced) == 1
    for seed, outputs in zip((1, 2), repeated, strict=True):
        np.testing.assert_array_equal(
            outputs, ensembles.run(trial, CROSSED, jax.random.key(seed), settings=settings).outputs
        )
    with pytest.raises(ValueError, match=r"^key: got .*expected one root key"):
        repeat(jax.random.key(0, impl="rbg"))


class Scaled:
    """A trial with an attribute."""

    factor = 1.0

    def __call__(self, keys):
        return self.factor * jax.random.normal(keys["data"], (3,))


FACTOR = 1.0


def changed_trials():
    """Trials as `(trial, change)`: after the change the same object answers ten times as much."""
    array, cell, attribute, default, table = np.ones(3), [1.0], Scaled(), Scaled(), {"factor": 1.0}
    step = functools.partial(lambda keys, box: box[0] * jax.random.normal(keys["data"], (3,)), box=cell)

    def closure(keys):
        return array * jax.random.normal(keys["data"], (3,))

    def of_global(keys):
        return FACTOR * jax.random.normal(keys["data"], (3,))

    def of_mapping(keys):
        return table["factor"] * jax.random.normal(keys["data"], (3,))

    def on_host(keys):
        draw = jax.random.normal(keys["data"], (3,))
        return draw * jax.pure_callback(
            lambda: np.float64(cell[0]), jax.ShapeDtypeStruct((), draw.dtype), vmap_method="sequential"
        )

    return {
        "an array of its closure": (closure, lambda: array.__imul__(10)),
        "an attribute": (attribute, lambda: setattr(attribute, "factor", 10.0)),
        "a class attribute": (default, lambda: setattr(Scaled, "factor", 10.0)),
        "a global": (of_global, lambda: globals().update(FACTOR=10.0)),
        "a bound argument": (step, lambda: cell.__setitem__(0, 10.0)),
        "an entry of a mapping": (of_mapping, lambda: table.update(factor=10.0)),
        "a function that it calls back": (on_host, lambda: cell.__setitem__(0, 10.0)),
    }


@pytest.mark.parametrize("name", changed_trials())
def test_a_trial_whose_surroundings_changed_is_seen_as_it_is_now(name, monkeypatch):
    monkeypatch.setattr(Scaled, "factor", 1.0)
    monkeypatch.setitem(globals(), "FACTOR", 1.0)
    trial, change = changed_trials()[name]
    before = ensembles.run(trial, designs.crossed(data=4), KEY).outputs
    change()
    np.testing.assert_allclose(ensembles.run(trial, designs.crossed(data=4), KEY).outputs, 10 * before, rtol=1e-14)


def test_a_store_refuses_the_old_runs_of_a_trial_that_changed(tmp_path):
    trial = Scaled()
    ensembles.run(trial, designs.crossed(data=4), KEY, engine=ensembles.Engine(store=tmp_path))
    trial.factor = 10.0
    with pytest.raises(ensembles.StoreError, match="trial"):
        ensembles.run(trial, designs.crossed(data=4), KEY, engine=ensembles.Engine(store=tmp_path))


def test_a_store_refuses_a_trial_that_calls_back_into_python(tmp_path):
    def trial(keys):
        return jax.pure_callback(lambda: np.float64(1), jax.ShapeDtypeStruct((), jnp.float64)) + keys["data"].size

    with pytest.raises(ValueError, match=r"store: got a trial that calls back .*pure_callback"):
        ensembles.run(trial, designs.crossed(data=4), KEY, engine=ensembles.Engine(store=tmp_path))


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.int8, jnp.bool_, jnp.complex64])
def test_large_constants_are_part_of_what_a_trial_means(dtype):
    def digest(values):
        constant = jnp.asarray(values, dtype)
        return lowering_digest(jax.jit(lambda x: constant * x.astype(dtype)).lower(jnp.float32(1)))

    values = np.arange(1000) % 2
    changed = np.where(np.arange(1000) == 500, 1 - values, values)
    assert digest(values) == digest(values) != digest(changed)
    assert digest(np.zeros(1000)) != digest(np.ones(1000))


def test_a_program_that_lowers_to_the_same_is_compiled_once():
    def make():
        return lambda keys: 3 * jax.random.normal(keys["data"], (2,))

    first, second = (
        trace_program(make(), designs.independent(8, "data"), (), 8, tuple(jax.devices()), KEY, None) for _ in range(2)
    )
    assert first.executable is second.executable


def test_a_block_of_one_is_the_trial_as_it_is():
    def trial(keys):
        x = jax.random.normal(keys["data"], (4,))
        return Run(jax.lax.cond(x[0] > 0, lambda: jnp.cumsum(x), lambda: x), {"steps": 3})

    design = designs.independent(6, "data")
    program = trace_program(trial, design, (), 1, tuple(jax.devices()), KEY, None)
    assert "stablehlo.case" in program.one_block.lower().as_text()
    runs = ensembles.run(trial, design, KEY, engine=ensembles.Engine(block=1))
    np.testing.assert_array_equal(
        runs.outputs, ensembles.run(trial, design, KEY, engine=ensembles.Engine(block=2)).outputs
    )
    assert runs.aux["steps"].tolist() == [3] * 6


def test_diverged_runs_are_named_and_their_neighbours_unchanged():
    def trial(keys, bad):
        values = two_normals(keys)
        diverged = bad & (values[0] > 0)
        return Run(jnp.where(diverged, jnp.nan, values), {"diverged_at": jnp.where(diverged, 7, -1)})

    healthy = ensembles.run(trial, CROSSED, KEY, settings=jnp.array([False]))
    with pytest.warns(UserWarning, match="diverged: run"):
        ill = ensembles.run(trial, CROSSED, KEY, settings=jnp.array([True]))
    with pytest.raises(ensembles.DivergedRunsError, match="strict=True"):
        ensembles.run(trial, CROSSED, KEY, settings=jnp.array([True]), strict=True)
    expected = np.flatnonzero(healthy.outputs.reshape(-1, 4)[:, 0] > 0)
    assert [run.run for run in ill.diverged] == expected.tolist()
    first = ill.diverged[0]
    assert first.levels == dict(zip(("data", "init"), divmod(first.run, 3), strict=True))
    assert "diverged_at" in str(first)
    assert "7" in str(first)
    others = np.delete(np.arange(15), expected)
    np.testing.assert_array_equal(ill.outputs.reshape(-1, 4)[others], healthy.outputs.reshape(-1, 4)[others])


def test_an_ignored_source_is_warned_about():
    with pytest.warns(UserWarning, match=r"never reads the source \['init'\]"):
        ensembles.run(lambda keys: jax.random.normal(keys["data"], (2,)), CROSSED, KEY)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"key": jax.random.PRNGKey(0)}, "expected one new-style root key"),
        ({"key": jax.random.key(0, impl="rbg")}, "rbg"),
        ({"engine": 8}, "engine: got 8, expected an Engine"),
        ({"inner": ("data",)}, "expected the last sources"),
        ({"inner": ("data", "init")}, "not all of them"),
        ({"settings": jnp.float32(1.0)}, "leading axis"),
        ({"settings": [1.0, 2.0]}, "not a list"),
        ({"settings": {"a": jnp.ones(2), "b": jnp.ones(3)}}, "same, non-empty leading axis"),
        ({"trial": lambda keys: ()}, "expected an array of predictions"),
        ({"trial": lambda keys: {}}, "expected an array of predictions"),
        (
            {"trial": lambda keys: (two_normals(keys), 1.0)},
            r"got a tuple of 2 .*; return jaxdl.types.Run\(predictions, aux\)",
        ),
        ({"trial": lambda keys: "text"}, "trial's result: got text"),
        ({"trial": lambda keys: np.ma.masked_less([1.0, -1.0], 0)}, "trial's result: got a masked array"),
        ({"trial": lambda keys, setting: setting}, "pass settings= to have"),
        ({"trial": lambda keys: 1.0, "settings": jnp.ones(2)}, "settings= is given"),
        ({"settings": np.ma.masked_less([1.0, -1.0], 0)}, "settings: got a masked array"),
        ({"settings": np.array(["a", "b"])}, "settings: got text"),
        ({"trial": lambda keys: jax.random.normal(keys["order"])}, r"'order'.*\['data', 'init'\]"),
    ],
)
def test_bad_arguments_are_refused_with_a_remedy(arguments, told, unchecked):
    call = {"trial": two_normals, "design": CROSSED, "key": KEY} | arguments
    with pytest.raises(ValueError, match=told):
        ensembles.run(**call)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"block": 0}, "block: got 0, expected a whole number from 1 to 65536"),
        ({"devices": ()}, "devices: got .*, expected different devices"),
        ({"store": 3}, "store: got 3"),
        ({"shard": (1, 2)}, "shard: got .* without a store"),
        ({"fresh": 1}, "fresh: got 1, expected True or False"),
        ({"progress": "no"}, "progress: got 'no', expected True or False"),
        ({"memory_limit": -1}, "memory_limit: got -1"),
    ],
)
def test_an_engine_refuses_what_makes_no_sense(options, message, unchecked):
    with pytest.raises(ValueError, match=message):
        ensembles.Engine(**options)


def test_trials_reuse_no_key():
    with jax.debug_key_reuse(True):
        ensembles.run(network_trial, CROSSED, KEY)
        with pytest.raises(jax.errors.KeyReuseError):
            ensembles.run(lambda keys: two_normals(keys) + jax.random.normal(keys["data"], (4,)), CROSSED, KEY)


def test_chunks_come_in_run_order_whatever_their_size():
    (of_one_setting,) = stream(two_normals, designs.independent(1000, "data", "init"), KEY)
    chunks = list(of_one_setting)
    assert [chunk.first_run for chunk in chunks] == np.cumsum([0, *(len(chunk.outputs) for chunk in chunks)])[
        :-1
    ].tolist()
    runs = collect(iter(chunks), designs.independent(1000, "data", "init"), 1, 2**30)
    assert runs.outputs.shape == (1, 1000, 4)


def test_devices_cannot_change_once_fixed():
    threadpoolctl.threadpool_limits(2, user_api="blas")
    assert ensembles.use_cpu_devices(len(jax.devices())) == len(jax.devices())
    assert all(pool["num_threads"] == 1 for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas")
    with pytest.raises(RuntimeError, match="Restart it"):
        ensembles.use_cpu_devices(len(jax.devices()) + 1)
    with pytest.raises(ValueError, match="whole number from 1 to"):
        ensembles.use_cpu_devices(0)


MEMORY = """
import resource, jax, numpy as np
from jaxdl import designs, ensembles, decompose
from jaxdl.decomposition import Target
ensembles.use_cpu_devices(2)
trial = lambda keys: jax.random.normal(keys["data"], (1000,))
peaks = []
for count in (1_000, 100_000):
    decompose(trial, designs.independent(count, "data"), jax.random.key(0), target=Target(mean=np.zeros(1000)))
    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
print(peaks[1] / peaks[0])
"""


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_number_of_runs():
    """A hundred thousand runs of 1000 predictions would be 400 MB if they were kept."""
    done = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, timeout=300, check=True)
    assert float(done.stdout) < 1.2


def test_one_cpu_device_is_warned_about():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = ensembles.run(two_normals, CROSSED, KEY).outputs
    with pytest.warns(UserWarning, match="use_cpu_devices"):
        alone = ensembles.run(two_normals, CROSSED, KEY, engine=ensembles.Engine(devices=jax.devices()[:1])).outputs
    np.testing.assert_allclose(alone, expected, rtol=1e-12)


def test_programs_for_cpus_are_compiled_at_a_level_of_their_own(monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    cpus = jax.devices("cpu")
    assert compiler_options(cpus) == {"xla_backend_optimization_level": 2}
    jax.config.update("jax_disable_most_optimizations", True)
    try:
        assert compiler_options(cpus) == {}
    finally:
        jax.config.update("jax_disable_most_optimizations", False)
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=1")
    assert compiler_options(cpus) == {}


def test_programs_for_gpus_are_compiled_with_deterministic_operations(unchecked, monkeypatch):
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    gpus = [SimpleNamespace(platform="gpu")]
    assert compiler_options(gpus) == {"xla_gpu_deterministic_ops": True}
    monkeypatch.setenv("XLA_FLAGS", "--xla_gpu_deterministic_ops=false")
    assert compiler_options(gpus) == {}


def test_what_a_gpu_depends_on_is_in_the_identity(unchecked):
    driver = SimpleNamespace(platform_version="PJRT C API\ncuda 13000")
    gpu = SimpleNamespace(platform="gpu", device_kind="NVIDIA H100", client=driver)
    names = identity_of("trial", CROSSED, (), 8, (gpu, gpu), KEY)
    assert names["devices"] == "several, gpu NVIDIA H100, PJRT C API cuda 13000"
    assert names["compiler options"] == "{'xla_gpu_deterministic_ops': True}"


def test_random_keys_as_outputs_are_refused_before_anything_runs():
    with pytest.raises(ValueError, match=r"return jax\.random\.key_data"):
        ensembles.run(lambda keys: keys["data"], designs.independent(4, "data"), KEY)


def test_programs_are_compiled_with_these_options(monkeypatch):
    monkeypatch.setattr("jaxdl.ensembles.program.compiler_options", lambda devices: {"no_such_option": len(devices)})
    program = trace_program(two_normals, CROSSED, (), 7, tuple(jax.devices()), KEY, None)
    with pytest.raises(Exception, match="no_such_option"):
        _ = program.executable

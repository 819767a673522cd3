"""Trials on the host: any Python function of integer seeds, with the designs, stores and errors of compiled trials."""

import collections
import os
import sys
import threading
import warnings

import jax
import numpy as np
import pytest
import threadpoolctl

from jaxdl import decompose, designs, ensembles
from jaxdl.decomposition import Target
from jaxdl.ensembles import DivergedRunsError, Engine, on_host
from jaxdl.types import Run

KEY = jax.random.key(3)
CROSSED = designs.crossed(data=6, init=4)


def effects(seeds):
    """A sum of an effect of the data, one of the initialization, and one of both."""
    of = {name: np.random.default_rng(seed).normal(size=3) for name, seed in seeds.items()}
    both = np.random.default_rng(list(seeds.values())).normal(size=3)
    return of["data"] + 0.5 * of["init"] + 0.3 * both


def counted(calls, function=effects):
    def count(seeds, *setting):
        calls.append(dict(seeds))
        return function(seeds, *setting)

    return on_host(count, name="effects")


def run(trial, design=CROSSED, **engine):
    return ensembles.run(trial, design, KEY, engine=Engine(progress=False, **engine)).outputs


def test_a_level_has_one_seed_wherever_it_meets_others_and_no_two_levels_share_one():
    calls = []
    run(counted(calls))
    assert len(calls) == 24
    assert len({each["data"] for each in calls}) == 6
    assert len({each["init"] for each in calls}) == 4
    nested = []
    run(counted(nested), designs.nested(data=6, init=4))
    assert len({each["init"] for each in nested}) == 24
    assert {each["data"] for each in nested} == {each["data"] for each in calls}


def test_the_outputs_are_those_of_a_plain_double_loop():
    calls = []
    outputs = run(counted(calls))
    plain = np.array([effects(seeds) for seeds in calls]).reshape(6, 4, 3)
    np.testing.assert_array_equal(outputs, plain)


def test_decompose_takes_such_a_trial_and_names_its_sources():
    result = decompose(
        on_host(effects, name="e"), CROSSED, KEY, target=Target(mean=np.zeros(3)), engine=Engine(progress=False)
    )
    assert set(result.estimates) >= {"bias_squared", ("data",), ("init",), ("data", "init")}
    table = run(on_host(effects, name="e"))
    interaction = ((table - table.mean(0, keepdims=True) - table.mean(1, keepdims=True) + table.mean((0, 1))) ** 2).sum(
        (0, 1)
    ) / 15
    np.testing.assert_allclose(result.estimates["data", "init"], interaction.mean())
    np.testing.assert_allclose(
        result.total_variance, sum(result.estimates[u] for u in (("data",), ("init",), ("data", "init")))
    )


def test_stored_runs_are_not_made_again_also_when_the_study_grows(tmp_path):
    calls = []
    first = run(counted(calls), store=tmp_path)
    again = run(counted(calls), store=tmp_path)
    assert len(calls) == 24 + 1  # one to learn the shapes, before the store has them
    np.testing.assert_array_equal(first, again)
    grown = run(counted(calls), designs.crossed(data=8, init=4), store=tmp_path)
    assert len(calls) == 25 + 8
    np.testing.assert_array_equal(grown[:6], first)


def test_after_an_interruption_the_runs_that_were_stored_stay(tmp_path, monkeypatch):
    monkeypatch.setattr(sys.modules["jaxdl.ensembles.host_program"], "SECONDS_PER_RECORD", 0.0)
    calls = []

    def stop(seeds):
        if len(calls) == 10:
            raise KeyboardInterrupt
        return effects(seeds)

    with pytest.raises(KeyboardInterrupt):
        run(counted(calls, stop), store=tmp_path)
    whole = run(counted(calls), store=tmp_path)
    assert len(calls) == 24 + 2  # the shapes, and the run that was interrupted
    np.testing.assert_array_equal(whole, run(on_host(effects, name="effects")))


def test_shards_meet_in_their_store_and_other_names_do_not(tmp_path):
    trial = on_host(effects, name="effects")
    with pytest.raises(ensembles.UnfinishedStudyError, match="share 1 of 2"):
        run(trial, store=tmp_path, shard=(1, 2))
    np.testing.assert_array_equal(run(trial, store=tmp_path, shard=(2, 2)), run(trial))
    with pytest.raises(ensembles.StoreError, match="by name: other"):
        run(on_host(effects, name="other"), store=tmp_path)


def products(seeds):
    """Large enough a product for BLAS to share it among threads, whose number then shows in the last bits."""
    a = np.random.default_rng(list(seeds.values())).normal(size=(400, 900))
    return np.linalg.solve(a @ a.T, np.ones(400))


@pytest.mark.thorough
@pytest.mark.parametrize("function", [effects, products])
@pytest.mark.parametrize("how", [{"workers": 2}, {"workers": 2, "threads": True}, {"workers": None}])
def test_workers_give_the_bits_of_one(how, function):
    pytest.importorskip("joblib")
    np.testing.assert_array_equal(run(on_host(function, name="e", **how)), run(on_host(function, name="e")))


def test_runs_have_one_thread_of_blas_each_and_leave_the_number_as_it_was():
    def threads():
        return [each["num_threads"] for each in threadpoolctl.threadpool_info() if each["user_api"] == "blas"]

    seen = []
    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        run(on_host(lambda seeds: (seen.extend(threads()), effects(seeds))[1], name="e"))
        assert set(threads()) == {2}
    assert set(seen) == {1}


@pytest.mark.thorough
def test_joblib_says_how_many_workers_where_none_are_named():
    joblib = pytest.importorskip("joblib")
    here = on_host(lambda seeds: [float(os.getpid()), effects(seeds)[0]], name="process", workers=None)
    with joblib.parallel_config(n_jobs=1):
        assert set(run(here)[..., 0].ravel()) == {os.getpid()}
    with joblib.parallel_config(backend="threading", n_jobs=2):
        assert set(run(here)[..., 0].ravel()) == {os.getpid()}
        assert ensembles.plan(here, CROSSED, KEY, engine=Engine(progress=False)).num_devices == 2
    assert os.getpid() not in run(here)[..., 0].ravel()


def test_a_backend_that_returns_batches_alone_as_rays_does_gives_the_same_runs(monkeypatch):
    backends = pytest.importorskip("joblib._parallel_backends")
    joblib = pytest.importorskip("joblib")
    monkeypatch.setattr(backends.ThreadingBackend, "supports_return_generator", False)
    with joblib.parallel_config(backend="threading", n_jobs=2):
        outputs = run(on_host(effects, name="e", workers=None))
    np.testing.assert_array_equal(outputs, run(on_host(effects, name="e")))


@pytest.mark.thorough
def test_what_no_process_can_be_sent_is_refused_and_threads_take_it():
    pytest.importorskip("joblib")
    lock = threading.Lock()

    def locked(seeds):
        with lock:
            return effects(seeds)

    with pytest.raises(ValueError, match=r"workers: got a trial that cannot be sent .*lock.*; .*threads=True"):
        run(on_host(locked, name="locked", workers=2))
    np.testing.assert_array_equal(
        run(on_host(locked, name="locked", workers=2, threads=True)), run(on_host(effects, name="effects"))
    )


def test_more_workers_without_joblib_name_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ImportError, match=r'workers: got no joblib.*pip install "jaxdl\[estimators\]"'):
        run(on_host(effects, name="effects", workers=2))
    run(on_host(effects, name="effects"))


def test_a_function_that_draws_from_something_else_is_told_from_one_that_does_not(tmp_path):
    rng = np.random.default_rng(0)
    with pytest.warns(UserWarning, match="two results of the first run"):
        run(on_host(lambda seeds: effects(seeds) + rng.normal(), name="f"), store=tmp_path / "drawn")
    run(on_host(lambda seeds: effects(seeds) * (1 + 1e-7 * rng.normal()), name="f"), store=tmp_path / "rounded")


def test_named_results_settings_and_reports_come_back_from_the_store_as_they_went_in(tmp_path):
    def function(seeds, setting):
        return Run({"b": [float(setting)], "a": np.full(2, seeds["data"] % 7, np.int32)}, {"steps": (1, np.float32(2))})

    def study():
        return ensembles.run(
            on_host(function, name="f"), designs.crossed(data=3), KEY, settings=np.array([0.5, 2.0]),
            engine=Engine(progress=False, store=tmp_path),
        )  # fmt: skip

    first, again = study(), study()
    assert first.outputs["b"][..., 0].tolist() == [[0.5] * 3, [2.0] * 3]
    assert first.outputs["a"].dtype == np.int32
    assert jax.tree.structure(first.aux) == jax.tree.structure(again.aux)
    jax.tree.map(np.testing.assert_array_equal, first, again)


def test_an_exception_names_the_seeds_of_its_run_and_a_run_that_diverges_is_named():
    def fails(seeds):
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck") as raised:
        run(on_host(fails, name="fails"))
    assert "run 0 (data 0, init 0) of 'fails' with the seeds {'data': " in raised.value.__notes__[0]

    def diverges(seeds):
        return np.array([np.nan if seeds["data"] % 6 == 0 else 1.0])

    trial = on_host(diverges, name="diverges")
    with pytest.raises(DivergedRunsError, match="diverged"):
        ensembles.run(trial, designs.crossed(data=40), KEY, engine=Engine(progress=False), strict=True)


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda seeds: (1.0, 2.0), "Run\\(predictions, aux\\)"),
        (lambda seeds: {}, "an array of predictions"),
        (lambda seeds: np.ones((seeds["data"] + seeds["init"]) % 5 + 1), "what others return"),
        (lambda seeds: seeds["order"], "a source of the design, one of \\['data', 'init'\\]"),
        (lambda seeds: ["a"], "trial's result"),
    ],
)
def test_results_and_sources_that_fit_nothing_are_refused(function, message):
    with pytest.raises(ValueError, match=message):
        run(on_host(function, name="f"))


def test_a_function_may_return_one_array_that_it_writes_to_in_every_run():
    buffer = np.zeros(3)

    def function(seeds):
        buffer[:] = effects(seeds)
        return buffer

    np.testing.assert_array_equal(run(on_host(function, name="f")), run(on_host(effects, name="effects")))


@pytest.mark.parametrize("later", [[0.75], [0, 1]])
@pytest.mark.parametrize("seconds", [0.0, 1000.0])
@pytest.mark.parametrize("is_stored", [False, True])
def test_a_later_run_of_another_shape_or_type_is_refused_in_its_batch_and_after_it(
    later, seconds, is_stored, tmp_path, monkeypatch
):
    monkeypatch.setattr(sys.modules["jaxdl.ensembles.host_program"], "SECONDS_PER_RECORD", seconds)
    calls = []

    def function(seeds):
        calls.append(seeds)
        return [0] if len(calls) < 4 else later

    with pytest.raises(ValueError, match=r"from run [23], expected what others return"):
        run(on_host(function, name="f"), store=tmp_path if is_stored else None)


def test_all_settings_return_one_type():
    def function(seeds, setting):
        return [0] if setting < 1 else [0.5]

    with pytest.raises(ValueError, match="expected what others return"):
        ensembles.run(on_host(function, name="f"), CROSSED, KEY, settings=np.arange(2), engine=Engine(progress=False))


Pair = collections.namedtuple("Pair", "first second")


@pytest.mark.parametrize(
    "made",
    [{key: [key] for key in range(12)}, Pair([1], [2]), {"a": ([1],)}, collections.OrderedDict(b=[1], a=[2])],
)
def test_containers_come_back_from_the_store_as_they_went_in(made, tmp_path):
    trial, engine = on_host(lambda seeds: Run([0.0], made), name="f"), Engine(progress=False, store=tmp_path)
    first, again = (ensembles.run(trial, CROSSED, KEY, engine=engine) for _ in range(2))
    assert jax.tree.structure(first.aux) == jax.tree.structure(again.aux)
    jax.tree.map(np.testing.assert_array_equal, first, again)


def test_a_fresh_store_forgets_the_shapes_too(tmp_path):
    for size, fresh in ((2, False), (3, True)):
        outputs = run(on_host(lambda seeds, size=size: np.ones(size), name="f"), store=tmp_path, fresh=fresh)
        assert outputs.shape == (6, 4, size)


def test_settings_arrive_as_they_were_given_and_cannot_be_written_to():
    seen = []

    def function(seeds, setting):
        seen.append(setting)
        return [0.0]

    settings = {"share": np.array([0.1]), "count": np.array([2**40]), "weights": np.ones((1, 3))}
    with jax.enable_x64(False):
        ensembles.run(on_host(function, name="f"), CROSSED, KEY, settings=settings, engine=Engine(progress=False))
    assert isinstance(seen[0]["count"], np.int64)
    assert (seen[0]["share"], seen[0]["count"]) == (0.1, 2**40)
    with pytest.raises(ValueError, match="read-only"):
        seen[0]["weights"] *= 2
    settings["weights"] *= 2


def test_a_mode_of_jax_does_not_change_the_seeds():
    with jax.threefry_partitionable(False):
        outputs = run(on_host(effects, name="effects"))
    np.testing.assert_array_equal(outputs, run(on_host(effects, name="effects")))


def test_the_runs_before_one_that_fails_are_in_the_store(tmp_path):
    calls = []

    def function(seeds):
        if len(calls) == 10:
            raise RuntimeError
        return effects(seeds)

    with pytest.raises(RuntimeError):
        run(counted(calls, function), store=tmp_path)
    del calls[:]
    run(counted(calls), store=tmp_path)
    assert len(calls) == 24 - 8  # the first call learned the shapes, and the last failed


@pytest.mark.parametrize(
    "read",
    [lambda seeds: seeds.get("init"), lambda seeds: seeds.values(), lambda seeds: seeds.items(), dict, lambda seeds: {**seeds}],
)  # fmt: skip
def test_every_way_to_read_a_seed_is_seen(read):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(on_host(lambda seeds: (read(seeds), [seeds["data"] / 2**32])[1], name="f"))


def test_a_source_that_is_never_read_is_warned_about():
    with pytest.warns(UserWarning, match="never reads the seeds of \\['init'\\]"):
        run(on_host(lambda seeds: [seeds["data"] / 2**32], name="f"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": " "}, "name: got"),
        ({"packages": ("no-such-package",)}, "packages: got 'no-such"),
        ({"packages": "numpy"}, "a tuple of names"),
        ({"workers": 0}, "workers"),
        ({"threads": 1}, "threads: got 1, expected True or False"),
    ],
)
def test_slips_of_the_call_are_refused(change, message, unchecked):
    with pytest.raises(ValueError, match=message):
        on_host(effects, **{"name": "effects"} | change)


def test_blocks_and_inner_sources_are_for_compiled_trials():
    with pytest.raises(ValueError, match="one run at a time"):
        run(on_host(effects, name="e"), block=8)


def test_a_plan_times_one_run_and_keeps_nothing(tmp_path):
    calls = []
    found = ensembles.plan(counted(calls), CROSSED, KEY, engine=Engine(store=tmp_path / "store", progress=False))
    assert (found.num_runs, found.results_bytes, len(calls)) == (24, 24 * 3 * 8, 1)
    assert not (tmp_path / "store").exists()


@pytest.mark.thorough
def test_a_forest_has_the_variances_of_a_plain_double_loop():
    """scikit-learn's forest on the diabetes data: variance by source, against the analysis of variance of its predictions."""
    ensemble = pytest.importorskip("sklearn.ensemble")
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = datasets.load_diabetes(return_X_y=True)

    def forest(seeds):
        rows = np.random.default_rng(seeds["data"]).integers(300, size=300)
        made = ensemble.RandomForestRegressor(5, random_state=seeds["init"]).fit(x[:300][rows], y[:300][rows])
        return made.predict(x[300:350])

    design = designs.crossed(data=8, init=4)
    trial = on_host(forest, name="forest", packages=("scikit-learn",))
    result = decompose(trial, design, KEY, target=Target(labels=y[300:350]), engine=Engine(progress=False))
    table = ensembles.run(trial, design, KEY, engine=Engine(progress=False)).outputs
    of_data = 4 * table.mean(axis=1).var(axis=0, ddof=1)
    rest = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean((0, 1))
    interaction = (rest**2).sum((0, 1)) / (7 * 3)
    np.testing.assert_allclose(result.estimates["data",], ((of_data - interaction) / 4).mean(), rtol=1e-9)
    np.testing.assert_allclose(result.estimates["data", "init"], interaction.mean(), rtol=1e-9)

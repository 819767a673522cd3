import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import decompose, decomposition, designs, ensembles
from jaxdl.decomposition import Target, load, squared_error
from jaxdl.ensembles import DivergedRunsError, Engine
from jaxdl.types import Run

KEY = jax.random.key(2)
TARGET = Target(mean=np.zeros(4), noise=0.5)
DESIGNS = {
    "crossed": designs.crossed(data=6, init=4),
    "nested": designs.nested(data=6, init=4),
    "independent": designs.independent(40, "data", "init"),
}


def trial(keys):
    return jax.random.normal(keys["data"], (4,)) + jax.random.normal(keys["init"], (4,)) + 1


@pytest.mark.parametrize("layout", DESIGNS)
def test_decomposing_a_trial_equals_decomposing_its_predictions(layout):
    design = DESIGNS[layout]
    measured = decompose(trial, design, KEY, target=TARGET)
    outputs = ensembles.run(trial, design, KEY).outputs
    factors = design.sources[: len(design.shape)]
    expected = squared_error(outputs, factors=factors, nested=layout == "nested", target=TARGET)
    for term in measured.estimates:
        np.testing.assert_allclose(measured.estimates[term], expected.estimates[term], rtol=1e-12)
        np.testing.assert_allclose(measured.standard_errors[term], expected.standard_errors[term], rtol=1e-9)


@pytest.mark.parametrize("layout", DESIGNS)
def test_statistics_do_not_depend_on_how_runs_are_dispatched(layout, monkeypatch):
    results = []
    for seconds in (0.0, 0.3):
        monkeypatch.setattr("jaxdl.ensembles.dispatch.SECONDS_PER_DISPATCH", seconds)
        results.append(decompose(trial, DESIGNS[layout], KEY, target=TARGET))
    for term in results[0].estimates:
        np.testing.assert_array_equal(results[0].estimates[term], results[1].estimates[term])
        np.testing.assert_array_equal(results[0].standard_errors[term], results[1].standard_errors[term])


def test_an_independent_design_identifies_the_total_alone():
    result = decompose(trial, DESIGNS["independent"], KEY, target=TARGET)
    assert result.variance == {}
    assert set(result.estimates) == {"bias_squared", "total_variance", "noise", "risk"}


def test_without_a_target_only_variances_are_reported():
    result = decompose(trial, DESIGNS["crossed"], KEY)
    assert set(result.estimates) == {("data",), ("init",), ("data", "init"), "total_variance"}


def test_settings_and_times_lead_the_result():
    def trajectory(keys, scale):
        return scale * jnp.stack([trial(keys), 2 * trial(keys), 3 * trial(keys)])

    scales = jnp.array([1.0, 0.5])
    result = decompose(
        trajectory, DESIGNS["crossed"], KEY, target=TARGET, dims=("times", "points"), settings=scales
    )  # fmt: skip
    assert result.total_variance.shape == (2, 3)
    assert result.per_point.estimates["risk"].shape == (2, 3, 4)
    np.testing.assert_allclose(result.total_variance[:, 1], 4 * result.total_variance[:, 0], rtol=1e-10)
    np.testing.assert_allclose(result.total_variance[1], 0.25 * result.total_variance[0], rtol=1e-10)
    np.testing.assert_array_equal(result.settings, scales)


def test_an_ignored_source_has_a_component_of_exactly_zero():
    with pytest.warns(UserWarning, match="exactly zero"):
        result = decompose(lambda keys: jax.random.normal(keys["data"], (4,)), DESIGNS["crossed"], KEY)
    assert result.variance["init",] == pytest.approx(0, abs=1e-12)
    assert result.variance["data", "init"] == pytest.approx(0, abs=1e-12)


def diverging(threshold):
    def diverges(keys):
        values = trial(keys)
        return Run(
            jnp.where(jax.random.uniform(keys["data"]) < threshold, jnp.inf, values), {"diverged_at": jnp.array(12)}
        )

    return diverges


@pytest.mark.thorough
@pytest.mark.parametrize("layout", DESIGNS)
def test_diverged_runs_are_left_out_by_the_rule_and_named(layout):
    design = {
        "crossed": designs.crossed(data=40, init=4),
        "nested": designs.nested(data=40, init=4),
        "independent": designs.independent(40, "data", "init"),
    }[layout]
    uniforms = [
        float(jax.random.uniform(designs.keys_of_run(design, KEY, run)["data"])) for run in range(design.num_runs)
    ]
    threshold = float(np.mean(sorted(set(uniforms))[:2]))
    with pytest.warns(UserWarning, match="diverged_at"):
        result = decompose(diverging(threshold), design, KEY, target=TARGET)
    with pytest.warns(UserWarning, match="diverged"):
        outputs = ensembles.run(diverging(threshold), design, KEY).outputs
    kept = np.isfinite(outputs).all(axis=tuple(range(1, outputs.ndim)))
    assert kept.sum() == 39
    expected = squared_error(
        outputs[kept], factors=design.sources[: len(design.shape)], nested=layout == "nested", target=TARGET
    )  # fmt: skip
    for term in result.estimates:
        np.testing.assert_allclose(result.estimates[term], expected.estimates[term], rtol=1e-10)
    assert len(result.diverged) == design.num_runs // 40
    assert "conditional on convergence" in result.table()


def test_a_crossed_design_drops_the_level_that_loses_least():
    design = designs.crossed(data=30, init=4)

    def one_cell(keys):
        is_bad = jnp.all(jax.random.key_data(keys["data"]) == bad_data) & jnp.all(
            jax.random.key_data(keys["init"]) == bad_init
        )
        return jnp.where(is_bad, jnp.nan, trial(keys))

    bad = designs.keys_of_run(design, KEY, 4 * 7 + 2)
    bad_data, bad_init = jax.random.key_data(bad["data"]), jax.random.key_data(bad["init"])
    with pytest.warns(UserWarning, match="1 diverged"):
        result = decompose(one_cell, design, KEY, target=TARGET)
    assert "levels [7] of data" in result.notes[0]
    assert result.diverged[0].levels == {"data": 7, "init": 2}


def test_losing_too_many_runs_is_an_error_that_keeps_what_was_estimated():
    with pytest.raises(DivergedRunsError, match="max_diverged=5%") as caught:
        decompose(diverging(0.3), designs.crossed(data=40, init=4), KEY, target=TARGET)
    assert np.isfinite(caught.value.result.risk)
    with pytest.warns(UserWarning, match="conditional"):
        decompose(diverging(0.3), designs.crossed(data=40, init=4), KEY, target=TARGET, max_diverged=0.9)


def test_strict_studies_allow_no_divergence():
    with pytest.raises(DivergedRunsError, match="strict=True"):
        decompose(diverging(0.05), designs.independent(100, "data", "init"), KEY, strict=True)


def test_a_study_of_diverged_runs_alone_says_so():
    with pytest.raises(DivergedRunsError, match="Too few levels are left"):
        decompose(diverging(2.0), DESIGNS["crossed"], KEY)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"target": Target(mean=np.zeros((4, 1)))}, r"shape \(4, 1\) for predictions of shape \(4,\)"),
        ({"dims": ("points", "out")}, "one name for each axis"),
        ({"dims": ("pixels",)}, "with 'points' among them"),
        ({"design": designs.independent(1, "data", "init")}, "nothing varies"),
        ({"design": designs.independent(8, "data")}, r"'init'.*\['data'\]"),
    ],
)
def test_bad_arguments_are_refused_with_a_remedy(arguments, told):
    call = {"trial": trial, "design": DESIGNS["crossed"], "key": KEY, "target": TARGET} | arguments
    with pytest.raises(ValueError, match=told):
        decompose(**call)


def test_a_nested_level_may_be_larger_than_a_chunk():
    design = designs.nested(data=3, init=100)
    measured = decompose(trial, design, KEY, target=TARGET)
    expected = squared_error(ensembles.run(trial, design, KEY).outputs, design=design, target=TARGET)
    for term, value in expected.estimates.items():
        np.testing.assert_allclose(measured.estimates[term], value, rtol=1e-12)


def test_a_setting_that_diverges_altogether_leaves_the_others_in_place():
    def explodes(keys, rate):
        return trial(keys) * jnp.where(rate > 1, jnp.nan, 1.0)

    with pytest.raises(DivergedRunsError, match="setting 1") as caught:
        decompose(explodes, DESIGNS["crossed"], KEY, target=TARGET, settings=jnp.array([0.5, 2.0]))
    assert np.isfinite(caught.value.result.risk[0])
    assert np.isnan(caught.value.result.risk[1])
    with pytest.warns(UserWarning, match="conditional"):
        result = decompose(
            explodes,
            DESIGNS["crossed"],
            KEY,
            target=TARGET,
            settings=jnp.array([0.5, 2.0]),
            max_diverged=1.0,
        )
    alone = decompose(trial, DESIGNS["crossed"], KEY, target=TARGET)
    np.testing.assert_allclose(result.risk[0], alone.risk, rtol=1e-12)


def test_one_setting_keeps_its_own_divergence_and_no_other(tmp_path):
    """In a result as it is measured, and in one that was saved and loaded."""
    design = designs.crossed(data=30, init=4)
    bad = jnp.stack([jax.random.key_data(designs.keys_of_run(design, KEY, 4 * level)["data"]) for level in (2, 5)])

    def loses_one(keys, setting):
        is_bad = jnp.all(jax.random.key_data(keys["data"]) == bad[setting - 1]) & (setting > 0)
        return jnp.where(is_bad, jnp.nan, trial(keys))

    with pytest.warns(UserWarning, match="diverged"):
        result = decompose(loses_one, design, KEY, target=TARGET, settings=jnp.arange(3))

    def of_divergence(notes):
        return [note for note in notes if "left out" in note]

    assert [note.partition(":")[0] for note in of_divergence(result.notes)] == ["setting 1", "setting 2"]
    assert len(result.diverged) == 8
    result.save(tmp_path / "sweep")
    for whole in (result, load(tmp_path / "sweep")):
        assert whole.table() == result.table()
        assert not of_divergence(whole.at(setting=0).notes)
        assert not whole.at(setting=0).diverged
        for setting, level in ((1, 2), (2, 5), (-1, 5)):
            one = whole.at(setting=setting)
            [note] = of_divergence(one.notes)
            assert f"left out levels [{level}] of data" in note
            assert [run.setting for run in one.diverged] == 4 * [setting % 3]
            assert all(f"data {level}" in str(run) for run in one.diverged)


def test_replicates_stay_at_the_place_of_their_level():
    """So that two settings can be compared level by level, also when one of them lost a level."""

    def loses_one(keys, is_ill):
        is_bad = jnp.all(jax.random.key_data(keys["data"]) == bad)
        return jnp.where(is_ill & is_bad, jnp.nan, trial(keys))

    design = designs.crossed(data=30, init=4)
    bad = jax.random.key_data(designs.keys_of_run(design, KEY, 2 * 4)["data"])
    with pytest.warns(UserWarning, match="diverged"):
        result = decompose(loses_one, design, KEY, target=TARGET, settings=jnp.array([True, False]))
    rows = result.replicates["data"]["risk"]
    assert np.flatnonzero(np.isnan(rows[:, 0])).tolist() == [2]
    assert np.isfinite(rows[:, 1]).all()
    outputs = ensembles.run(trial, design, KEY).outputs
    without = squared_error(np.delete(outputs, [2, 5], axis=0), factors=("data", "init"), target=TARGET)
    np.testing.assert_allclose(rows[5, 0], without.risk, rtol=1e-10)


def test_non_finite_runs_are_found_in_every_precision():
    def half(keys):
        values = trial(keys).astype(jnp.bfloat16)
        return jnp.where(jax.random.uniform(keys["data"]) < 0.5, jnp.nan, values)

    with pytest.raises(DivergedRunsError):
        decompose(half, designs.independent(40, "data", "init"), KEY)


def test_progress_is_printed_now_and_then(capsys, monkeypatch):
    monkeypatch.setattr("jaxdl.ensembles.progress.SECONDS_BETWEEN_LINES", 0.0)
    decompose(trial, DESIGNS["crossed"], KEY, target=TARGET)
    assert "24 of 24 runs" in capsys.readouterr().err


def test_one_fixed_seed_is_warned_about_and_labelled():
    with pytest.warns(UserWarning, match="init has a single level"):
        result = decompose(trial, designs.crossed(data=6, init=1), KEY, target=TARGET)
    outputs = ensembles.run(trial, designs.crossed(data=6, init=1), KEY).outputs
    expected = squared_error(outputs[:, 0], factors=("data",), target=TARGET)
    np.testing.assert_allclose(result.variance["data",], expected.variance["data",], rtol=1e-12)
    assert "for the one init drawn, interactions with init included" in result.estimands[("data",)]


def named(keys):
    """Predictions at four points by two learners, of which the first is twice the second."""
    values = trial(keys)
    return {"single": values, "double": 2 * values}


@pytest.mark.parametrize("layout", DESIGNS)
def test_named_predictions_have_a_result_each_on_the_same_runs(layout):
    results = decompose(named, DESIGNS[layout], KEY, target=TARGET)
    alone = decompose(trial, DESIGNS[layout], KEY, target=TARGET)
    assert set(results) == {"single", "double"}
    for term, value in alone.estimates.items():
        np.testing.assert_array_equal(results["single"].estimates[term], value)
        np.testing.assert_array_equal(results["single"].standard_errors[term], alone.standard_errors[term])
    np.testing.assert_allclose(results["double"].total_variance, 4 * alone.total_variance, rtol=1e-12)


@pytest.mark.parametrize("layout", DESIGNS)
def test_a_run_that_diverges_under_one_name_is_left_out_of_all(layout):
    def one_diverges(keys):
        values = trial(keys)
        return {"calm": values, "wild": jnp.where(jax.random.uniform(keys["data"]) < 0.4, jnp.inf, values)}

    with pytest.warns(UserWarning, match="diverged: run "):
        results = decompose(one_diverges, DESIGNS[layout], KEY, target=TARGET, max_diverged=0.9)
    assert results["calm"].diverged == results["wild"].diverged
    assert results["calm"].diverged
    for term, value in results["calm"].estimates.items():
        np.testing.assert_array_equal(results["wild"].estimates[term], value)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (lambda values: {}, "trial: got {} as a result"),
        (
            lambda values: {"a": values, "b": values[:2]},
            r"trial: got predictions of shapes {'a': .*, 'b': .*}, expected one shape",
        ),
        (lambda values: {"a": {"b": values}}, "expected one array, or a dict of arrays by name"),
        (lambda values: [values, values], "expected one array, or a dict of arrays by name"),
        (lambda values: (values, values), "got a tuple of 2"),
    ],
)
def test_predictions_whose_meaning_is_open_are_refused(returned, message):
    with pytest.raises(ValueError, match=message):
        decompose(lambda keys: returned(trial(keys)), DESIGNS["crossed"], KEY, target=TARGET)


def test_a_study_that_grows_computes_each_run_once_and_is_the_study_of_its_last_design(tmp_path, key):
    def trial(keys):
        return jax.random.normal(keys["seed"], (6,))

    engine = Engine(store=tmp_path / "runs", progress=False)
    until = decomposition.Precision("seed", relative=0.08)
    grown = decompose(trial, designs.crossed(seed=16), key, engine=engine, until=until, at_most=2000)
    again = decompose(trial, designs.crossed(seed=grown.design.num_runs), key, engine=engine)
    without = decompose(trial, designs.crossed(seed=16), key, engine=Engine(progress=False), until=until, at_most=2000)
    assert grown.design.num_runs > 16
    assert grown.table() == again.table() == without.table()
    with pytest.raises(ValueError, match="at_most: got 20 without a precision"):
        decompose(trial, designs.crossed(seed=16), key, at_most=20)
    with pytest.raises(ValueError, match="engine: got the shard"):
        decompose(
            trial,
            designs.crossed(seed=16),
            key,
            until=until,
            at_most=200,
            engine=Engine(store=tmp_path / "s", shard=(1, 2)),
        )

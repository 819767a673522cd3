"""The parts of a diagnosis: the laws of subsampling, exact answers, the sentence, the page, and the tables of scikit-learn."""

import re
import sys
from html.parser import HTMLParser

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import datasets

from jaxdl import __main__
from jaxdl.data import resampling
from jaxdl.decomposition import Target, squared_error
from jaxdl.decomposition.noise import NoiseEstimate
from jaxdl.decomposition.noise_bracket import NoiseBracket
from jaxdl.diagnosis import Examples, Number, diagnose, limits, report
from jaxdl.diagnosis.found import TOGETHER, Diagnosis, Forecast
from jaxdl.diagnosis.learners import NAMES
from jaxdl.diagnosis.limits import by_law
from jaxdl.diagnosis.next_step import next_step
from jaxdl.types import Dataset

RNG = np.random.default_rng(0)
NUM_ROWS, NUM_FEATURES, NOISE = 480, 3, 0.5


@pytest.fixture(scope="module")
def linear():
    x = RNG.normal(size=(NUM_ROWS, NUM_FEATURES))
    y = x.sum(axis=1) + np.sqrt(NOISE) * RNG.normal(size=NUM_ROWS)
    return Examples(x, y, ("a", "b", "c"), (False,) * 3, "y", (), ())


@pytest.fixture(scope="module")
def of_ridge(linear):
    return diagnose(linear, "ridge", workers=1, num_draws=32)


def law_of(num_rows, size):
    return resampling.subsample(Dataset(*(jnp.ones((num_rows, *rest)) for rest in ((1,), (1,), ()))), size)


def test_the_factors_are_those_of_the_law_of_subsampling():
    rng = np.random.default_rng(0)
    predictions = rng.normal(size=(12, 4, 20)) + rng.normal(size=(12, 1, 20))
    result = squared_error(predictions, factors=("data", "seed"), target=Target(labels=rng.normal(size=20)))
    law = law_of(30, 12)
    found = by_law(result, law)
    of_data, of_seed = result.variance["data"], result.variance["seed"] + result.variance["data", "seed"]
    together = result.bias_squared_plus_noise - law.excess_factor * of_data
    np.testing.assert_allclose(found[TOGETHER].estimate, together)
    np.testing.assert_allclose(found["variance[data]"].estimate, law.variance_factor * of_data)
    np.testing.assert_allclose(found["variance[seed]"].estimate, of_seed)
    total = sum(number.estimate for name, number in found.items() if name != "risk")
    np.testing.assert_allclose(total, found["risk"].estimate)
    np.testing.assert_allclose(found["risk"].estimate, result.risk)
    for number in found.values():
        assert 0 < number.standard_error < np.inf
        assert number.low < number.high


@pytest.mark.parametrize("changes_slowly", [True, False])
def test_what_a_seed_adds_is_right_however_its_effect_changes_with_the_rows(changes_slowly):
    """f = ±(mean of m of n rows), the sign by the seed, or for each draw anew: it adds s²/m. A point is a table."""
    rng = np.random.default_rng(1)
    num_batches, num_points, n, m, (num_draws, num_seeds) = 20, 100, 20, 10, (6, 4)

    def terms():
        rows = rng.normal(size=(num_points, n))
        drawn = np.argsort(rng.random((num_draws, num_points, n)), axis=-1)[..., :m]
        means = np.take_along_axis(rows[None], drawn, axis=-1).mean(-1)
        f = rng.choice([-1.0, 1.0], size=(1 if changes_slowly else num_draws, num_seeds, num_points)) * means[:, None]
        result = squared_error(f, factors=("data", "seed"), target=Target(labels=np.zeros(num_points)))
        return {name: number.estimate for name, number in by_law(result, law_of(n, m)).items()}

    found = [terms() for _ in range(num_batches)]
    for name, exact in {TOGETHER: 0, "variance[data]": 0, "variance[seed]": 1 / m}.items():
        values = np.array([each[name] for each in found])
        assert abs(values.mean() - exact) < 4 * values.std(ddof=1) / np.sqrt(num_batches), name


def test_least_squares_has_the_variance_of_its_parameters_and_no_bias(of_ridge):
    """sigma² (p + 1) / (m - p - 2) at size m, Gaussian inputs; without the factor the draws show half of it."""
    exact = NOISE * (NUM_FEATURES + 1) / (of_ridge.training_size - NUM_FEATURES - 2)
    variance, together = of_ridge.terms["variance[data]"], of_ridge.terms[TOGETHER]
    # Conditional on one table, whose noise of n - 4 degrees of freedom is known to 2/n in variance.
    of_table = exact * np.sqrt(2 / of_ridge.num_pool)
    assert abs(variance.estimate - exact) < 4 * np.hypot(variance.standard_error, of_table)
    assert variance.low > exact / 2
    assert abs(together.estimate - NOISE) < 4 * together.standard_error
    assert of_ridge.noise.high.estimate <= together.estimate + 2 * together.standard_error


def test_a_forecast_is_for_the_whole_table_where_some_rows_were_drawn(linear, monkeypatch):
    monkeypatch.setattr(limits, "MOST_ROWS", 200)
    found = diagnose(linear, "ridge", workers=1, num_draws=4)
    assert (found.num_rows, found.num_pool + found.num_test) == (NUM_ROWS, 200)
    assert tuple(found.forecast.ahead) == (NUM_ROWS, 2 * NUM_ROWS)
    assert f"forecast at {NUM_ROWS} rows, all of this table" in report.as_text(found, "t.csv")


STDS = {"draw": 0.2, "seed": 0.2, "both": 0.4}


class Known(limits._Runs):
    """Runs whose losses are known: 1 + 8/m at size m, an effect of the draw, one of the seed, and their interaction."""

    def risks(self, size, num_runs):
        spread = np.sqrt(sum(each**2 for each in STDS.values()))
        return (1 + 8 / size)[:, None] + spread * np.random.default_rng((self.seed, 0)).normal(
            size=(len(size), num_runs)
        )

    def losses(self, predictions):
        return predictions


def known(seed):
    return Known(Examples(np.zeros((9, 1)), np.zeros(9), ("a",), (False,), "y", (), ()), "", None, None, seed, None, 1)


def forecast_of(seed, num_draws=16, num_seeds=4):
    generator = np.random.default_rng((seed, 1))
    shapes = {"draw": (num_draws, 1), "seed": (1, num_seeds), "both": (num_draws, num_seeds)}
    losses = sum((std * generator.normal(size=shapes[name]) for name, std in STDS.items()), 1 + 8 / 200)
    return limits._forecast(known(seed), losses[..., None], 200, (400,))


def test_a_forecast_has_the_errors_of_its_risks():
    """V[draw]/16 + V[seed]/4 + V[both]/64 at the largest size, elsewhere the sum over twelve; and an error covers its risk."""
    found = [forecast_of(seed) for seed in range(100)]
    squares = np.array([each.standard_errors**2 for each in found])
    exact = [0.24 / 12] * 3 + [0.04 / 16 + 0.04 / 4 + 0.16 / 64]
    np.testing.assert_array_less(abs(squares.mean(0) - exact), 4 * squares.std(0) / np.sqrt(len(found)))
    risks = np.array([each.risks for each in found])
    np.testing.assert_array_equal(found[0].sizes, [25, 50, 100, 200])
    np.testing.assert_array_less(
        abs(risks.mean(0) - (1 + 8 / found[0].sizes)), 4 * np.sqrt(exact) / np.sqrt(len(found))
    )


def test_a_forecast_reaches_the_known_risk(monkeypatch):
    """1 + 8/m, with next to no error: from 25, 50, 100 and 200 rows to 400 and 800."""
    monkeypatch.setitem(STDS, "draw", 1e-6)
    monkeypatch.setitem(STDS, "seed", 0.0)
    monkeypatch.setitem(STDS, "both", 0.0)
    [(size, number)] = forecast_of(0).ahead.items()
    np.testing.assert_allclose(number.estimate, 1 + 8 / size, rtol=1e-4)
    assert number.low <= number.estimate <= number.high


def test_the_largest_size_of_a_learner_without_a_seed_has_the_spread_of_its_draws():
    losses = np.random.default_rng(5).normal(size=(16, 5))
    found = limits._forecast(known(0), 9 + losses, 200, (400,))
    np.testing.assert_allclose(found.standard_errors[-1], losses.mean(1).std(ddof=1) / 4)


def test_bias_is_the_rest_of_the_bracket_widened_by_two_errors():
    zero = NoiseEstimate(0.3, 0.02, "lower", "zero", "")
    bounds = NoiseBracket(zero, zero._replace(estimate=0.5, standard_error=0.04))
    found = limits._bias_squared(Number(1.0, 0.03, 0.9, 1.1), bounds)
    np.testing.assert_allclose(found[2:], [0.5 - 2 * 0.05, 0.7 + 2 * np.hypot(0.03, 0.02)])
    assert limits._bias_squared(Number(0.2, 0.03, 0.1, 0.3), bounds)[2:] == (0.0, 0.0)


def test_the_constant_is_that_of_the_rows_to_train_on():
    examples = Examples(np.zeros((4, 1)), np.array([0.0, 2.0, 3.0, 5.0]), ("a",), (False,), "y", (), ())
    assert limits._constant_risk(examples, np.array([0, 1]), np.array([2, 3])) == (4 + 16) / 2
    of_classes = examples._replace(y=np.array([1, 1, 0, 1]), classes=("no", "yes"))
    assert limits._constant_risk(of_classes, np.array([0, 1]), np.array([2, 3])) == 0.5


def test_each_text_has_a_column_where_rows_are_compared():
    x = np.array([[0.0, 1.0], [2.0, np.nan], [1.0, 3.0]])
    examples = Examples(x, np.zeros(3), ("a", "b"), (True, False), "y", (), ())
    found = limits._scaled(examples, np.arange(3))
    np.testing.assert_array_equal(found[:, :3], np.eye(3)[[0, 2, 1]])
    np.testing.assert_allclose(found[:, 3], np.array([-1, 0, 1]) * np.sqrt(1.5))


def test_no_part_of_bias_and_noise_lies_below_zero():
    """Predictions that are right on average: bias² + noise less the excess has an interval about zero, cut there."""
    f = np.random.default_rng(6).normal(size=(8, 30))
    result = squared_error(f, factors=("data",), target=Target(labels=np.zeros(30)))
    found = by_law(result, law_of(30, 15))[TOGETHER]
    law = law_of(30, 15)
    raw = result.derive(lambda terms: terms[TOGETHER] - law.excess_factor * terms["variance[data]"])
    assert raw.interval[0] < 0
    assert found.low == 0
    np.testing.assert_allclose(found.high, max(raw.interval[1], 0))


def test_the_bracket_holds_the_noise_and_bias_is_an_interval(of_ridge):
    low, high = of_ridge.noise
    assert low.estimate <= NOISE <= high.estimate + 3 * high.standard_error
    assert of_ridge.bias_squared.low == 0
    assert np.isnan(of_ridge.bias_squared.estimate)
    assert "bias²: between 0 and" in report.as_text(of_ridge, "t.csv")


def test_measurements_at_equal_rows_bound_the_noise_of_numbers_from_both_sides():
    rng = np.random.default_rng(2)
    x = np.repeat(rng.normal(size=(100, 1)), 2, axis=0)
    y = np.sin(x[:, 0]) + np.sqrt(NOISE) * rng.normal(size=200)
    examples = Examples(x, y, ("a",), (False,), "y", (), ())
    bounds, notes = limits.noise_bounds(examples, np.arange(200), Number(5.0, 0.1, 4.8, 5.2))
    assert bounds.low.method == "replicates"
    assert abs(bounds.low.estimate - NOISE) < 4 * bounds.low.standard_error
    assert notes == ()


def test_a_few_equal_rows_do_not_speak_for_all():
    """Rows at one x have ten times the noise of the others."""
    rng = np.random.default_rng(3)
    x = np.concatenate([np.zeros(20), rng.normal(size=180)])[:, None]
    y = np.sqrt(np.where(x[:, 0] == 0, 10, 1)) * rng.normal(size=200)
    examples = Examples(x, y, ("a",), (False,), "y", (), ())
    bounds, notes = limits.noise_bounds(examples, np.arange(200), Number(1.9, 0.1, 1.7, 2.1))
    assert bounds.low.method == "zero"
    assert notes == ()


def test_bounds_that_contradict_each_other_are_told():
    rng = np.random.default_rng(4)
    x = np.repeat(rng.normal(size=(100, 1)), 2, axis=0)
    examples = Examples(x, rng.normal(size=200), ("a",), (False,), "y", (), ())
    bounds, notes = limits.noise_bounds(examples, np.arange(200), Number(0.01, 0.001, 0.008, 0.012))
    assert bounds.low.method == "zero"
    assert "vary more than the learner errs" in notes[0]


def test_the_noise_of_classes_counts_half_the_disagreement_of_neighbours():
    """At one x, labels of chance q and 1 - q: ½(1 - q² - (1 - q)²) = q (1 - q)."""
    rng = np.random.default_rng(5)
    x, y = rng.random((4000, 1)), (rng.random(4000) < 0.2).astype(int)
    examples = Examples(x, y, ("a",), (False,), "y", ("no", "yes"), ())
    bounds, _ = limits.noise_bounds(examples, np.arange(4000), Number(0.5, 0.01, 0.48, 0.52))
    assert bounds.high.method == "nearest_neighbor"
    assert abs(bounds.high.estimate - 0.16) < 4 * bounds.high.standard_error


def found_with(together, data, seed=0.0, constant=2.0, bias=(0.0, 0.5)):
    terms = {TOGETHER: together, "variance[data]": data, "variance[seed]": seed}
    terms["risk"] = sum(terms.values())
    forecast = Forecast(
        np.array([20, 40, 80]), np.array([1.3, 1.2, 1.0]), np.full(3, 0.01),
        {200: Number(0.9, np.nan, 0.8, 1.0), 400: Number(0.8, np.nan, 0.6, 1.0)}, np.nan,
    )  # fmt: skip
    zero = NoiseEstimate(0.0, 0.0, "lower", "zero", "")
    return Diagnosis(
        "<y>", "regression", "forest", "random forest of 100 trees", 200, 150, 50, 75, 64,
        {name: Number(value, 0.1, 0.9 * value, 1.1 * value) for name, value in terms.items()}, constant,
        NoiseBracket(zero, zero._replace(estimate=0.4, method="nearest_neighbor")), Number(np.nan, np.nan, *bias),
        forecast, ("<script>alert(1)</script>",),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"together": 0.5, "data": 0.1, "seed": 0.4}, "Average models of several seeds: the seed makes 40%"),
        ({"together": 0.3, "data": 0.7}, "Collect more rows, or fit less freely: .* 70% .* 0.8 at 400 rows, after 0.9"),
        ({"together": 0.9, "data": 0.1, "bias": (0.5, 0.9)}, "more flexible learner or better columns: at least 0.5"),
        ({"together": 0.9, "data": 0.1}, "Compare other learners .*--model ridge.* does not tell them apart"),
        ({"together": 1.2, "data": 0.1}, "Compare other learners"),
        ({"together": 1.8, "data": 0.15}, "hardly better than a constant"),
        ({"together": 0.01, "data": 0.01}, "Use it as it is"),
    ],
)
def test_the_next_step_follows_from_the_largest_part(parts, words):
    sentence = next_step(found_with(**parts))
    assert re.search(words, sentence), sentence


class Balanced(HTMLParser):
    open_tags: list

    def __init__(self):
        super().__init__()
        self.open_tags = []
        self.seen = set()

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        if tag not in ("meta",):
            self.open_tags.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag


def test_the_page_is_balanced_escaped_and_stands_alone():
    page = report.as_page(found_with(0.5, 0.5), 'a<b>"&.csv')
    parser = Balanced()
    parser.feed(page)
    assert parser.open_tags == []
    assert not parser.seen & {"script", "link", "img", "iframe"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "&lt;y&gt;" in page
    assert "http" not in page
    assert 'name="viewport"' in page


def test_no_number_is_called_bias_that_is_not():
    text = report.as_text(found_with(0.5, 0.5), "t.csv")
    lines = [line for line in text.splitlines() if "bias²" in line and "bias² + noise" not in line]
    assert [line for line in lines if not line.startswith("bias²: between")] == []
    assert max(map(len, text.splitlines())) <= 100


@pytest.mark.parametrize(("model", "message"), [("tree", "expected one of ridge"), ("", "got '', expected one of")])
def test_another_model_is_refused(model, message, linear):
    with pytest.raises(ValueError, match=message):
        diagnose(linear, model)


@pytest.mark.thorough
@pytest.mark.parametrize("model", NAMES)
@pytest.mark.parametrize("classes", [(), ("no", "yes")])
def test_every_learner_takes_texts_and_missing_cells(model, classes):
    rng = np.random.default_rng(6)
    x = rng.normal(size=(100, 3))
    x[::7, 0] = np.nan
    x[:, 2] = rng.integers(4, size=100)
    y = (x[:, 1] > 0).astype(int) if classes else x[:, 1]
    examples = Examples(x, y, ("a", "b", "c"), (False, False, True), "y", classes, ())
    found = diagnose(examples, model, workers=1, num_draws=4, num_seeds=3)
    assert ("variance[seed]" in found.terms) == (model != "ridge")
    total = sum(number.estimate for name, number in found.terms.items() if name != "risk")
    np.testing.assert_allclose(total, found.terms["risk"].estimate)
    assert found.terms["risk"].estimate < found.constant_risk


def as_csv(path, name):
    bunch = getattr(datasets, f"load_{name}")()
    target = bunch.target if name == "diabetes" else np.array(bunch.target_names)[bunch.target]
    rows = [
        ",".join([*(repr(float(cell)) for cell in row), str(label)])
        for row, label in zip(bunch.data, target, strict=True)
    ]
    path.write_text("\n".join([",".join([*bunch.feature_names, "y"]), *rows]) + "\n")


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["wine", "diabetes", "breast_cancer"])
def test_the_command_answers_for_known_tables(name, tmp_path, monkeypatch, capsys):
    as_csv(tmp_path / "t.csv", name)
    page = tmp_path / "t.html"
    options = ["--target", "y", "--model", "ridge", "--workers", "1", "--report", str(page)]
    monkeypatch.setattr(sys, "argv", ["jaxdl", "diagnose", str(tmp_path / "t.csv"), *options])
    assert __main__.main() == 0
    printed = capsys.readouterr().out
    for words in ("bias² + noise", "variance: training rows", "noise: between", "forecast at", "next: "):
        assert words in printed
    assert page.read_text().startswith("<!DOCTYPE html>")


@pytest.mark.thorough
def test_the_command_answers_for_texts_missing_cells_and_semicolons(tmp_path, monkeypatch, capsys):
    rng = np.random.default_rng(7)
    city = rng.choice(["Bonn", "Köln", ""], size=200)
    area = rng.normal(size=200).round(3)
    price = (area + (city == "Köln")).round(3)
    rows = [
        f"{row};{'' if row % 9 == 0 else a};{c};{p}"
        for row, (a, c, p) in enumerate(zip(area, city, price, strict=True))
    ]
    (tmp_path / "t.csv").write_text("\n".join(["id;area;city;price", *rows]).replace(".", ","), encoding="utf-8")
    options = ["--target", "price", "--model", "ridge", "--workers", "1"]
    monkeypatch.setattr(sys, "argv", ["jaxdl", "diagnose", str(tmp_path / "t.csv"), *options])
    assert __main__.main() == 0
    printed = capsys.readouterr().out
    for words in ("id holds row numbers", "area: 23 missing cells", "city: ", "regression, squared error", "next: "):
        assert words in printed


def test_the_command_says_what_is_wrong_in_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "t.csv").write_text("a,b\n1,2\n")
    for options, words in (
        (["--target", "c"], "error: target: got 'c', expected a column"),
        (["--target", "b"], "error: path: got 1 rows"),
        (["--target", "b", "--report", str(tmp_path)], "error: report: got"),
    ):
        monkeypatch.setattr(sys, "argv", ["jaxdl", "diagnose", str(tmp_path / "t.csv"), *options])
        assert __main__.main() == 1
        told = capsys.readouterr().err
        assert told.startswith(words)
        assert told.count("\n") == 1

"""`python -m jaxdl decompose`: the numbers are those of the library, and each way in which a file is wrong has its error."""

import csv
import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from jaxdl import __main__, decomposition
from jaxdl.commands import decompose, options, outputs
from jaxdl.commands.options import parser
from jaxdl.decomposition import Target
from jaxdl.decomposition.named_terms import label_of
from jaxdl.diagnosis import learners

RNG = np.random.default_rng(0)
LEVELS = (5, 4)
PREDICTIONS = (RNG.normal(size=(5, 1, 7)) + RNG.normal(size=(1, 4, 7)) + RNG.normal(size=(5, 4, 7))).round(6)
LABELS = RNG.normal(size=7).round(6)
SCORES = RNG.normal(size=(5, 4, 7, 3)).round(6)
CLASSES = np.array([0, 1, 2, 1, 0, 2, 2])
NAMES = np.array(["cat", "dog", "fox"])


def asked(file, *options, factors="data,init"):
    return decompose.decomposed(parser().parse_args(["decompose", str(file), "--factors", factors, *options]))[1]


def long_form(path, columns, rows, delimiter=","):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerow(columns)
        writer.writerows(rows)
    return path


HEADER = ("data", "init", "point", "prediction", "y")
CELLS = [(d, i, p, PREDICTIONS[d, i, p], LABELS[p]) for d in range(5) for i in range(4) for p in range(7)]


@pytest.fixture
def archive(tmp_path):
    path = tmp_path / "p.npz"
    np.savez(path, predictions=PREDICTIONS, y_test=LABELS, scores=SCORES, classes=CLASSES, steps=np.arange(4))
    return path


def same(result, other):
    assert result.table() == other.table()
    for term, value in other.estimates.items():
        np.testing.assert_allclose(result.estimates[term], value, rtol=1e-12)


def test_an_archive_gives_what_its_arrays_give(archive):
    expected = decomposition.squared_error(PREDICTIONS, factors=("data", "init"), target=Target(labels=LABELS))
    same(asked(archive, "--labels", "y_test"), expected)
    known = decomposition.squared_error(PREDICTIONS, factors=("data", "init"), target=Target(mean=LABELS, noise=0.5))
    same(asked(archive, "--mean", "y_test", "--noise", "0.5"), known)
    of_classes = decomposition.cross_entropy(
        SCORES, factors=("data", "init"), target=Target(labels=CLASSES), dims=("points", "out")
    )
    found = asked(archive, "--predictions", "scores", "--labels", "classes", "--loss", "cross-entropy")
    same(found, of_classes)
    at_times = asked(archive, "--times", "steps", factors="data")
    same(
        at_times,
        decomposition.squared_error(PREDICTIONS, factors=("data",), dims=("times", "points"), times=range(4)),
    )


def test_a_table_in_long_form_gives_the_same_in_any_order_of_rows(tmp_path):
    expected = decomposition.squared_error(PREDICTIONS, factors=("data", "init"), target=Target(labels=LABELS))
    rows = [CELLS[index] for index in RNG.permutation(len(CELLS))]
    same(asked(long_form(tmp_path / "p.csv", HEADER, rows), "--labels", "y"), expected)
    same(asked(long_form(tmp_path / "q.csv", HEADER, rows, ";"), "--labels", "y"), expected)
    renamed = [(f"set {d}", f"seed {i}", f"x{p}", *rest) for d, i, p, *rest in rows]
    same(asked(long_form(tmp_path / "r.csv", HEADER, renamed), "--labels", "y"), expected)


def test_nested_levels_may_have_names_of_their_own(tmp_path):
    expected = decomposition.squared_error(PREDICTIONS, factors=("data", "init"), nested=True)
    rows = [(d, f"{d}-{i}", *rest) for d, i, *rest in CELLS]
    path = long_form(tmp_path / "p.csv", HEADER, rows)
    same(asked(path, "--nested"), expected)
    with pytest.raises(ValueError, match="each init belongs to one data: pass --nested"):
        asked(path)


def test_times_and_several_outputs_have_columns(tmp_path):
    rows = [(d, i, p, *SCORES[d, i, p]) for d in range(5) for i in range(4) for p in range(7)]
    path = long_form(tmp_path / "p.csv", ("data", "steps", "point", "cat", "dog", "fox"), rows)
    expected = decomposition.squared_error(
        SCORES, factors=("data",), dims=("times", "points", "out"), times=(0, 1, 2, 3)
    )
    same(asked(path, "--times", "steps", "--predictions", "cat,dog,fox", factors="data"), expected)


def test_times_are_in_the_order_of_their_size(tmp_path):
    steps = (2, 10, 100, 9)
    rows = [(d, steps[i], p, *rest) for d, i, p, *rest in CELLS]
    order = np.argsort(steps)
    expected = decomposition.squared_error(
        PREDICTIONS[:, order], factors=("data",), dims=("times", "points"), times=(2, 9, 10, 100)
    )
    found = asked(long_form(tmp_path / "p.csv", HEADER, rows), "--times", "init", factors="data")
    same(found, expected)
    np.testing.assert_array_equal(found.times, [2, 9, 10, 100])


def test_three_nested_factors_may_have_names_of_their_own(tmp_path):
    f = np.random.default_rng(1).normal(size=(3, 3, 2, 5)).round(6)
    expected = decomposition.squared_error(f, factors=("data", "init", "order"), nested=True)
    rows = [(d, f"{d}.{i}", f"{d}{i}{o}", p, f[d, i, o, p]) for d, i, o, p in np.ndindex(f.shape)]
    columns = ("data", "init", "order", "point", "prediction")
    same(asked(long_form(tmp_path / "p.csv", columns, rows), "--nested", factors="data,init,order"), expected)
    again = [(d, i, o, p, value) for (d, i, o, p), value in np.ndenumerate(f)]
    same(asked(long_form(tmp_path / "q.csv", columns, again), "--nested", factors="data,init,order"), expected)


def test_the_times_of_an_archive_are_those_of_the_result(archive, tmp_path):
    np.savez(tmp_path / "q.npz", predictions=PREDICTIONS, steps=np.array([1, 10, 100, 1000]))
    np.testing.assert_array_equal(
        asked(tmp_path / "q.npz", "--times", "steps", factors="data").times, [1, 10, 100, 1000]
    )


def test_random_points_and_the_training_size_reach_the_result(archive):
    fixed = asked(archive, "--mean", "y_test", "--noise", "1")
    random = asked(archive, "--mean", "y_test", "--noise", "1", "--random-points")
    assert random.standard_errors["risk"] > fixed.standard_errors["risk"]
    expected = decomposition.squared_error(
        PREDICTIONS, factors=("data", "init"), target=Target(labels=LABELS), random_points=True, training_size=300
    )
    found = asked(archive, "--labels", "y_test", "--random-points", "--training-size", "300")
    same(found, expected)
    assert found.training_size == 300
    assert found.standard_errors["risk"] == expected.standard_errors["risk"]


def test_what_a_design_does_not_give_is_null_in_json(tmp_path):
    path = tmp_path / "r.json"
    np.savez(tmp_path / "p.npz", predictions=PREDICTIONS[:2])
    result = asked(tmp_path / "p.npz")
    assert any(np.isnan(error) for error in result.standard_errors.values())
    outputs.write(result, path)
    found = json.loads(path.read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    for row in found["terms"]:
        assert (row["standard_error"] is None) == bool(np.isnan(result.standard_errors[named(result, row["term"])]))


def named(result, label):
    return next(term for term in result.estimates if label_of(term) == label)


def test_the_numbers_of_a_csv_are_those_of_the_result_to_the_last_bit(archive, tmp_path):
    result = asked(archive, "--labels", "y_test")
    outputs.write(result, tmp_path / "r.csv")
    with (tmp_path / "r.csv").open() as file:
        for row in csv.DictReader(file):
            term = named(result, row["term"])
            assert float(row["estimate"]) == result.estimates[term]
            assert float(row["standard_error"]) == result.standard_errors[term]


def test_classes_may_have_names(tmp_path):
    target = Target(labels=CLASSES)
    expected = decomposition.kohavi_wolpert(SCORES.argmax(-1), factors=("data", "init"), target=target)
    rows = [
        (d, i, p, NAMES[SCORES[d, i, p].argmax()], NAMES[CLASSES[p]])
        for d in range(5)
        for i in range(4)
        for p in range(7)
    ]
    path = long_form(tmp_path / "p.csv", HEADER, rows)
    same(asked(path, "--labels", "y", "--loss", "kohavi-wolpert"), expected)
    with pytest.raises(ValueError, match="names of classes need a loss of classes: --loss zero-one"):
        asked(path, "--labels", "y")
    scored = [(d, i, p, *SCORES[d, i, p], NAMES[CLASSES[p]]) for d in range(5) for i in range(4) for p in range(7)]
    path = long_form(tmp_path / "q.csv", ("data", "init", "point", "cat", "dog", "fox", "y"), scored)
    options = ("--predictions", "cat,dog,fox", "--labels", "y", "--loss", "cross-entropy")
    expected = decomposition.cross_entropy(SCORES, factors=("data", "init"), target=target, dims=("points", "out"))
    same(asked(path, *options), expected)


def test_levels_points_and_classes_may_be_called_none(tmp_path):
    called = {0: "none", 1: "missing", 2: "."}
    points = [(called.get(d, d), called.get(i, i), called.get(p, p), *rest) for d, i, p, *rest in CELLS]
    expected = decomposition.squared_error(PREDICTIONS, factors=("data", "init"), target=Target(labels=LABELS))
    same(asked(long_form(tmp_path / "p.csv", HEADER, points), "--labels", "y"), expected)
    names = np.array(["mild", "none", "severe"])
    rows = [(d, p, names[SCORES[d, 0, p].argmax()], names[CLASSES[p]]) for d in range(5) for p in range(7)]
    path = long_form(tmp_path / "q.csv", ("data", "point", "prediction", "y"), rows)
    found = asked(path, "--labels", "y", "--loss", "zero-one", factors="data")
    same(found, decomposition.zero_one(SCORES[:, 0].argmax(-1), factors=("data",), target=Target(labels=CLASSES)))


def test_probabilities_become_logits(tmp_path):
    probabilities = np.exp(SCORES) / np.exp(SCORES).sum(-1, keepdims=True)
    np.savez(tmp_path / "p.npz", predictions=probabilities, y=CLASSES)
    found = asked(tmp_path / "p.npz", "--labels", "y", "--loss", "cross-entropy", "--from-probabilities", "1e-6")
    expected = decomposition.cross_entropy(
        np.log(probabilities), factors=("data", "init"), target=Target(labels=CLASSES), dims=("points", "out")
    )
    same(found, expected)


WRONG_ARCHIVES = {
    "a missing array": ({"predictions": PREDICTIONS}, ("--labels", "y"), "labels: got 'y', expected the name of an array"),
    "no array of that name": ({"a": LABELS, "b": LABELS}, (), "got an archive with the arrays .*say which, --predictions a"),
    "the wrong rank": ({"predictions": PREDICTIONS[0]}, (), "expected \\(data, init, points\\) or"),
    "too many axes": ({"predictions": SCORES[None]}, (), "expected \\(data, init, points\\) or"),
    "no runs": ({"predictions": PREDICTIONS[:0]}, (), "none of them empty"),
    "NaN": ({"predictions": np.where(PREDICTIONS > 1, np.nan, PREDICTIONS)}, (), "got .* NaN or infinite predictions"),
    "infinity": ({"predictions": np.where(PREDICTIONS > 1, np.inf, PREDICTIONS)}, (), "got .* NaN or infinite predictions"),
    "labels of other length": ({"predictions": PREDICTIONS, "y": LABELS[1:]}, ("--labels", "y"), "each of the 7 points"),
    "one number as labels": ({"predictions": PREDICTIONS, "y": 1.0}, ("--labels", "y"), "each of the 7 points"),
    "labels that are NaN": ({"predictions": PREDICTIONS, "y": LABELS * np.nan}, ("--labels", "y"), "finite numbers"),
    "pickled arrays": ({"predictions": np.array([{}, []], object)}, (), "objects are never unpickled"),
    "text": ({"predictions": np.full((5, 4, 7), "a")}, (), "expected numbers; names of classes need a loss"),
    "complex numbers": ({"predictions": PREDICTIONS * 1j}, (), "expected real ones"),
    "one run": ({"predictions": PREDICTIONS[:1, :1]}, (), "nothing varies"),
    "noise alone": ({"predictions": PREDICTIONS}, ("--noise", "1"), "expected it beside --labels"),
    "noise below zero": ({"predictions": PREDICTIONS, "y": LABELS}, ("--labels", "y", "--noise", "-1"), "not negative"),
    "classes beyond the scores": (
        {"predictions": SCORES, "y": CLASSES + 1},
        ("--labels", "y", "--loss", "cross-entropy"),
        "class 3 for predictions of 3 classes",
    ),
    "a single logit": ({"predictions": PREDICTIONS}, ("--loss", "cross-entropy"), "two or more classes"),
    "two labels": ({"predictions": PREDICTIONS}, ("--labels", "a,b"), "expected the name of one array"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG_ARCHIVES)
def test_a_wrong_archive_is_refused(name, tmp_path):
    arrays, options, message = WRONG_ARCHIVES[name]
    np.savez(tmp_path / "p.npz", **arrays)
    with pytest.raises(ValueError, match=message) as raised:
        asked(tmp_path / "p.npz", *options)
    assert "\n" not in str(raised.value)


def changed(place, column, value):
    rows = [list(row) for row in CELLS]
    rows[place][column] = value
    return rows


WRONG_TABLES = {
    "a missing column": (CELLS, ("--labels", "z"), "labels: got 'z', expected a column"),
    "no such point": (CELLS, ("--point", "x"), "point: got 'x', expected a column"),
    "a duplicate": ([*CELLS, CELLS[3]], (), r"rows 4 and 141 of .* for one run and point \(data 0, init 0, point 3\)"),
    "an unbalanced table": (
        CELLS[:-2],
        (),
        "138 rows in .* for 5 x 4 x 7 data, init, point, expected 140; 2 are missing",
    ),
    "a gap": (CELLS[:9] + CELLS[10:], (), "1 are missing, the first is data 0, init 1, point 2"),
    "a cell that is missing": (changed(2, 3, ""), (), "prediction: got '' in row 3"),
    "NaN": (changed(2, 3, "nan"), (), "prediction: got 'nan' in row 3"),
    "text": (changed(2, 3, "1,5"), (), "prediction: got '1,5' in row 3"),
    "text alone": ([(*row[:3], "cat", 1.0) for row in CELLS], (), r"predictions: got text \('cat', ...\)"),
    "a level that is missing": (changed(2, 0, ""), (), "data: got '' in row 3"),
    "labels that differ": (changed(9, 4, 99), ("--labels", "y"), "labels: got .* and 99.0 at point 2 .rows 3 and 10"),
    "a label that is missing": (changed(9, 4, "?"), ("--labels", "y"), "y: got '?' in row 10"),
    "no rows": ([], (), "a header and no rows"),
    "rows of another length": ([*CELLS, (1, 2)], (), "got 2 cells in row 141"),
}


@pytest.mark.parametrize("name", WRONG_TABLES)
def test_a_wrong_table_is_refused(name, tmp_path):
    rows, options, message = WRONG_TABLES[name]
    path = long_form(tmp_path / "p.csv", HEADER, rows)
    with pytest.raises(ValueError, match=message.replace("'?'", r"'\?'")) as raised:
        asked(path, *options)
    assert "\n" not in str(raised.value)


def test_commas_are_decimal_where_semicolons_are_between_the_cells(tmp_path):
    expected = decomposition.squared_error(PREDICTIONS, factors=("data", "init"), target=Target(labels=LABELS))
    rows = [(d, i, p, *(str(value).replace(".", ",") for value in rest)) for d, i, p, *rest in CELLS]
    same(asked(long_form(tmp_path / "p.csv", HEADER, rows, ";"), "--labels", "y"), expected)
    by_thousands = [*rows[:3], (*rows[3][:3], "1.234,5", rows[3][4]), *rows[4:]]
    changed_one = PREDICTIONS.copy()
    changed_one.flat[3] = 1234.5
    expected = decomposition.squared_error(changed_one, factors=("data", "init"), target=Target(labels=LABELS))
    same(asked(long_form(tmp_path / "q.csv", HEADER, by_thousands, ";"), "--labels", "y"), expected)
    rows[5] = (*rows[5][:3], "1.5", rows[5][4])
    with pytest.raises(ValueError, match=r"prediction: got '1\.5' in row 6"):
        asked(long_form(tmp_path / "r.csv", HEADER, rows, ";"))


def test_a_table_may_have_another_encoding(tmp_path):
    rows = [(f"{'ä' * d}-", *rest) for d, *rest in CELLS]
    path = long_form(tmp_path / "p.csv", HEADER, rows)
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1"))
    with pytest.raises(ValueError, match="for example --encoding 'latin-1'"):
        asked(path)
    same(asked(path, "--encoding", "latin-1"), decomposition.squared_error(PREDICTIONS, factors=("data", "init")))


def test_options_that_contradict_each_other_are_refused(archive, tmp_path):
    path = long_form(tmp_path / "p.csv", HEADER, CELLS)
    with pytest.raises(ValueError, match="times: got 'init', which is a factor as well"):
        asked(path, "--times", "init")
    with pytest.raises(ValueError, match="point: got 'data', which is a factor as well"):
        asked(path, "--point", "data")
    with pytest.raises(ValueError, match="delimiter: got '', expected one character"):
        asked(path, "--delimiter", "")


def test_a_result_is_written_before_its_classes_are_asked_for(archive, tmp_path, monkeypatch, capsys):
    out = tmp_path / "r.npz"
    options = ["--factors", "data,init", "--labels", "y_test", "--by-class", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["jaxdl", "decompose", str(archive), *options])
    assert __main__.main() == 1
    told = capsys.readouterr()
    assert told.err.startswith("error: by_class: got")
    assert f"written: {out}" in told.out
    same(decomposition.load(out), asked(archive, "--labels", "y_test"))


WRONG_FILES = {
    "p.npz": (b"no archive", "which is no .npz archive"),
    "q.npz": (b"", "which is no .npz archive"),
    "p.csv": (b"", "which is empty"),
    "q.csv": (b"PK\3\4", "a zip archive or an Excel workbook"),
    "p.xlsx": (b"", "expected an archive that ends in .npz, or a table"),
}


@pytest.mark.parametrize("name", WRONG_FILES)
def test_a_wrong_file_is_refused(name, tmp_path):
    content, message = WRONG_FILES[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        asked(tmp_path / name)


@pytest.mark.parametrize(("factors", "message"), [("data,data", "got data twice"), ("data,,init", "a comma between")])
def test_wrong_names_of_factors_are_refused(factors, message, archive):
    with pytest.raises(ValueError, match=message):
        asked(archive, factors=factors)


def test_an_error_is_one_line_and_a_status(archive, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["jaxdl", "decompose", str(tmp_path / "none.npz"), "--factors", "data"])
    assert __main__.main() == 1
    assert capsys.readouterr().err.startswith(
        f"error: file: got {tmp_path / 'none.npz'}, expected a file that is there;"
    )
    out = str(tmp_path / "none" / "r.csv")
    monkeypatch.setattr(sys, "argv", ["jaxdl", "decompose", str(archive), "--factors", "data,init", "--out", out])
    assert __main__.main() == 1
    assert "in a folder that is there" in capsys.readouterr().err


def test_the_result_is_written_in_every_format(archive, tmp_path, monkeypatch, capsys):
    out = tmp_path / "results"
    options = ["--factors", "data,init", "--labels", "y_test", "--out", str(out)]
    monkeypatch.setattr(sys, "argv", ["jaxdl", "decompose", str(archive), *options])
    assert __main__.main() == 0
    result = asked(archive, "--labels", "y_test")
    printed = capsys.readouterr().out
    assert "predictions of 5 data x 4 init x 7 points" in printed
    assert result.table() in printed
    assert (out / "decomposition.txt").read_text() == result.table() + "\n"
    assert decomposition.load(out / "decomposition.npz").table() == result.table()
    frame = pd.read_csv(out / "decomposition.csv").set_index("term")
    described = json.loads((out / "decomposition.json").read_text())
    by_term = {row["term"]: row for row in described["terms"]}
    for term in ("bias_squared_plus_noise", "variance[data, init]", "risk"):
        assert frame.estimate[term] == by_term[term]["estimate"] == result[term]
    assert described["design"] == {"data": 5, "init": 4}


def test_classes_are_printed_by_name(tmp_path, monkeypatch, capsys):
    rows = [(d, p, NAMES[SCORES[d, 0, p].argmax()], NAMES[CLASSES[p]]) for d in range(5) for p in range(7)]
    path = long_form(tmp_path / "p.csv", ("data", "point", "prediction", "y"), rows)
    options = ["--labels", "y", "--loss", "kohavi-wolpert", "--by-class"]
    monkeypatch.setattr(sys, "argv", ["jaxdl", "decompose", str(path), "--factors", "data", *options])
    assert __main__.main() == 0
    printed = capsys.readouterr().out
    assert "class 0 = cat\nclass 1 = dog\nclass 2 = fox" in printed
    for label, result in asked(path, *options, factors="data").by_class().items():
        assert f"{label}      {(label == CLASSES).sum()}       {result.bias_squared_plus_noise:.4g} ±" in printed


@pytest.mark.thorough
def test_help_is_there_at_once():
    """It imports neither jax nor numpy; on an idle machine it takes a tenth of a second."""
    code = "import sys; sys.argv = ['jaxdl', 'decompose', '--help']\nfrom jaxdl import __main__\ntry: __main__.main()\n"
    code += "except SystemExit: print('loaded:', *({'jax', 'numpy', 'scipy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded:"


@pytest.mark.thorough
def test_a_hundred_thousand_rows_decompose(tmp_path):
    predictions = RNG.normal(size=(20, 10, 500))
    index = np.indices(predictions.shape).reshape(3, -1)
    rows = zip(*index, predictions.ravel(), strict=True)
    path = long_form(tmp_path / "p.csv", ("data", "init", "point", "prediction"), rows)
    result = asked(path)
    np.testing.assert_allclose(result.total_variance, 1, atol=4 * result.standard_errors["total_variance"])


def test_the_options_name_the_losses_and_the_learners_that_there_are():
    assert tuple(decompose.LOSSES) == options.LOSSES
    assert options.MODELS == learners.NAMES

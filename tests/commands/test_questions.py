"""The command line answers programs with one JSON object, and people with a few lines."""

import json
import sys

import numpy as np
import pytest

from jaxdl.__main__ import main
from jaxdl.decomposition import compare, metric


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    base = rng.normal(size=(20, 1)) + rng.normal(size=(1, 10))
    paths = {}
    for name, values in {
        "first": base, "worse": base + 1 + 0.1 * rng.normal(size=base.shape), "similar": base + rng.normal(size=base.shape),
    }.items():  # fmt: skip
        result = metric(values, factors=("data", "init"))
        result.save(tmp_path / name)
        paths[name] = (result, str(tmp_path / f"{name}.npz"))
    return paths


@pytest.fixture
def asked(monkeypatch, capsys):
    def ask(*words):
        monkeypatch.setattr(sys, "argv", ["jaxdl", *map(str, words)])
        status = main()
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return ask


def test_plan_prints_one_object_with_what_the_library_says(files, asked):
    result, path = files["first"]
    status, out, _ = asked("plan", path, "--term", "mean", "--standard-error", 0.2, "--cost", "data=3,run=1", "--json")
    answer, exact = json.loads(out), result.plan("mean", standard_error=0.2, cost={"data": 3, "run": 1})
    assert status == 0
    assert answer["levels"] == exact.levels
    assert answer["runs"] == exact.num_runs
    assert answer["runs_still_needed"] == exact.num_needed
    assert answer["forecast"] <= 0.2
    assert answer["interval"] == [float(end) for end in result.intervals["mean"]]
    status, out, _ = asked("plan", path, "--term", "mean", "--relative", 0.5)
    assert "runs" in out


@pytest.mark.parametrize(("name", "verdict"), [("worse", "worse"), ("similar", "undecided")])
def test_compare_prints_a_verdict_and_the_runs_still_needed(files, asked, name, verdict):
    (one, first), (two, second) = files["first"], files[name]
    status, out, _ = asked("compare", first, second, "--term", "mean", "--json")
    answer = json.loads(out)
    assert status == 0
    assert answer["verdict"] == verdict
    exact = compare(one, two)
    assert answer["estimate"] == float(exact.estimates["mean"])
    assert answer["runs_still_needed"] == (0 if verdict == "worse" else exact.settle("mean").num_needed)
    status, out, _ = asked("compare", first, second, "--term", "mean", "--larger-is-better")
    assert ("better" if verdict == "worse" else "further runs of each procedure") in out


def test_mistakes_are_one_line(files, asked, tmp_path):
    _, path = files["first"]
    for words, message in (
        (("plan", path, "--term", "risk", "--relative", 0.1), "error: term: got 'risk'"),
        (("plan", path, "--term", "mean", "--relative", 0.1, "--cost", "data"), "error: cost: got 'data'"),
        (("compare", path, tmp_path / "none.npz", "--term", "mean"), "error: "),
    ):
        status, _, error = asked(*words)
        assert status == 1
        assert error.startswith(message)
        assert error.count("\n") == 1

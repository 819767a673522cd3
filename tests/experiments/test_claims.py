"""The contract of all claims: what their files say, and what they do at their smallest sizes."""

import ast
import contextlib
import json
import re

import pytest

from experiments.book import find, runs, working
from experiments.book.lab import Lab
from experiments.book.options import Options
from jaxdl.ensembles.store import Store
from jaxdl.statistics import Verdict

ENTRIES = find.claims_below()
EVERY = 16
"""The plain suite runs one claim in so many, which one moves on with every new claim; `pytest -m thorough` runs the others."""


def in_suite(place):
    return place % EVERY == len(ENTRIES) % EVERY


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.number)
def test_the_file_says_what_a_reader_must_know(entry):
    assert re.search(r"[.?]$", entry.statement)
    assert {"Source", "Scope"} <= entry.fields.keys()
    assert entry.errata == entry.errata
    assert len(entry.path.read_text().splitlines()) <= 100
    quick, full, smallest = (entry.sizes(profile) for profile in find.PROFILES)
    assert quick.keys() == full.keys() == smallest.keys()
    assert full["seed"] != quick["seed"], "a full profile has a seed that no look had"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.number)
def test_the_criterion_names_every_constant_of_the_verdict(entry):
    criterion = next(
        node.value
        for node in entry.tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "CRITERION"
    )
    named = {node.id for node in ast.walk(criterion) if isinstance(node, ast.Name)}
    assert set(entry.constants) <= named


@pytest.mark.parametrize(
    "entry",
    [
        entry if in_suite(place) else pytest.param(entry, marks=pytest.mark.thorough)
        for place, entry in enumerate(ENTRIES)
    ],
    ids=lambda entry: entry.number,
)
def test_a_claim_runs_gives_the_same_finding_after_an_interruption_and_its_control_is_refuted(
    entry, tmp_path, monkeypatch
):
    module = find.load(entry)

    def judged(folder, function=module.judged):
        lab = Lab(entry.chapter, entry.sizes("smallest"), Options(out=folder, progress=False))
        return function(lab)

    def found(finding):
        return runs.to_json(working.described(entry, module.CRITERION, finding))

    with stored_records(monkeypatch) as records:
        whole = judged(tmp_path / "whole")
    assert whole.judgement.verdict in Verdict
    assert json.loads(found(whole))["number"] == entry.number
    assert whole.figures
    if hasattr(module, "control"):
        assert judged(tmp_path / "whole", module.control).judgement.verdict == Verdict.REFUTED
    with pytest.raises(KeyboardInterrupt), stored_records(monkeypatch, at_most=len(records) // 2):
        judged(tmp_path / "stopped")
    assert found(judged(tmp_path / "stopped")) == found(whole)


@contextlib.contextmanager
def stored_records(monkeypatch, at_most=None):
    """The records that are stored meanwhile; at one more than `at_most` the run stops as by Ctrl-C."""
    write, written = Store.write, []

    def write_some(self, *arguments):
        if len(written) == at_most:
            raise KeyboardInterrupt
        written.append(arguments)
        return write(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(Store, "write", write_some)
        yield written

"""The examination of an installation, and the command line of the library."""

import subprocess
import sys

import pytest

import jaxdl
from jaxdl import doctor


def jaxdl_command(*arguments):
    command = [sys.executable, "-m", "jaxdl", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=200)


def test_the_doctor_finds_nothing_wrong_here():
    done = jaxdl_command("doctor")
    assert done.returncode == 0, done.stdout + done.stderr
    assert jaxdl.__version__ in done.stdout
    assert done.stdout.count("terms right") == 3
    assert "->" not in done.stdout


def test_a_missing_extra_comes_with_its_remedy(monkeypatch):
    lines = ["jax>=0.10", 'no-such-package>=1.2; extra == "experiments"', 'jaxdl[experiments]; extra == "test"']
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda _: lines)
    findings = {each.subject: each for each in doctor.packages()}
    assert findings["[experiments]"].remedy == 'pip install "jaxdl[experiments]"'
    assert "no-such-package>=1.2" in str(findings["[experiments]"])
    assert not findings["packages"].remedy
    assert findings["[test]"].text == "complete"


@pytest.mark.parametrize("line", ["no-such-package", "numpy>=99.1"])
def test_a_package_that_is_missing_or_too_old_comes_with_its_remedy(line, monkeypatch):
    monkeypatch.setattr(doctor.importlib.metadata, "requires", lambda _: [line, "jax>=0.10"])
    (finding,) = [each for each in doctor.packages() if each.subject == "packages"]
    assert finding.remedy == f'pip install --upgrade "{line}"'


def test_what_the_doctor_asks_for_is_what_the_package_declares():
    declared = {each.name for each in doctor.requirements() if not each.extra}
    assert {"jax", "jaxlib", "flax", "optax", "numpy"} <= declared
    assert {each.extra for each in doctor.requirements()} >= {"", *doctor.EXTRAS}


def test_wrong_numbers_are_told(monkeypatch):
    study, exact = jaxdl.truths.sample_mean(num_runs=100)
    wrong = exact | {"total_variance": 2 * exact["total_variance"]}
    monkeypatch.setattr(doctor.truths, "sample_mean", lambda **_: (study, wrong))
    finding = next(doctor.known_answers())
    assert "report" in finding.remedy
    assert "total_variance is" in finding.text


@pytest.mark.thorough
def test_merge_names_what_it_brought(tmp_path):
    import jax

    from jaxdl import designs, ensembles

    for position in (1, 2):
        with pytest.raises(ensembles.UnfinishedStudyError):
            ensembles.run(
                lambda keys: jax.random.normal(keys["data"]), designs.independent(32, "data"), jax.random.key(0),
                engine=ensembles.Engine(store=tmp_path / str(position) / "study", shard=(position, 2)),
            )  # fmt: skip
    done = jaxdl_command("merge", tmp_path / "all", tmp_path / "1", tmp_path / "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("new records") == 2
    empty = jaxdl_command("merge", tmp_path / "all", tmp_path / "all" / "study" / "none")
    assert (empty.returncode, empty.stderr.split()[0]) == (1, "error:")


def test_the_arithmetic_of_an_accelerator_is_told_with_what_to_do(monkeypatch):
    """As this machine has none, its own is told: a CPU keeps all bits."""
    monkeypatch.delenv("XLA_PYTHON_CLIENT_PREALLOCATE", raising=False)
    found = {each.subject: each.text for each in doctor.arithmetic("cuda 13000")}
    assert found["precision"].startswith("matrix products of float32 keep 23 bits of 23")
    assert "cuda 13000" in found["bits"]
    assert "XLA_PYTHON_CLIENT_PREALLOCATE=false" in found["memory"]
    monkeypatch.setenv("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    assert "share" in {each.subject: each.text for each in doctor.arithmetic("")}["memory"]

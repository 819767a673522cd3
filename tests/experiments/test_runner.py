"""The command line and the run folder of an experiment, on one that tosses coins."""

import dataclasses
import errno
import hashlib
import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import zipfile
from html.parser import HTMLParser
from pathlib import Path

import jax
import numpy as np
import pytest
import tiny_experiment
from tiny_experiment import EXPERIMENT, Config

import experiments
from experiments import __main__ as listing
from experiments import report, run_folder, runner
from experiments import whole_book as book
from experiments.book import manifest
from experiments.book.set_up import CannotRunError
from jaxdl import designs, files, plots
from jaxdl.ensembles import DivergedRunsError
from jaxdl.statistics import Claim

ROOT = Path(experiments.__file__).parent.parent
FILES = {
    "claims.json",
    "config.json",
    "figures/tosses.png",
    "figures/tosses.svg",
    "manifest.json",
    "report.html",
    "results.npz",
    "table.txt",
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """`run(*arguments, **changes of the experiment)` -> exit status, with the test process's own jax."""
    monkeypatch.setattr(runner, "set_up_jax", lambda options: None)

    def run(*arguments, **changes):
        experiment = dataclasses.replace(EXPERIMENT, **changes)
        return runner.main(experiment, ["--out", str(tmp_path), "--no-progress", *arguments])

    return run


def folder(out, **fields):
    return run_folder.path_of(out, "tiny", Config(**fields))


def stored(path):
    return {str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()}


def fail(*_):
    raise AssertionError("must not be called")


def interrupt(*_):
    raise KeyboardInterrupt


def test_a_run_leaves_every_file_and_nothing_outside_its_folder(run, tmp_path, capsys):
    assert run() == 0
    assert set(stored(folder(tmp_path))) == FILES
    inside = f"tiny/{folder(tmp_path).name}/"
    assert all(name.startswith((inside, "tiny/blocks/")) for name in stored(tmp_path))
    assert re.fullmatch("[0-9a-f]{12}", folder(tmp_path).name)
    printed = capsys.readouterr().out
    assert printed.startswith("tiny · quick · seed 0 · 2 x cpu · float64\n")
    assert "<b>coin</b>  mean" in printed
    assert "K999  inconclusive" in printed
    assert str(folder(tmp_path) / "report.html") in printed


def test_the_stored_run_says_what_was_measured_and_with_what(run, tmp_path):
    run("--num-runs", "9")
    files = stored(folder(tmp_path, num_runs=9))
    config, made, claims = (json.loads(files[name]) for name in ("config.json", "manifest.json", "claims.json"))
    assert config == {"experiment": "tiny", "profile": "quick", "fields": {"num_runs": 9, "seed": 0, "wait": 0.0}}
    assert made["results_sha256"] == hashlib.sha256(files["results.npz"]).hexdigest()
    assert made["command"] == f"python -m experiments.tiny --out {tmp_path} --no-progress --num-runs 9"
    assert made["packages"]["numpy"] == np.__version__
    with np.load(folder(tmp_path, num_runs=9) / "results.npz", allow_pickle=False) as results:
        assert results["tosses"].shape == (9,)
        assert Claim.from_dict(claims[0]).estimate == results["tosses"].mean()


def test_a_finished_run_is_shown_again_without_being_measured(run, tmp_path, capsys):
    run()
    before, first = stored(folder(tmp_path)), capsys.readouterr().out
    assert run(measure=fail, tables=fail, plot=fail, claims=fail) == 0
    again = capsys.readouterr().out
    assert first.split("\n\n", 1)[1] == again.split("\n\n", 1)[1]
    assert "--fresh computes it again" in again
    assert stored(folder(tmp_path)) == before


def test_a_fresh_run_measures_again_and_gives_the_same_bytes(run, tmp_path):
    run()
    before = stored(folder(tmp_path))
    with pytest.raises(AssertionError, match="must not be called"):
        run("--fresh", measure=fail)
    assert run("--fresh") == 0
    after = stored(folder(tmp_path))
    dated = {"manifest.json", "report.html"}
    assert {name for name in FILES if before[name] != after[name]} <= dated


def test_profiles_supply_defaults_and_options_override_them(run, tmp_path):
    run("--profile", "full", "--seed", "3")
    run("--seed", "3", "--num-runs", "64", measure=fail)  # the same configuration, hence the same run
    assert [path.parent.name for path in tmp_path.glob("tiny/*/manifest.json")] == [
        folder(tmp_path, num_runs=64, seed=3).name
    ]


@pytest.mark.parametrize("option", ["num_runs", "seed", "wait"])
def test_every_field_changes_the_hash(option):
    assert folder(Path(), **{option: 5}) != folder(Path())
    assert run_folder.path_of(Path(), "other", Config()).name != folder(Path()).name


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--num-run", "3"], "Perhaps you meant: --num-runs"),
        (["--profile", "slow"], "Expected one of ('quick', 'full')"),
        (["--num-runs", "x"], "Error parsing --num-runs: invalid literal"),
        (["--num-runs", "-3"], "num_runs is -3; expected at least 1."),
        (["--devices", "0"], "devices is 0; expected at least 1, or nothing for one per core."),
        (["--devices", "100000"], "devices: got 100000, expected a whole number from 1 to"),
    ],
)
def test_a_bad_option_is_answered_with_what_was_expected_and_status_2(run, arguments, words, capsys):
    with pytest.raises(SystemExit) as exit_:
        run(*arguments, measure=fail)
    assert exit_.value.code == 2
    printed = re.sub(r"[\s│]+", " ", capsys.readouterr().err)  # without the box that tyro draws
    assert words in printed


def test_an_output_folder_that_is_a_file_costs_one_line_and_status_2(run, capsys):
    assert run("--out", __file__, measure=fail) == 2
    printed = capsys.readouterr().err
    assert printed.startswith("error: ")
    assert printed.count("\n") == 1


def test_a_missing_extra_is_named_with_its_remedy(run, monkeypatch, capsys):
    monkeypatch.setattr(runner, "EXTRA", ("tyro", "no_such_package"))
    assert run(measure=fail) == 1
    assert capsys.readouterr().err == 'no_such_package not found: pip install "jaxdl[experiments]"\n'


def test_diverged_runs_under_strict_are_an_error_of_one_line(run, tmp_path, capsys):
    def diverge(config, options):
        assert options.strict
        raise DivergedRunsError("3 diverged: run 4", ())

    assert run("--strict", measure=diverge) == 1
    assert capsys.readouterr().err == "error: 3 diverged: run 4\n"
    assert not stored(folder(tmp_path))


def test_an_interrupted_run_is_not_finished_and_keeps_the_earlier_files(run, tmp_path, capsys):
    assert run(measure=interrupt) == 130
    printed = capsys.readouterr().err
    assert printed.startswith(
        "Interrupted after 0 s; finished runs are stored. To continue: python -m experiments.tiny"
    )
    assert printed.count("\n") == 1
    assert not stored(folder(tmp_path))
    run()
    before = stored(folder(tmp_path))
    assert run("--fresh", measure=interrupt) == 130
    assert {**stored(folder(tmp_path)), "manifest.json": before["manifest.json"]} == before
    assert not (folder(tmp_path) / "manifest.json").exists()  # so that the command without --fresh goes on


def test_results_outlive_an_error_in_the_figure_but_the_run_is_not_finished(run, tmp_path):
    run()
    with pytest.raises(AssertionError, match="must not be called"):
        run("--fresh", plot=fail)
    assert "results.npz" in stored(folder(tmp_path))
    assert run_folder.read(folder(tmp_path)) is None
    assert run() == 0
    assert run_folder.read(folder(tmp_path)) is not None


STRANGE = ("x", None, [], {}, [1], {"a": 1}, True, 1.5, 10**400, -1, float("nan"), "\ud800", [[1, 2]])
"""Values in place of others; each is one that some fields may have, and others not."""


def places(value, path=()):
    """The path to every part of a JSON value, itself included."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


def with_part(value, path, part):
    """A copy with another part at this path."""
    if not path:
        return part
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = with_part(value[path[0]], path[1:], part)
    return copy


@pytest.mark.parametrize("name", ["config.json", "manifest.json", "claims.json"])
def test_a_run_with_altered_files_is_shown_listed_and_put_into_the_book_or_known_as_damaged(run, tmp_path, name):
    run()
    path = folder(tmp_path) / name
    whole, damaged = path.read_bytes(), 0
    altered = [(place, part) for place in places(json.loads(whole)) for part in STRANGE]
    for place, part in altered:
        path.write_text(json.dumps(with_part(json.loads(whole), place, part)))
        try:
            found = run_folder.read(folder(tmp_path))
        except ValueError:
            damaged += 1
        else:
            report.show(found)
            report.provenance(found)
            report.html_page(EXPERIMENT.description, found, {})
        listing.summary(EXPERIMENT, tmp_path)
        book.chapter(EXPERIMENT, "quick", tmp_path)
    assert len(altered) // 3 < damaged <= len(altered)
    assert run() == 0  # what was altered last is computed again, or shown
    assert run_folder.read(folder(tmp_path)) is not None


@pytest.mark.parametrize("name", ["config.json", "manifest.json", "claims.json", "table.txt"])
def test_a_pipe_among_the_files_of_a_run_is_not_waited_for_and_stays(run, tmp_path, capsys, name):
    run()
    (folder(tmp_path) / name).unlink()
    os.mkfifo(folder(tmp_path) / name)
    assert run() == (0 if name == "manifest.json" else 1)
    errors = capsys.readouterr().err
    assert f"{name} is no regular file); computing it again" in errors
    assert (folder(tmp_path) / name).is_fifo() == (f"error: [Errno {errno.EEXIST}]" in errors)


@pytest.mark.parametrize("name", ["manifest.json", "claims.json", "config.json"])
def test_a_damaged_run_is_computed_again(run, tmp_path, capsys, name):
    run()
    before = (folder(tmp_path) / name).read_text()
    (folder(tmp_path) / name).write_text(before[: len(before) // 2])
    assert run() == 0
    assert "is damaged" in capsys.readouterr().err
    assert run_folder.read(folder(tmp_path)).claims[0]["number"] == "K999"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    run_folder.write(tmp_path, "a/b.txt", "older")
    with (tmp_path / "a/b.txt").open() as reader:
        run_folder.write(tmp_path, "a/b.txt", "old")
        assert reader.read() == "older"

    def full_disk(descriptor):
        raise OSError("no space left")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        run_folder.write(tmp_path, "a/b.txt", "new")
    assert stored(tmp_path) == {"a/b.txt": b"old"}


def test_archives_depend_on_their_arrays_alone_and_hold_no_objects():
    arrays = {"b": np.arange(3), "a": np.float32(1.5)}
    assert files.to_npz(arrays) == files.to_npz(dict(reversed(arrays.items())))
    with zipfile.ZipFile(io.BytesIO(files.to_npz(arrays))) as archive:
        assert [(file.filename, file.date_time[0]) for file in archive.infolist()] == [("a.npy", 1980), ("b.npy", 1980)]
    with pytest.raises(ValueError, match=r"[Oo]bject"):
        files.to_npz({"a": np.array([{}])})


class Tags(HTMLParser):
    """The tags of a page, and the addresses it loads."""

    def __init__(self, page):
        super().__init__()
        self.names, self.addresses = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def test_the_report_is_one_page_that_loads_nothing_and_escapes_everything(run, tmp_path):
    run()
    page = (folder(tmp_path) / "report.html").read_text(encoding="utf-8")
    tags = Tags(page)
    assert not tags.names & {"script", "i", "b", "link", "iframe"}
    assert [address.split(",")[0] for address in tags.addresses] == ["data:image/svg+xml;base64"]
    assert "url(" not in page
    assert "@import" not in page
    for text in (
        "&lt;script&gt;alert(",
        "&lt;b&gt;coin&lt;/b&gt;",
        "A coin is &lt;i&gt;fair",
        "[0, inf]",
        "K999",
        "num_runs",
    ):
        assert text in page


def test_hostile_text_is_escaped_wherever_it_stands(run, tmp_path):
    run()
    hostile = '"><script>x</script>'
    finished = run_folder.read(folder(tmp_path))
    claim = {name: hostile if isinstance(value, str) else value for name, value in finished.claims[0].items()}
    altered = finished._replace(
        config={"experiment": hostile, "profile": hostile, "fields": {hostile: [hostile]}},
        manifest={hostile: {hostile: hostile}},
        table=hostile,
        claims=[claim | {"estimate": "nan", "theory": 1.0, "theory_note": hostile}],
    )
    assert (
        "script"
        not in Tags(report.html_page(f"{hostile}\n\n{hostile}\n\n    {hostile}", altered, {hostile: b""})).names
    )


def test_names_stay_inside_the_results_folder():
    for name in ("../up", "a/b", "", "Upper", "a b"):
        with pytest.raises(ValueError, match="lower-case letters"):
            dataclasses.replace(EXPERIMENT, name=name)


def test_a_configuration_without_a_seed_is_refused():
    with pytest.raises(ValueError, match="no field `seed`"):
        dataclasses.replace(EXPERIMENT, profiles={"quick": dataclasses.make_dataclass("Config", ["n"])(1)})


def test_the_manifest_takes_no_secrets_and_borrows_no_commit(tmp_path):
    variables = {"API_TOKEN": "secret", "XLA_FLAGS": "--x", "JAX_PLATFORMS": "cpu", "PATH": "/bin"}
    assert manifest.environment(variables) == {"XLA_FLAGS": "--x", "JAX_PLATFORMS": "cpu"}
    assert manifest.git_state(tmp_path) is None


def test_the_manifest_tells_a_clean_checkout_from_a_changed_one(tmp_path):
    def git(*command):
        identity = ["-c", "user.name=n", "-c", "user.email=e"]
        return subprocess.run(["git", *identity, *command], cwd=tmp_path, check=True, capture_output=True, text=True)

    git("init")
    assert manifest.git_state(tmp_path) is None  # no commit yet
    git("commit", "--allow-empty", "-m", "first")
    commit = git("rev-parse", "HEAD").stdout.strip()
    assert manifest.git_state(tmp_path) == {"commit": commit, "dirty": False}
    (tmp_path / "new.txt").write_text("")
    assert manifest.git_state(tmp_path) == {"commit": commit, "dirty": True}


def test_the_list_shows_the_question_and_the_verdicts_of_the_latest_run(run, tmp_path):
    question = 'Is the mean of <script>alert("x")</script> coin tosses near one half?'
    assert listing.summary(EXPERIMENT, tmp_path).splitlines() == [
        "tiny",
        f"  {question}",
        "  not run yet: python -m experiments.tiny",
    ]
    run()
    page = folder(tmp_path) / "report.html"
    assert listing.summary(EXPERIMENT, tmp_path).splitlines()[2:] == ["  K999 inconclusive", f"  quick: {page}"]


def test_the_list_finds_the_experiments_of_a_package(monkeypatch, tmp_path):
    for name in ("tiny_experiment", "helper"):  # only the former holds an experiment
        (tmp_path / f"{name}.py").touch()
    package = type(sys)("package")
    package.__path__ = [str(tmp_path)]
    monkeypatch.setitem(sys.modules, "package", package)
    monkeypatch.setitem(sys.modules, "package.tiny_experiment", tiny_experiment)
    found = {experiment.name for experiment in listing.experiments_in(package)}
    assert found == {"tiny"}


def start(*arguments, **variables):
    """The command in a process of its own, as users run it: double precision off, and its own cache."""
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:]\n"
        "try: runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "finally: print('imported', sorted({'jax', 'jaxdl', 'numpy', 'matplotlib'} & sys.modules.keys()))"
    )
    command = [sys.executable, "-c", code, tiny_experiment.__file__, "--no-progress", *map(str, arguments)]
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    environment |= {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", **variables}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def test_a_process_sets_up_devices_and_cache_and_shows_the_finished_run_without_jax(tmp_path):
    cache = {"XDG_CACHE_HOME": str(tmp_path / "cache")}
    first, errors = start("--out", tmp_path / "out", "--devices", 3, **cache).communicate(timeout=100)
    assert "tiny · quick · seed 0 · 3 x cpu · float32" in first, errors
    assert list((tmp_path / "cache" / "jaxdl").iterdir())
    again, errors = start("--out", tmp_path / "out", **cache).communicate(timeout=100)
    assert again.splitlines()[-1] == "imported []", errors
    assert again.split("\n\n", 1)[1].splitlines()[:-1] == first.split("\n\n", 1)[1].splitlines()[:-1]


def test_shards_are_stored_and_make_the_same_run(run, tmp_path, capsys):
    assert run("--num-runs", "30", "--out", str(tmp_path / "whole")) == 0
    for position in (2, 1):
        assert run("--num-runs", "30", "--shard", f"{position}/2") == 0
        assert "share" in capsys.readouterr().out
        assert not (folder(tmp_path, num_runs=30) / run_folder.MANIFEST).exists()
    assert run("--num-runs", "30") == 0
    results = [stored(folder(out, num_runs=30))["results.npz"] for out in (tmp_path, tmp_path / "whole")]
    assert results[0] == results[1]


def test_more_runs_reuse_those_that_are_stored(run, tmp_path, monkeypatch):
    assert run() == 0
    before = set((tmp_path / "tiny" / "blocks").rglob("*.npz"))
    assert run("--num-runs", "20") == 0
    assert before < set((tmp_path / "tiny" / "blocks").rglob("*.npz"))
    assert len(list((tmp_path / "tiny" / "blocks").iterdir())) == 1


def test_a_dry_run_tells_what_it_will_take_and_writes_nothing(run, tmp_path, capsys):
    assert run("--dry-run", "--num-runs", "800") == 0
    printed = capsys.readouterr().out
    for text in ("tosses", "800", "time    about", "memory  about", "results.npz", "nothing was written"):
        assert text in printed
    assert not list(tmp_path.iterdir())


def two_studies(config, options):
    def of(name):
        options.run(name, tiny_experiment.toss, designs.independent(config.num_runs, "coin"), jax.random.key(len(name)))
        return {}

    return {**options.part(of, "first"), **options.part(of, "other")}


def test_a_dry_run_plans_every_part(run, capsys):
    assert run("--dry-run", measure=two_studies) == 0
    printed = capsys.readouterr().out
    assert "first  " in printed
    assert "other  " in printed


def test_a_share_computes_every_part_and_names_what_is_missing(run, tmp_path, capsys):
    assert run("--num-runs", "30", "--shard", "1/2", measure=two_studies) == 0
    assert capsys.readouterr().out.count("14 of 30 runs are those of other shares") == 2
    assert {path.name.split("-")[0] for path in (tmp_path / "tiny" / "blocks").iterdir()} == {"first", "other"}


def test_a_stored_configuration_repeats_its_run(run, tmp_path, capsys):
    assert run("--num-runs", "5", "--seed", "3") == 0
    path = folder(tmp_path, num_runs=5, seed=3) / "config.json"
    assert run("--config", str(path), measure=fail) == 0
    assert run("--config", str(path), "--seed", "4") == 0
    assert (folder(tmp_path, num_runs=5, seed=4) / run_folder.MANIFEST).exists()
    path.write_text(path.read_text().replace("num_runs", "number"))
    assert run("--config", str(path)) == 2
    assert "number" in capsys.readouterr().err


@pytest.mark.parametrize(
    "content",
    [
        *(None, b"", b"{}", b"[", b"\xff", b"null", b"[" * 10**5, b"9" * 5000),
        *(b'{"experiment": "other", "profile": "quick", "fields": {}}',),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(run, tmp_path, content, capsys):
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    assert run("--config", str(path)) == 2
    printed = capsys.readouterr().err
    assert "config.json" in printed
    assert printed.count("\n") == 1


def test_an_altered_configuration_is_run_or_refused_in_one_line(run, tmp_path, monkeypatch, capsys):
    path = tmp_path / "config.json"
    monkeypatch.setattr(runner, "compute", lambda *_: None)
    whole = {"experiment": "tiny", "profile": "quick", "fields": {"num_runs": 8, "seed": 0, "wait": 0.0}}
    refused = 0
    for place in places(whole):
        for part in STRANGE:
            path.write_text(json.dumps(with_part(whole, place, part)))
            status = run("--config", str(path))
            printed = capsys.readouterr().err
            assert (status, printed.count("\n"), printed[:7]) in ((0, 0, ""), (2, 1, "error: ")), (place, part, printed)
            refused += status == 2
    assert refused > 7 * len(STRANGE) // 2


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--seed", "-1"], "seed: got -1, expected a whole number from 0 to 4294967295"),
        (["--seed", str(2**32)], "seed: got 4294967296, expected a whole number from 0"),
        (["--seed", str(2**70)], "seed: got 11805916207174"),
        (["--num-runs", str(10**30)], "num_runs: got 10000000"),
        (["--wait", "nan"], "wait: got nan, expected a finite number"),
        (["--wait", "inf"], "wait: got inf, expected a finite number"),
        (["--out", ""], "out is ''; expected a path"),
        (["--out", "~nobody-of-this-name/x"], "out is '~nobody"),
        (["--config", " "], "config is ' '; expected a path"),
        (["--config", "."], "is no regular file"),
    ],
)
def test_a_value_beyond_its_range_costs_one_line_and_status_2(run, tmp_path, monkeypatch, arguments, told, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments, measure=fail) == 2
    printed = capsys.readouterr().err
    assert told in printed
    assert printed.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_the_largest_seed_is_taken(run):
    assert run("--seed", str(2**32 - 1)) == 0


@pytest.mark.parametrize("given", [["--out", "~/kept"], ["--out=~/kept"]])
def test_a_tilde_is_the_home_folder(run, tmp_path, monkeypatch, given):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert run(*given) == 0
    path = folder(tmp_path / "home" / "kept")
    assert set(stored(path)) == FILES
    assert run(*given, "--config", f"~/kept/tiny/{path.name}/config.json", measure=fail) == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_without_unicode_is_written_to(run, monkeypatch, encoding):
    for name in ("stdout", "stderr"):
        monkeypatch.setattr(sys, name, io.TextIOWrapper(io.BytesIO(), encoding=encoding, errors="strict"))

    def tables(config, results):
        return "bias² 0.1 ± 0.2 │ ∞"

    assert run(tables=tables) == 0
    assert run(tables=tables, measure=fail) == 0  # shown again
    assert run("--dry-run") == 0
    assert listing.main([EXPERIMENT], []) == 0
    sys.stdout.flush()
    assert b"bias" in sys.stdout.buffer.getvalue()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--shard", "3/2"], "expected k/K"),
        (["--shard", "one"], "expected k/K"),
        (["--shard", "1/2", "--dry-run"], "exclude one another"),
        (["--coordinator", "localhost:1"], "belong together"),
        (["--coordinator", "localhost:1", "--process", "1/2"], "add --distributed"),
    ],
)
def test_options_that_make_no_sense_are_refused(run, arguments, told, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(*arguments)
    assert stopped.value.code == 2
    assert told in " ".join("".join(capsys.readouterr()).replace("│", "").split())


@pytest.mark.thorough
def test_two_processes_make_the_run_of_one(tmp_path):
    alone = start("--num-runs", 30, "--out", tmp_path / "one")
    with socket.socket() as listening:
        listening.bind(("localhost", 0))
        place = ("--distributed", "--coordinator", f"localhost:{listening.getsockname()[1]}")
    both = [start("--num-runs", 30, "--out", tmp_path / "two", *place, "--process", f"{k}/2") for k in (1, 2)]
    (printed, errors), (silent, _) = (process.communicate(timeout=100) for process in both)
    alone.communicate(timeout=100)
    assert [process.returncode for process in (alone, *both)] == [0, 0, 0], errors
    assert "2 processes of" in printed
    assert "K999  inconclusive" in printed
    assert "K999" not in silent
    one, two = (stored(folder(tmp_path / name, num_runs=30)) for name in ("one", "two"))
    assert one["results.npz"] == two["results.npz"]
    assert set(two) == FILES


def test_peers_that_do_not_come_cost_one_line(run, monkeypatch, capsys):
    def refuse(options):
        raise CannotRunError("error: cannot join the other processes: nobody there")

    monkeypatch.setattr(runner, "set_up_jax", refuse)
    assert run("--distributed") == 1
    assert capsys.readouterr().err == "error: cannot join the other processes: nobody there\n"


def test_a_missing_accelerator_costs_one_line(tmp_path):
    process = start("--out", tmp_path, "--device", "gpu")
    _, errors = process.communicate(timeout=100)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == 'no gpu found: pip install "jax[cuda13]", or --device cpu'


def test_a_second_ctrl_c_ends_a_process_that_cannot_stop():
    code = """
import hashlib
from experiments.book.interruption import interruptible
with interruptible():
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes, in which no Python handler can run
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment) as process:
        process.stdout.readline()
        time.sleep(0.5)  # until it is done with printing
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=10) == 130


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_that_python_cannot_hear_ends_the_process_in_time(sent, status):
    code = """
import hashlib
from experiments.book import interruption
interruption.SECONDS_TO_HEAR = 0.3
with interruption.interruptible(lambda: "finished runs are stored"):
    print("ready", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", 10**9)  # minutes, in which no Python handler can run
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdout=pipe, stderr=pipe, env=environment) as process:
        process.stdout.readline()
        time.sleep(0.5)  # until it is done with printing
        process.send_signal(sent)
        try:
            assert process.wait(timeout=10) == status
        finally:
            process.kill()
        assert process.stderr.read() == b"finished runs are stored\n"


def test_help_is_grouped_has_defaults_and_imports_nothing_heavy():
    shown, errors = start("--help", NO_COLOR="1").communicate(timeout=100)
    assert shown.splitlines()[-1] == "imported []", errors
    for text in (
        "configuration options",
        "run options",
        "--num-runs INT",
        "(default: 8)",
        "--fresh",
        "python -m experiments.tiny",
    ):
        assert text in shown


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_ctrl_c_and_sigterm_end_the_process_with_one_line(tmp_path, sent, status):
    process = start("--out", tmp_path, "--wait", 100, "--fresh")
    for line in process.stdout:
        if line.startswith("Ctrl-C"):  # the end of the banner: measuring starts
            break
    process.send_signal(sent)
    _, errors = process.communicate(timeout=100)
    assert process.returncode == status
    assert errors.startswith("Interrupted after")
    assert "--fresh" not in errors  # which would throw away what is to be continued
    assert errors.count("\n") == 1
    assert not stored(folder(tmp_path, wait=100.0))


def test_a_title_wider_than_its_figure_is_not_cut_and_equal_figures_give_equal_files():
    def plot(config, results):
        del config, results
        figure = plots.new_figure((2.0, 2.0))
        figure.subplots().set_title("a title that is far wider than the figure is")
        return {"wide": figure}

    files = runner.draw(plot, None, {})
    width = int.from_bytes(files["wide.png"][16:20], "big")  # of the PNG's header
    assert width > 2.0 * 150
    assert files == runner.draw(plot, None, {})

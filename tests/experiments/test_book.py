"""All experiments in one report, on two that toss coins, and the README's table of claims."""

import dataclasses
import json
import os
import re
import signal
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tiny_experiment import EXPERIMENT, Config
from tiny_experiment import claims as tiny_claims

import experiments
from experiments import __main__ as listing
from experiments import book_page, readme, report, run_folder, runner
from experiments import whole_book as book
from experiments.errata import ERRATA, Erratum

ROOT = Path(experiments.__file__).parent.parent
AGAIN = "python -m experiments all --a-word"


def other_claims(config, results):
    return [dataclasses.replace(claim, number="K001") for claim in tiny_claims(config, results)]


TINY, OTHER = EXPERIMENT, dataclasses.replace(EXPERIMENT, name="other", claims=other_claims)
BOTH = (TINY, OTHER)


@pytest.fixture
def launched(monkeypatch):
    """The names of the experiments that were run, in this process for speed; `fail[name]` is called instead."""
    launched, fail = [], {}

    def in_this_process(name, arguments, show):
        launched.append(name)
        in_this_process.arguments = arguments
        show("7 of 8 runs, [/about 1 s left")
        if name in fail:
            return fail[name]()
        experiment = next(experiment for experiment in BOTH if experiment.name == name)
        return "" if runner.main(experiment, [*arguments, "--no-progress"]) == 0 else "exit status 1"

    monkeypatch.setattr(runner, "set_up_jax", lambda devices: None)
    monkeypatch.setattr(book, "in_a_process", in_this_process)
    in_this_process.names, in_this_process.fail = launched, fail
    return in_this_process


def write(out, found=BOTH, profile="quick", **changes):
    return book.write(found, profile, out, **{"again": AGAIN, "progress": False, **changes})


def page_of(out):
    return (out / "report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """The tags, identities and addresses of a page."""

    def __init__(self, page):
        super().__init__()
        self.names, self.identities, self.addresses = set(), [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.names.add(tag)
        self.identities += [value for name, value in attributes if name == "id"]
        self.addresses += [value for name, value in attributes if name in ("src", "href")]


def test_every_claim_stands_in_one_page_with_verdict_interval_figure_and_command(launched, tmp_path, capsys):
    assert write(tmp_path) == 0
    assert launched.names == ["tiny", "other"]
    page = page_of(tmp_path)
    for name in ("tiny", "other"):
        assert f"python -m experiments.{name} --profile quick" in page
    for text in ("K999", "K001", "[0, inf]", "A coin is &lt;i&gt;fair", "2 inconclusive", 'href="#tiny-figure-tosses"'):
        assert text in page
    assert page.index('id="other"') < page.index('id="tiny"')  # the documents' claims come first
    printed = capsys.readouterr().out
    assert re.search(r"tiny +\d+\.\d s  1 inconclusive", printed)
    assert printed.endswith(f"report   {tmp_path / 'report.html'}\n")


def test_the_page_loads_nothing_escapes_everything_and_every_link_arrives(launched, tmp_path):
    write(tmp_path)
    parsed = Page(page_of(tmp_path))
    assert not parsed.names & {"script", "i", "b", "link", "iframe"}
    outside = [address for address in parsed.addresses if not address.startswith("#")]
    assert {address.split(",")[0] for address in outside} == {"data:image/svg+xml;base64"}
    assert {address.removeprefix("#") for address in parsed.addresses if address.startswith("#")} <= set(
        parsed.identities
    )
    assert len(parsed.identities) == len(set(parsed.identities))


def test_hostile_text_is_escaped_wherever_it_stands(launched, tmp_path):
    write(tmp_path, (TINY,))
    hostile = '"><script>x</script>'
    whole = book.chapter(TINY, "quick", tmp_path)
    claim = {name: hostile if isinstance(value, str) else value for name, value in whole.run.claims[0].items()}
    run = whole.run._replace(table=hostile, claims=[claim | {"estimate": "nan", "theory": None}])
    described = f"{hostile}\n\n{hostile}\n\n    {hostile}"
    chapters = [
        whole._replace(name=hostile, description=described, command=hostile, run=run, drawings={hostile: b""}),
        whole._replace(name=hostile, description=described, command=hostile, run=None, error=hostile),
    ]
    errata = [Erratum(hostile, hostile, hostile, (hostile, "K000" + hostile))]
    page = book_page.html_page(chapters, hostile, hostile, errata)
    assert "script" not in Page(page).names
    assert "&lt;script&gt;" in page


def test_what_is_finished_is_not_run_again_unless_asked_for_or_damaged(launched, tmp_path):
    write(tmp_path)
    write(tmp_path)
    assert launched.names == ["tiny", "other"]
    (run_folder.path_of(tmp_path, "other", Config()) / "claims.json").write_text("[")
    write(tmp_path)
    assert launched.names == ["tiny", "other", "other"]
    write(tmp_path, fresh=True)
    assert launched.names == ["tiny", "other", "other", "tiny", "other"]


def test_the_full_profile_is_another_book_with_other_commands(launched, tmp_path):
    write(tmp_path)
    write(tmp_path, profile="full")
    assert launched.names == ["tiny", "other", "tiny", "other"]
    assert "python -m experiments.tiny --profile full" in page_of(tmp_path)


def test_an_experiment_that_fails_is_named_and_stops_no_other(launched, tmp_path, capsys):
    launched.fail["tiny"] = lambda: "MemoryError: <none> left\nexit status 1"
    assert write(tmp_path) == 1
    page, printed = page_of(tmp_path), capsys.readouterr()
    assert "K001" in page
    assert "K999" not in page
    assert 'Failed: <a href="#tiny">tiny</a>' in page
    assert "MemoryError: &lt;none&gt; left\nexit status 1" in page
    assert "tiny failed: python -m experiments.tiny --profile quick\nMemoryError: <none> left" in printed.err
    assert re.search(r"tiny .* failed\n", printed.out)
    del launched.fail["tiny"]
    assert write(tmp_path) == 0
    assert launched.names == ["tiny", "other", "tiny"]


def test_an_experiment_without_the_profile_or_without_a_result_has_failed(launched, tmp_path):
    quick_only = dataclasses.replace(TINY, profiles={"quick": Config()})
    assert write(tmp_path, (quick_only, OTHER), "full") == 1
    assert "tiny has no profile &#x27;full&#x27;, but quick." in page_of(tmp_path)
    launched.fail["tiny"] = lambda: ""
    assert write(tmp_path, (TINY,)) == 1
    assert "ended without an error and without a finished run" in page_of(tmp_path)


def test_ctrl_c_says_so_and_what_is_finished_stays(launched, tmp_path, capsys):
    def interrupt():
        raise KeyboardInterrupt

    launched.fail["other"] = interrupt
    assert write(tmp_path) == 130
    printed = capsys.readouterr().err
    assert re.fullmatch(
        rf"Interrupted after \d+ s; 1 of 2 experiments have finished, and stay\. To go on: {AGAIN}\n", printed
    )
    assert run_folder.read(run_folder.path_of(tmp_path, "tiny", Config())) is not None
    page = page_of(tmp_path)
    assert "K999" in page
    assert 'Not run yet: <a href="#other">other</a>' in page
    del launched.fail["other"]
    assert write(tmp_path) == 0
    assert launched.names == ["tiny", "other", "other"]


def test_termination_is_told_from_ctrl_c(launched, tmp_path, capsys):
    launched.fail["tiny"] = lambda: os.kill(os.getpid(), signal.SIGTERM)
    assert write(tmp_path) == 128 + signal.SIGTERM
    assert "0 of 2 experiments have finished" in capsys.readouterr().err
    assert launched.names == ["tiny"]


def test_only_the_named_ones_are_run_and_the_report_still_covers_all(launched, tmp_path):
    assert write(tmp_path, only=["other"]) == 0
    assert launched.names == ["other"]
    assert 'Not run yet: <a href="#tiny">tiny</a>' in page_of(tmp_path)
    write(tmp_path, only=["tiny"])
    assert "Not run yet" not in page_of(tmp_path)
    assert launched.names == ["other", "tiny"]


def test_progress_is_one_display_that_says_what_is_run(launched, tmp_path, capsys, monkeypatch):
    write(tmp_path, progress=True)
    printed = capsys.readouterr().err
    assert printed.splitlines()[0] == "[1 of 2] tiny"
    assert printed.splitlines()[-1] == "[2 of 2] other  7 of 8 runs, [/about 1 s left"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "150")
    monkeypatch.setenv("TERM", "xterm")
    write(tmp_path, progress=True, fresh=True)
    printed = capsys.readouterr()
    assert "7 of 8 runs, [/about 1 s left" in printed.err
    assert "1/2" in printed.err
    assert re.search(r"tiny +\d+\.\d s  1 inconclusive", printed.out)  # not sent to the display


CHILD = """
import dataclasses, sys
from experiments import runner
from tiny_experiment import EXPERIMENT
name = sys.argv.pop(1)
raise SystemExit(runner.main(dataclasses.replace(EXPERIMENT, name=name)))
"""


@pytest.mark.thorough
def test_two_runs_of_the_whole_book_in_processes_of_their_own_give_the_same_numbers(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(book, "program", lambda name: [sys.executable, "-c", CHILD, name])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), str(Path(__file__).parent)]))
    outs = [tmp_path / "first", tmp_path / "second"]
    for out in outs:
        assert write(out, (TINY, dataclasses.replace(TINY, name="other"))) == 0, capsys.readouterr()
    first, second = (
        {str(file.relative_to(out)): file.read_bytes() for file in out.rglob("*") if file.is_file()} for out in outs
    )
    assert first.keys() == second.keys()
    assert {Path(name).name for name in first if first[name] != second[name]} <= {"manifest.json", "report.html"}
    hashes = [json.loads(first[name])["results_sha256"] for name in first if name.endswith("manifest.json")]
    assert len(hashes) == 2
    assert len(set(hashes)) == 1  # one experiment under two names


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("raise SystemExit(0)", ""),
        ("import sys; print('a word', file=sys.stderr); raise SystemExit(3)", "a word\nexit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "ended by SIGKILL"),
    ],
)
def test_how_a_process_ended_is_told(monkeypatch, code, error):
    monkeypatch.setattr(book, "program", lambda name: [sys.executable, "-c", code])
    shown = []
    assert book.in_a_process("tiny", [], shown.append) == error
    assert shown == error.splitlines()[:-1]


@pytest.mark.thorough
def test_an_interrupted_book_leaves_no_process_behind(monkeypatch):
    code = "import os, sys, time; print(os.getpid(), file=sys.stderr, flush=True); time.sleep(100)"
    monkeypatch.setattr(book, "program", lambda name: [sys.executable, "-c", code])
    numbers = []

    def interrupt(line):
        numbers.append(int(line))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        book.in_a_process("tiny", [], interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(numbers[0], 0)


def test_an_error_of_the_documents_is_shown_with_its_measurement_or_as_not_measured_yet(launched, tmp_path):
    write(tmp_path)
    chapters = [book.chapter(experiment, "quick", tmp_path) for experiment in BOTH]
    erratum = Erratum("some notes", "Coins are unfair.", "Coins are fair.", ("K001", "K002"))
    page = book_page.html_page(chapters, "quick", "command", [erratum])
    section = page[page.index('id="errata"') :]
    for text in ("some notes", "Coins are unfair.", "Coins are fair.", 'href="#other-K001"', "Too few tosses."):
        assert text in section
    assert re.findall(r"(K\d+): not measured yet", section) == ["K002"]


def test_every_error_names_a_document_and_claims_of_the_documents():
    for erratum in ERRATA:
        assert erratum.claims
        assert all(re.fullmatch(r"K\d{3}", number) for number in erratum.claims)
        assert all(len(text) > 20 for text in (erratum.document, erratum.says, erratum.correct))


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (["all", "--only", "tiny,coin"], 2, "no experiment coin; expected some of tiny, other"),
        (["all", "--profile", "slow"], 2, "choose from quick, full"),
        (["all", "--onl", "tiny"], 2, "unrecognized arguments: --onl"),
        (["every"], 2, "choose from all, readme"),
    ],
)
def test_a_bad_command_is_answered_with_what_was_expected(launched, capsys, arguments, status, words):
    with pytest.raises(SystemExit) as exit_:
        listing.main(BOTH, arguments)
    assert exit_.value.code == status
    assert words in capsys.readouterr().err.replace("'", "")
    assert not launched.names


def test_the_command_line_lists_runs_some_and_passes_options_on(launched, tmp_path, capsys):
    launched.fail["tiny"] = lambda: "exit status 1"
    given = ["--devices", "2", "--device", "cpu"]
    assert listing.main(BOTH, ["all", "--only", "tiny", "--no-progress", "--out", str(tmp_path), *given]) == 1
    assert launched.arguments == ["--profile", "quick", "--out", str(tmp_path), "--device", "cpu", "--devices", "2"]
    assert listing.main(BOTH, ["--out", str(tmp_path), "all", "--only", "other", "--fresh"]) == 0
    assert launched.names == ["tiny", "other"]
    capsys.readouterr()
    assert listing.main(BOTH, ["--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "not run yet: python -m experiments.tiny" in printed
    assert "K001 inconclusive" in printed


def test_an_output_folder_that_is_a_file_costs_one_line_and_status_2(launched, capsys):
    launched.fail |= {"tiny": lambda: "", "other": lambda: ""}
    assert listing.main(BOTH, ["all", "--no-progress", "--out", __file__]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


@pytest.fixture
def table_files(tmp_path):
    """Where the verdicts go, and a README with a place for the table."""
    (tmp_path / "README.md").write_text(f"before\n\n{readme.BEGIN}\nold\n{readme.END}\n\nafter\n")
    return {"verdicts": tmp_path / "verdicts", "readme": tmp_path / "README.md"}


def test_the_table_holds_the_claims_of_full_runs_alone_and_no_path(launched, tmp_path, table_files):
    out = tmp_path / "out"
    write(out, (TINY,), "quick")
    assert readme.write(BOTH, out, **table_files) == []
    write(out, (OTHER,), "full")
    assert readme.write(BOTH, out, **table_files) == ["other"]
    text = table_files["readme"].read_text()
    assert text.startswith(f"before\n\n{readme.BEGIN}\n\n| claim |")
    assert text.endswith(f"{readme.END}\n\nafter\n")
    assert "old" not in text
    row = r"| K001 | A coin is \<i>fair\</i>. | **inconclusive** | 0.5156, 95 % interval \[0, inf] |  | [other](other.py) |"
    estimate = json.loads((table_files["verdicts"] / "other.json").read_text())["claims"][0]["estimate"]
    assert row.replace("0.5156", report.number(estimate)) in text.splitlines()
    assert "K999" not in text
    assert "not run yet" in text
    [kept] = [file.read_text() for file in table_files["verdicts"].iterdir()]
    assert str(tmp_path) not in kept
    assert json.loads(kept)["manifest"]["command"] == "python -m experiments.other --profile full"
    assert json.loads(kept)["config"]["profile"] == "full"


def test_the_table_is_the_same_again_without_the_runs(launched, tmp_path, table_files):
    write(tmp_path / "out", profile="full")
    readme.write(BOTH, tmp_path / "out", **table_files)
    before = table_files["readme"].read_text()
    assert readme.write(BOTH, tmp_path / "nothing", **table_files) == []
    assert table_files["readme"].read_text() == before


def test_the_list_shows_the_committed_verdicts_of_what_was_not_run_here(launched, tmp_path, table_files):
    write(tmp_path, (TINY,), "full")
    readme.write((TINY,), tmp_path, **table_files)
    shown = listing.summary(TINY, tmp_path / "nothing", table_files["verdicts"]).splitlines()
    assert shown[2:] == [
        "  K999 inconclusive",
        "  full, as committed: python -m experiments.tiny --profile full",
    ]
    assert str(run_folder.path_of(tmp_path, "tiny", Config(num_runs=64))) in listing.summary(TINY, tmp_path)


def test_verdicts_of_another_configuration_are_refused(launched, tmp_path, table_files):
    write(tmp_path, (TINY,), "full")
    readme.write((TINY,), tmp_path, **table_files)
    changed = dataclasses.replace(TINY, profiles={"full": Config(num_runs=65)})
    with pytest.raises(ValueError, match=r"tiny.json holds a run with other values .* run `python -m experiments.tiny"):
        readme.table((changed,), table_files["verdicts"])


def test_a_readme_without_a_place_for_the_table_is_refused():
    for text in ("", readme.BEGIN, f"{readme.END}\n{readme.BEGIN}"):
        with pytest.raises(ValueError, match="no place for the table"):
            readme.with_table(text, "table")


def test_the_readme_carries_the_committed_verdicts():
    text = readme.README.read_text(encoding="utf-8")
    found = list(listing.experiments_in(experiments))
    assert readme.with_table(text, readme.table(found)) == text, "run `python -m experiments readme`"
    known = {f"{experiment.name}.json" for experiment in found}
    assert {path.name for path in readme.VERDICTS.glob("*") if path.name.islower()} <= known


def test_a_strangers_report_is_not_replaced(launched, tmp_path):
    (tmp_path / "report.html").write_text("<title>bees</title>")
    with pytest.raises(ValueError, match=r"report\.html is not a report of jaxdl"):
        write(tmp_path)
    assert launched.names == []
    assert page_of(tmp_path) == "<title>bees</title>"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--out", "", "all"], "out is ''"),
        (["--out", "~nobody-of-this-name/x"], "out is '~nobody"),
        (["all", "--devices", "100000"], "devices: got 100000, expected a whole number from 1 to"),
        (["all", "--devices", "0"], "devices is 0"),
    ],
)
def test_an_option_of_the_book_beyond_its_range_costs_one_line(launched, capsys, arguments, told):
    assert listing.main(BOTH, arguments) == 2
    printed = capsys.readouterr().err
    assert told in printed
    assert printed.count("\n") == 1
    assert launched.names == []


@pytest.mark.parametrize(
    "content", [b"{}", b"[]", b"null", b"\xff", b"[" * 10**5, b'{"config": 1, "manifest": 2, "claims": 3}']
)
def test_an_altered_verdict_is_told_by_name(tmp_path, content):
    (tmp_path / "tiny.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"tiny\.json"):
        readme.table([TINY], tmp_path)

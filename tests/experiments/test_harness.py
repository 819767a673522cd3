"""The book's harness, on a chapter of two claims that toss coins."""

import json
import os
import re
import runpy
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import experiments
from experiments.book import command_line, everything, find, finding, glossary, lab, notebook, page, power, readme, runs
from experiments.book.interruption import interruptible
from jaxdl import ensembles
from jaxdl.statistics import Estimate, Interval, Verdict

CLAIM = '''"""{statement}

    python -m experiments {number}

Source: <b>folklore</b> & friends.
Textbook: ESL 1.1, UDL 2.3.
Theory: One half.
Errs: "Coins are <i>fair</i>." (S9): Some are not.
Scope: Simulated coins.
See: K998 (the same coins), K997.
"""

import jax

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from jaxdl import designs, plots
from jaxdl.statistics import judge, share

BAR = 0.2
OTHER_BAR = 0.9
SIZES = {{"quick": {{"runs": 64}}, "full": {{"runs": 256, "seed": 1}}, "smallest": {{"runs": 16}}}}
CRITERION = f"The share lies between {{BAR}} and {{OTHER_BAR}}."


def toss(keys):
    return jax.random.bernoulli(keys["coin"]).astype(float)


def judged(lab: Lab) -> Finding:
    one = lab.run("tosses", toss, designs.independent(lab["runs"], "coin"))
    two = lab.run("more tosses", toss, designs.independent(lab["runs"], "coin"))
    heads = share(one.outputs > 0.5)
    return Finding(
        what="share of heads", shown=heads, verdict=judge(heads.interval, inside=(BAR, OTHER_BAR)), theory=0.5,
        reading="About <script>half</script>, variance aside.",
        tables={{"Tosses & more": {{"toss": ["first", "<second>"], "share": [heads.estimate, float(two.outputs.mean())]}}}},
        figures={{"The share of heads": plots.rows(["heads"], {{"share": Estimate_of(heads)}})}},
    )


def Estimate_of(heads):
    from jaxdl.statistics import stacked

    return stacked([heads])
'''


@pytest.fixture
def book(tmp_path, monkeypatch):
    """Runs commands on a book of one chapter, `tossing`, with the claims K998 and K999."""
    chapter = tmp_path / "chapters" / "tossing"
    chapter.mkdir(parents=True)
    (chapter / "__init__.py").write_text('"""Are coins <fair>?\n\nHeads & tails.\n"""\n')
    for number in ("k998", "k999"):
        text = CLAIM.format(statement=f"A coin <i>is</i> fair, says {number}.", number=number.upper())
        (chapter / f"{number}_coin.py").write_text(text)
    monkeypatch.setattr(experiments, "__path__", [*experiments.__path__, str(chapter.parent)])
    monkeypatch.setattr("experiments.book.working.set_up_jax", lambda _: None)
    monkeypatch.setattr(page, "ROOT", chapter.parent)
    for name in [name for name in sys.modules if name.startswith("experiments.tossing")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.chdir(tmp_path)

    def run(*words):
        return command_line.main([*words, "--no-progress"], root=chapter.parent)

    run.chapter = chapter
    run.entries = lambda: find.claims_below(chapter.parent)
    yield run
    for name in [name for name in sys.modules if name.startswith("experiments.tossing")]:
        del sys.modules[name]


def only(number):
    (folder,) = (path.parent for path in Path("results", number).glob("*/config.json"))
    return folder


def findings(number):
    return (only(number) / "finding.json").read_bytes()


# What a claim's file says.


def test_facts_are_read_from_the_file_without_importing_it(book):
    entry = book.entries()[0]
    (book.chapter / "k998_coin.py").write_text(entry.path.read_text() + "\nraise RuntimeError\n")
    entry = book.entries()[0]
    assert (entry.number, entry.chapter) == ("K998", "tossing")
    assert entry.statement == "A coin <i>is</i> fair, says k998."
    assert entry.paragraphs[1] == "    python -m experiments K998"
    assert entry.fields["Source"] == ["<b>folklore</b> & friends."]
    assert entry.errata == [find.Erratum("Coins are <i>fair</i>.", "S9", "Some are not.")]
    assert entry.constants == ["BAR", "OTHER_BAR"]
    assert entry.sizes("full") == {"seed": 1, "runs": 256}


def test_an_erratum_of_another_form_is_refused(tmp_path):
    path = tmp_path / "k1_x.py"
    path.write_text('"""Yes.\n\nErrs: no quotation marks.\n"""')
    with pytest.raises(ValueError, match=r'expected Errs: "what is said"'):
        _ = find.Entry("K1", "x", path).errata


def test_no_chapter_imports_another():
    chapters = {entry.chapter for entry in find.claims_below()}
    for path in find.ROOT.glob("*/*.py"):
        named = set(re.findall(r"^ *from experiments\.(\w+)", path.read_text(), re.MULTILINE))
        assert not named & chapters - {path.parent.name}, path


# What a verdict follows from.


@pytest.mark.parametrize(
    ("where", "elsewhere", "expected"),
    [
        ("supported", "refuted", "restricted"),
        ("supported", "supported", "supported"),
        ("supported", "inconclusive", "inconclusive"),
        ("inconclusive", "refuted", "refuted"),
        ("refuted", "supported", "refuted"),
    ],
)
def test_a_claim_is_restricted_by_both_arms_alone(where, elsewhere, expected):
    judgement = finding.restricted(Verdict(where), Verdict(elsewhere), "here")
    assert judgement.verdict == expected
    assert bool(judgement.condition) == (expected == "restricted")


def test_a_finding_cannot_be_restricted_without_its_arms_or_show_an_array():
    heads = Estimate(0.5, Interval(0.4, 0.6))
    with pytest.raises(ValueError, match="expected both arms"):
        finding.Finding(what="share", shown=heads, verdict=Verdict.RESTRICTED, reading="Half.")
    with pytest.raises(ValueError, match="expected one number"):
        finding.Finding(
            what="share", shown=Estimate(np.ones(2), Interval(0, 1)), verdict=Verdict.EXACT, reading="Half."
        )


@pytest.mark.parametrize(("estimate", "expected"), [(0.0, "supported"), (0.2, "inconclusive"), (1.0, "refuted")])
def test_equality_is_shown_within_a_margin(estimate, expected):
    from jaxdl.decomposition.derive import Derived

    measured = Derived(np.array(estimate), np.array(0.1), np.array(30.0), Interval(0, 0))
    assert finding.equivalent(measured, 0.25) == expected


def test_numbers_that_are_not_finite_and_tables_of_unequal_columns():
    assert finding.plain(np.array([1.0, np.nan])) == [1.0, "nan"]
    heads = Estimate(0.5, Interval(0.4, np.inf))
    unequal = {"t": {"a": [1, 2], "b": [1]}}
    found = finding.Finding(what="share", shown=heads, verdict=Verdict.EXACT, reading="Half.", tables=unequal)
    with pytest.raises(ValueError, match="expected one length"):
        found.to_dict()


# The command line.


def test_a_run_leaves_every_file_and_is_shown_again_without_being_computed(book, capsys, monkeypatch):
    assert book("K999") == 0
    folder = only("K999")
    names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    expected = {"config.json", "finding.json", "manifest.json", "page.html", "figures/K999-1.png", "figures/K999-1.svg"}
    assert names == expected
    first = capsys.readouterr().out
    monkeypatch.setattr(ensembles, "run", None)
    assert book("k999") == 0
    again = capsys.readouterr().out
    assert "stored; --fresh computes it again" in again
    assert first[first.index("K999   ") :] == again[again.index("K999   ") :]


def test_verdicts_come_first_and_a_chapter_has_a_page(book, capsys):
    assert book("tossing") == 0
    shown = capsys.readouterr().out
    places = [shown.index(f"{number}   supported") for number in ("K998", "K999")]
    assert places == sorted(places)
    assert max(places) < shown.index("measured:")
    text = Path("results/tossing.html").read_text()
    assert text.index('href="#K999"') < text.index('id="K998"')


def test_claims_that_ask_for_the_same_study_find_each_others_runs(book):
    assert book("K998") == 0
    stores = sorted(Path("results/blocks/tossing").iterdir())
    assert len(stores) == 2
    assert book("K999") == 0
    assert sorted(Path("results/blocks/tossing").iterdir()) == stores


def test_a_fresh_run_computes_again_and_gives_the_same_bytes(book):
    assert book("K999") == 0
    before = findings("K999")
    records = {path: path.stat().st_mtime_ns for path in Path("results/blocks").rglob("*.npz")}
    time.sleep(0.01)
    assert book("K999", "--fresh") == 0
    assert findings("K999") == before
    assert all(path.stat().st_mtime_ns != made for path, made in records.items() if path.exists())


def test_sizes_and_seeds_can_be_set_and_name_their_own_folder(book, capsys):
    assert book("K999", "--set", "runs=32", "--set", "seed=5") == 0
    assert json.loads((only("K999") / "config.json").read_bytes())["sizes"] == {"runs": 32, "seed": 5}
    assert "quick, 2 sizes changed" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["K999", "--set", "BAR=0.5"], "part of K999's criterion"),
        (["K999", "--set", "walks=5"], "expected a size: runs, seed"),
        (["K999", "--set", "runs=0"], "expected a whole number from 1"),
        (["K999", "--set", "runs=2.5"], "expected a whole number from 1"),
        (["K999", "--set", "seed=-1"], "expected a whole number from 0"),
        (["K999", "--set", "runs"], "expected NAME=VALUE"),
        (["K1"], "expected a number such as K998"),
        (["K999", "--shard", "3/2"], "expected k/K"),
        (["K999", "--shard", "1/2", "--fresh"], "remove the folder of blocks"),
        (["K999", "--judge", "--dry-run"], "expected one of them at most"),
        (["K999", "--devices", "0"], "expected 1 to 1024"),
        (["K999", "--process", "1/2"], "--coordinator HOST:PORT"),
        (["K999", "--out", ""], "expected a path"),
        (["K999", "--config", "nothing.json"], "not the config.json of a claim"),
    ],
)
def test_a_bad_command_costs_one_line_and_status_2(book, capsys, words, told):
    assert book(*words) == 2
    error = capsys.readouterr().err
    assert told in error
    assert error.count("\n") == 1
    assert not Path("results", "K999").exists()


def test_a_stored_configuration_repeats_its_run(book):
    assert book("K999", "--set", "runs=32") == 0
    before = findings("K999")
    assert book("--config", str(only("K999") / "config.json"), "--fresh") == 0
    assert findings("K999") == before


@pytest.mark.parametrize("name", ["config.json", "finding.json", "manifest.json", "page.html", "figures/K999-1.svg"])
def test_a_damaged_run_is_computed_again(book, capsys, name):
    assert book("K999") == 0
    before = findings("K999")
    (only("K999") / name).write_text("{}")
    assert book("K999") == 0
    assert "is damaged" in capsys.readouterr().err
    assert findings("K999") == before


def test_a_pipe_among_the_files_of_a_run_is_not_waited_for(book, capsys):
    assert book("K999") == 0
    path = only("K999") / "finding.json"
    path.unlink()
    os.mkfifo(path)
    assert book("K999") == 1
    assert "no regular file" in capsys.readouterr().err


def test_an_error_of_one_claim_stops_no_other(book, capsys):
    text = (book.chapter / "k998_coin.py").read_text()
    (book.chapter / "k998_coin.py").write_text(text.replace("heads = share", "1 / 0; heads = share"))
    assert book("tossing") == 1
    captured = capsys.readouterr()
    assert "ZeroDivisionError" in captured.err
    assert "K999   supported" in captured.out


def test_an_interrupted_claim_goes_on_and_finds_the_same(book, capsys, monkeypatch):
    from jaxdl.ensembles.store import Store

    write, written = Store.write, []

    def write_once(self, *arguments):
        if written:
            raise KeyboardInterrupt
        written.append(0)
        return write(self, *arguments)

    monkeypatch.setattr(Store, "write", write_once)
    assert book("K999") == 130
    assert "To continue: python -m experiments K999" in capsys.readouterr().err
    monkeypatch.setattr(Store, "write", write)
    assert book("K999") == 0
    resumed = findings("K999")
    assert book("K999", "--out", "elsewhere") == 0
    assert next(Path("elsewhere/K999").glob("*/finding.json")).read_bytes() == resumed


def test_shards_reach_every_study_and_make_the_same_finding(book, capsys):
    assert book("K999", "--out", "alone") == 0
    capsys.readouterr()
    for shard in ("1/2", "2/2"):
        assert book("K999", "--shard", shard) == 0
    told = capsys.readouterr().out
    assert re.search(r"  tosses: .*share 1 of 2 is stored", told)
    assert re.search(r"  more tosses: .*share 1 of 2 is stored", told)
    assert "all shares are there" in told
    assert book("K999") == 0
    assert findings("K999") == next(Path("alone/K999").glob("*/finding.json")).read_bytes()


def test_a_dry_run_plans_every_study_and_writes_nothing(book, capsys):
    assert book("K999", "--dry-run") == 0
    told = capsys.readouterr().out
    assert re.search(r"tossing/tosses +64 ", told)
    assert "tossing/more tosses" in told
    assert "import" in told
    assert not Path("results").exists()


def test_judging_applies_the_present_criterion_and_computes_nothing(book, capsys, monkeypatch):
    assert book("K999", "--judge") == 1
    assert "leave out --judge" in capsys.readouterr().err
    assert book("K999") == 0
    path = book.chapter / "k999_coin.py"
    path.write_text(path.read_text().replace("OTHER_BAR = 0.9", "OTHER_BAR = 0.3"))
    del sys.modules["experiments.tossing.k999_coin"]
    assert book("K999") == 0
    assert "its code has changed since, and --judge judges" in capsys.readouterr().out
    from jaxdl.ensembles.store import Store

    monkeypatch.setattr(Store, "write", None)
    assert book("K999", "--judge") == 0
    assert "K999   refuted" in capsys.readouterr().out


def test_the_list_shows_questions_and_the_latest_verdicts(book, capsys):
    assert book("K999") == 0
    capsys.readouterr()
    assert book() == 0
    told = capsys.readouterr().out
    assert "tossing: Are coins <fair>?" in told
    assert re.search(r"K998 +not run", told)
    assert re.search(r"K999 +supported", told)


def test_a_notebook_runs_from_the_clone(book, monkeypatch, capsys):
    assert book("K999", "--notebook", "--set", "runs=16") == 0
    notebook = json.loads(Path("results/K999.ipynb").read_text())
    code = "\n".join(cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code")
    Path("results/cells.py").write_text("display = print\n" + code)
    monkeypatch.chdir("results")
    monkeypatch.setattr(ensembles, "use_cpu_devices", lambda: None)
    capsys.readouterr()
    runpy.run_path("cells.py")
    told = capsys.readouterr().out
    assert "share of heads" in told
    assert "Figure" in told


def test_help_appears_at_once_and_imports_nothing_heavy():
    code = "import sys, experiments.book.command_line as c\ntry: c.main(['--help'])\nexcept SystemExit: pass\n"
    code += "print([name for name in ('jax', 'numpy', 'matplotlib', 'jaxdl') if name in sys.modules])"
    started = time.monotonic()
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.rstrip().endswith("[]")
    assert "--judge" in told
    assert time.monotonic() - started < 2  # 0.1 s on an idle machine


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_a_real_run_with_one_line(tmp_path, sent, status):
    command = [
        sys.executable,
        "-m",
        "experiments",
        "K009",
        "--set",
        "runs=200000",
        "--out",
        str(tmp_path),
        "--no-progress",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        time.sleep(1)
        process.send_signal(sent)
        _, error = process.communicate(timeout=60)
    assert process.returncode == status
    assert error.splitlines()[-1].startswith("Interrupted after")


# Pages and tables.


class Links(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.sources, self.targets, self.anchors, self.tags = [], [], set(), []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.tags.append(tag)
        self.sources += [given["src"]] if "src" in given else []
        self.targets += [given["href"]] if "href" in given else []
        if "id" in given:
            assert given["id"] not in self.anchors
            self.anchors.add(given["id"])


def test_the_book_loads_nothing_escapes_everything_and_every_link_arrives(book, monkeypatch):
    def in_this_process(chapter, arguments, show):
        show("half way")
        return "" if book(chapter, *arguments) == 0 else "failed"

    monkeypatch.setattr(everything, "in_a_process", in_this_process)
    assert book("all", "--profile", "smallest") == 0
    for path in (Path("results/book.html"), Path("results/tossing.html"), only("K999") / "page.html"):
        text = path.read_text()
        links = Links(text)
        assert all(source.startswith("data:") for source in links.sources)
        assert not {"script", "link", "i", "b"} & {*links.tags}
        for target in links.targets:
            assert target[1:] in links.anchors if target.startswith("#") else (path.parent / target).exists()
        assert {"K999", "glossary"} <= links.anchors
        assert "table" in links.tags
    text = Path("results/book.html").read_text()
    assert "Some are not." in text
    assert '<a href="#K998">K998</a> (the same coins), K997.' in text
    assert "is seen 4 times in 5" in text
    assert "UDL 2.3" in text


def test_a_failing_chapter_is_named_and_a_strangers_page_is_not_replaced(book, monkeypatch, capsys):
    monkeypatch.setattr(everything, "in_a_process", lambda *_: "no memory")
    assert book("all") == 1
    assert "tossing failed" in capsys.readouterr().err
    assert "no memory" in Path("results/book.html").read_text()
    Path("results/book.html").write_text("mine")
    assert book("all") == 2
    assert Path("results/book.html").read_text() == "mine"


def test_terms_are_linked_once_and_all_have_an_anchor():
    text = glossary.linked("variance & variance, bias²")
    assert text.count("<a ") == 2
    assert "&amp;" in text
    assert len({glossary.anchor_of(term) for term in glossary.TERMS}) == len(glossary.TERMS)
    assert {verdict.value for verdict in Verdict} == {*page.VERDICTS} <= glossary.TERMS.keys()


def test_the_readme_holds_full_runs_alone_and_refuses_other_sizes(book, tmp_path):
    assert book("K998", "--profile", "full") == 0
    assert book("K999") == 0
    verdicts, path = tmp_path / "verdicts", tmp_path / "README.md"
    path.write_text(f"before\n{readme.BEGIN}\nold\n{readme.END}\nafter\n")
    readme.write(book.entries(), Path("results"), verdicts=verdicts, path=path)
    text = path.read_text()
    assert text.startswith("before")
    assert text.endswith("after\n")
    assert "old" not in text
    assert re.search(r"\[K998\]\(tossing/k998_coin.py\) .*\*\*supported\*\*", text)
    assert re.search(r"K999.*not run yet", text)
    assert str(tmp_path) not in (verdicts / "K998.json").read_text()
    source = book.chapter / "k998_coin.py"
    source.write_text(source.read_text().replace("256", "257"))
    with pytest.raises(ValueError, match="other sizes"):
        readme.table(book.entries(), verdicts)


def test_the_readme_carries_the_committed_verdicts():
    table = readme.table(find.claims_below())
    assert table in readme.README.read_text()


def test_a_table_is_printed_to_the_second_digit_of_its_errors():
    columns = {"n": {"values": [1, 20]}, "x": {"values": [0.123456, 2.0], "errors": [0.0123, 0.0]}}
    assert list(page.lines(columns)) == ["n               x", "1   0.123 ± 0.012", "20              2"]
    small = {"x": {"values": [0.1959412, 3e-9], "errors": [6e-6, 2e-10]}}
    assert list(page.lines(small)) == ["x", "0.195941 ± 6e-06", "3e-09 ± 2e-10"]


def test_keys_depend_on_the_seed_the_chapter_and_the_study_alone():
    import jax

    def data(chapter, study, **sizes):
        return jax.random.key_data(lab.Lab(chapter, {"seed": 0, **sizes}).key(study)).tolist()

    assert data("a", "x") == data("a", "x", runs=3)
    assert len({str(data(*names)) for names in (("a", "x"), ("a", "y"), ("b", "x"))}) == 3


def test_a_file_of_a_run_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    runs.write(tmp_path / "a", "old")
    monkeypatch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("power")))
    with pytest.raises(OSError, match="power"):
        runs.write(tmp_path / "a", "new")
    assert (tmp_path / "a").read_text() == "old"


def test_signals_outside_the_main_thread_are_left_alone():
    import threading

    seen = []
    thread = threading.Thread(target=lambda: seen.append(interruptible().__enter__()))
    thread.start()
    thread.join()
    assert seen


def test_a_signal_that_arrives_in_a_finalizer_still_ends_the_process():
    code = """
import os, signal, time, weakref
from experiments.book.interruption import interruptible

class Thing: pass

with interruptible(lambda: "last words"):
    thing = Thing()
    weakref.finalize(thing, lambda: (os.kill(os.getpid(), signal.SIGINT), time.sleep(1)))
    del thing
    print("went on")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "last words\n")


def test_what_an_open_verdict_needs_follows_from_its_interval_and_its_bar():
    found = {"interval": [0.8, 1.2], "estimate": 1.0, "ends": "95 % interval", "verdict": "inconclusive"}
    told = power.of(found | {"reference": {"bar": 0.9, "chance": 0.85}})
    assert f"{(power.POWER * 0.2 / 0.1) ** 2:.2g} times the runs" in told["To settle it"]
    # A bar that the interval excludes leaves nothing open, nor does one that the estimate meets.
    for bar in (0.5, 1.0):
        assert "To settle it" not in power.of(found | {"reference": {"bar": bar}})
    assert power.of(found | {"ends": "grid", "reference": {}}) == {}


def test_the_power_of_a_t_test_is_what_it_says():
    effect, error = power.POWER * 1.96, 1.0
    seen = np.random.default_rng(0).normal(effect, error, 20_000) > 1.96
    assert abs(seen.mean() - 0.8) < 4 * np.sqrt(0.16 / 20_000) + 0.005


@pytest.mark.thorough
def test_the_notebook_of_a_chapter_that_computes_when_it_is_imported_begins(tmp_path):
    (entry,) = [each for each in find.claims_below() if each.number == "TT3"]
    cells = json.loads(notebook.write(entry, entry.sizes("smallest"), tmp_path).read_text())["cells"]
    code = next(cell["source"] for cell in cells if cell["cell_type"] == "code")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "lowest" in done.stdout or "risk" in done.stdout

"""The site: every public name is in the reference with an example, every block of code runs, and every command is there."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from docs.generator import api, blocks, claims
from experiments.book import find, readme

ROOT = Path(__file__).parents[1]
PUBLIC = api.public_names()
PAGES = [*blocks.pages(), ROOT / "README.md"]
RUN = [page for page in PAGES if not blocks.is_notebook(page) and blocks.code_of(page)]
LANGUAGES = {"python", "{code-cell}", "console", "text", "{toctree}", "{image}", "{include}"}


def named(page):
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("public", PUBLIC, ids=lambda public: public.path)
def test_every_public_name_is_documented_with_an_example(public):
    assert api.docstring_of(public)
    assert api.has_example(public)


def test_the_reference_has_every_public_name():
    pages = {module.__name__: api.page(module) for module in api.modules()}
    for public in PUBLIC:
        assert re.search(rf"^::::{{py:\w+}} {re.escape(public.path)}(\(|$)", pages[public.module], re.MULTILINE), (
            public.path
        )


def test_a_function_without_an_example_is_found():
    def bare():
        """One line."""

    bare.__module__ = "jaxdl.invented"
    assert not api.has_example(api.Public("jaxdl.invented", "bare", bare))


def test_a_docstring_keeps_its_formula_its_arguments_and_its_example():
    text = "One line of `x`.\n\n    |f| = 1\n\nArgs:\n    x: what is\n        given.\n\nReturns:\n    A number.\n\n>>> 1 + 1\n2"
    found = api.markdown(text)
    assert "```text\n|f| = 1\n```" in found
    assert "- `x`: what is given." in found
    assert "**Returns**\n\nA number." in found
    assert "```pycon\n>>> 1 + 1\n2\n```" in found


@pytest.mark.thorough
@pytest.mark.parametrize("page", RUN, ids=named)
def test_the_code_of_a_page_runs(page, tmp_path):
    """From its top to its end, in a fresh process; the build of the site runs the notebooks."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", blocks.code_of(page)],
        capture_output=True, text=True, timeout=600, check=False, cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_block_is_of_a_kind_that_is_tested_or_no_code(page):
    """Python runs, commands are checked, and `text` is what other programs read or print."""
    assert {block.language for block in blocks.blocks(page.read_text())} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_command_on_a_page_is_there(page):
    """`python -m` names a module that exists, and a claim or chapter that exists; `pip install` names an extra that exists."""
    extras = set(re.findall(r"^(\w+) = \[", (ROOT / "pyproject.toml").read_text(), re.MULTILINE))
    entries = find.claims_below()
    for block in blocks.blocks(page.read_text()):
        for line in block.code.splitlines() if block.language == "console" else ():
            assert line.startswith(("$ ", "  $ ")), line
            words = shlex.split(line.strip().removeprefix("$ "), comments=True)
            for extra in re.findall(r"\.\[(\w+)\]|jaxdl\[(\w+)\]", line):
                assert set(filter(None, extra)) <= extras
            if words[:2] == ["python", "-m"]:
                assert importlib.util.find_spec(words[2]) or words[2] == "sphinx", line
                if words[2] == "experiments" and len(words) > 3 and words[3] not in ("all", "readme"):
                    assert find.chosen([words[3]], entries)


def test_the_index_of_textbooks_leads_from_a_chapter_to_verdicts():
    entries = find.claims_below()
    page = claims.textbooks(entries, {entry.number: readme.committed(entry.number) for entry in entries})
    section = page.split("### UDL, chapter 8")[1].split("###")[0]
    assert "[K001](K001.md)" in section
    assert "{.chip .exact}" in section


@pytest.mark.parametrize("entry", find.claims_below(), ids=lambda entry: entry.number)
def test_a_page_of_the_book_has_the_claim_its_verdict_and_its_command(entry):
    known = readme.committed(entry.number)
    page = claims.claim(entry, known, set())
    assert f"({entry.number})=" in page
    assert f"python -m experiments {entry.number}" in page
    assert known is None or f".{known['verdict']}}}" in page


def test_a_claim_without_a_full_run_says_so():
    assert "No full run" in claims.claim(find.claims_below()[0], None, set())


def test_versions_agree():
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    cited = re.search(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)[1]
    changed = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)[1]
    assert version == cited == changed


def test_links_of_the_readme_to_parts_of_pages_lead_somewhere():
    for path, anchor in re.findall(r"\]\((docs/[^)#]+)#([^)]+)\)", (ROOT / "README.md").read_text()):
        heads = re.findall(r"^#+ (.+)$", (ROOT / path).read_text(), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}

"""Chapters and the whole book: each chapter in a process of its own, and one page of all finished claims.

A process of its own, so that one that crashes, or is killed for its memory, costs its own results only, and so that the numbers
on the page are those of the command printed beside them.
"""

import functools
import sys
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path

from experiments.book import find, page, runs
from experiments.book.find import Entry
from experiments.book.options import Options
from experiments.book.processes import display, in_a_process
from experiments.book.runs import Run

TITLE = "What the study documents claim, and what was measured"
PROSE = """A claim's criterion stands in its file, never in its results, and a verdict follows from intervals. A claim is
supported or refuted when its interval leaves no doubt, restricted when both arms were measured and it holds in one alone,
inconclusive when the data cannot tell, and exact when it is an identity."""


def write(entries: Sequence[Entry], profile: str, options: Options, passed: Sequence[str]) -> int:
    """Run the chapters that are not finished, and write OUT/book.html; returns the exit status."""
    assert options.out is not None
    out, started, errors = options.out, time.monotonic(), dict[str, str]()
    page.check_own(out / "book.html")
    chapters = find.chapters_of(entries)
    arguments = ["--profile", profile, "--out", str(out), *(["--fresh"] if options.fresh else []), *passed]
    try:
        with display(len(chapters), options.progress) as show:
            for place, (chapter, of_chapter) in enumerate(chapters.items()):
                begun = time.monotonic()
                if options.fresh or len(_finished(of_chapter, profile, out)) < len(of_chapter):
                    show(place, chapter, "")
                    error = in_a_process(chapter, arguments, functools.partial(show, place, chapter))
                    errors |= {chapter: error} if error else {}
                verdicts = [run.finding["verdict"] for run in _finished(of_chapter, profile, out)]
                told = ", ".join(f"{verdicts.count(each)} {each}" for each in page.VERDICTS if each in verdicts)
                print(
                    f"{chapter:18} {time.monotonic() - begun:6.1f} s  {'failed' if chapter in errors else told}",
                    flush=True,
                )
    finally:
        write_book(entries, profile, out, errors)
        print(f"\nbook     {out / 'book.html'}, after {time.monotonic() - started:.0f} s", flush=True)
        for chapter, error in errors.items():
            print(f"\n{chapter} failed: python -m experiments.{chapter} --profile {profile}\n{error}", file=sys.stderr)
    return 1 if errors else 0


def write_chapter(chapter: Path, finished: Sequence[Run], out: Path) -> Path:
    """Write OUT/CHAPTER.html."""
    path = out / f"{chapter.name}.html"
    page.check_own(path)
    question, *prose = find.question_of(chapter)
    runs.write(path, page.page(question, prose, finished, out))
    return path


def write_book(entries: Sequence[Entry], profile: str, out: Path, errors: dict[str, str]) -> None:
    """Write OUT/book.html: all finished claims of a profile, chapter by chapter, what is wrong in the sources, textbook pages."""
    parts = []
    of = {chapter: _finished(of_chapter, profile, out) for chapter, of_chapter in find.chapters_of(entries).items()}
    every = [run for finished in of.values() for run in finished]
    numbers = [run.finding["number"] for run in every]
    for chapter, of_chapter in find.chapters_of(entries).items():
        finished = of[chapter]
        question = find.question_of(of_chapter[0].path.parent)[0]
        error = (
            f'<p class="chip failed">failed</p><pre tabindex="0">{escape(errors[chapter])}</pre>'
            if chapter in errors
            else ""
        )
        missing = sorted({entry.number for entry in of_chapter} - {run.finding["number"] for run in finished})
        notes = f'<p class="label">not run yet: {", ".join(missing)}</p>' if missing else ""
        body = "".join(page.claim(run, out, numbers) for run in finished)
        parts.append(
            f'<section class="chapter" id="{chapter}">\n<h2>{escape(question)}</h2>\n{error}{notes}{body}</section>\n'
        )
    main = "".join(parts) + _errata(entries, every) + _textbooks(entries)
    notice = f"<p>Failed: {', '.join(errors)}</p>\n" if errors else ""
    runs.write(out / "book.html", page.page(TITLE, [PROSE], every, out, main=main, notice=notice))


def _finished(entries: Sequence[Entry], profile: str, out: Path) -> list[Run]:
    found = []
    for entry in entries:
        try:
            run = runs.read(runs.path_of(out, entry.number, entry.sizes(profile)))
        except (OSError, ValueError):  # a damaged run is computed again
            continue
        found += [run] if run else []
    return found


def _errata(entries: Sequence[Entry], finished: Sequence[Run]) -> str:
    verdicts = {run.finding["number"]: page.chip(run.finding["verdict"]) for run in finished}
    items = "".join(
        f"""<article>
<p class="label">{escape(erratum.document)}</p>
<p><span class="label">The document says</span><br>{escape(erratum.says)}</p>
<p class="statement"><span class="label">Correct</span><br>{escape(erratum.correct)}</p>
<p class="label">measured by <a href="#{entry.number}">{entry.number}</a> {verdicts.get(entry.number, "")}</p>
</article>
"""
        for entry in entries
        for erratum in entry.errata
    )
    return f'<section id="errata">\n<h2>Errors in the documents</h2>\n{items}</section>\n'


def _textbooks(entries: Sequence[Entry]) -> str:
    places = sorted(
        (place.strip(" ."), entry.number)
        for entry in entries
        for text in entry.fields.get("Textbook", ())
        for place in text.split(",")
    )
    items = "".join(f'<li>{escape(place)} <a href="#{number}">{number}</a></li>\n' for place, number in places)
    return f'<section id="textbooks">\n<h2>By textbook page</h2>\n<ul>\n{items}</ul>\n</section>\n'

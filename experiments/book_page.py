"""The report of all experiments: one page that reads on a screen, on a phone and on paper, and loads nothing."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from itertools import chain
from typing import Any, NamedTuple

from experiments import report
from experiments.errata import ERRATA, Erratum
from experiments.run_folder import Run

Claims = Mapping[str, tuple[str, Mapping[str, Any]]]
"""by the number of a claim: the anchor of its card, and the claim"""


class Chapter(NamedTuple):
    """One experiment: its finished run, or the error that ended it, or neither."""

    name: str
    description: str
    command: str
    run: Run | None
    drawings: Mapping[str, bytes]
    error: str = ""


def html_page(chapters: Sequence[Chapter], profile: str, command: str, errata: Sequence[Erratum] = ERRATA) -> str:
    """The whole report; every string in it is escaped."""
    chapters = sorted(chapters, key=_place)
    claims = {
        claim["number"]: (_anchor(chapter, claim), claim)
        for chapter in chapters
        if chapter.run
        for claim in chapter.run.claims
    }
    failed = [chapter.name for chapter in chapters if chapter.error]
    missing = [chapter.name for chapter in chapters if not chapter.error and not chapter.run]
    title = "What the study documents claim, and what was measured"
    return report.page(
        title,
        f"""<p class="label">jaxdl &middot; all experiments &middot; {escape(profile)}</p>
<h1>{escape(title)}</h1>
<p class="counts">{report.verdict_counts([claim for _, claim in claims.values()])}</p>
{_notice("Failed", failed)}{_notice("Not run yet", missing)}
<section class="prose">
<p>A claim's criterion and sample size stand in the code and the configuration, never in its results; an experiment whose
design was changed after a look at data says so beside its seed. A claim is <em>supported</em> or <em>refuted</em>
when its interval leaves no doubt, <em>restricted</em> when it is true under the condition stated with it and only there,
and <em>inconclusive</em> when the data cannot tell.</p>
<pre>{escape(command)}</pre>
</section>""",
        f"""<nav id="contents" aria-labelledby="contents-heading">
<h2 id="contents-heading">Contents</h2>
{"".join(_contents(chapter) for chapter in chapters)}<h3><a href="#errata">Errors in the documents</a></h3>
</nav>
{"".join(_section(chapter) for chapter in chapters)}
<section id="errata">
<h2>Errors in the documents</h2>
{"".join(_erratum(erratum, claims) for erratum in errata)}</section>""",
    )


def _place(chapter: Chapter) -> tuple[str, str]:
    """The documents' claims, K001 and so on, come first and in their order."""
    numbers = [claim["number"] for claim in chapter.run.claims] if chapter.run else []
    return min((number for number in numbers if number.startswith("K")), default="~"), chapter.name


def _anchor(chapter: Chapter, claim: Mapping[str, Any]) -> str:
    return f"{chapter.name}-{claim['number']}"


def _notice(title: str, names: Sequence[str]) -> str:
    links = ", ".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in names)
    return f"<p>{escape(title)}: {links}</p>\n" if names else ""


def _contents(chapter: Chapter) -> str:
    question, *_ = report.paragraphs_of(chapter.description)
    heading = f'<h3><a href="#{escape(chapter.name)}">{escape(question)}</a></h3>\n'
    if chapter.run is None:
        return heading + f"<p>{_state(chapter)}</p>\n"
    items = "".join(
        f'<li><a class="label" href="#{escape(_anchor(chapter, claim))}">{escape(claim["number"])}</a> '
        f"<span>{escape(claim['statement'])}</span> {report.chip(claim['verdict'])}</li>\n"
        for claim in chapter.run.claims
    )
    return f'{heading}<ol class="claims">\n{items}</ol>\n'


def _state(chapter: Chapter) -> str:
    return report.chip("failed") if chapter.error else '<span class="label">not run yet</span>'


def _section(chapter: Chapter) -> str:
    question, *paragraphs = report.paragraphs_of(chapter.description)
    heading = f"""<section id="{escape(chapter.name)}" class="chapter">
<p class="label">{escape(chapter.name)} &middot; <a href="#contents">contents</a></p>
<h2>{escape(question)}</h2>
"""
    if chapter.run is None:
        said = f'<pre tabindex="0">{escape(chapter.error)}</pre>\n' if chapter.error else ""
        return f"{heading}<p>{_state(chapter)}</p>\n<pre>{escape(chapter.command)}</pre>\n{said}</section>\n"
    links = dict(_links(chapter))
    return f"""{heading}<section class="prose">
{"".join(report.prose(text) for text in paragraphs if not text.startswith("    "))}<pre>{escape(chapter.command)}</pre>
<p class="label">{escape(report.provenance(chapter.run))}</p>
</section>
{"".join(report.figure(name, drawing, _figure(chapter, name)) for name, drawing in chapter.drawings.items())}
{"".join(report.claim_card(claim, _anchor(chapter, claim), links) for claim in chapter.run.claims)}
<details><summary>Table</summary><pre tabindex="0">{escape(chapter.run.table)}</pre></details>
<details><summary>Configuration</summary>{report.definitions(chapter.run.config["fields"])}</details>
<details><summary>How it was run</summary>{report.definitions(chapter.run.manifest)}</details>
</section>
"""


def _links(chapter: Chapter) -> Iterator[tuple[str, str]]:
    """What the card of a claim says besides the claim itself, as HTML."""
    if chapter.drawings:
        anchors = ((name, escape(_figure(chapter, name))) for name in chapter.drawings)
        yield "Figures", ", ".join(f'<a href="#{at}">{escape(report.title_of(name))}</a>' for name, at in anchors)
    yield "Command", f"<code>{escape(chapter.command)}</code>"


def _figure(chapter: Chapter, name: str) -> str:
    return f"{chapter.name}-figure-{name.removesuffix('.svg')}"


def _erratum(erratum: Erratum, claims: Claims) -> str:
    measured = "".join(chain.from_iterable(_measurement(number, claims) for number in erratum.claims))
    return f"""<article>
<p class="label">{escape(erratum.document)}</p>
<p><span class="label">The document says</span><br>{escape(erratum.says)}</p>
<p class="statement"><span class="label">Correct</span><br>{escape(erratum.correct)}</p>
{measured}</article>
"""


def _measurement(number: str, claims: Claims) -> Iterator[str]:
    if number not in claims:
        yield f'<p><span class="label">{escape(number)}: not measured yet</span></p>\n'
        return
    anchor, claim = claims[number]
    yield (
        f'<p><a class="label" href="#{escape(anchor)}">{escape(number)}</a> {report.chip(claim["verdict"])} '
        f'<span class="label">{escape(claim["statement"])}</span><br>{escape(claim["reading"])}</p>\n'
    )

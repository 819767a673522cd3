"""A finished run, shown: lines for the terminal, and one self-contained page that opens offline."""

import base64
import inspect
import math
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from experiments.run_folder import Run

STYLE = Path(__file__).with_name("report.css")
COLOURS = {"supported": "green", "refuted": "red", "restricted": "yellow", "inconclusive": "cyan"}


def show(run: Run) -> None:
    """Print the table, the claims and where the files are; colours on a terminal only, and not under NO_COLOR."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    console.print(run.table)
    for claim in run.claims:
        console.print(f"{claim['number']}  ", end="")
        console.print(claim["verdict"], style=COLOURS[claim["verdict"]])
        console.print(textwrap.indent(_wrap("\n".join(_claim_lines(claim))), "      "), end="\n\n")
    console.print(f"report   {run.folder / 'report.html'}")
    console.print(f"figures  {run.folder / 'figures'}")
    console.print(f"results  {run.folder / 'results.npz'}")


def provenance(run: Run) -> str:
    """One line: when, how long, on what and from which code."""
    made, git = run.manifest, run.manifest["git"]
    commit = [] if git is None else [f"commit {git['commit'][:10]}{' with changes' if git['dirty'] else ''}"]
    return ", ".join(
        [
            f"{run.config['experiment']} ({run.config['profile']})",
            f"finished {made['finished']} after {made['seconds']} s",
            f"{made['devices']['count']} x {made['devices']['kind']}",
            made["dtype"],
            f"jax {made['packages']['jax']}",
            *commit,
        ]
    )


def html_page(description: str, run: Run, drawings: Mapping[str, bytes]) -> str:
    """The report of one run; `drawings` maps the names of SVG files to their content. Every string in it is escaped."""
    title, *paragraphs = paragraphs_of(description)
    name, profile = run.config["experiment"], run.config["profile"]
    return page(
        f"{name}: {title}",
        f"""<p class="label">jaxdl experiment &middot; {escape(name)} &middot; {escape(profile)}</p>
<h1>{escape(title)}</h1>
<p class="counts">{verdict_counts(run.claims)}</p>""",
        f"""<section class="prose">
{"".join(prose(text) for text in paragraphs)}
</section>
{section("Figures", "".join(figure(name, drawing) for name, drawing in drawings.items()))}
{section("Table", f'<pre tabindex="0">{escape(run.table)}</pre>')}
{section("Claims", "".join(claim_card(claim) for claim in run.claims))}
{section("Configuration", definitions(run.config["fields"]))}
{section("How it was run", definitions(run.manifest))}""",
    )


def page(title: str, header: str, main: str) -> str:
    """A page that loads nothing, with the house style; `title` is escaped here, the other two are HTML."""
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{escape(title)}</title>
<style>
{STYLE.read_text(encoding="utf-8")}</style>
</head>
<body>
<header>
{header}
</header>
<main>
{main}
</main>
</body>
</html>
"""


def check_own(path: Path) -> None:
    """Raises ValueError when there is a file at `path` that is no page of this module, which must not be replaced."""
    if path.exists() and not (path.is_file() and b'class="label">jaxdl' in path.read_bytes()):
        msg = f"{path} is not a report of jaxdl and would be replaced; move it, or name another folder with --out."
        raise ValueError(msg)


def paragraphs_of(description: str) -> list[str]:
    """The paragraphs of a docstring; the first, its question, on one line."""
    question, *others = inspect.cleandoc(description).split("\n\n")
    return [" ".join(question.split()), *others]


def number(value: Any) -> str:
    """Four significant digits, also of the strings that stand for nan and infinity.

    >>> number(0.123456), number(2000), number("inf")
    ('0.1235', '2000', 'inf')
    """
    return f"{float(value):.4g}"


def estimate(claim: Mapping[str, Any]) -> str:
    """The estimate of a claim with its interval."""
    low, high = claim["interval"]
    if math.isnan(float(low)):  # a claim about a worst case, which has no interval
        return number(claim["estimate"])
    return f"{number(claim['estimate'])}, 95 % interval [{number(low)}, {number(high)}]"


def theory(claim: Mapping[str, Any]) -> str:
    """What theory says of a claim; empty when it says nothing."""
    value = "" if claim["theory"] is None else number(claim["theory"])
    return f"{value} ({claim['theory_note']})" if value and claim["theory_note"] else value or claim["theory_note"]


def _facts(claim: Mapping[str, Any]) -> dict[str, str]:
    """What a reader is told about a claim besides its statement and reading."""
    facts = {
        "Estimate": estimate(claim),
        "Theory": theory(claim),
        "Criterion": claim["criterion"],
        "Condition": claim["condition"],
        "Source": claim["source"],
    }
    return {name: text for name, text in facts.items() if text}


def _claim_lines(claim: Mapping[str, Any]) -> Iterator[str]:
    yield claim["statement"]
    yield from (f"{name.lower()}: {text}" for name, text in _facts(claim).items() if name != "Source")
    yield claim["reading"]


def _wrap(text: str) -> str:
    width = max(40, min(shutil.get_terminal_size((100, 24)).columns, 110) - 8)
    return "\n".join(textwrap.fill(line, width, subsequent_indent="  ") for line in text.splitlines())


def section(title: str, content: str) -> str:
    """A section with its heading; nothing when `content`, which is HTML, is empty."""
    return f"<section>\n<h2>{escape(title)}</h2>\n{content}\n</section>" if content else ""


def prose(text: str) -> str:
    """A paragraph of a docstring."""
    if all(line.startswith("    ") for line in text.splitlines()):  # indented throughout: a command, as in docstrings
        return f"<pre>{escape(inspect.cleandoc(text))}</pre>\n"
    return f"<p>{escape(text)}</p>\n"


def chip(verdict: str, prefix: str = "") -> str:
    """A verdict in its colour."""
    return f'<span class="chip {escape(verdict)}">{escape(prefix + verdict)}</span>'


def verdict_counts(claims: Sequence[Mapping[str, Any]]) -> str:
    """How many claims have each verdict."""
    verdicts = [claim["verdict"] for claim in claims]
    return " ".join(chip(verdict, f"{verdicts.count(verdict)} ") for verdict in COLOURS if verdict in verdicts)


def claim_card(claim: Mapping[str, Any], anchor: str = "", links: Mapping[str, str] | None = None) -> str:
    """All about a claim; `links` are further facts, whose values are HTML."""
    identity = f' id="{escape(anchor)}"' if anchor else ""
    return f"""<article{identity}>
<h3><span class="label">{escape(claim["number"])}</span> {chip(claim["verdict"])}</h3>
<p class="statement">{escape(claim["statement"])}</p>
<p>{escape(claim["reading"])}</p>
{definitions(_facts(claim), links)}
</article>
"""


def figure(name: str, drawing: bytes, anchor: str = "") -> str:
    """A drawing, named by its SVG file."""
    identity = f' id="{escape(anchor)}"' if anchor else ""
    title = escape(title_of(name))
    source = f"data:image/svg+xml;base64,{base64.b64encode(drawing).decode()}"
    return f'<figure{identity}><img src="{source}" alt="{title}"><figcaption>{title}</figcaption></figure>\n'


def title_of(name: str) -> str:
    """The words in the name of an SVG file."""
    return name.removesuffix(".svg").replace("_", " ")


def definitions(values: Mapping[str, Any], links: Mapping[str, str] | None = None) -> str:
    """A list of names and values, nested ones too; the values of `links` are HTML."""
    shown = {name: _value(value) for name, value in values.items()} | dict(links or {})
    rows = "".join(f"<dt>{escape(str(name))}</dt><dd>{value}</dd>\n" for name, value in shown.items())
    return f"<dl>\n{rows}</dl>"


def _value(value: Any) -> str:
    if isinstance(value, Mapping):
        return "<br>".join(f"{escape(str(name))} {_value(part)}" for name, part in value.items()) or "none"
    if isinstance(value, list | tuple):
        return escape(", ".join(map(str, value)))
    return "none" if value is None else escape(str(value))

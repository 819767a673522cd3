"""The words of art of the book's pages, each in a sentence or two; a page links the first use of each to its meaning."""

import re
from html import escape

TERMS = {
    "supported": "The criterion holds, by intervals that leave no doubt.",
    "refuted": "As it stands the sentence is false: the opposite of the criterion, or of a part of it, holds beyond doubt.",
    "restricted": "Supported where the condition stated with it holds, and refuted where it does not; both were measured.",
    "inconclusive": "The data say neither; more runs might.",
    "exact": "An identity or a theorem, which only a wrong program can fail: it shows that the measurement works.",
    "bias²": "Squared distance of the average prediction, over all sources of randomness, from the true mean of the labels.",
    "variance": "Mean squared distance of a prediction from the average one; split by source of randomness where it says so.",
    "noise": "Variance of the labels themselves, which no learner can predict.",
    "risk": "Expected error on a new label: for the squared error bias² + variance + noise.",
    "95 % interval": "Would hold the true value in 95 of 100 repetitions of the study, all else equal.",
    "s.e.": "Standard error: the standard deviation that the estimate has over repetitions of the study.",
    "jackknife": "Standard error of any function of the terms, by leaving out one group of runs at a time.",
    "two one-sided tests": "A test of equality within a margin: it is supported when a difference beyond the margin is rejected on "
    "both sides, so that few runs cannot pass for equality.",
    "Bonferroni": "Each of k intervals at level 1 - α/k, so that all hold together at 1 - α.",
    "Holm": "Adjusted p-values of several tests, so that a wrong rejection anywhere has the stated probability at most.",
    "Wilson": "An interval for a share, right for shares near 0 and 1 too.",
}
_ANY = re.compile(
    "|".join(rf"(?<![\w-]){re.escape(escape(term))}(?![\w-])" for term in sorted(TERMS, key=len, reverse=True))
)


def anchor_of(term: str) -> str:
    """The permanent anchor of a term."""
    return "term-" + re.sub(r"\W+", "-", term.replace("²", "-squared").replace("%", "percent")).strip("-").lower()


def linked(text: str) -> str:
    """`text` as HTML, with the first use of each term linked to the glossary."""
    seen: set[str] = set()

    def link(match: re.Match[str]) -> str:
        term = match[0]
        if term in seen:
            return term
        seen.add(term)
        return f'<a class="term" href="#{anchor_of(term)}">{term}</a>'

    return _ANY.sub(link, escape(text))


def html() -> str:
    """The glossary as a section of a page."""
    rows = "".join(f'<dt id="{anchor_of(term)}">{escape(term)}</dt><dd>{escape(TERMS[term])}</dd>\n' for term in TERMS)
    return f'<section id="glossary">\n<h2>Words</h2>\n<dl>\n{rows}</dl>\n</section>\n'

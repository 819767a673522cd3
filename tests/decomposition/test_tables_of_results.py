"""Tables of results as text, HTML and LaTeX, and the axes of their figures."""

import html
import re
from dataclasses import replace

import numpy as np
import pytest

from jaxdl import plots
from jaxdl.decomposition import Target, cross_entropy, squared_error, typesetting
from jaxdl.decomposition.table import Block, Sheet

RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def over_times():
    f = RNG.normal(size=(5, 4, 4, 6, 2))
    target = Target(labels=RNG.normal(size=(6, 2)))
    return squared_error(
        f, factors=("data", "init"), dims=("times", "points", "out"), target=target, times=(0, 1, 10, 100)
    )


@pytest.fixture(scope="module")
def three_factors():
    labels = RNG.integers(3, size=6)
    f = RNG.normal(size=(4, 3, 3, 6, 3))
    return cross_entropy(f, factors=("data", "init", "order"), dims=("points", "out"), target=Target(labels=labels))


def test_tables_fit_a_hundred_columns(over_times, three_factors):
    for result in (over_times, three_factors):
        for text in (result.table(), result.compact_table()):
            assert max(map(len, text.splitlines())) <= 100
            for estimand in result.estimands.values():
                assert estimand in re.sub(r"\n  ", " ", text)


def test_the_compact_table_has_a_row_for_each_time(over_times):
    text = over_times.compact_table(("risk", "data"))
    rows = [line.split() for line in text.splitlines() if re.match(r"\d", line)]
    assert [row[0] for row in rows] == ["0", "1", "10", "100"]
    for row, risk, error in zip(rows, over_times.risk, over_times.standard_errors["risk"], strict=True):
        assert row[1:4] == [f"{risk:.4g}", "±", f"{error:.1g}"]
    assert "variance[data] =" in text
    assert "total_variance" not in text


@pytest.mark.parametrize(
    ("terms", "message"), [("risk", "expected a sequence"), (("noise",), "got 'noise'"), ((), "sequence")]
)
def test_terms_that_are_none_are_refused(terms, message, over_times):
    with pytest.raises(ValueError, match=message):
        over_times.compact_table(terms)
    with pytest.raises(ValueError, match=message):
        plots.decomposition(over_times, terms=terms)


def test_populations_are_marked(over_times):
    table = over_times.at(time=0).table()
    marked = {line.split("*")[0] for line in table.splitlines() if re.match(r"\S+\*", line)}
    for term, population in over_times.populations.items():
        label = f"variance[{', '.join(term)}]" if isinstance(term, tuple) else term
        [first] = re.findall(r"population: (.*?);", table)
        assert (label in marked) == (population != first)


def test_a_study_of_many_runs_says_that_its_errors_come_from_groups():
    few, many = (squared_error(RNG.normal(size=(count, 5)), factors=("data",)) for count in (32, 144))
    words = "standard errors and intervals come from 32 groups of the 144 levels of data"
    assert "groups" not in few.table()
    for text in (many.table(), many.compact_table(), many._repr_html_(), many.to_latex()):
        assert words in text


def test_html_is_escaped(over_times):
    hostile = replace(over_times.at(time=0), study_notes=("<script>alert(1)</script> & more",))
    text = hostile._repr_html_()
    assert "<script>" not in text
    assert html.escape("<script>alert(1)</script> & more") in text
    assert text.count("<tr>") == 1 + len(hostile.estimates)
    assert over_times._repr_html_().count("<tr>") == 1 + 4


def test_titles_and_headings_are_escaped_in_html():
    sheet = Sheet("<a>", (Block("<b>", ("<c>", "&"), (("<d>", "1"),)),), ("<e>",))
    text = typesetting.as_html(sheet)
    for word in ("a", "b", "c", "d", "e"):
        assert f"&lt;{word}&gt;" in text
        assert f"<{word}>" not in text
    assert "<th>&amp;</th>" in text


def test_latex_has_a_row_for_each_term_and_no_bare_specials(over_times):
    text = over_times.at(time=0).to_latex()
    assert text.count(r" \\") == 1 + len(over_times.estimates)
    assert r"total\_variance" in text
    assert "²" not in text
    assert re.search(r"(?<!\\)_", text) is None
    assert over_times.to_latex(("risk",)).count(r" \\") == 1 + 4


def test_a_figure_of_times_has_the_axis_that_they_are_spread_on(over_times):
    left, right = plots.decomposition(over_times).axes
    assert left.get_xscale() == right.get_xscale() == "symlog"
    assert plots.decomposition(over_times, logarithmic=False).axes[0].get_xscale() == "linear"
    even = replace(over_times, times=np.arange(4))
    assert plots.decomposition(even).axes[0].get_xscale() == "linear"


def test_a_figure_has_the_terms_that_were_chosen(over_times):
    for result in (over_times, over_times.at(time=0)):
        left, _ = plots.decomposition(result, terms=("data", "variance[data, init]")).axes
        names = {text.get_text() for text in left.get_legend().get_texts()}
        assert names == {"variance[data]", "variance[data, init]"}


def test_a_peak_does_not_press_the_others_flat():
    f = RNG.normal(size=(20, 8, 10)) * np.where(np.arange(8) == 3, 1000, 1)[:, None]
    result = squared_error(f, factors=("data",), dims=("times", "points"), target=Target(mean=np.zeros(10), noise=1.0))
    left, _ = plots.decomposition(result).axes
    assert left.get_ylim()[1] < 100
    assert "beyond the axis: 1" in left.get_title(loc="right")

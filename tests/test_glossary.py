"""The glossary has a row for every concept of the study documents, and each row ends as something that is there."""

from collections import Counter

import pytest

from docs.generator import glossary
from experiments.book import find

ROWS = glossary.concepts()
COUNTS = {"A": 29, "B": 17, "C": 23, "D": 12, "O": 22, "L": 8, "N": 14, "G": 7, "H": 15, "P": 12}


def test_every_concept_has_one_row():
    """159 concepts, counted by their chapters in the documents."""
    assert len({row.id for row in ROWS}) == len(ROWS) == 159
    assert Counter(row.id[0] for row in ROWS) == COUNTS


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.id)
def test_a_row_ends_as_code_pointer_or_definition(row):
    assert row.name
    assert row.definition.endswith((".", ")"))
    assert bool(row.imports) == (row.kind != "word")
    if row.kind == "code":
        assert any(name.startswith("jaxdl") for name in row.imports)


@pytest.mark.parametrize("name", sorted({name for row in ROWS for name in row.imports}))
def test_every_importable_name_imports(name):
    assert glossary.imported(name) is not None


def test_every_claim_that_is_named_is_in_the_book():
    assert {number for row in ROWS for number in row.claims.split()} <= {entry.number for entry in find.claims_below()}


def test_a_name_that_is_not_there_is_refused():
    with pytest.raises(AttributeError):
        glossary.imported("jaxdl.losses.no_such_loss")

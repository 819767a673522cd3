"""Claims held against each other: committed verdicts that would contradict one another, and links that lead nowhere."""

import re

import pytest

from experiments.book import find, readme

ENTRIES = {entry.number: entry for entry in find.claims_below()}
HOLDS, FAILS = {"supported", "exact"}, {"refuted"}
NOT_BOTH = [
    # Outliers: of ten classes, and of several numbers of classes.
    ("K107", HOLDS, "HS1", FAILS),
    ("HS1", HOLDS, "K107", FAILS),
    # Networks' Hessians have outliers, whose largest eigenvalue is no edge of a bulk: its error is not bias everywhere.
    ("HV2", HOLDS, "K107", {*HOLDS, "restricted"}),
    # A ridge of fixed strength: data lower its bias, so that they help where bias dominates.
    ("K008", {"restricted", *FAILS}, "K009", HOLDS),
    # Weight decay makes zero a trap of three layers, which is a degenerate saddle or a minimum.
    ("K105", FAILS, "K024", {*HOLDS, "restricted"}),
    # The peak of random features, by one study and another.
    ("DD2", FAILS, "NS1", HOLDS),
    ("DD2", HOLDS, "NS1", FAILS),
    # The variance of initialisation vanishes with width, so that more features do not raise the variance.
    ("DD3", FAILS, "NS1", HOLDS),
    # Bias² falls with time while the variance rises: it pays to stop before the end.
    ("TT3", HOLDS, "TT2", FAILS),
    # Shuffled labels are fitted, so that large networks fit what they train on.
    ("K014", HOLDS, "K015", FAILS),
    # The parts add up for every learner, at every time and every number of features.
    ("K001", FAILS, "TT1", HOLDS),
    ("K001", FAILS, "DD1", HOLDS),
    # Indices of critical points depend on their height.
    ("CP2", HOLDS, "K104", FAILS),
    # The edge that ends growth is the one at which sharpness stays.
    ("HS4", FAILS, "HS7", HOLDS),
    # Zeros: those of an L1 penalty, and those of smaller exponents.
    ("K020", FAILS, "K022", HOLDS),
    ("K020", HOLDS, "K022", FAILS),
    # A minibatch's largest eigenvalue is too large, by the amount that is foretold.
    ("HV3", FAILS, "HV4", HOLDS),
    # The same studies: unbiased estimates, and what the other recipes add to them.
    ("CERT1", FAILS, "CERT3", HOLDS),
]


@pytest.mark.parametrize(("first", "of_first", "second", "of_second"), NOT_BOTH)
def test_no_two_verdicts_contradict_each_other(first, of_first, second, of_second):
    assert {first, second} <= ENTRIES.keys()
    records = [readme.committed(number) for number in (first, second)]
    if None in records:
        pytest.skip("one of them has no full run yet")
    assert not (records[0]["verdict"] in of_first and records[1]["verdict"] in of_second)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.number)
def test_a_claim_names_others_that_are_there(entry):
    named = [number for text in entry.fields.get("See", ()) for number in re.findall(r"\b[A-Z]+[0-9]+\b", text)]
    assert {*named} <= ENTRIES.keys() - {entry.number}

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import designs
from jaxdl.designs import keys as keys_of_designs

ROOT = jax.random.key(7)


def as_tuple(key):
    return tuple(np.asarray(jax.random.key_data(key)).tolist())


def all_keys(design):
    return [
        {name: as_tuple(key) for name, key in designs.keys_of_run(design, ROOT, run).items()}
        for run in range(design.num_runs)
    ]


def test_crossed_runs_share_exactly_the_keys_of_the_levels_they_share():
    design = designs.crossed(data=3, init=4)
    for (a, first), (b, second) in itertools.combinations(enumerate(all_keys(design)), 2):
        levels_a, levels_b = design.levels(np.array([a, b]))
        for axis, source in enumerate(design.sources):
            assert (first[source] == second[source]) == (levels_a[axis] == levels_b[axis])


def test_nested_inner_keys_are_never_shared():
    keys = all_keys(designs.nested(data=3, init=4))
    assert len({key["init"] for key in keys}) == 12
    assert len({key["data"] for key in keys}) == 3


def test_independent_runs_share_nothing():
    keys = all_keys(designs.independent(10, "data", "init"))
    assert len({key[source] for key in keys for source in ("data", "init")}) == 20


@pytest.mark.parametrize(
    ("small", "large"),
    [
        (designs.crossed(data=2, init=3), designs.crossed(data=5, init=7)),
        (designs.nested(data=2, init=3), designs.nested(data=5, init=7)),
        (designs.independent(4, "data", "init"), designs.independent(9, "data", "init")),
    ],
)
def test_growing_a_design_keeps_the_keys_of_earlier_runs(small, large):
    grown = {tuple(large.levels(np.array([run]))[0]): keys for run, keys in enumerate(all_keys(large))}
    for run, keys in enumerate(all_keys(small)):
        assert grown[tuple(small.levels(np.array([run]))[0])] == keys


def test_a_key_depends_on_its_name_and_level_only():
    alone = designs.keys_of_run(designs.crossed(init=4), ROOT, 2)["init"]
    beside = designs.keys_of_run(designs.crossed(data=3, init=4), ROOT, 6)["init"]
    assert as_tuple(alone) == as_tuple(beside)


def test_inner_sources_get_all_their_levels_at_once():
    design = designs.nested(data=3, init=4)
    levels = jnp.asarray(design.levels(np.array([4]))[0])
    inner = keys_of_designs.keys_at(design, ROOT, levels, inner=(1,))["init"]
    one_by_one = [designs.keys_of_run(design, ROOT, run)["init"] for run in range(4, 8)]
    assert [as_tuple(key) for key in inner] == [as_tuple(key) for key in one_by_one]


def test_a_design_says_what_it_identifies():
    assert designs.crossed(a=2, b=2, c=2).components == (
        ("a",), ("b",), ("c",), ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c"),
    )  # fmt: skip
    assert designs.nested(a=2, b=2, c=2).components == (("a",), ("b(a)",), ("c(a,b)",))
    assert designs.independent(2, "a", "b").components == ()
    assert designs.independent(2, "a").components == (("a",),)


@pytest.mark.parametrize(
    ("build", "told"),
    [
        (lambda: designs.crossed(), "sources: got none"),
        (lambda: designs.independent(4), "sources: got none"),
        (lambda: designs.crossed(data=0), "data=0, .* 1 or more"),
        (lambda: designs.independent(4, "a", "a"), "some of them twice"),
        (lambda: designs.independent(4, "a b"), "identifier"),
        (lambda: designs.keys_of_run(designs.crossed(a=2), ROOT, 2), "run: got 2, .* from 0 to 1"),
        (lambda: designs.tied({"init": ROOT}, order="data"), "the sources here are"),
    ],
)
def test_impossible_designs_are_refused(build, told):
    with pytest.raises(ValueError, match=told):
        build()


def test_an_unknown_source_raises_an_error_that_lists_the_known_ones():
    keys = keys_of_designs.RecordedKeys({"data": ROOT, "init": ROOT})
    with pytest.raises(ValueError, match=r"'order'.*\['data', 'init'\]"):
        keys["order"]


def test_a_tied_source_follows_another_with_a_key_of_its_own():
    keys = keys_of_designs.RecordedKeys({"init": ROOT})
    tied = designs.tied(keys, order="init", dropout="init")
    assert keys.names_read == set()
    assert len({as_tuple(tied[name]) for name in ("init", "order", "dropout")}) == 3
    assert keys.names_read == {"init"}

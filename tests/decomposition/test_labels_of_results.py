"""Twelve cases, three designs by four states of knowledge: nothing is called by a name that it does not deserve."""

import numpy as np
import pytest

from jaxdl.decomposition import Target, cross_entropy, kohavi_wolpert, squared_error, zero_one

RNG = np.random.default_rng(0)
PI = RNG.dirichlet(np.ones(3), size=6)
KNOWN = {
    "probabilities": Target(probabilities=PI),
    "single labels": Target(labels=np.eye(3)[RNG.integers(3, size=6)]),
    "replicate labels": Target(replicates=np.eye(3)[RNG.integers(3, size=(4, 6))]),
    "nothing": None,
}
COMPONENTS = {
    "independent": set(),
    "nested": {("data",), ("init(data)",)},
    "crossed": {("data",), ("init",), ("data", "init")},
}


@pytest.mark.parametrize("known", KNOWN)
@pytest.mark.parametrize("layout", COMPONENTS)
@pytest.mark.parametrize("loss", [squared_error, kohavi_wolpert, cross_entropy, zero_one], ids=lambda each: each.name)
def test_every_number_is_identified_by_what_was_known(loss, layout, known):
    from jaxdl import designs

    design = {
        "independent": designs.independent(8, "data", "init"),
        "nested": designs.nested(data=5, init=3),
        "crossed": designs.crossed(data=5, init=3),
    }[layout]
    scores = np.random.default_rng(1).normal(size=(*design.shape, 6, 3))
    result = loss(scores, design=design, target=KNOWN[known], dims=("points", "out"))
    named = {term for term in result.estimates if isinstance(term, str)}
    bias = "bias_squared" if loss in (squared_error, kohavi_wolpert) else "bias"

    assert ("noise" in named) == (known in ("probabilities", "replicate labels"))
    assert (bias in named) == (known in ("probabilities", "replicate labels"))
    assert (f"{bias}_plus_noise" in named) == (known == "single labels")
    assert ("risk" in named) == (known != "nothing")
    if loss in (squared_error, kohavi_wolpert):
        assert set(result.variance) == COMPONENTS[layout]
    if loss is cross_entropy and layout == "crossed":
        assert set(result.variance) == {("data",), ("init",), ("init(data)",), ("data(init)",)}
    if loss is zero_one:
        assert not result.variance
    for term in result.estimates:
        assert result.estimands[term]
        drawn = known in ("single labels", "replicate labels") and not (
            isinstance(term, tuple) or term == "total_variance"
        )
        if drawn and "uncertain" not in term and "share" not in term:
            assert result.populations[term] == "test points and labels drawn anew"

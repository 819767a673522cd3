"""Terms of each class are those of a study of its test points alone."""

import jax
import numpy as np
import pytest

from jaxdl import decompose, designs
from jaxdl.decomposition import (
    Target,
    bregman,
    cross_entropy,
    kohavi_wolpert,
    load,
    log_probabilities,
    potentials,
    squared_error,
    zero_one,
)  # fmt: skip
from jaxdl.ensembles import Engine

RNG = np.random.default_rng(0)
CLASSES = np.array([0, 2, 1, 1, 2, 0, 2, 2, 1, 0])
SCORES = RNG.normal(size=(6, 4, 10, 3)) + 0.5 * RNG.normal(size=(6, 1, 10, 3))
PROBABILITIES = RNG.dirichlet(np.ones(3), size=10)

STUDIES = {
    "cross-entropy": (cross_entropy, SCORES, Target(labels=CLASSES)),
    "cross-entropy, probabilities": (cross_entropy, SCORES, Target(probabilities=PROBABILITIES)),
    "0-1": (kohavi_wolpert, SCORES, Target(labels=CLASSES)),
    "Domingos": (zero_one, SCORES, Target(probabilities=PROBABILITIES)),
    "one-hot": (squared_error, SCORES, Target(labels=np.eye(3)[CLASSES])),
    "zeros and ones": (squared_error, SCORES[..., :1], Target(labels=(CLASSES > 0)[:, None])),
    "with a known noise": (kohavi_wolpert, SCORES, Target(labels=CLASSES, noise=np.linspace(0, 0.2, 10))),
    "logits": (bregman(potentials.bernoulli), SCORES[..., :1], Target(labels=(CLASSES > 0)[:, None] * 1.0)),
}
FACTORS = {"crossed": ("data", "init"), "nested": ("data", "init"), "independent": ("data",)}


def at(target, points):
    return Target(**{name: value[points] for name, value in target._asdict().items() if value is not None})


def classes_of(target):
    if target.probabilities is not None:
        return target.probabilities.argmax(-1)
    return target.labels.argmax(-1) if target.labels.shape[1:] == (3,) else target.labels.ravel().astype(int)


@pytest.mark.parametrize("design", FACTORS)
@pytest.mark.parametrize("name", STUDIES)
def test_terms_of_a_class_are_those_of_its_points(name, design):
    loss, predictions, target = STUDIES[name]
    predictions = predictions[:, 0] if design == "independent" else predictions
    options = {"factors": FACTORS[design], "nested": design == "nested", "dims": ("points", "out")}
    found = loss(predictions, target=target, **options).by_class()
    classes = classes_of(target)
    assert list(found) == np.unique(classes).tolist()
    for label, result in found.items():
        points = np.flatnonzero(classes == label)
        alone = loss(predictions[..., points, :], target=at(target, points), **options)
        for term, value in alone.estimates.items():
            np.testing.assert_allclose(result.estimates[term], value, rtol=1e-10, atol=1e-12)
            np.testing.assert_allclose(result.standard_errors[term], alone.standard_errors[term], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(
                result.per_point.estimates[term], alone.per_point.estimates[term], rtol=1e-10, atol=1e-12
            )
            is_of_moments = loss in (squared_error, kohavi_wolpert)
            if design != "nested" or not is_of_moments:  # there intervals are Student's, from the jackknife
                np.testing.assert_allclose(result.lower_ends[term], alone.lower_ends[term], rtol=1e-9, atol=1e-12)


def test_terms_of_classes_average_to_those_of_all():
    loss, predictions, target = STUDIES["cross-entropy"]
    whole = loss(predictions, factors=("data", "init"), target=target, dims=("points", "out"))
    shares = np.bincount(CLASSES) / len(CLASSES)
    for term in ("bias_plus_noise", ("data",), "total_variance", "risk"):
        parts = [result.estimates[term] for result in whole.by_class().values()]
        np.testing.assert_allclose(shares @ np.array(parts), whole.estimates[term], rtol=1e-10)


@pytest.mark.parametrize("design", [designs.crossed(data=4, init=3), designs.independent(8, "data", "init")])
def test_a_study_has_terms_of_classes_at_each_setting(design, tmp_path):
    def trial(keys, spread):
        noise = jax.random.normal(keys["data"], (10, 3)) + jax.random.normal(keys["init"], (10, 3))
        return spread * noise + jax.nn.one_hot(CLASSES, 3)

    options = {"loss": cross_entropy, "dims": ("points", "out"), "engine": Engine(progress=False)}
    result = decompose(
        trial, design, jax.random.key(0), target=Target(labels=CLASSES), settings=np.array([0.5, 2.0]), **options
    )
    result.save(tmp_path / "r")
    for each in (result, load(tmp_path / "r.npz")):
        assert each.by_class()[1].risk.shape == (2,)
        np.testing.assert_array_equal(each.at(setting=1).by_class()[2].risk, result.by_class()[2].risk[1])
        assert each.by_class().table() == result.by_class().table()
    rows = [line.split() for line in result.by_class().table(("risk",)).splitlines() if line[:1].isdigit()]
    assert [row[:3] for row in rows] == [[c, n, s] for c, n in ("03", "13", "24") for s in ("0.5", "2")]
    assert max(map(len, result.by_class().table().splitlines())) <= 100


def test_labels_that_are_no_classes_have_none():
    result = squared_error(RNG.normal(size=(5, 8)), factors=("data",), target=Target(labels=RNG.normal(size=8)))
    with pytest.raises(ValueError, match="expected labels that are classes"):
        result.by_class()


def test_a_class_with_one_point_has_no_error_over_labels():
    logits = log_probabilities(RNG.dirichlet(np.ones(2), size=(20, 3)))
    target = Target(labels=np.array([0, 0, 1]))
    result = cross_entropy(logits, factors=("data",), target=target, dims=("points", "out")).by_class()[1]
    assert np.isnan(result.standard_errors["risk"])
    assert np.isfinite(result.standard_errors["total_variance"])

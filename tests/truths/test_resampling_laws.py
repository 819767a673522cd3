"""The laws of resampling the mean of 20 labels: their published values, and our estimates against them."""

import jax
import numpy as np
import pytest

from jaxdl import truths
from jaxdl.truths import resampling_laws

KEY = jax.random.key(11)
PUBLISHED = {  # variance over draws, what they call bias² plus noise, risk
    "bootstrap": (resampling_laws.bootstrap_law(), (0.0475, 1.05, 1.0975)),
    "5 of 20": (resampling_laws.subsample_law(num_kept=5), (0.15, 1.05, 1.2)),
    "10 of 20": (resampling_laws.subsample_law(num_kept=10), (0.05, 1.05, 1.1)),
    "15 of 20": (resampling_laws.subsample_law(num_kept=15), (1 / 60, 1.05, 1.05 + 1 / 60)),
    "4 parts": (resampling_laws.disjoint_law(num_parts=4), (0.2, 1.0, 1.2)),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_laws_have_the_published_values(name):
    (_, exact), values = PUBLISHED[name]
    found = [exact["total_variance"], exact["bias_squared"] + exact["noise"], exact["risk"]]
    np.testing.assert_allclose(found, values, rtol=1e-12)
    np.testing.assert_allclose(exact["draw",], exact["total_variance"])


@pytest.mark.thorough
@pytest.mark.parametrize("name", PUBLISHED)
def test_our_estimates_agree_with_the_law(name):
    card = truths.certify([PUBLISHED[name][0]], KEY, num_seeds=40)
    assert card.passed, str(card)


def test_noise_scales_every_term():
    (_, one), (_, other) = resampling_laws.bootstrap_law(), resampling_laws.bootstrap_law(noise_std=3.0)
    for term in one:
        np.testing.assert_allclose(other[term], 9 * one[term], rtol=1e-12)


def test_draws_are_not_fresh_sets():
    """Whoever reads a subsample of 15 as 15 fresh examples expects 1/15, four times too much."""
    study, exact = PUBLISHED["15 of 20"][0]
    card = truths.certify([(study, {**exact, "total_variance": np.asarray(1 / 15)})], KEY, num_seeds=40)
    assert not card.passed


@pytest.mark.thorough
def test_each_key_has_a_data_set_of_its_own_and_all_its_draws_come_from_it():
    study, _ = resampling_laws.subsample_law(num_kept=19, num_draws=300)
    one, other = study.predictions(KEY), study.predictions(jax.random.key(12))
    assert len(np.unique(one.round(6))) <= 20  # leaving out one row of 20
    assert not np.isin(other.round(6), one.round(6)).any()


@pytest.mark.parametrize(
    "make",
    [
        lambda: resampling_laws.subsample_law(num_kept=20),
        lambda: resampling_laws.subsample_law(num_kept=0),
        lambda: resampling_laws.disjoint_law(num_parts=21),
    ],
)
def test_sizes_without_a_law_are_refused(make):
    with pytest.raises(ValueError, match="of num_examples=20, expected"):
        make()

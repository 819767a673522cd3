"""For the sample mean, every number of a triangulation is known given the data set: laws are exact there, not to first order."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import triangulate
from jaxdl.types import Dataset

KEY = jax.random.key(3)
NUM_EXAMPLES, LABEL = 40, 0.1
LABELS = np.random.default_rng(1).normal(size=(NUM_EXAMPLES, 1))
DATASET = Dataset(jnp.zeros((NUM_EXAMPLES, 1)), jnp.asarray(LABELS), jnp.ones(NUM_EXAMPLES))
# One label everywhere: standard errors are those of draws alone.
POINTS = {"x_test": jnp.zeros((3, 1)), "y_test": jnp.full((3, 1), LABEL)}


def sample_mean(keys, dataset):
    offset = 0 * jax.random.normal(keys["init"], (1,))
    return {"mean": jnp.average(dataset.y, axis=0, weights=dataset.weight) + offset}


def predict(variables, x):
    return jnp.broadcast_to(variables["mean"][None, :], (len(x), 1))


@pytest.fixture(scope="module")
def rows():
    found = triangulate(sample_mean, DATASET, KEY, predict=predict, **POINTS, num_runs=400, held=("init",))
    return {(row.scheme, row.term): row for row in found.rows} | {"table": str(found)}


SPREAD = LABELS.var(ddof=1)
AT_MEAN = (LABELS.mean() - LABEL) ** 2
OTHERS = (LABELS.sum() - LABELS[:, 0]) / (NUM_EXAMPLES - 1)  # the centre of the draws that leave a row out
OTHERS_SPREAD = np.mean([np.delete(LABELS, row).var() for row in range(NUM_EXAMPLES)]) / NUM_EXAMPLES
KNOWN = {  # scheme -> (sizes, variance at that size, bias² + noise), given the data set
    "bootstrap": ((40, 40), SPREAD / 40, AT_MEAN - SPREAD / 40),
    "half-sampling": ((40, 20), SPREAD / 40, AT_MEAN - SPREAD / 40),
    "subsampling": ((10, 10), SPREAD / 10, AT_MEAN - SPREAD / 40),
    "disjoint parts": ((10, 10), SPREAD / 10, AT_MEAN - SPREAD / 40),
    "out-of-bag": (
        (40, 40),
        39 / 38 * OTHERS_SPREAD,
        np.mean((OTHERS - LABELS[:, 0]) ** 2) - 40 / 38 * OTHERS_SPREAD,
    ),
}


@pytest.mark.parametrize("scheme", KNOWN)
def test_the_sample_mean_has_the_numbers_of_its_law(scheme, rows):
    sizes, *known = KNOWN[scheme]
    found = [rows[scheme, term] for term in ("variance", "bias_squared_plus_noise")]
    assert tuple(row.training_size for row in found) == sizes
    for row, value in zip(found, known, strict=True):
        assert abs(row.estimate - value) < 4 * row.standard_error
        assert row.standard_error > 0


def test_what_is_read_at_one_size_by_two_schemes_agrees(rows):
    for one, other in (("bootstrap", "half-sampling"), ("subsampling", "disjoint parts")):
        first, second = rows[one, "variance"], rows[other, "variance"]
        assert first.training_size == second.training_size
        assert abs(first.estimate - second.estimate) < 4 * np.hypot(first.standard_error, second.standard_error)


def test_every_row_says_how_it_follows_from_the_draws(rows):
    factors = {
        "bootstrap": 40 / 39,
        "half-sampling": 1,
        "subsampling": 4 / 3,
        "disjoint parts": 1,
        "out-of-bag": 39 / 38,
    }
    excess = {
        "bootstrap": 40 / 39,
        "half-sampling": 1,
        "subsampling": 1 / 3,
        "disjoint parts": 0,
        "out-of-bag": 40 / 38,
    }
    for scheme in KNOWN:
        variance, together = rows[scheme, "variance"], rows[scheme, "bias_squared_plus_noise"]
        np.testing.assert_allclose(variance.estimate, factors[scheme] * variance.over_draws, rtol=1e-12)
        np.testing.assert_allclose(
            together.estimate, together.over_draws - excess[scheme] * variance.over_draws, rtol=1e-12
        )
        assert variance.law == ("V" if factors[scheme] == 1 else f"{factors[scheme]:.4g} V")
        assert together.law.startswith("B")


def test_every_row_says_what_it_is_conditional_on_and_estimates(rows):
    for scheme in KNOWN:
        for term in ("variance", "bias_squared_plus_noise"):
            row = rows[scheme, term]
            assert ("this data set" in row.conditional_on) == (scheme != "disjoint parts")
            assert ("these test points" in row.conditional_on) == (term == "variance")
            assert "one level of init" in row.conditional_on
            assert f"{row.training_size} fresh examples" in row.estimand


def test_bias_squared_plus_noise_is_never_printed_as_bias(rows):
    table = rows["table"]
    assert len(table.splitlines()) == 2 + 2 * len(KNOWN) + 3
    assert table.count("bias_squared") == table.count("bias_squared_plus_noise") == len(KNOWN)
    assert table.count("bias²") == table.count("bias² and noise together") + table.count("bias² + noise")


def test_a_source_that_is_not_held_is_named():
    with pytest.raises(ValueError, match=r"reads the source 'init'; name it in held=\('init',\)"):
        triangulate(sample_mean, DATASET, KEY, predict=predict, **POINTS)


@pytest.mark.thorough
def test_rows_of_weight_zero_are_never_drawn_and_not_counted():
    """Padding with nonsense changes nothing: the numbers are those of the data set without it, bit for bit."""
    nonsense = zip(DATASET, (7.0, 1e6, 0.0), strict=True)
    padded = Dataset(*(jnp.insert(field, jnp.array([3, 16, 40, 40]), value, axis=0) for field, value in nonsense))
    assert len(padded.x) == 44
    options = {"num_runs": 60, "held": ("init",)}
    found = triangulate(sample_mean, padded, KEY, predict=predict, **POINTS, **options)
    assert found == triangulate(sample_mean, DATASET, KEY, predict=predict, **POINTS, **options)
    assert found.rows[0].training_size == 40


def exploding(at_least):
    """A mean that diverges when row 0 comes up so often: never twice without replacement."""

    def learner(keys, dataset):
        mean = jnp.average(dataset.y, axis=0, weights=dataset.weight)
        count = jnp.sum(jnp.where(dataset.y[:, 0] == LABELS[0, 0], dataset.weight, 0))
        return {"mean": jnp.where(count >= at_least, jnp.inf, mean)}

    return learner


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:.* diverged.* kept as they are")
def test_a_scheme_that_diverges_is_named_and_the_others_are_reported():
    with pytest.warns(UserWarning, match="out-of-bag: .* nan"), pytest.warns(UserWarning, match="bootstrap: .* nan"):
        found = triangulate(exploding(2), DATASET, KEY, predict=predict, **POINTS, num_runs=60)
    for row in found.rows:
        lost = row.scheme in ("bootstrap", "out-of-bag")
        assert np.isnan(row.estimate) == np.isnan(row.standard_error) == np.isnan(row.over_draws) == lost
    assert [note.partition(":")[0] for note in found.notes] == ["bootstrap", "out-of-bag"]
    assert "note: bootstrap: " in str(found)


@pytest.mark.thorough
def test_a_few_diverged_runs_are_left_out_and_noted():
    with pytest.warns(UserWarning, match="diverged"):
        found = triangulate(exploding(4), DATASET, KEY, predict=predict, **POINTS, num_runs=200)
    assert np.isfinite([row.estimate for row in found.rows]).all()
    assert [note.partition(" left out")[0] for note in found.notes] == [
        f"{scheme}: conditional on convergence:" for scheme in ("bootstrap", "out-of-bag")
    ]


@pytest.mark.parametrize(
    ("points", "options", "message"),
    [
        (
            POINTS | {"y_test": POINTS["y_test"][:, 0]},
            {},
            r"y_test: got shape \(3,\), expected .*a column by \[:, None\]",
        ),
        (POINTS | {"y_test": POINTS["y_test"][:2]}, {}, "y_test: got 2 rows, expected 3"),
        (
            POINTS,
            {"num_parts": 2},
            "num_parts: got 2, expected a whole number from 3 to 20; there are 40 examples",
        ),
        (POINTS, {"num_parts": 21}, "num_parts: got 21"),
        (POINTS, {"num_runs": 20}, "num_runs: got 20, expected a whole number of 50 or more"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(points, options, message, unchecked):
    with pytest.raises(ValueError, match=message):
        triangulate(sample_mean, DATASET, KEY, predict=predict, **points, **options)


def test_negative_weights_are_refused():
    dataset = DATASET._replace(weight=DATASET.weight.at[0].set(-1))
    with pytest.raises(ValueError, match=r"dataset: weight: got .* -1.0 in row 0"):
        triangulate(sample_mean, dataset, KEY, predict=predict, **POINTS)

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import bias_variance, bias_variance_claims, bias_variance_classes
from experiments.bias_variance import Config
from experiments.runner import Options
from jaxdl import losses, models, objectives
from jaxdl.types import Dataset

pytestmark = pytest.mark.thorough

SMALLEST = Config(
    num_runs=80, num_points=20, widths=(1, 2), num_datasets=3, num_inits=3, num_digits=20, num_steps=2, num_classifiers=24
)  # fmt: skip


@pytest.fixture(scope="module")
def results():
    found = bias_variance.measure(SMALLEST, Options(progress=False))
    return {name: np.asarray(values) for name, values in found.items()}


def test_measured_terms_agree_with_the_exact_ones(results):
    for column, term in enumerate(("bias_squared", "total_variance")):
        estimate, error = results[f"capacity.{term}"][:2]
        exact = results["capacity.exact"][:, column]
        assert (np.abs(estimate - exact) < 4 * error).all()


def test_every_claim_gets_a_verdict(results):
    claims = bias_variance_claims.claims(SMALLEST, results)
    assert [claim.number for claim in claims] == ["K001", "K002", "K003", "K004", "K005", "K006", "K007"]
    assert all(np.isfinite(claim.estimate) for claim in claims)


def test_a_claim_can_be_refuted(results):
    """Risks that are too large by a tenth are no sum of their parts."""
    wrong = results | {"ridge.test": results["ridge.test"] * 1.1 + 0.1}
    assert bias_variance_claims.claims(SMALLEST, wrong)[0].verdict == "refuted"


@pytest.mark.parametrize("study", bias_variance_classes.STUDIES)
def test_the_risk_of_classifiers_is_the_sum_of_its_parts(results, study):
    differences = results[f"{study}.differences"]
    assert (differences < list(bias_variance_classes.LOSSES.values())).all(), differences


@pytest.mark.parametrize("loss", range(3))
def test_a_sum_of_parts_that_misses_the_risk_is_refuted(results, loss):
    wrong = results["moons.differences"].copy()
    wrong[loss] = 2e-6
    claim = bias_variance_claims.claims(SMALLEST, results | {"moons.differences": wrong})[-1]
    assert claim.verdict == "refuted"


@pytest.mark.parametrize(("effect", "verdict"), [(-0.01, "restricted"), (0.01, "supported")])
def test_the_sums_are_restricted_exactly_where_variance_lowers_the_error(results, effect, verdict):
    changed = {f"{study}.effects": np.full((2, 12), effect) for study in bias_variance_classes.STUDIES}
    assert bias_variance_claims.claims(SMALLEST, results | changed)[-1].verdict == verdict


def test_variance_changes_the_error_as_domingos_says(results):
    """On digits the label is the best class: where the main prediction is wrong, variance cannot but help, else it cannot."""
    change = results["digits classes.change"]
    is_right, is_wrong = results["digits classes.chosen"]
    assert is_right.any()
    assert (change[is_right] >= 0).all()
    assert (change[is_wrong] <= 0).all()
    effects = results["digits classes.effects"].mean(axis=1)
    np.testing.assert_allclose(effects, [np.mean(change * each) for each in (is_right, is_wrong)], atol=1e-12)


def test_tables_and_figures_are_drawn_from_stored_results(results):
    assert len(bias_variance.tables(SMALLEST, results).splitlines()) > 20
    assert set(bias_variance.plot(SMALLEST, results)) == {"capacity", "classes"}


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_runs": 100},
        {"widths": (8,)},
        {"widths": (4, 2)},
        {"seed": -1},
        {"noise_std": float("nan")},
        {"num_digits": 0},
    ],
)
def test_configurations_that_cannot_be_measured_are_refused(arguments):
    with pytest.raises(ValueError, match="expected"):
        Config(**arguments)


def test_a_network_of_traced_width_trains_like_a_narrow_one():
    """Silent units feel no gradient."""
    wide, narrow = models.mlp_of_width(8, 3, 2), models.mlp_of_width(3, 3, 2)
    x = jax.random.normal(jax.random.key(0), (5, 4))
    data = Dataset(x, jnp.ones((5, 2)), jnp.ones(5))
    params = wide.init(jax.random.key(1), x)["params"]
    cut = {
        "hidden": (params["hidden"][0][:, :3], params["hidden"][1][:3]),
        "output": (params["output"][0][:3], params["output"][1]),
    }
    gradients = [
        jax.grad(
            lambda p, model=model: objectives.empirical_risk(model, losses.squared_error)({"params": p}, data, None)[0]
        )(p)
        for model, p in ((wide, params), (narrow, cut))
    ]
    np.testing.assert_allclose(gradients[0]["hidden"][0][:, :3], gradients[1]["hidden"][0], rtol=1e-10)
    np.testing.assert_allclose(gradients[0]["output"][0][:3], gradients[1]["output"][0], rtol=1e-10)
    assert (gradients[0]["hidden"][0][:, 3:] == 0).all()
    assert (gradients[0]["output"][0][3:] == 0).all()

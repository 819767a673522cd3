"""What the claims about critical points share: matrices, the autoencoder, spins, networks, and saddles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.book.lab import Lab
from experiments.critical_points import autoencoder, classifiers, matrices, networks, saddles, searches, shares, spins
from experiments.critical_points.k103_positive_matrices_are_rare import EXACT, OF_FIELDS
from jaxdl import curvature, designs
from jaxdl.curvature.critical import Kind


def lab_of(**sizes):
    return Lab("critical_points", {"seed": 0} | sizes)


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def test_the_eigenvalues_show_every_analytic_case_and_the_diagonal_does_not():
    truth, by_eigenvalues, by_diagonal = matrices.analytic_kinds()
    assert by_eigenvalues == truth
    assert by_diagonal != truth


def test_the_exact_shares_of_positive_matrices_are_measured():
    counts = matrices.positive(lab_of(blocks=1)).outputs["positive"][0]
    for count, exact in zip(counts, EXACT, strict=False):
        error = np.sqrt(exact * (1 - exact) / matrices.BLOCK)
        assert abs(count / matrices.BLOCK - exact) < 4 * error


def test_matrices_are_positive_where_their_eigenvalues_are(key):
    drawn = np.asarray(jax.random.normal(key, (500, 4, 4)))
    drawn = drawn + drawn.transpose(0, 2, 1) + 2 * np.eye(4)
    expected = [(np.linalg.eigvalsh(drawn[:, :n, :n]) > 0).all(axis=1) for n in range(1, 5)]
    np.testing.assert_array_equal(matrices.is_positive(jnp.array(drawn)), expected)


def test_minima_of_random_fields_have_their_exact_shares():
    sums = matrices.of_fields(lab_of(blocks=6)).outputs
    for size, exact in enumerate(OF_FIELDS):
        found = shares.jackknifed(lambda a, n=size: shares.share(a, n), [sums["all"], sums["minima"]])
        assert abs(found.estimate - exact) < 5 * found.standard_error


def test_the_jackknife_of_a_mean_is_its_standard_error():
    counts = np.random.default_rng(0).poisson(40, size=(30, 2)).astype(float)
    found = shares.jackknifed(lambda a: a[1][0] / a[0][0], [np.full_like(counts, 100.0), counts])
    np.testing.assert_allclose(found.standard_error, counts[:, 0].std(ddof=1) / np.sqrt(30) / 100)


def test_all_classes_of_the_autoencoder_have_losses_of_their_own():
    found = np.array(autoencoder.classes((3.0, 2.688, 2.037, 1.468, 1.08, 0.733, 0.544, 0.366), 3))
    assert len(found) == 1 + 8 + 28 + 56  # sets of at most three of eight eigenvectors
    assert np.diff(np.sort(found[:, 0])).min() > 1e-3


def test_the_least_class_of_an_autoencoder_keeps_the_largest_eigenvectors_and_its_loss_is_reached_there():
    eigenvalues = (3.0, 2.0, 0.5)
    kept = {"encoder": jnp.eye(3)[:2], "decoder": jnp.eye(3)[:, :2]}
    assert min(autoencoder.classes(eigenvalues, 2)) == (0.25, 0)
    assert autoencoder.loss_of(jnp.array(eigenvalues))(kept) == pytest.approx(0.25)


@pytest.mark.thorough
def test_the_index_of_the_lagrangian_is_one_more_than_that_on_the_sphere(key):
    """Bordering a Hessian by the constraint's gradient adds one eigenvalue of either sign (Haynsworth, 1968)."""
    key_couplings, key_starts = jax.random.split(key)
    loss = spins.lagrangian(jax.random.normal(key_couplings, (6, 6, 6)))
    x = jax.random.normal(key_starts, (40, 6))
    starts = {"x": x * (6**0.5 / jnp.linalg.norm(x, axis=1))[:, None], "multiplier": jnp.zeros(40)}
    found = jax.jit(lambda starts: curvature.critical_points(loss, starts))(starts)
    critical = np.flatnonzero(np.asarray(found.kind) == Kind.SADDLE)
    assert len(critical) > 5
    hessians = jax.jit(jax.vmap(lambda x, m: jax.hessian(lambda x: loss({"x": x, "multiplier": m}))(x)))(
        found.params["x"], found.params["multiplier"]
    )
    for start in critical:
        x = np.asarray(found.params["x"][start])
        np.testing.assert_allclose(x @ x, 6, rtol=1e-9)
        tangent = np.linalg.svd(x[None])[2][1:]
        on_the_sphere = np.linalg.eigvalsh(tangent @ hessians[start] @ tangent.T)
        assert found.inertia[start, 0] - 1 == (on_the_sphere < 0).sum()


def test_the_predicted_index_is_the_semicircles_mass_below_zero():
    energies = np.array([-3.0, -0.5, 0.0, 0.7, 3.0])
    edges = np.linspace(-2, 2, 100_001)
    density = np.sqrt(4 - edges**2) / (2 * np.pi)
    expected = [np.trapezoid(np.where(edges < 3 * u / np.sqrt(6), density, 0), edges) for u in energies]
    np.testing.assert_allclose(spins.predicted_index(energies), expected, atol=1e-4)


def test_a_network_and_its_canonical_form_are_one_function(key):
    w = networks.random_networks(key, (), 0.0, 0.0)
    task = networks.random_task(key)
    canonical = networks.canonical(w)
    assert (canonical["out"] >= 0).all()
    assert (jnp.diff(canonical["out"]) >= 0).all()
    np.testing.assert_allclose(networks.risk(canonical, task, 1e-3), networks.risk(w, task, 1e-3), rtol=1e-12)
    order, signs = np.array([2, 0, 4, 3, 1]), np.array([1.0, -1.0, -1.0, 1.0, -1.0])
    image = {
        "in": (w["in"] * signs[None])[:, order],
        "bias": (w["bias"] * signs)[order],
        "out": (w["out"] * signs)[order],
        "offset": w["offset"],
    }
    for got, expected in zip(*(jax.tree.leaves(networks.canonical(v)) for v in (image, w)), strict=True):
        np.testing.assert_array_equal(got, expected)


def test_steps_to_leave_grow_with_the_logarithm_at_strict_saddles_and_with_the_inverse_at_degenerate_ones():
    outputs = saddles.escapes(lab_of(runs=8), 4000).outputs
    assert (outputs["on the manifold"] == 4000).all()
    # While |y| is small, y grows by the factor 1 + step size rate: ln(100) / ln(1 + step size rate) steps for each two decades.
    steps = -np.diff(outputs["strict"][:, :, -1], axis=1)
    np.testing.assert_allclose(steps, np.log(100) / np.log1p(saddles.STEP_SIZE), atol=1)
    assert (outputs["degenerate"][:, np.array(saddles.OFFSETS) <= 1e-4] == 4000).all()
    times = saddles.leaving_times(
        lambda w: -(w**2), jnp.array([[0.01], [0.02]]), lambda w: w[:, 0] > 0.5, jax.random.key(0), 0.0, 4000
    )
    # dw/dt = w² leaves 1/w at the rate of one; a discrete step is behind by less than the logarithm of the growth.
    np.testing.assert_allclose(saddles.STEP_SIZE * times, [1 / 0.01 - 2, 1 / 0.02 - 2], atol=1)


def test_losses_within_the_range_of_both_are_kept():
    values, others = np.array([0.1, 0.3, 0.5]), np.array([0.2, 0.4, 0.9])
    np.testing.assert_array_equal(searches.within(values, others), [False, True, True])
    np.testing.assert_array_equal(searches.within(others, values), [True, True, False])
    assert not searches.within(values, np.array([])).any()


@pytest.mark.thorough
def test_overlaps_are_shares_and_the_classes_span_ten_directions():
    outputs = (
        lab_of().run("digits", classifiers.trial_of(False), designs.independent(1, "data", "init"), block=1).outputs
    )
    assert (outputs["overlap"] >= -1e-12).all()
    np.testing.assert_allclose(outputs["overlap"].sum(axis=-1), classifiers.CLASSES)
    assert (np.diff(outputs["values"], axis=-1) <= 0).all()

"""Critical points against surfaces and networks whose critical points are all known."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.curvature import critical_points
from jaxdl.curvature.critical import Kind, completeness, critical_point, distinct, escape_directions


def rosenbrock(w):
    return (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2


def himmelblau(w):
    return (w[0] ** 2 + w[1] - 11) ** 2 + (w[0] + w[1] ** 2 - 7) ** 2


def six_hump_camel(w):
    x, y = w
    return (4 - 2.1 * x**2 + x**4 / 3) * x**2 + x * y + (4 * y**2 - 4) * y**2


def muller_brown(w):
    height, a = jnp.array([-200.0, -100.0, -170.0, 15.0]), jnp.array([-1.0, -1.0, -6.5, 0.7])
    b, c = jnp.array([0.0, 0.0, 11.0, 0.6]), jnp.array([-10.0, -10.0, -6.5, 0.7])
    x, y = w[0] - jnp.array([1.0, 0.0, -0.5, -1.0]), w[1] - jnp.array([0.0, 0.5, 1.5, 1.0])
    return jnp.sum(height * jnp.exp(a * x**2 + b * x * y + c * y**2))


def monkey_saddle(w):
    return w[0] ** 3 - 3 * w[0] * w[1] ** 2


# name: surface, centre and half-width of the starts, numbers of minima, saddles and maxima, some values in order
SURFACES = {
    "rosenbrock": (rosenbrock, (0.0, 0.0), (2.0, 2.0), (1, 0, 0), [0.0]),
    "himmelblau": (
        himmelblau, (0.0, 0.0), (6.0, 6.0), (4, 4, 1), [0.0] * 4 + [13.3119, 67.7192, 104.0152, 178.3372, 181.6165],
    ),
    "six_hump_camel": (six_hump_camel, (0.0, 0.0), (2.5, 2.5), (6, 7, 2), [-1.0316284535] * 2),
    "muller_brown": (
        muller_brown, (-0.25, 0.75), (1.5, 1.25), (3, 2, 0), [-146.6995, -108.1667, -80.7678, -72.2489, -40.6648],
    ),
}  # fmt: skip
IS_COERCIVE = {"rosenbrock", "himmelblau", "six_hump_camel"}


@pytest.fixture(scope="module", params=SURFACES)
def searched(request):
    surface, centre, width, *_ = SURFACES[request.param]
    uniform = jax.random.uniform(jax.random.key(1), (300, 2), minval=-1, maxval=1)
    starts = jnp.array(centre)[None] + uniform * jnp.array(width)[None]
    return request.param, jax.jit(lambda starts: critical_points(surface, starts, radius=10.0))(starts)


def test_all_critical_points_of_a_classical_surface_are_found(searched):
    name, found = searched
    *_, counts, values = SURFACES[name]
    points = distinct(found).points
    assert tuple(np.bincount(points.kind, minlength=7)[[Kind.MINIMUM, Kind.SADDLE, Kind.MAXIMUM]]) == counts
    assert len(points.value) == sum(counts)
    np.testing.assert_allclose(points.value[: len(values)], values, atol=5e-5)
    assert (points.inertia.sum(axis=1) == 2).all()


def test_the_signs_of_a_coercive_function_add_up_to_one(searched):
    name, found = searched
    if name in IS_COERCIVE:
        points = distinct(found).points
        assert completeness(points) == (1, 0, True)
        without_one = jax.tree.map(lambda leaf: leaf[1:], points)
        assert not completeness(without_one).adds_up


def test_every_label_points_to_a_distinct_point_and_every_count_is_right(searched):
    _, found = searched
    reduced = distinct(found)
    is_critical = np.asarray(found.kind) <= Kind.DEGENERATE
    assert ((reduced.labels >= 0) == is_critical).all()
    assert reduced.counts.sum() == is_critical.sum()
    gaps = np.asarray(found.params)[is_critical] - reduced.points.params[reduced.labels[is_critical]]
    assert (np.linalg.norm(gaps, axis=1) < 1e-5).all()


@pytest.mark.thorough
def test_the_spectrum_of_rosenbrocks_minimum():
    minimum = critical_point(rosenbrock, jnp.ones(2))
    np.testing.assert_allclose(minimum.spectrum, 501 + np.array([-1, 1]) * np.sqrt(501**2 - 400), rtol=1e-12)
    assert (minimum.kind, minimum.inertia.tolist()) == (Kind.MINIMUM, [0, 0, 2])


def test_the_six_hump_camels_lowest_minima():
    found = critical_point(six_hump_camel, jnp.array([0.0898420131, -0.7126564030]), gradient_tolerance=1e-7)
    np.testing.assert_allclose(found.value, -1.0316284535, atol=1e-10)
    assert found.kind == Kind.MINIMUM


@pytest.mark.thorough
def test_a_monkey_saddle_is_degenerate_from_wherever_it_is_reached(key):
    starts = jax.random.normal(key, (20, 2))
    search = jax.jit(lambda starts: critical_points(monkey_saddle, starts))
    found = search(jnp.concatenate([starts, jnp.zeros((1, 2))]))
    assert (found.kind == Kind.DEGENERATE).all()
    assert (found.inertia == jnp.array([[0, 2, 0]])).all()


def linear_autoencoder(eigenvalues):
    """Half the expected squared error of a linear autoencoder of inputs with a diagonal covariance."""

    def loss(w):
        rest = jnp.eye(len(eigenvalues)) - w["decoder"] @ w["encoder"]
        return 0.5 * jnp.sum(rest**2 * eigenvalues[None, :])

    return loss


def strata(eigenvalues, width):
    """The subsets that critical points keep, the points, and their exact loss, index and spectrum (Baldi and Hornik)."""
    n = len(eigenvalues)
    for kept in itertools.chain.from_iterable(itertools.combinations(range(n), r) for r in range(width + 1)):
        left = [j for j in range(n) if j not in kept]
        spare = width - len(kept)
        encoder = np.zeros((width, n))
        encoder[range(len(kept)), kept] = 1
        spectrum = [value for i in kept for value in [2 * eigenvalues[i], 0.0] * len(kept)]
        for i, j in itertools.product(kept, left):
            a, b = eigenvalues[i], eigenvalues[j]
            spectrum += [(a + b + sign * np.sqrt((a - b) ** 2 + 4 * b**2)) / 2 for sign in (-1, 1)]
        spectrum += [sign * eigenvalues[j] for j in left for sign in (-1, 1)] * spare + [0.0] * (2 * len(kept) * spare)
        index = sum(eigenvalues[j] > eigenvalues[i] for i in kept for j in left) + spare * len(left)
        loss = sum(eigenvalues[j] for j in left) / 2
        yield {"encoder": encoder, "decoder": encoder.T}, loss, index, np.sort(spectrum)


EIGENVALUES = np.array([3.0, 2.75, 2.0, 1.5, 1.0, 0.75, 0.5, 0.25])


def test_every_stratum_of_a_linear_autoencoder_has_its_exact_loss_index_and_spectrum():
    points, losses, indices, spectra = zip(*strata(EIGENVALUES, 3), strict=True)
    assert len(points) == 93
    assert len(set(zip(losses, indices, strict=True))) == 64
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *points)
    loss = linear_autoencoder(jnp.array(EIGENVALUES))
    found = jax.jit(jax.vmap(lambda params: critical_point(loss, params)))(stacked)
    np.testing.assert_allclose(found.value, losses, atol=1e-12)
    np.testing.assert_allclose(found.spectrum, np.stack(spectra), atol=1e-9)
    np.testing.assert_array_equal(found.inertia[:, 0], indices)
    np.testing.assert_array_equal(found.inertia[:, 1], (abs(np.stack(spectra)) < 1e-9).sum(axis=1))
    # Of all strata one alone is a minimum; on it the decoder and the encoder are free up to an invertible matrix.
    is_global = np.array(indices) == 0
    assert (np.asarray(found.kind)[is_global] == Kind.DEGENERATE).all()
    assert (np.asarray(found.kind)[~is_global] == Kind.SADDLE).all()


@pytest.mark.thorough
def test_what_is_found_on_manifolds_of_critical_points_has_a_loss_and_an_index_of_the_truth(key):
    eigenvalues = np.array([2.0, 1.25, 0.75, 0.5])
    truth = {(round(loss, 9), index) for _, loss, index, _ in strata(eigenvalues, 2)}
    keys = jax.random.split(key)
    scales = jnp.geomspace(0.05, 1.5, 96)[:, None, None]
    starts = {
        "encoder": scales * jax.random.normal(keys[0], (96, 2, 4)),
        "decoder": scales * jax.random.normal(keys[1], (96, 4, 2)),
    }
    loss = linear_autoencoder(jnp.array(eigenvalues))
    found = jax.jit(lambda starts: critical_points(loss, starts))(starts)
    is_critical = np.asarray(found.kind) <= Kind.DEGENERATE
    assert is_critical.mean() > 0.9
    pairs = zip(np.asarray(found.value)[is_critical], np.asarray(found.inertia)[is_critical, 0], strict=True)
    assert {(round(float(value), 9), int(index)) for value, index in pairs} == truth


@pytest.mark.parametrize(
    ("factors", "kind", "spectrum"),
    [
        ([1.0, 1.0], Kind.DEGENERATE, [0.0, 2.0]),
        ([2.0, 0.25, 2.0], Kind.DEGENERATE, [0.0, 0.0, 16.5]),
        ([0.0, 0.0], Kind.SADDLE, [-1.0, 1.0]),
        ([0.0, 0.0, 0.0], Kind.DEGENERATE, [0.0, 0.0, 0.0]),
    ],
)
def test_a_deep_scalar_chain_has_its_exact_hessian(factors, kind, spectrum):
    """At minima of (prod w - 1)² / 2 the Hessian is v vᵀ with v = 1 / w; at zero it is of full rank for two factors only."""
    found = critical_point(lambda w: 0.5 * (jnp.prod(w) - 1) ** 2, jnp.array(factors))
    np.testing.assert_allclose(found.spectrum, spectrum, atol=1e-14)
    assert found.kind == kind


CASES = [
    (lambda w: w[0] ** 3 / 3 + w[0] + w[1] ** 2, Kind.GRADIENT_FLAT),
    (lambda w: w[0] ** 3 / 3 + w[0] + 0 * w[1], Kind.GRADIENT_FLAT),
    (lambda w: w[0] + 2 * w[1], Kind.GRADIENT_FLAT),
    (lambda w: jnp.exp(-w[0]) + w[1] ** 2, Kind.DIVERGED),
    (lambda w: jnp.sum(w**2), Kind.MINIMUM),
    (lambda w: -jnp.sum(w**2), Kind.MAXIMUM),
    (lambda w: jnp.sum(w**4), Kind.DEGENERATE),
    (lambda w: 0.0 * jnp.sum(w), Kind.DEGENERATE),
]


@pytest.mark.thorough
def test_what_is_not_critical_is_told_from_what_is():
    losses, kinds = zip(*CASES, strict=True)
    starts = jnp.array([[0.3, 0.7], [-0.9, -0.2], [jnp.nan, 0.0]])

    def search(case):
        return critical_points(lambda w: jax.lax.switch(case, losses, w), starts, radius=10.0)

    found = jax.jit(jax.vmap(search))(jnp.arange(len(CASES)))
    assert found.kind.tolist() == [[kind, kind, Kind.DIVERGED] for kind in kinds]
    labels = distinct(jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found)).labels.reshape(-1, 3)
    assert ((labels >= 0) == [[kind <= Kind.DEGENERATE] * 2 + [False] for kind in kinds]).all()


@pytest.mark.thorough
def test_a_search_that_ran_out_of_steps_says_so():
    found = critical_points(himmelblau, jnp.array([[5.0, -4.0]]), max_steps=2)
    assert (found.kind, found.num_steps) == (Kind.UNFINISHED, 2)


@pytest.mark.thorough
def test_one_start_alone_ends_as_it_does_among_others(key):
    starts = {"x": jax.random.normal(key, (5, 1, 2)) * 3}
    search = jax.jit(lambda starts: critical_points(lambda w: himmelblau(w["x"][0]), starts))
    together, alone = search(starts), [search({"x": starts["x"][i : i + 1]}) for i in range(5)]
    assert len(set(together.num_steps.tolist())) > 1
    for name in ("params", "value", "gradient_norm", "spectrum", "inertia", "kind", "num_steps"):
        got = jax.tree.leaves(getattr(together, name))[0]
        expected = jnp.concatenate([jax.tree.leaves(getattr(one, name))[0] for one in alone])
        np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.thorough
def test_single_precision_is_kept_and_suffices(key):
    starts = 6 * jax.random.uniform(key, (100, 2), jnp.float32, -1, 1)
    points = distinct(jax.jit(lambda starts: critical_points(himmelblau, starts))(starts)).points
    assert {str(leaf.dtype) for leaf in jax.tree.leaves(points)} == {"float32", "int32"}
    assert tuple(np.bincount(points.kind, minlength=3)) == (4, 1, 4)


@pytest.mark.thorough
def test_points_that_a_symmetry_maps_onto_each_other_are_one():
    def loss(w):
        return jnp.sum((w["in"] ** 2 - 1) ** 2) + 0.1 * jnp.sum(w["in"])

    found = critical_points(loss, {"in": jnp.array([[-1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [0.1, 1.0], [1.0, 0.1]])})
    assert distinct(found).counts.tolist() == [1, 1, 1, 1, 1]
    assert distinct(found, symmetries=[lambda w: {"in": w["in"][::-1]}]).counts.tolist() == [2, 1, 2]


def test_escape_directions_lead_down_on_both_sides_of_a_saddle():
    saddle = {"w": jnp.zeros(2)}

    def loss(params):
        return six_hump_camel(params["w"])

    curvatures, directions = escape_directions(loss, saddle, num_directions=2)
    np.testing.assert_allclose(curvatures, np.linalg.eigvalsh([[8.0, 1.0], [1.0, -8.0]]), rtol=1e-12)
    for sign in (-1, 1):
        moved = 1e-3 * sign * directions["w"][0]
        np.testing.assert_allclose(loss({"w": moved}), 0.5 * curvatures[0] * 1e-6, rtol=1e-4)


def test_an_escape_direction_points_downhill():
    _, directions = escape_directions(lambda w: w[0] ** 2 - w[1] ** 2 + 0.1 * w[1], jnp.zeros(2))
    np.testing.assert_allclose(directions[0], [0.0, -1.0], atol=1e-12)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: critical_points(jnp.sum, jnp.zeros(())), "leading axis"),
        (lambda: critical_points(lambda w: w["a"], {"a": jnp.ones(2), "b": jnp.ones(3)}), "leading axis"),
        (lambda: critical_points(jnp.sum, jnp.ones((2, 3), int)), "real floats"),
        (lambda: critical_points(lambda w: w, jnp.ones((2, 3))), "critical_points: got a loss .* expected a scalar"),
        (lambda: critical_points(lambda w: jnp.sum(w > 0), jnp.ones((2, 3))), "a loss of type int"),
        (lambda: critical_points(jnp.sum, jnp.ones((2, 3), jnp.bfloat16)), "expected float32 or float64"),
        (lambda: critical_points(jnp.sum, jnp.ones((2, 3)), max_steps=0), "max_steps=0"),
        (lambda: critical_point(lambda w: w, jnp.ones(3)), "critical_point: got a loss .* expected a scalar"),
        (lambda: escape_directions(jnp.sum, jnp.ones(3), num_directions=4), "from 1 to 3"),
        (lambda: distinct(critical_points(jnp.sum, jnp.ones((2, 3))), tolerance=0.0), "positive"),
        (lambda: distinct(critical_point(jnp.sum, jnp.ones(3))), "one axis of starts"),
        (
            lambda: distinct(jax.tree.map(lambda leaf: leaf[:0], critical_points(jnp.sum, jnp.ones((1, 3))))),
            "no starts",
        ),
    ],
)
def test_bad_input_is_refused_with_a_remedy(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def bowl(w, curvatures, centre):
    return jnp.sum(curvatures * (w - centre) ** 2) / 2


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("dtype", "curvatures"),
    [
        (jnp.float32, [1000.0, 2e-3]),
        (jnp.float32, [1000.0, 1.0]),
        (jnp.float64, [1e12, 1.0]),
        (jnp.float64, [1e9, 1.0]),
        (jnp.float64, [1e7, 1.0]),
    ],
)
def test_an_ill_conditioned_bowl_is_neither_called_flat_nor_left_before_its_minimum(dtype, curvatures):
    curvatures, centre = jnp.array(curvatures, dtype), jnp.array([0.0, 0.3], dtype)
    starts = jnp.array([[0.0, 1.0], [0.5, -2.0], [1e-3, 1.0]], dtype)

    @jax.jit
    def run(starts):
        given = jax.vmap(lambda w: critical_point(lambda w: bowl(w, curvatures, centre), w))(starts)
        return given, critical_points(lambda w: bowl(w, curvatures, centre), starts)

    given, found = run(starts)
    assert (given.kind == Kind.UNFINISHED).all()
    assert (found.kind == Kind.MINIMUM).all()
    nearest = np.finfo(dtype).eps ** 0.375 * 2
    np.testing.assert_allclose(found.params, jnp.broadcast_to(centre[None], (3, 2)), atol=nearest)


@pytest.mark.thorough
def test_rosenbrocks_valley_is_followed_to_its_end_in_single_precision():
    found = critical_points(rosenbrock, jnp.array([[0.5, 0.7], [1.2, 1.0]], jnp.float32))
    assert (found.kind == Kind.MINIMUM).all()
    np.testing.assert_allclose(found.params, np.ones((2, 2)), atol=5e-3)


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_a_quartic_direction_beside_a_quadratic_one_is_degenerate(dtype):
    starts = jnp.array([[0.5, 0.7], [1.0, -1.0]], dtype)
    assert (critical_points(lambda w: w[0] ** 2 + w[1] ** 4, starts).kind == Kind.DEGENERATE).all()

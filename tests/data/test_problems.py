import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from jaxdl.data import problems

NUM_DRAWS = 4000
COEFFICIENTS = jnp.array([1.0, -2.0, 0.5])

# name -> (problem, inputs at which its labels are examined)
CASES = {
    "noisy_sine": (problems.noisy_sine(0.3), [[-0.7], [0.1], [0.9]]),
    "gaussian_linear": (problems.gaussian_linear(COEFFICIENTS, 0.5), [[1.0, 0.0, 2.0], [0.0, 0.0, 0.0]]),
    "teacher_network": (
        problems.teacher_network(jax.random.key(7), 2, 5, num_outputs=2, noise_std=0.4),
        [[1.0, 0.3], [-0.5, 2.0]],
    ),
    "two_moons": (problems.two_moons(0.3), [[0.5, 0.25], [1.0, 0.35], [0.1, 0.3]]),
}
FACTORIES = {
    "noisy_sine": problems.noisy_sine,
    "gaussian_linear": lambda level: problems.gaussian_linear(COEFFICIENTS, level),
    "teacher_network": lambda level: problems.teacher_network(jax.random.key(7), 2, 5, noise_std=level),
    "two_moons": problems.two_moons,
}


class RecordingKeys:
    """Keys that remember which of them were read."""

    def __init__(self, *names):
        self.keys = dict(zip(names, jax.random.split(jax.random.key(3), len(names)), strict=True))
        self.read = []

    def __getitem__(self, name):
        self.read.append(name)
        return self.keys[name]

    def __contains__(self, name):
        return name in self.keys

    def __iter__(self):
        return iter(self.keys)


@pytest.fixture(params=CASES)
def problem(request):
    return CASES[request.param][0]


@pytest.fixture(params=CASES, scope="module")
def study(request):
    """Everything drawn from one problem that the tests below examine: one program, because compiling costs the most."""
    problem, points = CASES[request.param]
    points = jnp.array(points)

    @jax.jit
    def draw():
        key_labels, key_data, key_inputs, key_batch = jax.random.split(jax.random.key(0), 4)
        keys = {"inputs": key_inputs, "labels": key_batch}
        sample = problem.sample(keys, NUM_DRAWS)
        return {
            "labels": jax.vmap(problem.labels, (0, None))(jax.random.split(key_labels, NUM_DRAWS), points),
            "mean": problem.mean(points),
            "noise": problem.noise(points),
            "sample": problem.sample({"data": key_data}, NUM_DRAWS),
            "separate": sample,
            "relabelled": problem.sample({**keys, "labels": key_data}, NUM_DRAWS),
            "fixed inputs": problem.sample_at(keys, sample.x),
            "test points": (problem.test_points(6), problem.test_points(6)),
        }

    return problem, draw()


def test_labels_have_the_stated_mean_and_noise(study):
    drawn = study[1]
    labels, mean = np.asarray(drawn["labels"]), np.asarray(drawn["mean"])
    assert np.all(np.abs(labels.mean(axis=0) - mean) < 4 * labels.std(axis=0) / np.sqrt(NUM_DRAWS))
    squares = np.sum((labels - mean) ** 2, axis=-1)
    # The rounding of the mean is all the error there is where every square is the same (a fair coin).
    tolerance = 4 * squares.std(axis=0) / np.sqrt(NUM_DRAWS) + 1e-9
    assert np.all(np.abs(squares.mean(axis=0) - drawn["noise"]) < tolerance)


def test_a_sample_has_inputs_labels_and_unit_weights(study):
    problem, drawn = study
    sample, (points, again) = drawn["sample"], drawn["test points"]
    assert points.shape == (6, sample.x.shape[1])
    assert sample.y.shape == (NUM_DRAWS, jax.eval_shape(problem.mean, points).shape[1])
    assert jax.eval_shape(problem.noise, points).shape == (6,)
    np.testing.assert_array_equal(sample.weight, np.ones(NUM_DRAWS))
    np.testing.assert_array_equal(points, again)


def test_inputs_and_noise_are_uncorrelated(study):
    problem, drawn = study
    x = drawn["sample"].x
    residuals = drawn["sample"].y - problem.mean(x)
    correlations = np.corrcoef(x.T, residuals.T)[: x.shape[1], x.shape[1] :]
    assert np.all(np.abs(correlations) < 4 / np.sqrt(NUM_DRAWS))


def test_separate_sources_vary_inputs_and_labels_apart(study):
    drawn = study[1]
    np.testing.assert_array_equal(drawn["separate"].x, drawn["relabelled"].x)
    assert not np.array_equal(drawn["separate"].y, drawn["relabelled"].y)
    np.testing.assert_array_equal(drawn["separate"].y, drawn["fixed inputs"].y)


@pytest.mark.parametrize(
    ("names", "read_by_sample", "read_at_fixed_inputs"),
    [
        (("data", "init"), ["data"], ["data"]),
        (("inputs", "labels", "init"), ["inputs", "labels"], ["labels"]),
        (("data", "labels"), ["data"], ["labels"]),
    ],
)
def test_only_the_sources_that_are_used_are_read(names, read_by_sample, read_at_fixed_inputs, problem):
    keys = RecordingKeys(*names)
    sample = jax.eval_shape(lambda: problem.sample(keys, 5))
    assert keys.read == read_by_sample
    jax.eval_shape(lambda: problem.sample_at(keys, jnp.zeros(sample.x.shape)))
    assert keys.read == read_by_sample + read_at_fixed_inputs


@pytest.mark.thorough
@pytest.mark.parametrize("name", FACTORIES)
def test_keys_and_noise_levels_can_be_traced_and_no_key_is_used_twice(name, key):
    def study(key, level):
        problem = FACTORIES[name](level)
        return problem.sample({"data": key}, 4), problem.noise(problem.test_points(5))

    keys, levels = jax.random.split(key), jnp.array([0.2, 0.6])
    second = keys[1]
    with jax.debug_key_reuse(True):
        both = jax.jit(lambda keys, levels, key, level: (jax.vmap(study)(keys, levels), study(key, level)))
        batched, alone = both(keys, levels, second, 0.6)
    jax.tree.map(lambda many, one: np.testing.assert_allclose(many[1], one, rtol=1e-9, atol=1e-12), batched, alone)


def test_precision_follows_the_inputs(problem, key):
    def study(x):
        return problem.mean(x), problem.noise(x), problem.sample_at({"labels": key}, x)

    x = jnp.zeros(jax.eval_shape(lambda: problem.test_points(2)).shape, jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(jax.eval_shape(study, x))} == {jnp.dtype("float32")}


def test_noisy_sine_test_points_are_the_midpoint_rule():
    problem = problems.noisy_sine()
    second_moment = jnp.mean(problem.mean(problem.test_points(1000)) ** 2)
    # ∫ (sin πx + x/2)² dx/2 over [-1, 1]; the rule's error is h² (g'(1) - g'(-1)) / 48 for an integrand g, h = 2/1000.
    assert abs(second_moment - (1 / 2 + 1 / 12 + 1 / np.pi)) < 1e-6


def test_gaussian_linear_has_test_points_that_are_exact():
    problem = problems.gaussian_linear(COEFFICIENTS, 0.0)
    error = jnp.array([[0.3], [1.0], [-2.0]])
    exact = jnp.sum(error**2)
    at_features, at_random = jax.jit(
        lambda: [jnp.mean((problem.test_points(num_points) @ error) ** 2) for num_points in (3, NUM_DRAWS)]
    )()
    np.testing.assert_allclose(at_features, exact, rtol=1e-14)
    # |b - β|² χ²_1 has variance 2 |b - β|⁴.
    assert abs(at_random - exact) < 4 * exact * np.sqrt(2 / NUM_DRAWS)


def moon_densities(x, spread, num_centers):
    """The two class densities, by scipy."""
    angles = np.linspace(0, np.pi, num_centers)
    moons = [
        np.column_stack([np.cos(angles), np.sin(angles)]),
        np.column_stack([1 - np.cos(angles), 0.5 - np.sin(angles)]),
    ]
    return np.column_stack(
        [np.mean([stats.multivariate_normal(c, spread**2).pdf(x) for c in moon], axis=0) for moon in moons]
    )


def test_two_moons_probabilities_are_bayes_rule():
    problem = problems.two_moons(0.25, num_centers=5)
    x = np.random.default_rng(0).uniform([-1.5, -1.0], [2.5, 1.5], size=(50, 2))
    densities = moon_densities(x, 0.25, 5)
    probabilities = densities / densities.sum(axis=1, keepdims=True)
    mean, noise = jax.jit(lambda x: (problem.mean(x), problem.noise(x)))(x)
    np.testing.assert_allclose(mean, probabilities, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(noise, 1 - np.sum(probabilities**2, axis=1), rtol=1e-9, atol=1e-12)


def test_two_moons_probabilities_stay_finite_far_away():
    probabilities = jax.jit(problems.two_moons(0.01).mean)(jnp.array([[300.0, -200.0]]))
    np.testing.assert_allclose(probabilities, [[0.0, 1.0]], atol=1e-12)


def test_two_moons_inputs_follow_the_stated_density(key):
    x = jax.jit(problems.two_moons(0.25, num_centers=5).inputs, static_argnums=1)(key, NUM_DRAWS)
    # The mean density of draws, E p(x) = ∫ p², by a sum over a fine grid.
    axis = np.linspace(-3, 4, 141)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    exact = np.sum(moon_densities(grid, 0.25, 5).mean(axis=1) ** 2) * (axis[1] - axis[0]) ** 2
    densities = moon_densities(x, 0.25, 5).mean(axis=1)
    assert abs(densities.mean() - exact) < 4 * densities.std() / np.sqrt(NUM_DRAWS)


def test_two_moons_labels_and_inputs_have_the_joint_law_of_drawing_the_class_first(key):
    problem = problems.two_moons(0.6, num_centers=5)
    sample = jax.jit(problem.sample, static_argnums=1)({"data": key}, NUM_DRAWS)
    x, y = np.asarray(sample.x), np.asarray(sample.y)
    angles = np.linspace(0, np.pi, 5)
    upper = np.column_stack([np.cos(angles), np.sin(angles)]).mean(axis=0)
    for label, centre in enumerate([upper, np.array([1.0, 0.5]) - upper]):
        products = y[:, label, None] * x  # E[y_c x] = P(c) E[x | c]
        assert np.all(np.abs(products.mean(axis=0) - centre / 2) < 4 * products.std(axis=0) / np.sqrt(NUM_DRAWS))
        assert abs(y[:, label].mean() - 0.5) < 4 * 0.5 / np.sqrt(NUM_DRAWS)


@pytest.mark.thorough
@pytest.mark.parametrize("name", FACTORIES)
def test_whole_inputs_are_numbers_like_any_other(name, unchecked):
    """A problem's constants follow the precision of x; cut to whole numbers, they would give another truth."""
    problem = FACTORIES[name](0.3)
    x = jnp.arange(2 * problem.test_points(1).shape[1]).reshape(2, -1) % 2
    assert x.dtype == jnp.int64
    np.testing.assert_array_equal(problem.mean(x), problem.mean(x.astype(float)))
    whole, real = (problem.sample_at({"labels": jax.random.key(0)}, each) for each in (x, x.astype(float)))
    for one, other in zip(whole, real, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: problems.noisy_sine().sample({"data": jax.random.key(0)}, 0),
            "num_examples: got 0, expected a whole number of 1 or more",
        ),
        (lambda: problems.noisy_sine().test_points(0), "num_points: got 0"),
        (lambda: problems.noisy_sine().mean(jnp.ones((3, 2))), r"shape \(3, 2\), expected \(n, 1\)"),
        (lambda: problems.two_moons().mean(jnp.ones(2)), r"shape \(2,\), expected \(n, 2\).*x\[None, :\]"),
        (lambda: problems.gaussian_linear(jnp.ones((3, 1)), 0.1), r"shape \(3, 1\), expected \(features,\)"),
        (lambda: problems.teacher_network(jax.random.key(0), 2, 0), "width: got 0"),
        (lambda: problems.gaussian_linear(jnp.array([1.0, jnp.nan]), 0.1), "coefficients: got .*finite"),
        (lambda: problems.noisy_sine(-0.1), "noise_std: got -0.1, expected a finite number, 0 or more"),
        (lambda: problems.two_moons(0.0), "spread: got 0.0, expected a finite number, above 0"),
        (lambda: problems.noisy_sine().mean(np.ones((3, 1)) * 1j), "x: got complex"),
        (lambda: problems.two_moons(num_centers=1), "num_centers: got 1, expected a whole number of 2 or more"),
    ],
)
def test_bad_input_is_refused_with_the_remedy(call, message, unchecked):
    with pytest.raises(ValueError, match=message):
        call()

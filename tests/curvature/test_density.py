"""Densities and log-determinants against known spectra; the band against the measures it is made to contain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxdl import plots
from jaxdl.curvature import spectral_density
from jaxdl.curvature.spectra import cumulative, cumulative_band, eigenvalue_counts, logdet

SIZE, STEPS, PROBES, NUM_POINTS = 40, 12, 3, 33


def laplacian_values(size):
    return 2 - 2 * np.cos(np.arange(1, size + 1) * np.pi / (size + 1))


def random_spectrum(generator):
    """Flat, clustered, decaying over many decades, with multiplicities, or of low rank."""
    values = generator.normal(size=SIZE)
    kind = generator.integers(6)
    if kind == 1:
        values = values[:5][generator.integers(5, size=SIZE)]
    if kind == 2:
        values = np.sign(values) * 10 ** (-6 * generator.uniform(size=SIZE))
    if kind == 3:
        values = values * (generator.uniform(size=SIZE) < 0.3)
    if kind == 4:
        values = np.round(values) + 1e-6 * generator.normal(size=SIZE)
    if kind == 5:
        values = np.r_[values[:3] * 100, 1e-3 * values[3:]]
    return np.sort(values)


@jax.jit
def random_test(matrix, values, turn, key):
    """Everything that the band is compared with, for one matrix; the exact measure of every probe among it."""
    like = jnp.zeros(SIZE, matrix.dtype)
    density = spectral_density(lambda v: matrix @ v, like, key, num_probes=PROBES, num_steps=STEPS)
    # Between eigenvalues, on them, beside them by a millionth, and outside.
    x = jnp.concatenate(
        [
            jnp.linspace(1.1 * values[0] - 0.01, 1.1 * values[-1] + 0.01, NUM_POINTS),
            values,
            values - 1e-6,
            values + 1e-6,
        ]
    )
    key_probes = jax.random.split(key)[1]
    first_keys = jax.vmap(lambda key: jax.random.split(key)[0])(jax.random.split(key_probes, PROBES))
    starts = jax.vmap(lambda key: jax.random.normal(key, like.shape, like.dtype))(first_keys)
    starts = starts.astype(values.dtype)
    shares = (starts @ turn) ** 2 / jnp.sum(starts**2, axis=1, keepdims=True)
    is_at_most = values[None] <= x[:, None]
    moments = jnp.sum(shares * values[None], axis=1), jnp.sum(density.weights * density.nodes, axis=1)
    return (
        shares @ is_at_most.T.astype(values.dtype),
        cumulative_band(density, x),
        jnp.sum(is_at_most, axis=1),
        eigenvalue_counts(density, x, error_probability=1e-6),
        cumulative(density, x, error_probability=1e-6),
        moments,
    )


def check_random_tests(num_tests, dtype):
    generator = np.random.default_rng(7)
    spectra = np.stack([random_spectrum(generator) for _ in range(num_tests)])
    turns = np.linalg.qr(generator.normal(size=(num_tests, SIZE, SIZE)))[0]
    matrices = np.einsum("tij,tj,tkj->tik", turns, spectra, turns).astype(dtype)
    # Of the matrices as they are after rounding, in double precision.
    values, vectors = np.linalg.eigh(matrices.astype(np.float64))
    keys = jax.random.split(jax.random.key(5), num_tests)
    run = jax.jit(lambda operands: jax.lax.map(lambda one: random_test(*one), operands, batch_size=50))
    exact, (low, high), number, (fewest, most), result, (seen, expected) = run(
        (jnp.asarray(matrices), jnp.asarray(values), jnp.asarray(vectors), keys)
    )
    np.testing.assert_allclose(
        seen, expected, atol=1e4 * np.finfo(dtype).eps
    )  # these are the starts that the density drew
    # The band is that of an operator within rounding of this one. Its eigenvalues are as near, but the directions of those
    # closer than g mix by eps |A| / g: masses, not counts, may differ by that, with g from 1e-6 |A| on.
    rounding = 1e-9 if dtype == np.float64 else 5e-3
    contained = (low - rounding <= exact) & (exact <= high + rounding)
    assert contained.all(), f"{(~contained).any((1, 2)).sum()} of {num_tests} tests have a measure outside its band"
    assert ((fewest <= number) & (number <= most)).all()
    # A whole number of eigenvalues over their number is rounded as the bounds are.
    slack = 10 * np.finfo(dtype).eps
    assert ((result.low - slack <= number / SIZE) & (number / SIZE <= result.high + slack)).all()
    assert ((result.low <= result.probed_low) & (result.probed_high <= result.high)).all()
    assert (result.probed_low <= result.estimate).all()
    assert (result.estimate <= result.probed_high).all()
    assert np.mean(high - low) < 0.3  # the trivial band is 1 wide


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_band_contains_the_exact_cumulative_spectrum_in_each_of_100_random_tests(dtype):
    check_random_tests(100, dtype)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_band_contains_the_exact_cumulative_spectrum_in_each_of_1000_random_tests(dtype):
    check_random_tests(1000, dtype)


@pytest.mark.thorough
def test_the_band_for_the_spectrum_holds_where_the_probes_leave_their_own():
    """Half of all shares are told by no band that is of the probes alone."""
    generator, x = np.random.default_rng(0), np.linspace(-2, 2, 11)
    spectra = generator.normal(size=(50, 150)).astype(np.float32)

    def band(values, key):
        return cumulative(spectral_density(lambda v: values * v, values, key), jnp.asarray(x, values.dtype))

    found = jax.jit(lambda all_of: jax.lax.map(lambda one: band(*one), all_of))(
        (jnp.asarray(spectra), jax.random.split(jax.random.key(1), 50))
    )
    share = (spectra[:, None] <= x[None, :, None]).mean(2)
    assert ((found.low <= share) & (share <= found.high)).all()
    assert ((found.probed_low <= share) & (share <= found.probed_high)).mean() < 0.5
    # Not by being wide: a bound fails with 1e-3, which for normal errors is 3.1 of their standard errors, and Chernoff's 3.7.
    reach = 4 * found.standard_error + found.probed_high - found.probed_low + 0.02
    assert (found.high - found.probed_high <= reach).all()


def semicircle(size):
    """Quantiles of Wigner's semicircle on [-1, 1]."""
    x = np.linspace(-1, 1, 100_001)
    return np.interp((np.arange(size) + 0.5) / size, 0.5 + (x * np.sqrt(1 - x**2) + np.arcsin(x)) / np.pi, x)


SMOOTH = {
    "laplacian": laplacian_values(1000),
    "semicircle": semicircle(1000),
    "semicircle with ten outliers": np.r_[semicircle(990), np.linspace(2, 20, 10)],
    "semicircle and as many zeros": np.r_[np.zeros(500), 1.5 + semicircle(500)],
}


@jax.jit
def after_256_steps(values):
    return spectral_density(
        lambda v: values * v, jnp.zeros_like(values), jax.random.key(0), num_probes=4, num_steps=256
    )


@pytest.fixture(scope="module", params=SMOOTH)
def smooth(request):
    """A spectrum, its density after 256 steps, and points inside the bulk: nineteen quantiles off the eigenvalues."""
    values = SMOOTH[request.param]
    x = np.quantile(values, np.linspace(0.05, 0.95, 19), method="lower") + 1e-6
    return values, after_256_steps(jnp.asarray(values)), x


@pytest.mark.thorough
def test_the_band_is_at_most_7_hundredths_wide_at_256_steps_inside_the_bulk(smooth):
    _, density, x = smooth
    low, high = cumulative_band(density, jnp.asarray(x))
    assert np.max(high - low) < 0.07


@pytest.mark.thorough
def test_the_cumulative_spectrum_is_within_four_standard_errors(smooth):
    values, density, x = smooth
    result = cumulative(density, jnp.asarray(x))
    exact = np.searchsorted(values, x, side="right") / len(values)
    assert np.all(np.abs(result.estimate - exact) < 4 * result.standard_error)


def test_moments_of_the_density_are_those_of_the_spectrum(smooth):
    values, density, _ = smooth
    for power in (1, 2):
        moments = len(values) * np.sum(density.weights * density.nodes**power, axis=1)
        exact = np.sum(values**power)
        # Var = 2 Σ (λ^k - mean)² / (1 + 2 / p) for a normalised normal direction.
        scatter = np.sqrt(2 * len(values) * np.var(values**power) / len(moments))
        assert abs(moments.mean() - exact) < 4 * scatter


@pytest.mark.thorough
def test_the_standard_error_is_that_of_the_beta_distribution():
    """After as many steps as dimensions nothing but the probes is left."""
    values, x = jnp.arange(3.0), jnp.array([0.5, 1.5])
    num_seeds = 2000

    def one(key):
        return cumulative(spectral_density(lambda v: values * v, values, key, num_probes=4), x).estimate

    estimates = np.asarray(
        jax.jit(lambda keys: jax.lax.map(one, keys, batch_size=100))(jax.random.split(jax.random.key(3), num_seeds))
    )
    share = np.array([1, 2]) / 3
    variance = 2 * share * (1 - share) / (3 * 4 + 2)
    assert np.all(np.abs(estimates.mean(0) - share) < 4 * np.sqrt(variance / num_seeds))
    spread = np.var((estimates - share) ** 2, axis=0) ** 0.5 / num_seeds**0.5
    assert np.all(np.abs(np.var(estimates, axis=0) - variance) < 4 * spread)


TORTURE = {
    "twice the identity": np.full(SIZE, 2.0),
    "zero": np.zeros(SIZE),
    "rank five": np.r_[5.0, 4.0, 3.0, 2.0, 1.0, np.zeros(SIZE - 5)],
    "two triples": np.r_[np.full(3, 10.0), np.full(3, 1.0), np.zeros(SIZE - 6)],
    "two values": np.r_[np.full(11, 3.0), np.full(SIZE - 11, -1.0)],
}


@jax.jit
def tortured(matrix, x):
    like = jnp.zeros(SIZE, matrix.dtype)
    return cumulative_band(
        spectral_density(lambda v: matrix @ v, like, jax.random.key(0), num_probes=2, num_steps=STEPS), x
    )


@pytest.mark.thorough
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TORTURE)
def test_few_distinct_eigenvalues_are_found_exactly(name, dtype):
    values = TORTURE[name]
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(SIZE, SIZE)))[0]
    matrix = jnp.asarray((turn * values) @ turn.T, dtype)
    x = jnp.asarray([-2.0, -0.5, 0.5, 1.5, 2.5, 4.5, 11.0], dtype)
    low, high = tortured(matrix, x)
    np.testing.assert_allclose(low, high, atol=50 * np.finfo(dtype).eps)
    atoms = np.sum(np.unique(values)[None] <= np.asarray(x)[:, None], axis=1)
    np.testing.assert_array_equal(np.asarray(low[0]) > 1e-3, atoms > 0)


@pytest.mark.thorough
def test_densities_of_a_batch_equal_those_of_its_members(key):
    scales = jnp.linspace(1, 2, 3)
    like = {"bias": jnp.zeros(3), "kernel": jnp.zeros((3, 3))}

    def run(scale):
        density = spectral_density(
            lambda v: jax.tree.map(lambda a: scale * jnp.arange(a.size).reshape(a.shape) * a, v),
            like,
            key,
            num_probes=2,
        )
        return cumulative(density, jnp.array([0.5, 3.3])), density.num_matvecs

    batch, members = jax.jit(jax.vmap(run))(scales), [jax.jit(run)(scale) for scale in scales]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *members)
    np.testing.assert_allclose(ravel_pytree(batch)[0], ravel_pytree(stacked)[0], atol=1e-10)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("values", "exact"),
    [
        (laplacian_values(30), np.log(31)),
        (np.real(np.fft.fft(np.r_[3.0, -1.0, np.zeros(27), -1.0])), None),
        (-laplacian_values(31), np.log(32)),
    ],
)
def test_small_log_determinants_are_exact(values, exact, key):
    result = logdet(lambda v: jnp.asarray(values) * v, jnp.zeros(len(values)), key)
    np.testing.assert_allclose(result.estimate, np.sum(np.log(np.abs(values))) if exact is None else exact, rtol=1e-12)
    assert result.standard_error == 0
    assert result.num_matvecs == len(values)


@pytest.mark.thorough
def test_large_log_determinants_are_within_four_standard_errors_and_those_are_calibrated():
    values, num_seeds = 0.2 + laplacian_values(600), 200
    operator = jnp.asarray(values, jnp.float32)

    def one(key):
        like = jnp.zeros(600, jnp.float32)
        return logdet(lambda v: operator * v, like, key, positive_definite=True, num_steps=32, dense_size=512)

    result = jax.jit(lambda keys: jax.lax.map(one, keys, batch_size=50))(jax.random.split(jax.random.key(4), num_seeds))
    errors = np.asarray(result.estimate) - np.sum(np.log(values))
    assert abs(errors.mean()) < 4 * errors.std() / num_seeds**0.5
    ratio = np.mean(np.square(result.standard_error)) / np.mean(errors**2)
    assert abs(ratio - 1) < 4 * (2 / num_seeds) ** 0.5
    # Student's t with 7 degrees of freedom exceeds 4 in 0.5 % of all draws.
    assert np.mean(np.abs(errors) > 4 * result.standard_error) < 0.02


@pytest.mark.thorough
def test_log_determinants_of_large_operators_must_be_stated_to_be_positive(key):
    values = jnp.linspace(-1, 1, 600)
    with pytest.raises(ValueError, match=r"got an operator of dimension 600.*positive_definite=True"):
        logdet(lambda v: values * v, jnp.zeros(600), key, dense_size=512)
    assert jnp.isnan(
        logdet(
            lambda v: values * v, jnp.zeros(600), key, positive_definite=True, num_probes=2, num_steps=8, dense_size=512
        ).estimate
    )
    assert jnp.isnan(logdet(lambda v: -v, jnp.zeros(4), key, positive_definite=True).estimate)


def test_bad_numbers_of_probes_and_steps_are_refused(key):
    with pytest.raises(ValueError, match="spectral_density: got num_probes=0, expected a whole number of 1 or more"):
        spectral_density(lambda v: v, jnp.zeros(3), key, num_probes=0)
    with pytest.raises(ValueError, match="logdet: got num_probes=1, expected a whole number of 2 or more"):
        logdet(lambda v: v, jnp.zeros(3), key, num_probes=1)


@pytest.mark.thorough
def test_the_smoothed_curve_of_the_figure_is_a_density(smooth):
    _, density, _ = smooth
    curve, share = plots.density(density).axes
    x, heights = curve.lines[0].get_data()
    np.testing.assert_allclose(np.trapezoid(heights, x), 1, atol=1e-3)
    np.testing.assert_allclose(share.lines[0].get_ydata()[[0, -1]], [0, 1], atol=1e-6)


@pytest.mark.thorough
def test_products_that_are_not_finite_leave_everything_open(key):
    spectrum = jnp.linspace(-1, 2, SIZE, dtype=jnp.float32)
    x = jnp.array([-1.0, 0.0, 1.0], jnp.float32)

    @jax.jit
    def run(scale):
        density = spectral_density(lambda v: scale * spectrum * v, spectrum, key, num_probes=2, num_steps=STEPS)
        return cumulative(density, scale * x), eigenvalue_counts(density, scale * x)

    for scale in (3e38, jnp.nan):
        share, (low, high) = run(jnp.float32(scale))
        assert np.isnan(share.estimate).all()
        np.testing.assert_array_equal([share.low, share.high], [[0] * 3, [1] * 3])
        np.testing.assert_array_equal([share.probed_low, share.probed_high], [[0] * 3, [1] * 3])
        np.testing.assert_array_equal([low, high], [[0] * 3, [SIZE] * 3])
    ordinary, huge = run(jnp.float32(1)), run(jnp.float32(3e19))
    np.testing.assert_allclose(huge[0].estimate, ordinary[0].estimate, atol=1e-3)


@pytest.mark.parametrize("measure", [spectral_density, logdet])
def test_an_asymmetric_operator_is_refused(measure, key):
    matrix = jnp.array([[1.0, 0.5], [0.0, 2.0]])
    with pytest.raises(ValueError, match="is the operator symmetric"):
        measure(lambda v: matrix @ v, jnp.zeros(2), key)
    with pytest.raises(ValueError, match="NaN"):
        measure(lambda v: jnp.nan * v, jnp.zeros(2), key)


@pytest.mark.thorough
def test_derivatives_are_those_of_finite_differences(key):
    def total(scale):
        density = spectral_density(
            lambda v: scale * jnp.arange(1.0, 7.0) ** scale * v, jnp.zeros(6), key, num_probes=2, num_steps=3
        )
        return jnp.sum(density.weights * density.nodes**3)

    step = 1e-5
    expected = (total(1.3 + step) - total(1.3 - step)) / (2 * step)
    np.testing.assert_allclose(jax.jvp(total, (1.3,), (1.0,))[1], expected, rtol=1e-7)
    np.testing.assert_allclose(jax.grad(total)(1.3), expected, rtol=1e-7)

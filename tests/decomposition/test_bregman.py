"""Jensen gaps against T8's integrals, splits by source against enumeration, and logits that overflow elsewhere."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from jaxdl import decompose, designs
from jaxdl.decomposition import Target, bregman, cross_entropy, potentials

ALL = (potentials.softmax, potentials.bernoulli, potentials.poisson, potentials.gaussian)
T8 = [  # mean, variance of a normal logit; V, and what the plug-in expects at K = 5 and 20
    (0, 1, 0.112912002787, 0.088499215802, 0.106700430936),
    (1, 4, 0.329233682011, 0.253610346689, 0.309755623751),
    (-2, 0.25, 0.013400194733, 0.010763439190, 0.012743229533),
]


def naive(potential, eta):
    """mean A(η_i) - A(mean η), of order 1/K too small."""
    return potential.value(eta).mean(axis=0) - potential.value(eta.mean(axis=0))


def corrected(potential, eta):
    """The variance that a Bregman loss reports, at each point."""
    result = bregman(potential)(eta, factors=("data",), dims=("points", "out"))
    return result.per_point.estimates["total_variance"]


def expected_softplus(mean, variance):
    value, _ = integrate.quad(
        lambda z: np.logaddexp(0, mean + variance**0.5 * z) * stats.norm.pdf(z), -12, 12, epsabs=1e-13
    )
    return value


@pytest.mark.parametrize(("mean", "variance", "gap", "five", "twenty"), T8)
def test_the_naive_gap_has_the_published_expectation_and_the_correction_comes_nearer(mean, variance, gap, five, twenty):
    exact = expected_softplus(mean, variance) - np.logaddexp(0, mean)
    np.testing.assert_allclose(exact, gap, atol=1e-11)
    for num_runs, expected in ((5, five), (20, twenty)):
        np.testing.assert_allclose(
            expected_softplus(mean, variance) - expected_softplus(mean, variance / num_runs), expected, atol=1e-11
        )
        eta = mean + variance**0.5 * np.random.default_rng(0).normal(size=(num_runs, 40_000, 1))
        plug_in, variances = naive(potentials.bernoulli, eta), corrected(potentials.bernoulli, eta)
        assert abs(plug_in.mean() - expected) < 4 * plug_in.std() / 200
        assert abs(variances.mean() - exact) < 0.2 * abs(expected - exact) + 4 * variances.std() / 200


@pytest.mark.parametrize(("mean", "deviation", "gap"), [(0, 1, 0.648721270700), (1, 2, 17.367255094729)])
def test_the_poisson_gap_is_that_of_the_log_normal(mean, deviation, gap):
    np.testing.assert_allclose(np.exp(mean) * (np.exp(deviation**2 / 2) - 1), gap, atol=1e-9)
    eta = mean + deviation * np.random.default_rng(1).normal(size=(64, 2000, 1))
    measured = corrected(potentials.poisson, eta)
    assert abs(measured.mean() - gap) < 4 * measured.std() / np.sqrt(2000) + 0.02 * gap  # second order at K = 64


def test_the_softmax_gap_at_five_runs_is_within_one_per_cent_after_correction():
    """The naive value is 22 % low."""
    rng = np.random.default_rng(2)
    mean = np.array([1.0, 0.0, -0.5, 0.3])
    many = mean + rng.normal(size=(400_000, 4))
    exact = special.logsumexp(many, axis=-1).mean() - special.logsumexp(mean)
    eta = mean + rng.normal(size=(5, 60_000, 4))
    assert naive(potentials.softmax, eta).mean() < 0.81 * exact
    measured = corrected(potentials.softmax, eta)
    assert abs(measured.mean() / exact - 1) < 0.01 + 4 * measured.std() / np.sqrt(60_000) / exact


@pytest.mark.parametrize("scale", [1.0, 120.0, 1e4])
def test_large_logits_stay_finite_and_right(scale):
    """For two opposite one-hot logits of size z, V = z/2 - log-partition terms, exactly."""
    eta = np.array([[0, scale, 0], [0, 0, scale]])
    expected = np.logaddexp(scale, np.log(2)) - np.logaddexp(scale / 2 + np.log(2), 0)
    np.testing.assert_allclose(naive(potentials.softmax, eta), expected, rtol=1e-12)
    # Without one of two runs there is no gap: the correction doubles it.
    np.testing.assert_allclose(corrected(potentials.softmax, eta[:, None]), [2 * expected], rtol=1e-12)
    result = cross_entropy(eta[:, None], factors=("data",), target=Target(labels=np.array([1])), dims=("points", "out"))
    assert all(np.isfinite(value) for value in result.estimates.values())
    np.testing.assert_allclose(result.risk, np.mean(special.logsumexp(eta, axis=1) - eta[:, 1]), rtol=1e-12)


def test_one_logit_of_120_has_no_variance_but_its_loss():
    eta = np.tile([0.0, 120.0, 0.0], (4, 1, 1))
    result = cross_entropy(eta, factors=("data",), target=Target(labels=np.array([0])), dims=("points", "out"))
    np.testing.assert_allclose([result.total_variance, result.risk], [0, 120], atol=1e-12)


def test_bias_variance_and_noise_add_up_to_the_published_example():
    """Label .6, logit N(1, 4): .6730116670 + .0402500205 + .3292336820 = 1.0424953695."""
    eta = 1 + 2 * np.random.default_rng(3).normal(size=(40_000, 1, 1))
    noise = float(stats.entropy([0.6, 0.4]))
    result = bregman(potentials.bernoulli)(
        eta, factors=("data",), target=Target(mean=np.full((1, 1), 0.6), noise=noise), dims=("points", "out")
    )
    for term, exact in {
        "bias": 0.0402500205,
        "total_variance": 0.3292336820,
        "noise": 0.6730116670,
        "risk": 1.0424953695,
    }.items():
        assert abs(result.estimates[term] - exact) <= 4 * result.standard_errors[term] + 1e-9


@pytest.mark.parametrize("potential", ALL, ids=lambda each: each.name)
@pytest.mark.parametrize("layout", ["independent", "nested", "crossed"])
def test_the_terms_add_up_to_the_measured_loss(potential, layout):
    rng = np.random.default_rng(4)
    shape = (7,) if layout == "independent" else (7, 4)
    eta = rng.normal(size=(*shape, 6, 3))
    mean = rng.dirichlet(np.ones(3), size=6)
    target = Target(probabilities=mean) if potential is potentials.softmax else Target(mean=mean, noise=0.4)
    result = bregman(potential)(
        eta, factors=("data", "init")[: len(shape)], nested=layout == "nested", target=target, dims=("points", "out")
    )
    e = result.estimates
    losses = potential.value(eta) - (eta * mean).sum(-1)
    if potential is not potentials.softmax:
        losses = losses + potential.conjugate(mean) + 0.4
    np.testing.assert_allclose(e["risk"], losses.mean(), rtol=1e-12)
    np.testing.assert_allclose(e["bias"] + e["total_variance"] + e["noise"], e["risk"], rtol=1e-12)
    if layout == "nested":
        np.testing.assert_allclose(
            result.variance["data",] + result.variance["init(data)",], e["total_variance"], rtol=1e-12
        )
    if layout == "crossed":
        for first, second in (("data", "init"), ("init", "data")):
            total = result.variance[first,] + result.variance[f"{second}({first})",]
            np.testing.assert_allclose(total, e["total_variance"], rtol=1e-12)
        np.testing.assert_allclose(sum(result.shares.values()), e["total_variance"], rtol=1e-12)


def test_the_gaussian_loss_is_half_the_squared_error_in_every_design():
    from jaxdl.decomposition import squared_error

    f = np.random.default_rng(5).normal(size=(8, 6, 5, 2))
    target = Target(mean=np.ones((5, 2)), noise=0.3)
    for nested in (False, True):
        arguments = {"factors": ("data", "init"), "nested": nested, "dims": ("points", "out")}
        half = bregman(potentials.gaussian)(f, target=target._replace(noise=0.15), **arguments)
        full = squared_error(f, target=target, **arguments)
        pairs = {"bias": "bias_squared", "total_variance": "total_variance", "risk": "risk"}
        if nested:
            pairs[("init(data)",)] = ("init(data)",)
        for ours, theirs in pairs.items():  # jackknives of a quadratic are exact
            np.testing.assert_allclose(2 * half.estimates[ours], full.estimates[theirs], rtol=1e-9, atol=1e-12)


@pytest.mark.thorough
def test_sources_that_act_only_together_leave_no_bias_behind():
    """η = 2 u v with a u for each data set and a v for each init: neither source explains anything alone."""

    def softplus(u, v):
        return np.logaddexp(0, 2 * u * v) * stats.norm.pdf(u) * stats.norm.pdf(v)

    exact = integrate.dblquad(softplus, -8, 8, -8, 8, epsabs=1e-8)[0] - np.log(2)
    rng = np.random.default_rng(11)
    eta = 2 * rng.normal(size=(8, 1, 20_000, 1)) * rng.normal(size=(1, 8, 20_000, 1))
    target = Target(mean=np.full((20_000, 1), 0.5), noise=0.0)
    result = bregman(potentials.bernoulli)(eta, factors=("data", "init"), target=target, dims=("points", "out"))
    for term, truth in {"total_variance": exact, ("data",): 0.0, ("init",): 0.0, "bias": 0.0}.items():
        values = result.per_point.estimates[term]
        assert (
            abs(values.mean() - truth) < 4 * values.std() / np.sqrt(20_000) + 0.01 * exact
        )  # second order at 8 levels


def test_three_factors_have_shares_by_every_order():
    eta = np.random.default_rng(6).normal(size=(3, 4, 5, 2, 3))
    result = cross_entropy(eta, factors=("a", "b", "c"), dims=("points", "out"))
    v = result.variance
    orders = [("a",), ("a(b)",), ("a(c)",), ("a(b,c)",)]
    expected = (2 * v[orders[0]] + v[orders[1]] + v[orders[2]] + 2 * v[orders[3]]) / 6
    np.testing.assert_allclose(result.shares["a"], expected, rtol=1e-12)
    np.testing.assert_allclose(sum(result.shares.values()), result.total_variance, rtol=1e-12)


def test_streamed_runs_have_the_terms_of_the_ordinary_jackknife_and_groups_correct_as_well():
    import jax

    def trial(keys):
        return 2 * jax.random.normal(keys["data"], (500, 1))

    gap = bregman(potentials.bernoulli)
    exact = expected_softplus(0, 4) - np.log(2)
    for num_runs in (5, 50):
        design = designs.independent(num_runs, "data")
        result = decompose(trial, design, jax.random.key(1), loss=gap, dims=("points", "out"))
        spread = result.per_point.estimates["total_variance"].std() / np.sqrt(500)
        assert abs(result.total_variance - exact) < 0.02 * exact + 4 * spread
    eta = np.random.default_rng(7).normal(size=(5, 500, 1))
    without = [naive(potentials.bernoulli, np.delete(eta, run, axis=0)) for run in range(5)]
    jackknife = 5 * naive(potentials.bernoulli, eta) - 4 * np.mean(without, axis=0)
    np.testing.assert_allclose(corrected(potentials.bernoulli, eta), jackknife, rtol=1e-10, atol=1e-12)


@pytest.mark.thorough
def test_standard_errors_cover():
    """Of 300 intervals for the gap of 24 runs at 40 points, about 95 % hold the truth."""
    exact = expected_softplus(0, 1) - np.log(2)
    rng, held = np.random.default_rng(8), 0
    for _ in range(300):
        result = bregman(potentials.bernoulli)(rng.normal(size=(24, 40, 1)), factors=("data",), dims=("points", "out"))
        low, high = result.intervals["total_variance"]
        held += low <= exact <= high
    assert stats.binom.sf(held, 300, 0.90) < 0.999  # not fewer than 90 %, up to chance
    assert held >= 260


def test_annotators_miller_and_madow_correct_the_entropy():
    pi, rng = np.array([0.5, 0.3, 0.2]), np.random.default_rng(9)
    counts = rng.multinomial(20, pi, size=4000)
    result = cross_entropy(
        np.zeros((3, 4000, 3)), factors=("data",), target=Target(counts=counts), dims=("points", "out")
    )
    noise, plug_in = result.per_point.estimates["noise"], stats.entropy(counts / 20, axis=1)
    exact = stats.entropy(pi)
    assert exact - plug_in.mean() > 0.04
    assert abs(noise.mean() - exact) < 0.1 * (exact - plug_in.mean()) + 4 * noise.std() / np.sqrt(4000)


def test_replicate_counts_have_their_poisson_noise():
    """E[y log y] - μ log μ, jackknifed over replicates."""
    rng = np.random.default_rng(10)
    labels = rng.poisson(3.0, size=(30, 3000)).astype(float)
    exact = float(
        (special.xlogy(np.arange(60), np.arange(60)) * stats.poisson.pmf(np.arange(60), 3)).sum() - 3 * np.log(3)
    )
    result = bregman(potentials.poisson)(np.zeros((3, 3000)), factors=("data",), target=Target(replicates=labels))
    noise = result.per_point.estimates["noise"]
    assert abs(noise.mean() - exact) < 4 * noise.std() / np.sqrt(3000)


def test_log_rates_beyond_the_doubles_are_refused_or_count_as_diverged():
    """A warning would be an error here: nothing overflows on the way."""
    import jax
    import jax.numpy as jnp

    poisson, target = bregman(potentials.poisson), Target(mean=np.ones(3))
    eta = np.zeros((6, 3))
    eta[2, 1] = 800.0
    with pytest.raises(ValueError, match="predictions up to 800, at which the Poisson loss"):
        poisson(eta, factors=("data",), target=target)
    eta[2, 1] = 150.0
    assert np.isfinite(poisson(eta, factors=("data",), target=target).standard_errors["excess_risk"])

    key, design = jax.random.key(0), designs.independent(30, "data")
    largest = max(
        float(jax.random.uniform(designs.keys_of_run(design, key, run)["data"])) for run in range(design.num_runs)
    )

    def trial(keys):
        draw = jax.random.uniform(keys["data"])
        return jnp.where(draw >= largest, 800.0, draw) * jnp.ones(3)

    with pytest.warns(UserWarning, match="1 diverged"):
        result = decompose(trial, design, key, loss=poisson, target=target)
    assert len(result.diverged) == 1
    assert all(np.isfinite(value) for value in result.estimates.values())


@pytest.mark.parametrize(
    ("loss", "shape", "target", "told"),
    [
        (cross_entropy, (4, 5, 1), None, "two or more classes"),
        (cross_entropy, (4, 5, 3), Target(mean=np.zeros((5, 3))), "exactly one of labels"),
        (cross_entropy, (4, 5, 3), Target(labels=np.full(5, 3)), "labels up to class 3 for predictions of 3 classes"),
        (bregman(potentials.bernoulli), (4, 5, 1), Target(mean=np.full((5, 1), 1.5)), "does not allow"),
        (bregman(potentials.poisson), (4, 5, 1), Target(labels=np.zeros(5)), "Nothing is broadcast"),
        (bregman(potentials.poisson), (4, 5, 1), Target(labels=np.array(list("abcab"))), "np.unique"),
    ],
)
def test_bad_targets_are_refused_with_a_remedy(loss, shape, target, told):
    with pytest.raises(ValueError, match=told):
        loss(np.zeros(shape), factors=("data",), target=target, dims=("points", "out"))

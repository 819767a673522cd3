"""Problems with a known truth: the laws of inputs and labels, and the mean and noise of those labels."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, ScalarLike

from jaxdl.admission import as_array
from jaxdl.kinds import as_count, as_key, as_scalar, check_function
from jaxdl.rounding import product
from jaxdl.types import Dataset, Key, Keys

__all__ = ["Problem", "gaussian_linear", "noisy_sine", "regression", "teacher_network", "two_moons"]

TEST_POINTS_SEED = 40_961
"""Seed of every random set of test points; a common seed could make them somebody's training inputs."""


class Problem(NamedTuple):
    """A joint law of inputs and labels, with the conditional mean and noise that decompose a squared error.

    Every factory below returns one; build another by giving the five functions, or four of them to `regression`.

    >>> problem = noisy_sine(noise_std=0.3)
    >>> problem.sample({"data": jax.random.key(0)}, 20).y.shape
    (20, 1)
    """

    inputs: Callable[[Key, int], Float[Array, "n features"]]
    """`(key, num_examples) -> x "n features"`: independent draws from the law of the inputs."""
    labels: Callable[[Key, Float[Array, "n features"]], Float[Array, "n out"]]
    """`(key, x) -> y "n out"`: one noisy label for each row of x."""
    mean: Callable[[Float[Array, "points features"]], Float[Array, "points out"]]
    """`E[y | x]`."""
    noise: Callable[[Float[Array, "points features"]], Float[Array, " points"]]
    """`E[|y - mean(x)|² | x]`, summed over outputs."""
    test_points: Callable[[int], Float[Array, "points features"]]
    """`num_points -> x "points features"`: the same points at each call."""

    def sample(self, keys: Keys, num_examples: int) -> Dataset:
        """A fresh training set, all weights one.

        Reads the sources `"inputs"` and `"labels"` where `keys` has inputs, so that a design can vary them apart;
        otherwise `"data"`, which draws both.

        Raises:
            ValueError: fewer than one example.
        """
        num_examples = as_count("num_examples", num_examples)
        if "inputs" in keys:
            key_inputs, key_labels = keys["inputs"], keys["labels"]
        else:
            key_inputs, key_labels = jax.random.split(keys["data"])
        x = self.inputs(key_inputs, num_examples)
        return Dataset(x, self.labels(key_labels, x), jnp.ones(num_examples, x.dtype))

    def sample_at(self, keys: Keys, x: Float[Array, "n features"]) -> Dataset:
        """Fresh labels at fixed inputs, all weights one, for the variance of a fixed design.

        Reads the source `"labels"` where `keys` has it, otherwise `"data"`.
        """
        key_labels = keys["labels"] if "labels" in keys else keys["data"]
        x = _inputs(x)
        return Dataset(x, self.labels(key_labels, x), jnp.ones(x.shape[0], x.dtype))


def regression(
    inputs: Callable[[Key, int], Float[Array, "n features"]],
    mean: Callable[[Float[Array, "n features"]], Float[Array, "n out"]],
    test_points: Callable[[int], Float[Array, "points features"]],
    *,
    noise_std: ScalarLike,
) -> Problem:
    """The problem `y = mean(x) + ε` with `ε ~ N(0, noise_std² I)`, independent of x.

    >>> draw = lambda key, num_examples: jax.random.normal(key, (num_examples, 2))
    >>> problem = regression(draw, lambda x: x, lambda num_points: jnp.ones((num_points, 2)), noise_std=0.5)
    >>> problem.noise(problem.test_points(3)).tolist()
    [0.5, 0.5, 0.5]
    """
    for name, function, parameters in (
        ("inputs", inputs, ("key", "num_examples")),
        ("mean", mean, ("x",)),
        ("test_points", test_points, ("num_points",)),
    ):
        check_function(name, function, parameters, "the example of `regression` shows three")
    _check_scale("noise_std", noise_std, is_zero_allowed=True)

    def labels(key: Key, x: Float[Array, "n features"]) -> Float[Array, "n out"]:
        y = mean(x)
        return y + noise_std * jax.random.normal(key, y.shape, y.dtype)

    def noise(x: Float[Array, "points features"]) -> Float[Array, " points"]:
        y = mean(x)
        num_points, num_outputs = y.shape
        return jnp.full(num_points, num_outputs * noise_std**2, y.dtype)

    return Problem(inputs, labels, mean, noise, test_points)


def noisy_sine(noise_std: ScalarLike = 0.3) -> Problem:
    """One smooth curve, `y = sin(πx) + x/2 + ε` with `x ~ U[-1, 1]` and `ε ~ N(0, noise_std²)`.

    `test_points(m)` are the midpoints of m equal cells of [-1, 1]: a mean over them is the midpoint rule for the
    uniform law of x.

    >>> noisy_sine().test_points(4).ravel().tolist()
    [-0.75, -0.25, 0.25, 0.75]
    """

    def inputs(key: Key, num_examples: int) -> Float[Array, "n 1"]:
        return jax.random.uniform(key, (num_examples, 1), minval=-1.0, maxval=1.0)

    def mean(x: Float[Array, "n features"]) -> Float[Array, "n 1"]:
        x = _inputs(x, 1)
        return jnp.sin(jnp.pi * x) + x / 2

    def test_points(num_points: int) -> Float[Array, "points 1"]:
        num_points = as_count("num_points", num_points)
        return ((2 * jnp.arange(num_points) + 1.0) / num_points - 1.0)[:, None]

    return regression(inputs, mean, test_points, noise_std=noise_std)


def gaussian_linear(coefficients: Float[Array, " features"], noise_std: ScalarLike) -> Problem:
    """The linear model `y = xᵀβ + ε` with `x ~ N(0, I_D)`, `ε ~ N(0, noise_std²)` and `β = coefficients`.

    `test_points(D)` are the rows of `√D I`: over them the mean of `(xᵀ(b - β))²` is exactly `|b - β|²`, its expectation
    under `N(0, I)`, for every b. `test_points(m)` with another m is one fixed draw from `N(0, I)`, by
    `jax.random.key(TEST_POINTS_SEED)`: there the expectation is only approximated, to order `1/√m`.

    Raises:
        ValueError: `coefficients` is not a vector of finite numbers.

    >>> gaussian_linear(jnp.array([1.0, -1.0]), noise_std=0.1).mean(jnp.array([[2.0, 0.5]])).tolist()
    [[1.5]]
    """
    coefficients = as_array("coefficients", coefficients)
    if coefficients.ndim != 1 or coefficients.size == 0:
        msg = (
            f"coefficients: got shape {coefficients.shape}, expected (features,), one slope for each feature; a column becomes a "
            "vector by coefficients[:, 0]"
        )
        raise ValueError(msg)
    if not (isinstance(coefficients, jax.core.Tracer) or np.isfinite(coefficients).all()):
        msg = f"coefficients: got {coefficients}, expected finite numbers"
        raise ValueError(msg)
    (num_features,) = coefficients.shape
    inputs = _standard_normal(num_features, jnp.result_type(coefficients, float))

    def mean(x: Float[Array, "n features"]) -> Float[Array, "n 1"]:
        x = _inputs(x, num_features)
        return product(x, coefficients[:, None].astype(x.dtype))

    def test_points(num_points: int) -> Float[Array, "points features"]:
        num_points = as_count("num_points", num_points)
        if num_points == num_features:
            return np.sqrt(num_features) * jnp.eye(num_features, dtype=jnp.result_type(coefficients, float))
        return inputs(jax.random.key(TEST_POINTS_SEED), num_points)

    return regression(inputs, mean, test_points, noise_std=noise_std)


def teacher_network(
    key: Key, num_features: int, width: int, *, num_outputs: int = 1, noise_std: ScalarLike = 0.3
) -> Problem:
    """A fixed random network as the truth, `y = Vᵀ tanh(Wᵀx + b) + ε` with `x ~ N(0, I)`, `ε ~ N(0, noise_std² I)`.

    The teacher is drawn from `key` once: elementwise `W ~ N(0, 1/num_features)`, `b ~ N(0, 1)`, `V ~ N(0, 1/width)`.
    `test_points(m)` is one fixed draw from `N(0, I)`, by `jax.random.key(TEST_POINTS_SEED)`.

    Raises:
        ValueError: a dimension is less than one.

    >>> teacher_network(jax.random.key(0), 3, 8).mean(jnp.zeros((5, 3))).shape
    (5, 1)
    """
    num_features, width = as_count("num_features", num_features), as_count("width", width)
    num_outputs = as_count("num_outputs", num_outputs)
    _check_scale("noise_std", noise_std, is_zero_allowed=True)
    key_hidden, key_bias, key_readout = jax.random.split(as_key("key", key), 3)
    hidden = jax.random.normal(key_hidden, (num_features, width)) / np.sqrt(num_features)
    bias = jax.random.normal(key_bias, (1, width))
    readout = jax.random.normal(key_readout, (width, num_outputs)) / np.sqrt(width)
    inputs = _standard_normal(num_features, hidden.dtype)

    def mean(x: Float[Array, "n features"]) -> Float[Array, "n out"]:
        x = _inputs(x, num_features)
        w, b, v = (array.astype(x.dtype) for array in (hidden, bias, readout))
        return product(jnp.tanh(product(x, w) + b), v)

    def test_points(num_points: int) -> Float[Array, "points features"]:
        num_points = as_count("num_points", num_points)
        return inputs(jax.random.key(TEST_POINTS_SEED), num_points)

    return regression(inputs, mean, test_points, noise_std=noise_std)


def two_moons(spread: ScalarLike = 0.2, *, num_centers: int = 16) -> Problem:
    """Two interleaving half circles whose class probabilities are known exactly.

    Class c, each with probability 1/2, scatters x about K = `num_centers` centers spaced evenly on its half circle:
    `x | c ~ (1/K) Σ_k N(μ_ck, spread² I)` with `μ_0k = (cos t_k, sin t_k)`, `μ_1k = (1 - cos t_k, 1/2 - sin t_k)` and
    `t_k = πk / (K - 1)`, k from 0. So `P(c | x) ∝ Σ_k exp(-|x - μ_ck|² / (2 spread²))`, exactly.
    Labels are one-hot rows drawn from `P(c | x)`; hence `mean(x)` is `P(· | x)` and `noise(x)` is `Σ_c P_c (1 - P_c)`.
    `test_points(m)` is one fixed draw from the law of x, by `jax.random.key(TEST_POINTS_SEED)`.

    Raises:
        ValueError: fewer than two centers, or a spread that is not positive.

    >>> two_moons().mean(jnp.array([[0.5, 0.25]])).round(3).tolist()        # the center of symmetry
    [[0.5, 0.5]]
    """
    _check_scale("spread", spread, is_zero_allowed=False)
    num_centers = as_count("num_centers", num_centers, low=2, remedy="a half circle has two ends")
    angles = np.linspace(0.0, np.pi, num_centers)
    upper = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    centers = np.stack([upper, [1.0, 0.5] - upper])

    def inputs(key: Key, num_examples: int) -> Float[Array, "n 2"]:
        key_center, key_scatter = jax.random.split(key)
        indices = jax.random.randint(key_center, (num_examples,), 0, 2 * num_centers)
        scatter = jax.random.normal(key_scatter, (num_examples, 2))
        return jnp.asarray(centers, scatter.dtype).reshape(-1, 2)[indices] + spread * scatter

    def log_probabilities(x: Float[Array, "n features"]) -> Float[Array, "n 2"]:
        x = _inputs(x, 2)
        offsets = x[:, None, None, :] - jnp.asarray(centers, x.dtype)[None]
        log_densities = -jnp.sum(offsets**2, axis=-1) / (2 * spread**2)
        return jax.nn.log_softmax(jax.nn.logsumexp(log_densities, axis=-1), axis=-1)

    def labels(key: Key, x: Float[Array, "n features"]) -> Float[Array, "n 2"]:
        log_p = log_probabilities(x)
        return jax.nn.one_hot(jax.random.categorical(key, log_p, axis=-1), 2, dtype=log_p.dtype)

    def mean(x: Float[Array, "points features"]) -> Float[Array, "points 2"]:
        return jnp.exp(log_probabilities(x))

    def noise(x: Float[Array, "points features"]) -> Float[Array, " points"]:
        p = mean(x)
        return jnp.sum(p * (1 - p), axis=-1)

    def test_points(num_points: int) -> Float[Array, "points 2"]:
        num_points = as_count("num_points", num_points)
        return inputs(jax.random.key(TEST_POINTS_SEED), num_points)

    return Problem(inputs, labels, mean, noise, test_points)


def _standard_normal(num_features: int, dtype: jnp.dtype) -> Callable[[Key, int], Float[Array, "n features"]]:
    """`(key, num_examples) -> x`, independent draws from `N(0, I)`."""
    return lambda key, num_examples: jax.random.normal(key, (num_examples, num_features), dtype)


def _check_scale(name: str, value: ScalarLike, *, is_zero_allowed: bool) -> None:
    """Raise unless a standard deviation is one finite number, where it is at hand; as it is given it keeps its weak type."""
    if isinstance(value, jax.core.Tracer):
        return
    expected = f"a finite number, {'0 or more' if is_zero_allowed else 'above 0'}"
    as_scalar(
        name,
        value,
        expected=expected,
        allowed=lambda scale: 0 < scale < np.inf or (is_zero_allowed and scale == 0),
        remedy="a standard deviation in the units of y",
    )


def _inputs(x: Float[Array, "n features"], num_features: int | None = None) -> Float[Array, "n features"]:
    """`x` as a JAX array of floats: a problem's constants follow its precision, and whole numbers would cut them off."""
    x = as_array("x", x)
    if x.ndim < 2 or (num_features is not None and x.shape[1:] != (num_features,)):
        msg = (
            f"x: got shape {x.shape}, expected (n, {num_features or 'features'}), one row for each example; one example becomes a "
            "row by x[None, :], one feature a column by x[:, None]"
        )
        raise ValueError(msg)
    return x if jnp.issubdtype(x.dtype, jnp.floating) else x.astype(float)

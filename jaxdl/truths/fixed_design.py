"""Linear regression on fixed inputs: ridge and gradient descent as spectral filters, with exact terms at every step."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Float

from jaxdl import designs, learners, losses, models, objectives
from jaxdl.decomposition import Target
from jaxdl.decomposition.estimates import Term
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Dataset, Keys

NOISE = 0.25


def inputs() -> Float[np.ndarray, "n features"]:
    """30 examples of 8 features whose scales halve one after another; the coefficients are all one."""
    return np.random.default_rng(0).normal(size=(30, 8)) * 0.5 ** np.arange(8)


def ridge_regression(*, strength: float = 1.0, num_runs: int = 400) -> tuple[Study, Exact]:
    """Argmin |Xw - y|² + lambda |w|² at the training inputs; filter g = s²/(s² + lambda) (Hastie et al., ESL, 3.47).

    With X = U diag(s) V': bias² = (1/n) sum (1 - g)² s² (v'b)², variance = (sigma²/n) sum g².

    >>> study, exact = ridge_regression(strength=10.0)
    >>> round(float(exact["bias_squared"]), 8)
    0.22332311
    """
    x = inputs()
    terms = filter_terms(lambda s: s**2 / (s**2 + strength), init_std=0.0)
    exact = exact_terms(terms.bias_squared, {("labels",): terms.labels}, NOISE)
    model = models.linear(intercept=False)
    fit = learners.ridge(model, strength)

    def trial(keys: Keys) -> jax.Array:
        return model.apply(fit(keys, _noisy(keys, x)), jnp.asarray(x))

    design = designs.independent(num_runs, "labels")
    target = Target(mean=x.sum(axis=1, keepdims=True), noise=NOISE)
    return simulated(f"ridge, strength {strength:g}", trial, design, target, ("points", "out")), exact


def stopped_descent(
    *,
    times: Sequence[int] = (10, 100, 1000),
    learning_rate: float = 0.5,
    init_std: float = 1.0,
    num_labels: int = 64,
    num_inits: int = 32,
) -> tuple[Study, Exact]:
    """Gradient descent on |Xw - y|²/(2n) from w_0 ~ N(0, tau² I), stopped at several times.

    It is a training loop with an exact answer, by the filter g = 1 - (1 - eta s²/n)^t (Ali, Kolter & Tibshirani, 2019). At the
    training inputs, with X = U diag(s) V',

        bias² = (1/n) sum (1 - g)² s² (v'b)²,  V_labels = (sigma²/n) sum g²,  V_init = (tau²/n) sum (1 - g)² s²,

    and no interaction.

    >>> study, exact = stopped_descent(times=(10, 100))
    >>> exact[("init",)].round(8).tolist()
    [0.07921747, 0.00601035]
    """
    x = inputs()
    steps = np.asarray(times)[:, None]
    terms = filter_terms(lambda s: 1 - (1 - learning_rate * s**2 / len(x)) ** steps, init_std)
    components: dict[Term, Any] = {
        ("labels",): terms.labels,
        ("init",): terms.init,
        ("labels", "init"): np.zeros(len(times)),
    }
    exact = exact_terms(terms.bias_squared, components, np.full(len(times), NOISE))
    model = models.linear(intercept=False, init_std=init_std)
    objective = objectives.empirical_risk(model, losses.half_squared_error)
    fit = learners.gradient_descent(model, objective, optax.sgd(learning_rate), num_steps=max(times), times=times)

    def trial(keys: Keys) -> jax.Array:
        trajectory = fit(keys, _noisy(keys, x))
        return jax.vmap(model.apply, in_axes=(0, None))(trajectory, jnp.asarray(x))

    design = designs.crossed(labels=num_labels, init=num_inits)
    target = Target(mean=x.sum(axis=1, keepdims=True), noise=NOISE)
    return simulated("gradient descent", trial, design, target, ("times", "points", "out")), exact


class FilterTerms(NamedTuple):
    """The terms of a spectral filter, without noise."""

    bias_squared: Float[np.ndarray, "*times"]
    labels: Float[np.ndarray, "*times"]
    init: Float[np.ndarray, "*times"]


def filter_terms(filter_of: Callable[[np.ndarray], np.ndarray], init_std: float) -> FilterTerms:
    """bias², V_labels and V_init of a spectral filter `g(s)`, whose last axis runs over singular values."""
    x = inputs()
    _, singular_values, right = np.linalg.svd(x, full_matrices=False)
    g = filter_of(singular_values)
    aligned = right.sum(axis=1)  # v'b with b = 1
    return FilterTerms(
        bias_squared=np.asarray(((1 - g) ** 2 * singular_values**2 * aligned**2).sum(-1) / len(x)),
        labels=np.asarray(NOISE * (g**2).sum(-1) / len(x)),
        init=np.asarray(init_std**2 * ((1 - g) ** 2 * singular_values**2).sum(-1) / len(x)),
    )


def _noisy(keys: Keys, inputs: Float[np.ndarray, "n features"]) -> Dataset:
    x = jnp.asarray(inputs)
    mean = x.sum(axis=1, keepdims=True)
    return Dataset(x, mean + NOISE**0.5 * jax.random.normal(keys["labels"], mean.shape), jnp.ones(len(x)))

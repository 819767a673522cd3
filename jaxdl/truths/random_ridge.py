"""Ridge regression on one random feature: an exact split by source, where the shrinkage is random."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from scipy import integrate

from jaxdl import designs, learners, models
from jaxdl.decomposition import Target
from jaxdl.decomposition.estimates import Term
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Dataset, Keys


def random_ridge(
    *,
    num_examples: int = 10,
    strength: float = 5.0,
    signal: float = 1.0,
    noise_std: float = 0.5,
    num_inputs: int = 64,
    num_labels: int = 8,
) -> tuple[Study, Exact]:
    """Argmin |x w - y|² + lambda w² with x ~ N(0, I_n), y = beta x + sigma e, beta² = `signal`, crossed over x and e.

    The fitted weight is beta s/(s + lambda) + sigma x'e/(s + lambda) with s = |x|² ~ chi² of n degrees of freedom. With

        A = E 1/(s + lambda)  = int_0^inf   exp(-lambda t) (1 + 2t)^(-n/2) dt,
        B = E 1/(s + lambda)² = int_0^inf t exp(-lambda t) (1 + 2t)^(-n/2) dt,

        bias² = beta² lambda² A²,   V_inputs = beta² lambda² (B - A²),   V_labels = 0,   interaction = sigma² (A - lambda B)

    The label noise alone has no component: flipping the sign of x flips the fitted noise.

    Raises:
        ValueError: a strength that is not positive.

    >>> study, exact = random_ridge()
    >>> print(*(f"{exact[term]:.6f}" for term in ("bias_squared", ("inputs",), ("inputs", "labels"))))
    0.131518 0.011231 0.010995
    """
    if strength <= 0 or num_examples < 1:
        msg = f"strength: got {strength} with num_examples={num_examples}, expected a positive strength and at least one example"
        raise ValueError(msg)
    inverse, inverse_square = (
        integrate.quad(lambda t: t**power * math.exp(-strength * t) * (1 + 2 * t) ** (-num_examples / 2), 0, np.inf)[0]  # noqa: B023
        for power in (0, 1)
    )
    noise = noise_std**2
    bias = signal * strength**2 * inverse**2
    inputs = signal * strength**2 * (inverse_square - inverse**2)
    interaction = noise * (inverse - strength * inverse_square)
    components: dict[Term, float] = {("inputs",): inputs, ("labels",): 0.0, ("inputs", "labels"): interaction}
    coefficient = math.sqrt(signal)
    model = models.linear(intercept=False)
    fit = learners.ridge(model, strength)
    # Their mean square is that of a standard normal input.
    points = jnp.array([[-1.0], [1.0]])

    def trial(keys: Keys) -> jax.Array:
        x = jax.random.normal(keys["inputs"], (num_examples, 1))
        y = coefficient * x + noise_std * jax.random.normal(keys["labels"], x.shape)
        return model.apply(fit(keys, Dataset(x, y, jnp.ones(num_examples))), points)

    target = Target(mean=coefficient * np.asarray(points), noise=noise)
    design = designs.crossed(inputs=num_inputs, labels=num_labels)
    study = simulated("ridge, random design", trial, design, target, ("points", "out"))
    return study, exact_terms(bias, components, noise)

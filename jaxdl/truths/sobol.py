"""The Sobol g-function, a product of sources with every interaction (Saltelli & Sobol, 1995)."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import designs
from jaxdl.decomposition import Target
from jaxdl.decomposition.estimates import Term
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Keys


def sobol_g(
    *, coefficients: tuple[float, ...] = (0.0, 0.5, 1.0), levels: tuple[int, ...] = (16, 16, 16)
) -> tuple[Study, Exact]:
    """F = prod_j (|4 x_j - 2| + a_j) / (1 + a_j) with x_j uniform on [0, 1], compared with its mean of one.

        V_u = prod_{j in u} 1 / (3 (1 + a_j)²)      for every set u of sources x1, x2, ...

    Raises:
        ValueError: another number of levels than of coefficients, or a negative coefficient.

    >>> study, exact = sobol_g(coefficients=(0.0, 1.0), levels=(8, 8))
    >>> round(float(exact["x1", "x2"]), 6)
    0.027778
    """
    if len(coefficients) != len(levels) or min(coefficients, default=-1.0) < 0:
        msg = f"coefficients: got {coefficients} with levels={levels}, expected as many of one as of the other, and none negative"
        raise ValueError(msg)
    names = [f"x{number}" for number in range(1, len(coefficients) + 1)]
    a = jnp.asarray(coefficients)

    def trial(keys: Keys) -> jax.Array:
        x = jnp.stack([jax.random.uniform(keys[name]) for name in names])
        return jnp.prod((jnp.abs(4 * x - 2) + a) / (1 + a))[None]

    own = {name: 1 / (3 * (1 + value) ** 2) for name, value in zip(names, coefficients, strict=True)}
    subsets = [u for size in range(1, len(names) + 1) for u in itertools.combinations(names, size)]
    components: dict[Term, float] = {subset: math.prod(own[name] for name in subset) for subset in subsets}
    design = designs.crossed(**dict(zip(names, levels, strict=True)))
    study = simulated("Sobol g-function", trial, design, Target(mean=np.ones(1), noise=0.0))
    return study, exact_terms(0.0, components, 0.0)

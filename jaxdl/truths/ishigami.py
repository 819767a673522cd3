"""The Ishigami function of three sources, one of which acts only through an interaction (Ishigami & Homma, 1990)."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import designs
from jaxdl.decomposition import Target
from jaxdl.decomposition.estimates import Term
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Keys


def ishigami(*, levels: tuple[int, int, int] = (32, 32, 32), a: float = 7.0, b: float = 0.1) -> tuple[Study, Exact]:
    """F = sin x1 + a sin² x2 + b x3⁴ sin x1 with x1, x2, x3 uniform on [-pi, pi], compared with a truth of zero
    without noise.

        E f = a/2,  V_1 = (1 + b pi⁴/5)²/2,  V_2 = a²/8,  V_13 = 8 b² pi⁸/225,  all others 0.

    >>> study, exact = ishigami()
    >>> round(float(exact["total_variance"]), 6)
    13.844588
    """

    def trial(keys: Keys) -> jax.Array:
        x1, x2, x3 = (jax.random.uniform(keys[name], minval=-math.pi, maxval=math.pi) for name in ("x1", "x2", "x3"))
        return (jnp.sin(x1) + a * jnp.sin(x2) ** 2 + b * x3**4 * jnp.sin(x1))[None]

    first, second, interaction = (1 + b * math.pi**4 / 5) ** 2 / 2, a**2 / 8, 8 * b**2 * math.pi**8 / 225
    components: dict[Term, float] = {
        ("x1",): first,
        ("x2",): second,
        ("x3",): 0.0,
        ("x1", "x2"): 0.0,
        ("x1", "x3"): interaction,
        ("x2", "x3"): 0.0,
        ("x1", "x2", "x3"): 0.0,
    }
    design = designs.crossed(**dict(zip(("x1", "x2", "x3"), levels, strict=True)))
    study = simulated("Ishigami function", trial, design, Target(mean=np.zeros(1), noise=0.0))
    return study, exact_terms((a / 2) ** 2, components, 0.0)

"""Random effects with known variances: tables of predictions, crossed, nested, or averaged over seeds."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from jaxdl import designs
from jaxdl.decomposition import Target
from jaxdl.decomposition.estimates import Term
from jaxdl.rounding import product
from jaxdl.truths.gaussian_process import bias_at, covariance, square_root
from jaxdl.truths.study import Exact, Study, exact_terms, simulated
from jaxdl.types import Keys, Trial

NUM_POINTS, NOISE = 20, 0.25
Variances = tuple[float, float, float]
VARIANCES: Variances = (0.3, 0.1, 0.2)


def crossed_effects(
    *, variances: Variances = VARIANCES, num_data: int = 32, num_inits: int = 16
) -> tuple[Study, Exact]:
    """Predictions b + sqrt(V_D) a(data) + sqrt(V_S) s(init) + sqrt(V_DS) u(data) v(init), crossed: all is identified.

    a, s, u, v are independent standard normal vectors, correlated over test points; the product uv has mean zero given
    either factor, and is therefore pure interaction. `variances` are V_D, V_S, V_DS, and b(x) = 0.3 sin 3x.

    >>> study, exact = crossed_effects(variances=(1.0, 0.0, 2.0))
    >>> float(exact["data", "init"]), float(exact["total_variance"])
    (2.0, 3.0)
    """
    data, init, interaction = variances
    components: dict[Term, float] = {("data",): data, ("init",): init, ("data", "init"): interaction}
    design = designs.crossed(data=num_data, init=num_inits)
    return _study("crossed effects", _effects(variances), design), _exact(components)


def nested_effects(*, variances: Variances = VARIANCES, num_data: int = 32, num_inits: int = 4) -> tuple[Study, Exact]:
    """The runs of `crossed_effects` with seeds drawn anew for each data set, as Neal et al. (2018) split the variance.

    Var E[f|data] = V_D, but E Var[f|data] = V_S + V_DS: the variance of the seeds in a nested design contains all of their
    interaction with the data.

    >>> study, exact = nested_effects(variances=(1.0, 0.5, 2.0))
    >>> float(exact["init(data)",])
    2.5
    """
    data, init, interaction = variances
    components: dict[Term, float] = {("data",): data, ("init(data)",): init + interaction}
    design = designs.nested(data=num_data, init=num_inits)
    return _study("nested effects", _effects(variances), design), _exact(components)


def ensemble_mean(
    *, variances: Variances = VARIANCES, num_members: int = 4, num_data: int = 32, num_inits: int = 8
) -> tuple[Study, Exact]:
    """The mean of B members of `crossed_effects` that share their data, as an ensemble over seeds.

        Var = V_D + (V_S + V_DS)/B

    Source: Hastie, Tibshirani & Friedman, ESL, 15.1, with correlation V_D / (V_D + V_S + V_DS) between members.

    >>> study, exact = ensemble_mean(variances=(1.0, 0.5, 1.5), num_members=4)
    >>> float(exact["total_variance"])
    1.5
    """
    data, init, interaction = variances
    components: dict[Term, float] = {
        ("data",): data,
        ("init",): init / num_members,
        ("data", "init"): interaction / num_members,
    }
    design = designs.crossed(data=num_data, init=num_inits)
    return _study(f"mean of {num_members} seeds", _effects(variances, num_members), design), _exact(components)


def _effects(variances: Variances, num_members: int = 1) -> Trial:
    """The mean prediction of some members that share a(data) and u(data)."""
    data, init, interaction = (variance**0.5 for variance in variances)
    root = jnp.asarray(square_root(covariance(_points(), 1.0)))
    bias = jnp.asarray(bias_at(_points()))

    def trial(keys: Keys) -> jax.Array:
        of_data, joint_data = product(jax.random.normal(keys["data"], (2, NUM_POINTS)), root.T)
        of_init, joint_init = product(jax.random.normal(keys["init"], (num_members, 2, NUM_POINTS)), root.T).mean(
            axis=0
        )
        return bias + data * of_data + init * of_init + interaction * joint_data * joint_init

    return trial


def _points() -> Float[np.ndarray, " points"]:
    return np.linspace(0, 1, NUM_POINTS)


def _study(name: str, trial: Trial, design: designs.Design) -> Study:
    return simulated(name, trial, design, Target(mean=np.zeros(NUM_POINTS), noise=NOISE))


def _exact(components: dict[Term, float]) -> Exact:
    return exact_terms(float((bias_at(_points()) ** 2).mean()), components, NOISE)

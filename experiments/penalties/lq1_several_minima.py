"""With the penalty |w|^q and q < 1 the loss has several minima, unless the penalty is so strong that zero alone is left.

Says: q < 1 is still sparser and not convex; L0 and L_p are norms.
Source: S4, on general penalties; Frank & Friedman (1993).
Textbook: ESL 3.4.3.
Theory: A theorem: the slope of |w|^q at zero is infinite, so that w = 0 is a strict minimum at any strength, and so is
    any minimum over the weights of some inputs alone, the others zero; a strength that is large enough leaves none of
    these. For q >= 1 the loss is convex, and here strictly.
Errs: "The Lp norm is (Σ xᵢᵖ)^(1/p), and L0 is one of these norms." (S4): (Σ |xᵢ|ᵖ)^(1/p), a norm for p ≥ 1 only. For p
    < 1 the triangle inequality fails and the penalty is not convex; L0, the number of entries that are not zero, is no
    norm either.
Scope: Gaussian linear problems with 40 examples of 8 inputs, 2 of which matter; q = 1/2, and four strengths.
Looks: A part of K022 until 2026-11-26: full runs at seeds 0 and 1 counted where proximal steps end, which jump over
    minima, and found several on 73 % of the data sets.
See: K022 (the same penalties)
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Scalar

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.penalties.minima import SLOPE, num_minima
from experiments.penalties.sparse import draw, proximal
from jaxdl import designs, plots
from jaxdl.statistics import Estimate, Interval, means
from jaxdl.types import Keys, Trial

APART = 1e-6
SIZES = {"quick": {"problems": 24}, "full": {"problems": 256, "seed": 26}, "smallest": {"problems": 3}}
CRITERION = f"""At q = 1/2 every data set has, at every strength, beside zero a minimum on some set of inputs: there no
weight is zero, the slope is below {SLOPE:g} and the Hessian positive definite, which is a proof. At q = 1, 3/2 and 2
descent from random starts ends within {APART:g} of one place."""

SHAPE, NUM_NONZERO, SIGNAL = (40, 8), 2, 5.0
NUM_STARTS, NUM_STEPS = 8, 300
STRENGTHS = np.array([0.01, 0.03, 0.1, 0.3])
CONVEX = (1.0, 1.5, 2.0)


def trial_of(times: float) -> Trial:
    """`keys` -> for each strength the number of minima at q = 1/2, where it is so many times as large, and the spread of ends."""

    def trial(keys: Keys) -> dict[str, Array]:
        train = draw(designs.tied(keys, validation="data"), NUM_NONZERO, SIGNAL, shape=SHAPE).train
        moments, products = train.x.T @ train.x / SHAPE[0], (train.x.T @ train.y)[:, 0] / SHAPE[0]
        starts = jax.random.normal(keys["starts"], (NUM_STARTS, SHAPE[1]))

        def spread(strength: Scalar, exponent: Scalar) -> Scalar:
            ends = jax.vmap(lambda start: proximal(train, exponent, strength, NUM_STEPS, start)[0])(starts)
            return jnp.max(jnp.linalg.norm(ends - ends[:1], axis=1))

        return {
            "minima": jax.vmap(lambda strength: num_minima(moments, products, times * strength, 0.5))(
                jnp.array(STRENGTHS)
            ),
            "spread": jax.vmap(jax.vmap(spread, (0, None)), (None, 0))(jnp.array(STRENGTHS), jnp.array(CONVEX)),
        }

    return trial


def judged(lab: Lab, times: float = 1.0) -> Finding:
    """Minima by the sets of inputs that they use, zero among them."""
    with jax.enable_x64(True):
        design = designs.independent(lab["problems"], "data", "starts")
        found = lab.run("minima", trial_of(times), design, block=4).outputs
    several = (found["minima"] > 1).all(axis=1)
    number = means(found["minima"].T)
    farthest = found["spread"].max()
    at = number.estimate
    return Finding(
        what="share of the data sets with several minima at every strength, q = 1/2",
        shown=Estimate(float(several.mean()), Interval(np.nan, np.nan)),
        verdict=exact(bool(several.all() and farthest < APART)),
        reading=f"Of the {2 ** SHAPE[1]} sets of inputs {at[0]:.0f} have a minimum at a strength of {STRENGTHS[0]:g} on average "
        f"and {at[-1]:.0f} at {STRENGTHS[-1]:g}, zero among them. For q >= 1 ends of descent lie within {farthest:.0e}.",
        reference={"bar": 1.0},
        tables={
            "Minima at q = 1/2, and the largest distance of ends of descent at others": {
                "strength": STRENGTHS,
                "mean number of minima ± s.e.": number,
                "fewest": found["minima"].min(axis=0),
                **{f"distance, q = {each:g}": found["spread"][:, row].max(axis=0) for row, each in enumerate(CONVEX)},
            }
        },
        figures={
            "Sets of inputs on which there is a minimum, for q = 1/2": plots.against(
                STRENGTHS, {"q = 1/2": number}, log=True, xlabel="strength", ylabel="number of minima",
                levels={"convex": 1.0, "all sets": 2.0 ** SHAPE[1]},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Strengths so large that zero alone is a minimum."""
    return judged(lab, times=100.0)

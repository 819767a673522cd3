"""Of the penalties |w|^q only q = 2 does not care for rotations of the inputs.

Says: q = 2 is invariant to rotations.
Source: S4, on general penalties; Frank & Friedman (1993).
Textbook: ESL 3.4.3.
Theory: |Hw| = |w| for orthogonal H, so that the solution for inputs xH, turned back, is the same. Other balls have
    axes.
Scope: Gaussian linear problems with 100 examples of 50 inputs, 5 of which matter; one strength; reflections that mix
    all inputs.
Looks: A part of K022 until 2026-11-26, judged by an interval of the mean at seeds 0 and 1; a counterexample is a proof,
    so it is exact since.
See: K022 (the same penalties)
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Scalar

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.penalties.sparse import EXPONENTS, NUM_NONZERO, SIGNAL, draw, proximal
from jaxdl import designs, plots
from jaxdl.statistics import Estimate, Interval
from jaxdl.types import Keys

IDENTITY = 1e-8
MOVED = 1e-3
SIZES = {"quick": {"problems": 16}, "full": {"problems": 128, "seed": 26}, "smallest": {"problems": 3}}
CRITERION = f"""On every problem the solution at q = 2 for mirrored inputs, mirrored back, is that for the inputs within
{IDENTITY:g} of its norm (double precision); at q in {tuple(q for q in EXPONENTS if q != 2)} it is more than {MOVED:g}
away. Each problem is a proof, so that nothing has an interval."""

STRENGTH, NUM_STEPS = 0.05, 1000


def trial(keys: Keys, q: Scalar) -> dict[str, Array]:
    """How far the solution moves, as a share of its norm, and the residuals."""
    train = draw(designs.tied(keys, validation="data"), NUM_NONZERO, SIGNAL).train
    v = jax.random.normal(keys["mirror"], (train.x.shape[1], 1))
    mirror = jnp.eye(len(v)) - 2 * v @ v.T / jnp.sum(v**2)
    one, residual = proximal(train, q, STRENGTH, NUM_STEPS)
    other, _ = proximal(train._replace(x=train.x @ mirror), q, STRENGTH, NUM_STEPS)
    return {"moved": jnp.linalg.norm(mirror @ other - one) / jnp.linalg.norm(one), "residual": residual}


def judged(lab: Lab, invariant: float = 2.0) -> Finding:
    """All exponents on the same problems and mirrors."""
    with jax.enable_x64(True):
        design = designs.independent(lab["problems"], "data", "mirror")
        found = lab.run("mirrors", trial, design, settings=jnp.array(EXPONENTS), block=8).outputs
    moved, at = found["moved"], EXPONENTS.index(invariant)
    others = np.delete(moved, at, axis=0)
    holds = bool(moved[at].max() < IDENTITY and others.min() > MOVED)
    return Finding(
        what="least distance that a reflection moves a solution with q other than 2, as a share of its norm",
        shown=Estimate(float(others.min()), Interval(np.nan, np.nan)),
        verdict=exact(holds),
        reading=f"At q = {invariant:g} a reflection moves the solution by {moved[at].max():.0e} of its norm at most, at the others "
        f"by {others.min():.3f} at least. The largest residual of a solution is {found['residual'].max():.0e}.",
        reference={"bar (lower)": MOVED},
        tables={
            "How far reflections move the solution, as a share of its norm": {
                "q": EXPONENTS, "least": moved.min(axis=1), "mean": moved.mean(axis=1), "most": moved.max(axis=1),
            }
        },
        figures={
            "A reflection moves every solution but that of q = 2": plots.rows(
                [f"q = {q:g}" for q in EXPONENTS],
                {"least to most": Estimate(moved.mean(axis=1), Interval(moved.min(axis=1), moved.max(axis=1)))},
                xlabel="distance moved / norm", log=True, levels={"bar": MOVED},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """L1 in the place of L2."""
    return judged(lab, invariant=1.0)

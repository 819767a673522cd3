"""Ridge regression is solved by (X'X + λI) w = X'y, and gradient descent on the penalised loss goes there.

Source: S4, on regularised least squares; Hoerl & Kennard (1970).
Textbook: ESL 3.4, Deep Learning 7.1.
Theory: An identity; descent converges at the rate 1 - 1/κ, κ the condition number of X'X + λI.
Errs: "The t_n of regularised least squares are the true outputs of the test set." (S4): They are the training labels.
Scope: Random normal designs of 30 examples and 10 inputs.
Looks: Full runs were made at seeds 0 and 1. The share of designs with Wilson's interval, which decorates an identity,
    was dropped after them.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Scalar

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from jaxdl import designs, learners, losses, models, objectives, penalties, plots
from jaxdl.statistics import Estimate, Interval
from jaxdl.types import Dataset, Keys, Trial

IDENTITY = 1e-8
STRENGTHS = (0.01, 0.1, 1.0, 10.0, 100.0)
SIZES = {"quick": {"designs": 100}, "full": {"designs": 500, "seed": 26}, "smallest": {"designs": 4}}
CRITERION = f"""On every random design, at λ in {STRENGTHS}, the closed form and the end of descent are within
{IDENTITY:g} (relative, double precision) of least squares on the rows of X and sqrt(λ) I by an orthogonal method, which
forms no X'X."""

NUM_EXAMPLES, NUM_FEATURES, NUM_STEPS = 30, 10, 2000


def trial_of(scale: float) -> Trial:
    """`(keys, λ)` -> data and both solutions, at `scale` times the strength."""
    model = models.linear(intercept=False)
    risk = objectives.empirical_risk(model, losses.half_squared_error)

    def trial(keys: Keys, strength: Scalar) -> dict[str, Array]:
        key_inputs, key_slopes, key_noise = jax.random.split(keys["data"], 3)
        x = jax.random.normal(key_inputs, (NUM_EXAMPLES, NUM_FEATURES))
        noise = jax.random.normal(key_noise, (NUM_EXAMPLES, 1))
        y = x @ jax.random.normal(key_slopes, (NUM_FEATURES, 1)) + noise
        # Half the mean square beside strength |w|²/(2n) is ridge, divided by 2n.
        objective = objectives.regularized(risk, penalties.l2, scale * strength / (2 * NUM_EXAMPLES))
        smoothness = jnp.max(jnp.sum(jnp.abs(x.T @ x), axis=1)) + scale * strength
        optimizer = optax.sgd(NUM_EXAMPLES / smoothness)
        fits = {
            "closed form": learners.ridge(model, scale * strength),
            "descent": learners.gradient_descent(model, objective, optimizer, num_steps=NUM_STEPS),
        }
        data = Dataset(x, y, jnp.ones(NUM_EXAMPLES))
        sources = designs.tied(keys, init="data")
        found = {name: fit(sources, data)["params"]["weights"][:, 0] for name, fit in fits.items()}
        return {"x": x, "y": y, **found}

    return trial


def judged(lab: Lab, scale: float = 1.0) -> Finding:
    """Largest relative errors over all designs, by strength."""
    strengths = np.array(STRENGTHS)
    with jax.enable_x64(True):
        design = designs.independent(lab["designs"], "data")
        found = lab.run("solutions", trial_of(scale), design, settings=jnp.array(STRENGTHS), block=32).outputs
    roots = np.sqrt(strengths)[:, None, None, None] * np.eye(NUM_FEATURES)
    stacked = np.concatenate([found["x"], np.broadcast_to(roots, (*found["x"].shape[:2], *roots.shape[2:]))], axis=2)
    padded = np.concatenate([found["y"], np.zeros((*found["y"].shape[:2], NUM_FEATURES, 1))], axis=2)
    solution = (np.linalg.pinv(stacked) @ padded)[..., 0]
    errors = {
        name: np.linalg.norm(found[name] - solution, axis=-1) / np.linalg.norm(solution, axis=-1)
        for name in ("closed form", "descent")
    }
    largest = {name: each.max(axis=1) for name, each in errors.items()}
    worst = max(float(each.max()) for each in largest.values())
    series = {name: Estimate(each, Interval(each, each)) for name, each in largest.items()}
    return Finding(
        what="largest relative error of a solution",
        shown=Estimate(worst, Interval(np.nan, np.nan)),
        verdict=exact(worst < IDENTITY),
        reading=f"Over {lab['designs']} designs and {len(STRENGTHS)} strengths the largest relative error is "
        f"{largest['closed form'].max():.1e} of the closed form and {largest['descent'].max():.1e} of descent.",
        reference={"bar": IDENTITY},
        tables={"Largest relative error": {"λ": STRENGTHS, **largest}},
        figures={
            "Both ways lead to the same weights": plots.against(
                strengths, series, log=True, xlabel="λ", ylabel="largest relative error", levels={"bar": IDENTITY}
            )
        },
    )


def control(lab: Lab) -> Finding:
    """Solutions of twice the strength."""
    return judged(lab, scale=2.0)

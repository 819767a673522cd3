"""The study of sparsity of `penalties`: regression penalised by sum |w|^q, q traced, on sparse and on dense truths.

Imported by `measure` alone, so that jax is not needed to show a finished run.
"""

from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.penalties_results import LQ_STRENGTHS, SIGNAL, sparse_settings
from jaxdl import decomposition, designs, learners, losses, models, objectives, penalties
from jaxdl.data import problems
from jaxdl.decomposition import Target
from jaxdl.types import Key, Run

if TYPE_CHECKING:
    from experiments.penalties import Config
    from experiments.runner import Options

SAME = 1e-2
"""Solutions closer than this share of their norm are one: far above what is left to converge, far below what differs."""
CONVERGED = 1e-4
"""Of the residual, a gradient norm: the place where descent ends counts as a minimum below it."""


def coefficients(num_features: int, num_nonzero: Any) -> Any:
    """The truth: the first coefficients are not zero, of one size and alternating sign, and |b|² = SIGNAL."""
    signs = jnp.where(jnp.arange(num_features) % 2 == 0, 1.0, -1.0)
    return jnp.where(jnp.arange(num_features) < num_nonzero, signs * jnp.sqrt(SIGNAL / num_nonzero), 0.0)


def sparse_trial(config: "Config") -> Any:
    """`(keys, {"num_nonzero", "q"})` -> the weights tuned on validation data, and what else is asked of them.

    Every q has the same grid of strengths, the same solver, and the same steps. A truth known makes the excess risk exact.
    """
    n, p = config.num_rows, config.num_features
    model = models.linear(intercept=False)
    grid = jnp.array(LQ_STRENGTHS)

    def trial(keys, setting):
        truth = coefficients(p, setting["num_nonzero"])
        problem = problems.gaussian_linear(truth, 1.0)
        train, validation = (problem.sample({"data": keys[name]}, n) for name in ("data", "validation"))
        operator = penalties.lq_threshold(setting["q"])
        key_starts, key_mirror = jax.random.split(keys["starts"])
        risk = objectives.empirical_risk(model, losses.half_squared_error)

        def smoothness(x):
            return jnp.max(jnp.sum(jnp.abs(x.T @ x), axis=1)) / n

        def fit(x, strength, start):
            learner = learners.proximal_gradient(
                model._replace(init=lambda *_: {"params": {"weights": start}}), risk, operator, strength=strength,
                learning_rate=1 / smoothness(x), num_steps=config.num_sparse_steps,
            )  # fmt: skip
            variables = learner({"init": None}, train._replace(x=x))
            return variables["params"]["weights"][:, 0], variables["report"]["residual"]

        zero = jnp.zeros_like(truth)[:, None]
        weights, residuals = jax.vmap(lambda strength: fit(train.x, strength, zero))(grid)
        best = jnp.argmin(jnp.mean((validation.x @ weights.T - validation.y) ** 2, axis=0))
        chosen, strength = weights[best], grid[best]

        # Where else descent can end, from starts that have nothing to do with the data; and where it ends from zero on the
        # same data in mirrored coordinates, Hx with H = I - 2vv': an orthogonal matrix that mixes all inputs.
        v = jax.random.normal(key_mirror, (p, 1))
        mirror = jnp.eye(p) - 2 * v @ v.T / jnp.sum(v**2)
        starts = jax.random.normal(key_starts, (config.num_starts, p, 1))
        inputs = jnp.concatenate([jnp.broadcast_to(train.x, (config.num_starts, n, p)), (train.x @ mirror)[None]])
        ends, ends_residuals = jax.vmap(lambda x, start: fit(x, strength, start))(
            inputs, jnp.concatenate([starts, zero[None]])
        )
        mirrored = mirror @ ends[-1]
        ends, ends_residuals = ends.at[-1].set(chosen), ends_residuals.at[-1].set(residuals[best])
        distances = jnp.linalg.norm(ends[:, None] - ends[None], axis=-1)
        is_seen = jnp.any(jnp.tril(distances < SAME * jnp.linalg.norm(truth), -1), axis=1)
        is_new = ~is_seen & (ends_residuals < CONVERGED)

        # The same objective, by the gradient alone: no proximal step.
        objective = objectives.regularized(risk, penalties.lq(setting["q"]), strength)
        scattered = model._replace(init=lambda *_: {"params": {"weights": starts[0]}})
        descent = learners.gradient_descent(
            scattered, objective, optax.sgd(0.5 / smoothness(train.x)), num_steps=config.num_sparse_steps
        )
        plain = descent({"init": None}, train)["params"]["weights"][:, 0]

        is_nonzero = jnp.arange(p) < setting["num_nonzero"]
        report = {
            "zeros": jnp.mean(chosen == 0),
            "recall": jnp.sum((chosen != 0) & is_nonzero) / setting["num_nonzero"],
            "excess": jnp.sum((chosen - truth) ** 2),
            "num_minima": jnp.sum(is_new),
            "mirrored": jnp.linalg.norm(mirrored - chosen) / jnp.linalg.norm(chosen),
            "subgradient": jnp.mean(plain == 0),
            "residual": residuals[best],
            "best": best,
        }
        return Run(chosen, report)

    return trial


def sparsity(config: "Config", options: "Options", key: Key) -> dict[str, Any]:
    """K020 to K022: every setting on the same training sets, with bias² and variance of its predictions."""
    settings = sparse_settings(config)
    columns = {
        name: jnp.array(column) for name, column in zip(("num_nonzero", "q"), zip(*settings, strict=True), strict=True)
    }
    design = designs.independent(config.num_datasets, "data", "validation", "starts")
    runs = options.run("sparse", sparse_trial(config), design, key, settings=columns, block=8, strict=True)
    # At the points sqrt(p) e_j the mean squared error of x'w is that over x ~ N(0, I), exactly.
    root = np.sqrt(config.num_features)
    terms = ("bias_squared", "total_variance")
    parts = []
    for (num_nonzero, _), weights in zip(settings, runs.outputs, strict=True):
        target = Target(mean=root * np.asarray(coefficients(config.num_features, num_nonzero)), noise=1.0)
        result = decomposition.squared_error(root * weights.astype(np.float64), design=design, target=target)
        parts.append([[result.estimates[term], result.standard_errors[term]] for term in terms])
    return {"sparse.parts": parts, **{f"sparse.{name}": values for name, values in runs.aux.items()}}

"""The study of `data_size` on learning curves: measured, fitted, and compared with what they foretell.

Imported by `measure` alone.
"""

from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from experiments import data_size_studies as studies
from experiments.data_size_results import curve_sizes
from jaxdl import designs, learning_curves
from jaxdl.types import Key

if TYPE_CHECKING:
    from experiments import runner
    from experiments.data_size import Config


def measure(config: "Config", key: Key, options: "runner.Options") -> dict[str, Any]:
    """Curves from training sets of their own, `own.*`, and by cross-validation of one pool, `pool.*`: mean risks and their
    standard errors (sizes, learners, curves), what is foretold of the last (learners, curves), and its interval.
    """
    key_own, key_pool = jax.random.split(key)
    fitted, more = curve_sizes(config)
    sizes = np.array([*fitted, more, config.sizes[-1]])
    design = designs.independent(config.num_curves * config.num_repeats, "data")
    runs = options.run(
        "curves", studies.curves(config), design, key_own, settings=sizes, block=64, strict=options.strict
    )  # fmt: skip
    risks = runs.outputs.reshape(len(sizes), config.num_curves, config.num_repeats, -1).astype(np.float64)

    settings = {
        "size": np.array([*fitted, config.sizes[-1]]),
        "pool": np.array([*(fitted[-1] * 5 // 4 for _ in fitted), config.sizes[-1] * 5 // 4]),
    }
    pools = options.run(
        "pools", studies.cross_validated(config), designs.independent(config.num_curves, "data"), key_pool, settings=settings,
        block=32, strict=options.strict,
    )  # fmt: skip
    folds = np.moveaxis(pools.outputs.astype(np.float64), -1, 2)
    return {
        **_foretold("own", config, risks),
        **_foretold("pool", config, folds),
    }


def _foretold(name: str, config: "Config", risks: Float[np.ndarray, "sizes curves repeats learners"]) -> dict[str, Any]:
    num_repeats = risks.shape[2]
    means = np.moveaxis(risks.mean(axis=2), -1, 1)
    errors = np.moveaxis(risks.std(axis=2, ddof=1), -1, 1) / num_repeats**0.5
    sizes = np.array(curve_sizes(config)[0], float)
    num_fitted = len(sizes)
    found = np.empty((4, *means.shape[1:]))
    for learner, curve in np.ndindex(means.shape[1:]):
        fit = learning_curves.fit(
            sizes,
            means[:num_fitted, learner, curve],
            errors[:num_fitted, learner, curve],
            degrees_of_freedom=num_repeats - 1,
        )
        low, high = learning_curves.predictive_interval(
            fit,
            config.sizes[-1],
            standard_error=errors[-1, learner, curve],
            num_resamples=config.num_resamples,
            seed=curve,
        )
        found[:, learner, curve] = low, high, learning_curves.risk_at(fit, config.sizes[-1]), fit.exponent
    names = ("low", "high", "predicted", "exponents")
    return {
        f"{name}.risks": means,
        f"{name}.errors": errors,
        **{f"{name}.{n}": v for n, v in zip(names, found, strict=True)},
    }

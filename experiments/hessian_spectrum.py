"""What does the spectrum of a network's Hessian look like along training, and what limits its largest eigenvalue?

Networks on handwritten digits. Their spectrum is a bulk near zero and a few outliers, whose number is set against that of
the classes (Sagun et al., 2016; Ghorbani, Krishnan & Xiao, 2019; Papyan, 2019), for digits of two classes and more, for
pixels as they are and for centred ones, and layer by layer. Then full-batch gradient descent: the largest eigenvalue
grows up to 2 / step size, where descent is no longer stable, and stays there (Cohen et al., 2021).

    python -m experiments.hessian_spectrum                   # half a minute, two cores
    python -m experiments.hessian_spectrum --profile full    # two to four minutes

Expect about one outlier fewer than classes where the inputs share a large mean, and no such count once they are centred.
Expect sharpness to stay at the edge of stability once it is there, and to grow beyond that edge with smaller steps.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments import hessian_spectrum_claims, hessian_spectrum_figures, hessian_spectrum_results, runner

if TYPE_CHECKING:
    import jax

    from jaxdl.types import Dataset, Model


@dataclass(frozen=True)
class Config:
    """Sizes, and the criteria of the claims."""

    num_examples: int = 500
    """digits to learn, the first ones of the data set"""
    num_units: int = 16
    """hidden tanh units"""
    classes: tuple[int, ...] = (2, 5, 10)
    """numbers of classes: the digits below each"""
    times: tuple[int, ...] = (0, 60, 600)
    """steps of gradient descent at which spectra are taken"""
    step_size: float = 0.1
    """of these, on the cross-entropy"""
    num_seeds: int = 4
    """initialisations of these networks"""
    num_probes: int = 2
    """random directions of the spectral density"""
    num_lanczos_steps: int = 64
    """of each direction"""
    bulk_share: float = 0.5
    """HS3: of the eigenvalues, the share within 1 % of the largest that makes a bulk"""
    num_edge_examples: int = 300
    """digits to learn at the edge of stability, on the squared error"""
    step_sizes: tuple[float, ...] = (0.2, 0.6, 0.8)
    """of gradient descent there; the first is too small to reach the edge in time"""
    num_edge_steps: int = 1600
    """steps of each training"""
    every: int = 40
    """steps between two measurements of the sharpness"""
    num_edge_seeds: int = 8
    """initialisations of these trainings"""
    edge: tuple[float, float] = (0.95, 1.05)
    """HS4: where sharpness, in units of 2 / step size, must lie in the last quarter of training; the edge is reached where it
    was above the lower end before"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        for name in ("classes", "times", "step_sizes"):
            values = getattr(self, name)
            if list(values) != sorted(set(values)) or len(values) < 2:
                msg = f"{name} is {values}; expected two or more, increasing"
                raise ValueError(msg)
        if self.classes[0] < 2 or self.classes[-1] != 10:
            msg = (
                f"classes is {self.classes}; expected numbers from 2, and 10 at the end, which is taken layer by layer"
            )
            raise ValueError(msg)
        if self.num_edge_steps % self.every or self.num_edge_steps < 4 * self.every:
            msg = f"num_edge_steps is {self.num_edge_steps}; expected a multiple of every={self.every}, four times or more"
            raise ValueError(msg)
        if min(self.num_seeds, self.num_edge_seeds) < 2:
            msg = "num_seeds and num_edge_seeds must be at least 2 for an interval"
            raise ValueError(msg)


PROFILES = {
    "quick": Config(),
    "full": Config(
        classes=(2, 3, 4, 5, 6, 7, 8, 9, 10), times=(0, 20, 60, 200, 600), num_seeds=12, num_probes=8,
        step_sizes=(0.2, 0.4, 0.5, 0.6, 0.8), num_edge_steps=6000, num_edge_seeds=24,
    ),
}  # fmt: skip


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """`classes.*`, `layers.*` and `edge.*`: seeds on the first axis, or on the second after that of settings."""
    import jax

    key_classes, key_edge = jax.random.split(jax.random.key(config.seed))
    return {
        **options.part(by_classes, config, key_classes, options),
        **options.part(by_layers, config, key_classes, options),
        **options.part(edge_of_stability, config, key_edge, options),
    }


def digits_problem(config: Config, num_examples: int, classes: Any, centred: Any) -> "tuple[Model, Dataset]":
    """The first digits below `classes`, and a network with as many outputs; both arguments may be traced.

    Intensities are between 0 and 1, less their mean where `centred` is 1. Other digits have no weight, and the outputs of
    other classes have no probability, so that one shape serves all numbers of classes.
    """
    import jax
    import jax.numpy as jnp

    from jaxdl import models
    from jaxdl.data import real

    digits = jax.tree.map(lambda leaf: leaf[:num_examples], real.digits())
    is_used = jnp.arange(10) < classes
    weight = (jnp.argmax(digits.y, axis=1) < classes).astype(digits.x.dtype)
    mean = jnp.sum(weight[:, None] * digits.x, axis=0, keepdims=True) / jnp.sum(weight)
    network = models.mlp([config.num_units], 10, activation=jax.nn.tanh)

    def apply(variables, x):
        return jnp.where(is_used[None, :], network.apply(variables, x), -1e4)

    data = digits._replace(x=(digits.x - centred * mean) / 16, weight=weight)
    return network._replace(apply=apply, train_apply=None), data


def trained(config: Config, keys: Any, model: "Model", data: "Dataset") -> Any:
    """The parameters at all times of gradient descent on the cross-entropy."""
    import optax

    from jaxdl import learners, losses, objectives

    risk = objectives.empirical_risk(model, losses.softmax_cross_entropy)
    learner = learners.gradient_descent(
        model, risk, optax.sgd(config.step_size), num_steps=config.times[-1], times=config.times
    )
    return learner(keys, data)["params"]


def by_classes(config: Config, key: "jax.Array", options: runner.Options) -> dict[str, Any]:
    """The largest eigenvalues (classes, centred, seeds, times, 22) and the smallest one."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl import curvature, designs, losses

    num_top = hessian_spectrum_results.NUM_TOP

    def trial(keys, setting):
        model, data = digits_problem(config, config.num_examples, setting["classes"], setting["centred"])

        def at(params):
            product = curvature.products.hvp_over(model, losses.softmax_cross_entropy, {"params": params}, data)
            found = curvature.eigenpairs(product, params, keys["search"], top=num_top, bottom=1, tolerance=1e-4)
            return jnp.append(found.values, jnp.all(found.converged))

        return jax.lax.map(at, trained(config, keys, model, data))

    num = len(config.classes)
    settings = {"classes": np.repeat(config.classes, 2), "centred": np.tile([0.0, 1.0], num).astype(np.float32)}
    design = designs.independent(config.num_seeds, "init", "search")
    found = options.run("classes", trial, design, key, settings=settings, block=2, strict=options.strict).outputs
    found = found.reshape(num, 2, *found.shape[1:])
    return {
        "classes.top": found[..., :num_top],
        "classes.smallest": found[..., num_top],
        "classes.converged": found[..., num_top + 1] > 0,
    }


def by_layers(config: Config, key: "jax.Array", options: runner.Options) -> dict[str, Any]:
    """On all ten classes, pixels as they are: the largest eigenvalues of every layer's block, the density, the bulk's share."""
    import jax
    import jax.numpy as jnp

    from jaxdl import curvature, designs, losses

    num_top = hessian_spectrum_results.NUM_TOP
    model, data = digits_problem(config, config.num_examples, 10, 0.0)

    def trial(keys):
        key_density, *keys_layers = jax.random.split(keys["search"], 3)

        def at(params):
            product = curvature.products.hvp_over(model, losses.softmax_cross_entropy, {"params": params}, data)
            tops = []
            for layer, key_layer in zip(sorted(params), keys_layers, strict=True):
                block, like = curvature.products.restrict(product, params, {name: name == layer for name in params})
                found = curvature.eigenpairs(block, like, key_layer, top=num_top, bottom=0, tolerance=1e-4)
                tops.append(found.values)
            density = curvature.spectral_density(
                product, params, key_density, num_probes=config.num_probes, num_steps=config.num_lanczos_steps
            )
            near = 0.01 * jnp.max(density.nodes)
            share = curvature.spectra.cumulative(density, jnp.stack([-near, near]))
            return {
                "tops": jnp.stack(tops),
                "nodes": density.nodes,
                "weights": density.weights * density.probe_weights[:, None],
                "bulk": share.estimate[1] - share.estimate[0],
                "bulk_low": share.probed_low[1] - share.probed_high[0],
            }

        return jax.lax.map(at, trained(config, keys, model, data))

    design = designs.independent(config.num_seeds, "init", "search")
    runs = options.run("layers", trial, design, key, block=2, strict=options.strict)
    return {f"layers.{name}": values for name, values in runs.outputs.items()}


def edge_of_stability(config: Config, key: "jax.Array", options: runner.Options) -> dict[str, Any]:
    """The largest eigenvalue along gradient descent (step sizes, seeds, times), its error bound, and the last loss."""
    import jax
    import numpy as np
    import optax

    from jaxdl import curvature, designs, losses, objectives
    from jaxdl.learners import training

    model, data = digits_problem(config, config.num_edge_examples, 10, 1.0)
    loss = losses.half_squared_error
    risk = objectives.empirical_risk(model, loss)

    def trial(keys, step_size):
        optimizer = optax.sgd(step_size)
        state = training.initial_state(model, optimizer, keys, data)
        # Weights half as large as usual, so that training begins in a flat region.
        state = state._replace(variables=jax.tree.map(lambda leaf: leaf / 2, state.variables))
        step = training.training_step(model, risk, optimizer, keys, lambda _: data)
        last, seen = curvature.spectra.track(
            keys["search"], step, state, lambda state: curvature.products.hvp_over(model, loss, state.variables, data),
            state.variables["params"], num_steps=config.num_edge_steps, num_steps_between=config.every, num_matvecs=6,
        )  # fmt: skip
        return {
            "sharpness": seen.values[:, 0], "bound": seen.residual_bounds[:, 0], "loss": risk(last.variables, data, None)[0]
        }  # fmt: skip

    design = designs.independent(config.num_edge_seeds, "init", "search")
    runs = options.run(
        "edge",
        trial,
        design,
        key,
        settings=np.array(config.step_sizes, data.x.dtype),
        strict=options.strict,
    )
    return {f"edge.{name}": values for name, values in runs.outputs.items()}


EXPERIMENT = runner.Experiment(
    name="hessian_spectrum",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=hessian_spectrum_results.tables,
    plot=hessian_spectrum_figures.plot,
    claims=hessian_spectrum_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))

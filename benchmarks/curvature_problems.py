"""What the contestants of `benchmarks.curvature` work on: networks on digits, at weights that all of them share."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from benchmarks.problem import NUM_CLASSES, digits
from jaxdl import losses, models
from jaxdl.types import Dataset, Model, Variables

WIDTHS = (128, 128)
"""64-128-128-10: 26,122 parameters."""
LOSS = losses.softmax_cross_entropy


def network() -> Model:
    """Smooth, so that its Hessian is more than its Gauss-Newton matrix."""
    return models.mlp(WIDTHS, NUM_CLASSES, activation=jnp.tanh)


def data(num_examples: int, dtype: Any = np.float32) -> Dataset:
    """Digits, over again where there are not enough."""
    problem = digits()
    rows = np.arange(num_examples) % len(problem.x)
    labels = np.eye(NUM_CLASSES, dtype=dtype)[problem.labels[rows]]
    return Dataset(jnp.asarray(problem.x[rows], dtype), jnp.asarray(labels), jnp.ones(num_examples, dtype))


def weights(dtype: Any = np.float32) -> Variables:
    """Initial weights after a hundred steps of descent: the same numbers for every contestant."""
    dataset, model = data(512, dtype), network()

    def risk(variables: Variables) -> Array:
        return jnp.mean(LOSS(model.apply(variables, dataset.x), dataset.y))

    def step(_: Array, variables: Variables) -> Variables:
        return jax.tree.map(lambda weight, slope: weight - 0.1 * slope, variables, jax.grad(risk)(variables))

    start = model.init(jax.random.key(0), dataset.x)
    return jax.jit(lambda start: jax.lax.fori_loop(0, 100, step, start))(start)


def in_torch(variables: Variables) -> Any:
    """The same network with the same weights."""
    import torch
    from torch import nn

    layers = [variables["params"][f"Dense_{index}"] for index in range(len(WIDTHS) + 1)]
    modules: list[nn.Module] = []
    for layer in layers:
        kernel = np.array(layer["kernel"])
        linear = nn.Linear(*kernel.shape, dtype=torch.from_numpy(kernel).dtype)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(kernel.T.copy()))
            linear.bias.copy_(torch.from_numpy(np.array(layer["bias"])))
        modules += [linear, nn.Tanh()]
    return nn.Sequential(*modules[:-1])


def from_torch(parts: list[Any]) -> dict[str, dict[str, Float[np.ndarray, "..."]]]:
    """Arrays in the order of the torch network's parameters, as our pytree of parameters."""
    arrays = [part.detach().numpy() for part in parts]
    return {
        f"Dense_{index}": {"kernel": arrays[2 * index].T, "bias": arrays[2 * index + 1]}
        for index in range(len(WIDTHS) + 1)
    }

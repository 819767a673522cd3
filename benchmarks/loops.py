"""What a compiled loop costs on CPUs: gradients of common operations outside a loop, inside one, and inside one for 8 runs at once.

    python -m benchmarks.loops

A ratio far above one is a cliff: XLA runs the same operation worse inside a loop, where every learner stands. "as products" and "by
comparisons" are convolution and pooling as jaxdl runs them. Times are the least of five, of one gradient and run; ratios are of one
process.
"""

import time
from collections.abc import Callable
from typing import Any

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from benchmarks.machine import banner
from jaxdl.programs.windows import for_cpu

NUM_RUNS, STEPS = 8, 10
KEY = jax.random.key(0)
IMAGES = jax.random.normal(KEY, (64, 8, 8, 16))
KERNEL = 0.1 * jax.random.normal(KEY, (3, 3, 16, 16))
ROWS = jax.random.normal(KEY, (512, 64))
SQUARE = 0.1 * jax.random.normal(KEY, (64, 64))


def convolution(kernel: jax.Array) -> jax.Array:
    """Two convolutions with tanh between."""

    def convolve(images: jax.Array) -> jax.Array:
        return lax.conv_general_dilated(images, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    return jnp.mean(convolve(jnp.tanh(convolve(IMAGES))) ** 2)


def pooled(pool: Callable[..., jax.Array]) -> Callable[[jax.Array], jax.Array]:
    """A pooling of images that the weights scale."""
    return lambda scale: jnp.mean(pool(IMAGES * jnp.sum(scale[:16], axis=1), (2, 2), (2, 2)) ** 2)


def normalized(weights: jax.Array) -> jax.Array:
    """Batch normalization of a layer."""
    layer = ROWS @ weights
    return jnp.mean(jnp.tanh((layer - layer.mean(axis=0)) / jnp.sqrt(layer.var(axis=0) + 1e-5)) ** 2)


def attention(weights: jax.Array) -> jax.Array:
    """Softmax attention over 8 sequences of 64."""
    words = (ROWS @ weights).reshape(8, 64, 64)
    return jnp.mean((jax.nn.softmax(words @ words.swapaxes(1, 2) / 8) @ words) ** 2)


def recurrent(weights: jax.Array) -> jax.Array:
    """16 steps of a recurrent cell."""
    return jnp.mean(lax.scan(lambda state, row: (jnp.tanh(state @ weights + row), None), ROWS[:32], ROWS[:16])[0] ** 2)


def minibatch(weights: jax.Array) -> jax.Array:
    """A minibatch that is drawn by its index."""
    rows = jax.random.randint(jax.random.key(1), (64,), 0, 512)
    return jnp.mean(jnp.tanh(ROWS[rows] @ weights) ** 2)


def one_hot_loss(weights: jax.Array) -> jax.Array:
    """The cross-entropy of labels by their index."""
    classes = jnp.arange(512) % 64
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(ROWS @ weights), classes[:, None], axis=1))


def sorting(weights: jax.Array) -> jax.Array:
    """A sorted layer."""
    return jnp.mean(jnp.sort(ROWS @ weights, axis=1) * jnp.arange(64.0))


def choice(weights: jax.Array) -> jax.Array:
    """A shuffled epoch."""
    order = jax.random.permutation(jax.random.key(1), 512)
    return jnp.mean(jnp.tanh(ROWS[order][:64] @ weights) ** 2)


CASES: dict[str, tuple[Callable[[jax.Array], jax.Array], jax.Array]] = {
    "dense layer": (lambda weights: jnp.mean(jnp.tanh(ROWS @ weights) ** 2), SQUARE),
    "convolution, XLA's own": (convolution, KERNEL),
    "convolution, as products": (for_cpu(jax.grad(convolution)), KERNEL),
    "max pooling, XLA's own": (pooled(nn.max_pool), SQUARE),
    "max pooling, by comparisons": (for_cpu(jax.grad(pooled(nn.max_pool))), SQUARE),
    "mean pooling": (pooled(nn.avg_pool), SQUARE),
    "batch normalization": (normalized, SQUARE),
    "attention": (attention, SQUARE),
    "recurrent cell": (recurrent, SQUARE),
    "minibatch by index": (minibatch, SQUARE),
    "one-hot loss": (one_hot_loss, SQUARE),
    "sorting": (sorting, SQUARE),
    "permutation": (choice, SQUARE),
}


def seconds(function: Callable[..., Any], *arguments: Any) -> float:
    """The least of five executions, compiled before."""
    function = jax.jit(function)
    jax.block_until_ready(function(*arguments))
    found = []
    for _ in range(5):
        started = time.perf_counter()
        jax.block_until_ready(function(*arguments))
        found.append(time.perf_counter() - started)
    return min(found)


def main() -> None:
    """Print a line for each case."""
    print(banner("python -m benchmarks.loops", {"jax": jax.__version__, "flax": flax.__version__}))
    print(f"{'gradient of':28}{'outside':>10}{'in a loop':>12}{'ratio':>8}{'8 at once':>12}{'ratio':>8}    ms a run")
    for name, (function, start) in CASES.items():
        gradient = function if ", as products" in name or ", by comparisons" in name else jax.grad(function)

        def train(weights: jax.Array, gradient: Callable[..., Any] = gradient) -> jax.Array:
            return lax.fori_loop(0, STEPS, lambda _, weights: weights - 0.01 * gradient(weights), weights)

        starts = jnp.stack([start * (1 + 0.01 * run) for run in range(NUM_RUNS)])
        outside = 1e3 * seconds(gradient, start)
        loop = 1e3 * seconds(train, start) / STEPS
        several = 1e3 * seconds(jax.vmap(train), starts) / STEPS / NUM_RUNS
        print(
            f"{name:28}{outside:10.3f}{loop:12.3f}{loop / outside:8.1f}{several:12.3f}{several / outside:8.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()

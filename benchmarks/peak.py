"""The machine's own matrix-product peak in float32: the best of JAX, PyTorch and NumPy on all cores, in GFLOP/s."""

import os
import sys
import time
from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import torch

from benchmarks.worker import answer

SIZE = 2048
REPEATS = 3


def gigaflops(product: Callable[[], object]) -> float:
    """Of the fastest of a few products of two square matrices."""

    def seconds() -> float:
        start = time.perf_counter()
        product()
        return time.perf_counter() - start

    return 2 * SIZE**3 / min(seconds() for _ in range(REPEATS)) / 1e9


def main() -> None:
    matrix = np.random.default_rng(0).standard_normal((SIZE, SIZE), np.float32)
    torch.set_num_threads(len(os.sched_getaffinity(0)))
    multiply = jax.jit(jnp.matmul)
    products = {
        "jax": partial(lambda a: multiply(a, a).block_until_ready(), jnp.asarray(matrix)),
        "torch": partial(lambda a: a @ a, torch.from_numpy(matrix)),
        "numpy": partial(lambda a: a @ a, matrix),
    }
    for product in products.values():
        product()
    answer({})
    for _ in sys.stdin:
        answer({name: gigaflops(product) for name, product in products.items()})


if __name__ == "__main__":
    main()

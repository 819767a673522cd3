"""Symmetric operators whose spectra are known exactly, and on which eigenvalue routines go wrong.

Seven spectra in a random basis, the one-dimensional Laplacian, and softmax regression at zero, whose Hessian has every
eigenvalue of XᵀX / N over C as often as there are classes C less one, and as many zeros as features. All in float32.
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxdl import losses
from jaxdl.curvature import hvp
from jaxdl.curvature.products import Matvec, hvp_over
from jaxdl.types import Dataset, Model

SIZE = 150
NUM_CLASSES = 4


class Quadratic(NamedTuple):
    """½ wᵀ A w."""

    matrix: Float[Array, "p p"]

    def operator(self) -> tuple[Matvec, Float[Array, " p"]]:
        """Products with the Hessian, and a vector of their form."""
        zero = jnp.zeros_like(self.matrix[0])
        return hvp(lambda w: w @ self.matrix @ w / 2, zero), zero


class SoftmaxRegression(NamedTuple):
    """The mean cross-entropy of x W, at W = 0."""

    x: Float[Array, "n features"]
    y: Float[Array, "n out"]

    def operator(self) -> tuple[Matvec, Float[Array, "features out"]]:
        """Products with the Hessian, and weights of their form."""
        zero = jnp.zeros((self.x.shape[1], self.y.shape[1]), self.x.dtype)
        model = Model(lambda _key, _x: {"params": zero}, lambda variables, x: x @ variables["params"])
        data = Dataset(self.x, self.y, jnp.ones_like(self.x[:, 0]))
        return hvp_over(model, losses.softmax_cross_entropy, {"params": zero}, data), zero


class Case(NamedTuple):
    """A function with a known Hessian."""

    name: str
    values: Float[np.ndarray, " p"]
    """Its eigenvalues, in decreasing order."""
    problem: Quadratic | SoftmaxRegression

    @property
    def scale(self) -> float:
        """The norm, or one where that is zero."""
        return float(np.abs(self.values).max()) or 1.0

    def largest(self, count: int) -> Float[np.ndarray, " count"]:
        """Those of the largest magnitude, in decreasing order of their values."""
        return np.sort(self.values[np.argsort(-np.abs(self.values), kind="stable")[:count]])[::-1]


def spectra(size: int) -> dict[str, Float[np.ndarray, " p"]]:
    """Eigenvalues by name."""
    random = np.random.default_rng(0)
    zeros = np.zeros(size)
    return {
        "2 I": zeros + 2,
        "0": zeros,
        "rank 5": np.r_[5.0, 4.0, 3.0, 2.0, 1.0, zeros[5:]],
        "10 three times, 1 three times, 0": np.r_[np.full(3, 10.0), np.full(3, 1.0), zeros[6:]],
        "two distinct": np.r_[np.full(2 * size // 5, 3.0), np.full(size - 2 * size // 5, -1.0)],
        "pairs of signs": np.r_[1.0, -0.999, 0.5, -0.5, random.uniform(-0.2, 0.2, size - 4)],
        "clustered": np.r_[1.0, 0.995, 0.99, 0.98, 0.97, random.uniform(-0.5, 0.5, size - 5)],
    }


def cases(size: int = SIZE) -> list[Case]:
    """All of them, of dimension `size`; softmax regression of about that."""
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(size, size)))[0]
    made = [quadratic(name, values, (turn * values) @ turn.T) for name, values in spectra(size).items()]
    second_difference = 2 * np.eye(size) - np.eye(size, k=1) - np.eye(size, k=-1)
    laplacian = 2 - 2 * np.cos(np.arange(1, size + 1) * np.pi / (size + 1))
    return [*made, quadratic("1-D Laplacian", laplacian, second_difference), softmax_regression(size // NUM_CLASSES)]


def quadratic(name: str, values: Float[np.ndarray, " p"], matrix: Float[np.ndarray, "p p"]) -> Case:
    return Case(name, np.sort(values)[::-1], Quadratic(jnp.asarray(matrix, jnp.float32)))


def softmax_regression(num_features: int) -> Case:
    num_examples = 3 * num_features
    x = np.random.default_rng(2).normal(size=(num_examples, num_features)) * np.linspace(0.5, 2, num_features)
    x = x.astype(np.float32)
    labels = np.eye(NUM_CLASSES, dtype=np.float32)[np.arange(num_examples) % NUM_CLASSES]
    distinct = np.linalg.eigvalsh(x.T.astype(float) @ x / num_examples) / NUM_CLASSES
    values = np.r_[np.repeat(distinct, NUM_CLASSES - 1), np.zeros(num_features)]
    problem = SoftmaxRegression(jnp.asarray(x), jnp.asarray(labels))
    return Case("softmax regression at 0", np.sort(values)[::-1], problem)

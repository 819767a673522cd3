"""A linear autoencoder, all of whose critical points are known: what CP1 and K105 share."""

import itertools
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float, Scalar

from jaxdl.types import Params


def loss_of(eigenvalues: Float[Array, " n"]) -> Callable[[Params], Scalar]:
    """Half the expected squared error of a linear autoencoder of inputs with a diagonal covariance."""

    def loss(w: Params) -> Scalar:
        rest = jnp.eye(eigenvalues.shape[0]) - w["decoder"] @ w["encoder"]
        return 0.5 * jnp.sum(rest**2 * eigenvalues[None, :])

    return loss


def classes(eigenvalues: Sequence[float], code_size: int) -> list[tuple[float, int]]:
    """The loss and the index of each class of a linear autoencoder's critical points (Baldi and Hornik, 1989), in order.

    One class for each set of at most `code_size` eigenvectors that are kept:

        loss = sum of the other eigenvalues / 2,
        index = number of (kept, other) pairs in the wrong order + (units to spare) (other eigenvectors)
    """
    n, found = len(eigenvalues), []
    for kept in itertools.chain.from_iterable(itertools.combinations(range(n), r) for r in range(code_size + 1)):
        others = [j for j in range(n) if j not in kept]
        index = sum(eigenvalues[j] > eigenvalues[i] for i in kept for j in others)
        index += (code_size - len(kept)) * len(others)
        found.append((sum(eigenvalues[j] for j in others) / 2, index))
    return sorted(found)

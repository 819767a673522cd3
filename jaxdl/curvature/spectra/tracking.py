"""The largest eigenvalues along a training, measured inside its compiled loop, each time from a warm start."""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int

from jaxdl.curvature.products.operators import Matvec, flat_operator, refuse_nonlinear
from jaxdl.curvature.spectra.eigenpairs import FLOOR
from jaxdl.curvature.spectra.lanczos import start_along, tridiagonalize
from jaxdl.curvature.spectra.under_vmap import eigh
from jaxdl.kinds import as_key, check_counts, check_function
from jaxdl.rounding import product
from jaxdl.types import Key, Params

State = TypeVar("State")

COLD = 20
"""Products of the first measurement, which has no eigenvectors to start from."""
FRESH = 0.1
"""The share of a random vector in a warm start, which shows what grows elsewhere."""


class Track(NamedTuple):
    """The `top` largest eigenvalues, in decreasing order, after each of `steps` steps.

    >>> Track(jnp.array([0, 10]), jnp.array([[2.0], [3.0]]), jnp.array([[0.1], [0.1]])).values[-1, 0] > 2.5
    Array(True, dtype=bool)
    """

    steps: Int[Array, " times"]
    values: Float[Array, "times pairs"]
    residual_bounds: Float[Array, "times pairs"]
    """*An* eigenvalue lies this near to each value; the largest is at least the first value, but for rounding."""


def track(
    key: Key,
    step: Callable[[Array, State], State],
    state: State,
    matvec_at: Callable[[State], Matvec],
    like: Params,
    *,
    num_steps: int,
    num_steps_between: int,
    top: int = 1,
    num_matvecs: int = 4,
) -> tuple[State, Track]:
    """The last state of a training, and the largest eigenvalues before it and after every `num_steps_between` steps.

    Each measurement is a short Lanczos run from the sum of the last eigenvectors and some noise. It costs
    about `num_matvecs` gradients and a half: ten times as many steps between two measurements add about a quarter to a
    long training on the same data. The bounds show the accuracy; if they are too wide, take more products.

    Args:
        key: for the first start, and the noise in the others.
        step: `(index, state) -> state`, such as `learners.training.training_step` makes.
        state: where it starts.
        matvec_at: `state -> matvec`, the operator there: `lambda state: hvp_over(model, loss, state.variables, data)`.
        like: a pytree of its form: the parameters.
        num_steps: number of steps, a multiple of `num_steps_between`.
        num_steps_between: steps from one measurement to the next.
        top: how many eigenvalues. One Krylov space sees one copy of a multiple eigenvalue, so that beyond the first they
            are those of distinct eigenvalues; `eigenpairs` finds the copies.
        num_matvecs: products of each measurement after the first.

    Returns:
        The state after the last step, and the eigenvalues before the first step and after every `num_steps_between`.

    Raises:
        ValueError: steps that are no multiple of `num_steps_between`; fewer products than eigenvalues, or fewer dimensions.

    >>> loss = lambda w: (w**4).sum()
    >>> gradient_step = lambda index, w: w - 0.1 * jax.grad(loss)(w)
    >>> from jaxdl.curvature import hvp
    >>> at = lambda w: hvp(loss, w)
    >>> w, seen = track(
    ...     jax.random.key(0), gradient_step, jnp.ones(1), at, jnp.ones(1), num_steps=2, num_steps_between=1, num_matvecs=1
    ... )
    >>> print(seen.values[:, 0].round(4), (12 * w**2).round(4))
    [12.      4.32    3.1654] [3.1654]
    """
    check_function(
        "track", step, ("index", "state"), "pass one such as learners.training.training_step makes", what="step"
    )
    check_function("track", matvec_at, ("state",), "pass lambda state: hvp(loss, state)", what="matvec_at")
    as_key("track", key, what="key")
    check_counts("track", 0, num_steps=num_steps, top=top, num_matvecs=num_matvecs)
    check_counts("track", 1, num_steps_between=num_steps_between)
    flat_matvec, zeros, _ = flat_operator("track", matvec_at(state), like)
    refuse_nonlinear("track", flat_matvec, zeros)
    if num_steps % num_steps_between:
        msg = f"track: got num_steps={num_steps} and num_steps_between={num_steps_between}, expected a multiple of the latter"
        raise ValueError(msg)
    if not 1 <= top <= num_matvecs <= zeros.size:
        msg = (
            f"track: got top={top} and num_matvecs={num_matvecs} for an operator of dimension {zeros.size}, expected "
            "1 <= top <= num_matvecs <= dimension"
        )
        raise ValueError(msg)

    def measure(
        state: State, index: Array | int, warm: Float[Array, " p"], num_matvecs: int
    ) -> tuple[Float[Array, " p"], Track]:
        key_noise, key_breakdown = jax.random.split(jax.random.fold_in(key, index))
        noise = jax.random.normal(key_noise, zeros.shape, zeros.dtype)
        matvec, *_ = flat_operator("track", matvec_at(state), like)
        start = start_along(warm + FRESH * noise / jnp.linalg.norm(noise), noise)
        krylov = tridiagonalize(key_breakdown, matvec, start, num_matvecs)
        values, rotation = eigh(jnp.diag(krylov.alphas) + jnp.diag(krylov.betas[:-1], 1))
        floor = FLOOR * jnp.finfo(zeros.dtype).eps * jnp.max(jnp.abs(values))
        largest = jnp.arange(num_matvecs - 1, num_matvecs - 1 - top, -1)
        bounds = krylov.betas[-1] * jnp.abs(rotation[-1, largest]) + floor
        warm = product(jnp.sum(rotation[:, largest], axis=1), krylov.basis)
        return warm, Track(jnp.asarray(index, jnp.int32), values[largest], bounds)

    def segment(carry: tuple[State, Array], start: Array) -> tuple[tuple[State, Array], Track]:
        state, warm = carry
        # Of known length: on accelerators the host would wait for the condition of every step of another.
        state = lax.fori_loop(0, num_steps_between, lambda index, state: step(start + index, state), state)
        warm, seen = measure(state, start + num_steps_between, warm, num_matvecs)
        return (state, warm), seen

    warm, first = measure(state, 0, zeros, min(max(COLD, num_matvecs), zeros.size))
    (state, _), later = lax.scan(segment, (state, warm), jnp.arange(0, num_steps, num_steps_between))
    return state, jax.tree.map(lambda one, more: jnp.concatenate([one[None], more]), first, later)

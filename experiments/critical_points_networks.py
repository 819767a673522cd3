"""The studies of `critical_points` on networks, and of descent near saddles. Imported by `measure` alone."""

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Scalar

from experiments.critical_points_draws import normal, uniform
from experiments.critical_points_studies import CHUNK, autoencoder, compiled_map
from jaxdl import curvature, losses, models
from jaxdl.curvature import critical_points
from jaxdl.curvature.critical import CriticalPoints, Kind
from jaxdl.data import real
from jaxdl.types import Key, Params

if TYPE_CHECKING:
    from experiments.critical_points import Config

NUM_EXAMPLES, NUM_INPUTS = 25, 3
STEP_SIZE = 0.1
RATES = (0.1, 0.3, 1.0)
"""The negative curvatures at the saddles that are escaped."""
OFFSETS = (1e-2, 1e-4, 1e-6, 1e-8)
"""How far from the saddle's stable manifold descent begins."""
NOISE = 1e-3
"""Standard deviation of the noise of a stochastic gradient."""
MAX_ESCAPE_STEPS = 4000


class Task(NamedTuple):
    """Examples to learn; with leading axes when there are many."""

    x: Float[Array, "*many n features"]
    y: Float[Array, "*many n"]


def random_tasks(key: Key, num: int) -> Task:
    """Few noisy examples of a function of three inputs, standardised."""
    draws = normal(key, num, NUM_EXAMPLES, NUM_INPUTS + 1)
    x = draws[..., :NUM_INPUTS]
    y = np.sin(2 * x[..., 0]) * x[..., 1] + 0.5 * x[..., 2] + 0.3 * draws[..., NUM_INPUTS]
    return Task(jnp.asarray(x), jnp.asarray((y - y.mean(axis=1, keepdims=True)) / y.std(axis=1, keepdims=True)))


def risk(w: Params, task: Task, strength: float) -> Scalar:
    """Half the mean squared error of a tanh network with one hidden layer, and half its squared norm times `strength`."""
    outputs = jnp.tanh(task.x @ w["in"] + w["bias"][None]) @ w["out"] + w["offset"]
    penalty = sum(jnp.sum(leaf**2) for leaf in jax.tree.leaves(w))
    return 0.5 * jnp.mean((outputs - task.y) ** 2) + 0.5 * strength * penalty


def random_networks(key: Key, shape: tuple[int, ...], num_units: int, low: float, high: float) -> Params:
    """Normal weights, all of one network of a scale between 10^low and 10^high, drawn log-uniformly."""
    key_scale, key_weights = jax.random.split(key)
    scales = 10 ** uniform(key_scale, *shape, 1, 1, low=low, high=high)
    weights = scales * normal(key_weights, *shape, NUM_INPUTS + 2, num_units)
    inputs, bias, out = weights[..., :NUM_INPUTS, :], weights[..., NUM_INPUTS, :], weights[..., NUM_INPUTS + 1, :]
    return {"in": inputs, "bias": bias, "out": out, "offset": np.zeros(shape)}


def canonical(w: Params) -> Params:
    """The network with its hidden units signed and ordered by their outgoing weights: one for each function's symmetries."""
    signs = jnp.where(w["out"] < 0, -1.0, 1.0)
    order = jnp.argsort(signs * w["out"])
    return {
        "in": (w["in"] * signs[None, :])[:, order],
        "bias": (w["bias"] * signs)[order],
        "out": (w["out"] * signs)[order],
        "offset": w["offset"],
    }


def tanh_networks(config: "Config", key: Key) -> dict[str, Any]:
    """Distinct critical points of tanh networks, from points along descents and from random ones."""
    key_tasks, key_small, key_time, key_random = jax.random.split(key, 4)
    num = config.num_descended_starts + config.num_random_starts
    small = random_networks(key_small, (config.num_tasks, config.num_descended_starts), config.num_units, -1.0, 0.0)
    large = random_networks(key_random, (config.num_tasks, config.num_random_starts), config.num_units, -0.3, 0.7)
    # Along descents: after a number of steps that is log-uniform between 10 and 3200. Random points stay where they are.
    times = 10 ** uniform(key_time, config.num_tasks, num, low=1.0, high=3.5)
    times[:, config.num_descended_starts :] = 0
    begins = jax.tree.map(lambda a, b: np.concatenate([a, b], axis=1), small, large)

    def one_task(given: tuple[Task, Params, Array]) -> CriticalPoints:
        task, begins, times = given

        def loss(w: Params) -> Scalar:
            return risk(w, task, config.strength)

        def descended(w: Params, time: Scalar) -> Params:
            def step(i: Array, w: Params) -> Params:
                size = jnp.where(i < time, 2 * STEP_SIZE, 0)
                return jax.tree.map(lambda a, g: a - size * g, w, jax.grad(loss)(w))

            return jax.lax.fori_loop(0, 3200, step, w)

        chunks = jax.tree.map(
            lambda leaf: leaf.reshape(-1, math.gcd(num, CHUNK), *leaf.shape[1:]), jax.vmap(descended)(begins, times)
        )
        found = jax.lax.map(lambda chunk: critical_points(loss, chunk, max_steps=200, radius=100.0), chunks)
        found = jax.tree.map(lambda leaf: leaf.reshape(-1, *leaf.shape[2:]), found)
        return found._replace(params=jax.vmap(canonical)(found.params))

    tasks = random_tasks(key_tasks, config.num_tasks)
    found = compiled_map(one_task, (tasks, begins, times))
    columns: dict[str, list[Any]] = {name: [] for name in ("task", "is_descended", "value", "index", "kind")}
    kinds = np.zeros((2, len(Kind)), int)
    for index in range(config.num_tasks):
        for is_descended in (True, False):
            half = slice(config.num_descended_starts) if is_descended else slice(config.num_descended_starts, None)
            part = jax.tree.map(lambda leaf, at=(index, half): leaf[at], found)
            kinds[int(is_descended)] += np.bincount(part.kind, minlength=len(Kind))
            points = curvature.critical.distinct(part).points
            kept = points.gradient_norm < config.gradient_norm
            columns["task"].append(np.full(kept.sum(), index))
            columns["is_descended"].append(np.full(kept.sum(), is_descended))
            for name, values in (("value", points.value), ("index", points.inertia[:, 0]), ("kind", points.kind)):
                columns[name].append(values[kept])
    num_parameters = np.array(found.spectrum.shape[-1])
    flatness = found.gradient_norm[found.kind == Kind.GRADIENT_FLAT]
    return {f"networks.{name}": np.concatenate(parts) for name, parts in columns.items()} | {
        "networks.kinds": kinds,
        "networks.num_parameters": num_parameters,
        "networks.flat_gradients": flatness,
    }


def escapes(config: "Config", key: Key) -> dict[str, Any]:
    """When descent leaves the saddle of x²/2 - rate y²/2 + y⁴/4, and whether a linear autoencoder's descent ends high.

    A run has left when |y| > sqrt(rate) / 2; one that never does is given the number of steps.
    """
    key_starts, key_noise, key_network = jax.random.split(key, 3)

    def leaving_time(y: Scalar, rate: Scalar, noise: Float[Array, " steps"]) -> Scalar:
        def step(state: tuple, given: tuple) -> tuple:
            (y, time), (i, kick) = state, given
            time = jnp.where((time == MAX_ESCAPE_STEPS) & (jnp.abs(y) > jnp.sqrt(rate) / 2), i, time)
            return (y - STEP_SIZE * (y**3 - rate * y + kick), time), None

        steps = jnp.arange(MAX_ESCAPE_STEPS)
        return jax.lax.scan(step, (y, jnp.array(MAX_ESCAPE_STEPS)), (steps, noise))[0][1]

    # The same noise for all rates and offsets of a run, and none for plain descent; a start on the manifold comes first.
    by_rate = jax.vmap(leaving_time, (None, 0, None))
    by_offset = jax.vmap(by_rate, (0, None, None))
    by_run = jax.vmap(by_offset, (0, None, 0))
    by_noise = jax.jit(jax.vmap(by_run, (None, None, 0)))
    draws = normal(key_starts, config.num_runs)
    noise = NOISE * normal(key_noise, config.num_runs, MAX_ESCAPE_STEPS)
    offsets = np.array([0.0, *OFFSETS])
    times = by_noise(draws[:, None] * offsets[None, :], np.array(RATES), np.stack([0 * noise, noise]))
    eigenvalues = jnp.array([3.0, 2.0, 1.5, 0.75, 0.5])
    loss = autoencoder(eigenvalues)

    starts = 0.1 * normal(key_network, config.num_runs, 2, 2, 5)

    def final_excess(start: Float[Array, "2 2 5"]) -> Scalar:
        def step(_: Array, w: Params) -> Params:
            return jax.tree.map(lambda a, g: a - STEP_SIZE * g, w, jax.grad(loss)(w))

        end = jax.lax.fori_loop(0, MAX_ESCAPE_STEPS, step, {"encoder": start[0], "decoder": start[1].T})
        return loss(end) - jnp.sum(eigenvalues[2:]) / 2

    return {
        "escapes.on_the_manifold": times[0, :, 0],
        "escapes.descent": times[0, :, 1:],
        "escapes.stochastic": times[1, :, 1:],
        "escapes.autoencoder_excess": jax.jit(jax.vmap(final_excess))(starts),
    }


def convexity(config: "Config", key: Key) -> dict[str, Any]:
    """Of tanh networks at initialisation: violations of the midpoint inequality on random lines, and the least curvature."""
    key_tasks, key_ends = jax.random.split(key)
    num_lines = 256
    ends = random_networks(key_ends, (config.num_runs, 2, num_lines), config.num_units, 0.0, 0.0)

    def one_network(task: Task, ends: Params) -> tuple[Array, Array]:
        def loss(w: Params) -> Scalar:
            return risk(w, task, 0.0)

        middles = jax.tree.map(lambda leaf: jnp.mean(leaf, axis=0, keepdims=True), ends)
        points = jax.tree.map(lambda a, b: jnp.concatenate([a[:1], b, a[1:]]), ends, middles)
        values = jax.vmap(jax.vmap(loss))(points)
        first = jax.tree.map(lambda leaf: leaf[0, 0], ends)
        spectrum = jnp.linalg.eigvalsh(curvature.products.dense(curvature.hvp(loss, first), first))
        return curvature.landscape.barrier(values.T, jnp.array([0.0, 0.5, 1.0]))[:, 1], spectrum[jnp.array([0, -1])]

    excess, extremes = jax.jit(jax.vmap(one_network))(random_tasks(key_tasks, config.num_runs), ends)
    return {"convexity.midpoint_excess": excess, "convexity.extreme_eigenvalues": extremes}


def digits(config: "Config", key: Key) -> dict[str, Any]:
    """The whole Hessian's spectrum of small networks trained on digits, and its ends by Lanczos' method."""
    data = real.digits()
    inputs, targets = np.asarray(data.x, float) / 16, np.asarray(data.y, float)
    model = models.mlp([10], 10, activation=jnp.tanh)
    optimiser = optax.adam(0.01)

    def loss_on(x: Array, y: Array) -> Callable[[Params], Scalar]:
        return lambda params: jnp.mean(losses.softmax_cross_entropy(model.apply({"params": params}, x), y))

    def trained(start: Params, x: Array, y: Array) -> Params:
        def step(state: tuple, _: None) -> tuple:
            params, memory = state
            updates, memory = optimiser.update(jax.grad(loss_on(x, y))(params), memory, params)
            return (optax.apply_updates(params, updates), memory), None

        return jax.lax.scan(step, (start, optimiser.init(start)), length=100)[0][0]

    def examined(params: Params, x: Array, y: Array, key_search: Key) -> tuple[Array, Array]:
        product = curvature.hvp(loss_on(x, y), params)
        ends = curvature.eigenpairs(product, params, key_search, top=12, bottom=3)
        return curvature.products.dense(product, params), ends.values

    begin, train, examine = jax.jit(model.init), jax.jit(trained), jax.jit(examined)
    spectra, ends = [], []
    for key_network in jax.random.split(key, config.num_digit_networks):
        key_data, key_init, key_search = jax.random.split(key_network, 3)
        chosen = np.argsort(uniform(key_data, len(inputs)))[:500]
        x, y = inputs[chosen], targets[chosen]
        params = train(begin(key_init, x)["params"], x, y)
        hessian, found = examine(params, x, y, key_search)
        spectra.append(np.linalg.eigvalsh(hessian))
        ends.append(found)
    return {"digits.spectrum": np.stack(spectra), "digits.lanczos": np.stack(ends)}

"""Every public function of `jaxdl.curvature` against what it cannot take: refused in its own name, or handled as it should be.

The table runs in a process of its own, as a user's program does: here a type checker would refuse most of it beforehand.
"""

import json
import os
import subprocess
import sys

import flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

from jaxdl import curvature, losses, models
from jaxdl.curvature import critical, landscape, products, spectra
from jaxdl.types import Dataset

KEY = jax.random.key(0)
VECTOR = jnp.array([1.0, -2.0, 0.5])
MATRIX = jnp.array([[2.0, 1.0, 0.0], [1.0, 3.0, -1.0], [0.0, -1.0, 1.0]])
X = jnp.linspace(-1.0, 1.0, 10).reshape(5, 2)
DATA = Dataset(X, X[:, :1], jnp.ones(5))
MODEL = models.mlp([2], 1)
VARIABLES = {"params": jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.5), MODEL.init(KEY, X)["params"])}


def product(v):
    return jax.tree.map(lambda leaf: 2 * leaf, v)


def loss(w):
    return jnp.sum(jnp.sin(ravel_pytree(w)[0]) ** 2)


OPERATORS = {
    "check_symmetric": lambda matvec, like, key: products.check_symmetric(matvec, like, key),
    "dense": lambda matvec, like, key: products.dense(matvec, like),
    "spectral_density": lambda matvec, like, key: curvature.spectral_density(
        matvec, like, key, num_probes=2, num_steps=2
    ),
    "logdet": lambda matvec, like, key: spectra.logdet(matvec, like, key, num_probes=2, num_steps=2),
    "eigenpairs": lambda matvec, like, key: curvature.eigenpairs(matvec, like, key, top=1, bottom=0),
    "inertia": lambda matvec, like, key: curvature.inertia(matvec, like, key),
    "trace": lambda matvec, like, key: curvature.trace(matvec, like, key),
    "squared_frobenius_norm": lambda matvec, like, key: spectra.squared_frobenius_norm(matvec, like, key),
    "diagonal": lambda matvec, like, key: spectra.diagonal(matvec, like, key),
    "minres": lambda matvec, like, key: critical.minres(matvec, like, max_steps=3),
    "step_test": lambda matvec, like, key: spectra.step_test(matvec, like, 0.1),
    "track": lambda matvec, like, key: spectra.track(
        key,
        lambda index, state: state,
        0.0,
        lambda state: matvec,
        like,
        num_steps=2,
        num_steps_between=1,
        num_matvecs=1,
    ),
}
SYMMETRIC = ("check_symmetric", "spectral_density", "logdet", "eigenpairs", "inertia", "minres")
KEYLESS = ("dense", "minres", "step_test")


def fails(*_):
    message = "cannot do this"
    raise TypeError(message)


MATVECS = {
    "a matrix": MATRIX,
    "a name": "hessian",
    "None": None,
    "a loss": loss,
    "a loss of one parameter": lambda v: v @ MATRIX[0],
    "another shape": lambda v: v[:2],
    "another structure": lambda v: {"w": v},
    "another type": lambda v: v.astype(jnp.float16),
    "an error": fails,
    "a branch": lambda v: v if v[0] > 0 else 2 * v,
    "NumPy": lambda v: np.asarray(v) @ np.asarray(MATRIX),
    "half precision inside": lambda v: (MATRIX.astype(jnp.bfloat16) @ v.astype(jnp.bfloat16)).astype(v.dtype),
    "half precision in a loop": lambda v: jax.lax.fori_loop(
        0, 2, lambda _, u: u.astype(jnp.float16).astype(u.dtype), v
    ),
    "half precision in a branch": lambda v: jax.lax.cond(
        MATRIX[0, 0] > 0, lambda u: u.astype(jnp.float16).astype(u.dtype), lambda u: u, v
    ),
    "coarse in silence": lambda v: jax.lax.reduce_precision(MATRIX @ jax.lax.reduce_precision(v, 8, 10), 8, 10),
    "a square": lambda v: v**2,
    "a gradient": lambda v: MATRIX @ v + 1,
    "NaN": lambda v: jnp.nan * v,
    "infinite": lambda v: v * jnp.array([1e38, 1e38, 1.0]) * 1e6,
    "subnormal": lambda v: v * 1e-42,
}
ASYMMETRIC = {"asymmetric": lambda v: jnp.triu(MATRIX) @ v}
LIKES = {
    "integers": jnp.arange(3),
    "complex": VECTOR + 1j,
    "nothing": {},
    "no leaf": None,
    "no entry": jnp.zeros(0),
    "a function": {"w": VECTOR, "act": jnp.tanh},
    "a name": {"w": VECTOR, "name": "mlp"},
    "several types": {"w": VECTOR, "v": VECTOR.astype(jnp.float16)},
    "float16": VECTOR.astype(jnp.float16),
    "bfloat16": VECTOR.astype(jnp.bfloat16),
    "a mask": np.ma.masked_array(np.ones(3, np.float32), [0, 1, 0]),
    "objects": np.array([1.0, "a"], object),
    "keys": {"w": VECTOR, "rng": KEY},
    "a number": 3,
}
HALF = ("float16", "bfloat16")
KEYS = {
    "an integer": 0,
    "None": None,
    "several keys": jax.random.split(KEY),
    "a name": "seed",
    "a float": jnp.ones(2),
}
LOSSES = {
    "a name": "squared",
    "None": None,
    "an array": VECTOR,
    "a vector": lambda w: jnp.sin(ravel_pytree(w)[0]),
    "aux": lambda w: (loss(w), {"accuracy": 1.0}),
    "aux alone": lambda w: {"loss": loss(w)},
    "integers": lambda w: jnp.sum(ravel_pytree(w)[0] > 0),
    "complex": lambda w: loss(w) + 0j,
    "an error": fails,
    "a branch": lambda w: loss(w) if loss(w) > 0 else 0.0,
    "a number of Python": lambda w: float(loss(w)),
    "half precision inside": lambda w: loss(jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), w)).astype(
        jnp.float32
    ),
    "half precision inside jit": lambda w: loss(jax.jit(lambda v: v.astype(jnp.float16))(w)).astype(jnp.float32),
    "a loop without an end": lambda w: jax.lax.while_loop(lambda v: v < 9, lambda v: 2 * v, 1 + loss(w)),
    "a callback": lambda w: jax.pure_callback(lambda v: v, jax.ShapeDtypeStruct((), jnp.float32), loss(w)),
}
DIFFERENTIATED = {
    "hvp": lambda loss, at: curvature.hvp(loss, at),
    "critical_points": lambda loss, at: curvature.critical_points(
        loss, jax.tree.map(lambda leaf: leaf[None] if hasattr(leaf, "shape") else leaf, at), max_steps=2
    ),
    "critical_point": lambda loss, at: critical.critical_point(loss, at),
    "escape_directions": lambda loss, at: critical.escape_directions(loss, at),
    "newton_mr": lambda loss, at: critical.newton_mr(loss, at, gradient_tolerance=1e-3, max_steps=2),
    "reparametrization": lambda loss, at: landscape.reparametrization(KEY, loss, at, lambda v: v),
}
EVALUATED = {
    "line": lambda loss, at: landscape.line(loss, at, at, jnp.linspace(0, 1, 3)),
    "plane": lambda loss, at: landscape.plane(loss, at, at, at, jnp.linspace(0, 1, 3), jnp.linspace(0, 1, 2)),
    "interpolation": lambda loss, at: landscape.interpolation(loss, at, at, jnp.linspace(0, 1, 3)),
}
NOT_FOR_VALUES = ("half precision inside", "half precision inside jit", "a loop without an end", "a callback")
ARRAYS = ("a function", "a name", "a mask", "objects")
FINITE = ("hvp", "reparametrization")

PRODUCTS = {
    "hvp_over": lambda *given, **settings: products.hvp_over(*given, **settings),
    "ggn": lambda *given, **settings: curvature.ggn(*given, **settings),
    "fisher": lambda *given, **settings: products.fisher(*given, products.gaussian_labels, **settings),
    "empirical_fisher": lambda *given, **settings: products.empirical_fisher(*given, **settings),
}
SQUARED = losses.half_squared_error
RISKS = {
    "no model": (None, SQUARED, VARIABLES, DATA),
    "a name for a model": ("mlp", SQUARED, VARIABLES, DATA),
    "a name for a loss": (MODEL, "squared", VARIABLES, DATA),
    "a mean loss": (MODEL, lambda f, y: jnp.mean((f - y) ** 2), VARIABLES, DATA),
    "an elementwise loss": (MODEL, lambda f, y: (f - y) ** 2, VARIABLES, DATA),
    "a loss with aux": (MODEL, lambda f, y: (SQUARED(f, y), 0.0), VARIABLES, DATA),
    "a loss that fails": (MODEL, fails, VARIABLES, DATA),
    "half precision": (MODEL, lambda f, y: SQUARED(f.astype(jnp.bfloat16), y.astype(jnp.bfloat16)), VARIABLES, DATA),
    "bare parameters": (MODEL, SQUARED, VARIABLES["params"], DATA),
    "no variables": (MODEL, SQUARED, None, DATA),
    "other parameters": (MODEL, SQUARED, {"params": {"w": VECTOR}}, DATA),
    "functions in the parameters": (MODEL, SQUARED, {"params": {**VARIABLES["params"], "act": jnp.tanh}}, DATA),
    "a tuple of data": (MODEL, SQUARED, VARIABLES, (X, X[:, :1])),
    "lists of data": (MODEL, SQUARED, VARIABLES, DATA._replace(x=X.tolist())),
    "masked data": (MODEL, SQUARED, VARIABLES, DATA._replace(x=np.ma.masked_array(X))),
    "a column of weights": (MODEL, SQUARED, VARIABLES, DATA._replace(weight=jnp.ones((5, 1)))),
    "one feature without its axis": (MODEL, SQUARED, VARIABLES, DATA._replace(x=X[:, 0])),
    "targets without an axis": (MODEL, SQUARED, VARIABLES, DATA._replace(y=X[:, 0])),
    "fewer targets": (MODEL, SQUARED, VARIABLES, DATA._replace(y=X[:2, :1])),
    "other features": (MODEL, SQUARED, VARIABLES, DATA._replace(x=X[:, :1])),
    "no examples": (MODEL, SQUARED, VARIABLES, Dataset(X[:0], X[:0, :1], jnp.ones(0))),
    "NaN weights": (MODEL, SQUARED, VARIABLES, DATA._replace(weight=DATA.weight * jnp.nan)),
    "negative weights": (MODEL, SQUARED, VARIABLES, DATA._replace(weight=-DATA.weight)),
}
COUNTS = {
    "a Boolean": True,
    "a fraction": 2.5,
    "a float": 2.0,
    "none": 0,
    "fewer": -1,
    "NaN": float("nan"),
    "a name": "3",
}
COUNTED = {
    "check_symmetric": {"num_probes": lambda n: products.check_symmetric(product, VECTOR, KEY, num_probes=n)},
    "dense": {"chunk_size": lambda n: products.dense(product, VECTOR, chunk_size=n)},
    "spectral_density": {
        "num_probes": lambda n: curvature.spectral_density(product, VECTOR, KEY, num_probes=n),
        "num_steps": lambda n: curvature.spectral_density(product, VECTOR, KEY, num_steps=n),
    },
    "logdet": {
        "num_probes": lambda n: spectra.logdet(product, VECTOR, KEY, num_probes=n),
        "num_steps": lambda n: spectra.logdet(product, VECTOR, KEY, num_steps=n),
    },
    "eigenpairs": {
        "top": lambda n: curvature.eigenpairs(product, VECTOR, KEY, top=n, bottom=0),
        "bottom": lambda n: curvature.eigenpairs(product, VECTOR, KEY, top=0, bottom=n),
        "basis_size": lambda n: curvature.eigenpairs(product, VECTOR, KEY, top=1, bottom=0, basis_size=n),
        "max_cycles": lambda n: curvature.eigenpairs(product, VECTOR, KEY, top=1, bottom=0, max_cycles=n),
    },
    "inertia": {
        "num_probes": lambda n: curvature.inertia(product, VECTOR, KEY, num_probes=n),
        "num_steps": lambda n: curvature.inertia(product, VECTOR, KEY, num_steps=n),
    },
    "trace": {"num_probes": lambda n: curvature.trace(product, VECTOR, KEY, num_probes=n)},
    "squared_frobenius_norm": {
        "num_probes": lambda n: spectra.squared_frobenius_norm(product, VECTOR, KEY, num_probes=n)
    },
    "diagonal": {"num_probes": lambda n: spectra.diagonal(product, VECTOR, KEY, num_probes=n)},
    "tridiagonalize": {"num_steps": lambda n: spectra.tridiagonalize(KEY, product, VECTOR, n)},
    "minres": {"max_steps": lambda n: critical.minres(product, VECTOR, max_steps=n)},
    "reparametrization": {
        "num_probes": lambda n: landscape.reparametrization(KEY, loss, VECTOR, product, num_probes=n)
    },
    "critical_points": {"max_steps": lambda n: curvature.critical_points(loss, VECTOR[None], max_steps=n)},
    "newton_mr": {
        "max_steps": lambda n: critical.newton_mr(loss, VECTOR, gradient_tolerance=1e-3, max_steps=n),
        "max_matvecs": lambda n: critical.newton_mr(loss, VECTOR, gradient_tolerance=1e-3, max_matvecs=n),
    },
    "escape_directions": {"num_directions": lambda n: critical.escape_directions(loss, VECTOR, num_directions=n)},
    "line": {"batch_size": lambda n: landscape.line(loss, VECTOR, VECTOR, VECTOR, batch_size=n)},
    "track": {
        "num_steps_between": lambda n: spectra.track(
            KEY, lambda i, s: s, 0.0, lambda s: product, VECTOR, num_steps=2, num_steps_between=n, num_matvecs=1
        ),
        "top": lambda n: spectra.track(
            KEY, lambda i, s: s, 0.0, lambda s: product, VECTOR, num_steps=2, num_steps_between=1, top=n
        ),
    },
    **{
        name: {"chunk_size": lambda n, of=of: of(MODEL, SQUARED, VARIABLES, DATA, chunk_size=n)}
        for name, of in PRODUCTS.items()
    },
}
NUMBERS = {
    "NaN": float("nan"),
    "below zero": -1.0,
    "a name": "small",
    "a vector": VECTOR,
    "complex": 1j,
    "a Boolean": True,
}
MEASURED = {
    "eigenpairs": {"tolerance": lambda x: curvature.eigenpairs(product, VECTOR, KEY, top=1, bottom=0, tolerance=x)},
    "minres": {"tolerance": lambda x: critical.minres(product, VECTOR, max_steps=2, tolerance=x)},
    "inertia": {
        "factor": lambda x: curvature.inertia(product, VECTOR, KEY, factor=x),
        "error_probability": lambda x: curvature.inertia(product, VECTOR, KEY, error_probability=x),
    },
    "inertia_of": {"factor": lambda x: spectra.inertia_of(VECTOR, factor=x)},
    "conditioning": {"tolerance": lambda x: curvature.conditioning(VECTOR, tolerance=x)},
    "effective_dimension": {"strength": lambda x: spectra.effective_dimension(VECTOR, x)},
    "heavy_ball_rates": {"momentum": lambda x: spectra.heavy_ball_rates(VECTOR, 0.1, x)},
    "critical_points": {
        name: lambda x, name=name: curvature.critical_points(loss, VECTOR[None], max_steps=2, **{name: x})
        for name in ("gradient_tolerance", "flat_tolerance", "radius")
    },
    "newton_mr": {
        name: lambda x, name=name: critical.newton_mr(loss, VECTOR, **{"gradient_tolerance": 1.0, name: x})
        for name in ("gradient_tolerance", "flat_tolerance", "radius", "solver_tolerance")
    },
    "cumulative": {"error_probability": lambda x: spectra.cumulative(density(), VECTOR, error_probability=x)},
    "eigenvalue_counts": {
        "error_probability": lambda x: spectra.eigenvalue_counts(density(), VECTOR, error_probability=x)
    },
}
VECTORS = {
    "a list": [1.0, 2.0],
    "a number": 1.0,
    "a matrix": MATRIX,
    "complex": VECTOR + 1j,
    "a mask": np.ma.masked_array(np.ones(3, np.float32), [0, 1, 0]),
    "names": np.array(["a", "b"]),
    "None": None,
}
TAKES_VECTOR = {
    "inertia_of": spectra.inertia_of,
    "conditioning": curvature.conditioning,
    "descent_rates": lambda x: spectra.descent_rates(x, 0.1),
    "heavy_ball_rates": lambda x: spectra.heavy_ball_rates(x, 0.1, 0.1),
    "effective_dimension": lambda x: spectra.effective_dimension(x, 0.1),
    "rescaled": lambda x: spectra.rescaled(MATRIX, x),
    "cumulative": lambda x: spectra.cumulative(density(), x),
    "cumulative_band": lambda x: spectra.cumulative_band(density(), x),
    "eigenvalue_counts": lambda x: spectra.eigenvalue_counts(density(), x),
    "barrier": lambda x: landscape.barrier(VECTOR, x),
    "tridiagonalize": lambda x: spectra.tridiagonalize(KEY, product, x, 1),
    "line": lambda x: landscape.line(loss, VECTOR, VECTOR, x),
}


def density():
    return curvature.spectral_density(product, VECTOR, KEY, num_probes=2, num_steps=2)


def found():
    return curvature.critical_points(loss, VECTOR[None], max_steps=2)


OTHERS = {
    ("restrict", "the name of a layer"): lambda: products.restrict(product, {"a": VECTOR, "b": VECTOR + 1}, "a"),
    ("restrict", "names"): lambda: products.restrict(product, {"a": VECTOR, "b": VECTOR + 1}, {"a": "yes", "b": ""}),
    ("restrict", "integers"): lambda: products.restrict(product, {"a": VECTOR, "b": VECTOR + 1}, {"a": 1, "b": 0}),
    ("restrict", "a mask of entries"): lambda: products.restrict(product, VECTOR, VECTOR > 0),
    ("restrict", "a function"): lambda: products.restrict(product, VECTOR, lambda path: True),
    ("restrict", "one name"): lambda: products.restrict(product, {"a": VECTOR, "b": VECTOR + 1}, {"a": True}),
    ("restrict", "nothing kept"): lambda: products.restrict(product, VECTOR, False),
    ("restrict", "a matrix"): lambda: products.restrict(MATRIX, VECTOR, True),
    ("restrict", "the whole vector"): lambda: products.restrict(
        product, {"a": VECTOR, "b": VECTOR + 1}, {"a": False, "b": True}
    )[0]({"a": VECTOR, "b": VECTOR}),
    ("eigenpairs", "a start of another form"): lambda: curvature.eigenpairs(
        product, VECTOR, KEY, top=1, bottom=0, start={"w": VECTOR}
    ),
    ("eigenpairs", "a name for a start"): lambda: curvature.eigenpairs(
        product, VECTOR, KEY, top=1, bottom=0, start="warm"
    ),
    ("eigenpairs", "too many"): lambda: curvature.eigenpairs(product, VECTOR, KEY),
    ("step_test", "NaN"): lambda: spectra.step_test(product, VECTOR * jnp.nan, 0.1),
    ("step_test", "a name for a step"): lambda: spectra.step_test(product, VECTOR, "long"),
    ("minres", "NaN"): lambda: critical.minres(product, VECTOR * jnp.nan, max_steps=1),
    ("tridiagonalize", "zeros"): lambda: spectra.tridiagonalize(KEY, product, 0 * VECTOR, 1),
    ("tridiagonalize", "NaN"): lambda: spectra.tridiagonalize(KEY, product, VECTOR * jnp.nan, 1),
    ("tridiagonalize", "a matrix"): lambda: spectra.tridiagonalize(KEY, MATRIX, VECTOR, 1),
    ("tridiagonalize", "an integer key"): lambda: spectra.tridiagonalize(0, product, VECTOR, 1),
    ("random_direction", "an integer key"): lambda: landscape.random_direction(0, VECTOR),
    ("random_direction", "integers"): lambda: landscape.random_direction(KEY, jnp.arange(3)),
    ("filter_normalized", "another form"): lambda: landscape.filter_normalized(VECTOR, MATRIX),
    ("filter_normalized", "a function"): lambda: landscape.filter_normalized({"a": jnp.tanh}, {"a": jnp.tanh}),
    ("line", "another form"): lambda: landscape.line(loss, VECTOR, MATRIX, VECTOR),
    ("plane", "another form"): lambda: landscape.plane(loss, VECTOR, VECTOR, MATRIX, VECTOR, VECTOR),
    ("interpolation", "another form"): lambda: landscape.interpolation(loss, VECTOR, {"a": VECTOR}, VECTOR),
    ("barrier", "other lengths"): lambda: landscape.barrier(VECTOR, jnp.linspace(0, 1, 4)),
    ("barrier", "an inner part"): lambda: landscape.barrier(VECTOR, jnp.linspace(0.1, 0.9, 3)),
    ("match_hidden_units", "a name for layers"): lambda: landscape.match_hidden_units({}, {}, "layer"),
    ("match_hidden_units", "NaN"): lambda: landscape.match_hidden_units(
        *[{name: {"kernel": MATRIX * jnp.nan} for name in "ab"}] * 2, ["a", "b"]
    ),
    ("rescaled", "a vector"): lambda: spectra.rescaled(VECTOR, VECTOR),
    ("rescaled", "one scale"): lambda: spectra.rescaled(MATRIX, VECTOR[:1]),
    ("whitening", "a vector"): lambda: spectra.whitening(VECTOR),
    ("whitening", "not square"): lambda: spectra.whitening(MATRIX[:2]),
    ("whitening", "asymmetric"): lambda: spectra.whitening(jnp.triu(MATRIX)),
    ("inertia_of", "no eigenvalues"): lambda: spectra.inertia_of(VECTOR[:0]),
    ("inertia_of", "NaN"): lambda: spectra.inertia_of(VECTOR * jnp.nan),
    ("cumulative", "no density"): lambda: spectra.cumulative(VECTOR, VECTOR),
    ("cumulative", "NaN"): lambda: spectra.cumulative(density(), VECTOR * jnp.nan),
    ("distinct", "no record"): lambda: critical.distinct([VECTOR]),
    ("distinct", "one symmetry"): lambda: critical.distinct(found(), symmetries=lambda w: -w),
    ("distinct", "a name for a symmetry"): lambda: critical.distinct(found(), symmetries=["sign"]),
    ("distinct", "NaN"): lambda: critical.distinct(found(), tolerance=float("nan")),
    ("completeness", "no points"): lambda: critical.completeness(VECTOR),
    ("completeness", "one point"): lambda: critical.completeness(critical.critical_point(loss, VECTOR)),
    ("completeness", "what merge returns"): lambda: critical.completeness(critical.distinct(found())),
    ("critical_points", "no axis of starts"): lambda: curvature.critical_points(loss, VECTOR[0]),
    ("critical_points", "unlike axes"): lambda: curvature.critical_points(loss, {"a": VECTOR, "b": VECTOR[:2]}),
    ("newton_mr", "an integer key"): lambda: critical.newton_mr(loss, VECTOR, gradient_tolerance=1.0, key=3),
    ("reparametrization", "a matrix"): lambda: landscape.reparametrization(KEY, loss, VECTOR, MATRIX),
    ("reparametrization", "another form"): lambda: landscape.reparametrization(KEY, loss, VECTOR, lambda w: w[:2]),
    ("track", "no step"): lambda: spectra.track(
        KEY, None, 0.0, lambda s: product, VECTOR, num_steps=1, num_steps_between=1
    ),
    ("track", "no operator"): lambda: spectra.track(
        KEY, lambda i, s: s, 0.0, None, VECTOR, num_steps=1, num_steps_between=1
    ),
    ("fisher", "no labels"): lambda: products.fisher(MODEL, SQUARED, VARIABLES, DATA, None),
    ("check_deterministic", "a name"): lambda: products.check_deterministic("loss", VECTOR),
    ("check_deterministic", "aux"): lambda: products.check_deterministic(LOSSES["aux"], VECTOR),
    ("hvp", "NaN"): lambda: curvature.hvp(loss, VECTOR * jnp.nan),
}


def table():
    """(function, what) -> call."""
    cases = dict(OTHERS)
    for name, call in OPERATORS.items():
        matvecs = MATVECS | (ASYMMETRIC if name in SYMMETRIC else {})
        for what, matvec in matvecs.items():
            cases[name, f"matvec: {what}"] = lambda call=call, matvec=matvec: call(matvec, VECTOR, KEY)
        for what, like in LIKES.items():
            cases[name, f"like: {what}"] = lambda call=call, like=like: call(product, like, KEY)
        if name not in KEYLESS:
            for what, key in KEYS.items():
                cases[name, f"key: {what}"] = lambda call=call, key=key: call(product, VECTOR, key)
    for name, call in DIFFERENTIATED.items():
        for what, bad in LOSSES.items():
            cases[name, f"loss: {what}"] = lambda call=call, bad=bad: call(bad, VECTOR)
        for what, like in LIKES.items():
            if not (name == "hvp" and what in HALF):  # products alone, which need no linear algebra
                cases[name, f"parameters: {what}"] = lambda call=call, like=like: call(loss, like)
    for name, call in EVALUATED.items():
        for what, bad in LOSSES.items():
            if what not in NOT_FOR_VALUES:
                cases[name, f"loss: {what}"] = lambda call=call, bad=bad: call(bad, VECTOR)
        for what in ARRAYS:
            cases[name, f"parameters: {what}"] = lambda call=call, what=what: call(loss, LIKES[what])
    for name, call in PRODUCTS.items():
        for what, given in RISKS.items():
            cases[name, what] = lambda call=call, given=given: call(*given)
    for kinds, calls in ((COUNTS, COUNTED), (NUMBERS, MEASURED)):
        for name, settings in calls.items():
            for setting, call in settings.items():
                for what, bad in kinds.items():
                    cases[name, f"{setting}: {what}"] = lambda call=call, bad=bad: call(bad)
    for name, call in TAKES_VECTOR.items():
        for what, bad in VECTORS.items():
            cases[name, what] = lambda call=call, bad=bad: call(bad)
    return cases


def tree_product(v):
    """Twice each entry, thrice the last leaf: another operator than its transpose of leaves would be."""
    leaves, structure = jax.tree.flatten(v)
    return jax.tree.unflatten(structure, [*(2 * leaf for leaf in leaves[:-1]), 3 * leaves[-1]])


HANDLED = {
    "a frozen dict": flax.core.freeze({"a": VECTOR, "b": {"c": VECTOR[:2]}}),
    "None leaves": {"a": VECTOR, "b": None, "c": VECTOR[:2]},
    "one number": jnp.float32(0.5),
    "NumPy": {"a": np.array([1.0, -1.0], np.float32), "b": np.float32(0.5)},
    "numbers of Python": {"a": 0.5, "b": (1.0, -2.0)},
    "a leaf without entries": {"a": jnp.zeros((0, 2)), "b": VECTOR},
    "an old key": VECTOR,
    "shapes": {"a": jax.ShapeDtypeStruct((2,), jnp.float32), "b": jax.ShapeDtypeStruct((), jnp.float32)},
}


def old_key_or_new(what):
    return jax.random.PRNGKey(0) if what == "an old key" else KEY


def handled():
    """(function, what) -> (what it says, what is true), each as one vector."""
    cases = {}
    for what, like in HANDLED.items():
        key, size = old_key_or_new(what), sum(np.size(leaf) for leaf in jax.tree.leaves(like))
        last = np.size(jax.tree.leaves(like)[-1])
        values = np.r_[np.full(size - last, 2.0), np.full(last, 3.0)]
        cases["dense", what] = lambda like=like, values=values: (
            products.dense(tree_product, like),
            np.diag(values),
        )
        cases["eigenpairs", what] = lambda like=like, key=key, values=values: (
            curvature.eigenpairs(tree_product, like, key, top=1, bottom=0).values,
            values.max(),
        )
        cases["trace", what] = lambda like=like, key=key, values=values: (
            curvature.trace(tree_product, like, key).estimate,
            values.sum(),
        )
        cases["diagonal", what] = lambda like=like, key=key, values=values: (
            ravel_pytree(spectra.diagonal(tree_product, like, key).estimate)[0],
            values,
        )
        cases["inertia", what] = lambda like=like, key=key, size=size: (
            jnp.stack(curvature.inertia(tree_product, like, key).counts),
            [0, 0, size],
        )
        cases["logdet", what] = lambda like=like, key=key, values=values: (
            spectra.logdet(tree_product, like, key).estimate,
            np.log(values).sum(),
        )
        cases["spectral_density", what] = lambda like=like, key=key: (
            curvature.spectral_density(tree_product, like, key, num_probes=2).norm,
            3.0,
        )
        if what != "shapes":
            flat = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(like)])
            curvatures = 2 * np.cos(2 * flat)
            cases["hvp", what] = lambda like=like, curvatures=curvatures: (
                products.dense(curvature.hvp(loss, like), like),
                np.diag(curvatures),
            )
            cases["critical_point", what] = lambda like=like, curvatures=curvatures: (
                critical.critical_point(loss, like).spectrum,
                np.sort(curvatures),
            )
            cases["escape_directions", what] = lambda like=like, curvatures=curvatures: (
                critical.escape_directions(loss, like)[0],
                curvatures.min(),
            )
            cases["newton_mr", what] = lambda like=like: (
                critical.newton_mr(loss, like, gradient_tolerance=1e-4).gradient_norm < 1e-4,
                True,
            )
            cases["minres", what] = lambda like=like, flat=flat, values=values: (
                ravel_pytree(critical.minres(tree_product, like, max_steps=5).solution)[0],
                flat / values,
            )
            cases["line", what] = lambda like=like, flat=flat: (
                landscape.line(loss, like, like, jnp.array([0.0, 1.0])),
                [np.sum(np.sin(flat) ** 2), np.sum(np.sin(2 * flat) ** 2)],
            )
    return cases


def unlike(calls):
    try:
        said, true = calls()
        return None if np.allclose(said, true, rtol=1e-4, atol=1e-5) else f"{said} and not {true}"
    except Exception as error:  # whatever is raised is what a user sees
        return f"{type(error).__name__}: {error}"[:200]


# At which every function has an answer that is finite.
ORDINARY = {
    **{
        name: lambda call=call: call(lambda v: jnp.arange(1.0, 151.0, dtype=v.dtype) * v, jnp.ones(150), KEY)
        for name, call in OPERATORS.items()
    },
    **{name: lambda call=call: call(loss, VECTOR) for name, call in (DIFFERENTIATED | EVALUATED).items()},
    **{
        name: lambda call=call: call(MODEL, SQUARED, VARIABLES, DATA, chunk_size=2)(VARIABLES["params"])
        for name, call in PRODUCTS.items()
    },
    **{name: lambda call=call: call(jnp.array([0.0, 0.5, 1.0])) for name, call in TAKES_VECTOR.items()},
    "rescaled": lambda: spectra.rescaled(MATRIX, jnp.array([0.25, 0.5, 1.0])),  # a scale of zero has no finite answer
    "both ends": lambda: curvature.eigenpairs(
        lambda v: jnp.arange(1.0, 151.0) * v, jnp.ones(150), KEY, top=2, bottom=2
    ),
    "distinct": lambda: critical.distinct(found(), symmetries=[lambda w: -w]),
    "completeness": lambda: critical.completeness(critical.distinct(found()).points),
    "whitening": lambda: spectra.whitening(MATRIX),
    "restrict": lambda: products.restrict(product, {"a": VECTOR, "b": VECTOR + 1}, {"a": True, "b": False})[0](
        {"a": VECTOR, "b": None}
    ),
    "random_direction": lambda: landscape.random_direction(KEY, VECTOR),
    "filter_normalized": lambda: landscape.filter_normalized(MATRIX, MATRIX + 1),
    "match_hidden_units": lambda: landscape.match_hidden_units(
        *[{name: {"kernel": MATRIX + shift} for name in "ab"} for shift in (0, 1)], ["a", "b"]
    ),
    "newton_mr with a kind": lambda: critical.newton_mr(loss, VECTOR, gradient_tolerance=1e-3, key=KEY),
    "a saddle itself": lambda: critical.critical_point(lambda w: w[0] ** 2 - w[1] ** 2, jnp.zeros(2)),
    "newton_mr at a saddle": lambda: critical.newton_mr(
        lambda w: w[0] ** 2 - w[1] ** 2, jnp.zeros(2), gradient_tolerance=1e-3
    ),
    "softmax": lambda: products.fisher(MODEL, SQUARED, VARIABLES, DATA, products.softmax_labels)(VARIABLES["params"]),
    "sigmoid": lambda: products.fisher(MODEL, SQUARED, VARIABLES, DATA, products.sigmoid_labels)(VARIABLES["params"]),
    "tridiagonalize": lambda: spectra.tridiagonalize(KEY, product, VECTOR, 3),
}
MODES = {"jax_debug_nans": True, "jax_disable_jit": True, "jax_numpy_dtype_promotion": "strict"}


def numbers(call):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(call())]


def changes(mode):
    """Of every function, what a mode of debugging changes about it."""
    plain = {name: numbers(call) for name, call in ORDINARY.items()}
    before = getattr(jax.config, mode)
    jax.config.update(mode, MODES[mode])
    jax.clear_caches()  # what is compiled is not looked at again
    said = {}
    for name, call in ORDINARY.items():
        try:
            alike = all(
                np.allclose(a, b, rtol=1e-4, atol=1e-4, equal_nan=True)
                for a, b in zip(numbers(call), plain[name], strict=True)
            )
            said[name] = None if alike else "other numbers"
        except Exception as error:  # whatever is raised is what a user sees
            said[name] = f"{type(error).__name__}: {error}"[:300]
    jax.config.update(mode, before)
    return {name: words for name, words in said.items() if words}


def outcome(call):
    try:
        return f"returned {call()}"[:200]
    except ValueError as error:
        return str(error)
    except Exception as error:  # whatever is raised is what a user sees
        return f"{type(error).__name__}: {error}"[:200]


def tried(every):
    """What is said of all cases, or of every so-many-th of them; of the modes, which take minutes, only with all."""
    refusals, takings = (dict(list(cases.items())[::every]) for cases in (table(), handled()))
    return {
        "refused": {f"{name}, {what}": outcome(call) for (name, what), call in refusals.items()},
        "handled": {f"{name}, {what}": unlike(calls) for (name, what), calls in takings.items()},
        "modes": {mode: changes(mode) for mode in MODES if every == 1},
    }


if __name__ == "__main__":
    print(json.dumps(tried(int(sys.argv[1]))))
    sys.exit()


@pytest.fixture(
    scope="module",
    params=[pytest.param(1, marks=pytest.mark.slow, id="all"), pytest.param(13, id="every thirteenth")],
)
def report(request):
    command = [sys.executable, "-W", "ignore", __file__, str(request.param)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3000, env=os.environ, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def test_what_has_no_answer_is_refused_in_the_name_of_the_function(report):
    assert report["refused"]
    unclear = {
        case: said for case, said in report["refused"].items() if not said.startswith(case.split(", ")[0] + ": ")
    }
    assert not unclear, unclear


def test_unusual_parameters_and_keys_are_taken_as_they_are(report):
    assert report["handled"]
    wrong = {case: said for case, said in report["handled"].items() if said}
    assert not wrong, wrong


def test_everything_works_in_the_debugging_modes_of_jax_as_without(report):
    assert not any(report["modes"].values()), report["modes"]


@pytest.mark.parametrize("name", ["eigenpairs", "trace", "cumulative", "critical_points", "a saddle itself"])
def test_no_type_is_left_to_promotion(name):
    with jax.numpy_dtype_promotion("strict"):
        jax.eval_shape(ORDINARY[name])


@pytest.mark.thorough
def test_a_search_for_eigenpairs_holds_no_nan():
    operator = jnp.arange(1.0, 14.0)
    with jax.debug_nans(True):
        found = curvature.eigenpairs(lambda v: operator * v, operator, KEY, top=1, bottom=0, basis_size=8, dense_size=1)
    np.testing.assert_allclose(found.values, [13.0])


@jax.custom_vjp
def softplus(a):
    return jnp.logaddexp(a, 0)


softplus.defvjp(lambda a: (softplus(a), a), lambda a, g: (g * jax.nn.sigmoid(a),))


@pytest.fixture(scope="module")
def two_rules():
    """Networks alike but for the rule of their hidden units: one for gradients alone, one for both modes."""
    return [models.mlp([2], 1, activation=activation) for activation in (softplus, jax.nn.softplus)]


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "chunk_size"), [("hvp_over", None), ("hvp_over", 2), ("ggn", None), ("fisher", 2)])
def test_a_rule_for_gradients_alone_gives_the_products_of_one_for_both_modes(name, chunk_size, two_rules):
    def matrix(model):
        def dense(params):
            matvec = PRODUCTS[name](model, SQUARED, {"params": params}, DATA, chunk_size=chunk_size)
            return products.dense(matvec, params)

        return jax.jit(dense)(VARIABLES["params"])

    np.testing.assert_allclose(*map(matrix, two_rules), atol=1e-6)


@pytest.mark.thorough
def test_hessians_and_critical_points_need_no_rule_but_that_of_gradients():
    def bowl(w, activation=softplus):
        return jnp.sum(activation(w) ** 2 - w)

    exact = jax.hessian(lambda w: bowl(w, jax.nn.softplus))(VECTOR)
    np.testing.assert_allclose(products.dense(curvature.hvp(bowl, VECTOR), VECTOR), exact, atol=1e-6)
    found = jax.jit(lambda w: critical.critical_point(bowl, w))(VECTOR)
    np.testing.assert_allclose(found.spectrum, np.sort(np.diag(exact)), atol=1e-6)
    end = jax.jit(lambda w: critical.newton_mr(bowl, w, gradient_tolerance=1e-8))(VECTOR)
    assert end.converged
    assert np.isfinite(end.flatness)


@pytest.mark.parametrize("name", DIFFERENTIATED)
def test_one_array_in_two_places_is_told(name):
    call = (DIFFERENTIATED | {"critical_points": curvature.critical_points})[name]
    told = pytest.warns(UserWarning, match=rf"{name}: got one array at both \['a'\] and \['b'\]")
    refused = pytest.raises(ValueError, match=f"{name}: the loss raised TypeError")
    with told, refused:
        call(fails, {"a": VECTOR, "b": VECTOR})
    with refused:
        call(fails, {"a": VECTOR, "b": VECTOR + 1})  # in the tests, a warning would be another error


@pytest.mark.parametrize("name", ["hvp_over", "ggn"])
def test_examples_may_have_any_shape(name):
    flat = PRODUCTS[name](MODEL, SQUARED, VARIABLES, DATA, chunk_size=2)
    of_images = MODEL._replace(apply=lambda variables, x: MODEL.apply(variables, x.reshape(len(x), -1)))
    images = PRODUCTS[name](of_images, SQUARED, VARIABLES, DATA._replace(x=X.reshape(5, 1, 2, 1)), chunk_size=2)
    vector = VARIABLES["params"]
    jax.tree.map(np.testing.assert_array_equal, images(vector), flat(vector))

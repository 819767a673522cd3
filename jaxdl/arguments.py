"""The door for arguments of learning: counts, scalars, functions, models, optimisers, keys: the wrong kind is refused by name."""

import inspect
import operator
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Scalar

from jaxdl.types import Dataset, Key, Keys, Model, Objective, Variables

FLAX_REMEDY = "wrap a flax module: models.from_flax(module), models.from_nnx(build)"


def check_count(name: str, what: str, value: Any, *, at_least: int = 0, remedy: str = "") -> int:
    """A whole number, static and not too small; Booleans and floats are none.

    >>> check_count("fit", "num_steps", 2.5)
    Traceback (most recent call last):
    ...
    ValueError: fit: got num_steps=2.5, expected 0 or more, a whole number
    """
    hint = f"; {remedy}" if remedy else ""
    if isinstance(value, jax.core.Tracer):
        msg = f"{name}: got {what} traced, under jit or vmap, expected a static whole number; run one study for each value"
        raise ValueError(msg)
    try:
        is_bool = getattr(value, "dtype", type(value)) in (bool, np.bool_)
        count = None if is_bool else operator.index(value)
    except TypeError:
        count = None
    if count is None or count < at_least:
        msg = f"{name}: got {what}={shown(value)}, expected {at_least} or more, a whole number{hint}"
        raise ValueError(msg)
    return count


def check_scalar(
    name: str, what: str, value: Any, *, expected: str, allowed: Callable[[float], bool], remedy: str = ""
) -> None:
    """Refuse what is no real scalar, and a number at hand that is not `allowed`; of a traced one only the shape is known.

    >>> check_scalar("ridge", "strength", -1.0, expected="a scalar of 0 or more", allowed=lambda number: number >= 0)
    Traceback (most recent call last):
    ...
    ValueError: ridge: got strength=-1.0, expected a scalar of 0 or more
    """
    is_traced = isinstance(value, jax.core.Tracer)
    is_number = isinstance(value, int | float | np.number | np.ndarray | jax.Array) and not isinstance(value, bool)
    fits = is_number and np.ndim(value) == 0 and any(jnp.issubdtype(jnp.result_type(value), kind) for kind in _REAL)
    if not fits or (not is_traced and not allowed(float(value))):
        got = f"a {what} of shape {np.shape(value)}" if is_number and np.ndim(value) else f"{what}={shown(value)}"
        hint = f"; {remedy}" if remedy else ""
        msg = f"{name}: got {got}, expected {expected}{hint}"
        raise ValueError(msg)


def check_strength(name: str, what: str, value: Any) -> None:
    """Refuse a strength that is no scalar, or a number at hand that is negative or not finite."""
    check_scalar(
        name,
        what,
        value,
        expected="a scalar",
        allowed=lambda number: 0 <= number < np.inf,
        remedy="vmap over several; a number is finite and not negative",
    )


def check_function(name: str, what: str, value: Any, parameters: tuple[str, ...], remedy: str) -> None:
    """Refuse what is no function of that many positional arguments, where its signature can be read."""
    wanted = f"expected a function ({', '.join(parameters)}); {remedy}"
    if not callable(value):
        msg = f"{name}: got {what}={shown(value)}, {wanted}"
        raise ValueError(msg)
    is_class = inspect.isclass(value)
    try:
        signature = inspect.signature(value.__init__ if is_class else value)
    except (TypeError, ValueError):  # built-in functions have none
        return
    try:
        signature.bind(*((value, *parameters) if is_class else parameters))
    except TypeError:
        taken = ", ".join(signature.parameters)
        msg = f"{name}: got {what}={shown(value)}, which takes ({taken}), {wanted}"
        raise ValueError(msg) from None


def check_model(name: str, model: Any) -> None:
    """Refuse what is no `types.Model` of functions."""
    if not isinstance(model, Model):
        msg = f"{name}: got model={shown(model)}, expected a types.Model; {FLAX_REMEDY}"
        raise ValueError(msg)
    for part in ("init", "apply"):
        if not callable(getattr(model, part)):
            msg = f"{name}: got a model with {part}={shown(getattr(model, part))}, expected a function; {FLAX_REMEDY}"
            raise ValueError(msg)


def check_loss(name: str, loss: Any, what: str = "loss") -> None:
    """Refuse what is no function of predictions and targets."""
    check_function(name, what, loss, ("predictions", "targets"), "pass one such as losses.squared_error")


def check_penalty(name: str, penalty: Any, what: str = "penalty") -> None:
    """Refuse what is no function of the parameters alone."""
    check_function(name, what, penalty, ("params",), "pass one such as penalties.l2 or penalties.group()")


def check_objective(name: str, objective: Any, what: str = "objective") -> None:
    """Refuse what is no function of variables, data set and key."""
    check_function(
        name,
        what,
        objective,
        ("variables", "dataset", "key"),
        "make one of a model and a loss: objectives.empirical_risk(model, loss)",
    )


def check_learner(name: str, learner: Any) -> None:
    """Refuse what is no function of keys and a data set."""
    check_function(name, "learner", learner, ("keys", "dataset"), "pass one such as learners.ridge(model, strength)")


def check_optimizer(name: str, optimizer: Any) -> None:
    """Refuse what is no optax optimiser."""
    if not isinstance(optimizer, optax.GradientTransformation):
        msg = (
            f"{name}: got optimizer={shown(optimizer)}, expected an optax optimiser; call its factory with a learning rate: "
            "optax.adam(1e-3)"
        )
        raise ValueError(msg)


def key_of(name: str, keys: Keys, source: str) -> Key:
    """The key of one source.

    >>> key_of("fit", {"data": jax.random.key(0)}, "init")
    Traceback (most recent call last):
    ...
    ValueError: fit: got keys for ['data'], expected one for 'init' besides; pass {'init': jax.random.key(0), ...}
    """
    remedy = f"pass {{{source!r}: jax.random.key(0), ...}}"
    if isinstance(keys, jax.Array | np.ndarray | str) or not isinstance(keys, Keys):
        msg = f"{name}: got keys={shown(keys)}, expected a mapping from sources to keys; {remedy}"
        raise ValueError(msg)
    try:
        key = keys[source]
    except KeyError:
        msg = f"{name}: got keys for {sorted(map(str, keys))}, expected one for {source!r} besides; {remedy}"
        raise ValueError(msg) from None
    return check_key(name, f"keys[{source!r}]", key)


def check_key(name: str, what: str, key: Any) -> Key:
    """The key, one of jax's new-style ones."""
    if not isinstance(key, jax.Array) or not jnp.issubdtype(key.dtype, jax.dtypes.prng_key):
        msg = (
            f"{name}: got {what}={shown(key)}, expected a new-style key; pass jax.random.key(0), or wrap an old one: "
            "jax.random.wrap_key_data(key)"
        )
        raise ValueError(msg)
    if key.shape != ():
        msg = f"{name}: got {what} of shape {key.shape}, expected one key; map over several with jax.vmap"
        raise ValueError(msg)
    return key


def initial_variables(name: str, model: Model, keys: Keys, x: Array) -> Variables:
    """`model.init(keys["init"], x)`, known to hold parameters that can be trained; the key may be `None` where nothing is drawn."""
    has_none = isinstance(keys, Mapping) and "init" in keys and keys["init"] is None
    try:
        variables = model.init(None if has_none else key_of(name, keys, "init"), x)  # type: ignore[arg-type]
    except TypeError as error:
        if not has_none:
            raise
        msg = f"{name}: got keys['init']=None for a model that draws its start, expected a key; pass jax.random.key(0)"
        raise ValueError(msg) from error
    if not isinstance(variables, Mapping) or "params" not in variables:
        found = sorted(map(str, variables)) if isinstance(variables, Mapping) else type(variables).__name__
        msg = f"{name}: got a model whose init returns {found}, expected a mapping that holds 'params'"
        raise ValueError(msg)
    types = {str(jnp.result_type(leaf)) for leaf in jax.tree.leaves(variables["params"])}
    unfit = sorted(each for each in types if not jnp.issubdtype(jnp.dtype(each), jnp.floating))
    if unfit:
        msg = (
            f"{name}: got a model whose init returns parameters of dtype {', '.join(unfit)}, expected floats; keep what is not "
            "trained in another collection of the variables"
        )
        raise ValueError(msg)
    return variables


def value_of(
    name: str, objective: Objective, variables: Variables, dataset: Dataset, key: Key | None, what: str = "objective"
) -> tuple[Scalar, Variables]:
    """`objective(variables, dataset, key)`, known to be a real scalar and variables."""
    result = objective(variables, dataset, key)
    if not isinstance(result, tuple) or len(result) != 2:
        msg = (
            f"{name}: got {what}={shown(objective)}, which returns {type(result).__name__}, expected (value, variables)"
        )
        raise ValueError(msg)
    value, updated = result
    return check_value(name, what, value), updated


def check_value(name: str, what: str, value: Any) -> Scalar:
    """The value of an objective or a penalty, a real scalar."""
    if not isinstance(value, jax.Array | np.ndarray | np.number | float | int):
        msg = f"{name}: got {what} whose value is {shown(value)}, expected a scalar; call a factory first, as in penalties.group()"
        raise ValueError(msg)
    if np.ndim(value) != 0 or not any(jnp.issubdtype(jnp.result_type(value), kind) for kind in _REAL):
        msg = (
            f"{name}: got {what} whose value has shape {np.shape(value)} and dtype {jnp.result_type(value)}, expected a real "
            "scalar; add up its entries"
        )
        raise ValueError(msg)
    return jnp.asarray(value)


_REAL = (jnp.floating, jnp.integer, jnp.bool_)


def shown(value: Any) -> str:
    """A value in a few words, for errors."""
    if isinstance(value, jax.core.Tracer):
        return f"a traced array of shape {value.shape}"
    if inspect.isroutine(value) or inspect.isclass(value):
        return value.__name__
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else f"{type(value).__name__}({text[:40]} ...)"

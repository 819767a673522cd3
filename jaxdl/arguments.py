"""The door for arguments of learning: functions, models, optimizers, keys of sources; the wrong kind is refused by name."""

import inspect
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Scalar

from jaxdl.admission import is_real
from jaxdl.kinds import as_key, check_function, shown
from jaxdl.types import Dataset, Key, Keys, Model, Objective, Variables

FLAX_REMEDY = "wrap a flax module: models.from_flax(module), models.from_nnx(build)"


def check_model(name: str, model: Any) -> None:
    """Refuse anything but a `types.Model` of functions."""
    if not isinstance(model, Model):
        msg = f"{name}: got model={shown(model)}, expected a types.Model; {FLAX_REMEDY}"
        raise ValueError(msg)
    for part in ("init", "apply"):
        if not callable(getattr(model, part)):
            msg = f"{name}: got a model with {part}={shown(getattr(model, part))}, expected a function; {FLAX_REMEDY}"
            raise ValueError(msg)


def check_loss(name: str, loss: Any, what: str = "loss") -> None:
    """Refuse anything but a function of predictions and targets."""
    check_function(name, loss, ("predictions", "targets"), "pass one such as losses.squared_error", what=what)


def check_penalty(name: str, penalty: Any, what: str = "penalty") -> None:
    """Refuse anything but a function of the parameters alone."""
    check_function(name, penalty, ("params",), "pass one such as penalties.l2 or penalties.group()", what=what)


def check_objective(name: str, objective: Any, what: str = "objective") -> None:
    """Refuse anything but a function of variables, data set and key."""
    check_function(
        name,
        objective,
        ("variables", "dataset", "key"),
        "make one of a model and a loss: objectives.empirical_risk(model, loss)",
        what=what,
    )


def check_learner(name: str, learner: Any) -> None:
    """Refuse anything but a function of keys and a data set."""
    check_function(
        name, learner, ("keys", "dataset"), "pass one such as learners.ridge(model, strength)", what="learner"
    )


def check_optimizer(name: str, optimizer: Any) -> None:
    """Refuse anything but an optax optimizer, a pair of functions or an object with such methods as `optax.MultiSteps` is."""
    if inspect.isclass(optimizer) or not all(callable(getattr(optimizer, part, None)) for part in ("init", "update")):
        msg = (
            f"{name}: got optimizer={shown(optimizer)}, expected an optax optimizer; call its factory with a learning rate: "
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
    return as_key(name, key, what=f"keys[{source!r}]")


def initial_variables(name: str, model: Model, keys: Keys, x: Array) -> Variables:
    """`model.init(keys["init"], x)`, checked to hold trainable parameters; the key may be `None` where nothing is drawn."""
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
    """`objective(variables, dataset, key)`, checked to be a real scalar and variables."""
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
    if np.ndim(value) != 0 or not is_real(jnp.result_type(value)):
        msg = (
            f"{name}: got {what} whose value has shape {np.shape(value)} and dtype {jnp.result_type(value)}, expected a real "
            "scalar; add up its entries"
        )
        raise ValueError(msg)
    return jnp.asarray(value)

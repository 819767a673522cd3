"""The adapter that makes any module of flax's linen a `types.Model`."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import errors
from flax import linen as nn
from jaxtyping import Array

from jaxdl.kinds import shown
from jaxdl.models.dependence import depends
from jaxdl.types import Key, Model, Variables


def from_flax(
    module: nn.Module,
    *,
    train_kwargs: Mapping[str, Any] | None = None,
    eval_kwargs: Mapping[str, Any] | None = None,
    mutable: Sequence[str] = (),
    stochastic: bool = False,
) -> Model:
    """Any linen module as a model.

    Args:
        module: called as `module(x, **train_kwargs)` while training and `module(x, **eval_kwargs)` otherwise.
        train_kwargs: the module's arguments for training, such as `{"train": True}` or `{"deterministic": False}`.
        eval_kwargs: its arguments for evaluation and initialization, such as `{"train": False}`.
        mutable: collections that training updates, such as `("batch_stats",)`.
        stochastic: whether training draws from the random stream `"dropout"`.

    Returns:
        A model whose variables are the module's; `train_apply` is `None` where training is no different.

    Raises:
        ValueError: what is no linen module; when initialized or applied, dropout or batch statistics that training would silently
            leave out, random numbers without `stochastic`, collections that training changes and `mutable` does not name.

    >>> from flax import linen as nn
    >>> model = from_flax(nn.Dense(2))
    >>> jax.tree.map(lambda leaf: leaf.shape, model.init(jax.random.key(0), jax.numpy.ones((5, 3))))
    {'params': {'bias': (2,), 'kernel': (3, 2)}}
    """
    if not isinstance(module, nn.Module):
        msg = (
            f"from_flax: got {shown(module)}, expected an instance of a linen module, such as nn.Dense(3); for a module of nnx use "
            "models.from_nnx"
        )
        raise ValueError(msg)
    for name, kwargs in (("train_kwargs", train_kwargs), ("eval_kwargs", eval_kwargs)):
        if kwargs is not None and not isinstance(kwargs, Mapping):
            msg = f"from_flax: got {name}={kwargs!r}, expected a dictionary, such as {{'deterministic': False}}"
            raise ValueError(msg)
    if (
        isinstance(mutable, str)
        or not isinstance(mutable, Iterable)
        or not all(isinstance(name, str) for name in mutable)
    ):
        msg = f"from_flax: got mutable={mutable!r}, expected names of collections, such as ('batch_stats',)"
        raise ValueError(msg)
    train_kwargs, eval_kwargs = dict(train_kwargs or {}), dict(eval_kwargs or {})
    trains_differently = bool(train_kwargs or mutable or stochastic)

    def init(key: Key, x: Array) -> Variables:
        layers: dict[str, bool] = {}

        def note_layers(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
            name = f"nn.{type(context.module).__name__}"
            is_left_out = (
                isinstance(context.module, nn.Dropout) and not trains_differently and context.module.rate != 0
            ) or (isinstance(context.module, nn.BatchNorm) and "batch_stats" not in mutable)
            if is_left_out and context.method_name == "__call__":
                layers[name] = layers.get(name, False) or not _is_switched_off(context.module, args, kwargs)
            return method(*args, **kwargs)

        with nn.intercept_methods(note_layers):
            variables = {"params": {}, **_call("initialized", lambda: module.init(key, x, **eval_kwargs))}
            if layers and not any(layers.values()):
                # Off as it predicts: left out of training only where training would switch it on.
                if (not train_kwargs or train_kwargs == eval_kwargs) and _takes_flags(module):
                    layers = dict.fromkeys(layers, True)
                else:
                    _call("trained", lambda: jax.eval_shape(lambda: _called_in_training(variables, x)))
        left_out = sorted(name for name, is_on in layers.items() if is_on)
        if left_out:
            msg = (
                f"from_flax: got a module with {', '.join(left_out)} and no different training, expected to be told how it trains; "
                f"{_TRAINS}"
            )
            raise ValueError(msg)
        if train_kwargs == eval_kwargs:
            _check_draws(variables, x)
            _check_moves(variables, x)
        return variables

    def _called_in_training(variables: Variables, x: Array) -> Any:
        """A training call with all that a module may ask for: random numbers, and collections that it may change."""
        return module.apply(variables, x, **train_kwargs, rngs={"dropout": jax.random.key(0)}, mutable=True)

    def apply(variables: Variables, x: Array) -> Array:
        # A pair only where collections are mutable.
        return _call("evaluated", lambda: module.apply(variables, x, **eval_kwargs))  # type: ignore[no-any-return]

    def train_apply(variables: Variables, x: Array, key: Key | None) -> tuple[Array, Variables]:
        rngs = {} if key is None else {"dropout": key}
        outputs, updated = _call(
            "trained", lambda: module.apply(variables, x, **train_kwargs, rngs=rngs, mutable=list(mutable))
        )
        return outputs, updated_variables(variables, updated)

    def _check_draws(variables: Variables, x: Array) -> None:
        """Refuse to call a module stochastic that is called alike in training and in evaluation, and draws in neither."""
        if stochastic and not depends(lambda key: train_apply(variables, x, key), jax.random.key(0)):
            msg = (
                "from_flax: got stochastic=True for a module that draws no random numbers as it is called, expected dropout; "
                f"{_TRAINS}; without dropout leave stochastic out"
            )
            raise ValueError(msg)

    def _check_moves(variables: Variables, x: Array) -> None:
        """Refuse collections to be updated by a module that is called alike in training and in evaluation, and updates none."""
        moving = {name: variables[name] for name in mutable if variables.get(name)}
        key = jax.random.key(0) if stochastic else None

        def trained(moving: Variables) -> Variables:
            updated = train_apply({**variables, **moving}, x, key)[1]
            return {name: updated[name] for name in moving}

        traced = jax.make_jaxpr(trained)(moving).jaxpr
        if moving and all(new is old for new, old in zip(traced.outvars, traced.invars, strict=True)):
            msg = (
                f"from_flax: got mutable={tuple(mutable)} for a module that changes none of them as it is called, expected to be "
                f"told how it trains; {_TRAINS}; of frozen statistics leave mutable out"
            )
            raise ValueError(msg)

    return Model(init, apply, train_apply if trains_differently else None, stochastic)


_TRAINS = (
    "pass train_kwargs={'deterministic': False}, eval_kwargs={'deterministic': True}, stochastic=True for dropout, "
    "mutable=('batch_stats',) for batch statistics, with the names of the module's own arguments"
)

_SWITCHES: dict[type[nn.Module], str] = {nn.Dropout: "deterministic", nn.BatchNorm: "use_running_average"}


def _is_switched_off(layer: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> bool:
    """Whether a call of dropout or normalization, or its attribute, switches it off."""
    (switch,) = (switch for kind, switch in _SWITCHES.items() if isinstance(layer, kind))
    given = kwargs.get(switch, args[1] if len(args) > 1 else None)
    is_off = getattr(layer, switch) if given is None else given
    return isinstance(is_off, bool | np.bool_) and bool(is_off)


def _takes_flags(module: nn.Module) -> bool:
    """Whether a module's call has an argument, besides its input, that could switch layers on."""
    if isinstance(module, nn.Sequential):  # hands all to its first layer
        return bool(module.layers) and isinstance(module.layers[0], nn.Module) and _takes_flags(module.layers[0])
    for kind, switch in _SWITCHES.items():
        if isinstance(module, kind):
            return getattr(module, switch) is None
    further = list(inspect.signature(type(module).__call__).parameters.values())[2:]
    return any(parameter.kind is not inspect.Parameter.VAR_POSITIONAL for parameter in further)


def _call(what: str, call: Callable[[], Any]) -> Any:
    """The result of a call of a linen module; errors of flax about missing arguments become errors of `from_flax`."""
    try:
        return call()
    except errors.InvalidRngError as error:
        msg = (
            f"from_flax: got a module that draws random numbers while it is {what} ({_first_line(error)}), expected "
            "draws from the stream 'dropout', in training alone, and stochastic=True; "
            "switch them off elsewhere: eval_kwargs={'deterministic': True}"
        )
        raise ValueError(msg) from error
    except errors.ModifyScopeVariableError as error:
        msg = (
            f"from_flax: got a module that changes a collection while it is {what} ({_first_line(error)}), expected "
            "changes in training alone, of collections that mutable names, such as mutable=('batch_stats',)"
        )
        raise ValueError(msg) from error


def _first_line(error: Exception) -> str:
    return str(error).split(" (https", maxsplit=1)[0].splitlines()[0]


def updated_variables(variables: Variables, updated: Variables) -> Variables:
    """`variables` with some collections replaced, at the precision they had: statistics of float64 data are float64."""
    unknown = sorted(set(updated) - set(variables))
    if unknown:
        msg = f"from_flax: got mutable={unknown}, expected collections of the variables, {sorted(variables)}"
        raise ValueError(msg)
    same_precision = {
        name: jax.tree.map(lambda new, old: new.astype(old.dtype), updated[name], variables[name]) for name in updated
    }
    return {**variables, **same_precision}

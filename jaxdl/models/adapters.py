"""Adapters: any flax module, of linen or of nnx, as a `types.Model`."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import errors, nnx
from flax import linen as nn
from jaxtyping import Array

from jaxdl.arguments import check_function, shown
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
        train_kwargs: what the module calls training, such as `{"train": True}` or `{"deterministic": False}`.
        eval_kwargs: the opposite, such as `{"train": False}`; used to initialise too.
        mutable: collections that training updates, such as `("batch_stats",)`.
        stochastic: whether training draws from the random stream `"dropout"`.

    Returns:
        A model whose variables are the module's; `train_apply` is `None` where training is no different.

    Raises:
        ValueError: what is no linen module; when initialised or applied, dropout or batch statistics that training would silently
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
        left_out: set[str] = set()

        def note_left_out(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
            if isinstance(context.module, nn.Dropout) and not trains_differently and context.module.rate != 0:
                left_out.add("nn.Dropout")
            if isinstance(context.module, nn.BatchNorm) and "batch_stats" not in mutable:
                left_out.add("nn.BatchNorm")
            return method(*args, **kwargs)

        with nn.intercept_methods(note_left_out):
            variables = {"params": {}, **_told("initialised", lambda: module.init(key, x, **eval_kwargs))}
        if left_out:
            msg = (
                f"from_flax: got a module with {', '.join(sorted(left_out))} and no different training, expected to be told how it "
                f"trains; {_TRAINS}"
            )
            raise ValueError(msg)
        if stochastic and train_kwargs == eval_kwargs:
            _check_draws(variables, x)
        return variables

    def apply(variables: Variables, x: Array) -> Array:
        # A pair only where collections are mutable.
        return _told("evaluated", lambda: module.apply(variables, x, **eval_kwargs))  # type: ignore[no-any-return]

    def train_apply(variables: Variables, x: Array, key: Key | None) -> tuple[Array, Variables]:
        rngs = {} if key is None else {"dropout": key}
        outputs, updated = _told(
            "trained", lambda: module.apply(variables, x, **train_kwargs, rngs=rngs, mutable=list(mutable))
        )
        return outputs, _updated(variables, updated)

    def _check_draws(variables: Variables, x: Array) -> None:
        """Refuse to call a module stochastic that is called alike in training and in evaluation, and draws in neither."""
        traced = jax.make_jaxpr(lambda key: train_apply(variables, x, key)[0])(jax.random.key(0)).jaxpr
        (key,) = traced.invars
        if not any(variable is key for equation in traced.eqns for variable in equation.invars):
            msg = (
                "from_flax: got stochastic=True for a module that draws no random numbers as it is called, expected dropout; "
                f"{_TRAINS}; without dropout leave stochastic out"
            )
            raise ValueError(msg)

    return Model(init, apply, train_apply if trains_differently else None, stochastic)


def from_nnx(build: Callable[[nnx.Rngs], nnx.Module], *, stochastic: bool = False) -> Model:
    """Any nnx module as a model: its `nnx.Param`s under `"params"`, its other state under `"state"`.

    A module is built anew wherever it is applied and filled with the variables; inside `jit` this costs nothing, since
    what initialises it is unused and removed. Training and evaluation are flax's own modes: `module.train()` and
    `module.eval()` set `deterministic` and `use_running_average` wherever a submodule has them.

    Args:
        build: makes the module from its random streams.
        stochastic: whether training draws random numbers, as `nnx.Dropout` does.

    Returns:
        A model whose variables are plain dictionaries. Random state is left out of them: training draws from the key
        that the learner gives.

    Raises:
        ValueError: a module instead of what builds it; a builder that returns the same module each time; when applied, random
            numbers in training without `stochastic`, or in evaluation.

    >>> model = from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    >>> jax.tree.map(lambda leaf: leaf.shape, model.init(jax.random.key(0), jax.numpy.ones((5, 3))))
    {'params': {'bias': (2,), 'kernel': (3, 2)}, 'state': {}}
    """
    if isinstance(build, nnx.Module | nn.Module):
        msg = (
            f"from_nnx: got {shown(build)}, expected a function that builds it, as lambda rngs: nnx.Linear(3, 2, rngs=rngs); "
            "for a module of linen use models.from_flax"
        )
        raise ValueError(msg)
    check_function("from_nnx", "build", build, ("rngs",), "pass lambda rngs: nnx.Linear(3, 2, rngs=rngs)")

    def built(key: Key) -> nnx.Module:
        module = build(nnx.Rngs(key))
        if not isinstance(module, nnx.Module):
            msg = f"from_nnx: got a builder that returns {shown(module)}, expected an nnx.Module"
            raise ValueError(msg)
        return module

    def variables_of(module: nnx.Module) -> Variables:
        _, *states = nnx.split(module, nnx.Param, nnx.RngState, ...)
        params, _, state = states
        return {"params": nnx.to_pure_dict(params), "state": nnx.to_pure_dict(state)}

    def filled(variables: Variables, key: Key) -> nnx.Module:
        module = built(key)
        nnx.update(module, variables["params"])
        nnx.update(module, variables["state"])
        return module

    def training(module: nnx.Module) -> nnx.Module:
        module.train()
        return module

    def predicting(module: nnx.Module) -> nnx.Module:
        module.eval()
        return module

    def init(key: Key, x: Array) -> Variables:
        del x
        module = built(key)
        if built(key) is module:
            msg = (
                "from_nnx: got a builder that returns the same module each time, expected a new one, drawn from rngs; make "
                "it inside of it: lambda rngs: nnx.Linear(3, 2, rngs=rngs)"
            )
            raise ValueError(msg)
        return variables_of(module)

    def apply(variables: Variables, x: Array) -> Array:
        module = predicting(filled(variables, jax.random.key(0)))
        before = _counts(module)
        outputs = module(x)
        if _has_drawn(module, before, lambda: predicting(built(jax.random.key(0))), x):
            msg = (
                "from_nnx: got a module that draws random numbers while it predicts, expected the same outputs each time; "
                "draw only in training, as nnx.Dropout does without deterministic=False in its call"
            )
            raise ValueError(msg)
        return outputs

    def train_apply(variables: Variables, x: Array, key: Key | None) -> tuple[Array, Variables]:
        module = training(filled(variables, jax.random.key(0) if key is None else key))
        before = _counts(module)
        outputs = module(x)
        if not stochastic and _has_drawn(module, before, lambda: training(built(jax.random.key(0))), x):
            msg = (
                "from_nnx: got a module that draws random numbers while it trains, expected to be told, as each step would draw "
                "the same ones; pass stochastic=True"
            )
            raise ValueError(msg)
        return outputs, _updated(variables, {"state": variables_of(module)["state"]})

    return Model(init, apply, train_apply, stochastic)


_TRAINS = (
    "pass train_kwargs={'deterministic': False}, eval_kwargs={'deterministic': True}, stochastic=True for dropout, "
    "mutable=('batch_stats',) for batch statistics, with the names of the module's own arguments"
)


def _told(what: str, call: Callable[[], Any]) -> Any:
    """The result of a call of a linen module, with flax's errors about what `from_flax` was not told in its words."""
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


def _counts(module: nnx.Module) -> list[Any]:
    """How often each random stream was drawn from."""
    return jax.tree.leaves(nnx.state(module, nnx.RngCount))


def _has_drawn(module: nnx.Module, before: list[Any], fresh: Callable[[], nnx.Module], x: Array) -> bool:
    """Whether a call of the module drew random numbers, since when its streams had the counts `before`."""
    if all(new is old for new, old in zip(_counts(module), before, strict=True)):
        return False
    # A transformation of nnx hands back every count anew, drawn from or not: only their values tell, of a call that is not traced.
    with jax.ensure_compile_time_eval():
        module = fresh()
        counts = [np.asarray(count) for count in _counts(module)]
        module(jnp.zeros(x.shape, x.dtype))  # type: ignore[operator]
        return any((np.asarray(new) != old).any() for new, old in zip(_counts(module), counts, strict=True))


def _updated(variables: Variables, updated: Variables) -> Variables:
    """`variables` with some collections replaced, at the precision they had: statistics of float64 data are float64."""
    unknown = sorted(set(updated) - set(variables))
    if unknown:
        msg = f"from_flax: got mutable={unknown}, expected collections of the variables, {sorted(variables)}"
        raise ValueError(msg)
    same_precision = {
        name: jax.tree.map(lambda new, old: new.astype(old.dtype), updated[name], variables[name]) for name in updated
    }
    return {**variables, **same_precision}

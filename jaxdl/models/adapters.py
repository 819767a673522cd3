"""Adapters: any flax module, of linen or of nnx, as a `types.Model`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
from flax import linen as nn
from flax import nnx
from jaxtyping import Array

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

    >>> from flax import linen as nn
    >>> model = from_flax(nn.Dense(2))
    >>> jax.tree.map(lambda leaf: leaf.shape, model.init(jax.random.key(0), jax.numpy.ones((5, 3))))
    {'params': {'bias': (2,), 'kernel': (3, 2)}}
    """
    train_kwargs, eval_kwargs = dict(train_kwargs or {}), dict(eval_kwargs or {})

    def init(key: Key, x: Array) -> Variables:
        return {"params": {}, **module.init(key, x, **eval_kwargs)}

    def apply(variables: Variables, x: Array) -> Array:
        # A pair only where collections are mutable.
        return module.apply(variables, x, **eval_kwargs)  # type: ignore[return-value]

    def train_apply(variables: Variables, x: Array, key: Key | None) -> tuple[Array, Variables]:
        rngs = {} if key is None else {"dropout": key}
        outputs, updated = module.apply(variables, x, **train_kwargs, rngs=rngs, mutable=list(mutable))
        return outputs, _updated(variables, updated)

    trains_differently = bool(train_kwargs or mutable or stochastic)
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

    >>> model = from_nnx(lambda rngs: nnx.Linear(3, 2, rngs=rngs))
    >>> jax.tree.map(lambda leaf: leaf.shape, model.init(jax.random.key(0), jax.numpy.ones((5, 3))))
    {'params': {'bias': (2,), 'kernel': (3, 2)}, 'state': {}}
    """

    def variables_of(module: nnx.Module) -> Variables:
        _, *states = nnx.split(module, nnx.Param, nnx.RngState, ...)
        params, _, state = states
        return {"params": nnx.to_pure_dict(params), "state": nnx.to_pure_dict(state)}

    def filled(variables: Variables, key: Key) -> nnx.Module:
        module = build(nnx.Rngs(key))
        nnx.update(module, variables["params"])
        nnx.update(module, variables["state"])
        return module

    def init(key: Key, x: Array) -> Variables:
        del x
        return variables_of(build(nnx.Rngs(key)))

    def apply(variables: Variables, x: Array) -> Array:
        module = filled(variables, jax.random.key(0))
        module.eval()
        return module(x)

    def train_apply(variables: Variables, x: Array, key: Key | None) -> tuple[Array, Variables]:
        module = filled(variables, jax.random.key(0) if key is None else key)
        module.train()
        outputs = module(x)
        return outputs, _updated(variables, {"state": variables_of(module)["state"]})

    return Model(init, apply, train_apply, stochastic)


def _updated(variables: Variables, updated: Variables) -> Variables:
    """`variables` with some collections replaced, at the precision they had: statistics of float64 data are float64."""
    same_precision = {
        name: jax.tree.map(lambda new, old: new.astype(old.dtype), updated[name], variables[name]) for name in updated
    }
    return {**variables, **same_precision}

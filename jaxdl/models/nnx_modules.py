"""The adapter that makes any module of flax's nnx a `types.Model`."""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import nnx
from jaxtyping import Array

from jaxdl.kinds import check_function, shown
from jaxdl.models.dependence import depends, depends_on_draws
from jaxdl.models.linen_modules import updated_variables
from jaxdl.types import Key, Model, Variables


def from_nnx(build: Callable[[nnx.Rngs], nnx.Module], *, stochastic: bool = False) -> Model:
    """Any nnx module as a model: its `nnx.Param`s under `"params"`, its other state under `"state"`.

    A module is built anew at each application and filled with the variables; inside `jit` this costs nothing, as the unused
    initialization is removed. Training and evaluation are flax's own modes: `module.train()` and `module.eval()` set
    `deterministic` and `use_running_average` wherever a submodule has them.

    Args:
        build: makes the module from its random streams: a function of them, or a class that takes them as `rngs`.
        stochastic: whether training draws random numbers, as `nnx.Dropout` does.

    Returns:
        A model whose variables are plain dictionaries. Random state is left out of them: training draws from the key
        that the learner gives.

    Raises:
        ValueError: a module instead of what builds it; a builder that returns the same module each time, or draws from streams of
            its own; a module that keeps a key; when applied, random numbers in training without `stochastic`, or in evaluation.

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
    by_name = _takes_rngs_by_name(build)
    if not by_name:
        check_function("from_nnx", build, ("rngs",), "pass lambda rngs: nnx.Linear(3, 2, rngs=rngs)", what="build")

    def built(key: Key) -> nnx.Module:
        rngs = nnx.Rngs(key)
        module = build(rngs=rngs) if by_name else build(rngs)  # type: ignore[call-arg]
        if not isinstance(module, nnx.Module):
            msg = f"from_nnx: got a builder that returns {shown(module)}, expected an nnx.Module"
            raise ValueError(msg)
        # A traced key is no array to nnx, and would stay behind in the module.
        kept = [part for _, part in nnx.iter_graph(module) if isinstance(part, jax.Array | nnx.Variable)]
        if any(jnp.issubdtype(part.dtype, jax.dtypes.prng_key) for part in kept if not isinstance(part, nnx.RngState)):
            msg = "from_nnx: got a module that keeps a random key, expected arrays; keep nnx.Rngs, not a key: self.rngs = rngs"
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

        def drawn_again(key: Key) -> Variables:
            again = built(key)
            if again is module:
                msg = (
                    "from_nnx: got a builder that returns the same module each time, expected a new one, drawn from rngs; make "
                    "it inside of it: lambda rngs: nnx.Linear(3, 2, rngs=rngs)"
                )
                raise ValueError(msg)
            return variables_of(again)

        if not depends(drawn_again, key) and depends_on_draws(drawn_again, key):
            raise ValueError(_OTHER_STREAMS)
        return variables_of(module)

    def called(module: nnx.Module, x: Array) -> Any:
        """The outputs of a module, and what it changes besides its random streams."""
        return module(x), variables_of(module)["state"]  # type: ignore[operator]

    def draws(module: nnx.Module, x: Array) -> bool:
        """Whether that depends on the keys of the module's random streams."""
        graph, *states = nnx.split(module, nnx.RngKey, ...)
        keys, rest = states

        def called_with(keys: Any) -> Any:
            # nnx's variables may change only where they are made.
            return called(nnx.merge(graph, keys, jax.tree.map(lambda leaf: leaf, rest)), x)

        return bool(jax.tree.leaves(keys)) and depends(called_with, keys)

    def apply(variables: Variables, x: Array) -> Array:
        module = predicting(filled(variables, jax.random.key(0)))
        if draws(module, x):
            msg = (
                "from_nnx: got a module that draws random numbers while it predicts, expected the same outputs each time; "
                "draw only in training, as nnx.Dropout does without deterministic=False in its call"
            )
            raise ValueError(msg)
        return module(x)

    def train_apply(variables: Variables, x: Array, key: Key | None) -> tuple[Array, Variables]:
        module = training(filled(variables, jax.random.key(0) if key is None else key))
        if stochastic and key is not None:
            is_given = depends(lambda key: called(training(filled(variables, key)), x), key)
            if not is_given and draws(module, x):
                raise ValueError(_OTHER_STREAMS)
        elif not stochastic and draws(module, x):
            msg = (
                "from_nnx: got a module that draws random numbers while it trains, expected to be told, as each step would draw "
                "the same ones; pass stochastic=True"
            )
            raise ValueError(msg)
        outputs, state = called(module, x)
        return outputs, updated_variables(variables, {"state": state})

    return Model(init, apply, train_apply, stochastic)


_OTHER_STREAMS = (
    "from_nnx: got a builder that draws from random streams of its own, expected one whose draws differ with the key; draw from "
    "the rngs you are given: lambda rngs: nnx.Linear(3, 2, rngs=rngs)"
)


def _takes_rngs_by_name(build: Any) -> bool:
    """Whether a builder is called as flax's own modules are, `build(rngs=rngs)`."""
    if not callable(build):
        return False
    whole = build if isinstance(build, functools.partial) else functools.partial(build)
    if inspect.isclass(whole.func):  # whose own signature is that of nnx's metaclass
        whole = functools.partial(whole.func.__init__, None, *whole.args, **whole.keywords)  # type: ignore[misc]
    try:
        signature = inspect.signature(whole)
        signature.bind(rngs=None)
    except (TypeError, ValueError):
        return False
    return "rngs" in signature.parameters

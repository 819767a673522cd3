"""The vocabulary of jaxdl: what a trial, a learner, a model, a sampler and a data set are. No logic lives here.

Dimension names used in array annotations throughout the package:

======== ==================================================================
n        training examples
points   test points, at which predictions are compared
features inputs of one example
out      outputs of one example (classes, for a classifier)
p        parameters of a model that is linear in them
runs     trainings of one study
times    stopping times of one training
settings values of a swept hyperparameter
levels   levels of one source of randomness
steps    optimizer steps
batch    examples of one minibatch
======== ==================================================================
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jaxtyping import Array, Float, PRNGKeyArray, PyTree, Real, Scalar

__all__ = [
    "Dataset",
    "Key",
    "Keys",
    "Learner",
    "Loss",
    "Model",
    "Objective",
    "Outputs",
    "Params",
    "Penalty",
    "Run",
    "Sampler",
    "Trial",
    "Variables",
]

Key = PRNGKeyArray


@runtime_checkable
class Keys(Protocol):
    """One PRNG key for each named source of randomness; any mapping from names to keys, such as a `dict`, is one.

    A protocol rather than `Mapping`, because a run-time type checker looks inside a `Mapping`, and the engine
    records which sources a trial looks at.

    >>> import jax
    >>> isinstance({"data": jax.random.key(0)}, Keys)
    True
    """

    def __getitem__(self, name: str, /) -> Any: ...

    def __contains__(self, name: object, /) -> bool: ...

    def __iter__(self) -> Iterator[str]: ...


Params = PyTree[Array]
Variables = Mapping[str, Any]
"""`{"params": Params, ...}`: what a model is applied with; further collections (batch statistics, frozen features,
a learner's report) are carried along and never differentiated."""

Outputs = PyTree[Array]


class Dataset(NamedTuple):
    """Examples with weights; a weight of zero removes an example without changing a shape (folds, bootstrap counts).

    >>> import jax.numpy as jnp
    >>> Dataset(x=jnp.zeros((4, 2)), y=jnp.zeros((4, 1)), weight=jnp.ones(4)).x.shape
    (4, 2)
    """

    x: Real[Array, "n *features"]
    """Floats; or whatever the model takes, such as images "n height width channels" or whole numbers to embed."""
    y: Real[Array, "n out"]
    weight: Real[Array, " n"]


class Model(NamedTuple):
    """A pair of pure functions, and what a learner must know besides.

    `init(key, x) -> variables` draws initial variables for inputs shaped like `x`;
    `apply(variables, x) -> outputs "n out"` is deterministic: evaluation.

    >>> import jax.numpy as jnp
    >>> line = Model(lambda key, x: {"params": jnp.zeros((x.shape[1], 1))}, lambda variables, x: x @ variables["params"])
    >>> line.apply(line.init(None, jnp.ones((4, 2))), jnp.ones((4, 2))).shape
    (4, 1)
    """

    init: Callable[[Key, Array], Variables]
    apply: Callable[[Variables, Array], Array]
    train_apply: Callable[[Variables, Array, Key | None], tuple[Array, Variables]] | None = None
    """`(variables, x, key) -> (outputs, variables)` while training: dropout, batch statistics. `None`: as `apply`."""
    stochastic: bool = False
    """Whether `train_apply` consumes a key; learners then read the source `"dropout"`."""
    features: Callable[[Variables, Array], Array] | None = None
    """`(variables, x) -> phi "n p"`, for a model linear in its parameters: `apply = phi @ params["weights"]`."""


Sampler = Callable[[Keys], Dataset]
Loss = Callable[[Float[Array, "*n out"], Float[Array, "*n out"]], Float[Array, "*n"]]
"""`(predictions, targets) -> one loss for each example`: never reduced over examples."""
Penalty = Callable[[Params], Scalar]
Objective = Callable[[Variables, Dataset, Key | None], tuple[Scalar, Variables]]
"""What training minimizes, and the model's updated further collections."""
Learner = Callable[[Keys, Dataset], Variables]


class Run(NamedTuple):
    """What a trial returns to report more than its outputs: `return Run(predictions, {"steps": steps})`.

    >>> import jax.numpy as jnp
    >>> Run(jnp.zeros(3), {"steps": 10}).aux
    {'steps': 10}
    """

    outputs: Outputs
    aux: Any
    """A pytree of arrays: kept by `ensembles.run`, and named when the run diverges."""


Trial = Callable[..., Outputs | Run]
"""`trial(keys)` or `trial(keys, setting)`: predictions at fixed points, a dict of them by name, or `Run(predictions, aux)`."""

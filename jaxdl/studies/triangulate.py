"""`triangulate`: variance, and bias² and noise together, of a learner on one real data set, by several ways of resampling it.

One data set never separates bias² from noise, and no resampling is a fresh draw. Each number therefore says at which training
size it holds, what it is conditional on, and by which law it follows from the draws. Where numbers at one size disagree by more
than their standard errors, the laws, which hold to first order, do not describe the learner, or this data set is unusual.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn

import jax
import numpy as np
from jaxtyping import Array, Float

from jaxdl.admission import as_array, as_numbers, check_finite
from jaxdl.data import resampling
from jaxdl.data.resampling import Resampling
from jaxdl.decomposition import Target
from jaxdl.ensembles import Engine
from jaxdl.ensembles.engine import check_engine
from jaxdl.examples import weighted_examples
from jaxdl.kinds import as_count, as_key, check_function
from jaxdl.paths import as_path
from jaxdl.studies.schemes import Draws, Scheme, attempt, law_of, over_draws, over_parts, over_rows, rows_of
from jaxdl.studies.triangulation import Triangulation
from jaxdl.types import Dataset, Key, Learner

Predict = Callable[[Any, Array], Array]
"""`(variables, x) -> predictions "points out"`, such as `model.apply`."""
MIN_RUNS = 50
"""A draw leaves a row out with probability 0.37: with 50 all but one row in 10^7 are left out by 3 or more."""


def triangulate(
    learner: Learner,
    dataset: Dataset,
    key: Key,
    *,
    predict: Predict,
    x_test: Float[Array, "points *features"] | Any,
    y_test: Float[Array, "points out"] | Any,
    num_runs: int = 200,
    num_parts: int = 4,
    held: Sequence[str] = (),
    engine: Engine = Engine(),
) -> Triangulation:
    """Variance, and bias² + noise, of a learner's squared error on one data set, by five ways of resampling it.

    Bootstrap, half-sampling and out-of-bag rows estimate the variance at the size n of the data set, subsampling and disjoint
    parts that at size m = ⌊n/num_parts⌋. With V the variance over draws and B their bias² + noise,

        variance = variance_factor V,   bias² + noise = B - excess_factor V,

    where the factors are those of the laws in `data.resampling`. The half-samples' bias² + noise is that of size ⌊n/2⌋: never add
    numbers of different sizes. Runs that diverge are left out and noted; a scheme that loses more than 5 % of its runs is named,
    has rows of nan, and does not keep the others from being reported.

    Args:
        learner: `(keys, dataset) -> variables`; must honour weights, by which out-of-bag draws leave rows out.
        dataset: the data set. Rows of weight zero are padding: they are never drawn, and n does not count them.
        key: the root key.
        predict: `(variables, x) -> predictions "points out"`, such as `model.apply`.
        x_test: inputs held out from it. The out-of-bag rows do without: they predict the data set itself.
        y_test: their labels.
        num_runs: trainings for each scheme.
        num_parts: parts of a disjoint split; standard errors need 3. There are ⌊num_runs/num_parts⌋ splits, whose numbers are
            averaged; the error is that of one split, valid over data sets, and on the safe side for the average.
        held: other sources that the learner reads, such as `("init",)`. Each keeps one key, on which all numbers are then
            conditional: were they drawn anew, they would add variance to which no law of resampling applies.
        engine: how the runs are computed and kept. In a store each scheme has a folder of its own.

    Raises:
        ValueError: arguments of the wrong kind, shapes that do not fit, labels or inputs that are no finite real numbers, negative
            weights, too few parts or runs, a source that the learner reads and `held` does not name.

    >>> import jax.numpy as jnp
    >>> def mean(keys, dataset):                          # the simplest learner; its variance over fresh sets is s²/n
    ...     return {"mean": jnp.average(dataset.y, axis=0, weights=dataset.weight)}
    >>> data = Dataset(jnp.zeros((20, 1)), jnp.arange(20.0)[:, None], jnp.ones(20))      # s² = 35
    >>> predict = lambda variables, x: jnp.broadcast_to(variables["mean"][None], (len(x), 1))
    >>> result = triangulate(mean, data, jax.random.key(0), predict=predict, x_test=data.x[:2], y_test=data.y[:2])
    >>> variance = result.rows[0]
    >>> variance.scheme, variance.training_size, variance.law, variance.conditional_on
    ('bootstrap', 20, '1.053 V', 'this data set, these test points')
    >>> bool(abs(variance.estimate - 35 / 20) < 4 * variance.standard_error)
    True
    """
    check_engine(engine)
    dataset = _without_padding(weighted_examples("dataset", dataset))
    x_test, y_test = _held_out(dataset, x_test, y_test)
    n, num_runs, num_parts = _checked(dataset, learner, predict, num_runs, num_parts, held)
    key_bootstrap, key_half, key_subsample, key_split, key_out, key_held = jax.random.split(as_key("key", key), 6)
    keys_held = _HeldKeys({name: jax.random.fold_in(key_held, index) for index, name in enumerate(held)})
    target = Target(labels=y_test)

    def fit(training_set: Dataset, x: Array) -> Array:
        return predict(learner(keys_held, training_set), x)

    def by_draws(law: Resampling, key: Key, folder: str) -> Callable[[], Draws]:
        return lambda: over_draws(fit, law, x_test, target, num_runs, key, _engine_in(engine, folder))

    def by_parts() -> Draws:
        own = _engine_in(engine, "disjoint")
        return over_parts(fit, dataset, x_test, target, num_runs, num_parts, key_split, own)

    def by_rows() -> Draws:
        return over_rows(fit, dataset, outside, num_runs, key_out, _engine_in(engine, "out-of-bag"))

    bootstrap, half, outside = (
        make(dataset) for make in (resampling.bootstrap, resampling.half_sample, resampling.bag)
    )
    half_size, part_size = n // 2, n // num_parts
    part = resampling.subsample(dataset, part_size)
    on_levels = tuple(f"one level of {name}" for name in held)
    on_this, on_rows = ("this data set", *on_levels), ("this data set, tested on as well", *on_levels)
    schemes = (
        Scheme("bootstrap", by_draws(bootstrap, key_bootstrap, "bootstrap"), law_of(bootstrap), (n, n), on_this),
        Scheme("half-sampling", by_draws(half, key_half, "half"), law_of(half), (n, half_size), on_this),
        Scheme(
            "subsampling", by_draws(part, key_subsample, "subsample"), law_of(part), (part_size, part_size), on_this
        ),
        Scheme("disjoint parts", by_parts, (1.0, 0.0), (part_size, part_size), on_levels),
        Scheme("out-of-bag", by_rows, law_of(outside), (n, n), on_rows),
    )
    results = [(scheme, attempt(scheme)) for scheme in schemes]
    return Triangulation(
        tuple(row for scheme, draws in results for row in rows_of(scheme, draws)),
        tuple(f"{scheme.name}: {note}" for scheme, draws in results for note in draws.notes),
    )


def _engine_in(engine: Engine, folder: str) -> Engine:
    """The engine of one scheme, whose runs have a folder of their own."""
    return engine if engine.store is None else replace(engine, store=as_path("store", engine.store) / folder)


class _HeldKeys(dict[str, Key]):
    """The keys of the sources that are held, and nothing else."""

    def __missing__(self, name: object) -> NoReturn:
        msg = (
            f"the learner reads the source {name!r}; name it in held={(*self, name)!r}, and it keeps one key throughout"
        )
        raise ValueError(msg)


def _without_padding(dataset: Dataset) -> Dataset:
    """The rows that count: a draw, which treats all rows alike, must not see the others."""
    is_used = np.asarray(dataset.weight) > 0
    used = dataset if is_used.all() else Dataset(*(field[is_used] for field in dataset))
    for name in ("x", "y"):
        check_finite(f"dataset: {name}", getattr(used, name))
    return used


def _held_out(
    dataset: Dataset, x_test: Any, y_test: Any
) -> tuple[Float[Array, "points *features"], Float[np.ndarray, "points out"]]:
    """Test points as arrays of finite numbers that fit the data set."""
    # Labels meet predictions on the host, and keep their precision.
    x, y = as_array("x_test", x_test), as_numbers("y_test", y_test)
    for name, array, field in (("x_test", x, dataset.x), ("y_test", y, dataset.y)):
        if array.shape[1:] != field.shape[1:] or len(array.shape) < 2 or array.shape[0] < 2:
            msg = f"{name}: got shape {array.shape}, expected 2 points or more of shape {field.shape[1:]}, as in the data set; "
            msg += "a vector becomes a column by [:, None]"
            raise ValueError(msg)
        check_finite(name, array)
    if len(x) != len(y):
        msg = f"y_test: got {len(y)} rows, expected {len(x)}, one for each row of x_test"
        raise ValueError(msg)
    return x, y


def _checked(
    dataset: Dataset,
    learner: Any,
    predict: Any,
    num_runs: int,
    num_parts: int,
    held: Sequence[str],
) -> tuple[int, int, int]:
    """The numbers of examples, runs and parts, after a check of all arguments."""
    check_function("learner", learner, ("keys", "dataset"), "pass one such as learners.ridge(model, 0.1)")
    check_function("predict", predict, ("variables", "x"), "pass one such as model.apply")
    if isinstance(held, str) or not all(isinstance(name, str) for name in held):
        msg = f"held: got {held!r:.60}, expected a sequence of names; one is written ({held!r:.60},)"
        raise ValueError(msg)
    n = len(dataset.x)
    remedy = f"there are {n} examples of positive weight, 3 parts give an error, and a part holds 2 examples"
    num_parts = as_count("num_parts", num_parts, low=3, high=n // 2, remedy=remedy)
    remedy = "about 3 runs in 8 leave a row out, and each needs several"
    return n, as_count("num_runs", num_runs, low=MIN_RUNS, remedy=remedy), num_parts

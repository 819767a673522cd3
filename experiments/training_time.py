"""Where does the error come from as training goes on: noise, bias, or variance, and of what?

A network learns handwritten digits of which every fifth label is wrong, and is decomposed at many stopping times of one
compiled run, crossed over the draw of the digits, of the wrong labels, and of the initialisation with the minibatch order.

    python -m experiments.training_time                    # half a minute on two cores, cold
    python -m experiments.training_time --profile full     # a minute or two

Expect bias² to fall all the while, and the variance to fall first, with the memory of the initialisation, and then to rise, as
wrong labels are learned one after another: the risk is lowest early on (Yang et al., 2020; Nakkiran et al., 2020). Two checks
stand beside it: gradient descent on a linear model at fifty times, where every term is known exactly (Ali, Kolter &
Tibshirani, 2019), and ensembles over initialisations, built, against what the decomposition had foretold of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments import runner, training_time_claims, training_time_figures, training_time_results
from experiments.double_descent import flat
from experiments.training_time_results import CONTROL_STEPS, SIZES, log_times

if TYPE_CHECKING:
    from jaxtyping import Array, Int

    from jaxdl.types import Key, Trial


@dataclass(frozen=True)
class Config:
    """Sizes, and the criteria of the claims."""

    label_noise: float = 0.2
    """the share of training labels replaced by one of the nine others"""
    num_digits: int = 200
    """digits in each training set, from a pool of 1200"""
    num_points: int = 300
    """test digits"""
    width: int = 32
    """hidden units of the network"""
    batch_size: int = 50
    """digits in each minibatch"""
    num_steps: int = 320
    """minibatches at the end of training"""
    num_times: int = 25
    """stopping times, from 0 to the end, spaced evenly in the logarithm"""
    levels: tuple[int, int, int] = (8, 6, 8)
    """draws of the digits, of the wrong labels and of the initialisation, each with every other"""
    num_ensembles: int = 20
    """ensembles of each size that are built, each on training data of its own"""
    control_levels: tuple[int, int] = (48, 128)
    """draws of the label noise and of the start, for the linear model; of few, most of them in one direction, a variance that
    comes out small has too small an error as well"""
    control_times: int = 50
    """its stopping times"""
    largest_rise: float = 0.05
    """TT4: by which share bias² may rise again"""
    agreement: float = 0.2
    """TT5: how far the foretold variance of an ensemble may be from the measured one"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        if not 0 < self.label_noise < 0.9 or not 1 <= self.num_digits <= 1000 or not 2 <= self.num_points <= 597:
            msg = f"got label_noise {self.label_noise}, num_digits {self.num_digits} and num_points {self.num_points}; expected "
            msg += "between 0 and 0.9, 1 to 1000 of the pool of 1200, and 2 to 597 test digits"
            raise ValueError(msg)
        if min(*self.levels, *self.control_levels, self.num_ensembles) < 3:
            msg = f"got levels {self.levels} and {self.control_levels} and {self.num_ensembles} ensembles; standard errors need at "
            msg += "least 3 of each"
            raise ValueError(msg)
        if not 3 <= self.num_times <= self.num_steps or not 3 <= self.control_times <= CONTROL_STEPS:
            msg = f"got {self.num_times} times in {self.num_steps} steps, and {self.control_times} in {CONTROL_STEPS}; expected at "
            msg += "least 3 and no more than steps"
            raise ValueError(msg)


PROFILES = {"quick": Config(), "full": Config(num_steps=1000, num_times=31, levels=(16, 12, 8), num_ensembles=64)}


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """The studies `training` and `control` as flat arrays (terms, times), and the variance of ensembles (sizes,)."""
    import jax
    import numpy as np

    from jaxdl import designs, truths
    from jaxdl.decomposition import Target, ensemble_forecast, squared_error
    from jaxdl.types import Run

    key_training, key_ensembles, key_control = jax.random.split(jax.random.key(config.seed), 3)
    trial, mean = digits_trial(config, log_times(config.num_steps, config.num_times))

    def on_digits() -> dict[str, Any]:
        data, labels, init = config.levels
        training = options.decompose(
            "training", trial, designs.crossed(data=data, labels=labels, init=init), key_training,
            target=Target(probabilities=mean), dims=("times", "points", "out"), training_size=config.num_digits,
            strict=options.strict,
        )  # fmt: skip
        forecast = ensemble_forecast(training.at(time=-1), over="init", sizes=SIZES)
        forecasts = np.stack([forecast.variance, forecast.standard_errors, *forecast.interval])
        return {**flat("training", training), "ensembles.forecast": forecasts}

    def of_ensembles() -> dict[str, Any]:
        last, _ = digits_trial(config, (config.num_steps,))

        def member(keys):
            trajectory, report = last(designs.tied(keys, labels="data"))  # a pair, as Run is
            return Run(trajectory[0], report)  # type: ignore[index]

        design = designs.nested(data=config.num_ensembles, init=max(SIZES))
        members = np.asarray(options.run("ensembles", member, design, key_ensembles, strict=options.strict).outputs)
        target = Target(probabilities=mean)
        built = [
            squared_error(members[:, :size].mean(axis=1), factors=("data",), target=target, dims=("points", "out"))
            for size in SIZES
        ]
        return {
            "ensembles.built": np.stack(
                [
                    [each.total_variance for each in built],
                    [each.standard_errors["total_variance"] for each in built],
                    *np.transpose([each.intervals["total_variance"] for each in built]),
                ]
            ),
            "ensembles.risk": np.array([each.risk for each in built]),
        }

    def of_control() -> dict[str, Any]:
        num_labels, num_inits = config.control_levels
        times = log_times(CONTROL_STEPS, config.control_times)
        study, exact = truths.stopped_descent(times=times, num_labels=num_labels, num_inits=num_inits)
        assert study.trial is not None and study.design is not None  # noqa: PT018 - a simulated study has both
        control = options.decompose(
            "control",
            study.trial,
            study.design,
            key_control,
            target=study.target,
            dims=study.dims,
            strict=options.strict,
        )
        return {
            **flat("control", control),
            "control.standard_errors": np.stack([control.standard_errors[term] for term in control.estimates]),
            "control.exact": np.stack([np.broadcast_to(exact[term], control.risk.shape) for term in control.estimates]),
        }

    return {**options.part(on_digits), **options.part(of_ensembles), **options.part(of_control)}


def digits_trial(config: Config, times: tuple[int, ...]) -> "tuple[Trial, Any]":
    """`keys` -> predictions (times, points, classes) of the labels; and what they should be, E[label | digit].

    Wrong labels are drawn for the whole pool, so that training sets that share a digit share its label.
    """
    import jax
    import jax.numpy as jnp
    import numpy as np
    import optax

    from jaxdl import designs, learners, losses, models, objectives, selection
    from jaxdl.data import orders, real, resampling
    from jaxdl.types import Run

    digits = real.digits()
    digits = digits._replace(x=digits.x / 16)
    pool, test = (selection.select(digits, rows) for rows in selection.hold_out(jax.random.key(0), 1797, 597))
    right, x = jnp.argmax(pool.y, axis=1), test.x[: config.num_points]
    num_classes = pool.y.shape[1]
    model = models.mlp_of_width(config.width, config.width, num_classes, output_scale=0.1)
    fit = learners.minibatch_descent(
        model, objectives.empirical_risk(model, losses.squared_error), optax.adam(1e-2), num_steps=config.num_steps,
        batch_size=min(config.batch_size, config.num_digits), order=orders.reshuffled_each_epoch, times=times,
    )  # fmt: skip

    def trial(keys):
        classes = with_wrong_labels(keys["labels"], right, config.label_noise, num_classes)
        noisy = jax.nn.one_hot(classes, num_classes, dtype=pool.y.dtype)
        train = resampling.subsample(pool._replace(y=noisy), config.num_digits).sample(keys)
        trajectory = fit(designs.tied(keys, order="init"), train)
        return Run(jax.vmap(model.apply, in_axes=(0, None))(trajectory, x), trajectory["report"])

    known = np.asarray(test.y[: config.num_points], np.float64)
    mean = (1 - config.label_noise) * known + config.label_noise / (num_classes - 1) * (1 - known)
    return trial, mean


def with_wrong_labels(key: "Key", right: "Int[Array, ' n']", share: float, num_classes: int) -> "Int[Array, ' n']":
    """Each class replaced with probability `share`, by any of the others alike."""
    import jax

    key_wrong, key_class = jax.random.split(key)
    is_wrong = jax.random.bernoulli(key_wrong, share, right.shape)
    other = jax.random.randint(key_class, right.shape, 1, num_classes)
    return (right + is_wrong * other) % num_classes


EXPERIMENT = runner.Experiment(
    name="training_time",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=training_time_results.tables,
    plot=training_time_figures.plot,
    claims=training_time_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))

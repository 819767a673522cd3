"""Where does the error of a learner come from as its capacity grows: bias, variance (of what?) or noise?

Least-squares polynomials of degree 0 to 12 on a noisy sine, where the truth is known, and networks of growing width on handwritten
digits, crossed over training sets and initialisations (Geman, Bienenstock & Doursat, 1992; Neal et al., 2018).

    python -m experiments.bias_variance                    # under a minute
    python -m experiments.bias_variance --profile full     # some minutes

Expect the risk of polynomials to drop at degree 3, to be lowest at 5, where bias² has gone, and to rise with the variance
after that, every measured number within its error of the exact one. On the digits the variance of the network peaks at a
middle width, where most of it is interaction of data and initialisation, and falls again.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments import bias_variance_claims, runner

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jaxdl.decomposition import Decomposition
    from jaxdl.types import Trial

MAX_DEGREE = 12
NOISE_LEVELS = (0.0, 0.1, 0.3, 1.0)
GRID = tuple((degree, size) for degree in (1, 3, 5, 9) for size in (20, 40, 80, 160))
SMALL_SAMPLE = 15
NUM_BATCHES = 20  # of runs, each decomposed on its own: the replicates of the rank and sign tests
SHARE = 4  # side studies take one in SHARE of the runs


@dataclass(frozen=True)
class Config:
    """Sizes, all fixed before the data are seen."""

    num_runs: int = 2000
    """training sets of each polynomial; a multiple of 80"""
    num_examples: int = 40
    """examples in each of them"""
    noise_std: float = 0.3
    """standard deviation of the label noise"""
    num_points: int = 200
    """test points of the polynomials"""
    widths: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64)
    """hidden units of the network on the digits"""
    num_datasets: int = 16
    """training sets of digits"""
    num_inits: int = 8
    """initialisations that each of them meets"""
    num_digits: int = 200
    """digits in each training set"""
    num_steps: int = 250
    """training steps of the network"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        for name, least in (
            ("num_examples", 26),
            ("num_points", 2),
            ("num_datasets", 3),
            ("num_inits", 3),
            ("num_steps", 1),
        ):
            if getattr(self, name) < least:
                msg = f"{name} is {getattr(self, name)}; expected at least {least}"
                raise ValueError(msg)
        if self.num_runs < 1 or self.num_runs % (SHARE * NUM_BATCHES):
            msg = f"num_runs is {self.num_runs}; expected a multiple of {SHARE * NUM_BATCHES}"
            raise ValueError(msg)
        if len(self.widths) < 2 or self.widths[0] < 1 or list(self.widths) != sorted(set(self.widths)):
            msg = f"widths are {self.widths}; expected at least two, positive and increasing"
            raise ValueError(msg)
        if not 1 <= self.num_digits <= 1000:
            msg = f"num_digits is {self.num_digits}; expected 1 to 1000, well below the pool of 1200"
            raise ValueError(msg)
        if not 0 < self.noise_std < float("inf") or self.seed < 0:
            msg = f"got noise_std {self.noise_std} and seed {self.seed}; expected a positive number and a seed of at least 0"
            raise ValueError(msg)


PROFILES = {"quick": Config(), "full": Config(num_runs=20_000, num_datasets=64, num_inits=16, num_steps=500)}


def polynomial_trial(num_points: int) -> "Trial":
    """`(keys, setting)` -> predictions, and the risks on the training labels and on two sorts of fresh ones.

    Inputs are an even grid on [-1, 1] of `setting["num_examples"]`, padded with examples of weight zero, so that
    one compilation serves every degree, sample size and noise level.
    """
    import jax
    import jax.numpy as jnp

    from jaxdl import learners, models
    from jaxdl.data import problems

    model = models.polynomial(MAX_DEGREE)
    x_test = problems.noisy_sine().test_points(num_points)
    index = jnp.arange(max(size for _, size in GRID))

    def trial(keys, setting):
        problem = problems.noisy_sine(setting["noise_std"])
        is_used = index < setting["num_examples"]
        x = jnp.where(is_used, 2 * index / (setting["num_examples"] - 1) - 1, 0.0)[:, None]
        train = problem.sample_at(keys, x)._replace(weight=is_used.astype(x.dtype))
        mask = models.degree_mask(MAX_DEGREE, setting["degree"])
        variables = learners.least_squares_qr(model, mask=mask)(keys, train)
        key_test, key_again = jax.random.split(keys["test"])
        predictions, fitted = model.apply(variables, x_test), model.apply(variables, x)
        y_test = problem.labels(key_test, x_test)

        def risk_at_inputs(labels):
            return jnp.sum(train.weight * (fitted - labels)[:, 0] ** 2) / setting["num_examples"]

        return predictions[:, 0], {
            "train": risk_at_inputs(train.y),
            "again": risk_at_inputs(problem.labels(key_again, x)),
            "test": jnp.mean((predictions - y_test) ** 2),
            "oracle": jnp.mean((problem.mean(x_test) - y_test) ** 2),
        }

    return trial


def other_trials(config: Config) -> "dict[str, Trial]":
    """Ridge, a small network, and gradient descent with too small a step, at the same inputs and noise."""
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import learners, losses, models, objectives
    from jaxdl.data import problems

    problem = problems.noisy_sine(config.noise_std)
    x_test = problem.test_points(config.num_points)
    x = jnp.linspace(-1, 1, config.num_examples)[:, None]

    def tested(model, learner):
        def trial(keys):
            train = problem.sample_at(keys, x)
            variables = learner(keys, train)
            predictions = model.apply(variables, x_test)
            return predictions[:, 0], {
                "train": jnp.mean((model.apply(variables, x) - train.y) ** 2),
                "test": jnp.mean((predictions - problem.labels(keys["test"], x_test)) ** 2),
            }

        return trial

    def descent(model, optimizer, num_steps):
        objective = objectives.empirical_risk(model, losses.squared_error)
        return learners.gradient_descent(model, objective, optimizer, num_steps=num_steps)

    polynomial = models.polynomial(MAX_DEGREE)
    network = models.mlp((8,), 1, activation=jax.nn.tanh)
    return {
        "ridge": tested(polynomial, learners.ridge(polynomial, 1.0)),
        "network": tested(network, descent(network, optax.adam(0.05), 200)),
        "small step": tested(polynomial, descent(polynomial, optax.sgd(1e-3), 100)),
    }


def digits_trial(config: Config) -> "tuple[Trial, Any]":
    """`(keys, width)` -> predictions of one-hot labels; and the labels of the test digits."""
    import jax
    import jax.numpy as jnp
    import optax

    from jaxdl import designs, learners, losses, models, objectives
    from jaxdl.data import orders, real, resampling

    digits = real.digits()
    pool, test = real.split(jax.random.key(0), digits._replace(x=digits.x / 16), 1200)
    sample = resampling.subsample(pool, config.num_digits).sample

    def trial(keys, width):
        model = models.mlp_of_width(max(config.widths), width, 10, output_scale=0.1)
        objective = objectives.empirical_risk(model, losses.squared_error)
        fit = learners.minibatch_descent(
            model, objective, optax.adam(1e-2), num_steps=config.num_steps, batch_size=min(50, config.num_digits), order=orders.with_replacement
        )  # fmt: skip
        variables = fit(designs.tied(keys, order="init"), sample(keys))
        return model.apply(variables, test.x), variables["report"]

    return trial, jnp.asarray(test.y)


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """All studies, as flat arrays: `study.term` holds estimates, standard errors and the ends of the 95 % intervals."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl import decompose, designs, ensembles
    from jaxdl.decomposition import Target, squared_error

    key_sine, key_digits = jax.random.split(jax.random.key(config.seed))
    trial = polynomial_trial(config.num_points)
    target = Target(mean=sine(config.num_points), noise=config.noise_std**2)
    results: dict[str, Any] = {}

    def runs_of(settings: list[tuple[int, int, float]], num_runs: int):
        names = ("degree", "num_examples", "noise_std")
        columns = {name: jnp.array(column) for name, column in zip(names, zip(*settings, strict=True), strict=True)}
        design = designs.independent(num_runs, "labels", "test")
        return ensembles.run(
            trial, design, key_sine, settings=columns, block=64, strict=True, progress=options.progress
        )  # fmt: skip

    def decomposed(predictions, target=target):
        return squared_error(predictions, factors=("labels",), target=target, training_size=config.num_examples)

    degrees = range(MAX_DEGREE + 1)
    capacity = runs_of([(degree, config.num_examples, config.noise_std) for degree in degrees], config.num_runs)
    results["capacity.test"] = capacity.aux["test"]
    results["capacity.parts"] = [parts_of(decomposed(predictions)) for predictions in capacity.outputs]
    for term, rows in columns_of([decomposed(predictions) for predictions in capacity.outputs]).items():
        results[f"capacity.{term}"] = rows
    batches = np.split(capacity.outputs, NUM_BATCHES, axis=1)
    results["capacity.batches"] = [
        columns_of([decomposed(each) for each in batch])["bias_squared"] for batch in batches
    ]
    results["capacity.exact"] = [exact_terms(config, degree) for degree in degrees]
    results["capacity.excess"] = excess(capacity.outputs, sine(config.num_points))

    small = runs_of(
        [(1, SMALL_SAMPLE, config.noise_std), (MAX_DEGREE, SMALL_SAMPLE, config.noise_std)], config.num_runs
    )
    results["small.distance"] = excess(small.outputs, small.outputs.mean(axis=1, keepdims=True))
    batches = np.split(small.outputs, NUM_BATCHES, axis=1)
    results["small.batches"] = [
        [[float(each.bias_squared), float(each.total_variance)] for each in map(decomposed, batch)] for batch in batches
    ]
    results["small.exact"] = [exact_terms(config, degree, SMALL_SAMPLE) for degree in (1, MAX_DEGREE)]

    grid = runs_of([(degree, size, config.noise_std) for degree, size in GRID], config.num_runs // SHARE)
    results |= {f"grid.{name}": values for name, values in grid.aux.items()}
    noise = runs_of(
        [(degree, config.num_examples, std) for std in NOISE_LEVELS for degree in degrees], config.num_runs // SHARE * 2
    )
    for name in ("test", "oracle"):
        results[f"noise.{name}"] = noise.aux[name].reshape(len(NOISE_LEVELS), len(degrees), -1)

    for name, other in other_trials(config).items():
        sources = ("labels", "test") if name == "ridge" else ("labels", "test", "init")
        design = designs.independent(config.num_runs, *sources)
        runs = ensembles.run(other, design, key_sine, block=32, strict=True, progress=options.progress)
        results |= {f"{name}.{risk}": values for risk, values in runs.aux.items()}
        results[f"{name}.excess"] = excess(runs.outputs, sine(config.num_points))
        results[f"{name}.parts"] = parts_of(squared_error(runs.outputs, design=design, target=target))

    network, labels = digits_trial(config)
    digits = decompose(
        network, designs.crossed(data=config.num_datasets, init=config.num_inits), key_digits, target=Target(labels=labels),
        dims=("points", "out"), settings=jnp.array(config.widths, jnp.float32), training_size=config.num_digits,
        strict=options.strict, progress=options.progress,
    )  # fmt: skip
    results |= {f"digits.{term}": rows for term, rows in columns_of([digits]).items()}
    for factor, replicates in digits.replicates.items():
        results[f"digits.total_variance.without one {factor}"] = replicates["total_variance"]
    return results


def sine(num_points: int) -> Any:
    """The true mean at the test points, in double precision."""
    import numpy as np

    x = (2 * np.arange(num_points) + 1) / num_points - 1
    return np.sin(np.pi * x) + x / 2


def parts_of(result: "Decomposition") -> tuple[float, float, float]:
    """bias², variance and noise."""
    return float(result.bias_squared), float(result.total_variance), float(result.noise)


def excess(predictions: Any, mean: Any) -> Any:
    """Mean squared distance from `mean` over test points, for each run."""
    import numpy as np

    return np.mean((predictions.astype(np.float64) - mean) ** 2, axis=-1)


def exact_terms(config: Config, degree: int, num_examples: int | None = None) -> tuple[float, float]:
    """bias² and variance of least squares at fixed inputs: f(x) = s(x)·y with s(x) = features(x)' pinv(features)."""
    import numpy as np
    from numpy.polynomial.legendre import legvander

    size = num_examples or config.num_examples
    x, x_test = np.linspace(-1, 1, size), (2 * np.arange(config.num_points) + 1) / config.num_points - 1
    smoother = legvander(x_test, degree) @ np.linalg.pinv(legvander(x, degree))
    bias = smoother @ (np.sin(np.pi * x) + x / 2) - sine(config.num_points)
    return float(np.mean(bias**2)), float(config.noise_std**2 * np.mean((smoother**2).sum(axis=1)))


def columns_of(results: "list[Decomposition]") -> dict[str, Any]:
    """For each term: estimate, standard error, low and high, with settings on the last axis."""
    import numpy as np

    from jaxdl.decomposition.result import label_of

    def rows(result, term):
        parts = result.estimates[term], result.standard_errors[term], *result.intervals[term]
        return np.stack([np.atleast_1d(part) for part in parts])

    terms = results[0].estimates
    return {label_of(term): np.concatenate([rows(result, term) for result in results], axis=1) for term in terms}


def tables(config: Config, results: Mapping[str, Any]) -> str:
    """Two tables: polynomials beside their exact values, networks by source."""
    lines = [
        f"Polynomials on the noisy sine: n = {config.num_examples}, {config.num_runs} training sets, "
        f"noise {config.noise_std**2:.4g}",
        f"{'degree':>6}  {'bias² ± s.e.':>21}  {'exact':>9}  {'variance ± s.e.':>19}  {'exact':>9}  {'risk ± s.e.':>19}",
    ]
    for degree in range(MAX_DEGREE + 1):
        bias, variance, risk = (
            results[f"capacity.{term}"][:2, degree] for term in ("bias_squared", "total_variance", "risk")
        )
        exact = results["capacity.exact"][degree]
        lines.append(
            f"{degree:6d}  {bias[0]:11.6f} ± {bias[1]:.1e}  {exact[0]:9.6f}  {variance[0]:9.6f} ± {variance[1]:.1e}  "
            f"{exact[1]:9.6f}  {risk[0]:9.6f} ± {risk[1]:.1e}"
        )
    terms = ("bias_squared_plus_noise", "variance[data]", "variance[init]", "variance[data, init]", "risk")
    lines += [
        "",
        f"Networks on the digits: n = {config.num_digits}, {config.num_datasets} training sets x {config.num_inits} "
        "initialisations, squared error of one-hot labels",
        f"{'width':>6}" + "".join(f"  {term.replace('bias_squared', 'bias²').replace('_', ' '):>23}" for term in terms),
    ]
    for index, width in enumerate(config.widths):
        cells = [results[f"digits.{term}"][:2, index] for term in terms]
        lines.append(f"{width:6d}" + "".join(f"  {f'{value:.4f} ± {error:.1e}':>23}" for value, error in cells))
    lines += [
        "",
        "Training sets of digits are drawn without replacement from a pool of 1200, which they share: data variance over",
        f"fresh sets of this size is {1200 / (1200 - config.num_digits):.3g} times as large. Single labels cannot tell bias² from "
        "noise. The minibatch order follows the initialisation, and its variance counts with it.",
    ]
    return "\n".join(lines)


def plot(config: Config, results: Mapping[str, Any]) -> "dict[str, Figure]":
    """The parts of the risk against capacity, with 95 % intervals; exact values dashed."""
    import numpy as np

    from jaxdl import plots
    from jaxdl.decomposition.result import label_of
    from jaxdl.statistics import Interval

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2)

    def parts_and_risk(axes, x, study, parts):
        plots.stacked(
            axes, x, {label: results[f"{study}.{label_of(term)}"][0] for term, label in parts.items()},
            colours=plots.colours_of(list(parts)),
        )  # fmt: skip
        estimate, _, low, high = results[f"{study}.risk"]
        plots.bands(axes, x, {"risk, 95 % interval": (estimate, Interval(low, high))}, colours=[plots.RISK_COLOUR])
        axes.set_ylabel("expected squared error")

    degrees = np.arange(MAX_DEGREE + 1)
    parts_and_risk(left, degrees, "capacity", {"noise": "noise", "bias_squared": "bias²", "total_variance": "variance"})
    exact = np.asarray(results["capacity.exact"]).sum(axis=1) + config.noise_std**2
    left.plot(degrees, exact, "--", color="#D55E00", linewidth=1.5, label="exact risk", zorder=5)
    best = int(results["capacity.risk"][0].argmin())
    left.set(
        xlabel="degree of the polynomial", ylim=(0, 3 * exact.min()), xlim=(0, MAX_DEGREE), xticks=degrees,
        title=f"Noisy sine: lowest risk at degree {best}",
    )  # fmt: skip
    parts = {
        "bias_squared_plus_noise": "bias² + noise",
        ("data",): "variance: data",
        ("init",): "variance: initialisation, order",
        ("data", "init"): "variance: interaction",
    }
    parts_and_risk(right, np.array(config.widths, float), "digits", parts)
    right.set_xscale("log", base=2)
    right.set(
        xlabel="hidden units",
        ylim=(0, None),
        xlim=(config.widths[0], config.widths[-1]),
        title="Digits: variance by source",
    )
    right.set_xticks(config.widths, [str(width) for width in config.widths])
    for axes in (left, right):
        axes.legend(fontsize="small", framealpha=0.9)
    return {"capacity": figure}


EXPERIMENT = runner.Experiment(
    name="bias_variance",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=tables,
    plot=plot,
    claims=bias_variance_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))

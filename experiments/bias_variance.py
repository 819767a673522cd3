"""Where does the error of a learner come from as its capacity grows: bias, variance (of what?) or noise?

Least-squares polynomials of degree 0 to 12 on a noisy sine, where the truth is known, and networks of growing width on handwritten
digits, crossed over training sets and initialisations (Geman, Bienenstock & Doursat, 1992; Neal et al., 2018). Small
classifiers on two moons and on the digits ask the same of the cross-entropy and the 0-1 loss (Heskes, 1998; Domingos, 2000).

    python -m experiments.bias_variance                    # under a minute
    python -m experiments.bias_variance --profile full     # some minutes

Expect the risk of polynomials to drop at degree 3, to be lowest at 5, where bias² has gone, and to rise with the variance
after that, every measured number within its error of the exact one. On the digits the variance of the network peaks at a
middle width, where most of it is interaction of data and initialisation, and falls again. Variance lowers the 0-1 error where
the prediction of the majority is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from experiments import bias_variance_claims, bias_variance_classes, runner
from experiments.bias_variance_trials import (
    GRID,
    MAX_DEGREE,
    NOISE_LEVELS,
    NUM_BATCHES,
    SHARE,
    SMALL_SAMPLE,
    digits_trial,
    exact_terms,
    excess,
    other_trials,
    polynomial_trial,
    sine,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from jaxdl.decomposition import Decomposition
    from jaxdl.types import Trial


@dataclass(frozen=True)
class Config:
    """Sizes."""

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
    num_classifiers: int = 240
    """classifiers of two moons and of digits, half of them to find their main prediction"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        for name, least in (
            ("num_examples", 26),
            ("num_points", 2),
            ("num_datasets", 3),
            ("num_inits", 3),
            ("num_steps", 1),
            ("num_classifiers", 8),
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


PROFILES = {
    "quick": Config(),
    "full": Config(num_runs=20_000, num_datasets=64, num_inits=16, num_steps=500, num_classifiers=2000),
}


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """All studies, as flat arrays: `study.term` holds estimates, standard errors and the ends of the 95 % intervals."""
    import jax
    import jax.numpy as jnp
    import numpy as np

    from jaxdl import designs
    from jaxdl.decomposition import Target, squared_error

    key_sine, key_digits, key_classes = jax.random.split(jax.random.key(config.seed), 3)
    trial = polynomial_trial(config.num_points)
    target = Target(mean=sine(config.num_points), noise=config.noise_std**2)

    def runs_of(study: str, settings: list[tuple[int, int, float]], num_runs: int):
        names = ("degree", "num_examples", "noise_std")
        columns = {name: jnp.array(column) for name, column in zip(names, zip(*settings, strict=True), strict=True)}
        design = designs.independent(num_runs, "labels", "test")
        return options.run(study, trial, design, key_sine, settings=columns, block=64, strict=True)

    def decomposed(predictions, target=target):
        return squared_error(predictions, factors=("labels",), target=target, training_size=config.num_examples)

    degrees = range(MAX_DEGREE + 1)

    def by_capacity() -> dict[str, Any]:
        settings = [(degree, config.num_examples, config.noise_std) for degree in degrees]
        capacity = runs_of("capacity", settings, config.num_runs)
        all_degrees = [decomposed(predictions) for predictions in capacity.outputs]
        batches = np.split(capacity.outputs, NUM_BATCHES, axis=1)
        return {
            "capacity.test": capacity.aux["test"],
            "capacity.parts": [parts_of(each) for each in all_degrees],
            **{f"capacity.{term}": rows for term, rows in columns_of(all_degrees).items()},
            "capacity.batches": [columns_of([decomposed(each) for each in batch])["bias_squared"] for batch in batches],
            "capacity.exact": [exact_terms(config, degree) for degree in degrees],
            "capacity.excess": excess(capacity.outputs, sine(config.num_points)),
        }

    def of_small_samples() -> dict[str, Any]:
        settings = [(1, SMALL_SAMPLE, config.noise_std), (MAX_DEGREE, SMALL_SAMPLE, config.noise_std)]
        small = runs_of("small", settings, config.num_runs)
        batches = [[decomposed(each) for each in batch] for batch in np.split(small.outputs, NUM_BATCHES, axis=1)]
        return {
            "small.distance": excess(small.outputs, small.outputs.mean(axis=1, keepdims=True)),
            "small.batches": [
                [[float(each.bias_squared), float(each.total_variance)] for each in row] for row in batches
            ],
            "small.exact": [exact_terms(config, degree, SMALL_SAMPLE) for degree in (1, MAX_DEGREE)],
        }

    def on_grid() -> dict[str, Any]:
        grid = runs_of("grid", [(degree, size, config.noise_std) for degree, size in GRID], config.num_runs // SHARE)
        return {f"grid.{name}": values for name, values in grid.aux.items()}

    def by_noise() -> dict[str, Any]:
        settings = [(degree, config.num_examples, std) for std in NOISE_LEVELS for degree in degrees]
        noise = runs_of("noise", settings, config.num_runs // SHARE * 2)
        shape = len(NOISE_LEVELS), len(degrees), -1
        return {f"noise.{name}": noise.aux[name].reshape(shape) for name in ("test", "oracle")}

    def of_other(name: str, other: "Trial") -> dict[str, Any]:
        sources = ("labels", "test") if name == "ridge" else ("labels", "test", "init")
        design = designs.independent(config.num_runs, *sources)
        runs = options.run(name.replace(" ", "-"), other, design, key_sine, block=32, strict=True)
        return {
            **{f"{name}.{risk}": values for risk, values in runs.aux.items()},
            f"{name}.excess": excess(runs.outputs, sine(config.num_points)),
            f"{name}.parts": parts_of(squared_error(runs.outputs, design=design, target=target)),
        }

    def on_digits() -> dict[str, Any]:
        network, labels = digits_trial(config)
        digits = options.decompose(
            "digits", network, designs.crossed(data=config.num_datasets, init=config.num_inits), key_digits,
            target=Target(labels=labels), dims=("points", "out"), settings=jnp.array(config.widths, jnp.float32),
            training_size=config.num_digits, strict=options.strict,
        )  # fmt: skip
        without = {
            f"digits.total_variance.without one {factor}": replicates["total_variance"]
            for factor, replicates in digits.replicates.items()
        }
        return {f"digits.{term}": rows for term, rows in columns_of([digits]).items()} | without

    others = {name: options.part(of_other, name, other) for name, other in other_trials(config).items()}
    return {
        **options.part(by_capacity),
        **options.part(of_small_samples),
        **options.part(on_grid),
        **options.part(by_noise),
        **{name: values for part in others.values() for name, values in part.items()},
        **options.part(on_digits),
        **options.part(bias_variance_classes.measure, config, options, key_classes),
    }


def parts_of(result: "Decomposition") -> tuple[float, float, float]:
    """bias², variance and noise."""
    return float(result.bias_squared), float(result.total_variance), float(result.noise)


def columns_of(results: "list[Decomposition]") -> dict[str, Any]:
    """For each term: estimate, standard error, low and high, with settings on the last axis."""
    import numpy as np

    from jaxdl.decomposition.named_terms import label_of

    def rows(result, term):
        parts = result.estimates[term], result.standard_errors[term], *result.intervals[term]
        return np.stack([np.atleast_1d(part) for part in parts])

    terms = results[0].estimates
    return {label_of(term): np.concatenate([rows(result, term) for result in results], axis=1) for term in terms}


def tables(config: Config, results: Mapping[str, Any]) -> str:
    """Polynomials beside their exact values, networks by source, classifiers by loss."""
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
        "",
        bias_variance_classes.table(config, results),
    ]
    return "\n".join(lines)


def plot(config: Config, results: Mapping[str, Any]) -> "dict[str, Figure]":
    """The parts of the risk against capacity, with 95 % intervals, exact values dashed; and where variance helps classifiers."""
    import numpy as np

    from jaxdl import plots
    from jaxdl.decomposition.named_terms import label_of
    from jaxdl.statistics import Interval

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2)

    def parts_and_risk(axes, x, study, parts):
        plots.stacked(
            axes, x, {label: results[f"{study}.{label_of(term)}"][0] for term, label in parts.items()},
            colors=plots.colors_of(list(parts)),
        )  # fmt: skip
        estimate, _, low, high = results[f"{study}.risk"]
        plots.bands(axes, x, {"risk, 95 % interval": (estimate, Interval(low, high))}, colors=[plots.RISK_COLOR])
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
    return {"capacity": figure, "classes": bias_variance_classes.plot(results)}


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

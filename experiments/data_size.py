"""What do more training data change: bias, variance, or nothing? And when is it worth to collect them?

Bias² and variance from 20 to 1280 examples for least squares, and for learners of which the textbooks' sentence "more data
lower the variance and not the bias" is false: a penalty of fixed strength, nearest neighbours, a network that sees each
example once, a penalty that is tuned. Then more data against more capacity; learning curves and what they foretell (Hestness
et al., 2017, for their shape); the recipe that leads from two errors to a remedy; and how many past days a forecast of daily
traffic needs.

    python -m experiments.data_size                   # under half a minute on two cores
    python -m experiments.data_size --profile full    # some minutes

Expect the sentence to hold for least squares, whose class of functions does not depend on n, and for nothing else here; more
data to be useless where bias is nearly all of the error; intervals of learning curves to hold what is measured later; the
recipe to take noise for a lack of capacity unless it is told; and older weeks to help a forecast for as long as weeks repeat.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments import data_size_claims, data_size_figures, data_size_results, runner
from experiments.double_descent import flat


@dataclass(frozen=True)
class Config:
    """Sizes, and the criteria of the claims."""

    sizes: tuple[int, ...] = (20, 40, 80, 160, 320, 640, 1280)
    """numbers of training examples; the last is what learning curves foretell from those up to a quarter of it"""
    degrees: tuple[int, ...] = (1, 3)
    """of the polynomials: too low for the curve, and high enough"""
    noise_std: float = 0.3
    """of the labels of the curve sin(πx) + x/2"""
    num_runs: int = 2048
    """K008: data sets for least squares"""
    num_control_runs: int = 256
    """K008: data sets for the other learners"""
    fixed_strength: float = 20.0
    """K008: of the ridge penalty that does not grow with n"""
    num_neighbours: int = 10
    """K008: of nearest neighbours, whatever n"""
    batch_size: int = 20
    """K008: of the network that sees each example once"""
    slope_range: tuple[float, float] = (-1.15, -0.85)
    """K008: where the slope of log variance against log n must lie"""
    bias_margin: float = 0.05
    """K008: by which share bias² may change from the smallest n to 16 times as many"""
    base_size: int = 40
    """K009: examples before there are 8 times as many"""
    num_remedied: int = 512
    """K009: data sets"""
    largest_gain: float = 0.2
    """K009: the gain of more data, as a share of that of more capacity"""
    num_curves: int = 40
    """K010: learning curves"""
    num_repeats: int = 10
    """K010: training sets at each n of a curve, each with a test set"""
    num_resamples: int = 200
    """K010: of the bootstrap of each predictive interval"""
    coverage: float = 0.85
    """K010: how often the interval of 90 % must hold the risk that it foretells"""
    undetected: float = 0.8
    """K010: how often 5 % more data must go unnoticed"""
    num_cases: int = 48
    """K011: learning problems, a quarter of each cause"""
    num_case_runs: int = 16
    """K011: data sets on which each remedy of each case is tried"""
    usual_noise_std: float = 0.1
    """K011: of the labels where they are clean; the error that the recipe believes possible"""
    worthwhile: float = 0.1
    """K011: the share of the error that a remedy must remove"""
    right_share: float = 0.8
    """K011: of the cases, in which the recipe must name the best remedy"""
    num_series: int = 64
    """K012: years of traffic"""
    drifts: tuple[float, ...] = (0.0, 0.3)
    """K012: of the weekly pattern, in each week"""
    lag_margin: float = 0.02
    """K012: by which share the errors of 56 and 28 lags may differ"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        if list(self.sizes) != [self.sizes[0] * 2**power for power in range(len(self.sizes))] or len(self.sizes) < 6:
            msg = f"got sizes {self.sizes}; expected at least 6, each twice the one before: learning curves need four below "
            msg += "a quarter of the last"
            raise ValueError(msg)
        if self.sizes[0] < max(self.num_neighbours, 2 * (max(self.degrees) + 1)) or self.sizes[0] % self.batch_size:
            msg = f"got a smallest size of {self.sizes[0]}, {self.num_neighbours} neighbours, degrees {self.degrees} and batches "
            msg += f"of {self.batch_size}; expected as many examples as neighbours, twice as many as parameters, whole batches"
            raise ValueError(msg)
        if self.num_cases < 8 or self.num_cases % 8:
            msg = f"got {self.num_cases} cases; expected a multiple of 8: four causes, each on two kinds of problem"
            raise ValueError(msg)
        counts = (self.num_runs, self.num_control_runs, self.num_remedied, self.num_case_runs, self.num_series)
        if min(*counts, self.num_repeats, self.num_curves) < 3:
            msg = f"got {counts} runs, {self.num_curves} curves and {self.num_repeats} repeats; intervals need at least 3 of each"
            raise ValueError(msg)
        if len(self.degrees) != 2:
            msg = f"got the degrees {self.degrees}; expected two: one too low for the curve, one high enough"
            raise ValueError(msg)


PROFILES = {
    "quick": Config(),
    "full": Config(
        num_runs=32_768, num_control_runs=2048, num_remedied=4096, num_curves=1000, num_resamples=300, num_cases=800,
        num_case_runs=64, num_series=512,
        seed=1,  # not the one that the sizes of these studies were settled with
    ),
}  # fmt: skip


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """The results of every study as flat arrays, named `STUDY.QUANTITY`."""
    import jax
    import numpy as np

    from experiments import data_size_cases as cases
    from experiments import data_size_curves as curves
    from experiments import data_size_studies as studies
    from experiments import data_size_traffic as traffic
    from jaxdl import designs
    from jaxdl.decomposition import Target, squared_error

    keys = iter(jax.random.split(jax.random.key(config.seed), 8))
    sizes = np.array(config.sizes)
    results: dict[str, Any] = {}

    # Learners that share their data sets stand side by side on the axis "times": one program, and differences are paired.
    together: dict[str, Any] = {"target": studies.target(config), "dims": ("times", "points", "out"), "settings": sizes}
    for name, trial, num_runs, block in (
        ("polynomials", studies.polynomials(config), config.num_runs, 64),
        ("penalised", studies.penalised(config), config.num_control_runs, 32),
        ("iterative", studies.iterative(config), config.num_control_runs, 32),
    ):
        design = designs.independent(num_runs, "data")
        result = options.decompose(name, trial, design, next(keys), block=block, strict=options.strict, **together)
        results |= flat(name, result)

    arms = data_size_results.arms(config)
    remedied = options.decompose(
        "remedies", studies.remedies(config), designs.independent(config.num_remedied, "data"), next(keys), block=64,
        target=studies.target(config), dims=("points", "out"), settings={name: np.array(arms[name]) for name in arms},
        strict=options.strict,
    )  # fmt: skip
    results |= flat("remedies", remedied)
    results |= curves.measure(config, next(keys), options)

    drawn = cases.draw_cases(config)
    key_errors, key_cases = jax.random.split(next(keys))
    remedied = options.decompose(
        "cases", cases.remedied, designs.independent(config.num_case_runs, "data"), key_cases, block=32,
        target=Target(mean=np.zeros(cases.NUM_TEST_POINTS)), settings=cases.with_remedies(drawn), strict=options.strict,
    )  # fmt: skip
    seen = options.run(
        "errors", cases.measured_errors, designs.independent(1, "data"), key_errors, settings=drawn, block=1, strict=options.strict,
    )  # fmt: skip
    results |= flat("cases", remedied)
    results |= {f"cases.{name}": values for name, values in drawn.items()}
    results |= {f"diagnosis.{name}": values for name, values in cases.diagnoses(config, seen.outputs).items()}

    settings = traffic.settings(config)
    forecasts = options.run(
        "traffic", traffic.autoregression, designs.independent(config.num_series, "data"), next(keys), settings=settings, block=16,
        strict=options.strict,
    )  # fmt: skip
    results |= {f"traffic.{name}": values for name, values in settings.items()}
    results["traffic.errors"] = forecasts.outputs["error"].astype(np.float64)
    zero = Target(labels=np.zeros(traffic.DAYS))
    parts = [squared_error(each, factors=("data",), target=zero) for each in forecasts.outputs["shared"]]
    for term in ("bias_squared_plus_noise", "total_variance"):
        results[f"traffic.{term}"] = np.array([[part.estimates[term], part.standard_errors[term]] for part in parts])
    return results


EXPERIMENT = runner.Experiment(
    name="data_size",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=data_size_results.tables,
    plot=data_size_figures.plot,
    claims=data_size_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))

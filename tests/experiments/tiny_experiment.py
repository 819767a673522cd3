"""Is the mean of <script>alert("x")</script> coin tosses near one half?

Reference & command, with markup to be escaped:

    python -m experiments.tiny
"""

import time
from dataclasses import dataclass

from experiments import runner


@dataclass(frozen=True)
class Config:
    """What is measured."""

    num_runs: int = 8
    """tosses"""
    seed: int = 0
    """root key"""
    wait: float = 0.0
    """seconds to sleep while measuring"""

    def __post_init__(self):
        if self.num_runs < 1:
            raise ValueError(f"num_runs is {self.num_runs}; expected at least 1.")


def toss(keys):
    import jax

    return jax.random.bernoulli(keys["coin"])


def measure(config, options):
    import jax

    from jaxdl import designs

    time.sleep(config.wait)
    design = designs.independent(config.num_runs, "coin")
    runs = options.run("tosses", toss, design, jax.random.key(config.seed))
    return {"tosses": runs.outputs, "name": "<b>coin</b>"}


def tables(config, results):
    return f"{results['name']}  mean {results['tosses'].mean():.3f} of {config.num_runs}"


def plot(config, results):
    from matplotlib.figure import Figure

    figure = Figure(figsize=(2, 1))
    figure.subplots().plot(results["tosses"])
    return {"tosses": figure}


def claims(config, results):
    from jaxdl.statistics import Claim, Interval, Verdict

    return (
        Claim(
            number="K999",
            statement="A coin is <i>fair</i>.",
            source="folklore",
            estimate=results["tosses"].mean(),
            interval=Interval(0.0, float("inf")),
            criterion="The interval holds 1/2.",
            verdict=Verdict.INCONCLUSIVE,
            reading="Too few tosses.",
        ),
    )


EXPERIMENT = runner.Experiment(
    name="tiny",
    description=__doc__,
    profiles={"quick": Config(), "full": Config(num_runs=64)},
    measure=measure,
    tables=tables,
    plot=plot,
    claims=claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))

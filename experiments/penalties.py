"""What do penalties of the weights do: to the solution, to bias and variance, to zeros, to memory, and when they are too strong?

Ridge regression against its closed forms and the Gaussian prior behind it; |w|^q for q from 1/2 to 4 on sparse and on dense
truths, every arm with the same solver and the same grid of strengths, tuned on validation data; networks with sparse weights,
with sparse codes, and with so much weight decay that nothing is left.

    python -m experiments.penalties                    # half a minute on two cores, cold
    python -m experiments.penalties --profile full     # some minutes

Expect ridge to trade variance for bias exactly as each eigenvalue foretells; the lasso to find the five inputs that matter and
to win by that where the truth is sparse, and there alone; exact zeros up to q = 1 and nowhere above, with several minima below
(Frank & Friedman, 1993; Tibshirani, 1996); memory to be saved by sparse storage alone; and weights to collapse where the decay
exceeds |X'y|/n, which is where the objective's minimum goes to zero. One strength printed in lecture notes is wrong.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments import penalties_claims, penalties_figures, penalties_results, runner


@dataclass(frozen=True)
class Config:
    """Sizes, and the criteria of the claims."""

    num_designs: int = 100
    """K017: random designs, each at every strength; no failure among them bounds the share of failures by 4 %"""
    num_fits: int = 100
    """K018: data sets of five points"""
    num_samples: int = 2000
    """K019: label samples; a multiple of 40"""
    num_examples: int = 20
    """K019: examples in each of them"""
    num_datasets: int = 16
    """K020 to K022: training sets"""
    num_rows: int = 100
    """examples in each of them, and as many to tune on"""
    num_features: int = 50
    num_nonzero: tuple[int, ...] = (5, 50)
    """coefficients of the truth that are not zero, the sparsest truth first and the densest last"""
    num_sparse_steps: int = 150
    """accelerated proximal steps for each fit"""
    num_starts: int = 6
    """K022: random starts, beside zero"""
    num_networks: int = 8
    """K023, K025: networks on digits, each with its own digits and its own start, at every strength"""
    width: int = 32
    """their hidden units"""
    num_network_steps: int = 150
    num_collapses: int = 10
    """K024: data sets and starts, for each network at every strength"""
    num_collapse_steps: int = 500
    identity: float = 1e-8
    """K017, K018: the largest relative error of what is equal"""
    least_zeros: float = 0.4
    """K020: the share of weights that L1 must make exactly zero"""
    least_recall: float = 0.95
    """K020: the share of the truth's coefficients that it must keep"""
    accuracy_margin: float = 0.01
    """K023, K025: the loss of accuracy that does not matter"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        least = 2 * penalties_results.NUM_BATCHES
        if self.num_samples < least or self.num_samples % least:
            msg = f"num_samples is {self.num_samples}; expected a multiple of {least}"
            raise ValueError(msg)
        if self.num_examples <= penalties_results.DEGREE:
            msg = f"num_examples is {self.num_examples}; least squares of degree {penalties_results.DEGREE} needs more than that"
            raise ValueError(msg)
        if len(self.num_nonzero) < 2 or not 1 <= min(self.num_nonzero) <= max(self.num_nonzero) <= self.num_features:
            msg = f"num_nonzero is {self.num_nonzero}; expected at least two counts between 1 and {self.num_features}"
            raise ValueError(msg)
        for name in ("num_designs", "num_fits", "num_datasets", "num_networks", "num_collapses"):
            if getattr(self, name) < 3:
                msg = f"{name} is {getattr(self, name)}; expected at least 3, for an interval"
                raise ValueError(msg)


PROFILES = {
    "quick": Config(),
    "full": Config(
        num_designs=500, num_fits=500, num_samples=10_000, num_datasets=256, num_nonzero=(5, 10, 20, 50),
        num_sparse_steps=300, num_starts=10, num_networks=48, num_network_steps=400, num_collapses=64, num_collapse_steps=1500,
        seed=1,  # not the one that the design was settled with
    ),
}  # fmt: skip


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """The results of every study as flat arrays, named `STUDY.QUANTITY`."""
    import jax

    from experiments import penalties_networks, penalties_ridge, penalties_sparse

    keys = jax.random.split(jax.random.key(config.seed), 7)
    with jax.enable_x64(True):
        exact = {
            **options.part(penalties_ridge.solution, config, options, keys[0]),
            **options.part(penalties_ridge.prior, config, options, keys[1]),
            **options.part(penalties_ridge.shrinkage, config, options, keys[2]),
            **options.part(penalties_networks.collapse, config, options, keys[3]),
        }
    return {
        **exact,
        **options.part(penalties_sparse.sparsity, config, options, keys[4]),
        **options.part(penalties_networks.sparse_weights, config, options, keys[5]),
        **options.part(penalties_networks.sparse_codes, config, options, keys[6]),
    }


EXPERIMENT = runner.Experiment(
    name="penalties",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=penalties_results.tables,
    plot=penalties_figures.plot,
    claims=penalties_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))

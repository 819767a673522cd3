"""What do the critical points of a loss look like: of which kind are they, how high do they lie, and does descent stop there?

Kinds by eigenvalues and by the diagonal; minima among random matrices and among the critical points of random fields; a
census of a linear autoencoder, all of whose critical points are known (Baldi & Hornik, 1989), as Frye et al. (2019)
propose; index against energy for the spherical 3-spin model (Auffinger, Ben Arous & Černý, 2013) and for small tanh
networks (Dauphin et al., 2014), without the places that are only flat (Frye et al., 2021); escape from saddles; the
spectrum of a network on digits.

    python -m experiments.critical_points                   # under half a minute on two cores
    python -m experiments.critical_points --profile full    # two minutes

Expect the diagonal to mislead, minima to be rarer among random matrices than coin flips suggest, nearly the whole census
to be found and nothing else, and index to follow energy exactly for spins. For networks it follows the loss along
descents, which is where networks are trained; critical points found from random starts show no such law. All of it is
computed in double precision: an index needs it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from experiments import critical_points_claims, critical_points_figures, critical_points_results, runner


@dataclass(frozen=True)
class Config:
    """Sizes, and the criteria of the claims."""

    largest_matrix: int = 6
    """largest N of the random symmetric matrices"""
    num_matrices: int = 100_000
    """draws of each size"""
    num_fields: int = 12
    """random fields on a torus of two dimensions"""
    num_field_starts: int = 192
    """searches on each"""
    eigenvalues: tuple[float, ...] = (3.0, 2.0, 1.5, 0.75, 0.5)
    """of the covariance of the linear autoencoder's inputs, in decreasing order"""
    code_size: int = 2
    """its hidden units"""
    num_census_starts: int = 192
    """searches of the census"""
    census_share: float = 0.968
    """CP1: of the autoencoder's classes of critical points, those that must be found (62 of 64)"""
    num_spins: int = 24
    """N of the spherical 3-spin model"""
    num_couplings: int = 2
    """draws of its couplings"""
    num_spin_starts: int = 64
    """searches for each"""
    spin_agreement: float = 0.03
    """CP2: the largest root mean square distance of measured from predicted index fractions"""
    num_tasks: int = 3
    """data sets that tanh networks learn"""
    num_descended_starts: int = 64
    """searches from points along descents, for each data set"""
    num_random_starts: int = 32
    """searches from random points, for each data set"""
    num_units: int = 5
    """hidden units of these networks, of three inputs"""
    strength: float = 1e-3
    """of their penalty strength |w|² / 2, without which the gradient also vanishes at infinity"""
    gradient_norm: float = 1e-9
    """critical points of networks must have a gradient below it"""
    num_runs: int = 64
    """descents from near saddles; networks tested for convexity"""
    num_digit_networks: int = 3
    """networks trained on digits"""
    extreme_agreement: float = 0.01
    """K107: the largest relative error of extreme eigenvalues"""
    seed: int = 0
    """root of all random numbers"""

    def __post_init__(self) -> None:
        if sorted(set(self.eigenvalues), reverse=True) != list(self.eigenvalues) or min(self.eigenvalues) <= 0:
            msg = f"eigenvalues is {self.eigenvalues}; expected positive numbers in decreasing order, all different"
            raise ValueError(msg)
        if not 1 <= self.code_size < len(self.eigenvalues):
            msg = (
                f"code_size is {self.code_size}; expected at least 1 and fewer than the {len(self.eigenvalues)} inputs"
            )
            raise ValueError(msg)
        if self.largest_matrix < 5:
            msg = f"largest_matrix is {self.largest_matrix}; expected at least 5, for the trend that is claimed"
            raise ValueError(msg)
        if min(self.num_tasks, self.num_runs, self.num_fields) < 2:
            msg = "num_tasks, num_runs and num_fields must be at least 2 for an interval"
            raise ValueError(msg)


PROFILES = {
    "quick": Config(),
    "full": Config(
        num_matrices=4_000_000, num_fields=128, eigenvalues=(3.0, 2.75, 2.0, 1.5, 1.0, 0.75, 0.5, 0.25), code_size=3,
        num_census_starts=2048, num_couplings=8, num_spin_starts=192, num_tasks=8, num_descended_starts=384,
        num_random_starts=256, num_runs=512, num_digit_networks=5,
    ),
}  # fmt: skip


def measure(config: Config, options: runner.Options) -> Mapping[str, Any]:
    """The results of every study as flat arrays, named `STUDY.QUANTITY`."""
    import jax

    from experiments import critical_points_networks as networks
    from experiments import critical_points_studies as studies

    del options
    with jax.enable_x64(True):
        keys = jax.random.split(jax.random.key(config.seed), 8)
        return {
            **studies.kinds(),
            **studies.random_matrices(config, keys[0]),
            **studies.random_fields(config, keys[1]),
            **studies.census(config, keys[2]),
            **studies.spins(config, keys[3]),
            **networks.tanh_networks(config, keys[4]),
            **networks.escapes(config, keys[5]),
            **networks.convexity(config, keys[6]),
            **networks.digits(config, keys[7]),
        }


EXPERIMENT = runner.Experiment(
    name="critical_points",
    description=__doc__,
    profiles=PROFILES,
    measure=measure,
    tables=critical_points_results.tables,
    plot=critical_points_figures.plot,
    claims=critical_points_claims.claims,
)

if __name__ == "__main__":
    raise SystemExit(runner.main(EXPERIMENT))

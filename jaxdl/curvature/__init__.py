"""Curvature of any scalar function of a pytree, from products with its Hessian alone."""

from jaxdl.curvature.census import Completeness, Distinct, completeness, escape_directions, merge
from jaxdl.curvature.conditioning import (
    Conditioning,
    Descent,
    StepTest,
    conditioning,
    descent_rates,
    effective_dimension,
    heavy_ball_rates,
    rescaled,
    step_test,
    whitening,
)
from jaxdl.curvature.critical_points import CriticalPoints, Kind, critical_point, critical_points
from jaxdl.curvature.density import (
    Cumulative,
    SpectralDensity,
    cumulative,
    cumulative_band,
    eigenvalue_counts,
    spectral_density,
)
from jaxdl.curvature.eigenpairs import Eigenpairs, eigenpairs
from jaxdl.curvature.gauss_newton import (
    Labels,
    empirical_fisher,
    fisher,
    gaussian_labels,
    ggn,
    sigmoid_labels,
    softmax_labels,
)
from jaxdl.curvature.inertia import Counts, Curve, Inertia, inertia, inertia_of
from jaxdl.curvature.lanczos import Tridiagonal, tridiagonalise
from jaxdl.curvature.landscape import (
    Matched,
    excess_error,
    filter_normalised,
    interpolation,
    line,
    match_hidden_units,
    plane,
    random_direction,
)
from jaxdl.curvature.logdet import logdet
from jaxdl.curvature.minres import LeastSquares, minres
from jaxdl.curvature.newton_mr import NewtonMR, newton_mr
from jaxdl.curvature.operators import Matvec, check_symmetric, dense, restrict
from jaxdl.curvature.products import check_deterministic, hvp, hvp_over
from jaxdl.curvature.reparametrisation import Reparametrisation, reparametrisation
from jaxdl.curvature.trace import Estimate, diagonal, squared_frobenius_norm, trace
from jaxdl.curvature.tracking import Track, track

__all__ = [
    "Completeness",
    "Conditioning",
    "Counts",
    "CriticalPoints",
    "Cumulative",
    "Curve",
    "Descent",
    "Distinct",
    "Eigenpairs",
    "Estimate",
    "Inertia",
    "Kind",
    "Labels",
    "LeastSquares",
    "Matched",
    "Matvec",
    "NewtonMR",
    "Reparametrisation",
    "SpectralDensity",
    "StepTest",
    "Track",
    "Tridiagonal",
    "check_deterministic",
    "check_symmetric",
    "completeness",
    "conditioning",
    "critical_point",
    "critical_points",
    "cumulative",
    "cumulative_band",
    "dense",
    "descent_rates",
    "diagonal",
    "effective_dimension",
    "eigenpairs",
    "eigenvalue_counts",
    "empirical_fisher",
    "escape_directions",
    "excess_error",
    "filter_normalised",
    "fisher",
    "gaussian_labels",
    "ggn",
    "heavy_ball_rates",
    "hvp",
    "hvp_over",
    "inertia",
    "inertia_of",
    "interpolation",
    "line",
    "logdet",
    "match_hidden_units",
    "merge",
    "minres",
    "newton_mr",
    "plane",
    "random_direction",
    "reparametrisation",
    "rescaled",
    "restrict",
    "sigmoid_labels",
    "softmax_labels",
    "spectral_density",
    "squared_frobenius_norm",
    "step_test",
    "trace",
    "track",
    "tridiagonalise",
    "whitening",
]

"""Eigenvalues of a symmetric operator, from products with it: both ends, density, counts, sums, and their meaning for descent."""

from jaxdl.curvature.spectra.conditioning import (
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
from jaxdl.curvature.spectra.density import (
    Bounds,
    Cumulative,
    SpectralDensity,
    cumulative,
    cumulative_band,
    eigenvalue_counts,
    spectral_density,
)
from jaxdl.curvature.spectra.eigenpairs import Eigenpairs, eigenpairs
from jaxdl.curvature.spectra.inertia import Counts, Curve, Inertia, inertia, inertia_of
from jaxdl.curvature.spectra.lanczos import Tridiagonal, tridiagonalize
from jaxdl.curvature.spectra.logdet import logdet
from jaxdl.curvature.spectra.outliers import num_outliers
from jaxdl.curvature.spectra.trace import ProbeEstimate, diagonal, squared_frobenius_norm, trace
from jaxdl.curvature.spectra.tracking import Track, track

__all__ = [
    "Bounds",
    "Conditioning",
    "Counts",
    "Cumulative",
    "Curve",
    "Descent",
    "Eigenpairs",
    "Inertia",
    "ProbeEstimate",
    "SpectralDensity",
    "StepTest",
    "Track",
    "Tridiagonal",
    "conditioning",
    "cumulative",
    "cumulative_band",
    "descent_rates",
    "diagonal",
    "effective_dimension",
    "eigenpairs",
    "eigenvalue_counts",
    "heavy_ball_rates",
    "inertia",
    "inertia_of",
    "logdet",
    "num_outliers",
    "rescaled",
    "spectral_density",
    "squared_frobenius_norm",
    "step_test",
    "trace",
    "track",
    "tridiagonalize",
    "whitening",
]

"""Curvature of any scalar function of a pytree, from products with its Hessian alone.

Four rooms: `products` (Hessian, Gauss-Newton, Fisher, blocks), `spectra` (eigenvalues: their ends, density, counts, trace,
and what they mean for descent), `critical` (critical points) and `landscape` (slices, barriers, symmetries). The functions
that most people come for stand here as well.
"""

from jaxdl.curvature import critical, landscape, products, spectra
from jaxdl.curvature.critical import critical_points
from jaxdl.curvature.products import ggn, hvp
from jaxdl.curvature.spectra import conditioning, eigenpairs, inertia, spectral_density, trace

__all__ = [
    "conditioning",
    "critical",
    "critical_points",
    "eigenpairs",
    "ggn",
    "hvp",
    "inertia",
    "landscape",
    "products",
    "spectra",
    "spectral_density",
    "trace",
]

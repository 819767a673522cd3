"""Curvature of any scalar function of a pytree, computed from products with its Hessian.

There are four rooms. `products` has the Hessian, Gauss-Newton and Fisher matrices and their blocks. `spectra` has eigenvalues:
both ends, density, counts, trace, and their meaning for descent. `critical` has critical points. `landscape` has slices,
barriers and symmetries. The functions that most people need stand here as well.
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

"""Studies, where the engine meets the estimators: a learning procedure is run many times and its error is taken apart."""

from jaxdl.studies.decompose import decompose
from jaxdl.studies.triangulate import triangulate

__all__ = ["decompose", "triangulate"]

"""What the commands that read a saved decomposition share: which one is asked, and numbers for JSON."""

import argparse
from typing import Any

import numpy as np

from jaxdl.decomposition import Decomposition, load


def selected(path: str, arguments: argparse.Namespace) -> Decomposition:
    """A saved decomposition, at the setting and time that were named."""
    return load(path).at(setting=arguments.setting, time=arguments.time)


def plain(value: Any) -> Any:
    """An array for JSON, which has no nan and no infinity: these are null."""
    array = np.asarray(value, np.float64)
    if array.ndim:
        return [plain(each) for each in array]
    return float(array) if np.isfinite(array) else None

"""A network with L1-sparse weights takes as much memory as any other, unless it is stored sparsely.

Says: L1 makes weights sparse, which does not save much memory, so that L2 is preferred in practice.
Source: S4, on L1.
Textbook: Deep Learning 7.1.2.
Theory: Arithmetic. A stored value costs its own bytes and those that tell its place: four of a column, one, or a bit.
Scope: The first kernel, 64 x 32, of networks on digits, in single and double precision.
Looks: Full runs were made at seeds 0 and 1, and called restricted by an interval that straddled one; another attempt at
    this split was looked at at seed 3. What sparse storage saves at equal accuracy is SM1 since; earlier looks saw all
    digits, the sealed third dates from 2026-11-26. After the full run at seed 26 words of the reading alone changed.
See: SM1 (the same kernels)
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.penalties.digits import STRENGTHS, sparse_kernels
from experiments.penalties.memory import FORMATS, bitmap, break_even, dense
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval

PRECISIONS = (np.float32, np.float64)
SIZES = {
    "quick": {"networks": 12, "steps": 150, "sealed": False},
    "full": {"networks": 192, "steps": 400, "sealed": True, "seed": 26},
    "smallest": {"networks": 3, "steps": 20},
}
CRITERION = f"""Of every network at every strength, in {" and ".join(each.__name__ for each in PRECISIONS)}, the dense
kernel takes the same bytes whatever its zeros, and each of {len(FORMATS)} sparse formats takes fewer exactly where the
share of zeros exceeds what the bytes of values and places make it."""


def judged(lab: Lab, store: Callable[[np.ndarray], int] = dense) -> Finding:
    """Bytes, counted on arrays that are really made."""
    kernels = np.asarray(sparse_kernels(lab).outputs["kernel"])  # strengths, networks, rows, columns
    zeros = (kernels == 0).mean(axis=(2, 3))
    follows, same, table = [], [], {}
    for precision in PRECISIONS:
        stored = [[kernel.astype(precision) for kernel in row] for row in kernels]
        usual = np.array([[store(kernel) for kernel in row] for row in stored])
        same.append(usual / usual[0])
        limits = break_even(kernels.shape[2:], np.dtype(precision).itemsize)
        for name, bytes_of in FORMATS.items():
            ratio = np.array([[bytes_of(kernel) for kernel in row] for row in stored]) / usual
            follows.append((ratio < 1) == (zeros > limits[name]))
            table[f"{name}, {precision.__name__}"] = ratio, limits[name]
    single = {name: ratio for name, (ratio, _) in table.items() if "32" in name}
    largest = float(np.max(np.abs(np.array(same) - 1)))
    return Finding(
        what="largest change of the bytes of the dense kernel by L1, as a share of them",
        shown=Estimate(largest, Interval(np.nan, np.nan)),
        verdict=exact(largest == 0 and bool(np.all(follows))),
        reading=f"The dense kernel takes the same bytes at {zeros.min():.0%} to {zeros.max():.0%} of zeros. In single precision it "
        "is even " + ", ".join(f"as {name.split(',')[0]} at {table[name][1]:.1%}" for name in single)
        + ".",
        means="The sources are right of the usual, dense storage; it is the storage and not L1 that saves nothing.",
        theory=0.0,
        tables={
            "Share of zeros from which a format takes less": {
                "format": list(table), "even at": [limit for _, limit in table.values()]
            },
            "Bytes over those of the dense kernel, single precision, means over networks": {
                "strength": STRENGTHS, "zeros": zeros.mean(axis=1),
                **{name: ratio.mean(axis=1) for name, ratio in single.items()},
            },
        },
        figures={"Sparse formats save memory only beyond their own share of zeros": _drawn(zeros, single)},
    )  # fmt: skip


def _drawn(zeros: np.ndarray, ratios: dict[str, np.ndarray]) -> Any:
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    for name, ratio in ratios.items():
        axes.plot(100 * zeros.ravel(), ratio.ravel(), ".", markersize=4, label=name)
    axes.axhline(1, color="black", linewidth=1, label="dense, whatever its zeros")
    axes.set(xlabel="% of the kernel exactly zero", ylabel="bytes / those of the dense kernel", ylim=(0, None))
    axes.legend(fontsize="small")
    return figure


def control(lab: Lab) -> Finding:
    """A bitmap in the place of the dense kernel."""
    return judged(lab, store=bitmap)

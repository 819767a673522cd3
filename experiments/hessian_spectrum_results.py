"""What the results of `hessian_spectrum` say: outliers, the bulk, sharpness in units of 2 / step size, and the tables."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from experiments.hessian_spectrum import Config

NUM_TOP = 22
"""Eigenvalues that are computed: those among which outliers of ten classes are looked for."""
LAYERS = ("hidden", "output")
PIXELS = ("as they are", "centred")


def num_outliers(top: Any, classes: int) -> Any:
    """The number of eigenvalues above the largest ratio of neighbours among the 2 `classes` + 2 largest ones."""
    import numpy as np

    ratios = _ratios(top, classes)
    return np.argmax(ratios, axis=-1) + 1


def gap(top: Any, classes: int) -> Any:
    """That largest ratio."""
    return _ratios(top, classes).max(axis=-1)


def typical(top: Any) -> Any:
    """The geometric mean over seeds, the first axis; eigenvalues that are not positive count as tiny ones."""
    import numpy as np

    return np.exp(np.log(np.maximum(top, np.finfo(np.float32).tiny)).mean(axis=0))


def counts(config: "Config", results: Mapping[str, Any]) -> Any:
    """(classes, centred, times): outliers of the typical spectrum."""
    import numpy as np

    return np.array(
        [
            [num_outliers(typical(of_pixels), classes) for of_pixels in of_classes]
            for classes, of_classes in zip(config.classes, results["classes.top"], strict=True)
        ]
    )


def layer_counts(results: Mapping[str, Any]) -> Any:
    """(times, layers): outliers of the typical spectrum of each layer's block, on all ten classes."""
    return num_outliers(typical(results["layers.tops"]), 10)


def relative_sharpness(config: "Config", results: Mapping[str, Any]) -> Any:
    """(step sizes, seeds, times) of the largest eigenvalue, in units of 2 / step size."""
    import numpy as np

    return results["edge.sharpness"].astype(float) * np.array(config.step_sizes)[:, None, None] / 2


def last_quarter(values: Any) -> Any:
    """The mean over the last quarter of the times, the last axis."""
    return values[..., -(values.shape[-1] // 4) :].mean(axis=-1)


def has_reached(relative: Any, edge: float) -> Any:
    """Whether sharpness was above `edge`, in units of 2 / step size, before the last quarter of the times, the last axis."""
    return relative[..., : -(relative.shape[-1] // 4)].max(axis=-1) > edge


def tables(config: "Config", results: Mapping[str, Any]) -> str:
    """Outliers by classes, by layers, the bulk, and the edge of stability."""
    import numpy as np

    found = counts(config, results)
    lines = [
        f"Outliers of the typical spectrum of {config.num_seeds} networks (the largest ratio of neighbours), after "
        f"{', '.join(map(str, config.times))} steps; in single networks at the end"
    ]
    rows = [
        (
            "classes",
            *(f"pixels {name}" for name in PIXELS),
            *(f"each, {name}" for name in PIXELS),
            "ratio",
            "ratio, centred",
        )
    ]
    for index, classes in enumerate(config.classes):
        each = [num_outliers(results["classes.top"][index, pixels, :, -1], classes) for pixels in range(2)]
        ratios = [gap(typical(results["classes.top"][index, pixels])[-1], classes) for pixels in range(2)]
        rows.append((
            str(classes), *(" ".join(map(str, found[index, pixels])) for pixels in range(2)),
            *(" ".join(map(str, row)) for row in each), *(f"{ratio:.2f}" for ratio in ratios),
        ))  # fmt: skip
    lines += aligned(rows)
    lines.append(f"Converged: {results['classes.converged'].mean():.1%} of the searches")

    lines += ["", "All ten classes, pixels as they are: mean over networks"]
    rows = [
        (
            "steps",
            "largest",
            "10th",
            "11th",
            "smallest",
            "within 1 % of the largest",
            "of the directions probed",
            "outliers",
            *(f"{name} layer" for name in LAYERS),
        )
    ]
    top, smallest, layers = results["classes.top"][-1, 0], results["classes.smallest"][-1, 0], layer_counts(results)
    for time, steps in enumerate(config.times):
        rows.append((
            str(steps), f"{top[:, time, 0].mean():.3f}", f"{top[:, time, 9].mean():.3f}", f"{top[:, time, 10].mean():.3f}",
            f"{smallest[:, time].mean():.3f}", f"{results['layers.bulk'][:, time].mean():.1%}",
            f"at least {results['layers.bulk_low'][:, time].mean():.1%}", str(found[-1, 0, time]), *map(str, layers[time]),
        ))  # fmt: skip
    lines += aligned(rows)
    rows = [("layer", *(str(rank) for rank in range(1, 15)))]
    whole = typical(top)[-1]
    for name, values in (("all", whole), *zip(LAYERS, typical(results["layers.tops"])[-1], strict=True)):
        rows.append((name, *(f"{value:.3f}" for value in values[:14])))
    lines += ["", f"Largest eigenvalues after {config.times[-1]} steps, geometric means", *aligned(rows)]

    relative = relative_sharpness(config, results)
    end = last_quarter(relative)
    lines += [
        "",
        f"Full-batch descent, {config.num_edge_steps} steps, {config.num_edge_seeds} seeds: sharpness in units of 2 / step size",
    ]
    rows = [
        (
            "step size",
            "start",
            "last quarter: mean",
            "sd over seeds",
            "lowest",
            "highest",
            "largest error bound",
            "last loss",
        )
    ]
    for index, size in enumerate(config.step_sizes):
        bound = last_quarter(results["edge.bound"][index] / results["edge.sharpness"][index])
        rows.append((
            str(size), f"{relative[index, :, 0].mean():.3f}", f"{end[index].mean():.4f}", f"{end[index].std(ddof=1):.4f}",
            f"{end[index].min():.3f}", f"{end[index].max():.3f}", f"{bound.max():.1%}",
            f"{np.mean(results['edge.loss'][index]):.4f}",
        ))  # fmt: skip
    return "\n".join([*lines, *aligned(rows)])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table whose first row holds its headings."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]


def _ratios(top: Any, classes: int) -> Any:
    import numpy as np

    ends = top[..., : 2 * classes + 2]
    # Beyond the positive ones there is no ratio to speak of.
    return np.where(ends[..., 1:] > 0, ends[..., :-1] / np.where(ends[..., 1:] > 0, ends[..., 1:], 1), 0)

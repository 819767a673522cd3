"""The block of every layer has as many outliers as the whole Hessian.

Says: The geometry layer by layer is largely similar to that of the whole.
Source: Sankar, Khasbage, Vigneswaran & Balasubramanian (2021).
Theory: A block's eigenvalues interlace those of the whole; their gaps need not.
Scope: Two layers, 16 tanh units; the first 500 digits, ten classes, pixels as they are.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since.
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.digits import LAYERS, layers, typical
from experiments.hessian_spectrum.outliers import gap, num_outliers, ratios, spectra
from jaxdl.statistics import Estimate, Interval, Verdict

CLASSES = 10
SIZES = {
    "quick": {"times": (0, 60, 600), "networks": 4, "probes": 2},
    "full": {"times": (0, 20, 60, 200, 600), "networks": 12, "probes": 8, "seed": 1},
    "smallest": {"times": (0, 60), "networks": 2, "probes": 1},
}
CRITERION = f"""At the end of training on {CLASSES} classes, in the geometric mean of the networks' spectra, the largest ratio of
neighbours among the {2 * CLASSES + 2} largest comes after as many of them in both layers as in the whole. Counts have no interval;
shown is the share of the layers with the count of the whole."""


def judged(lab: Lab) -> Finding:
    """Counts of the whole and of each block, of the same networks."""
    outputs = layers(lab).outputs
    whole, blocks = typical(outputs["whole"]), typical(outputs["layers"])
    along = np.column_stack([num_outliers(whole, CLASSES), num_outliers(blocks, CLASSES)])  # (times, whole and layers)
    num, found, ends = int(along[-1, 0]), along[-1, 1:], blocks[-1]
    there = ratios(ends, CLASSES)[:, num - 1]
    tops = {"whole": whole[-1], **{f"{name} layer": top for name, top in zip(LAYERS, ends, strict=True)}}
    return Finding(
        what="share of the layers with as many outliers as the whole",
        shown=Estimate(float(np.mean(found == num)), Interval(np.nan, np.nan)),
        verdict=Verdict.SUPPORTED if (found == num).all() else Verdict.REFUTED,
        reading=f"The whole has {num}; "
        + ", ".join(
            f"the {name} layer {count} (largest ratio {ratio:.2f}; after {num} of them {at:.2f}), with {share:.0%} of the largest "
            "eigenvalue"
            for name, count, ratio, at, share in zip(
                LAYERS, found, gap(ends, CLASSES), there, ends[:, 0] / whole[-1, 0], strict=True
            )
        )
        + ".",
        means="The sentence is sharper than the source's: a count need not be equal where spectra are similar.",
        tables={
            "Outliers of the geometric means along training": {
                "steps": lab["times"],
                **{name: along[:, place] for place, name in enumerate(tops)},
            },
            "Largest eigenvalues at the end, geometric means": {
                "rank": np.arange(1, 15),
                **{name: top[:14] for name, top in tops.items()},
            },
        },
        figures={
            "The largest eigenvalues of the whole and of each layer's block; full dots lie above the largest ratio": spectra(
                tops, dict(zip(tops, map(int, along[-1]), strict=True))
            )
        },
    )

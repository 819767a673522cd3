"""The Hessian of a trained classifier of C classes has C - 1 outliers.

Says: As many outliers as classes, or about as many.
Source: Sagun et al. (2016); Ghorbani, Krishnan & Xiao (2019); Papyan (2019).
Theory: The Gauss-Newton matrix has C - 1 directions along the mean gradients of the classes' outputs.
Scope: One hidden layer of 16 tanh units; the first 500 digits, those of the first C classes; cross-entropy, gradient descent.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since.
"""

from collections.abc import Sequence

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.hessian_spectrum.digits import NUM_TOP, PIXELS, by_classes, typical
from experiments.hessian_spectrum.outliers import gap, num_outliers, spectra
from jaxdl.statistics import Estimate, Interval, Verdict

FEWER = 1
SIZES = {
    "quick": {"classes": (2, 5, 10), "times": (0, 60, 600), "networks": 4},
    "full": {"classes": (2, 3, 4, 5, 6, 7, 8, 9, 10), "times": (0, 20, 60, 200, 600), "networks": 12, "seed": 1},
    "smallest": {"classes": (2, 10), "times": (0, 40), "networks": 2},
}
CRITERION = f"""At the end of training, in the geometric mean of the networks' spectra, the largest ratio of neighbours among the
2 C + 2 largest comes after C - {FEWER} of them, for every C. Two arms: pixels as they are, and centred ones. Counts have no
interval; shown is the share of those of pixels as they are that are right."""


def judged(lab: Lab, pixels: Sequence[str] = tuple(PIXELS)) -> Finding:
    """Counts by number of classes, in the first arm and in its complement."""
    classes = np.array(lab["classes"])
    runs = by_classes(lab, pixels)
    tops = runs.outputs["top"].reshape(len(classes), len(pixels), -1, len(lab["times"]), NUM_TOP)
    means = [[typical(each) for each in of_classes] for of_classes in tops]
    along = np.array(
        [[num_outliers(mean, num) for mean in row] for num, row in zip(classes, means, strict=True)]
    )  # (classes, pixels, times)
    gaps = np.array([[gap(mean[-1], num) for mean in row] for num, row in zip(classes, means, strict=True)])
    right = along[..., -1] == (classes - FEWER)[:, None]
    first, second = (Verdict.SUPPORTED if arm.all() else Verdict.REFUTED for arm in right.T)
    found = [", ".join(map(str, along[:, arm, -1])) for arm in range(2)]
    each = [
        [" ".join(map(str, num_outliers(tops[row, arm, :, -1], num))) for row, num in enumerate(classes)]
        for arm in range(2)
    ]
    return Finding(
        what=f"share of the numbers of classes with C - {FEWER} outliers, pixels {pixels[0]}",
        shown=Estimate(float(right[:, 0].mean()), Interval(np.nan, np.nan)),
        verdict=restricted(
            first,
            second,
            "Inputs share a large mean; centred, the spectrum of the inputs within classes sets outliers of its own.",
        ),
        reading=f"For C = {', '.join(map(str, classes))} there are {found[0]} outliers of pixels {pixels[0]}, off by at most "
        f"{abs(along[:, 0, -1] - classes + FEWER).max()}, above a gap of at least {gaps[:, 0].min():.2f} times; and {found[1]} of "
        f"pixels {pixels[1]}, whose gaps are as small as {gaps[:, 1].min():.2f}. {runs.outputs['converged'].mean():.1%} of the "
        "searches converged.",
        tables={
            f"Outliers of the geometric mean after {', '.join(map(str, lab['times']))} steps, and of each network at the end": {
                "classes": classes,
                **{f"{name}": [" ".join(map(str, row)) for row in along[:, arm]] for arm, name in enumerate(pixels)},
                **{f"each, {name}": each[arm] for arm, name in enumerate(pixels)},
                **{f"largest ratio, {name}": gaps[:, arm] for arm, name in enumerate(pixels)},
            }
        },
        figures={
            f"The largest eigenvalues at the end, pixels {name}; full dots lie above the largest ratio": spectra(
                {f"C = {num}": row[arm][-1] for num, row in zip(classes, means, strict=True)},
                {f"C = {num}": int(row[arm, -1]) for num, row in zip(classes, along, strict=True)},
            )
            for arm, name in enumerate(pixels)
        },
    )


def control(lab: Lab) -> Finding:
    """Centred pixels in both arms."""
    return judged(lab, ("centred", "centred"))

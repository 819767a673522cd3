"""It is the step size that holds sharpness down: with smaller steps it grows beyond 2 / step size of larger ones.

Says: The sharpness of gradient flow rises far beyond 2 / step size; descent with large steps is held there.
Source: Cohen et al. (2021).
Textbook: none; UDL 6.1 for gradient descent.
Scope: One hidden layer of 16 tanh units, weights halved at the start; 300 digits, centred; squared error, plain descent.
Looks: Earlier looks saw all digits, at seeds 0 and 1, after as many steps alone; the comparison at equal time was added. The
    sealed third dates from 2026-11-26.
See: HS4 (the edge that holds it), HS7 (how it gets there)
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.edge import along_training, descents, last_quarter
from jaxdl.statistics import judge, judge_all, means

SIZES = {
    "quick": {"steps": 1600, "step_sizes": (0.2, 0.6, 0.8), "inits": 4, "sealed": False},
    "full": {"steps": 2000, "step_sizes": (0.2, 0.6, 0.8), "inits": 16, "sealed": True, "seed": 26},
    "smallest": {"steps": 400, "step_sizes": (0.2, 0.8), "inits": 8},
}
CRITERION = """With the smallest steps, the sharpness in the last quarter is above 2 / largest step size, after as many steps and so
less training; and above the sharpness with the largest steps at the same times, steps times step size (95 % t intervals over
initialisations, the second paired)."""


def judged(lab: Lab, slower: float = 1.0) -> Finding:
    """The smallest step size, made `slower` times smaller, against the edge of the largest."""
    sizes = (lab["step_sizes"][0] / slower, *lab["step_sizes"][1:])
    runs = descents(lab, "edge", sizes)
    sharpness = runs.outputs["sharpness"].astype(float)
    edge, ends = 2 / sizes[-1], last_quarter(sharpness)
    # The largest steps are at a time of the smallest after a share of their number.
    steps = np.arange(sharpness.shape[2])
    at_equal_time = np.array([np.interp(steps * sizes[0] / sizes[-1], steps, row) for row in sharpness[-1]])
    less_held = means(ends[0] - last_quarter(at_equal_time))
    end, beyond = means(ends), means(ends[0] - edge)
    return Finding(
        what=f"sharpness in the last quarter with steps of {sizes[0]:g}",
        shown=means(ends[0]),
        verdict=judge_all([judge(each.interval, inside=(0.0, np.inf)) for each in (beyond, less_held)]),
        reading=f"It ends at {ends[0].mean():.2f}, from {sharpness[0, :, 0].mean():.2f} at the start; with steps of {sizes[-1]:g} "
        f"at {ends[-1].mean():.2f}. At equal times, steps times step size, it is higher by {less_held.estimate:.2f} ± "
        f"{less_held.standard_error:.2f}.",
        reference={"lower bar": edge},
        tables={
            f"Sharpness ± s.e., {lab['steps']} steps": {
                "step size": sizes,
                "start": means(sharpness[:, :, 0]),
                "last quarter": end,
                "2 / step size": 2 / np.array(sizes),
            }
        },
        figures={
            "With smaller steps sharpness grows beyond the edge of larger ones: median and range over initialisations": (
                along_training(
                    {f"step size {size:g}": values for size, values in zip(sizes, sharpness, strict=True)},
                    {f"2 / {sizes[-1]:g}": edge},
                    "sharpness",
                )
            )
        },
    )


def control(lab: Lab) -> Finding:
    """Steps so small that training hardly begins."""
    return judged(lab, slower=100.0)

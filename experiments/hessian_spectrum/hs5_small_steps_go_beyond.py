"""It is the step size that holds sharpness down: with smaller steps it grows beyond that edge.

Source: Cohen et al. (2021).
Scope: One hidden layer of 16 tanh units, weights halved at the start; 300 digits, centred; squared error, plain descent.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since.
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.edge import along_training, descents, last_quarter
from jaxdl.statistics import judge, means

SIZES = {
    "quick": {"steps": 1600, "step_sizes": (0.2, 0.6, 0.8), "inits": 8},
    "full": {"steps": 6000, "step_sizes": (0.2, 0.4, 0.5, 0.6, 0.8), "inits": 24, "seed": 1},
    "smallest": {"steps": 400, "step_sizes": (0.2, 0.8), "inits": 8},
}
CRITERION = """With the smallest steps, the sharpness in the last quarter is above 2 / largest step size (95 % t interval over
initialisations), after as many steps and so less training."""


def judged(lab: Lab, slower: float = 1.0) -> Finding:
    """The smallest step size, made `slower` times smaller, against the edge of the largest."""
    sizes = (lab["step_sizes"][0] / slower, *lab["step_sizes"][1:])
    runs = descents(lab, sizes)
    sharpness = runs.outputs["sharpness"].astype(float)
    edge, ends = 2 / sizes[-1], last_quarter(sharpness)
    end, beyond = means(ends), means(ends[0] - edge)
    return Finding(
        what=f"sharpness in the last quarter with steps of {sizes[0]:g}",
        shown=means(ends[0]),
        verdict=judge(beyond.interval, inside=(0.0, np.inf)),
        reading=f"It ends at {ends[0].mean():.2f}, from {sharpness[0, :, 0].mean():.2f} at the start; with steps of {sizes[-1]:g} "
        f"at {ends[-1].mean():.2f}.",
        reference={f"2 / {sizes[-1]:g}": edge},
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

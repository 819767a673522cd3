"""Under full-batch gradient descent the sharpness grows to 2 / step size, and stays there.

Source: Cohen et al. (2021).
Theory: On a quadratic, descent diverges beyond; the cubic term brings it back (Damian, Nichani & Lee, 2023).
Scope: One hidden layer of 16 tanh units, weights halved at the start; 300 digits, centred; squared error, plain descent.
Looks: Sizes were settled on runs at seed 0, also at full size, and the smallest step size was known there to be too small to
    reach the edge in time; the full profile has seed 1 since. A restriction to initialisations that had reached the edge was
    dropped, as the outcome chose them.
"""

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.edge import along_training, descents, has_reached, last_quarter, relative
from jaxdl.statistics import Estimate, judge, judge_all, mean_interval, means

EDGE = (0.95, 1.05)
SIZES = {
    "quick": {"steps": 1600, "step_sizes": (0.2, 0.6, 0.8), "inits": 8},
    "full": {"steps": 6000, "step_sizes": (0.2, 0.4, 0.5, 0.6, 0.8), "inits": 24, "seed": 1},
    "smallest": {"steps": 400, "step_sizes": (0.1, 0.8), "inits": 4},
}
CRITERION = f"""For every step size but the smallest: the sharpness in the last quarter of the steps, in units of 2 / step size,
lies within {EDGE} (95 % t interval over initialisations; the one farthest from 1 is shown)."""


def judged(lab: Lab, momentum: float = 0.0) -> Finding:
    """Of all step sizes, the smallest is shown and not judged: it does not reach the edge in time."""
    sizes = lab["step_sizes"]
    runs = descents(lab, sizes, momentum)
    units = relative(runs, sizes)
    ends, reached = last_quarter(units), has_reached(units, EDGE[0])
    end = means(ends)
    intervals = [mean_interval(row) for row in ends]
    farthest = max(range(1, len(sizes)), key=lambda row: max(abs(edge - 1) for edge in intervals[row]))
    bound = last_quarter(runs.outputs["bound"] / runs.outputs["sharpness"])
    return Finding(
        what=f"sharpness in the last quarter in units of 2 / step size, step size {sizes[farthest]:g}",
        shown=Estimate(float(end.estimate[farthest]), intervals[farthest]),
        verdict=judge_all([judge(interval, inside=EDGE) for interval in intervals[1:]]),
        reading="It is "
        + ", ".join(
            f"{row.mean():.3f} at step size {size:g} ({there.sum()} of {len(row)} had been above {EDGE[0]:g} before)"
            for size, row, there in zip(sizes, ends, reached, strict=True)
        )
        + ".",
        reference={"edge of stability": 1.0},
        tables={
            f"Sharpness in units of 2 / step size ± s.e., {lab['steps']} steps": {
                "step size": sizes,
                "start": means(units[:, :, 0]),
                "last quarter": end,
                "lowest": ends.min(axis=1),
                "highest": ends.max(axis=1),
                "largest relative error bound": bound.max(axis=1),
                "last loss": means(runs.outputs["loss"]),
            }
        },
        figures={
            "Sharpness grows until descent is barely stable: median and range over initialisations": along_training(
                {f"step size {size:g}": values for size, values in zip(sizes, units, strict=True)},
                {"edge": 1.0},
                "sharpness · step size / 2",
            )
        },
    )


def control(lab: Lab) -> Finding:
    """Descent with momentum, whose edge lies higher, at 2 (1 + momentum) / step size."""
    return judged(lab, momentum=0.9)

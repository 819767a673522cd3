"""Under full-batch gradient descent the sharpness grows until it reaches 2 / step size, when small steps foretell that it will.

Says: Gradient descent on neural networks shows progressive sharpening: while training is stable, sharpness tends to rise.
Source: Cohen et al. (2021).
Textbook: none; UDL 6.1 for gradient descent.
Theory: While stable, descent follows gradient flow, whose time is steps times step size; small steps stand for the flow.
Scope: One hidden layer of 16 tanh units, weights halved at the start; 300 digits, centred; squared error, plain descent. Under
    the cross-entropy the sharpness of these networks falls from the start (HS4).
Looks: New on 2026-11-26, once a part of HS4, whose earlier looks saw all digits at seeds 0 and 1. The margin was settled on quick
    runs.
See: HS4 (what follows)
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.edge import REACH, along_training, arrival, descents, relative
from jaxdl.statistics import Estimate, Interval, judge, judge_all, mean_interval, share

SHARE = 0.8
MARGIN = 0.25
SIZES = {
    "quick": {"steps": 1600, "step_sizes": (0.2, 0.6, 0.8), "inits": 6, "sealed": False},
    "full": {"steps": 2000, "step_sizes": (0.2, 0.6, 0.8), "inits": 16, "sealed": True, "seed": 26},
    "smallest": {"steps": 1000, "step_sizes": (0.2, 0.8), "inits": 8},
}
CRITERION = f"""Where the smallest steps pass {REACH:g} of the larger steps' 2 / step size within their own time, the larger steps
reach it too, at all such sizes of more than {SHARE:.0%} of the initialisations (Wilson 95 % interval); and the time, steps times
step size, is the one foretold up to {MARGIN:.0%} (two one-sided t tests at 5 % over initialisations)."""


def judged(lab: Lab, clock: float = 1.0) -> Finding:
    """Arrivals of larger steps against those foretold by the smallest, whose times are multiplied by `clock`."""
    sizes = np.array(lab["step_sizes"])
    runs = descents(lab, "edge", lab["step_sizes"])
    sharpness = runs.outputs["sharpness"].astype(float)
    foretold = np.array([clock * sizes[0] * arrival(sharpness[0], REACH * 2 / size) for size in sizes[1:]])
    found = sizes[1:, None] * arrival(relative(runs, lab["step_sizes"])[1:])
    # Where sharpness begins above the edge nothing is foretold.
    is_told, is_met = (np.isfinite(times) & (times > 0) for times in (foretold, found))
    arrived = share((is_met | ~is_told).all(axis=0)[is_told.any(axis=0)])
    both = is_told & is_met
    logs = np.where(both, np.log(np.where(both, found, 1) / np.where(both, foretold, 1)), 0).sum(axis=0)
    logs = logs[both.any(axis=0)] / both.sum(axis=0)[both.any(axis=0)]
    low, high = mean_interval(logs)
    on_time = judge(mean_interval(logs, level=0.9), inside=(-np.log1p(MARGIN), np.log1p(MARGIN)))
    return Finding(
        what="time of arrival over the time foretold by the smallest steps",
        shown=Estimate(float(np.exp(logs.mean())), Interval(float(np.exp(low)), float(np.exp(high)))),
        verdict=judge_all([judge(arrived.interval, inside=(SHARE, 1.0)), on_time]),
        reading=f"Foretold arrivals took place in {arrived.estimate:.0%} of the initialisations; "
        + ", ".join(
            f"step size {size:g}: {int(np.isfinite(row).sum())} of {len(row)} arrive, {int(told.sum())} foretold"
            for size, row, told in zip(sizes[1:], found, is_told, strict=True)
        )
        + ".",
        reference={"lower bar": 1 / (1 + MARGIN), "upper bar": 1 + MARGIN, "as foretold": 1.0},
        tables={
            "Time of arrival, steps times step size, medians over initialisations": {
                "step size": sizes[1:],
                "foretold": [np.round(np.median(row), 1) for row in foretold],
                "found": [np.round(np.median(row), 1) for row in found],
            }
        },
        figures={
            "Sharpness grows alike for all step sizes until each has reached its own edge": along_training(
                {f"step size {size:g}": row for size, row in zip(sizes, sharpness, strict=True)},
                {f"edge of {size:g}": 2 / size for size in sizes[-2:]}, "sharpness",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A forecast that takes the smallest steps to be twice as large as they are."""
    return judged(lab, clock=2.0)

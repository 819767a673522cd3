"""Once sharpness has grown to 2 / step size under descent on the squared error, its mean from then on is within 5 % of it.

Says: Training happens at the edge of stability: the sharpness hovers at, or just above, 2 / step size.
Source: Cohen et al. (2021).
Textbook: none; UDL 6.1 for gradient descent.
Theory: On a quadratic, descent diverges beyond; the cubic term brings it back (Damian, Nichani & Lee, 2023).
Scope: One hidden layer of 16 tanh units, weights halved at the start; 300 digits, centred; plain descent. Under the cross-entropy
    with steps of 8 the sharpness is 1.2 times 2 / step size at the start (of open digits): it does not grow to there.
Looks: Earlier looks saw all digits, at seeds 0 and 1, for growing (HS7 now) and staying together: inconclusive at step size 0.4.
    Steps of the cross-entropy were settled on open digits. To shorten full runs 6000 steps became 2000, without sizes 0.4 and 0.5.
    After the full run the cross-entropy became a remark: it starts above the edge, which is no arrival, so that it is no arm.
See: HS7 (how it gets there), HS5 (what smaller steps do)
"""

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.edge import REACH, along_training, arrival, descents, mean_after, relative
from jaxdl import losses
from jaxdl.statistics import Estimate, Interval, Verdict, judge, judge_all, mean_interval

EDGE = (0.95, 1.05)
FEWEST = 3
SIZES = {
    "quick": {"steps": 1200, "step_sizes": (0.2, 0.6, 0.8), "others": (8.0,), "inits": 4, "sealed": False},
    "full": {
        "steps": 2000, "step_sizes": (0.2, 0.6, 0.8), "others": (8.0,), "inits": 16, "sealed": True, "seed": 26,
    },
    "smallest": {"steps": 400, "step_sizes": (0.6, 0.8), "inits": 4},
}  # fmt: skip
CRITERION = f"""In units of 2 / step size the mean of the sharpness, from the first time above {REACH:g} on, lies within {EDGE}, for
every step size of the squared error at which {FEWEST} initialisations or more begin below and arrive in the first three quarters of
the steps (95 % t interval over these; fewer say nothing)."""


def judged(lab: Lab, momentum: float = 0.0) -> Finding:
    """Means from arrival on, for both losses; the one farthest from 1 of the squared error is shown."""
    arms = {
        "squared error": (lab["step_sizes"], descents(lab, "edge", lab["step_sizes"], momentum=momentum)),
        "cross-entropy": (
            lab["others"],
            descents(lab, "edge of cross-entropy", lab["others"], losses.softmax_cross_entropy, momentum),
        ),
    }
    verdicts, rows, found = [], [], {}
    for name, (sizes, runs) in arms.items():
        of_arm = []
        for size, units in zip(sizes, relative(runs, sizes), strict=True):
            start = arrival(units)
            there = (start > 0) & (start <= 0.75 * lab["steps"])
            after = mean_after(units[there], start[there])
            interval = mean_interval(after) if len(after) >= FEWEST else Interval(np.nan, np.nan)
            of_arm.append(judge(interval, inside=EDGE))
            rows.append(
                [name, size, int(there.sum()), after.mean() if len(after) else np.nan, *interval, units[:, -1].mean()]
            )
            if len(after) >= FEWEST:
                found[name, size] = Estimate(float(after.mean()), Interval(*map(float, interval)))
        arrived = [verdict for verdict, row in zip(of_arm, rows[-len(sizes) :], strict=True) if row[2] >= FEWEST]
        verdicts.append(judge_all(arrived) if arrived else Verdict.INCONCLUSIVE)
    squared = {size: each for (name, size), each in found.items() if name == "squared error"}
    farthest = max(squared, key=lambda size: abs(squared[size].estimate - 1)) if squared else np.nan
    nothing = Estimate(np.nan, Interval(np.nan, np.nan))
    columns = ("loss", "step size", "arrived", "mean since", "low", "high", "at the end")
    return Finding(
        what=f"mean sharpness since arrival in units of 2 / step size, squared error, step size {farthest:g}",
        shown=squared.get(farthest, nothing),
        verdict=verdicts[0],
        reading="Since arrival it is "
        + ", ".join(f"{each.estimate:.3f} at step size {size:g} ({name})" for (name, size), each in found.items())
        + f". The cross-entropy ends at {rows[-1][-1]:.3f}, from a start above the edge.",
        reference={"lower bar": EDGE[0], "upper bar": EDGE[1], "edge of stability": 1.0},
        tables={
            f"Sharpness in units of 2 / step size, {lab['inits']} initialisations": {
                head: [row[place] if place < 3 else round(float(row[place]), 3) for row in rows]
                for place, head in enumerate(columns)
            }
        },
        figures={
            "Squared error: sharpness grows until descent is barely stable, and stays; median and range": along_training(
                {
                    f"step size {size:g}": units
                    for size, units in zip(
                        lab["step_sizes"], relative(arms["squared error"][1], lab["step_sizes"]), strict=True
                    )
                },
                {"edge": 1.0},
                "sharpness · step size / 2",
            )
        },
    )


def control(lab: Lab) -> Finding:
    """Descent with momentum, whose edge lies higher, at 2 (1 + momentum) / step size."""
    return judged(lab, momentum=0.9)

"""As N grows, the index of critical points of the spherical 3-spin model becomes the function of their energy that theory gives.

Says: The index fraction of a critical point is determined by its energy in the limit.
Source: Auffinger, Ben Arous & Černý (2013); Choromanska et al. (2015).
Textbook: UDL 20.3.
Theory: A distance of zero as N grows, by about 1 / N: eigenvalues are rigid, and rounding the index alone gives 0.3 / (N - 1).
Scope: N from 12 to 48; the points that searches find from random starts and along descents, not all that there are.
Looks: Full looks at seeds 0 and 1 had N = 24 alone, no energies near the threshold, and a bar of 0.03 beside 0.0267 and 0.0272; the
    other N, the slope and the descents were added after a referee's rerun.
See: K103 (the share of minima over all heights), K104 (networks)
"""

import math

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.critical_points import spins
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, judge, log_slope

STEEPEST = -0.5
SIZES = {
    "quick": {"spins": (8, 16), "draws": 4, "starts": 32},
    "full": {"spins": (12, 24, 48), "draws": 10, "starts": 48, "seed": 26},
    "smallest": {"spins": (5, 10), "draws": 6, "starts": 16},
}
CRITERION = f"""The slope of the log root mean square distance of index fractions from theory against log N is below {STEEPEST:g}
(95 % bootstrap interval over draws of the couplings)."""


def judged(lab: Lab, offset: float = 0.0) -> Finding:
    """Index fractions against those of theory at the same energies, to which `offset` is added."""
    sizes = np.array(lab["spins"])
    points = [spins.distinct_points(spins.searched(lab, n), n) for n in lab["spins"]]
    squares = []
    for energy, measured, draw in points:
        error = measured - spins.predicted_index(energy) - offset
        squares.append([error[draw == each] ** 2 for each in range(lab["draws"])])

    def distances(rows: np.ndarray) -> np.ndarray:
        return np.array([math.sqrt(np.mean(np.concatenate([each[row] for row in rows]))) for each in squares])

    generator, draws = np.random.default_rng(lab["seed"]), np.arange(lab["draws"])
    # Couplings of different N are independent draws, and so are resampled one by one.
    resampled = np.array(
        [[distances(generator.choice(draws, len(draws)))[k] for k in range(len(sizes))] for _ in range(1000)]
    )
    ends = np.quantile(log_slope(sizes, resampled), [0.025, 0.975])
    of_size = np.quantile(resampled, [0.025, 0.975], axis=0)
    distance, grid = distances(draws), np.linspace(-spins.THRESHOLD, spins.THRESHOLD, 200)
    lows = [energy.min() for energy, *_ in points]
    minima = [int((measured == 0).sum()) for _, measured, _ in points]
    figure = plots.new_figure(plots.PANEL_SIZE)
    axes = figure.subplots()
    for n, (energy, measured, _), marker in zip(sizes, points, "^so", strict=False):
        axes.plot(energy, measured, marker, markersize=3, alpha=0.5, label=f"N = {n}")
    axes.plot(grid, spins.predicted_index(grid) + offset, color="black", linewidth=1.2, label="theory, N = ∞")
    axes.set(xlabel="energy per spin", ylabel="index / (N - 1)")
    axes.legend(fontsize="small")
    rounding = 1 / math.sqrt(12) / (sizes - 1)
    by_size = Estimate(distance, Interval(of_size[0], of_size[1]))
    return Finding(
        what="slope of the log distance of index fractions from theory against log N",
        shown=Estimate(float(log_slope(sizes, distance)), Interval(*map(float, ends))),
        verdict=judge(Interval(*map(float, ends)), inside=(-np.inf, STEEPEST)),
        reading=f"The distance is {', '.join(f'{d:.4f}' for d in distance)} for N = {', '.join(map(str, sizes))}, over "
        f"{', '.join(str(len(e)) for e, *_ in points)} points; the lowest have energies of {', '.join(f'{e:.2f}' for e in lows)} "
        f"per spin, where the threshold is -{spins.THRESHOLD:.2f}, and {', '.join(map(str, minima))} are minima.",
        ends="95 % bootstrap interval over draws of the couplings",
        reference={"upper bar": STEEPEST, "rigid eigenvalues": -1.0},
        tables={
            "By N": {
                "N": sizes,
                "distance": by_size,
                "rounding alone": rounding,
                "points": [len(energy) for energy, *_ in points],
                "minima": minima,
            }
        },
        figures={
            "Index against energy: the larger N, the nearer critical points lie to the curve of theory": figure,
            "The distance from theory falls with N": plots.against(
                sizes, {"measured": by_size, "rounding alone": Estimate(rounding, Interval(rounding, rounding))},
                log=True, xlabel="N", ylabel="root mean square distance",
            ),
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A theory whose index is a fifth of all too high at every energy."""
    return judged(lab, offset=0.2)

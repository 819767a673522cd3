"""Of random symmetric matrices, the share that is positive falls faster than exponentially with their size.

Says: A hundred curvatures of one sign are as unlikely as a hundred coins that fall alike.
Source: S0; Dean & Majumdar (2006); Bray & Dean (2007).
Theory: ln P ~ -N² ln(3) / 4 for large random matrices; 1/2, (2 - √2)/4 and (π - 2√2)/(4π) for N = 1, 2, 3. Critical points of a
    function are another matter: on a torus of two dimensions a quarter are minima, by Euler's characteristic.
Errs: "A hundred curvatures of one sign are as unlikely as a hundred coins that fall alike." (S0): Far more unlikely: eigenvalues
    repel each other. For large random symmetric N × N matrices the chance falls like exp(-N² ln(3) / 4).
Scope: The Gaussian orthogonal ensemble, N up to 6.
Looks: Sizes were settled on runs at seed 0, also at full size; the full profile has seed 1 since. Wilson's intervals took the place
    of Clopper and Pearson's, and random fields on a torus, whose share of minima Euler forces, were left out.
"""

import itertools
import math

import numpy as np

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.critical_points.matrices import BLOCK, LARGEST, positive
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, judge, judge_all, wilson_interval

EXACT = {1: 0.5, 2: (2 - math.sqrt(2)) / 4, 3: (math.pi - 2 * math.sqrt(2)) / (4 * math.pi)}
TREND = 4
SIZES = {"quick": {"blocks": 5}, "full": {"blocks": 200, "seed": 1}, "smallest": {"blocks": 2}}
CRITERION = f"""The exact shares for N = {", ".join(map(str, EXACT))} lie inside the 99 % intervals, and the share of positive
matrices that stay so in one more dimension falls from each N to the next, up to N = {TREND}, by 95 % intervals (Wilson). Shown is
that share from N = {TREND} to {TREND + 1}."""


def judged(lab: Lab, coupling: float = 1.0) -> Finding:
    """Counts of positive leading blocks, against exact shares and against each other."""
    counts, draws = positive(lab, coupling).outputs["positive"].sum(axis=0), lab["blocks"] * BLOCK
    bands = [ends(int(counts[size - 1]), draws, level=0.99) for size in EXACT]
    inside = [
        judge(Interval(exact, exact), inside=(float(band.low), float(band.high)))
        for exact, band in zip(EXACT.values(), bands, strict=True)
    ]
    # P(the next pivot is positive too) falls with N, where independent signs would keep it at one half.
    stay = [ends(int(after), int(before)) for before, after in itertools.pairwise(counts[: TREND + 1])]
    falls = [
        judge(Interval(after.low - before.high, after.high - before.low), inside=(-1.0, 0.0))
        for before, after in itertools.pairwise(stay[: TREND - 1])
    ]
    sizes, shares = np.arange(1, LARGEST + 1), counts / draws
    of_all = Estimate(shares, Interval(*wilson_interval(counts, np.full(LARGEST, draws))))
    coins = 0.5**sizes
    return Finding(
        what=f"share of positive matrices that stay so from N = {TREND} to {TREND + 1}",
        shown=Estimate(float(counts[TREND] / counts[TREND - 1]), stay[-1]),
        verdict=judge_all([*inside, *falls]),
        reading=f"Measured {', '.join(f'{share:.4g}' for share in shares)} for N = 1 to {LARGEST}; the exact ones are "
        f"{', '.join(f'{exact:.4g}' for exact in EXACT.values())}.",
        reference={"independent signs": 0.5},
        tables={
            f"Share of {draws} random symmetric matrices that is positive": {
                "N": sizes,
                "measured": of_all,
                "exact": [*(f"{exact:.5f}" for exact in EXACT.values()), *[""] * (LARGEST - len(EXACT))],
                "coin flips": coins,
            }
        },
        figures={
            "Positive matrices are rarer than coins that all fall alike": plots.against(
                sizes, {"positive": of_all, "coin flips": Estimate(coins, Interval(coins, coins))},
                log=True, xlabel="N", ylabel="share of random symmetric matrices",
            )
        },
    )  # fmt: skip


def ends(successes: int, trials: int, level: float = 0.95) -> Interval:
    """Wilson's interval of a share as plain numbers."""
    low, high = wilson_interval(successes, trials, level=level)
    return Interval(float(low), float(high))


def control(lab: Lab) -> Finding:
    """Diagonal matrices, whose signs are independent."""
    return judged(lab, coupling=0.0)

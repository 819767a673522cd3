"""jaxdl's 95 % intervals hold the exact value as often as they say, up to five points.

Source: Modified large samples and noncentral chi-square (Graybill & Wang, 1980), stretched by kurtosis (Bonett, 2006).
Theory: 95 % for normal effects in large designs.
Scope: Sums of independent effects; crossed, nested and independent designs of 3 to 100 levels; test points that move together
    fully, where intervals are hardest, or not at all.
Looks: Judged before at seed 0 by the average over terms, which hid a term at 77 %; the worst term of each arm counts since.
See: CERT7 (the same intervals on other problems).
"""

from typing import Any

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.certify.coverage import DESIGNS, OTHERS, TERMS, Cell, held
from experiments.certify.tools import code_of_jaxdl
from jaxdl import designs, plots
from jaxdl.ensembles import on_host
from jaxdl.statistics import Estimate, Interval, judge, stacked, wilson_interval

LEAST = 0.9
ARMS = {"light tails": ("normal", "uniform"), "skewed": ("exponential", "lognormal"), "heavy tails": ("t3",)}
BATCH = 50
SIZES = {
    "quick": {"batches": 2, "designs": 4, "others": 10},
    "full": {"batches": 40, "designs": 8, "others": 22, "seed": 26},
    "smallest": {"batches": 2, "designs": 2, "others": 1},
}
CRITERION = f"""The share of intervals that hold the exact value is at least {LEAST:.0%} for every term of every study with effects
of light tails (Wilson intervals, Bonferroni over the terms of an arm). Restricted to those if a term of studies with heavy tails
surely holds less often; skewed effects are shown, and not judged. {ARMS}; {BATCH} studies a batch."""


def judged(lab: Lab, factor: float = 1.0) -> Finding:
    """The worst term of each arm, by simultaneous intervals; `factor` times the exact values are looked for."""
    where, elsewhere = "light tails", "heavy tails"
    cells = {
        arm: [Cell(name, levels, law) for law in laws for name, levels in DESIGNS[: lab["designs"]]]
        for arm, laws in ARMS.items()
    }
    cells["light tails"] += OTHERS[: lab["others"]]
    design, code, repetitions = designs.independent(lab["batches"], "batch"), code_of_jaxdl(), lab["batches"] * BATCH

    def counts(cell: Cell) -> Any:
        trial = on_host(lambda seeds: held(cell, BATCH, seeds["batch"], factor), name=f"{cell}, code {code}")
        return lab.run(f"coverage {cell}, {factor:g}", trial, design).outputs

    found = {arm: {str(cell): counts(cell) for cell in each} for arm, each in cells.items()}
    worst: dict[str, tuple[str, Estimate]] = {}
    for arm, of_cell in found.items():
        totals = {
            f"{cell}, {term}": int(count.sum()) for cell, terms in of_cell.items() for term, count in terms.items()
        }
        name = min(totals, key=totals.__getitem__)
        ends = wilson_interval(totals[name], repetitions, level=1 - 0.05 / len(totals))
        worst[arm] = (name, Estimate(totals[name] / repetitions, Interval(*map(float, ends))))
    arms = {arm: judge(each.interval, inside=(LEAST, 1.0)) for arm, (_, each) in worst.items()}
    return Finding(
        what=f"coverage of the worst term, effects of {where}: {worst[where][0]}",
        shown=worst[where][1],
        verdict=restricted(arms[where], arms[elsewhere], f"Effects of {where}."),
        reading="The worst terms hold the exact value in " + "; ".join(
            f"{each.estimate:.1%} of {repetitions} studies ({arm}: {name})" for arm, (name, each) in worst.items()
        ) + ".",
        reference={"bar": LEAST, "nominal": 0.95},
        ends="simultaneous 95 % interval",
        tables={
            f"How often 95 % intervals hold, in per cent of {repetitions} studies: {arm}": {
                "study": list(of_cell),
                **{
                    term: [100 * float(terms[term].sum()) / repetitions if term in terms else np.nan for terms in of_cell.values()]
                    for term in TERMS
                },
            }
            for arm, of_cell in found.items()
        },
        figures={
            "Coverage of the worst term of each kind of effects, simultaneous intervals": plots.rows(
                list(worst), {"worst term": stacked([each for _, each in worst.values()])}, xlabel="share that hold",
                levels={"bar": LEAST, "nominal": 0.95},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """The intervals of other numbers, four times the exact values."""
    return judged(lab, factor=4.0)

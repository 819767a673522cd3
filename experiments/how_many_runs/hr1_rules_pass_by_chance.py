"""Where nothing differs, "both seeds of one procedure better than both of the other" passes once in six, and looking after every
seed, and pooling until the standard error is small, pass more often than the test that they use says.

Source: jaxdl; Armitage, McPherson & Rowe (1969), on repeated significance tests.
Theory: All k runs of one procedure precede all k of the other in 1 of C(2k, k) orders, all equally likely: 1/6, 1/20, 1/70, 1/252.
Scope: Metrics of independent runs with one normal law for both procedures; from 2 to 40 seeds each; a gain is shown where
    the 95 % interval lies above zero.
Looks: At seed 0, 4000 and 20,000 studies, with 0.025 as the bar, which a single t test neither passes nor fails; 0.03 since.
"""

import math

import jax
import numpy as np
from jaxtyping import Float
from scipy import special

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from jaxdl import designs, plots
from jaxdl.statistics import judge, judge_all, share, stacked

MARGIN = 0.01
NOMINAL = 0.025
BAR = 0.03
SIZES = {"quick": {"studies": 50_000}, "full": {"studies": 200_000, "seed": 26}, "smallest": {"studies": 20_000}}
CRITERION = f"""Of two seeds each (shown) the share lies within {MARGIN:g} of 1/6, and the shares of looking after every seed and of
pooling until the standard error is small are above {BAR:g}, where that of a t test is {NOMINAL:g} (95 % Wilson intervals over
studies)."""

MOST, FEW, WANTED, SEEDS = 40, 2, 0.4, (2, 3, 4, 5)
Table = Float[np.ndarray, "studies seeds"]


def tests_of(difference: Table) -> tuple[np.ndarray, Table]:
    """After the first 2, 3, ... seeds: whether the second procedure is better by a paired t test, and the standard error."""
    count = np.arange(1, difference.shape[1] + 1)
    mean = difference.cumsum(axis=1) / count
    square = np.maximum((difference**2).cumsum(axis=1) - count * mean**2, 0)[:, 1:] / (count[1:] - 1)
    error = np.sqrt(square / count[1:])
    return mean[:, 1:] > special.stdtrit(count[1:] - 1, 1 - NOMINAL) * error, error


def judged(lab: Lab, looks: int = MOST) -> Finding:
    """The same metrics under every rule; `looks` is the last number of seeds before which one looks and may stop."""
    design = designs.independent(lab["studies"], "study")
    runs = lab.run("metrics", lambda keys: jax.random.normal(keys["study"], (2, MOST)), design)
    first, second = np.moveaxis(runs.outputs.astype(np.float64), 1, 0)
    ordered = {k: share(second[:, :k].min(axis=1) > first[:, :k].max(axis=1)) for k in SEEDS}
    is_better, error = tests_of(second - first)
    at = np.where(error <= WANTED, np.arange(MOST - 1), MOST - 2).min(axis=1) if looks > FEW else looks - 2
    rules = {
        "all of 2 better than all of 2": ordered[2],
        "2 seeds, one t test": share(is_better[:, 0]),
        f"a t test after every seed, up to {MOST}": share(is_better[:, : looks - 1].any(axis=1)),
        f"pooled until the standard error is {WANTED:g}, then one": share(is_better[np.arange(len(first)), at]),
    }
    exact = [1 / math.comb(2 * k, k) for k in SEEDS]
    shown, _, peeking, pooled = rules.values()
    return Finding(
        what="share of studies in which both seeds of the second procedure are better than both of the first",
        shown=shown,
        verdict=judge_all(
            [
                judge(shown.interval, inside=(exact[0] - MARGIN, exact[0] + MARGIN)),
                *(judge(each.interval, inside=(BAR, 1.0)) for each in (peeking, pooled)),
            ]
        ),
        reading="Where nothing differs, " + "; ".join(f"{name}: {each.estimate:.2%}" for name, each in rules.items()),
        theory=exact[0],
        reference={"of a t test": NOMINAL, "bar": BAR},
        ends="95 % Wilson interval",
        tables={
            "All of k better than all of k": {
                "k": list(SEEDS),
                "enumerated": exact,
                "measured": stacked(ordered.values()),
            },
            "Rules where nothing differs": {"rule": list(rules), "passes": stacked(rules.values())},
        },
        figures={
            "Common rules see a gain where there is none, some of them far more often than they say": plots.rows(
                list(rules),
                {"share of studies": stacked(rules.values())},
                levels={"level": NOMINAL},
                xlabel="passes by chance",
            )
        },
    )


def control(lab: Lab) -> Finding:
    """One look alone, after two seeds, at which nothing is pooled."""
    return judged(lab, looks=FEW)

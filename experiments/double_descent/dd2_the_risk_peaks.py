"""The risk peaks where parameters meet examples, and falls again beyond.

Source: Belkin, Hsu, Ma & Mandal (2019); Belkin, Hsu & Xu (2020).
Textbook: UDL 8.4.
Theory: In the linear model the risk is infinite for n - 1 <= p <= n + 1.
Scope: n = 40; Gaussian features, and random features of one teacher network; minimum norm.
Looks: Sizes were chosen on pilot runs, and full runs were made at seed 0; the full profile has seed 1 since.
"""

import numpy as np

from experiments.book.finding import Finding, each_term, terms_of
from experiments.book.lab import Lab
from experiments.double_descent import features, linear
from experiments.double_descent.linear import GAP, N
from jaxdl import plots
from jaxdl.decomposition import Decomposition
from jaxdl.decomposition.derive import Derived
from jaxdl.statistics import judge, judge_all

LEAST = 0.0
SIZES = {
    "quick": {"linear_inputs": 256, "linear_labels": 16, "inputs": 32, "init": 16, "labels": 8},
    "full": {"linear_inputs": 2048, "linear_labels": 32, "inputs": 96, "init": 32, "labels": 16, "seed": 1},
    "smallest": {"linear_inputs": 24, "linear_labels": 4, "inputs": 12, "init": 4, "labels": 3},
}
CRITERION = f"""Of minimum norm, the linear model and random features alike: the risk at n - 5 exceeds that at n/2, and the risk at
n + 5 that at the largest p. Each paired difference has its 95 % interval above {LEAST:g}; the lowest is shown."""

PAIRS = {"before": (N - GAP, N // 2), "beyond": (N + GAP, -1)}


def judged(lab: Lab, strength: float = 0.0) -> Finding:
    """Two studies, two paired differences of each."""
    studies = {
        "linear model": (linear.linear(lab, lab["linear_inputs"], lab["linear_labels"], strength), linear.P),
        "random features": (features.features(lab, strength), features.P),
    }
    falls: dict[str, Derived] = {}
    for name, (result, sizes) in studies.items():
        for side, (near, far) in PAIRS.items():
            falls[f"{name}, {side}"] = _fall(result, sizes, near, int(sizes[-1]) if far < 0 else far)
    least = min(falls, key=lambda name: float(falls[name].interval.low))
    risks = {name: each_term({"risk": result}, "risk") for name, (result, _) in studies.items()}
    return Finding(
        what=f"difference of the risks, {least} the peak",
        shown=falls[least],
        verdict=judge_all([judge(fall.interval, inside=(LEAST, np.inf)) for fall in falls.values()]),
        reading="; ".join(f"{name} the peak the risk differs by {fall.estimate:.3g}" for name, fall in falls.items())
        + ".",
        reference={"no peak": 0.0},
        tables={f"Risk of the {name} ± s.e.": {"p": sizes, **risks[name]} for name, (_, sizes) in studies.items()},
        figures={
            f"Risk against p, {name}: it peaks at n = {N} and falls again": plots.against(
                sizes[np.abs(sizes - N) >= GAP],
                terms_of(result, {"risk": "risk"}, at=np.abs(sizes - N) >= GAP),
                log=True,
                xlabel="p, features in use",
                ylabel="risk",
            )
            for name, (result, sizes) in studies.items()
        },
    )


def control(lab: Lab) -> Finding:
    """Ridge regression, whose penalty removes the peak."""
    return judged(lab, strength=20.0)


def _fall(result: Decomposition, sizes: np.ndarray, near: int, far: int) -> Derived:
    high, low = list(sizes).index(near), list(sizes).index(far)
    return result.derive(lambda t: t["risk"][high] - t["risk"][low])

"""The risk of the fit of minimum norm peaks where parameters meet examples, and falls again beyond.

Says: As capacity grows past interpolation the test error falls a second time.
Source: Belkin, Hsu, Ma & Mandal (2019); Belkin, Hsu & Xu (2020); long before, Opper et al. (1990): see Loog et al. (2020).
Textbook: UDL 8.4.
Theory: In the linear model the risk is infinite for n - 1 <= p <= n + 1. Asymptotics: Hastie et al. (2022), Mei & Montanari (2022).
Scope: n = 40; Gaussian features, and random features of one teacher network; minimum norm. Not with a penalty, and not where the
    features beyond the first few tell nothing: both are controls.
Looks: Sizes were chosen on pilot runs, and full runs were made at seeds 0 and 1. They compared risks 5 before n and 5 beyond it
    with others, where errors are too small, and did not ask where the peak is; no control refuted the fall. Settled at seed 0.
"""

from functools import partial
from typing import Any

import numpy as np

from experiments.book.finding import Finding, each_term
from experiments.book.lab import Lab
from experiments.double_descent import features, linear
from experiments.double_descent.linear import GAP, N, at_the_peak, risks_by_inputs
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, Verdict, bootstrap_interval, judge, judge_all

NEAR = 2
LEAST = 0.0
SIZES = {
    "quick": {"linear_inputs": 128, "linear_labels": 16, "inputs": 16, "init": 16, "labels": 8},
    "full": {"linear_inputs": 2048, "linear_labels": 32, "inputs": 96, "init": 32, "labels": 16, "seed": 26},
    "smallest": {"linear_inputs": 24, "linear_labels": 4, "inputs": 12, "init": 4, "labels": 3},
}
CRITERION = f"""Of minimum norm, the linear model and random features alike: the median over inputs of the risk is highest within
{NEAR} of p = n (95 % bootstrap interval over inputs; random features are shown); the risk at n - {GAP} exceeds that at n/2, and the
risk at n + {GAP} that at the largest p (each paired difference has its 95 % interval above {LEAST:g})."""

PAIRS = {"before": (N - GAP, N // 2), "beyond": (N + GAP, -1)}


def judged(lab: Lab, strength: float = 0.0, **truth: Any) -> Finding:
    """Two studies; of each the peak's place and two paired differences. `truth` is that of the linear model."""
    studies = {
        "linear model": (linear.linear(lab, lab["linear_inputs"], lab["linear_labels"], strength, **truth), linear.P),
        "random features": (features.features(lab, strength), features.P),
    }
    falls, places, medians = {}, {}, {}
    for name, (result, sizes) in studies.items():
        for side, (near, far) in PAIRS.items():
            pair = list(sizes).index(near), -1 if far < 0 else list(sizes).index(far)
            falls[f"{name}, {side}"] = result.derive(partial(_fall, pair=pair))
        risks = risks_by_inputs(result)

        def median_and_place(rows: np.ndarray, sizes: np.ndarray = sizes) -> np.ndarray:
            median = np.median(rows, axis=0)
            return np.array([*median, sizes[median.argmax()]])

        ends = bootstrap_interval(risks, statistic=median_and_place, num_resamples=2000, seed=lab["seed"])
        low, high = map(np.asarray, ends)
        medians[name] = Estimate(np.median(risks, axis=0), Interval(low[:-1], high[:-1]))
        places[name] = Estimate(
            float(sizes[medians[name].estimate.argmax()]), Interval(float(low[-1]), float(high[-1]))
        )
    parts = [judge(fall.interval, inside=(LEAST, np.inf)) for fall in falls.values()]
    parts += [judge(place.interval, inside=(N - NEAR, N + NEAR)) for place in places.values()]
    risk = each_term({name: result for name, (result, _) in studies.items()}, "risk")
    exact = {} if truth or strength else {"linear model": [linear.exact_terms()["risk"]]}
    return Finding(
        what="p at which the median risk of random features is highest",
        shown=places["random features"],
        verdict=judge_all(parts),
        reading="; ".join(
            f"{name}: highest at p = {place.estimate:g} [{place.interval.low:g}, {place.interval.high:g}]; the mean is higher by "
            f"{falls[f'{name}, before'].estimate:.3g} at n - {GAP} than at n/2, by {falls[f'{name}, beyond'].estimate:.3g} at "
            f"n + {GAP} than at the last p"
            for name, place in places.items()
        )
        + ".",
        reference={"p = n": float(N), "lower bar": float(N - NEAR), "upper bar": float(N + NEAR)},
        ends="95 % interval on the grid of p",
        tables={
            f"Risk of the {name}": {"p": sizes, "mean": risk[name], "median over inputs": medians[name]}
            for name, (_, sizes) in studies.items()
        },
        figures={
            f"Median risk over inputs, {name}: it peaks at n = {N} and falls again": at_the_peak(
                plots.against(sizes, {"median": medians[name]}, log=True, xlabel="p, features in use", ylabel="risk"),
                exact.get(name, []), label="exact mean",
            )
            for name, (_, sizes) in studies.items()
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Two, of which the first that is not refuted is given: a penalty; and a truth of few features, nearly free of noise."""
    penalized, few = judged(lab, strength=20.0), judged(lab, num_used=N // 2, noise_std=0.05)
    return few if penalized.judgement.verdict == Verdict.REFUTED else penalized


def _fall(t: Any, pair: tuple[int, int]) -> Any:
    return t["risk"][pair[0]] - t["risk"][pair[1]]

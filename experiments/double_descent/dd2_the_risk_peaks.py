"""The risk peaks where parameters meet examples, and falls again beyond.

Says: As capacity grows past interpolation the test error falls a second time.
Source: Belkin, Hsu, Ma & Mandal (2019); Belkin, Hsu & Xu (2020); long before them Opper (1995); its history: Loog et al. (2020).
Textbook: UDL 8.4.
Theory: In the linear model the risk is infinite for n - 1 <= p <= n + 1. Asymptotics: Hastie et al. (2022), Mei & Montanari (2022).
Scope: n = 40; Gaussian features, and random features of one teacher network; minimum norm. Not with a penalty, and not where the
    features beyond the first few tell nothing: both are controls.
Looks: Sizes were chosen on pilot runs, and full runs were made at seeds 0 and 1. They compared risks 5 before n and 5 beyond it
    with others, where errors are too small, and did not ask where the peak is; no control refuted the fall. Settled at seed 0.
"""

from typing import Any

import numpy as np

from experiments.book.finding import Finding, each_term, terms_of
from experiments.book.lab import Lab
from experiments.double_descent import features, linear
from experiments.double_descent.linear import GAP, N, at_the_peak, risks_by_inputs
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, Verdict, bootstrap_interval, judge, judge_all

NEAR = 2
LEAST = 0.0
SIZES = {
    "quick": {"linear_inputs": 256, "linear_labels": 16, "inputs": 32, "init": 16, "labels": 8},
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
            falls[f"{name}, {side}"] = result.derive(lambda t, at=pair: t["risk"][at[0]] - t["risk"][at[1]])
        risks = risks_by_inputs(result)
        medians[name] = np.median(risks, axis=0)
        ends = bootstrap_interval(
            risks,
            statistic=lambda rows, sizes=sizes: sizes[np.median(rows, axis=0).argmax()],
            num_resamples=2000,
            seed=lab["seed"],
        )
        places[name] = Estimate(float(sizes[medians[name].argmax()]), Interval(*map(float, ends)))
    parts = [judge(fall.interval, inside=(LEAST, np.inf)) for fall in falls.values()]
    parts += [judge(place.interval, inside=(N - NEAR, N + NEAR)) for place in places.values()]
    risk = {name: each_term({"risk": result}, "risk")["risk"] for name, (result, _) in studies.items()}
    is_known = {"linear model": {"risk": linear.exact_terms()["risk"]}}
    return Finding(
        what="p at which the median risk of random features is highest",
        shown=places["random features"],
        verdict=judge_all(parts),
        reading="; ".join(
            f"{name}: highest at p = {place.estimate:g} [{place.interval.low:g}, {place.interval.high:g}], where the median is "
            f"{medians[name].max():.3g}; the mean falls from n - {GAP} to n/2 by {falls[f'{name}, before'].estimate:.3g}, and from "
            f"n + {GAP} to the last p by {falls[f'{name}, beyond'].estimate:.3g}"
            for name, place in places.items()
        )
        + ".",
        reference={"p = n": float(N), "lower bar": float(N - NEAR), "upper bar": float(N + NEAR)},
        ends="95 % interval on the grid of p",
        tables={
            f"Risk of the {name}: mean ± s.e., median over inputs": {"p": sizes, "mean": risk[name], "median": medians[name]}
            for name, (_, sizes) in studies.items()
        },
        figures={
            f"Risk against p, {name}: it peaks at n = {N} and falls again": at_the_peak(
                plots.against(
                    sizes[np.abs(sizes - N) >= GAP], terms_of(result, {"risk": "risk"}, at=np.abs(sizes - N) >= GAP),
                    log=True, xlabel="p, features in use", ylabel="risk",
                ),
                None if truth or strength else is_known.get(name),
            )
            for name, (result, sizes) in studies.items()
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Two: a penalty, which removes the peak; and a truth of the first features alone, nearly free of noise, where more only
    shrink it. The second, if the first is refuted.
    """
    penalized, few = judged(lab, strength=20.0), judged(lab, num_used=N // 2, noise_std=0.05)
    return few if penalized.judgement.verdict == Verdict.REFUTED else penalized

"""Where bias dominates, more data remove no more than the variance, and more capacity removes more.

Says: Where the bias is large, more data do not help.
Source: S1 and S4: do not collect data for a model that is poor on its training set.
Textbook: ESL 7.3.
Theory: Where bias² does not depend on n, data remove the variance's fall, 7/8 of it to first order for 8 times the data. A ridge
    of fixed strength λ shrinks by λ/(λ + n): its bias is what data remove.
Errs: "Where the bias is large, more data do not help." (S1 and S4): They remove what variance there is; and where the learner
    follows more data more closely, as under a penalty of fixed strength, they remove the bias too.
Scope: One curve with noise 0.3, polynomials, 40 and 320 examples.
Looks: Sizes were settled at seed 0, and a full run was made at seed 1, with one arm and a bar of 20 % of what capacity gains. A
    referee then found that this ratio could not exceed 6 %, and that the claim fails for a ridge of fixed strength. The bar is
    all of the variance since, and that ridge the second arm; settled at seed 0.
See: K008 (the same ridge of fixed strength: its bias² must fall with the data, that of least squares must not)
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.data_size.capacity import EXAMPLES, TIMES, arms
from experiments.data_size.curve import FIXED_STRENGTH
from jaxdl import plots
from jaxdl.statistics import Verdict, judge, judge_all, stacked

BAR = 1.0
DOMINATES = 0.8
SIZES = {"quick": {"runs": 512}, "full": {"runs": 4096, "seed": 26}, "smallest": {"runs": 96}}
CRITERION = f"""At n = {EXAMPLES}, where bias² is above {DOMINATES:.0%} of the error above the noise: {TIMES} x the data lower the
risk by less than {BAR:g} times the variance (the ratio is shown), and two degrees more lower it further (95 % intervals, paired by
data set). Two arms: a line whose penalty per example is tuned, and a cubic whose penalty of {FIXED_STRENGTH:g} does not grow with
n. Restricted when this holds in the first and one of it is refuted in the second."""

ARMS = ("as it is", f"{TIMES} x the data", "2 degrees more")
CONDITION = "For a learner whose bias does not depend on n; under a penalty of fixed strength data remove the bias."
OWN: Mapping[str, tuple[int, float | None]] = {
    "line, tuned per example": (1, None),
    "cubic, fixed strength": (3, FIXED_STRENGTH),
}


def judged(lab: Lab, own: Mapping[str, tuple[int, float | None]] = OWN) -> Finding:
    """Each learner as it is, with more data and with more capacity; the first is the one of which the claim is made."""
    results = {name: arms(lab, degree, strength) for name, (degree, strength) in own.items()}
    words = [
        f"{name}: bias² {r.bias_squared[0]:.4f} and variance {r.total_variance[0]:.4f}; {TIMES} x the data leave bias² "
        f"{r.bias_squared[1]:.4f}; the risk {r.risk[0]:.4f} becomes {r.risk[1]:.4f} by data, {r.risk[2]:.4f} by capacity"
        for name, r in results.items()
    ]
    where, elsewhere = map(_verdict, results.values())
    parts = {
        label: stacked(
            r.at(setting=row).derive(lambda t, term=term: t[term]) for r in results.values() for row in range(3)
        )
        for label, term in {"bias²": "bias_squared", "variance": "total_variance", "risk": "risk"}.items()
    }
    rows = [f"{name}, {arm}" for name in own for arm in ARMS]
    return Finding(
        what=f"gain of {ARMS[1]} as a multiple of the variance, {next(iter(own))}",
        shown=next(iter(results.values())).derive(_gain),
        verdict=restricted(where, elsewhere, CONDITION),
        reading="; ".join(words) + ".",
        means="More data do help where bias dominates: by the variance that there is, and by the bias where it depends on n.",
        reference={"to first order": 1 - 1 / TIMES, "bar": BAR},
        tables={"What each arm has, 95 % intervals": {"arm": rows, **parts}},
        figures={
            "Data remove the bias of a ridge of fixed strength, and only the variance of a line": plots.rows(
                rows, {name: parts[name] for name in ("bias²", "variance")}, xlabel="part of the risk above the noise"
            )
        },
    )


def control(lab: Lab) -> Finding:
    """A ridge of fixed strength in both arms: bias dominates, and the claim is false."""
    return judged(lab, {"cubic": (3, FIXED_STRENGTH), "cubic, again": (3, FIXED_STRENGTH)})


def _gain(t: Mapping[Any, Any]) -> Any:
    return (t["risk"][0] - t["risk"][1]) / t["total_variance"][0]


def _verdict(result: Any) -> Verdict:
    """Of one learner; inconclusive where bias does not surely dominate, so that the claim says nothing."""
    share = result.derive(lambda t: t["bias_squared"][0] / (t["bias_squared"][0] + t["total_variance"][0]))
    if judge(share.interval, inside=(DOMINATES, 1.0)) != Verdict.SUPPORTED:
        return Verdict.INCONCLUSIVE
    further = result.derive(lambda t: t["risk"][1] - t["risk"][2])
    return judge_all(
        [judge(result.derive(_gain).interval, inside=(-np.inf, BAR)), judge(further.interval, inside=(0.0, np.inf))]
    )

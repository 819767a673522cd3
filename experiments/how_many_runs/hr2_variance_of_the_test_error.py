"""Over the seeds of a network that tells two classes apart, the variance of the test error is half the error over the number of
test points, and two seeds disagree as often as one is wrong.

Says: The variance is that of a finite test set; hardly any would remain with infinitely many points.

Source: Jordan (2023), arXiv 2304.01910; Jiang, Nagarajan, Baek & Kolter (2022), arXiv 2106.13799.
Theory: With votes q of the seeds at a point, calibrated and independent between points: the error is E 2q(1 - q), which is the
    disagreement, and the variance E q(1 - q)/n.
Scope: Digits, even or odd; 200 for training, a network of 32 hidden units, 300 steps of Adam; initial weights and order by seed.
Looks: At seed 0, 24 seeds, where one seed gave the labels of all points; each point has one of its own since. Then 100 seeds.
See: HR1 (what a test of seeds says where nothing differs)
"""

import numpy as np
from jaxtyping import Int

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.how_many_runs.digits import predictions
from jaxdl import plots
from jaxdl.decomposition import Derived, derive, disagreement, metric
from jaxdl.statistics import Verdict, judge, judge_all, stacked

RATIO = (0.75, 1.33)
GAP = 0.01
SIZES = {
    "quick": {"seeds": 100, "sealed": False},
    "full": {"seeds": 500, "sealed": True, "seed": 26},
    "smallest": {"seeds": 24},
}
CRITERION = f"""The variance of the test error times the number of test points, over half the error, lies within {RATIO} (shown),
and the gap of disagreement and error within ±{GAP:g} (95 % jackknife intervals). Restricted when that holds where the label of each
point is what another seed predicts, so that votes are calibrated, and is refuted for the labels of the digits."""
CONDITION = "Where the votes of the seeds are calibrated."

Arm = tuple[Derived, Derived, Derived, Derived]


def arm_of(votes: Int[np.ndarray, "seeds points"], labels: Int[np.ndarray, " points"]) -> Arm:
    """The ratio, the distribution-wise variance from two halves of the points in parts of the variance, the gap, and the error."""
    is_wrong = votes != labels
    half = is_wrong.shape[1] // 2
    first, second = is_wrong[:, :half].mean(axis=1), is_wrong[:, half : 2 * half].mean(axis=1)
    results = [metric(each, factors=("seed",)) for each in (first + second, first, second)]
    found = metric(is_wrong, factors=("seed",), dims=("points",))
    ratio = found.derive(lambda terms: 2 * is_wrong.shape[1] * terms["total_variance"] / terms["mean"])

    def of_halves(both: dict, one: dict, two: dict) -> float:
        shared = (both["total_variance"] - one["total_variance"] - two["total_variance"]) / 2
        return 4 * shared / both["total_variance"]  # the error is half of the sum of both

    gaps = disagreement(votes, labels, factors=("seed",))
    return ratio, derive(of_halves, *results), gaps.gap, gaps.error


def verdict_of(arm: Arm) -> Verdict:
    """On both parts of the criterion."""
    return judge_all([judge(arm[0].interval, inside=RATIO), judge(arm[2].interval, inside=(-GAP, GAP))])


def judged(lab: Lab, flip: float = 0.0) -> Finding:
    """By the digits' labels, and by those of other seeds; a share of these may be flipped, which no vote knows."""
    votes, labels = predictions(lab)
    others, votes = np.split(votes, [len(votes) // 5])
    generator, points = lab.generator("labels"), np.arange(len(labels))
    drawn = others[generator.integers(len(others), size=len(points)), points]
    drawn = np.where(generator.random(len(points)) < flip, 1 - drawn, drawn)
    arms = {"labels of other seeds": arm_of(votes, drawn), "labels of the digits": arm_of(votes, labels)}
    ratios, shares, gaps, errors = (stacked(each) for each in zip(*arms.values(), strict=True))
    where, elsewhere = map(verdict_of, arms.values())
    shown = arms["labels of the digits"][0]
    return Finding(
        what="variance of the test error times the number of test points, over half the error, labels of the digits",
        shown=shown,
        verdict=restricted(where, elsewhere, CONDITION),
        reading=f"The ratio is {shown.estimate:.2f} for the digits and {ratios.estimate[0]:.2f} for labels of other seeds; seeds "
        f"disagree less often than they are wrong by {-gaps.estimate[1]:.2%} and {-gaps.estimate[0]:.2%}. Of the variance "
        f"{shares.estimate[1]:.0%} and {shares.estimate[0]:.0%} are shared by two halves of the test set.",
        reference={"calibrated": 1.0},
        ends="95 % jackknife interval",
        tables={
            "Test error over seeds": {
                "labels": list(arms), "error": errors, "ratio": ratios, "share beyond the test set": shares,
                "disagreement less error": gaps,
            }
        },
        figures={
            "The variance of the test error beside half the error, over the number of test points": plots.rows(
                list(arms), {"ratio": ratios}, levels={"calibrated": 1.0}, xlabel="ratio"
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Labels of which three in ten are flipped: neither arm is calibrated."""
    return judged(lab, flip=0.3)

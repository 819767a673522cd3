"""Noise is a floor that no learner gets below; label noise raises the floor by its variance.

Source: S1 and S4, on the Bayes error; Goodfellow, Bengio & Courville (2016), section 5.4.
Textbook: Deep Learning 5.2, UDL 8.2.
Theory: The Bayes risk is σ²; variance adds its share, so that the slope of the best learner exceeds 1.
Scope: One curve with noise 0.3 at fixed, even inputs.
Looks: Full runs were made at seed 0, that of the quick profile; the full profile has seed 1 since.
"""

import numpy as np

from experiments.bias_variance.polynomials import MAX_DEGREE, NUM_EXAMPLES, polynomials
from experiments.book.finding import Finding
from experiments.book.lab import Lab
from jaxdl import plots
from jaxdl.statistics import Estimate, Verdict, judge, judge_all, mean_interval, means, slope, slope_interval

SLOPE = 1.0
SIZES = {"quick": {"runs": 1000}, "full": {"runs": 10_000, "seed": 1}, "smallest": {"runs": 200}}
CRITERION = f"""Noise 0, 0.1, 0.3 and 1: of all degrees and the true mean itself, none has an interval of its test risk below σ²
(95 %, Bonferroni over all), and the risk of the best degree, chosen on other runs, rises with σ² with a slope of at least
{SLOPE:g} (95 % bootstrap interval)."""

LEVELS = (0.0, 0.1, 0.3, 1.0)
DEGREES = range(MAX_DEGREE + 1)


def judged(lab: Lab, floor: float = 1.0) -> Finding:
    """All degrees at all levels of noise; the floor is so many times the noise."""
    settings = [(degree, NUM_EXAMPLES, std) for std in LEVELS for degree in DEGREES]
    runs = polynomials(lab, "noise", settings, lab["runs"])
    test, oracle = (
        np.asarray(runs.aux[name], float).reshape(len(LEVELS), len(DEGREES), -1) for name in ("test", "oracle")
    )
    variances = np.square(LEVELS)
    select, report = np.split(test, 2, axis=-1)
    best = select.mean(axis=-1).argmin(axis=-1)
    tuned = np.stack([report[row, degree] for row, degree in enumerate(best)], axis=-1)  # runs, noise levels
    interval = slope_interval(variances, tuned, num_resamples=1000, seed=lab["seed"])
    measured = float(slope(variances, tuned.mean(axis=0)))
    # The oracle, which knows the mean, stands beside the learners.
    risks = np.concatenate([report, np.split(oracle, 2, axis=-1)[1][:, :1]], axis=1)
    highs = np.asarray(
        mean_interval(np.moveaxis(risks, -1, 0), level=1 - 0.05 / (risks.shape[0] * risks.shape[1])).high
    )
    below = int((highs < floor * variances[:, None] * (1 - 1e-6)).sum())
    rows = {"best degree": means(tuned.T), "the true mean": means(risks[:, -1])}
    return Finding(
        what="slope of the risk of the best degree against the variance of the noise",
        shown=Estimate(measured, interval),
        verdict=judge_all(
            [Verdict.REFUTED if below else Verdict.SUPPORTED, judge(interval, inside=(SLOPE, np.inf))]
        ),
        reading=f"{below} of {highs.size} intervals lie below the floor; the best risk rises by {measured:.3f} for each unit of "
        "noise variance: the floor itself and the variance that noise causes.",
        reference={"of the floor": 1.0},
        tables={"Test risk ± s.e.": {"noise variance": variances, "degree chosen": best, **rows}},
        figures={
            "The risk of the best learner lies above the floor and rises faster": plots.against(
                variances[1:],
                {"best degree": means(tuned.T[1:]), "the true mean": means(risks[1:, -1])},
                log=True, xlabel="variance of the label noise", ylabel="test risk",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A floor twice as high."""
    return judged(lab, floor=2.0)

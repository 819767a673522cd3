"""Noise is a floor that no learner gets below; label noise raises the floor by its variance.

Says: Noise is the floor of the error, which no learner gets below.
Source: S1 and S4, on the Bayes error; Goodfellow, Bengio & Courville (2016), section 5.4.
Textbook: Deep Learning 5.2, UDL 8.2.
Theory: The Bayes risk on noisy labels is σ², on clean ones 0: what a learner has above it is its error against the truth. So the
    first arm is a theorem; the second is of the best degree, as the floor on clean labels is 0 by definition. Least
    squares has variance in proportion to σ² besides, so that the slope of the best learner exceeds 1 on noisy labels.
Scope: One curve at fixed, even inputs, 40 examples, noise 0 to 1 in the training labels; polynomials of degree 0 to 12.
Looks: Full runs were made at seeds 0 and 1. They showed the slope of the best learner, 1.10, beside a theory of 1 for the floor.
    The floor's own slope took its place, with labels that are clean in the test as the second arm; settled at seed 0.
"""

import numpy as np

from experiments.bias_variance.polynomials import MAX_DEGREE, NUM_EXAMPLES, excess, polynomials
from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, Verdict, judge, judge_all, means, slope, slope_interval, stacked

MARGIN = 0.02
SIZES = {"quick": {"runs": 1000}, "full": {"runs": 10_000, "seed": 26}, "smallest": {"runs": 200}}
CRITERION = f"""Noise 0, 0.1, 0.3 and 1 in the training labels: the risk of the true mean itself, on test labels with the same
noise, rises with σ² at a slope within {MARGIN:.0%} of 1 (95 % bootstrap interval), and every degree has a higher risk on the same
labels wherever there is noise (paired 95 % intervals, Bonferroni). Restricted when this holds, and the risk of the best degree on
clean test labels, chosen on other runs, rises at another slope."""

LEVELS = (0.0, 0.1, 0.3, 1.0)
DEGREES = range(MAX_DEGREE + 1)
CONDITION = (
    "Where the test labels are noisy too. On clean ones the floor stays at zero, and label noise adds variance alone."
)


def judged(lab: Lab, floor: float = 1.0) -> Finding:
    """All degrees at all levels of noise; the floor is so many times the noise."""
    settings = [(degree, NUM_EXAMPLES, std) for std in LEVELS for degree in DEGREES]
    runs = polynomials(lab, "noise", settings, lab["runs"])
    shape, variances = (len(LEVELS), len(DEGREES), -1), np.square(LEVELS)
    test, oracle = (np.asarray(runs.aux[name], float).reshape(shape) for name in ("test", "oracle"))
    of_floor, clean = oracle[:, 0], excess(runs.outputs).reshape(shape)  # all degrees have the same test labels

    above = means((test - oracle)[1:], level=1 - 0.05 / (len(LEVELS[1:]) * len(DEGREES)))
    ends = zip(np.ravel(above.interval.low), np.ravel(above.interval.high), strict=True)
    higher = [judge(Interval(*each), inside=(0.0, np.inf)) for each in ends]
    select, report = np.split(test, 2, axis=-1)
    best = select.mean(axis=-1).argmin(axis=-1)
    tuned, cleanly = (
        np.stack([each[row, degree] for row, degree in enumerate(best)])
        for each in (report, np.split(clean, 2, axis=-1)[1])
    )
    slopes = {
        name: Estimate(
            float(slope(variances, each.mean(axis=1))),
            Interval(*map(float, slope_interval(variances, each.T, num_resamples=1000, seed=lab["seed"]))),
        )
        for name, each in {
            "the true mean, noisy labels": of_floor / floor,
            "best degree, noisy labels": tuned,
            "best degree, clean labels": cleanly,
        }.items()
    }
    around, clean_slope = (1 - MARGIN, 1 + MARGIN), slopes["best degree, clean labels"]
    of_oracle = judge(slopes["the true mean, noisy labels"].interval, inside=around)
    columns = {
        "best degree": means(tuned),
        "the true mean": means(of_floor),
        "best degree, clean labels": means(cleanly),
    }
    return Finding(
        what="slope of the risk of the true mean against the variance of the noise",
        shown=slopes["the true mean, noisy labels"],
        verdict=restricted(judge_all([of_oracle, *higher]), judge(clean_slope.interval, inside=around), CONDITION),
        reading=f"The floor rises by {slopes['the true mean, noisy labels'].estimate:.3f} for each unit of noise variance, the "
        f"best learner by {slopes['best degree, noisy labels'].estimate:.3f}, on clean labels by {clean_slope.estimate:.3f}, its "
        f"variance. Of {len(higher)} learners at a level of noise {higher.count(Verdict.SUPPORTED)} surely lie above the floor.",
        theory=1.0 / floor,
        reference={"lower bar": around[0], "upper bar": around[1]},
        tables={
            "Risk ± s.e.": {"noise variance": variances, "degree chosen": best, **columns},
            "Slopes against the variance of the noise": {"risk of": list(slopes), "slope": stacked(slopes.values())},
        },
        figures={
            "Label noise raises the floor where the test labels are noisy too": plots.against(
                variances[1:], {name: means(each[1:]) for name, each in zip(columns, (tuned, of_floor, cleanly), strict=True)},
                log=True, xlabel="variance of the label noise", ylabel="risk",
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A floor twice as high."""
    return judged(lab, floor=2.0)

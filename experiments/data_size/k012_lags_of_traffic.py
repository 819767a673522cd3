"""For a forecast of daily traffic, 7 past days are better than 1 and 28 better than 7; 56 are no better than 28.

Source: S3, whose 54 days are probably 56; its series is not supplied.
Theory: A weekly pattern that stays is better known from 8 weeks than from 4; estimating 28 more weights costs about 28/n of the
    squared error, which the penalty reduces.
Errs: "Lags of 1, 7, 28 and 54 days are compared." (S3): Whole weeks are: 1, 7, 28 and, very likely, 56 days.
Scope: Generated series of one to three years: a trend, a weekly pattern that stays or drifts, autoregressive noise of order two.
Looks: The sizes of the studies were settled at seed 0; the full profile has seed 1.
"""

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.data_size.traffic import LAGS, YEARS, autoregression
from jaxdl import designs, plots, statistics
from jaxdl.statistics import Estimate, Interval, Verdict, judge, judge_all, judge_test

MARGIN = 0.02
SIZES = {"quick": {"series": 64}, "full": {"series": 512, "seed": 1}, "smallest": {"series": 12}}
CRITERION = f"""For 1 to 3 years and both drifts of the weekly pattern, linear autoregression has a lower mean absolute error
with 7 than with 1 and with 28 than with 7 lags (paired t tests of logarithms over series, Holm, p < 0.01), and that of 56 is
within {MARGIN:.0%} of that of 28 (two one-sided tests, Holm, 5 %; the ratio farthest from one is shown). Restricted when all of it
holds where the pattern drifts, and the last is refuted where it stays. All tune a ridge penalty on the last fifth of the
training days."""

DRIFTS = (0.0, 0.3)
CELLS = [(drift, years) for drift in DRIFTS for years in YEARS]


def judged(lab: Lab, period: int = 7) -> Finding:
    """The same series for all numbers of lags, so that errors are compared in pairs."""
    drift, years, lags = np.meshgrid(DRIFTS, YEARS, LAGS, indexing="ij")
    settings = {"drift": drift.ravel().astype(np.float32), "years": years.ravel(), "lags": lags.ravel()}
    design = designs.independent(lab["series"], "data")
    runs = lab.run("traffic", autoregression(period), design, settings=settings, block=16)
    errors = runs.outputs.astype(float).reshape(len(CELLS), len(LAGS), -1)

    logs, margin = np.log(errors), float(np.log1p(MARGIN))
    tests = [(cell, shorter) for cell in range(len(CELLS)) for shorter in (0, 1)]
    helps = statistics.holm(
        np.array([statistics.paired_t_test(logs[cell, shorter], logs[cell, shorter + 1]) for cell, shorter in tests])
    )
    hurts = statistics.holm(
        np.array([statistics.paired_t_test(logs[cell, shorter + 1], logs[cell, shorter]) for cell, shorter in tests])
    )
    differences = logs[:, 3] - logs[:, 2]
    same = statistics.holm(np.array([statistics.equivalence_test(row, margin=margin) for row in differences]))
    intervals = [
        Interval(*map(float, statistics.mean_interval(row, level=1 - 0.05 / len(CELLS)))) for row in differences
    ]
    parts: dict[bool, list[Verdict]] = {True: [], False: []}
    for (cell, _), better, worse in zip(tests, helps, hurts, strict=True):
        parts[CELLS[cell][0] > 0].append(judge_test(better, worse))
    for (drift_of, _), p, interval in zip(CELLS, same, intervals, strict=True):
        differs = judge(interval, inside=(-margin, margin)) == Verdict.REFUTED
        parts[drift_of > 0].append(
            Verdict.SUPPORTED if p < 0.05 else Verdict.REFUTED if differs else Verdict.INCONCLUSIVE
        )
    ratios, (low, high) = np.exp(differences.mean(axis=1)), np.exp(np.array(intervals)).T
    worst = int(np.abs(differences.mean(axis=1)).argmax())
    names = [f"drift {drift:g}, {years} year{'s' * (years > 1)}" for drift, years in CELLS]
    return Finding(
        what=f"error of 56 past days relative to 28, {names[worst]}",
        shown=Estimate(float(ratios[worst]), Interval(float(low[worst]), float(high[worst]))),
        verdict=restricted(
            judge_all(parts[True]),
            judge_all(parts[False]),
            "The weekly pattern changes within weeks, so that older ones tell nothing. Where it stays, they average the noise out.",
        ),
        reading="Error of 56 lags relative to 28: "
        + ", ".join(f"{name} {ratio:.3f}" for name, ratio in zip(names, ratios, strict=True))
        + f". Largest p-value of 7 against 1 and 28 against 7: {helps.max():.2g}.",
        reference={"no difference": 1.0},
        ends="family-wise 95 % interval",
        tables={
            "Mean absolute error by number of past days, ± s.e.": {
                "series": names,
                **{f"{count}": statistics.means(errors[:, place]) for place, count in enumerate(LAGS)},
            }
        },
        figures={
            "56 days do better than 28 where the weekly pattern stays": plots.rows(
                names,
                {"56 against 28": Estimate(ratios, Interval(low, high))},
                xlabel="error of 56 days relative to 28",
                levels={f"{sign * MARGIN:+.0%}": 1 + sign * MARGIN for sign in (-1, 1)},
            )
        },
    )


def control(lab: Lab) -> Finding:
    """Traffic that repeats itself every eight weeks, of which the last four tell only half."""
    return judged(lab, period=56)

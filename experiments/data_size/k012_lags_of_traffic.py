"""In generated daily traffic, 7 past days forecast better than 1 and 28 better than 7; 56 do no better than 28.

Says: 7 past days are better than 1, 28 better than 7; 54 do not help further.
Source: S3, whose 54 days are probably 56; its series is not supplied.
Textbook: Forecasting: Principles and Practice 9.3.
Theory: A weekly pattern that stays is better known from 8 weeks than from 4; estimating 28 more weights costs about 28/n of the
    squared error, which the penalty reduces.
Errs: "Lags of 1, 7, 28 and 54 days are compared." (S3): Whole weeks are: 1, 7, 28 and, very likely, 56 days.
Scope: A generator of this book: a trend, a weekly pattern whose every day takes a random step each week, autoregressive noise of
    order two with unit shocks; series of one to three years. Real traffic may lie anywhere on this axis.
Looks: Sizes were settled at seed 0, and a full run was made at seed 1, at drifts 0 and 0.3 alone; the condition was read off it.
    The sweep, and the drift where 56 days stop to help, were added since. The sweep and its arms were settled at seed 0.
"""

import numpy as np

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.data_size.traffic import LAGS, YEARS, crossing, forecast_errors
from jaxdl import plots, statistics
from jaxdl.statistics import Estimate, Interval, bootstrap_interval, judge, judge_all, judge_test, means

MARGIN = 0.02
STRONG = 0.3
WEAK = 0.05
SIZES = {"quick": {"series": 64}, "full": {"series": 512, "seed": 26}, "smallest": {"series": 12}}
CRITERION = f"""For 1 to 3 years: linear autoregression has a lower mean absolute error with 7 than with 1 and with 28 than with 7
lags (paired t tests of logarithms over series, Holm, p < 0.01), and that of 56 is no more than {MARGIN:.0%} below that of 28
(family-wise 95 % intervals). Two arms: the steps of the weekly pattern have a standard deviation of {STRONG:g} or more, or of
{WEAK:g} or less. Restricted when it holds in the first and fails in the second. All tune a ridge penalty on the last fifth of the
training days. Shown is the standard deviation at which the two errors are equal, for 3 years."""

DRIFTS = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.5])
CONDITION = (
    f"The pattern takes steps of {STRONG:g} shocks or more a week, so that older weeks lower the error by less than "
)
CONDITION += f"{MARGIN:.0%}. Where it hardly moves, they average the noise out."


def judged(lab: Lab, period: int = 7) -> Finding:
    """The same series for all numbers of lags, so that errors are compared in pairs."""
    errors = forecast_errors(lab, DRIFTS, period)
    logs = np.log(errors)  # (drifts, years, lags, series)
    gains = logs[:, :, 3] - logs[:, :, 2]
    verdicts = []
    for chosen in (DRIFTS >= STRONG, DRIFTS <= WEAK):
        cells = logs[chosen].reshape(-1, *logs.shape[2:])
        steps = [(cell[place], cell[place + 1]) for cell in cells for place in (0, 1)]
        better = statistics.holm(np.array([statistics.paired_t_test(shorter, longer) for shorter, longer in steps]))
        worse = statistics.holm(np.array([statistics.paired_t_test(longer, shorter) for shorter, longer in steps]))
        parts = [judge_test(*pair) for pair in zip(better, worse, strict=True)]
        of_56 = means(cells[:, 3] - cells[:, 2], level=1 - 0.05 / len(cells))
        rows = zip(*map(np.asarray, of_56.interval), strict=True)
        parts += [judge(Interval(*row), inside=(np.log1p(-MARGIN), np.inf)) for row in rows]
        verdicts.append((judge_all(parts), float(better.max())))
    (where, p_value), (elsewhere, _) = verdicts
    found = {}
    for year, of_years in zip(YEARS, np.moveaxis(gains, 1, 0), strict=True):
        ends = bootstrap_interval(of_years.T, statistic=_equal, num_resamples=1000, seed=lab["seed"])
        found[f"{year} year{'s' * (year > 1)}"] = Estimate(_equal(of_years.T), ends)
    ratio = means(gains.transpose(1, 0, 2))
    ratio = Estimate(np.exp(ratio.estimate), Interval(*map(np.exp, ratio.interval)))
    by_years = {
        name: Estimate(ratio.estimate[row], Interval(*(np.asarray(end)[row] for end in ratio.interval)))
        for row, name in enumerate(found)
    }
    return Finding(
        what="weekly step at which 56 past days forecast as well as 28, 3 years, in standard deviations of the noise's shocks",
        shown=found["3 years"],
        verdict=restricted(where, elsewhere, CONDITION),
        reading="56 days do as well as 28 where the weekly step is "
        + ", ".join(f"{x.estimate:.2f} [{x.interval.low:.2f}, {x.interval.high:.2f}] ({name})" for name, x in found.items())
        + f". Error of 56 relative to 28: {_range(ratio.estimate[:, 0])} at no step, {_range(ratio.estimate[:, -1])} at steps "
        f"of {DRIFTS[-1]:g}. Largest p of 7 against 1 and 28 against 7: {p_value:.2g}.",
        reference={"where it is judged to hold, from": STRONG, "to fail, up to": WEAK},
        tables={
            "Mean absolute error by number of past days, 3 years, ± s.e.": {
                "weekly step": DRIFTS, **{f"{count}": means(errors[:, -1, place]) for place, count in enumerate(LAGS)},
            }
        },
        figures={
            "56 days do better than 28 where the weekly pattern hardly moves": plots.against(
                DRIFTS, by_years, xlabel="standard deviation of the pattern's weekly steps",
                ylabel="error of 56 days relative to 28", levels={"equal": 1.0, f"{-MARGIN:+.0%}": 1 - MARGIN},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Traffic that repeats itself every eight weeks, of which the last four tell only half."""
    return judged(lab, period=56)


def _equal(gains: np.ndarray) -> float:
    return crossing(DRIFTS, gains.mean(axis=0))


def _range(values: np.ndarray) -> str:
    return f"{values.min():.3f} to {values.max():.3f}"

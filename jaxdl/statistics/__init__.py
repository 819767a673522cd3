"""Intervals over replicates, small exact tests, and verdicts on claims by a criterion fixed beforehand.

Arrays have replicates on their first axis. Replicates are independent runs, never epochs or test points. Lists and data frames
are taken as well. Everything runs on the host, in NumPy and SciPy.

>>> import numpy as np
>>> interval = mean_interval(np.array([0.9, 1.1, 1.3, 0.7, 1.0]))
>>> judge(interval, inside=(0.0, np.inf))
<Verdict.SUPPORTED: 'supported'>
"""

from jaxdl.statistics.estimates import Estimate, means, share, stacked, two_way
from jaxdl.statistics.intervals import (
    Interval,
    bootstrap_interval,
    mean_interval,
    t_interval,
    wilson_interval,
)
from jaxdl.statistics.significance import (
    equivalence_test,
    holm,
    paired_t_test,
    rank_correlation,
    sign_test,
    trend_test,
)
from jaxdl.statistics.slopes import log_slope, slope, slope_interval
from jaxdl.statistics.verdicts import Verdict, judge, judge_all, judge_test

__all__ = [
    "Estimate",
    "Interval",
    "Verdict",
    "bootstrap_interval",
    "equivalence_test",
    "holm",
    "judge",
    "judge_all",
    "judge_test",
    "log_slope",
    "mean_interval",
    "means",
    "paired_t_test",
    "rank_correlation",
    "share",
    "sign_test",
    "slope",
    "slope_interval",
    "stacked",
    "t_interval",
    "trend_test",
    "two_way",
    "wilson_interval",
]

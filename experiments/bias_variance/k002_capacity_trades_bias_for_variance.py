"""Raising capacity lowers bias² and raises variance, and the total is U-shaped.

Source: S0 and S4, on bias and variance; Geman, Bienenstock & Doursat (1992).
Textbook: ESL 7.3, UDL 8.2, Deep Learning 5.4.
Theory: For least squares at fixed inputs, mean variance at the inputs is σ²p/n.
Scope: Polynomials on one curve with noise 0.3; networks on 200 digits, with a fixed number of steps and learning rate.
Looks: Full runs were made at seed 0, that of the quick profile; the full profile has seed 1 since.
"""

import numpy as np

from experiments.bias_variance import digits
from experiments.bias_variance.digits import WIDTHS
from experiments.bias_variance.polynomials import NUM_BATCHES, by_degree, decomposed, exact_by_degree, rank_of_bias
from experiments.book.finding import Finding, restricted, terms_of
from experiments.book.lab import Lab
from jaxdl import plots, statistics
from jaxdl.statistics import Estimate, Verdict, judge, judge_all, judge_test, mean_interval, stacked

RANKS = 0.8
LEVEL = 0.01
SIZES = {
    "quick": {"runs": 2000, "data": 16, "init": 8, "steps": 250},
    "full": {"runs": 20_000, "data": 64, "init": 16, "steps": 500, "seed": 1},
    "smallest": {"runs": 400, "data": 3, "init": 3, "steps": 30},
}
CRITERION = f"""Polynomials: rank correlation of degree with bias² below -{RANKS} (95 % interval over 20 batches; what lies within 2
standard errors of zero is tied), with variance above {RANKS}, and the best degree, chosen on half of the runs, beats both ends on
the other half (paired t tests, p < {LEVEL}). Networks on digits: no narrower network has more variance than the widest (95 %
intervals of the differences, Bonferroni over widths). Restricted when the former holds and the latter is refuted."""

CONDITION = "For least-squares polynomials well below interpolation; the variance of a network peaks at a middle width."


def judged(lab: Lab, sign: int = 1) -> Finding:
    """Polynomials by degree, and networks by width; a negative sign counts degrees backwards."""
    capacity, network = by_degree(lab), digits.networks(lab)
    outputs, test = np.asarray(capacity.outputs), np.asarray(capacity.aux["test"], float)
    degrees = sign * np.arange(len(outputs), dtype=float)

    falls = np.array([rank_of_bias(degrees, batch) for batch in np.split(outputs, NUM_BATCHES, axis=1)])
    whole = [decomposed(each) for each in outputs]
    rises = statistics.rank_correlation(degrees, np.array([float(each.total_variance) for each in whole]))
    select, report = np.split(test, 2, axis=1)
    best = int(select.mean(axis=1).argmin())
    p_value = max(statistics.paired_t_test(report[end], report[best]) for end in (0, -1))
    opposite = min(statistics.paired_t_test(report[best], report[end]) for end in (0, -1))
    polynomials = judge_all(
        [
            judge(mean_interval(falls), inside=(-1.0, -RANKS)),
            Verdict.SUPPORTED if rises > RANKS else Verdict.INCONCLUSIVE,
            judge_test(p_value, opposite, level=LEVEL),
        ]
    )
    drops = network.derive(
        lambda t: t["total_variance"][:-1] - t["total_variance"][-1:], level=1 - 0.05 / (len(WIDTHS) - 1)
    )
    low, high = map(np.asarray, drops.interval)
    widest = Verdict.REFUTED if low.max() > 0 else Verdict.SUPPORTED if high.max() < 0 else Verdict.INCONCLUSIVE
    parts, surest = terms_of(network, digits.PARTS), int(low.argmax())
    rows = {"bias²": "bias_squared", "variance": "total_variance", "risk": "risk"}
    columns = {name: stacked(terms_of(each, rows)[name] for each in whole) for name in rows}
    return Finding(
        what="rank correlation of degree with bias²",
        shown=Estimate(float(falls.mean()), mean_interval(falls)),
        verdict=restricted(polynomials, widest, CONDITION),
        reading=f"Polynomials: correlations {falls.mean():.2f} and {rises:.2f}, best degree {best}. Networks: width "
        f"{WIDTHS[surest]} has {drops.estimate[surest]:+.3f} more variance than width {WIDTHS[-1]} (interval {low[surest]:+.3f} to "
        f"{high[surest]:+.3f}).",
        tables={
            "Polynomials by degree, 95 % intervals": {
                "degree": np.arange(len(outputs)),
                **columns,
                **exact_by_degree(),
            },
            "Networks on digits by width, ± s.e.": {"width": WIDTHS, **parts},
        },
        figures={
            "Networks: the variance peaks at a middle width, most of it interaction": plots.against(
                WIDTHS, parts, log=True, xlabel="hidden units", ylabel="part of the risk"
            ),
            "Polynomials: bias² falls in steps, the variance rises": plots.against(
                np.arange(1, 1 + len(outputs)), {name: columns[name] for name in rows}, log=True, xlabel="parameters"
            ),
        },
    )


def control(lab: Lab) -> Finding:
    """Degrees counted backwards."""
    return judged(lab, sign=-1)

"""Claims CERT1 to CERT6: which tools are right where the answer is known, judged by the results of `certify`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.certify_results import FROM_LABELS, MLXTEND, OURS, SKLEARN, comparison, rows_of, score

if TYPE_CHECKING:
    from experiments.certify import Config
    from jaxdl.statistics import Claim


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    return (
        _ours_is_right(config, results),
        _noise_in_bias(config, results),
        _variance_in_bias(config, results),
        _bootstrap(results),
        _parity(results),
        _coverage(config, results),
    )


def _ours_is_right(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """CERT1."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, judge

    cards = comparison(results, (OURS, FROM_LABELS)).cards
    shares = {tool: float(np.mean([row.passed for row in found.rows])) for tool, found in cards.items()}
    least = min(shares.values())
    wrong = [f"{row.study}, {row.term}" for found in cards.values() for row in found.rows if not row.passed]
    return Claim(
        number="CERT1",
        statement="jaxdl is right on every problem whose answer is known, from the mean function and from replicate labels alone.",
        source="the closed forms of jaxdl.truths, each with its own",
        estimate=least,
        interval=Interval(np.nan, np.nan),
        criterion=f"At least {100 * config.smallest_share:g} % of the terms are right (the smaller share is shown). They share random numbers, so "
        "their count has no interval.",
        verdict=judge(Interval(least, least), inside=(config.smallest_share, 1.0)),
        reading="; ".join(f"{tool}: {sum(row.passed for row in found.rows)} of {len(found.rows)} terms" for tool, found in cards.items())
        + f". Wrong: {'; '.join(wrong) or 'none'}.",
    )  # fmt: skip


def _noise_in_bias(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """CERT2."""
    from jaxdl.statistics import Claim, judge, mean_interval

    bias, noise = rows_of(results, "bias²"), rows_of(results, "noise")
    noisy = results["exact"][noise] > 0
    excess = (results[MLXTEND][bias] - results["exact"][bias][:, None])[noisy]
    predicted = results["excess"][bias][noisy] + results["exact"][noise][noisy][:, None]
    ratio = (excess / predicted).mean(axis=0)
    interval = mean_interval(ratio)
    return Claim(
        number="CERT2",
        statement="What mlxtend's formulas return as bias² is bias², the noise, and the variance of the mean of the runs.",
        source="mlxtend 0.25, evaluate.bias_variance_decomp; its user guide leaves the noise aside",
        estimate=float(ratio.mean()),
        interval=interval,
        criterion="The excess over bias², divided by noise + variance of the mean and averaged over problems with noise, has its 95 % interval "
        f"over seeds within {config.ratio[0]:g} to {config.ratio[1]:g}.",
        verdict=judge(interval, inside=config.ratio),
        reading=f"It is right about bias² on {_right(results, MLXTEND, 'bias²')}; read as bias² + noise, on {_right(results, MLXTEND, 'bias² + noise')}.",
        theory=1.0,
    )


def _variance_in_bias(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """CERT3."""
    from jaxdl.statistics import Claim, judge, mean_interval

    bias = rows_of(results, "bias²")
    ratio = ((results[SKLEARN] - results[OURS])[bias] / results["excess"][bias]).mean(axis=0)
    interval = mean_interval(ratio)
    return Claim(
        number="CERT3",
        statement="A plug-in bias² contains the variance of the mean of the runs, variance/K for K independent ones.",
        source='scikit-learn\'s example "single estimator versus bagging", where it is all of the bias² printed for a tree',
        estimate=float(ratio.mean()),
        interval=interval,
        criterion="What scikit-learn's recipe adds to our estimate from the same runs, divided by the exact variance of the mean and averaged over "
        f"problems, has its 95 % interval over seeds within {config.ratio[0]:g} to {config.ratio[1]:g}.",
        verdict=judge(interval, inside=config.ratio),
        reading=f"It is right about bias² on {_right(results, SKLEARN, 'bias²')}, about the total variance on "
        f"{_right(results, SKLEARN, 'total variance')}: where the excess is small beside the errors of the average, it goes unseen.",
        theory=1.0,
    )


def _bootstrap(results: Mapping[str, Any]) -> "Claim":
    """CERT4."""
    import numpy as np

    from jaxdl.statistics import Claim, judge, mean_interval

    found, (risk, bias, variance) = results["bootstrap formulas"], results["bootstrap exact"]
    excess = (found[:, 0] - risk) / variance
    interval = mean_interval(excess)
    ours = (results["study"] == "random design, n=30, p=5") & (results["term"] == "risk")
    loss, printed, spread = found.mean(axis=0)
    return Claim(
        number="CERT4",
        statement="Bootstrapping one data set, as mlxtend does, counts the variance twice, and its loss is too large by about one variance.",
        source="mlxtend 0.25; exact for the sample mean, to first order for smooth learners; least squares here",
        estimate=float(excess.mean()),
        interval=interval,
        criterion="(loss - exact risk) / exact variance, over data sets, has its 95 % interval above a half.",
        verdict=judge(interval, inside=(0.5, float("inf"))),
        reading=f"Loss {loss:.3f} = bias {printed:.3f} + variance {spread:.3f}, where {risk:.3f} = bias² {bias:.3f} + variance {variance:.3f} + noise "
        f"{risk - bias - variance:.3f} is exact. From fresh draws jaxdl finds the risk {np.mean(results[OURS][ours]):.3f}.",
        theory=1.0,
        theory_note="to first order",
    )


def _parity(results: Mapping[str, Any]) -> "Claim":
    """CERT5."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict, judge

    itself = results["bootstrap itself"]
    largest = float(np.abs(results["bootstrap formulas"][: len(itself)] / itself - 1).max()) if len(itself) else np.nan
    return Claim(
        number="CERT5",
        statement="With mlxtend's bootstrap indices, the plug-in formulas give mlxtend's own numbers.",
        source="mlxtend 0.25, evaluate.bias_variance_decomp",
        estimate=largest,
        interval=Interval(np.nan, np.nan),
        criterion="Loss, bias and variance differ by at most 1e-9 of themselves on every data set on which mlxtend itself is run.",
        verdict=judge(Interval(largest, largest), inside=(0.0, 1e-9)) if len(itself) else Verdict.INCONCLUSIVE,
        reading=f"On {len(itself)} data sets the largest relative difference is {largest:.1g}."
        if len(itself)
        else 'mlxtend is not installed: pip install "jaxdl[bench]".',
        theory=0.0,
    )


def _coverage(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """CERT6."""
    from jaxdl.statistics import Claim, judge, mean_interval

    # Bootstrap draws share one data set: their intervals speak of it, and not of the average over data sets.
    fresh = results["study"] != "bootstrap, 20 of 20"
    random = fresh & ~rows_of(results, "noise") & ~rows_of(results, "bias² + noise")
    exact, slack = results["exact"][:, None], results["slack"][:, None]
    covered = ((results["low"] <= exact + slack) & (exact - slack <= results["high"]))[random].astype(float)
    interval = mean_interval(covered.mean(axis=0))
    by_row = covered.mean(axis=1)
    worst = int(by_row.argmin())
    name = f"{results['study'][random][worst]}, {results['term'][random][worst]}"
    return Claim(
        number="CERT6",
        statement="jaxdl's 95 % intervals hold the exact value about as often as they say.",
        source="modified large samples and noncentral chi-square (Graybill & Wang, 1980), stretched by kurtosis (Bonett, 2006)",
        estimate=float(covered.mean()),
        interval=interval,
        criterion=f"The share of intervals that hold the exact value, over all terms that runs affect and studies with fresh draws, is at least {100 * config.smallest_coverage:g} % by "
        "its 95 % interval over seeds.",
        verdict=judge(interval, inside=(config.smallest_coverage, 1.0)),
        reading=f"{100 * covered.mean():.1f} % do; the term with the fewest is {name}, {100 * by_row[worst]:.0f} %.",
        theory=0.95,
    )


def _right(results: Mapping[str, Any], tool: str, kind: str) -> str:
    return score(comparison(results, (tool,)).cards[tool], kind)

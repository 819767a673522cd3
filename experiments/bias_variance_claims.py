"""Claims K001 to K007: what textbooks say of capacity, bias, variance and noise, judged by the results of `bias_variance`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments import bias_variance_classes

if TYPE_CHECKING:
    from experiments.bias_variance import Config
    from jaxdl.statistics import Claim

LECTURES = "lecture notes on bias and variance; Geman, Bienenstock & Doursat (1992)"
NUM_RESAMPLES = 1000


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    squares = (_identity, _trade_off, _agreement, _gap, _simpler_model, _floor)
    return (*(judged(config, results) for judged in squares), bias_variance_classes.claim(results))


def _identity(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K001."""
    import numpy as np

    from jaxdl.statistics import Claim, bootstrap_interval, judge, judge_all

    noise = config.noise_std**2
    studies = {
        "polynomial of degree 3": (
            results["capacity.test"][3],
            results["capacity.excess"][3],
            results["capacity.parts"][3],
        ),
        "ridge": (results["ridge.test"], results["ridge.excess"], results["ridge.parts"]),
        "network": (results["network.test"], results["network.excess"], results["network.parts"]),
    }

    def relative(test, excess):
        # Over resampled runs, bias² + variance is their mean excess risk: the unbiased estimates add up to it exactly.
        return np.mean(test - excess - noise) / np.mean(test)

    intervals = {
        name: bootstrap_interval(test, excess, statistic=relative, num_resamples=NUM_RESAMPLES, seed=config.seed)
        for name, (test, excess, _) in studies.items()
    }
    differences = {name: float(1 - np.sum(parts) / np.mean(test)) for name, (test, _, parts) in studies.items()}
    worst = max(differences, key=lambda name: abs(differences[name]))
    told = ", ".join(f"{name} {100 * value:+.2f} %" for name, value in differences.items())
    return Claim(
        number="K001",
        statement="The expected squared error at fixed points is the sum of bias², variance and noise.",
        source=LECTURES,
        estimate=differences[worst],
        interval=intervals[worst],
        criterion="Risk on independent test labels against estimated bias² + variance + noise: for a polynomial, ridge and a network "
        "the 95 % bootstrap interval of the relative difference lies within 1 % (an equivalence test).",
        verdict=judge_all([judge(interval, inside=(-0.01, 0.01)) for interval in intervals.values()]),
        reading=f"The parts add up to the risk: relative differences {told}.",
        theory=0.0,
        theory_note="an identity, when bias² is estimated without its inflation by variance/K",
    )


def _trade_off(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K002."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, judge, mean_interval, paired_t_test, rank_correlation

    degrees = np.arange(results["capacity.test"].shape[0], dtype=float)

    def rank_with_ties(columns):
        # Estimates that cannot be told from zero are one tie: the order of errors of measurement means nothing.
        values, errors = columns[:2]
        return rank_correlation(degrees, np.where(values < 2 * errors, 0.0, values))

    falls = np.array([rank_with_ties(batch) for batch in results["capacity.batches"]])
    rises = rank_correlation(degrees, results["capacity.total_variance"][0])
    select, report = np.split(results["capacity.test"], 2, axis=1)
    best = int(select.mean(axis=1).argmin())
    p_value = max(paired_t_test(report[end], report[best]) for end in (0, -1))
    interval = mean_interval(falls)
    polynomials = judge(interval, inside=(-1.0, -0.8)) is Verdict.SUPPORTED and rises > 0.8 and p_value < 0.01
    told = f"p = {p_value:.1e}" if p_value > 1e-300 else "p < 1e-300"
    narrower, drop, low, high, largest_high = _largest_drop_of_variance(config, results)
    verdict = Verdict.INCONCLUSIVE
    if polynomials:
        verdict = Verdict.RESTRICTED if low > 0 else Verdict.SUPPORTED if largest_high < 0 else Verdict.INCONCLUSIVE
    return Claim(
        number="K002",
        statement="Raising capacity lowers bias² and raises variance, and the total is U-shaped.",
        source=LECTURES,
        estimate=float(falls.mean()),
        interval=interval,
        criterion="Polynomials: rank correlation of degree with bias² below -0.8 (95 % interval over 20 batches; what lies within 2 "
        "standard errors of zero is tied), with variance above 0.8, and the best degree, chosen on half of the runs, beats both ends on "
        "the other half (paired t tests, p < 0.01). Networks on digits: no narrower network has more variance than the widest "
        "(95 % intervals of the differences, Bonferroni over widths).",
        verdict=verdict,
        reading=f"Polynomials: correlations {falls.mean():.2f} and {rises:.2f}, best degree {best}, {told}. Networks: width "
        f"{narrower} has {drop:+.3f} more variance than width {config.widths[-1]} (interval {low:+.3f} to {high:+.3f}).",
        theory_note="for least squares at fixed inputs, mean variance at the inputs is sigma² p/n",
        condition="for least-squares polynomials well below interpolation; the variance of a network peaks at a middle width and falls again"
        if verdict is Verdict.RESTRICTED
        else "",
    )


def _largest_drop_of_variance(config: "Config", results: Mapping[str, Any]) -> tuple[int, float, float, float, float]:
    """The narrower width that most surely varies more than the widest: width, difference, and its interval by the two-way jackknife;
    then the largest upper end of all differences.
    """
    import numpy as np

    from jaxdl.decomposition.estimates import jackknife_variance
    from jaxdl.statistics import t_interval

    def drops(variances):
        return variances[..., :-1] - variances[..., -1:]

    difference = drops(results["digits.total_variance"][0])
    replicates = [drops(results[f"digits.total_variance.without one {factor}"]) for factor in ("data", "init")]
    errors = np.sqrt(sum(jackknife_variance(part) for part in replicates))
    level = 1 - 0.05 / len(difference)
    interval = t_interval(difference, errors, min(map(len, replicates)) - 1, level=level)
    lows, highs = np.asarray(interval.low), np.asarray(interval.high)
    worst = int(lows.argmax())
    return config.widths[worst], float(difference[worst]), float(lows[worst]), float(highs[worst]), float(highs.max())


def _agreement(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K003."""
    import numpy as np

    from jaxdl.statistics import Claim, bootstrap_interval, judge, mean_interval

    simple, flexible = results["small.distance"]

    def ratio(large, small):
        return np.mean(large) / np.mean(small)

    interval = bootstrap_interval(flexible, simple, statistic=ratio, num_resamples=NUM_RESAMPLES, seed=config.seed)
    predicted = np.sqrt(results["small.exact"][0][1])
    distance = mean_interval(np.sqrt(simple) / predicted)
    exact = results["small.exact"][1][1] / results["small.exact"][0][1]
    close = float(distance.high) < 3
    return Claim(
        number="K003",
        statement="Overfitted solutions differ from one data set to another; underfitted ones agree with each other and the pooled fit.",
        source=LECTURES,
        estimate=float(ratio(flexible, simple)),
        interval=interval,
        criterion="15 examples, degree 12 against degree 1: the ratio of variances between data sets is above 10 (95 % bootstrap "
        "interval), and the mean distance of a line from the pooled fit is below 3 predicted standard errors.",
        verdict=judge(interval, inside=(10.0, np.inf)) if close else judge(distance, inside=(0.0, 3.0)),
        reading=f"Fits of degree 12 vary {ratio(flexible, simple):.0f} times as much; lines lie {float(np.mean(np.sqrt(simple)) / predicted):.2f} "
        "predicted standard errors from the pooled fit.",
        theory=float(exact),
        theory_note="the exact ratio at these inputs and test points",
    )


def _gap(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K004."""
    import numpy as np

    from experiments.bias_variance_trials import GRID, NUM_BATCHES
    from jaxdl.statistics import Claim, Interval, holm, judge, judge_all, judge_test, mean_interval, trend_test

    degrees, sizes = sorted({degree for degree, _ in GRID}), sorted({size for _, size in GRID})
    gap = (
        (results["grid.again"] - results["grid.train"]).reshape(len(degrees), len(sizes), NUM_BATCHES, -1).mean(axis=-1)
    )
    falls_with_size = [trend_test(-gap[row].T) for row in range(len(degrees))]
    rises_with_degree = [trend_test(gap[:, column].T) for column in range(len(sizes))]
    p_value = float(holm(np.array(falls_with_size + rises_with_degree)).max())
    noise = config.noise_std**2
    underfit = [mean_interval(results[f"grid.{risk}"][GRID.index((1, 80))]) for risk in ("train", "again")]
    slow = mean_interval(results["small step.train"])
    at = GRID.index((9, 40))
    optimism = results["grid.again"][at] - results["grid.train"][at]
    interval = mean_interval(optimism)
    high = judge_all([judge(Interval(*each), inside=(1.5 * noise, np.inf)) for each in (*underfit, slow)])
    backwards = min(trend_test(gap.mean(axis=0).T), trend_test(-gap.mean(axis=1).T))
    return Claim(
        number="K004",
        statement="Overfitting shows as a low training and a high test error, when examples are few or capacity is large; underfitting "
        "as two high errors.",
        source=LECTURES,
        estimate=float(optimism.mean()),
        interval=interval,
        criterion="Degrees 1 to 9, n = 20 to 160: the gap between the risk on fresh labels of the same inputs and on the training labels falls with n and rises with degree (exact "
        "trend tests over 20 batches, largest Holm-adjusted p < 0.01); a line's risks, and the training risk of descent with too small "
        "a step, stay above 1.5 times the noise.",
        verdict=judge_all([high, judge_test(p_value, backwards)]),
        reading=f"Largest p = {p_value:.1e}; a line's training and test risk {results['grid.train'][GRID.index((1, 80))].mean():.3f} and "
        f"{results['grid.again'][GRID.index((1, 80))].mean():.3f} and a slow optimiser's training risk {results['small step.train'].mean():.3f} "
        f"against noise {noise:.3f}. The estimate is the optimism at degree 9, n = 40.",
        theory=2 * noise * 10 / 40,
        theory_note="expected optimism at the inputs, 2 sigma² p/n",
    )


def _simpler_model(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K005."""
    del config
    import numpy as np
    from numpy.polynomial.polynomial import polyvander

    from jaxdl.statistics import Claim, Verdict, mean_interval, sign_test

    simple, flexible = np.moveaxis(results["small.batches"], 1, 0)  # each: batches, (bias², variance)
    p_value = max(sign_test(flexible[:, 1], simple[:, 1]), sign_test(simple[:, 0], flexible[:, 0]))
    opposite = min(sign_test(simple[:, 1], flexible[:, 1]), sign_test(flexible[:, 0], simple[:, 0]))
    rank = int(np.linalg.matrix_rank(polyvander(np.linspace(-1, 1, 5), 12)))
    exact = rank == 5
    verdict = Verdict.INCONCLUSIVE
    if p_value < 0.01 and exact:
        verdict = Verdict.SUPPORTED
    elif opposite < 0.01 or not exact:
        verdict = Verdict.REFUTED
    return Claim(
        number="K005",
        statement="Going from degree 12 to degree 1 lowers variance and raises bias; 5 points do not determine a polynomial of degree 12.",
        source=LECTURES,
        estimate=float(np.mean(flexible[:, 1] - simple[:, 1])),
        interval=mean_interval(flexible[:, 1] - simple[:, 1]),
        criterion="15 examples, 20 batches of data sets: sign tests for both differences, p < 0.01; and the 5 x 13 matrix of powers has "
        "rank 5, a null space of dimension 8.",
        verdict=verdict,
        reading=f"Variance {simple[:, 1].mean():.3f} instead of {flexible[:, 1].mean():.3f}, bias² {simple[:, 0].mean():.3f} instead of "
        f"{flexible[:, 0].mean():.3f} (p = {p_value:.1e}); rank {rank}, null space {13 - rank}. The estimate is the difference of variances.",
        theory=float(results["small.exact"][1][1] - results["small.exact"][0][1]),
        theory_note="the exact difference of variances; rank and nullity add up to 13",
    )


def _floor(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K006."""
    import numpy as np

    from experiments.bias_variance_trials import NOISE_LEVELS
    from jaxdl.statistics import Claim, Verdict, judge, mean_interval, slope, slope_interval

    variances = np.square(NOISE_LEVELS)
    select, report = np.split(results["noise.test"], 2, axis=-1)
    best = select.mean(axis=-1).argmin(axis=-1)
    tuned = np.stack([report[row, degree] for row, degree in enumerate(best)], axis=-1)  # runs, noise levels

    interval = slope_interval(variances, tuned, num_resamples=NUM_RESAMPLES, seed=config.seed)
    # The oracle, which knows the mean, stands beside the learners.
    risks = np.concatenate([report, np.split(results["noise.oracle"], 2, axis=-1)[1][:, :1]], axis=1)
    level = 1 - 0.05 / (risks.shape[0] * risks.shape[1])
    highs = np.asarray(mean_interval(np.moveaxis(risks, -1, 0), level=level).high)  # noise level, learner
    below = int((highs < variances[:, None] * (1 - 1e-6)).sum())
    verdict = judge(interval, inside=(1.0, np.inf)) if below == 0 else Verdict.REFUTED
    return Claim(
        number="K006",
        statement="Noise is a floor that no learner gets below; label noise raises the floor by its variance.",
        source="deep-learning lecture notes; Goodfellow, Bengio & Courville (2016), section 5.4",
        estimate=float(slope(variances, tuned.mean(axis=0))),
        interval=interval,
        criterion="Noise 0, 0.1, 0.3 and 1: of all degrees and the true mean itself, none has an interval of its test risk below sigma² "
        "(95 %, Bonferroni over all), and the risk of the best degree, chosen on other runs, rises with sigma² with a slope of at least 1 "
        "(95 % bootstrap interval).",
        verdict=verdict,
        reading=f"{below} of {highs.size} intervals lie below the floor; the best risk rises by {slope(variances, tuned.mean(axis=0)):.3f} for each unit of noise "
        "variance: the floor itself and the variance that noise causes.",
        theory=1.0,
        theory_note="the Bayes risk is sigma²; variance adds its share, so the slope exceeds 1",
    )

"""Claims K102 to K107, and CP1 and CP2 on searches whose answer is known, judged by the results of `critical_points`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

import itertools
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.critical_points_results import (
    EXACT_MINIMA,
    KINDS,
    MAX_ESCAPE_STEPS,
    SADDLE,
    binomial_interval,
    census_counts,
    escape_slopes,
    index_correlations,
    num_outliers,
    spin_fractions,
    typical_spectrum,
)

if TYPE_CHECKING:
    from experiments.critical_points import Config
    from jaxdl.statistics import Claim

LECTURES = "lecture notes on deep learning"


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    return (
        _diagonal(results),
        _minima(results),
        _networks(config, results),
        _trapped(results),
        _convexity(results),
        _spectrum(config, results),
        _census(config, results),
        _spins(config, results),
    )


def _diagonal(results: Mapping[str, Any]) -> "Claim":
    """K102."""
    from jaxdl.statistics import Claim, Interval, Verdict

    truth = results["kinds.truth"]
    by_eigenvalues = int((results["kinds.by_eigenvalues"] == truth).sum())
    by_diagonal = int((results["kinds.by_diagonal"] == truth).sum())
    draws = int(results["matrices.draws"])
    indefinite = {size: 1 - results["matrices.positive"][size - 1, 1] / draws for size in (2, 3, 5)}
    one_counterexample = by_diagonal < len(truth)
    return Claim(
        number="K102",
        statement="The signs of the Hessian's diagonal say whether a critical point is a minimum, a maximum or a saddle.",
        source=LECTURES,
        estimate=by_diagonal / len(truth),
        interval=Interval(math.nan, math.nan),
        criterion=f"The rule is right on all of {len(truth)} analytic cases; one counterexample refutes it. The share it gets right is "
        "shown, and has no interval.",
        verdict=Verdict.REFUTED if one_counterexample else Verdict.SUPPORTED,
        reading=f"It is the signs of the eigenvalues that say it: they are right on {by_eigenvalues} of {len(truth)} cases, and call those with a "
        f"zero eigenvalue and no two signs degenerate; the diagonal is right on {by_diagonal}. Random matrices with a positive diagonal are "
        "indefinite in "
        + ", ".join(f"{100 * share:.1f} % of cases for N = {size}" for size, share in indefinite.items())
        + ".",
        theory_note="x² + 4xy + y² has diagonal (2, 2) and eigenvalues 6 and -2",
    )


def _minima(results: Mapping[str, Any]) -> "Claim":
    """K103."""
    from jaxdl.statistics import Claim, Interval, judge, judge_all

    draws, positive = int(results["matrices.draws"]), results["matrices.positive"][:, 0]
    bands = [binomial_interval(int(positive[size - 1]), draws, 0.99) for size in EXACT_MINIMA]
    inside = [
        judge(Interval(exact, exact), inside=(float(low), float(high)))
        for exact, (low, high) in zip(EXACT_MINIMA.values(), bands, strict=True)
    ]
    # P(the next pivot is positive too) falls with N, where independent signs would keep it at one half.
    ratios = [binomial_interval(int(positive[size]), int(positive[size - 1])) for size in range(1, 4)]
    falls = [
        judge(Interval(after.low - before.high, after.high - before.low), inside=(-1.0, 0.0))
        for before, after in itertools.pairwise(ratios)
    ]
    kinds = results["fields.kinds"][results["fields.adds_up"]].sum(axis=0)
    share = kinds[0] / max(kinds.sum(), 1)
    return Claim(
        number="K103",
        statement="Of random symmetric matrices, the share that is positive falls faster than exponentially with their size.",
        source="Dean & Majumdar (2006); Bray & Dean (2007); " + LECTURES,
        estimate=positive[4] / positive[3],
        interval=binomial_interval(int(positive[4]), int(positive[3])),
        criterion="The exact shares for N = 1, 2, 3 lie inside the 99 % intervals, and the share of positive matrices that stay so in one more "
        "dimension falls from each N to the next, up to N = 4, by 95 % intervals. Shown is that share from N = 4 to 5.",
        verdict=judge_all([*inside, *falls]),
        reading=f"Measured {', '.join(f'{count / draws:.4g}' for count in positive)} for N = 1 to {len(positive)}; the exact ones are "
        f"{', '.join(f'{exact:.4g}' for exact in EXACT_MINIMA.values())}. Critical points of a function are another matter: on "
        f"{results['fields.adds_up'].sum()} random fields in two dimensions {100 * share:.1f} % of all {kinds.sum()} are minima, 25 % in theory.",
        theory=0.5,
        theory_note="for independent signs, which the source assumes; ln P ~ -N² ln(3) / 4 for large random matrices",
    )


def _networks(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K104."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict, judge, mean_interval

    along, random = (index_correlations(results, is_descended=chosen) for chosen in (True, False))
    # A data set with fewer than three distinct points says nothing of a correlation.
    means = [float(np.mean(values)) if len(values) else math.nan for values in (along, random)]
    unknown = Interval(math.nan, math.nan)
    intervals = [mean_interval(values) if len(values) > 1 else unknown for values in (along, random)]
    verdicts = [judge(interval, inside=(0.0, math.inf)) for interval in intervals]
    verdict = verdicts[0]
    if verdict is Verdict.SUPPORTED and verdicts[1] is not Verdict.SUPPORTED:
        verdict = Verdict.RESTRICTED
    kinds, kept = results["networks.kinds"], results["networks.is_descended"]
    index, value = results["networks.index"], results["networks.value"]
    minima = value[kept & (index == 0)]
    told = f"{len(minima)} minima of mean loss {minima.mean():.3f}" if len(minima) else "no minimum"
    return Claim(
        number="K104",
        statement="Critical points of a network's loss with a high index have a high loss, and those of low loss are minima.",
        source="Dauphin et al. (2014); Bray & Dean (2007); " + LECTURES,
        estimate=means[0],
        interval=intervals[0],
        criterion=f"Small tanh networks, distinct points with a gradient below {config.gradient_norm:g}: the mean rank correlation of index and loss "
        f"over {config.num_tasks} data sets is positive (95 % t interval), from starts along descents and from random starts alike. Shown is the former.",
        verdict=verdict,
        reading=f"Along descents {means[0]:+.2f} over {kept.sum()} points, {told}; from random starts {means[1]:+.2f} (95 % interval "
        f"{intervals[1].low:+.2f} to {intervals[1].high:+.2f}) over {(~kept).sum()} points. Of all searches "
        f"{100 * kinds[:, 4].sum() / kinds.sum():.0f} % ended where the gradient is flat but not zero: no critical points.",
        theory_note="what is found depends on where searches begin; there is no unbiased sample of critical points",
        condition="for critical points near the path of descent" if verdict is Verdict.RESTRICTED else "",
    )


def _trapped(results: Mapping[str, Any]) -> "Claim":
    """K105."""
    from jaxdl.statistics import Claim, judge, mean_interval, sign_test

    left = (results["escapes.descent"] < MAX_ESCAPE_STEPS).all(axis=(1, 2))
    is_low = results["escapes.autoencoder_excess"] < 1e-3
    trapped = int((~(left & is_low)).sum())
    interval = binomial_interval(trapped, len(left))
    slope = mean_interval(escape_slopes(results).mean(axis=1))
    plain, noisy = (results[f"escapes.{name}"][:, -1].mean(axis=1) for name in ("descent", "stochastic"))
    never = (results["escapes.on_the_manifold"] == MAX_ESCAPE_STEPS).all()
    return Claim(
        number="K105",
        statement="Gradient descent gets trapped at saddle points.",
        source=LECTURES,
        estimate=trapped / len(left),
        interval=interval,
        criterion="More than 5 % of the runs from random starts near a saddle are still there after "
        f"{MAX_ESCAPE_STEPS} steps: of a quartic with one (12 settings) and of a linear autoencoder with nothing but strict saddles beside its minimum.",
        verdict=judge(interval, inside=(0.05, 1.0)),
        reading=f"{trapped} of {len(left)} runs are. Steps to leave grow as ln(1 / distance) / ln(1 + step size · curvature), slope "
        f"{(slope.low + slope.high) / 2:.3f} ± {(slope.high - slope.low) / 2:.3f}: saddles delay. From a distance of 1e-8 gradient noise cuts "
        f"{plain.mean():.0f} steps to {noisy.mean():.0f} (sign test p = {sign_test(plain, noisy):.1e}). Only from exactly the stable manifold does "
        f"descent {'never leave' if never else 'leave too'}.",
        theory=0.0,
        theory_note="almost every start escapes a strict saddle (Lee et al., 2016), though it may take long (Du et al., 2017)",
    )


def _convexity(results: Mapping[str, Any]) -> "Claim":
    """K106."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict

    excess, extremes = results["convexity.midpoint_excess"], results["convexity.extreme_eigenvalues"]
    violated = (excess > 1e-9).any(axis=1)
    negative = extremes[:, 0] < -1e-9 * np.abs(extremes).max(axis=1)
    share = float((violated & negative).mean())
    return Claim(
        number="K106",
        statement="The loss of a neural network is not convex.",
        source=LECTURES,
        estimate=share,
        interval=Interval(math.nan, math.nan),
        criterion=f"Every one of {len(violated)} random tanh networks with data of its own violates the midpoint inequality on one of {excess.shape[1]} "
        "random segments, and has a negative eigenvalue at its start; each violation is a proof, so the share has no interval.",
        verdict=Verdict.SUPPORTED if share == 1 else Verdict.INCONCLUSIVE,
        reading=f"{100 * violated.mean():.0f} % violate it, on {100 * (excess > 1e-9).mean():.0f} % of the segments; {100 * negative.mean():.0f} % have "
        "a negative eigenvalue.",
        theory=1.0,
        theory_note="hidden units can be exchanged: minima come in sets that are not convex",
    )


def _spectrum(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K107."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, judge, judge_all

    spectrum, found = results["digits.spectrum"], results["digits.lanczos"]
    exact = np.concatenate([spectrum[:, ::-1][:, :12], spectrum[:, 2::-1]], axis=1)
    error = float(np.abs(found / exact - 1).max())
    each, outliers = num_outliers(spectrum), int(num_outliers(typical_spectrum(results)))
    bulk = float((np.abs(spectrum) < 0.01 * spectrum[:, -1:]).mean())
    return Claim(
        number="K107",
        statement="The Hessian's spectrum is a bulk near zero and about as many outliers as there are classes.",
        source="Sagun et al. (2016); Ghorbani, Krishnan & Xiao (2019); Papyan (2019)",
        estimate=outliers,
        interval=Interval(math.nan, math.nan),
        criterion=f"Of {len(spectrum)} networks on 10 digits: in the geometric mean of their spectra the largest ratio of neighbours among the 31 largest "
        f"eigenvalues comes after 9, 10 or 11 of them (a count, without an interval); and Lanczos' method finds the 12 largest and 3 smallest to {100 * config.extreme_agreement:g} %.",
        verdict=judge_all(
            [
                judge(Interval(outliers, outliers), inside=(9, 11)),
                judge(Interval(error, error), inside=(0.0, config.extreme_agreement)),
            ]
        ),
        reading=f"{outliers} outliers, in single networks {', '.join(map(str, each))}; {100 * bulk:.0f} % of the {spectrum.shape[1]} eigenvalues are below 1 % of the largest; "
        f"Lanczos' largest relative error is {error:.0e}.",
        theory=10.0,
        theory_note="the number of classes; 9 where the gradients of the classes add up to zero",
    )


def _census(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """CP1."""
    from jaxdl.statistics import Claim, Interval, judge, judge_all

    found = census_counts(results)
    num, num_found, spurious = len(found["counts"]), int((found["counts"] > 0).sum()), found["spurious"]
    share = num_found / num
    kinds = ", ".join(
        f"{count} {name}" for name, count in zip(KINDS, _histogram(results["census.kind"]), strict=True) if count
    )
    return Claim(
        number="CP1",
        statement="Searches from random starts find all classes of critical points of a linear autoencoder, and nothing else.",
        source="Baldi & Hornik (1989) for the classes; Frye et al. (2019) for the test",
        estimate=share,
        interval=Interval(math.nan, math.nan),
        criterion=f"At least {100 * config.census_share:.1f} % of the distinct pairs of loss and index are found, and no point has a pair that is not "
        "among them. The truth is known exactly, so the share has no interval.",
        verdict=judge_all(
            [
                judge(Interval(share, share), inside=(config.census_share, 1.0)),
                judge(Interval(spurious, spurious), inside=(0, 0)),
            ]
        ),
        reading=f"{num_found} of {num} classes, {spurious} points of none; the searches ended as {kinds}.",
        theory=1.0,
        theory_note="a closed form for every stratum",
    )


def _spins(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """CP2."""
    import numpy as np

    from jaxdl.statistics import Claim, bootstrap_interval, judge

    measured, predicted = spin_fractions(config, results)
    error = measured - predicted

    def rms(values):
        return math.sqrt(np.mean(values**2))

    interval = bootstrap_interval(error, statistic=rms, num_resamples=1000, seed=config.seed)
    return Claim(
        number="CP2",
        statement="The index of critical points of the spherical 3-spin model is a function of their energy, the one that theory gives.",
        source="Auffinger, Ben Arous & Černý (2013); Choromanska et al. (2015)",
        estimate=rms(error),
        interval=interval,
        criterion=f"The root mean square distance of index fractions from theory at N = {config.num_spins} is at most {config.spin_agreement:g} (95 % bootstrap "
        "interval over distinct points).",
        verdict=judge(interval, inside=(0.0, config.spin_agreement)),
        reading=f"It is {rms(error):.4f} over {len(error)} points with energies from {results['spins.energy'].min():.2f} to "
        f"{results['spins.energy'].max():.2f}, where one unit of the index is {1 / (config.num_spins - 1):.3f}; "
        f"{100 * results['spins.kinds'][SADDLE] / results['spins.kinds'].sum():.0f} % of the searches found one.",
        theory=0.0,
        theory_note="as N grows; rounding the index to whole numbers alone gives about 0.3 / (N - 1)",
    )


def _histogram(kinds: Any) -> list[int]:
    import numpy as np

    return np.bincount(kinds, minlength=len(KINDS)).tolist()

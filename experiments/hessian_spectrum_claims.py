"""Claims HS1 to HS5: outliers, layers, bulk and the edge of stability, judged by the results of `hessian_spectrum`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.hessian_spectrum_results import (
    LAYERS,
    counts,
    gap,
    has_reached,
    last_quarter,
    layer_counts,
    relative_sharpness,
    typical,
)

if TYPE_CHECKING:
    from experiments.hessian_spectrum import Config
    from jaxdl.statistics import Claim


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    return (
        _outliers(config, results),
        _layers(config, results),
        _bulk(config, results),
        _edge(config, results),
        _step_sizes(config, results),
    )


def _outliers(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HS1."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict

    expected = np.array(config.classes) - 1
    found = counts(config, results)[..., -1]
    plain, centred = (found == expected[:, None]).all(axis=0)
    verdict = Verdict.REFUTED
    if plain:
        verdict = Verdict.SUPPORTED if centred else Verdict.RESTRICTED
    ratios = [
        min(
            gap(typical(of_classes[pixels])[-1], classes)
            for classes, of_classes in zip(config.classes, results["classes.top"], strict=True)
        )
        for pixels in range(2)
    ]
    numbers = ", ".join(map(str, config.classes))
    return Claim(
        number="HS1",
        statement="The Hessian of a trained classifier of C classes has C - 1 outliers.",
        source="Sagun et al. (2016); Ghorbani, Krishnan & Xiao (2019); Papyan (2019)",
        estimate=float((found == expected[:, None]).mean()),
        interval=Interval(math.nan, math.nan),
        criterion=f"C = {numbers}, after {config.times[-1]} steps: in the geometric mean of {config.num_seeds} networks' spectra the largest ratio of "
        "neighbours among the 2 C + 2 largest comes after C - 1 of them, for pixels as they are and for centred ones. Shown is the share of these "
        "counts that are right; it has no interval.",
        verdict=verdict,
        reading=f"Outliers are {', '.join(map(str, found[:, 0]))} of pixels as they are, off by at most {abs(found[:, 0] - expected).max()}, above a gap of "
        f"at least {ratios[0]:.2f} times, and "
        f"{', '.join(map(str, found[:, 1]))} of centred ones, whose gaps are as small as {ratios[1]:.2f}.",
        theory_note="the Gauss-Newton matrix has C - 1 directions along the mean gradients of the classes' outputs",
        condition="for inputs that share a large mean; centred, the spectrum of the inputs within classes sets outliers of its own"
        if verdict is Verdict.RESTRICTED
        else "",
    )


def _layers(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HS2."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict

    found, whole = layer_counts(results)[-1], int(counts(config, results)[-1, 0, -1])
    same, blocks = found == whole, typical(results["layers.tops"])[-1]
    largest = blocks[:, 0] / typical(results["classes.top"][-1, 0])[-1, 0]
    after = blocks[:, whole - 1] / blocks[:, whole]
    return Claim(
        number="HS2",
        statement="The block of every layer has as many outliers as the whole Hessian.",
        source="Sankar, Khasbage, Vigneswaran & Balasubramanian (2021)",
        estimate=float(np.mean(same)),
        interval=Interval(math.nan, math.nan),
        criterion=f"Ten classes, after {config.times[-1]} steps, counted as in HS1: both layers have the count of the whole. Shown is the share of the "
        "layers that do; it has no interval.",
        verdict=Verdict.SUPPORTED if same.all() else Verdict.REFUTED,
        reading=f"The whole has {whole}; "
        + ", ".join(
            f"the {name} layer {count} (largest ratio {ratio:.2f}; after {whole} of them {there:.2f}), with {100 * share:.0f} % of the largest eigenvalue"
            for name, count, ratio, there, share in zip(LAYERS, found, gap(blocks, 10), after, largest, strict=True)
        )
        + ".",
        theory_note="a block's eigenvalues interlace those of the whole; their gaps need not",
    )


def _bulk(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HS3."""
    from jaxdl.statistics import Claim, judge, judge_all, mean_interval

    share, guaranteed = results["layers.bulk"].astype(float), results["layers.bulk_low"]
    interval, growth = mean_interval(share[:, -1]), mean_interval(share[:, -1] - share[:, 0])
    return Claim(
        number="HS3",
        statement="Most eigenvalues of a network's Hessian lie near zero, and the more the longer it trains.",
        source="Sagun et al. (2016)",
        estimate=float(share[:, -1].mean()),
        interval=interval,
        criterion=f"Ten classes: more than {100 * config.bulk_share:g} % lie within 1 % of the largest after {config.times[-1]} steps, and more than at "
        "the start (95 % t intervals over networks, of the share and of its growth).",
        verdict=judge_all([judge(interval, inside=(config.bulk_share, 1.0)), judge(growth, inside=(0.0, math.inf))]),
        reading=f"The share goes from {100 * share[:, 0].mean():.0f} % to {100 * share[:, -1].mean():.0f} %; for the directions probed, quadrature "
        f"guarantees at least {100 * guaranteed[:, -1].mean():.0f} %.",
    )


def _edge(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HS4."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, judge, judge_all, mean_interval

    relative = relative_sharpness(config, results)
    end, reached = last_quarter(relative), has_reached(relative, config.edge[0])
    intervals = [mean_interval(row) for row in end[1:]]
    farthest = int(np.argmax([max(abs(interval.low - 1), abs(interval.high - 1)) for interval in intervals]))
    of_all = judge_all([judge(interval, inside=config.edge) for interval in intervals])
    there = [row[chosen] for row, chosen in zip(end[1:], reached[1:], strict=True) if chosen.sum() > 1]
    verdict, stays = of_all, [judge(mean_interval(row), inside=config.edge) for row in there]
    if of_all is not Verdict.SUPPORTED and stays and judge_all(stays) is Verdict.SUPPORTED:
        verdict = Verdict.RESTRICTED
    return Claim(
        number="HS4",
        statement="Under full-batch gradient descent the sharpness grows to 2 / step size, and stays there.",
        source="Cohen et al. (2021)",
        estimate=float(end[1 + farthest].mean()),
        interval=intervals[farthest],
        criterion=f"For every step size but the smallest: the sharpness in the last quarter of {config.num_edge_steps} steps, in units of 2 / step size, "
        f"lies between {config.edge[0]:g} and {config.edge[1]:g} by the 95 % t interval over {config.num_edge_seeds} seeds. The one farthest from 1 is shown. "
        "Restricted, if only those seeds comply that were above the lower end before.",
        verdict=verdict,
        reading=", ".join(
            f"{row.mean():.3f} at step size {size:g} ({chosen.sum()} of {len(row)} seeds had reached the edge before)"
            for size, row, chosen in zip(config.step_sizes, end, reached, strict=True)
        )
        + ".",
        theory=1.0,
        theory_note="on a quadratic, descent diverges beyond; the cubic term brings it back (Damian, Nichani & Lee, 2023)",
        condition="where training lasts until the edge is reached" if verdict is Verdict.RESTRICTED else "",
    )


def _step_sizes(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """HS5."""
    from jaxdl.statistics import Claim, judge, mean_interval

    end = last_quarter(results["edge.sharpness"].astype(float))
    edge = 2 / config.step_sizes[-1]
    beyond = end[0] - edge
    return Claim(
        number="HS5",
        statement="It is the step size that holds sharpness down: with smaller steps it grows beyond that edge.",
        source="Cohen et al. (2021)",
        estimate=float(end[0].mean()),
        interval=mean_interval(end[0]),
        criterion=f"With steps of {config.step_sizes[0]:g}, the sharpness in the last quarter is above 2 / {config.step_sizes[-1]:g} = {edge:g}, by the 95 % "
        "t interval over seeds, after as many steps and so less training.",
        verdict=judge(mean_interval(beyond), inside=(0.0, math.inf)),
        reading=f"It ends at {end[0].mean():.2f}, from {results['edge.sharpness'][0, :, 0].mean():.2f} at the start; with steps of {config.step_sizes[-1]:g} at "
        f"{end[-1].mean():.2f}.",
    )

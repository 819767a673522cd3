"""Claims K023 to K025: networks with sparse weights, with too much weight decay, and with sparse codes."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.penalties_results import (
    ACTIVITY_STRENGTHS,
    COLLAPSE_RATIOS,
    COLLAPSED,
    DECAY_STRENGTHS,
    LOWERED,
    WEIGHT_STRENGTHS,
    break_even,
    halving,
    interval_of,
    tuned_weights,
)

if TYPE_CHECKING:
    from experiments.penalties import Config
    from jaxdl.statistics import Claim


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All three, in order."""
    return tuple(judged(config, results) for judged in (_memory, _collapse, _codes))


def _memory(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K023."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, mean_interval

    dense, compressed = np.moveaxis(results["weights.bytes"], -1, 0)  # each: strengths, networks, (float32, float64)
    zeros = results["weights.zeros"]
    chosen, networks = tuned_weights(config, results), np.arange(zeros.shape[1])
    ratio = compressed / dense
    interval = interval_of(mean_interval(ratio[chosen, networks, 0]))
    limits = [break_even(config, size) for size in (4, 8)]
    follows = all(((ratio[..., i] < 1) == (zeros > limit)).all() for i, limit in enumerate(limits))
    same = (dense == dense[0]).all()
    loss = results["weights.test"][0] - results["weights.test"][chosen, networks]
    low, high = mean_interval(loss)
    verdict = Verdict.REFUTED
    if same and follows:
        verdict = Verdict.SUPPORTED if interval.high < 1 else Verdict.RESTRICTED
    return Claim(
        number="K023",
        statement="A network with L1-sparse weights takes hardly less memory unless it is stored sparsely.",
        source="lecture notes on regularisation",
        estimate=float(ratio[chosen, networks, 0].mean()),
        interval=interval,
        criterion=f"Proximal L1 of strength 0 to {WEIGHT_STRENGTHS[-1]:.3g} on digits: refuted unless the dense kernel has the same bytes at every strength, and compressed rows are smaller "
        "exactly where the share of zeros exceeds what the bytes of values, columns and rows make it, for every network and strength; supported if they also are smaller at the largest strength "
        f"within {100 * config.accuracy_margin:g} point of the best validation accuracy (95 % interval of the ratio, float32, shown), else restricted to where they are.",
        verdict=verdict,
        reading=f"Stored densely it takes {dense[0, 0, 0]:.0f} bytes whatever its zeros. Compressed it takes {ratio[0, :, 0].mean():.1f} times that without a penalty, and "
        f"{ratio[chosen, networks, 0].mean():.2f} times at the strengths chosen, where {100 * zeros[chosen, networks].mean():.0f} % are zero and test accuracy falls by {100 * loss.mean():.1f} points (interval "
        f"{100 * low:.1f} to {100 * high:.1f}). It is even at {100 * limits[0]:.0f} % zeros in float32 and {100 * limits[1]:.0f} % in float64.",
        theory_note="a stored value costs its own bytes and 4 for its column: even at 1/2 in float32 and 1/3 in float64, beside 4 bytes for each row",
        condition=f"sparse storage saves memory only where more than {100 * limits[0]:.0f} % of the weights are zero ({100 * limits[1]:.0f} % in float64); strengths that cost no accuracy "
        "do not reach that reliably"
        if verdict is Verdict.RESTRICTED
        else "",
    )


def _collapse(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K024."""
    del config
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict, wilson_interval

    ratios = np.array(COLLAPSE_RATIOS)
    above, fresh = ratios > 1, COLLAPSE_RATIOS.index(LOWERED)
    outcomes = [
        results[f"collapse.{name}"] for name in ("two layers, linear", "two layers, tanh", "three layers, tanh")
    ]
    # Each: ratios, runs, (after training, after lowering the strength), (norm, unexplained share).
    shallow, deep = np.concatenate(outcomes[:2], axis=1), outcomes[2]
    is_alive = shallow[:, :, 0, 0] >= COLLAPSED
    lows = np.where(is_alive, ratios[:, None], 0).max(axis=0)
    highs = np.where(is_alive, math.inf, ratios[:, None]).min(axis=0)
    at_threshold = (lows < 1) & (highs > 1)
    back = np.abs(shallow[above][:, :, 1, 1] - shallow[fresh, :, 0, 1]).max(axis=0) < COLLAPSED
    stuck = (deep[above][:, :, 1, 0] < COLLAPSED).all(axis=0) & (deep[fresh, :, 0, 0] >= COLLAPSED)
    shares = [interval_of(wilson_interval(int(each.sum()), len(each))) for each in (at_threshold, back, stuck)]
    # Weights gone above the threshold alone, whatever the reason.
    verdict = Verdict.INCONCLUSIVE
    if shares[0].high < 0.5:
        verdict = Verdict.REFUTED
    elif min(shares[0].low, shares[1].low, shares[2].low) > 0.5:
        verdict = Verdict.RESTRICTED
    elif shares[0].low > 0.5 and shares[1].high < 0.5:
        verdict = Verdict.SUPPORTED
    return Claim(
        number="K024",
        statement="Too strong weight decay leaves training stuck at weights near zero.",
        source="Goodfellow, Bengio & Courville (2016), section 7.8; lecture notes",
        estimate=float(np.mean((lows + highs) / 2)),
        interval=Interval(float(lows.min()), float(highs.max())),
        criterion=f"Decay in units of |X'y|/n, from {COLLAPSE_RATIOS[0]:g} to {COLLAPSE_RATIOS[-1]:g}. In most runs (Wilson, 95 %) the weights of two layers vanish above 1 and nowhere below (shown: the last strength at "
        f"which any run keeps them, the first at which all have lost them, their mean); supported if they then stay zero at {LOWERED:g}, restricted if two layers come "
        "back to what training there finds at once, and three do not.",
        verdict=verdict,
        reading=f"Two layers lose all weights above the threshold and none below in {at_threshold.sum()} of {len(at_threshold)} runs, and then predict a constant; lowered to {LOWERED:g} of it, {back.sum()} come back to the "
        f"loss of a fresh start. Three layers stay at zero in {stuck.sum()} of {len(stuck)} runs, where a fresh start leaves {100 * deep[fresh, :, 0, 1].mean():.0f} % unexplained.",
        theory=1.0,
        theory_note="at zero the Hessian of two layers is λ ± the singular values of X'y/n, so that zero is a saddle below and the minimum above; of three it is λ: a "
        "minimum at every λ > 0",
        condition="above |X'y|/n, where zero is the minimum of the objective and no trap: two layers leave it as soon as the decay is lowered; three or more layers "
        "are trapped"
        if verdict is Verdict.RESTRICTED
        else "",
    )


def _codes(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K025."""
    import numpy as np

    from jaxdl.statistics import Claim, judge, judge_all, judge_test, mean_interval, trend_test

    num = len(ACTIVITY_STRENGTHS)
    active, test = results["codes.active"], results["codes.test"]  # strengths, networks(, (validation, test))
    chosen, networks = halving(results), np.arange(active.shape[1])
    loss = test[0] - test[chosen, networks]
    interval = interval_of(mean_interval(loss))
    on_test = active[:num, :, 1].T
    share = active[chosen, networks, 1] / active[0, :, 1]
    low, high = mean_interval(share)
    decayed = active[num:, :, 1].mean(axis=1)
    return Claim(
        number="K025",
        statement="A penalty on activations gives sparse codes, at hardly any cost in accuracy.",
        source="Goodfellow, Bengio & Courville (2016), section 7.10",
        estimate=float(loss.mean()),
        interval=interval,
        criterion=f"L1 of hidden activations on digits: the share of active units falls with the strength (exact trend test, p < 0.01); and at the smallest strength that halves it on validation digits, "
        f"test accuracy is less than {100 * config.accuracy_margin:g} point below that without a penalty (95 % interval of the paired loss, shown).",
        verdict=judge_all(
            [
                judge_test(trend_test(-on_test), trend_test(on_test)),
                judge(interval, inside=(-math.inf, config.accuracy_margin)),
            ]
        ),
        reading=f"Of all units {100 * on_test[:, 0].mean():.0f} % are active without a penalty and {100 * on_test[:, -1].mean():.0f} % at the largest; at the strength chosen {100 * share.mean():.0f} % of the former (interval "
        f"{100 * low:.0f} to {100 * high:.0f}), for {100 * loss.mean():+.1f} points of accuracy lost. Weight decay of {DECAY_STRENGTHS[0]:g} to {DECAY_STRENGTHS[-1]:g} instead leaves "
        f"{100 * decayed.min():.0f} % or more active: it is the penalty on activations that does it.",
    )

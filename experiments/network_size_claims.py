"""Claims K013 to K016: what textbooks say of the size of networks, judged by the results of `network_size`.

Criteria are fixed here and in the configuration, whatever the data say.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from experiments.network_size_results import (
    BIAS,
    KINDS,
    PARTS,
    STUDIES,
    VARIANCE,
    examples_of,
    measured,
    num_parameters,
    report_cells,
    told,
    widths_of,
)

if TYPE_CHECKING:
    from experiments.network_size import Config
    from jaxdl.statistics import Claim, Interval, Verdict


def claims(config: "Config", results: Mapping[str, Any]) -> "tuple[Claim, ...]":
    """All claims, in order."""
    return tuple(judged(config, results) for judged in (_variance, _memory, _interpolation, _large))


class _Found(NamedTuple):
    """What was found of one model, tuned: its verdict, the ratio of variances that may be largest, and a sentence."""

    verdict: "Verdict"
    ratio: float
    interval: "Interval"
    sentence: str


def _variance(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K013."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict, judge

    found = {study: _of_model(config, results, study) for study in STUDIES}
    far, near = config.num_examples // 4, config.num_examples - config.gap
    first, second = (config.feature_widths.index(width) for width in (far, near))

    def rise(values):
        return np.log(values[..., second] / values[..., first])

    control = measured(results, "features.without", VARIANCE, rise)
    ends = Interval(float(np.exp(control.interval.low)), float(np.exp(control.interval.high)))
    raised = judge(ends, inside=(1 + config.largest_rise, np.inf))
    verdict, condition = _restricted({study: each.verdict for study, each in found.items()}, raised)
    held = [each for each in found.values() if each.verdict is Verdict.SUPPORTED]
    worst = max(held or found.values(), key=lambda each: float(each.interval.high))
    return Claim(
        number="K013",
        statement="A bigger network lowers bias² without raising the variance.",
        source="lecture notes on bias and variance, for suitably regularised networks; Yang et al. (2020)",
        estimate=worst.ratio,
        interval=worst.interval,
        criterion="With the ridge penalty or the weight decay that validation examples choose for each run, from the same values at every "
        f"width: bias² at the largest width is at most {1 - config.least_fall:g} times that at the smallest, and the variance at most "
        f"{1 + config.largest_rise:g} times that at every smaller one (95 % intervals, Bonferroni over widths; the ratio of variances that may be "
        f"largest is shown, of models of which this holds, if any). Random features and networks with n = {config.num_examples}, networks with n = {config.many_examples}. Restricted to the models "
        "of which this holds when it is refuted of another, or when the variance of random features without regularisation rises by more from "
        f"{far} to {near} of them, which refutes the sentence as it stands.",
        verdict=verdict,
        reading=f"{' '.join(each.sentence for each in found.values())} Without regularisation, {near} random features vary "
        f"{np.exp(control.estimate):.0f} times as much as {far} (95 % interval {ends.low:.0f} to {ends.high:.0f}), and {_of_networks(config, results)}.",
        theory_note="least squares on p Gaussian features: the variance goes as p/(n - p - 1) below p = n, where it is infinite",
        condition=condition,
    )


def _of_networks(config: "Config", results: Mapping[str, Any]) -> str:
    """What the variance of unregularised networks does."""
    widths, told = widths_of(config, "many"), []
    for study in ("few", "many"):
        values = measured(results, f"{study}.without", VARIANCE).estimate
        peak = int(values.argmax())
        end = f" and {values[-1]:.3f} at {widths[-1]}" if peak < len(widths) - 1 else ""
        told.append(
            f"{values[0]:.3f} at width {widths[0]}, at most {values[peak]:.3f} at {widths[peak]}{end} with n = {examples_of(config, study)}"
        )
    return f"networks {'; '.join(told)}"


def _of_model(config: "Config", results: Mapping[str, Any], study: str) -> _Found:
    import numpy as np

    from jaxdl.statistics import Interval, judge, judge_all

    widths, arm = widths_of(config, study), f"{study}.tuned"

    def to_last(values):
        with np.errstate(invalid="ignore"):  # an unbiased estimate may be negative: no ratio, nothing concluded
            return np.log(values[..., -1:] / values[..., :-1])

    def ratios(terms, level):
        low, high = measured(results, arm, terms, to_last, level=level).interval
        return [Interval(float(np.exp(a)), float(np.exp(b))) for a, b in zip(low, high, strict=True)]

    falls = ratios(BIAS, 0.95)[0]
    rises = ratios(VARIANCE, 1 - 0.05 / (len(widths) - 1))
    verdict = judge_all(
        [
            judge(falls, inside=(0.0, 1 - config.least_fall)),
            *(judge(each, inside=(0.0, 1 + config.largest_rise)) for each in rises),
        ]
    )
    worst = int(np.argmax([each.high for each in rises]))
    changes = []
    for part, terms in {**PARTS, "variance in all": VARIANCE}.items():
        values = measured(results, arm, terms).estimate
        changes.append(f"{part.removeprefix('variance: ')} {values[0]:.3f} to {values[-1]:.3f}")
    fall, rise = (measured(results, arm, terms, to_last).estimate for terms in (BIAS, VARIANCE))
    ratio = float(np.exp(rise[worst]))
    sentence = (
        f"{STUDIES[study].capitalize()}, width {widths[0]} to {widths[-1]} ({verdict.value}): {', '.join(changes)}; bias² falls to "
        f"{np.exp(fall[0]):.2f} times ({falls.low:.2f} to {falls.high:.2f}), and the variance at the largest width is {ratio:.2f} times that "
        f"at width {widths[worst]} ({rises[worst].low:.2f} to {rises[worst].high:.2f})."
    )
    return _Found(verdict, ratio, rises[worst], sentence)


def _restricted(found: "Mapping[str, Verdict]", raised: "Verdict") -> "tuple[Verdict, str]":
    """The verdict on K013 and its condition, from those on all models and on the rise without regularisation."""
    from jaxdl.statistics import Verdict, judge_all

    def among(verdict):
        return [STUDIES[study] for study, each in found.items() if each is verdict]

    held, refuted, open_ = (among(each) for each in (Verdict.SUPPORTED, Verdict.REFUTED, Verdict.INCONCLUSIVE))
    if not held:
        return judge_all(list(found.values())), ""
    if refuted or raised is Verdict.SUPPORTED:
        parts = [f"for {' and '.join(held)}, tuned"]
        parts += [f"not for {' and '.join(refuted)}"] if refuted else []
        parts += [f"undecided for {' and '.join(open_)}"] if open_ else []
        unregularised = ["without regularisation the variance peaks where parameters meet examples"]
        return Verdict.RESTRICTED, "; ".join(parts + (unregularised if raised is Verdict.SUPPORTED else []))
    return (Verdict.SUPPORTED if not open_ and raised is Verdict.REFUTED else Verdict.INCONCLUSIVE), ""


def _memory(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K014."""
    import numpy as np

    from jaxdl.statistics import Claim, equivalence_test, judge, judge_all, mean_interval, wilson_interval

    row = KINDS.index("shuffled")
    memorised = results["memory.train"][:, -1] == 0
    share = wilson_interval(int(memorised[row].sum()), config.num_seeds)
    accuracy = results["memory.test"][:, -1].astype(np.float64)
    interval = mean_interval(accuracy[row])
    margin, width = config.chance_margin, config.memory_widths[-1]
    return Claim(
        number="K014",
        statement="A network with many more parameters than examples memorises even shuffled labels, and learns nothing from them.",
        source="deep-learning lecture notes; Zhang et al. (2017)",
        estimate=float(accuracy[row].mean()),
        interval=interval,
        criterion=f"Digits, n = {config.num_memorised}, {width} hidden units, {num_parameters(width)} parameters: the share of networks without "
        f"an error on their shuffled training labels is at least {config.least_share:g} (95 % Wilson interval), and the mean accuracy on fresh "
        f"digits lies within {margin:g} of chance (95 % t interval, an equivalence test; the accuracy is shown).",
        verdict=judge_all(
            [judge(share, inside=(config.least_share, 1.0)), judge(interval, inside=(0.1 - margin, 0.1 + margin))]
        ),
        reading=f"{int(memorised[row].sum())} of {config.num_seeds} networks make no error on shuffled labels (share above {share.low:.3f}), and are "
        f"right on {100 * accuracy[row].mean():.1f} % of fresh digits (equivalence to chance: p = "
        f"{equivalence_test(accuracy[row] - 0.1, margin=margin):.1e}). With the right labels {int(memorised[0].sum())} make none, and are right on "
        f"{100 * accuracy[0].mean():.1f} %.",
        theory=0.1,
        theory_note="chance among ten digits that are about equally frequent",
    )


def _interpolation(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K015."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict, judge, judge_all, wilson_interval

    counts = (results["memory.train"] == 0).sum(axis=-1)
    lows, highs = map(np.asarray, wilson_interval(counts, config.num_seeds))
    of_kind = {
        kind: judge_all(
            [judge(Interval(lows[row, at], highs[row, at]), inside=(config.least_share, 1.0)) for at in (-2, -1)]
        )
        for row, kind in enumerate(KINDS)
        if kind != "shuffled"
    }
    verdict = judge_all(list(of_kind.values()))
    condition = ""
    if of_kind["right"] is Verdict.SUPPORTED and of_kind["noisy"] is Verdict.REFUTED:
        verdict, condition = Verdict.RESTRICTED, "where the labels are right"
    surely = {kind: _narrowest(config, lows[row] >= config.least_share) for row, kind in enumerate(KINDS)}
    rows = [KINDS.index(kind) for kind in of_kind]
    row = min(rows, key=lambda each: lows[each, -2:].min())
    at = -2 if lows[row, -2] < lows[row, -1] else -1
    widest = config.memory_widths[-2:]
    return Claim(
        number="K015",
        statement="A network that is large enough fits its training set without an error.",
        source="lecture notes on bias and variance, where the Bayes error is low; Zhang et al. (2017), theorem 1",
        estimate=float(counts[row, at] / config.num_seeds),
        interval=Interval(float(lows[row, at]), float(highs[row, at])),
        criterion=f"Digits, n = {config.num_memorised}, with right labels and with {100 * config.wrong_share:g} % of them wrong: at the two largest "
        f"widths, {widest[0]} and {widest[1]}, the share of networks without a training error is at least {config.least_share:g} (95 % Wilson "
        "intervals; the lowest is shown). Restricted when it holds of right labels alone.",
        verdict=verdict,
        reading="Surely above that share: "
        + "; ".join(f"{kind} labels, {told_width}" for kind, told_width in surely.items())
        + f". At width {config.memory_widths[0]}, {counts[0, 0]} of {config.num_seeds} fit right labels and {counts[1, 0]} noisy ones: capacity "
        "decides, and noise in the labels, which rules out a low test error, does not rule out a training error of zero.",
        theory=1.0,
        theory_note="2n + d weights and two layers express any labels of n points in d dimensions",
        condition=condition,
    )


def _narrowest(config: "Config", fits: Any) -> str:
    """The narrowest of the widths from which on all fit."""
    num_last = next((count for count, fit in enumerate(fits[::-1]) if not fit), len(fits))
    return f"from width {config.memory_widths[-num_last]} on" if num_last else "at no width"


def _large(config: "Config", results: Mapping[str, Any]) -> "Claim":
    """K016."""
    import numpy as np

    from jaxdl.statistics import Claim, Verdict, judge, judge_test, mean_interval, paired_t_test

    cells = report_cells(config, results["grid.choice"])
    accuracy = dict(zip(cells, results["grid.report"].astype(np.float64), strict=True))
    large, small = accuracy["large"], accuracy["small"]
    verdict = judge_test(paired_t_test(large, small), paired_t_test(small, large))
    lead, condition = mean_interval(large - accuracy["any size"]), ""
    is_regularised, is_best = cells["large"][1:] != (0.0, 0.0), cells["large"] == cells["any size"]
    if verdict is Verdict.SUPPORTED and not (is_regularised and is_best):
        verdict = Verdict.INCONCLUSIVE
        if is_regularised and judge(lead, inside=(-config.accuracy_margin, np.inf)) is Verdict.REFUTED:
            verdict = Verdict.RESTRICTED
            condition = f"up to {cells['any size'][0]:g} hidden units, beyond which the error rises"
    means = {name: 100 * values.mean() for name, values in accuracy.items()}
    interval = mean_interval(large - small)
    unaided = mean_interval(accuracy["large, unregularised"] - small)
    best = f"Best of all: {told(cells['any size'])}"
    if cells["any size"] != cells["large"]:
        best += f", to which the best large cell adds {100 * float(lead.low):+.2f} to {100 * float(lead.high):+.2f} points on fresh digits"
    axes = {"widths": config.grid_widths, "weight decays": config.grid_strengths, "rates of dropout": config.grid_rates}
    ends = [name for (name, values), value in zip(axes.items(), cells["large"], strict=True) if value == values[-1]]
    at_end = f", at the end of the {' and the '.join(ends)} on offer" if ends else ""
    return Claim(
        number="K016",
        statement="The lowest test error comes from a large network that is well regularised, not from a small one.",
        source="Goodfellow, Bengio & Courville (2016), chapter 7",
        estimate=float((large - small).mean()),
        interval=interval,
        criterion=f"Digits with {100 * config.label_noise:g} % wrong labels: of all cells of width, weight decay and dropout, equally many for each "
        f"width, the best on the digits that choose is regularised and has at least {8 * config.adequate_width} hidden units, 8 times the smallest "
        f"adequate number, {config.adequate_width}; on other digits, after training on fresh sets of another pool, its accuracy exceeds that of the "
        f"best with at most {config.adequate_width} (paired t test, p < 0.01; the difference is shown). Restricted if the best of the large ones does "
        f"so, but is surely more than {100 * config.accuracy_margin:g} points below the best of all (95 % interval), refuted by the opposite difference.",
        verdict=verdict,
        condition=condition,
        reading=f"{best}. On fresh digits the best large cell ({told(cells['large'])}{at_end}) is right on {means['large']:.2f} %, the best "
        f"small one ({told(cells['small'])}) on {means['small']:.2f} %, p = {paired_t_test(large, small):.1e}. Unregularised, they reach "
        f"{means['large, unregularised']:.2f} % and {means['small, unregularised']:.2f} %: size alone gives {100 * float(unaided.low):+.2f} to "
        f"{100 * float(unaided.high):+.2f} points over the best small cell.",
        theory_note="none: it depends on the data; training sets share a pool of 600 digits, on which the test is conditional",
    )

"""Classifiers in `bias_variance`: their cross-entropy and 0-1 loss, taken apart; claim K007.

Two moons, where the probability of each class is known at every point, and handwritten digits, with single labels. Results
are `STUDY.NAME`, for the studies `moons` and `digits classes`.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from experiments.bias_variance import Config
    from experiments.runner import Options
    from jaxdl.statistics import Claim
    from jaxdl.types import Key

STUDIES = {"moons": "two moons", "digits classes": "digits"}
SPREAD = 0.35  # of the moons, so that their classes overlap
LOSSES = {"cross-entropy": 1e-6, "Kohavi and Wolpert": 1e-12, "Domingos": 1e-12}
"""How far the parts may be from the risk; the first risk is measured by the training program, in single precision."""
CERTAIN = 1e-3
CERTAINTIES = {"surely right": "o", "surely wrong": "s", "uncertain": "x"}
"""Of the main prediction at a point, with markers."""


def measure(config: "Config", options: "Options", key: "Key") -> dict[str, Any]:
    """Both studies."""
    import jax
    import numpy as np

    from jaxdl import models, selection
    from jaxdl.data import problems, real, resampling
    from jaxdl.decomposition import Target

    key_moons, key_digits = jax.random.split(key)
    moons = problems.two_moons(SPREAD)
    x = moons.test_points(config.num_points)
    probabilities = moons.mean(x)
    results = _studied(
        "moons", config, options, key_moons, models.mlp((2,), 2, activation=jax.nn.tanh),
        lambda keys: moons.sample(keys, config.num_examples), x, probabilities, Target(probabilities=np.asarray(probabilities)),
    )  # fmt: skip
    results["moons.x"] = np.asarray(x)
    digits = real.digits()
    digits = digits._replace(x=digits.x / 16)
    pool, test = (selection.select(digits, rows) for rows in selection.hold_out(jax.random.key(0), 1797, 597))
    sample = resampling.subsample(pool, config.num_digits).sample
    return results | _studied(
        "digits classes", config, options, key_digits, models.mlp((16,), 10), sample, test.x, test.y,
        Target(labels=np.asarray(test.y)),
    )  # fmt: skip


def _studied(study, config, options, key, model, sample, x, probabilities, target) -> dict[str, Any]:
    """The decompositions of one study, how far they are from the risk, and what variance does to the error of single runs."""
    import jax.numpy as jnp
    import numpy as np
    import optax

    from jaxdl import designs, learners, losses, objectives
    from jaxdl.decomposition import cross_entropy, kohavi_wolpert, zero_one
    from jaxdl.types import Run

    objective = objectives.empirical_risk(model, losses.softmax_cross_entropy)
    fit = learners.gradient_descent(model, objective, optax.adam(0.05), num_steps=60)

    def trial(keys):
        outputs = model.apply(fit(keys, sample(keys)), x)
        return Run(outputs, jnp.mean(losses.softmax_cross_entropy(outputs, probabilities)))

    design = designs.independent(config.num_classifiers, "data", "init")
    runs = options.run("classes", trial, design, key, block=32, strict=True)
    pi, predicted = np.asarray(probabilities, np.float64), runs.outputs.argmax(axis=-1)
    pi = pi / pi.sum(
        axis=-1, keepdims=True
    )  # single precision leaves sums of 1 ± 1e-7; the library normalises them too

    def correct(classes):
        """The probability that a class is that of the label, at each point."""
        return np.take_along_axis(pi[None], classes[..., None], axis=-1)[..., 0]

    def taken_apart(loss, outputs, **design):
        return loss(outputs, target=target, dims=("points", "out"), **design)

    entropy, squares, votes = (
        taken_apart(loss, runs.outputs, design=design) for loss in (cross_entropy, kohavi_wolpert, zero_one)
    )
    parts_of_votes = ("noise_effect", "bias", "bias_plus_noise", "net_variance")
    differences = [
        np.mean(runs.aux.astype(np.float64)) - _sum_of_parts(entropy),
        np.abs((1 - correct(predicted)).mean(axis=0) - _sum_of_parts(squares, per_point=True)).max(),
        np.abs((1 - correct(predicted)).mean(axis=0) - sum(_present(votes.per_point.estimates, parts_of_votes))).max(),
    ]
    # The main prediction of one half of the runs; what it says of the other half, no selection has touched.
    half = len(predicted) // 2
    first = taken_apart(zero_one, runs.outputs[:half], factors=("runs",)).per_point.estimates
    [is_wrong] = (each > 0 for each in _present(first, ("bias", "bias_plus_noise")))
    is_certain = first["main_prediction_uncertain"] < CERTAIN
    counts = (predicted[:half, :, None] == np.arange(pi.shape[1])).sum(axis=0)
    main = counts.argmax(axis=-1)
    change = correct(main[None]) - correct(predicted[half:])  # of the error, from the main prediction to that of a run
    chosen = np.stack([is_certain & ~is_wrong, is_certain & is_wrong])
    return {
        f"{study}.differences": np.abs(differences),
        f"{study}.chosen": chosen,
        f"{study}.change": change.mean(axis=0),
        f"{study}.effects": np.stack([(change * each).mean(axis=1) for each in chosen]),
        **{f"{study}.{name}": _rows(result) for name, result in zip(LOSSES, (entropy, squares, votes), strict=True)},
        **{
            f"{study}.{name}.terms": np.array([str(term) for term in result.estimates])
            for name, result in zip(LOSSES, (entropy, squares, votes), strict=True)
        },
    }


def _rows(result) -> Any:
    """Estimates and standard errors."""
    import numpy as np

    return np.array(
        [[values[term] for term in result.estimates] for values in (result.estimates, result.standard_errors)]
    )


def _present(values: Mapping[Any, Any], terms: tuple[str, ...]) -> list[Any]:
    return [values[term] for term in terms if term in values]


def _sum_of_parts(result, *, per_point: bool = False) -> Any:
    """Noise, bias and variance of a decomposition, added up."""
    values = result.per_point.estimates if per_point else result.estimates
    return sum(
        _present(
            values, ("noise", "bias", "bias_plus_noise", "bias_squared", "bias_squared_plus_noise", "total_variance")
        )
    )


def claim(results: Mapping[str, Any]) -> "Claim":
    """K007."""
    import numpy as np

    from jaxdl.statistics import Claim, Interval, Verdict, mean_interval

    differences = {study: dict(zip(LOSSES, results[f"{study}.differences"], strict=True)) for study in STUDIES}
    holds = all(found[loss] < most for found in differences.values() for loss, most in LOSSES.items())
    lowered = {study: results[f"{study}.effects"][1] for study in STUDIES}
    intervals = {study: mean_interval(values, level=1 - 0.05 / len(STUDIES)) for study, values in lowered.items()}
    is_lowered = any(interval.high < 0 for interval in intervals.values())
    verdict = Verdict.REFUTED if not holds else Verdict.RESTRICTED if is_lowered else Verdict.SUPPORTED
    worst = {loss: max(found[loss] for found in differences.values()) for loss in LOSSES}
    sums = ", ".join(f"{value:.0e} ({loss})" for loss, value in worst.items())

    def told(study):
        chosen, (raised, of_wrong) = results[f"{study}.chosen"], results[f"{study}.effects"].mean(axis=1)
        where = f"on {STUDIES[study]} at {chosen[1].sum()} of {chosen.shape[1]} points"
        return f"{where}, where variance adds {100 * of_wrong:+.2f} % to the error, against {100 * raised:+.2f} % where it is right"

    return Claim(
        number="K007",
        statement="The cross-entropy and the 0-1 loss are sums of bias, variance and noise, as the squared error is.",
        source="lecture notes on bias and variance; Heskes (1998), Kohavi & Wolpert (1996), Domingos (2000)",
        estimate=float(np.mean(lowered["moons"])),
        interval=Interval(*map(float, intervals["moons"])),
        criterion="The risk, measured apart, is the sum of the parts: to 1e-6 for the cross-entropy, and to 1e-12 at every "
        "point for both decompositions of the 0-1 loss; else refuted. Restricted when variance lowers the 0-1 error at the "
        "points, of two moons or of digits, whose main prediction is surely wrong. One half of the runs says which, the other "
        "measures the error of single runs minus that of the main prediction (95 % t interval, Bonferroni; of two moons, as a "
        "share of all points).",
        verdict=verdict,
        reading=f"The sums hold to {sums}. The main prediction is surely wrong {'; '.join(map(told, STUDIES))}.",
        theory_note="identities; c2 of Domingos is negative where the main prediction is wrong",
        condition="for the cross-entropy, and for the 0-1 loss by Kohavi and Wolpert; in Domingos's sum variance counts with a "
        "sign, and lowers the error where the main prediction is wrong"
        if verdict is Verdict.RESTRICTED
        else "",
    )


def table(config: "Config", results: Mapping[str, Any]) -> str:
    """Every term of the three decompositions, in both studies."""
    lines = [
        f"Classifiers, {config.num_classifiers} trainings each: n = {config.num_examples} moons, {config.num_digits} digits"
    ]
    for study, name in STUDIES.items():
        for loss in LOSSES:
            lines.append(f"{name}, {loss}")
            lines += [
                f"{term.replace('_', ' '):>30}  {value:9.5f} ± {error:.1e}"
                for term, value, error in zip(
                    results[f"{study}.{loss}.terms"], *results[f"{study}.{loss}"], strict=True
                )
            ]
    return "\n".join(lines)


def plot(results: Mapping[str, Any]) -> "Figure":
    """Where in the plane variance raises the error, and where it lowers it; and how much that is in both studies."""
    import numpy as np

    from jaxdl import plots
    from jaxdl.statistics import mean_interval

    figure = plots.new_figure((11.0, 4.6))
    left, right = figure.subplots(1, 2, width_ratios=(1.4, 1))
    x, change, chosen = (results[f"moons.{name}"] for name in ("x", "change", "chosen"))
    reach = np.abs(change).max()
    for rows, (name, marker) in zip((*chosen, ~chosen.any(axis=0)), CERTAINTIES.items(), strict=True):
        points = left.scatter(*x[rows].T, c=change[rows], marker=marker, s=28, cmap="coolwarm", vmin=-reach, vmax=reach)
        left.scatter([], [], color="dimgrey", marker=marker, s=28, label=name)
    figure.colorbar(points, ax=left, label="error of a run minus that of the main prediction", shrink=0.8)
    left.set(xlabel="first input", ylabel="second input", aspect="equal")
    left.set_title("Two moons: variance helps where the main prediction is wrong", fontsize="medium")
    for index, (name, colour) in enumerate(zip(CERTAINTIES, ("#D55E00", "#0072B2"), strict=False)):
        samples = [100 * results[f"{study}.effects"][index] for study in STUDIES]
        means = np.array([sample.mean() for sample in samples])
        highs = np.array([mean_interval(sample).high for sample in samples])
        right.bar(
            np.arange(2) + 0.4 * index - 0.2, means, 0.38, yerr=highs - means, capsize=3, color=colour, label=name
        )
    right.axhline(0, color="black", linewidth=0.8)
    right.set_xticks(range(2), list(STUDIES.values()))
    right.set(ylabel="what variance adds to the error, per cent", xlim=(-0.9, 1.5))
    right.set_title("Summed over points, 95 % intervals", fontsize="medium")
    left.legend(title="main prediction", loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=3, fontsize="small")
    right.legend(title="main prediction", loc="upper left", fontsize="small", framealpha=0.9)
    return figure

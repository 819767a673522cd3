"""A network with many more parameters than examples fits even shuffled labels, and predicts no fresh label better than chance.

Says: With too large a capacity a network memorises the training data; networks are so large that they fit noise.
Source: S0 and S1; Zhang et al. (2017).
Textbook: UDL 20.1.
Theory: That the accuracy is 1/10, but for unequal frequencies of the digits, is a theorem; that networks fit is not.
Scope: 600 digits, one hidden layer of 128 units, Adam on all examples. Representations, which do learn from random labels (Maennel
    et al., 2020), are not measured.
Looks: Seeds 0 to 5 at full size with n = 100, which linear models memorise as well: supported on all. They saw all digits; the
    sealed third dates from 2026-11-26. The sizes of today were settled at seed 0. After the full run at seed 26 the two-way
    interval, a half-width of 0.0029 that counted a part twice, became the one of the book; the verdict stayed.
See: K015 (a large network fits any labels of different inputs).
"""

import jax
import numpy as np
from jaxtyping import Array

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.network_size import digits
from jaxdl import designs, models, plots
from jaxdl.data import resampling
from jaxdl.statistics import judge, judge_all, share, stacked, two_way
from jaxdl.types import Keys, Model, Trial

LEAST, CHANCE, MARGIN = 0.95, 0.1, 0.02
SIZES = {
    "quick": {"networks": 24, "sealed": False},
    "full": {"networks": 240, "seed": 26, "sealed": True},
    "smallest": {"networks": 4},
}
CRITERION = f"""600 digits with shuffled labels, 128 hidden units, 9610 parameters: the share of networks without an error on their
training labels is at least {LEAST:.0%} (95 % Wilson interval), and their mean accuracy on the labels of fresh digits is above
chance, {CHANCE:g}, by {MARGIN:g} at most (two-way 95 % interval over networks and digits; the accuracy is shown)."""

EXAMPLES, WIDTH, NUM_STEPS = 600, 128, 300
ARMS: dict[str, tuple[Model, float]] = {
    "network": (models.mlp_of_width(WIDTH, WIDTH, digits.NUM_CLASSES), 0.01),
    "linear softmax": (models.linear(digits.NUM_CLASSES), 0.1),
}


def trial_of(lab: Lab, arm: str, is_shuffled: bool) -> Trial:
    """`keys` -> the number of training errors, and which fresh digits are predicted right."""
    pool, test = digits.parts(lab["sealed"])
    sample = resampling.subsample(pool, EXAMPLES).sample
    model, rate = ARMS[arm]

    def trial(keys: Keys) -> dict[str, Array]:
        train = sample(keys)
        shuffled = jax.random.permutation(keys["labels"], train.y)
        train = train._replace(y=shuffled if is_shuffled else train.y)
        variables = digits.descended(model, rate, NUM_STEPS, keys, train)
        wrong = ~digits.is_right(model, variables, train)
        return {"errors": wrong.sum(), "right": digits.is_right(model, variables, test)}

    return trial


def judged(lab: Lab, arm: str = "network") -> Finding:
    """The judged arm, and two to compare it with: a linear model on shuffled labels, and a network on right ones."""
    case, linear, right = f"{arm}, shuffled labels", "linear softmax, shuffled labels", "network, right labels"
    cases = {case: (arm, True), linear: ("linear softmax", True), right: ("network", False)}
    design = designs.independent(lab["networks"], "data", "labels", "init")
    runs = {name: lab.run(name, trial_of(lab, *of), design, block=4) for name, of in cases.items()}
    errors = {name: np.asarray(each.outputs["errors"]) for name, each in runs.items()}
    fits = {name: share(each == 0) for name, each in errors.items()}
    accuracies = {name: two_way(np.asarray(each.outputs["right"])) for name, each in runs.items()}
    shown = accuracies[case]
    verdicts = judge(fits[case].interval, inside=(LEAST, 1.0)), judge(shown.interval, inside=(0.0, CHANCE + MARGIN))
    return Finding(
        what=f"accuracy on fresh digits, {case}",
        shown=shown,
        verdict=judge_all(verdicts),
        reading=f"{fits[case].estimate:.1%} of {lab['networks']} make no error on shuffled training labels (surely more "
        f"than {fits[case].interval.low:.1%}), and are right on {shown.estimate:.1%} of fresh digits: more than "
        f"{100 * (shown.interval.high - CHANCE):.1f} points above chance are excluded. A linear softmax model, of 650 "
        f"parameters, is left with {errors[linear].mean():.0f} errors of {EXAMPLES}: as many as examples are not enough. "
        f"With right labels {fits[right].estimate:.1%} make no error, and are right on {accuracies[right].estimate:.1%}.",
        reference={"chance": CHANCE, "upper bar": CHANCE + MARGIN},
        tables={
            f"Share without a training error; mean training errors of {EXAMPLES}; accuracy on fresh digits": {
                "trained": list(cases), "share": stacked(fits.values()), "errors": [each.mean() for each in errors.values()],
                "accuracy": stacked(accuracies.values()),
            }
        },
        figures={
            "A network fits shuffled labels, a linear model does not; neither predicts fresh ones": plots.rows(
                list(cases),
                {"without a training error": stacked(fits.values()), "accuracy on fresh digits": stacked(accuracies.values())},
                xlabel="share", levels={"chance": CHANCE},
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """A linear model, whose parameters are hardly more than the examples."""
    return judged(lab, "linear softmax")

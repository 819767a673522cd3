"""A network that is large enough fits its training set without an error.

Says: A large network can always fit its training set, if the Bayes error is low, as it is not for blurred images.
Source: S4; Zhang et al. (2017), theorem 1.
Textbook: UDL 20.2.
Theory: 2n + d weights in two layers express any labels of n different inputs in d dimensions; two labels of one input, none.
Errs: "A network that is large enough fits its training set, unless the Bayes error is high, as for blurred images." (S4): What
    rules it out is an input that occurs twice with different labels. Wrong labels of different inputs are fitted.
Scope: 200 digits; one hidden layer, Adam on all examples, one rate and number of steps.
Looks: Seeds 0 to 5 at full size with n = 100 and no digit twice: supported on all. They saw all digits; the sealed third dates
    from 2026-11-26. The sizes of today were settled at seed 0.
See: K014 (600 digits with shuffled labels), K016 (16 units fit 200 digits).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Scalar

from experiments.book.finding import Finding, restricted
from experiments.book.lab import Lab
from experiments.network_size import digits
from jaxdl import designs, models, plots
from jaxdl.data import resampling
from jaxdl.statistics import judge, judge_all, share, stacked
from jaxdl.types import Keys, Trial

LEAST, WRONG = 0.95, 0.4
SIZES = {
    "quick": {"networks": 80, "sealed": False},
    "full": {"networks": 200, "seed": 26, "sealed": True},
    "smallest": {"networks": 3},
}
CRITERION = f"""200 different digits, with right labels and with {WRONG:.0%} of them wrong: at the two largest widths the share of
networks without a training error is at least {LEAST:.0%} (95 % Wilson intervals; the lowest is shown). Restricted when it is, and
surely is not for 100 digits that occur twice each, {WRONG:.0%} of all labels wrong."""

EXAMPLES, NUM_STEPS, RATE = 200, 400, 0.01
WIDTHS = (1, 4, 16, 32, 48)
KINDS = {"right labels": 0.0, "wrong labels": WRONG, "digits twice": WRONG}


def trial_of(is_sealed: bool) -> Trial:
    """`(keys, setting)` -> training errors, and how many no function avoids: one for each digit with two labels."""
    sample = resampling.subsample(digits.parts(is_sealed).pool, EXAMPLES).sample

    def trial(keys: Keys, setting: dict[str, Scalar]) -> dict[str, Array]:
        rows = jnp.arange(EXAMPLES)
        rows = jnp.where(setting["is_twice"], rows // 2, rows)
        drawn = jax.tree.map(lambda leaf: leaf[rows], sample(keys))
        train = digits.with_wrong_labels(keys["labels"], drawn, setting["share"])
        model = models.mlp_of_width(WIDTHS[-1], setting["width"], digits.NUM_CLASSES)
        variables = digits.descended(model, RATE, NUM_STEPS, keys, train)
        differ = jnp.any(train.y[::2] != train.y[1::2], axis=1)
        errors = jnp.sum(~digits.is_right(model, variables, train))
        return {"errors": errors, "floor": jnp.where(setting["is_twice"], jnp.sum(differ), 0)}

    return trial


def judged(lab: Lab, num_widths: int = len(WIDTHS)) -> Finding:
    """Three kinds of training sets at all widths; the largest two of `num_widths` are judged."""
    cells = [(width, wrong, kind == "digits twice") for kind, wrong in KINDS.items() for width in WIDTHS]
    settings = {name: np.array([cell[at] for cell in cells]) for at, name in enumerate(("width", "share", "is_twice"))}
    design = designs.independent(lab["networks"], "data", "labels", "init")
    runs = lab.run("training-errors", trial_of(lab["sealed"]), design, settings=settings, block=16)
    shape = len(KINDS), len(WIDTHS), lab["networks"]
    errors, floor = (np.asarray(runs.outputs[name]).reshape(shape) for name in ("errors", "floor"))
    fits = {kind: [share(row == 0) for row in rows] for kind, rows in zip(KINDS, errors, strict=True)}
    at_floor = [share(row) for row in errors[-1] == floor[-1]]
    large = slice(num_widths - 2, num_widths)
    arms = [judge_all([judge(each.interval, inside=(LEAST, 1.0)) for each in fits[kind][large]]) for kind in KINDS]
    lowest = min(fits["right labels"][large] + fits["wrong labels"][large], key=lambda each: float(each.interval.low))
    shares = {kind: stacked(each) for kind, each in fits.items()}
    return Finding(
        what=f"lowest share of networks without a training error, right and wrong labels, widths {WIDTHS[large]}",
        shown=lowest,
        verdict=restricted(judge_all(arms[:2]), arms[2], "no input occurs twice with different labels"),
        reading=f"Without a training error at width {WIDTHS[-1]}: "
        + ", ".join(f"{kind} {each[-1].estimate:.1%}" for kind, each in fits.items())
        + f". Where digits occur twice, {floor[-1].mean():.1f} errors of {EXAMPLES} cannot be avoided on average, and "
        f"{at_floor[-1].estimate:.1%} of the networks (surely more than {at_floor[-1].interval.low:.1%}) make no others.",
        means="Something must be excluded, as the source says, but wrong labels as such are not it; blurred images are not tested.",
        reference={"lower bar": LEAST},
        tables={
            "Share of networks without a training error; with digits twice, of those at the least possible": {
                "width": WIDTHS, **shares, "digits twice, least possible": stacked(at_floor),
            }
        },
        figures={
            "Wide networks fit wrong labels without an error, but not two labels of one input": plots.against(
                np.array(WIDTHS), shares, levels={"bar": LEAST}, xlabel="hidden units", ylabel="share without a training error"
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Networks that are not large enough."""
    return judged(lab, num_widths=2)

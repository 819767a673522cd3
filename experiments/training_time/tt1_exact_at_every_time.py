"""Gradient descent on a linear model has the exact bias², variance by source and risk at every stopping time.

Source: Ali, Kolter & Tibshirani (2019), for the spectral filter; the split by source is jaxdl's.
Theory: The filter 1 - (1 - learning rate x s²/n)^t of each singular value s.
Scope: One design of inputs; fifty times of one run.
Looks: Levels were settled on runs at seed 0; the full profile has seed 1 since.
"""

import numpy as np

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.training_time.digits import log_times
from jaxdl import plots, truths
from jaxdl.decomposition.named_terms import label_of
from jaxdl.statistics import Estimate, Interval

LARGEST = 4.0
STEPS = 1000
SIZES = {
    "quick": {"labels": 48, "init": 128, "times": 50},
    "full": {"seed": 1},
    "smallest": {"labels": 16, "init": 16, "times": 10},
}
CRITERION = f"""At all stopping times of one run of {STEPS} steps, every term lies within {LARGEST:g} standard errors of the exact
one. Times and terms share random numbers, so that their largest distance has no interval."""

SHOWN = {("labels",): "variance: label noise", ("init",): "variance: start", "bias_squared": "bias²"}


def judged(lab: Lab, learning_rate: float = 0.5) -> Finding:
    """The exact terms are those of the learning rate that is given, the runs those of the true one."""
    times = log_times(STEPS, lab["times"])
    study, _ = truths.stopped_descent(times=times, num_labels=lab["labels"], num_inits=lab["init"])
    _, theory = truths.stopped_descent(times=times, learning_rate=learning_rate)
    assert study.trial is not None and study.design is not None  # noqa: PT018 - a simulated study has both
    result = lab.decompose("control", study.trial, study.design, target=study.target, dims=study.dims)

    expected = {term: np.broadcast_to(theory[term], result.risk.shape) for term in result.estimates}
    distances = {}
    for term, value in result.estimates.items():
        # Beyond what rounding explains, which is all that some terms have.
        beyond = np.maximum(np.abs(value - expected[term]) - 1e-6 * max(map(np.max, expected.values())), 0)
        with np.errstate(invalid="ignore", divide="ignore"):
            distances[term] = np.where(beyond > 0, beyond / result.standard_errors[term], 0.0)
    largest = {term: float(values.max()) for term, values in distances.items()}
    worst = max(largest, key=lambda term: largest[term])
    measured = {name: result.derive(lambda t, term=term: t[term]) for term, name in SHOWN.items()}
    return Finding(
        what="largest distance from an exact term, in standard errors",
        shown=Estimate(largest[worst], Interval(np.nan, np.nan)),
        verdict=exact(bool(largest[worst] <= LARGEST)),
        reading=f"The largest of {len(times) * len(largest)} distances is {largest[worst]:.1f} standard errors, of "
        f"{label_of(worst)} after {times[int(distances[worst].argmax())]} steps.",
        reference={"bar": LARGEST},
        tables={
            "Largest distance of each term, in standard errors": {
                "term": [label_of(term) for term in largest],
                "distance": list(largest.values()),
            },
            "Measured ± s.e., and exact": {
                "steps": times,
                **{
                    head: column
                    for term, name in SHOWN.items()
                    for head, column in ((name, measured[name]), (f"{name}, exact", expected[term]))
                },
            },
        },
        figures={
            "Bias² and variance by source of gradient descent on a linear model, along training": plots.against(
                times, measured, log_x=True, xlabel="training steps", ylabel="squared error"
            )
        },
    )


def control(lab: Lab) -> Finding:
    """The exact terms of another learning rate."""
    return judged(lab, learning_rate=0.4)

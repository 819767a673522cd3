"""Where bias dominates, more data do not help.

Source: S1 and S4: do not collect data for a model that is poor on its training set.
Textbook: ESL 7.3.
Theory: Were all variance to go, data would gain its measured share of the gain of capacity.
Scope: One curve, polynomials whose ridge strength is tuned, 40 examples.
Looks: The sizes of the studies were settled at seed 0; the full profile has seed 1.
"""

import jax
import numpy as np
from jaxtyping import Float, Scalar

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.data_size.curve import ONE_SOURCE, PROBLEM, TARGET, X, first, tuned
from jaxdl import designs, learners, models, plots
from jaxdl.statistics import judge
from jaxdl.types import Keys, Trial

LARGEST = 0.2
EXAMPLES = 40
TIMES = 8
SIZES = {"quick": {"runs": 512}, "full": {"runs": 4096, "seed": 1}, "smallest": {"runs": 64}}
CRITERION = f"""For degree 1 and n = {EXAMPLES}, {TIMES} x the data lower the risk by less than {LARGEST:.0%} of what two degrees
more do (95 % interval, paired by data set; each arm tunes its ridge strength on the same labels)."""

ARMS = ("as it is", f"{TIMES} x the data", "2 degrees more")
MAX_DEGREE = 9


def trial_of(strength: float | None) -> Trial:
    """Ridge regression of a fixed strength, or of a tuned one: `(keys, {"size", "degree"})` -> predictions."""
    model = models.polynomial(MAX_DEGREE)

    def trial(keys: Keys, setting: dict[str, Scalar]) -> Float[jax.Array, "points 1"]:
        keys = designs.tied(keys, **ONE_SOURCE)
        train = first(PROBLEM.sample(keys, TIMES * EXAMPLES), setting["size"])
        mask = models.degree_mask(MAX_DEGREE, setting["degree"])
        if strength is not None:
            return model.apply(learners.ridge(model, strength, mask=mask)(keys, train), X)
        return model.apply(tuned(lambda s: learners.ridge(model, s, mask=mask)(keys, train), keys, train, model), X)

    return trial


def judged(lab: Lab, low: int = 1, strength: float | None = None) -> Finding:
    """Three arms where bias dominates, and the same three at degree 7, where variance does."""
    settings = {
        "size": np.array([EXAMPLES, TIMES * EXAMPLES, EXAMPLES] * 2),
        "degree": np.array([low, low, low + 2, 7, 7, 9]),
    }
    result = lab.decompose(
        "remedies", trial_of(strength), designs.independent(lab["runs"], "data"), block=64, target=TARGET,
        dims=("points", "out"), settings=settings,
    )  # fmt: skip
    gain = result.derive(lambda t: (t["risk"][0] - t["risk"][1]) / (t["risk"][0] - t["risk"][2]))
    # The criterion without a division, whose sign would be lost where capacity does not help.
    excess = result.derive(lambda t: (t["risk"][0] - t["risk"][1]) - LARGEST * (t["risk"][0] - t["risk"][2]))
    bias, variance, risk = (result[term] for term in ("bias_squared", "total_variance", "risk"))
    other = result.derive(lambda t: t["risk"][5] - t["risk"][4])
    terms = {
        label: result.derive(lambda t, term=term: t[term])
        for label, term in {"bias²": "bias_squared", "variance": "total_variance", "risk": "risk"}.items()
    }
    return Finding(
        what=f"gain of {ARMS[1]} as a share of that of {ARMS[2]}",
        shown=gain,
        verdict=judge(excess.interval, inside=(-np.inf, 0.0)),
        reading=f"Bias² is {bias[0] / (bias[0] + variance[0]):.0%} of the error above the noise. {ARMS[1]} lower the risk from "
        f"{risk[0]:.4f} to {risk[1]:.4f}, {ARMS[2]} to {risk[2]:.4f}. At degree 7, where bias² is "
        f"{bias[3] / (bias[3] + variance[3]):.0%}, {risk[3]:.4f} becomes {risk[4]:.4f} by data and {risk[5]:.4f} by capacity, a "
        f"difference of gains of {other.estimate:.4f} ± {other.standard_error:.4f}.",
        reference={"were all variance to go": float(variance[0] / (risk[0] - risk[2])), "bar": LARGEST},
        tables={
            "What each arm has, ± s.e.": {"arm": ARMS * 2, "n": settings["size"], "degree": settings["degree"], **terms}
        },
        figures={
            f"{ARMS[1]} or {ARMS[2]}, where bias dominates (degree {low}) and where variance does (degree 7)": plots.rows(
                [f"degree {degree}, {arm}" for degree, arm in zip((low,) * 3 + (7,) * 3, ARMS * 2, strict=True)],
                {name: terms[name] for name in ("bias²", "variance")},
                xlabel="part of the risk above the noise",
            )
        },
    )


def control(lab: Lab) -> Finding:
    """A ridge of fixed strength, whose bias is what data remove: bias dominates, and the claim is false."""
    return judged(lab, low=3, strength=20.0)

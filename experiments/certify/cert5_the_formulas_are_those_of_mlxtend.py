"""With mlxtend's bootstrap indices, the plug-in formulas give mlxtend's own numbers.

Source: mlxtend 0.25, evaluate.bias_variance_decomp.
Theory: An identity; sums in another order differ by rounding.
Scope: Least squares, n = 30, 5 inputs, 50 rounds; where mlxtend is installed, `pip install "jaxdl[bench]"`.
Looks: None that a choice followed.
"""

import jax
import numpy as np

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.certify.bootstrap import IS_INSTALLED, by_formulas, by_mlxtend
from jaxdl import designs, plots
from jaxdl.ensembles import on_host
from jaxdl.statistics import Estimate, Interval, Verdict, means

ROUNDING = 1e-9
NUM_EXAMPLES = 30
SIZES = {"quick": {"sets": 5}, "full": {"sets": 100, "seed": 26}, "smallest": {"sets": 2}}
CRITERION = f"""Loss, bias and variance differ by at most {ROUNDING:g} of themselves on every data set of {NUM_EXAMPLES} examples;
inconclusive where mlxtend is not installed."""


def judged(lab: Lab) -> Finding:
    """Both on the same data sets and labels."""

    def both(seeds: dict[str, int]) -> dict[str, np.ndarray]:
        key = jax.random.key(seeds["data"])
        found = {"formulas": by_formulas(NUM_EXAMPLES, key)}
        return found | ({"mlxtend": by_mlxtend(NUM_EXAMPLES, key)} if IS_INSTALLED else {})

    packages = ("mlxtend", "scikit-learn") if IS_INSTALLED else ()
    runs = lab.run(
        f"both, mlxtend {IS_INSTALLED}", on_host(both, name="mlxtend and its formulas", packages=packages),
        designs.independent(lab["sets"], "data"),
    )  # fmt: skip
    outputs = {name: np.asarray(each) for name, each in runs.outputs.items()}
    formulas, itself = outputs["formulas"], outputs.get("mlxtend", np.full((1, 3), np.nan))
    largest = float(np.abs(formulas / itself - 1).max())
    terms = ("loss", "bias", "variance")
    return Finding(
        what="largest relative difference",
        shown=Estimate(largest, Interval(largest, largest)),
        verdict=exact(largest <= ROUNDING) if IS_INSTALLED else Verdict.INCONCLUSIVE,
        reading=f"On {len(formulas)} data sets the largest relative difference is {largest:.1g}."
        if IS_INSTALLED
        else 'mlxtend is not installed: pip install "jaxdl[bench]".',
        theory=0.0,
        reference={"bar": ROUNDING},
        ends="no interval: nothing is random",
        tables={"Mean over data sets": {"term": terms, **{name: means(each.T) for name, each in outputs.items()}}},
        figures={
            "Loss, bias and variance by the formulas, and by mlxtend itself where it is installed": plots.rows(
                terms, {name: means(each.T) for name, each in outputs.items()}, xlabel="mean over data sets"
            )
        },
    )

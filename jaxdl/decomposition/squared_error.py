"""The squared error: unbiased for any number of crossed factors, nested and independent designs."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Num

from jaxdl.decomposition.crossed import crossed_estimates
from jaxdl.decomposition.doubles import LARGEST
from jaxdl.decomposition.estimates import Estimates, Term
from jaxdl.decomposition.grouped import GroupedMeans, GroupedMoments
from jaxdl.decomposition.loss import LossDecomposition
from jaxdl.decomposition.target import Reference, Target, resolve
from jaxdl.designs import Component, Design

Array = np.ndarray


class SquaredError(LossDecomposition):
    """Unbiased bias², variance components and noise of the squared error, with standard errors.

        E|f - y|² = |E f - E[y|x]|² + sum_u V_u + E|y - E[y|x]|²

    averaged over test points and summed over outputs, where V_u is the variance component of the set u of factors. All
    estimates are U-statistics: unbiased for any number of levels, and adding up exactly. A factor with a single level is
    fixed: the numbers are then conditional on it, and say so.

    References:
        Efron & Stein (1981), The jackknife estimate of variance; Geman, Bienenstock & Doursat (1992).

    >>> rng = np.random.default_rng(0)
    >>> predictions = rng.normal(size=(50, 1, 20)) + rng.normal(size=(1, 30, 20))
    >>> result = squared_error(predictions, factors=("data", "init"), target=Target(mean=np.zeros(20), noise=0.25))
    >>> bool(abs(result.variance[("data",)] - 1) < 4 * result.standard_errors[("data",)])
    True
    """

    name = "squared error"
    is_of_squares = True

    def reference(self, target: Target | None, shape: tuple[int, ...]) -> Reference | None:
        return None if target is None else resolve(target, shape)

    def admitted(self, predictions: Num[Array, "... out"], reference: Reference | None) -> Num[Array, "... out"]:
        del reference
        if predictions.dtype.itemsize < np.dtype(np.float64).itemsize:
            return predictions
        is_beyond = np.abs(predictions) > LARGEST
        return np.where(is_beyond, np.inf, predictions) if is_beyond.any() else predictions

    def grouped(self, design: Design, reference: Reference | None) -> GroupedMeans:
        return GroupedMoments(design, reference)

    def from_table(
        self,
        table: Num[Array, "*levels times points out"],
        design: Design,
        reference: Reference | None,
        kept: Sequence[Array],
    ) -> Estimates:
        return crossed_estimates(table, design, reference, kept)

    def estimand(self, term: Term, design: Design) -> str:
        if isinstance(term, tuple):
            return component_estimand(term, design)
        sources = ", ".join(design.sources)
        given = given_fixed(design)
        return {
            "bias_squared": f"|E f - E[y|x]|², E over {sources}{given}",
            "bias_squared_plus_noise": f"E|E f - y|², E f over {sources}{given}: bias² and noise together",
            "total_variance": f"E|f - E f|² over {sources}{given}",
            "noise": "E|y - E[y|x]|²",
            "risk": f"E|f - y|²{given}",
            "excess_risk": f"E|f - E[y|x]|²{given}",
        }[term]


squared_error = SquaredError()


def component_estimand(component: Component, design: Design) -> str:
    """What a variance component of the squared error estimates."""
    given = given_fixed(design)
    if len(component) > 1:
        return f"interaction of {' and '.join(component)}{given}"
    [factor] = component
    if "(" in factor:
        source, outer = factor.rstrip(")").split("(")
        return f"E Var[f | {outer}] over {source}, interactions with {outer} included{given}"
    if design.fixed:
        return f"Var over {factor}{given}, interactions with {' and '.join(design.fixed)} included"
    return f"Var E[f | {factor}]"


def given_fixed(design: Design) -> str:
    """` for the one init drawn`, when a source is fixed."""
    return f" for the one {' and '.join(design.fixed)} drawn" if design.fixed else ""

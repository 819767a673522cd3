"""The formulas of other tools, applied to the predictions of a study.

A recipe takes one list of runs, so crossed or nested runs are pooled. It also takes labels of the test points, drawn anew for
each seed. A number that the tool prints as bias² is compared with bias². A recipe returns nothing for a loss that it lacks.
"""

from collections.abc import Mapping

import numpy as np
from jaxtyping import Float, Num

from jaxdl.decomposition.estimates import Term
from jaxdl.decomposition.plug_in import plug_in_squared_error
from jaxdl.truths.study import Exact, Study

Array = np.ndarray
Predictions = Num[Array, "..."]
Labels = Float[Array, "replicates *points"]
TermEstimates = Mapping[Term, Float[Array, "*times"]]


def plug_in_recipe(study: Study, predictions: Predictions, labels: Labels) -> TermEstimates:
    """The usual plug-in formulas for a known mean: bias² of the mean prediction, and the variance with divisor K.

    For K independent runs its bias² is too large by variance/K, its variance too small by the same amount.

    >>> import jax
    >>> from jaxdl import truths
    >>> study, exact = truths.sample_mean()
    >>> found = plug_in_recipe(study, study.predictions(jax.random.key(0)), study.draw_labels(jax.random.key(1)))
    >>> "bias_squared" in found
    True
    """
    del labels
    if study.loss is not None:
        return {}
    _, bias, variance = _triple(study, predictions, np.asarray(study.target.mean))
    return {"bias_squared": bias, "total_variance": variance}


def mlxtend_recipe(study: Study, predictions: Predictions, labels: Labels) -> TermEstimates:
    """The formulas of mlxtend's `bias_variance_decomp(..., loss="mse")`, with the study's runs as its bootstrap rounds.

    With one label y for each test point and fbar = mean_k f_k:

        avg_expected_loss = mean |f_k - y|²,   avg_bias = mean |fbar - y|²,   avg_var = mean |f_k - fbar|²

    `avg_bias` is documented as the average squared bias, but contains the noise. So it is reported twice: as bias², and in a
    favorable reading as bias² + noise.

    >>> import jax
    >>> from jaxdl import truths
    >>> study, exact = truths.sample_mean()
    >>> found = mlxtend_recipe(study, study.predictions(jax.random.key(0)), study.draw_labels(jax.random.key(1)))
    >>> "bias_squared" in found
    True
    """
    if study.loss is not None:
        return {}
    loss, bias, variance = _triple(study, predictions, labels[0])
    return {"bias_squared": bias, "bias_squared_plus_noise": bias, "total_variance": variance, "risk": loss}


def sklearn_recipe(study: Study, predictions: Predictions, labels: Labels) -> TermEstimates:
    """scikit-learn's example "single estimator versus bagging", whose mean function and replicate labels are known.

        y_error = mean over runs and replicates of |f_k - y_r|²,   y_noise = np.var(y_test, axis=1),
        y_bias = (f(x) - np.mean(y_predict, axis=1))²,             y_var = np.var(y_predict, axis=1)

    averaged over test points. Besides the plug-in's bias² and variance, its noise is too small by noise/R with R
    replicates.

    >>> import jax
    >>> from jaxdl import truths
    >>> study, exact = truths.sample_mean()
    >>> found = sklearn_recipe(study, study.predictions(jax.random.key(0)), study.draw_labels(jax.random.key(1)))
    >>> "noise" in found
    True
    """
    if study.loss is not None:
        return {}
    _, bias, variance = _triple(study, predictions, np.asarray(study.target.mean))
    per_output = labels.var(axis=0)
    noise = per_output.sum(-1).mean() if "out" in study.dims else per_output.mean()
    # The mean over all pairs of |f_k - y_r|² is that of |f_k - mean of y|² and the spread of y.
    loss, _, _ = _triple(study, predictions, labels.mean(axis=0))
    return {
        "bias_squared": bias,
        "total_variance": variance,
        "noise": np.full_like(bias, noise),
        "risk": np.asarray(loss + noise),
    }


def variance_of_the_mean(study: Study, exact: Exact, levels: tuple[int, ...]) -> Float[Array, "*times"]:
    """The variance of the mean of all runs, which a plug-in adds to bias², on average, and takes from the total variance.

        sum_u V_u / prod_{j in u} L_j      crossed, with L_j levels of factor j; V/K for K independent runs
        sum_d V_d / (L_1 ... L_d)          nested, with V_d of the factor at depth d

    >>> from jaxdl import truths
    >>> study, exact = truths.crossed_effects(variances=(1.0, 2.0, 4.0))
    >>> float(variance_of_the_mean(study, exact, (10, 5)))
    0.58
    """
    nested = study.design is not None and study.design.is_nested
    total = np.zeros_like(exact["total_variance"])
    for component in (term for term in exact if isinstance(term, tuple)):
        axes = [study.factors.index(factor) for factor in component]
        counts = levels[: axes[0] + 1] if nested else [levels[axis] for axis in axes]
        total = total + exact[component] / np.prod(counts)
    return np.asarray(total)


def _triple(study: Study, predictions: Predictions, labels: Float[Array, "*points"]) -> list[Float[Array, "*times"]]:
    """Plug-in loss, bias and variance of all runs pooled, at each time; squared errors add up over outputs."""
    runs = predictions.reshape(-1, *predictions.shape[len(study.factors) :])
    runs = runs if "times" in study.dims else runs[:, None]
    runs, labels = (runs, labels) if "out" in study.dims else (runs[..., None], labels[..., None])
    triples = [
        [plug_in_squared_error(runs[:, time, :, out], labels[:, out]) for out in range(labels.shape[1])]
        for time in range(runs.shape[1])
    ]
    summed = np.asarray(triples).sum(axis=1).T
    return [np.asarray(part if "times" in study.dims else part[0]) for part in summed]

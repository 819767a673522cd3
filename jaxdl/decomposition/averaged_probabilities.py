"""Two ensembles of classifiers: one averages logits, the other probabilities, and their cross-entropies differ.

The average of the logits of all runs is the central prediction of the decomposition: the loss of that ensemble is bias plus noise.
The average p of the runs' probabilities has another bias, and the loss -<π, log p>. It is found from logarithms throughout, so
that it stays finite where every run is wrong beyond the range of doubles.

In K runs the average is off, and -log p too large by ½ sum_c π_c Var(p_c)/(K p_c²) to first order, which is taken away with the
variance of the average as the levels of each factor show it. That is at most ½ for each factor, where the jackknife, as -log has no
bound, would take away any amount from a class that a single level predicts. Standard errors are by the infinitesimal jackknife, the
derivative of the loss with respect to the weight of a level, for the same reason (Efron, 1982).
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from jaxdl.decomposition.estimates import Estimates, Term, jackknife_variance
from jaxdl.decomposition.target import Reference

Array = np.ndarray
OF_LOGITS = "risk_of_averaged_logits"
OF_PROBABILITIES = "risk_of_averaged_probabilities"


def log_softmax(logits: Float[Array, "*rows out"]) -> Float[Array, "*rows out"]:
    """The logarithms of the probabilities; nothing overflows."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def log_mean(logs: Float[Array, "..."], axes: Sequence[int]) -> Float[Array, "..."]:
    """The logarithm of the mean of the exponentials over `axes`, which are dropped."""
    axes = tuple(axes)
    if not axes:
        return logs
    top = logs.max(axis=axes, keepdims=True)
    return np.log(np.exp(logs - top).mean(axis=axes)) + top.squeeze(axes)


def averaged_risk(
    log_means: Sequence[Float[Array, "_ points classes"]],
    counts: Sequence[Float[Array, " _"]],
    center: Float[Array, "points classes"],
) -> tuple[Float[Array, " points"], list[Float[Array, "_ points"]]]:
    """-<π, log p> at each point, and the same with each level of each unit left out.

    `log_means` has, for each unit (a factor, or groups of runs), the logarithm of the mean probabilities of its levels, and
    `counts` how much each level weighs.
    """
    risk = np.zeros(())
    influences: list[np.ndarray] = []
    for logs, weights in zip(log_means, counts, strict=True):
        share = (weights / weights.sum())[:, None, None]
        top = logs.max(axis=0)
        of_all = np.log((share * np.exp(logs - top)).sum(axis=0)) + top
        if not influences:
            risk = -(center * of_all).sum(axis=-1)
        # A level without which the mean is p + s/(1 - s) (p - p_level): the weight of a deviation that is left out.
        deviations = share / (1 - share) * (np.exp(logs - of_all) - 1)
        influences.append((center * deviations).sum(axis=-1))
        of_average = (len(logs) - 1) / len(logs) * (deviations**2).sum(axis=0)
        risk = risk - (center * of_average).sum(axis=-1) / 2
    return risk, [risk + influence for influence in influences]


def with_ensembles(
    estimates: Estimates,
    reference: Reference,
    per_point: Float[Array, "times points"],
    deleted: dict[str, Float[Array, "_ times points"]],
) -> Estimates:
    """The terms, and after them the risks of the two ensembles; `per_point` and `deleted` are those of averaged probabilities."""
    place = estimates.terms.index(reference.bias)
    offset = reference.bias_offset
    variance = sum((jackknife_variance(np.swapaxes(rows, 0, 1)) for rows in deleted.values()), np.zeros(()))
    if not estimates.replicates:
        variance = np.full_like(per_point, np.nan)
    replicates = {}
    for unit, values in estimates.replicates.items():
        present = ~np.isnan(values[place, :, 0])
        added = np.full(values.shape[1:], np.nan)
        added[present] = deleted[unit].mean(axis=-1)
        replicates[unit] = np.concatenate([values, [values[place] - offset.mean(), added]])
    terms: tuple[Term, ...] = (*estimates.terms, OF_LOGITS, OF_PROBABILITIES)
    return Estimates(
        terms,
        np.concatenate([estimates.per_point, [estimates.per_point[place] - offset, per_point]]),
        np.concatenate([estimates.per_point_variance, [estimates.per_point_variance[place], variance]]),
        replicates,
    )

"""As random features grow in number, the variance that involves their initialisation vanishes; that of the data stays.

Source: d'Ascoli et al. (2020); Adlam & Pennington (2020).
Theory: It is zero at p = infinity; there is no closed form for finite p.
Scope: n = 40, random features of one teacher network, minimum norm.
Looks: Sizes were chosen on pilot runs, and full runs were made at seed 0; the full profile has seed 1 since.
"""

from typing import Any

import numpy as np

from experiments.book.finding import Finding, terms_of, total
from experiments.book.lab import Lab
from experiments.double_descent.features import DATA, PARTS, WITH_INIT, P, features, kernel
from experiments.double_descent.linear import GAP, N
from jaxdl import plots
from jaxdl.statistics import judge, judge_all

LEFT = 0.5
SIZES = {
    "quick": {"inputs": 32, "init": 16, "labels": 8},
    "full": {"inputs": 96, "init": 32, "labels": 16, "seed": 1},
    "smallest": {"inputs": 12, "init": 4, "labels": 3},
}
CRITERION = f"""Of minimum norm, from p = 80 to 400: the variance with initialisation, interactions included, falls below
{LEFT:.0%} of itself (the ratio is shown), and that of the data stays above, by the 95 % intervals of both ratios."""

MIDDLE = list(P).index(2 * N)


def judged(lab: Lab, vanishing: tuple[str, ...] = WITH_INIT, staying: tuple[str, ...] = DATA) -> Finding:
    """Ratios of two numbers of features, and the limit beside them."""
    result, limit = features(lab), kernel(lab)

    def ratio(terms: tuple[str, ...]) -> Any:
        return lambda t: total(t, terms)[-1] / total(t, terms)[MIDDLE]

    gone, kept = result.derive(ratio(vanishing)), result.derive(ratio(staying))
    is_claimed = np.abs(P - N) >= GAP
    last, of_data = terms_of(result, {"": DATA}, at=-1)[""], terms_of(limit, {"": DATA}, at=0)[""]
    parts, away = terms_of(result, PARTS), terms_of(result, PARTS, at=is_claimed)
    return Finding(
        what=f"what is left at p = {P[-1]} of the variance at p = {P[MIDDLE]} that involves initialisation",
        shown=gone,
        verdict=judge_all([judge(gone.interval, inside=(0.0, LEFT)), judge(kept.interval, inside=(LEFT, np.inf))]),
        reading=f"With initialisation {gone.estimate:.2f} of it is left. Of the data, {kept.estimate:.2f}: "
        f"{last.estimate:.4f} ± {last.standard_error:.4f}, beside {of_data.estimate:.4f} ± "
        f"{of_data.standard_error:.4f} in the kernel limit.",
        reference={"at p = infinity": 0.0, "bar": LEFT},
        tables={f"Parts of the risk ± s.e.; none is claimed for |p - n| < {GAP}": {"p": P, **parts}},
        figures={
            "Initialisation and data make the peak together; beyond it the former's share vanishes": plots.against(
                P[is_claimed], away, log=True, xlabel="p, random ReLU features in use", ylabel="part of the risk"
            )
        },
    )


def control(lab: Lab) -> Finding:
    """The sources exchanged."""
    return judged(lab, vanishing=DATA, staying=WITH_INIT)

"""A network of two linear layers loses all its weights where the weight decay exceeds |X'y|/n, and nowhere below.

Source: Ziyin, Li & Meng (2022).
Theory: At zero the Hessian is λ plus or minus the singular values of X'y/n: a saddle below |X'y|/n. Above it zero is
    the lowest point, as λ|uv| <= λ(|u|² + |v|²)/2.
Scope: Linear networks of 8 hidden units without biases, 40 examples of 4 inputs; full-batch descent from usual starts.
Looks: A part of K024 until 2026-11-26; full runs at seeds 0 and 1, also of two tanh layers, of which zero is only a
    local minimum above |X'y|/n. What was called an interval is the spacing of the grid.
See: K024 (the same runs)
"""

import numpy as np

from experiments.book.finding import Finding, exact
from experiments.book.lab import Lab
from experiments.penalties.collapse import COLLAPSED, RATIOS, linear
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval

GONE = COLLAPSED
SIZES = {
    "quick": {"runs": 16, "steps": 500},
    "full": {"runs": 128, "steps": 1500, "seed": 26},
    "smallest": {"runs": 4, "steps": 150},
}
CRITERION = f"""In every run the norm of the weights ends below {GONE:g} at each decay above |X'y|/n, of 1.05 to
{RATIOS[-1]:g} times it, and above that at each of {RATIOS[0]:g} to 0.95 times. Shown is the middle between the last
decay at which any run keeps them and the first at which all have lost them; its ends are these two."""


def judged(lab: Lab, depth: int = 2) -> Finding:
    """Norms at the end of training, by decay."""
    seen = linear(lab, depth)[:, :, 0]
    norms = seen[..., 0]
    is_alive = norms >= GONE
    last = float(RATIOS[is_alive.any(axis=0)].max(initial=0.0))
    first = float(RATIOS[~is_alive.any(axis=0)].min(initial=np.inf))
    holds = bool((is_alive == (RATIOS < 1)).all())
    spread = Estimate(norms.mean(axis=0), Interval(norms.min(axis=0), norms.max(axis=0)))
    return Finding(
        what="decay from which all weights are lost, in units of |X'y|/n",
        shown=Estimate((last + first) / 2 if np.isfinite(first) else first, Interval(last, first)),
        verdict=exact(holds),
        reading=f"{(is_alive == (RATIOS < 1)).all(axis=1).sum()} of {len(norms)} runs lose all weights above the threshold and "
        f"none below. At {RATIOS[RATIOS < 1][-1]:g} times it the least norm is {norms[:, RATIOS < 1][:, -1].min():.2f}, at "
        f"{RATIOS[RATIOS > 1][0]:g} times the largest is {norms[:, RATIOS > 1][:, 0].max():.0e}.",
        ends="grid",
        theory=1.0,
        tables={
            "Norm of the weights, and share of the mean square that is left, means over runs": {
                "decay / (|X'y|/n)": RATIOS, "norm": spread, "share left": seen[..., 1].mean(axis=0),
            }
        },
        figures={
            "All weights vanish where the decay exceeds |X'y|/n; means, and all runs within the bars": plots.against(
                RATIOS, {f"{depth} layers": spread}, xlabel="weight decay, in units of |X'y|/n", ylabel="norm of the weights"
            )
        },
    )  # fmt: skip


def control(lab: Lab) -> Finding:
    """Three layers, which lose their weights far below it."""
    return judged(lab, depth=3)

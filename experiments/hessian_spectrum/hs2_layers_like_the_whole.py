"""Layer by layer, the Hessian's spectrum is largely similar to that of the whole Hessian.

Says: The geometry layer by layer is largely similar to that of the entire Hessian.
Source: Sankar, Khasbage, Vigneswaran & Balasubramanian (2021).
Textbook: none.
Theory: A block's eigenvalues interlace those of the whole (Cauchy); the shape of its spectrum is not bound.
Scope: Three hidden layers of 12 tanh units and an output; 500 digits, pixels as they are; cross-entropy, gradient descent. The
    first layer has 780 of 1222 weights, and so decides the spectrum of the whole. The source's networks are far larger, and it
    compares spectra by eye.
Looks: Earlier looks compared numbers of outliers of two layers, at seeds 0 and 1, which the source does not speak of; that claim
    was dropped. The distance and its bar were settled on four networks of the open digits.
See: HS6 (which layer is nearest)
"""

from experiments.book.finding import Finding
from experiments.book.lab import Lab
from experiments.hessian_spectrum.layers import LAYERS, LEAST, distances
from jaxdl import plots
from jaxdl.statistics import Estimate, Interval, judge, judge_all, mean_interval, means

FARTHEST = 0.2
SIZES = {
    "quick": {"times": (0, 600), "networks": 3, "sealed": False},
    "full": {"times": (0, 60, 200, 600), "networks": 16, "sealed": True, "seed": 26},
    "smallest": {"times": (0, 20), "networks": 2},
}
CRITERION = f"""At the end of training, for every layer: the share of eigenvalues beyond any threshold, in units of each spectrum's
largest eigenvalue and from {LEAST:g} on, differs by at most {FARTHEST:g} from that of the whole (t intervals over networks, of 95 %
for all layers together). Shown is the farthest layer."""


def judged(lab: Lab) -> Finding:
    """The distance of each layer's spectrum from that of the whole."""
    table = distances(lab)
    ends = {name: table[:, -1, place] for place, name in enumerate(LAYERS)}
    level = 1 - 0.05 / len(LAYERS)
    farthest = max(ends, key=lambda name: ends[name].mean())
    low, high = mean_interval(ends[farthest], level=level)
    along = {f"{name} layer": means(table[:, :, place].T) for place, name in enumerate(LAYERS)}
    return Finding(
        what=f"largest difference of shares from the whole's, {farthest} layer",
        shown=Estimate(float(ends[farthest].mean()), Interval(float(low), float(high))),
        verdict=judge_all([judge(mean_interval(end, level=level), inside=(0.0, FARTHEST)) for end in ends.values()]),
        reading="At the end it is "
        + ", ".join(f"{end.mean():.3f} for the {name} layer" for name, end in ends.items())
        + f"; at the start at most {table[:, 0].mean(axis=0).max():.3f}. Training makes the first layer's spectrum that of the "
        "whole, which it dominates, and those of the others wide.",
        means="It holds for the layer that has most of the weights and the curvature, not layer by layer.",
        ends="t interval over networks, of 95 % for all layers together",
        reference={"upper bar": FARTHEST},
        tables={"Distance from the spectrum of the whole, ± s.e.": {"steps": lab["times"], **along}},
        figures={
            "Along training the first layer's spectrum becomes that of the whole, and the others depart from it": plots.against(
                lab["times"], along, log_x=True, xlabel="training steps", ylabel="largest difference of shares",
                levels={"bar": FARTHEST},
            )
        },
    )  # fmt: skip

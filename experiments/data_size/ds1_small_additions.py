"""Five per cent more data do not show where twice as many do.

Says: Adding a small share of data does not change the error visibly; plot sizes on a logarithmic axis.
Source: S1, on whether to gather more data.
Textbook: Deep Learning 11.3.
Theory: To first order the variance σ²p/n falls by a twentieth with 21 instead of 20 examples, and by a half with 40:
    a number of sets at which a half is seen in nearly all studies shows a twentieth in few. The number was chosen so.
Scope: One curve with noise 0.3, least squares from 20 examples on; 32 nested training sets, each with 1000 test examples. With many
    times as many sets any difference shows.
Looks: A full run at seed 1 tested independent sets, ten of each size, of which twice the data showed in a third: too few to show
    anything. Sets are nested and paired since, and twice the data must show; 32 sets were settled on a separate pilot in NumPy.
    A full run at seed 26 had the same verdict; it kept the sizes in one program, which a stopped run could not take up again.
See: K010 (curves over such sizes, and what they foretell)
"""

from collections.abc import Mapping

import jax.numpy as jnp
import numpy as np
from jaxtyping import Scalar

from experiments.book.finding import Finding, in_words
from experiments.book.lab import Lab
from experiments.data_size.curve import PROBLEM, Fit, first, polynomial
from experiments.data_size.forecasts import NUM_TEST
from jaxdl import designs, plots
from jaxdl.statistics import Estimate, judge, judge_all, means, share, stacked
from jaxdl.types import Keys, Trial

SELDOM = 0.2
OFTEN = 0.8
SETS = 32
SIZES = {"quick": {"studies": 100}, "full": {"studies": 1000, "seed": 27}, "smallest": {"studies": 24}}
CRITERION = f"""Of studies of {SETS} training sets each, for degrees 1 and 3: a paired t test at 5 % of the risks with 20 and with
21 examples finds a difference in at most {SELDOM:.0%} (the larger share is shown), and with 20 and with 40 in at least {OFTEN:.0%}
(Wilson 95 % intervals, Bonferroni)."""

FROM, ADDED = 20, (21, 40)
FITS = {"degree 1": polynomial(1), "degree 3": polynomial(3)}


def trial_of(fits: Mapping[str, Fit], most: int) -> Trial:
    """`(keys, n)` -> the risk of each learner on 1000 test labels, from the first n of `most` examples."""

    def trial(keys: Keys, size: Scalar) -> dict[str, Scalar]:
        train, test = first(PROBLEM.sample(keys, most), size), PROBLEM.sample({"data": keys["test"]}, NUM_TEST)
        return {name: jnp.mean((fit(keys, train)(test.x) - test.y) ** 2) for name, fit in fits.items()}

    return trial


def judged(lab: Lab, sizes: tuple[int, int] = ADDED) -> Finding:
    """Both additions to the same training sets."""
    design = designs.independent(lab["studies"] * SETS, "data", "test")
    runs = lab.run("nested", trial_of(FITS, max(sizes)), design, block=64, settings=np.array([FROM, *sizes]))
    level = 1 - 0.05 / (2 * len(FITS))
    shares: list[dict[str, Estimate]] = [{}, {}]
    for name, risks in runs.outputs.items():
        gains = (risks[:1] - risks[1:]).astype(float).reshape(len(sizes), lab["studies"], SETS)
        low, high = map(np.asarray, means(gains).interval)
        for found, is_seen in zip(shares, (low > 0) | (high < 0), strict=True):
            found[name] = share(is_seen, level=level)
    few, many = shares
    most = max(few, key=lambda name: float(few[name].estimate))
    columns = {f"{size} examples": stacked(found.values()) for size, found in zip(sizes, shares, strict=True)}
    return Finding(
        what=f"share of studies in which {sizes[0]} examples instead of {FROM} show, {most}",
        shown=few[most],
        verdict=judge_all(
            [judge(each.interval, inside=(0.0, SELDOM)) for each in few.values()]
            + [judge(each.interval, inside=(OFTEN, 1.0)) for each in many.values()]
        ),
        reading=f"{sizes[0]} instead of {FROM} examples show in {in_words(few)} of the studies, {sizes[1]} in {in_words(many)}.",
        means="Small additions need many more training sets to show than doubling does. The axis itself is not tested.",
        reference={"by chance": 0.05, "bar": SELDOM},
        ends="family-wise 95 % interval",
        tables={"Share of studies in which the risks differ visibly": {"learner": list(few), **columns}},
        figures={
            "Twice the data show, five per cent more do not": plots.rows(
                list(few),
                columns,
                xlabel="share of studies that find a difference (Wilson 95 %)",
                levels={"seldom": SELDOM, "often": OFTEN},
            )
        },
    )


def control(lab: Lab) -> Finding:
    """Three times the data in place of five per cent more."""
    return judged(lab, (60, 40))

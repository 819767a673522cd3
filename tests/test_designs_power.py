"""What a design can show: against the noncentral t, and against simulated studies that are judged as users judge them."""

import numpy as np
import pytest
from scipy import stats

from jaxdl import designs
from jaxdl.decomposition import metric


@pytest.mark.parametrize("num_seeds", [2, 3, 5, 20])
@pytest.mark.parametrize("difference", [0.0, 0.4, 1.5])
def test_the_power_of_independent_runs_is_that_of_the_noncentral_t(num_seeds, difference):
    found = designs.power(designs.crossed(seed=num_seeds), {"seed": 0.5}, difference=difference, correlation=0.25)
    freedom, shift = num_seeds - 1, difference / (2 * 0.75 * 0.5 / num_seeds) ** 0.5
    reach = stats.t.ppf(0.975, freedom)
    exact = stats.nct.sf(reach, freedom, shift) + stats.nct.cdf(-reach, freedom, shift)
    assert found == pytest.approx(exact, abs=2e-4)


def test_the_detectable_difference_has_the_power_that_was_asked_for():
    design, variances = designs.crossed(data=6, init=4), {"data": 1.0, "init": 0.5, ("data", "init"): 0.3}
    found = designs.detectable(design, variances, power=0.7)
    assert designs.power(design, variances, difference=found) == pytest.approx(0.7, abs=1e-6)


def test_runs_that_share_their_luck_show_more():
    design, variances = designs.crossed(seed=5), {"seed": 1.0}
    alone, together = (designs.detectable(design, variances, correlation=each) for each in (0.0, 0.75))
    assert together == pytest.approx(alone / 2)


CRD, NST, IND = designs.crossed, designs.nested, designs.independent
SETTINGS = [
    (CRD(seed=5), {"seed": 1.0}, 0.0, 1.0),
    (CRD(seed=3), {"seed": 1.0}, 0.5, 1.5),
    (IND(40, "seed"), {"seed": 1.0}, 0.0, 0.6),
    (IND(16, "data", "init"), {("data+init",): 1.0}, 0.9, 0.3),
    (CRD(data=8, init=8), {"data": 1.0, "init": 1.0}, 0.0, 1.6),
    (CRD(data=8, init=4), {"data": 1.0, "init": 0.2, ("data", "init"): 2.0}, 0.5, 1.2),
    (CRD(data=4, init=4), {("data", "init"): 1.0}, 0.0, 1.2),
    (CRD(data=16, init=3), {"init": 0.5, "data": 0.1}, 0.3, 2.5),
    (NST(data=6, init=4), {"data": 1.0, "init(data)": 2.0}, 0.0, 1.5),
    (NST(data=20, init=3), {"data": 0.1, "init(data)": 2.0}, 0.7, 0.4),
    (CRD(data=4, init=4, order=4), {"data": 1.0, "init": 0.5, "order": 0.5, ("data", "init", "order"): 4.0}, 0.0, 2.0),
]


def simulated(design, variances, correlation, difference, repetitions):
    """Differences of two procedures, studies side by side on the axis of times, and in which the interval leaves out zero."""
    rng = np.random.default_rng(0)
    values = np.full((*design.shape, repetitions), difference, float)
    for key, variance in variances.items():
        component = (key,) if isinstance(key, str) else key
        axes = {design.factors.index(factor) for factor in component}
        axes = set(range(max(axes) + 1)) if design.is_nested else axes
        shape = [count if axis in axes else 1 for axis, count in enumerate(design.shape)]
        one, two = (rng.normal(size=(*shape, repetitions)) for _ in range(2))
        other = correlation * one + (1 - correlation**2) ** 0.5 * two
        values = values + variance**0.5 * (one - other)
    low, high = metric(values, design=design, dims=("times",)).intervals["mean"]
    return float(((low > 0) | (high < 0)).mean())


@pytest.mark.parametrize("setting", SETTINGS[::4], ids=str)
def test_studies_show_it_as_often_as_was_said(setting):
    design, variances, correlation, difference = setting
    share = simulated(*setting, repetitions=1000)
    said = designs.power(design, variances, difference=difference, correlation=correlation)
    assert abs(share - said) < 0.02 + 4 * (said * (1 - said) / 1000) ** 0.5, (share, said)


@pytest.mark.slow
def test_power_is_within_three_points_of_simulated_studies():
    apart = {}
    for setting in SETTINGS:
        design, variances, correlation, difference = setting
        said = designs.power(design, variances, difference=difference, correlation=correlation)
        apart[str(setting)] = (round(said, 4), round(simulated(*setting, repetitions=3000), 4))
    print("\n".join(f"{name}: said {said}, shown {shown}" for name, (said, shown) in apart.items()))
    assert all(abs(said - shown) < 0.03 for said, shown in apart.values()), apart


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: designs.detectable(CRD(seed=1), {"seed": 1.0}), "design: got the levels {'seed': 1}, expected 2 or more"),
        (lambda: designs.detectable(CRD(seed=5), {"data": 1.0}), r"variances: got one of \('data',\)"),
        (lambda: designs.detectable(CRD(seed=5), {"seed": 0.0}), "expected what varies"),
        (lambda: designs.detectable(CRD(seed=5), {"seed": 1.0}, correlation=1.0), "expected what varies"),
        (lambda: designs.detectable(CRD(seed=5), {"seed": 1.0}, correlation=1.5), "from 0 to 1"),
        (lambda: designs.detectable(CRD(seed=5), {"seed": -1.0}), "not negative"),
        (lambda: designs.detectable(CRD(seed=5), {"seed": float("nan")}), "not negative"),
        (lambda: designs.detectable(CRD(seed=5), {"seed": 1.0}, power=1.0), "power: got 1.0"),
        (lambda: designs.power(CRD(seed=5), {"seed": 1.0}, difference=float("inf")), "difference: got inf"),
    ],
)  # fmt: skip
def test_what_no_design_can_tell_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()

"""The pieces of the benchmarks that need no peer, at tiny sizes: that they time the right work and compare it rightly."""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("sklearn")

from benchmarks import fits, jaxdl_run, memory, polynomials, problem
from benchmarks.worker import Worker
from jaxdl import designs


@pytest.fixture(scope="module")
def digits():
    return problem.digits()


def test_model_flops_are_those_of_the_matrix_products_that_xla_counts():
    """The eight products of one step, without what multiplies nothing."""
    width, batch = 48, problem.BATCH_SIZE
    first, second, third = (64, width), (width, width), (width, 10)
    forward = [((batch, 64), first), ((batch, width), second), ((batch, width), third)]
    of_weights = [((64, batch), (batch, width)), ((width, batch), (batch, width)), ((width, batch), (batch, 10))]
    of_inputs = [((batch, 10), third[::-1]), ((batch, width), second[::-1])]

    def flops(left, right):
        return jax.jit(jnp.matmul).lower(jnp.ones(left), jnp.ones(right)).cost_analysis()["flops"]

    counted = sum(flops(*shapes) for shapes in forward + of_weights + of_inputs)
    assert problem.flops_per_fit(width) == problem.NUM_STEPS * counted


def test_digits_are_standardised_by_the_training_part_and_do_not_overlap(digits):
    assert digits.x.shape == (512, 64)
    assert digits.x_test.shape == (500, 64)
    assert digits.x.dtype == digits.x_test.dtype == np.float32
    varies = digits.x.std(axis=0) > 0
    np.testing.assert_allclose(digits.x.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(digits.x[:, varies].std(axis=0), 1, atol=1e-5)
    shared = {row.tobytes() for row in digits.x} & {row.tobytes() for row in digits.x_test}
    assert not shared


def test_accuracy_is_the_share_of_points_predicted_right(digits):
    wrong = (digits.labels_test + 1) % 10
    half = np.where(np.arange(500) < 250, digits.labels_test, wrong)
    assert problem.accuracies(np.stack([digits.labels_test, wrong, half]), digits).tolist() == [1, 0, 0.5]


@pytest.mark.thorough
def test_our_contestant_learns_the_digits(digits, monkeypatch):
    monkeypatch.setattr("benchmarks.jaxdl_trial.NUM_STEPS", 60)
    predicted = jaxdl_run.prepare(digits, width=16, fits=8, threads=0)(seed=1)
    correct = problem.accuracies(predicted, digits)
    assert correct.min() > 0.2  # guessing gets 0.1, with a standard deviation of 0.013
    assert len(set(correct.tolist())) > 1  # each fit has its own sample and start


def test_ratios_are_medians_of_ratios_within_a_round():
    rates = {fits.OURS.label: [10.0, 100.0, 40.0], fits.PLAIN.label: [5.0, 25.0, 10.0]}
    accuracies = {label: [0.8, 0.9] for label in rates}
    ours, plain = fits.summarise((fits.OURS, fits.PLAIN), rates, accuracies, peaks=[1.0, 1.0, 1.0], flops=10**7)
    assert ours.ratio == 1
    assert (plain.ratio, plain.smallest_ratio, plain.largest_ratio) == (4, 2, 4)
    assert plain.fits_per_second == 10
    assert plain.gigaflops == pytest.approx(0.1)
    assert plain.ratio_at_peak == 10  # 100 fits a second at 1 GFLOP/s and 10 Mflop for each


def test_contestants_that_sat_out_are_compared_on_their_rounds_alone():
    rates = {fits.OURS.label: [10.0, 100.0], fits.PLAIN.label: [5.0]}
    accuracies = {label: [0.8, 0.9] for label in rates}
    assert fits.summarise((fits.OURS, fits.PLAIN), rates, accuracies, [1.0, 1.0], flops=10**7)[1].ratio == 2


def test_three_times_slower_with_other_threads_sits_out():
    one, two = (fits.Contestant(f"{threads}", "module", threads) for threads in (1, 2))
    other = fits.Contestant("other", "another module", 1)
    rates = {"1": [7.0], "2": [2.0], "other": [0.1]}
    assert [fits.sits_out(each, (one, two, other), rates) for each in (one, two, other)] == [False, True, False]


def test_the_better_number_of_threads_counts():
    one, two = (fits.Contestant(f"{threads}", "module", threads) for threads in (1, 2))
    rates = {fits.OURS.label: [8.0], "1": [2.0], "2": [3.0]}
    everyone = (fits.OURS, one, two)
    rows = fits.summarise(everyone, rates, {label: [0.8, 0.9] for label in rates}, [1.0], flops=10**7)
    assert [row.label for row in fits.better_of(rows, everyone)] == [fits.OURS.label, "2"]


def test_accuracies_agree_within_four_standard_errors():
    ours = np.array([0.79, 0.81] * 50)  # standard error 0.001 of the mean, 0.0014 of a difference
    assert fits.agree(ours, ours + 0.004, same_law=True)
    assert not fits.agree(ours, ours + 0.007, same_law=True)
    assert fits.agree(ours, ours + 0.02, same_law=False)
    assert not fits.agree(ours, ours + 0.03, same_law=False)


@pytest.mark.thorough
def test_a_worker_that_fails_is_named():
    with pytest.raises(RuntimeError, match=r"benchmarks\.jax_vmap --width wide.*ended with status 2"):
        Worker("benchmarks.jax_vmap", ["--width", "wide"])


@pytest.mark.thorough
def test_polynomials_are_those_of_numpy():
    seconds, difference = polynomials.numpy_fits(8)
    assert seconds > 0
    assert difference < 1e-9  # in double precision here


@pytest.mark.thorough
@pytest.mark.skipif(sys.platform == "win32", reason="no resource module")
def test_peak_memory_is_that_of_a_fresh_process():
    assert 20 < memory.peak_memory(64) < 5_000  # MiB


def test_sources_of_the_trial_are_those_that_it_reads(digits):
    from benchmarks.jaxdl_trial import SOURCES, trial_of

    keys = designs.keys_of_run(designs.independent(1, *SOURCES), jax.random.key(0), 0)
    assert jax.eval_shape(trial_of(digits, 4), keys).shape == (500, 10)

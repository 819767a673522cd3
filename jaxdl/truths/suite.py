"""The list of all studies that can be drawn at any size."""

from jaxdl.truths.classifiers import normal_logits, votes
from jaxdl.truths.fixed_design import ridge_regression, stopped_descent
from jaxdl.truths.gaussian_process import gaussian_process
from jaxdl.truths.ishigami import ishigami
from jaxdl.truths.linear_smoothers import kernel_ridge, nearest_neighbors, polynomial_regression
from jaxdl.truths.random_design import belkin_hsu_xu
from jaxdl.truths.random_effects import crossed_effects, ensemble_mean, nested_effects
from jaxdl.truths.random_ridge import random_ridge
from jaxdl.truths.resampling_laws import bootstrap_law
from jaxdl.truths.sample_mean import sample_mean
from jaxdl.truths.sobol import sobol_g
from jaxdl.truths.study import Exact, Study


def suite(
    *, num_runs: int = 50, levels: tuple[int, int] = (16, 8), levels_of_three: int = 8
) -> list[tuple[Study, Exact]]:
    """Eighteen problems with exact bias, variance by source, noise and risk: `certify(suite(), key)` is the whole report card.

    Sixteen are in the squared error, those of independent runs first. The last two have another `loss`: the cross-entropy of
    normal logits (with 100 runs or more, as its estimates are corrected to first order only) and votes in the 0-1 loss.

    Args:
        num_runs: runs of an independent design.
        levels: of the two factors of a crossed or nested design.
        levels_of_three: of each of three crossed factors.

    Raises:
        ValueError: fewer than 3 runs or levels, which have no standard error.

    >>> problems = suite(num_runs=10, levels=(6, 4), levels_of_three=3)
    >>> len(problems), len({study.name for study, _ in problems})
    (18, 18)
    """
    if min(num_runs, *levels, levels_of_three) < 3:
        msg = f"num_runs: got {num_runs}, with levels={levels} and levels_of_three={levels_of_three}, expected 3 or more of "
        msg += "each, which standard errors need"
        raise ValueError(msg)
    (first, second), three = levels, (levels_of_three,) * 3
    return [
        sample_mean(num_runs=num_runs),
        gaussian_process(num_runs=num_runs),
        nearest_neighbors(num_runs=num_runs),
        polynomial_regression(num_runs=num_runs),
        ridge_regression(num_runs=num_runs),
        kernel_ridge(num_runs=num_runs),
        bootstrap_law(num_draws=num_runs),
        nested_effects(num_data=first, num_inits=second),
        crossed_effects(num_data=first, num_inits=second),
        ensemble_mean(num_data=first, num_inits=second),
        stopped_descent(times=(10, 100), num_labels=first, num_inits=second),
        random_ridge(num_inputs=first, num_labels=second),
        belkin_hsu_xu(n=30, p=5, num_features=5, signal=5.0, noise_std=1.0, num_inputs=first, num_labels=second),
        belkin_hsu_xu(n=40, p=60, num_inputs=first, num_labels=max(3, second // 2)),
        ishigami(levels=three),
        sobol_g(levels=three),
        normal_logits(num_runs=max(100, num_runs)),
        votes(num_runs=num_runs),
    ]

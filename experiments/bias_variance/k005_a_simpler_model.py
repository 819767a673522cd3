"""Going from degree 12 to degree 1 lowers variance and raises bias; 5 points do not determine a polynomial of degree 12.

Says: A simpler model lowers the variance and raises the bias; 5 points do not determine a polynomial of degree 12.
Source: S0, on overfitting.
Textbook: ESL 7.3.
Theory: The difference of variances is exact at these inputs; rank and nullity add up to 13.
Scope: One curve with noise 0.3 at 15 fixed, even inputs; polynomials of degree 1 and 12.
Looks: Full runs were made at seed 0, that of the quick profile, and at seed 1; the criterion did not change.
See: K003 (the same runs)
"""

import numpy as np
from numpy.polynomial.polynomial import polyvander

from experiments.bias_variance.small_samples import small_samples
from experiments.book.finding import Finding
from experiments.book.lab import Lab
from jaxdl import plots
from jaxdl.statistics import Estimate, Verdict, judge_all, judge_test, means, sign_test, stacked

LEVEL = 0.01
RANK = 5
SIZES = {"quick": {"runs": 2000}, "full": {"runs": 20_000, "seed": 26}, "smallest": {"runs": 400}}
CRITERION = f"""15 examples, 20 batches of data sets: sign tests for both differences, p < {LEVEL}; and the 5 x 13 matrix of powers
has rank {RANK}, a null space of dimension 8."""


def judged(lab: Lab, degrees: tuple[int, int] = (1, 12)) -> Finding:
    """The simple degree first."""
    simple, flexible = small_samples(lab, degrees)
    larger, smaller = (flexible.batches[:, 1], simple.batches[:, 1]), (simple.batches[:, 0], flexible.batches[:, 0])
    p_value = max(sign_test(*larger), sign_test(*smaller))
    opposite = min(sign_test(*larger[::-1]), sign_test(*smaller[::-1]))
    rank = int(np.linalg.matrix_rank(polyvander(np.linspace(-1, 1, 5), 12)))
    determined = Verdict.SUPPORTED if rank == RANK else Verdict.REFUTED
    difference = means(flexible.batches[:, 1] - simple.batches[:, 1])
    named = {f"degree {degree}": each for degree, each in zip(degrees, (simple, flexible), strict=True)}
    terms = {
        term: stacked(means(each.batches[:, place]) for each in named.values())
        for place, term in enumerate(("bias²", "variance"))
    }
    return Finding(
        what=f"variance of degree {degrees[1]} less that of degree {degrees[0]}",
        shown=Estimate(float(difference.estimate), difference.interval),
        verdict=judge_all([judge_test(p_value, opposite, level=LEVEL), determined]),
        reading=f"Variance {terms['variance'].estimate[0]:.3f} instead of {terms['variance'].estimate[1]:.3f}, bias² "
        f"{terms['bias²'].estimate[0]:.3f} instead of {terms['bias²'].estimate[1]:.3f} (p = {p_value:.1e}); rank {rank}, null "
        f"space {13 - rank}.",
        theory=flexible.exact[1] - simple.exact[1],
        reference={"no difference": 0.0},
        tables={"Bias² and variance, 95 % intervals over batches": {"learner": list(named), **terms}},
        figures={
            "The simpler model has more bias² and less variance": plots.rows(
                list(named), terms, xlabel="squared error at the test points", log=True
            )
        },
    )


def control(lab: Lab) -> Finding:
    """The degrees exchanged."""
    return judged(lab, (12, 1))

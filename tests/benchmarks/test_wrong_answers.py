"""The gallery of wrong answers without the peers: our column, the truths it is judged by, and the judgement itself."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

pytest.importorskip("sklearn")

from benchmarks import curvature, eigenvalue_tools, torture, wrong_answers
from benchmarks.eigenvalue_tools import Found, Tool
from jaxdl.curvature.products import dense

SIZE = 60


@pytest.fixture(scope="module")
def cases():
    return torture.cases(SIZE)


def answering(values, certified=None, asked=2):
    """A tool that gives this answer to everything."""

    def solve(case, seed):
        return Found(np.array(values), case.values[: len(values)], certified, asked)

    return Tool("stub", "", (), solve)


def test_nothing_of_ours_is_wrong_or_falsely_certified(cases):
    ours = eigenvalue_tools.tools()[0]
    (column,), missing = wrong_answers.gallery([ours], cases, seeds=[0])
    assert not missing
    assert [str(verdict) for verdict in column] == ["right"] * len(cases)
    assert wrong_answers.totals(column) == f"0 of {10 * len(cases)} wrong; 0 falsely certified"


def test_the_truths_are_the_spectra_of_the_operators_themselves(cases):
    for case in cases:
        matvec, like = case.problem.operator()
        assert like.dtype == np.float32
        matrix = np.asarray(jax.jit(lambda like, matvec=matvec: dense(matvec, like, chunk_size=SIZE))(like), float)
        np.testing.assert_allclose(np.linalg.eigvalsh(matrix)[::-1], case.values, atol=1e-5 * case.scale)


def test_an_answer_is_wrong_beyond_the_limit_and_falsely_certified_where_flagged(cases):
    identity = cases[0]
    near, off = 2 * (1 + 0.9 * wrong_answers.LIMIT), 2 * (1 + 2 * wrong_answers.LIMIT)
    verdict = wrong_answers.judge(identity, answering([near, off], np.array([True, True])), seeds=[0, 1])
    assert (verdict.num_asked, verdict.num_returned, verdict.num_wrong) == (4, 4, 2)
    assert verdict.num_falsely_certified == 2
    assert verdict.worst == pytest.approx(2 * wrong_answers.LIMIT)
    assert str(verdict) == "**2 wrong**, by up to 2e-4; **2 falsely certified**"


def test_nan_is_wrong_and_a_tool_without_flags_certifies_nothing(cases):
    verdict = wrong_answers.judge(cases[0], answering([np.nan, 2.0]), seeds=[0])
    assert (verdict.num_wrong, verdict.num_falsely_certified) == (1, None)
    assert wrong_answers.totals([verdict]) == "1 of 2 wrong; certifies nothing"


def test_errors_and_missing_values_are_told_and_a_missing_tool_is_named(cases):
    def fails(case, seed):
        msg = "no convergence"
        raise ArithmeticError(msg)

    def is_absent(case, seed):
        import no_such_package  # noqa: F401

    assert str(wrong_answers.judge(cases[0], Tool("", "", (), fails), [0])) == "ArithmeticError"
    assert str(wrong_answers.judge(cases[0], answering([2.0]), [0])) == "1 of 2 returned; right"
    columns, missing = wrong_answers.gallery([Tool("absent", "", (), is_absent)], cases, [0])
    assert (columns, missing) == ([], ["missing: absent (No module named 'no_such_package')"])


def test_the_largest_magnitudes_are_judged_with_their_signs(cases):
    by_name = {case.name: case for case in cases}
    np.testing.assert_array_equal(by_name["pairs of signs"].largest(4), [1, 0.5, -0.5, -0.999])


def test_ratios_are_medians_within_rounds_and_judged_by_their_aim():
    comparison = curvature.Comparison("one / other", "one", "other", at_most=1.5)
    measured = curvature.Measured(comparison, [1.0, 8.0, 3.0], [1.0, 4.0, 3.0], {})
    assert measured.ratio == 1
    assert "met" in str(measured)
    assert "MISSED" in str(measured._replace(comparison=comparison._replace(at_most=0.9)))
    assert jnp.isclose(measured.ratios, jnp.array([1.0, 2.0, 1.0])).all()

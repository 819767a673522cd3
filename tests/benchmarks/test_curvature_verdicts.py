"""What the benchmark of curvature says beside its ratios counts as much as they do."""

import pytest

from benchmarks import curvature

PAIRS = {"residual": 1e-6, "values": [2.0, 1.0], "products": 80}
CASES = [
    ("60 Lanczos", {"orthogonality": 5e-7}, {"orthogonality": 1e-7}, True),
    ("60 Lanczos", {"orthogonality": 2e-6}, {"orthogonality": 1e-7}, False),
    ("in chunks", {"mebibytes": 1.0}, {"mebibytes": 7.0}, True),
    ("in chunks", {"mebibytes": 1.0}, {"mebibytes": 5.0}, False),
    ("top 5", PAIRS, PAIRS, True),
    ("top 5", PAIRS, {**PAIRS, "residual": 1e-4}, False),
    ("top 5", PAIRS, {**PAIRS, "values": [2.0, 0.9]}, False),
]


@pytest.mark.parametrize(("label", "above", "below", "is_met"), CASES)
def test_the_exit_status_tells_what_the_details_say(label, above, below, is_met, monkeypatch, capsys):
    def measured(comparison, rounds):
        ratio = comparison.at_least or comparison.at_most
        return curvature.Measured(
            comparison, [ratio] * rounds, [1.0] * rounds, {comparison.above: above, comparison.below: below}
        ), {}

    monkeypatch.setattr(curvature, "measure", measured)
    assert curvature.main(["--only", label]) == (0 if is_met else 1)
    assert ("MISSED" in capsys.readouterr().out) != is_met

"""The crossed case of the memory benchmark in its smallest setting."""

import sys

import numpy as np
import pytest

from benchmarks import memory

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/status")


def test_memory_of_ones_own_is_told_apart_from_mapped_files(tmp_path):
    size = 2**26
    mapped = np.memmap(tmp_path / "file", np.uint8, "w+", shape=size)
    before = memory.resident()
    mapped[:] = 1
    with_file = memory.resident()
    own = np.ones(size, np.uint8)
    with_both = memory.resident()
    assert with_file["mapped"] - before["mapped"] > 60
    assert with_file["own"] - before["own"] < 30
    assert with_both["own"] - with_file["own"] > 60
    assert own.all()


@pytest.mark.thorough
def test_a_crossed_study_reports_its_memory_and_standard_errors():
    passed, found = memory.measure_crossed(3, 20, 2)
    assert passed
    for told in found["losses"].values():
        assert 20 < told["own"] < memory.LARGEST_OWN
        assert np.isfinite(list(told["standard errors"].values())).all()

"""The sealed third shares no row with what a look may see."""

import numpy as np
import pytest

from experiments.book.sealed import parts
from jaxdl.data import real


@pytest.mark.parametrize("load", [real.digits, real.wine, real.breast_cancer, real.diabetes])
def test_a_look_sees_none_of_the_rows_that_a_released_verdict_is_judged_on(load):
    data = load()
    rows = data._replace(x=np.arange(len(data.x), dtype=np.float32)[:, None])
    of_look, released = (
        [set(np.asarray(part.x)[:, 0].tolist()) for part in parts(rows, sealed)] for sealed in (False, True)
    )
    assert not set.union(*of_look) & released[1]
    assert set.union(*of_look) == released[0]
    assert set.union(*released) == set(range(len(data.x)))
    assert len(of_look[0]) + len(of_look[1]) == len(released[0])
    assert len(released[1]) == len(data.x) // 3

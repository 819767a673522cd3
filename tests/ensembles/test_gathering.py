"""Several processes gather a slab of runs at a time, or read a folder that all of them see.

One process plays two here, as far as gathering is concerned; `test_survival` starts real ones.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl import designs, ensembles
from jaxdl.ensembles.stream import stream

KEY = jax.random.key(5)
DESIGN = designs.independent(50, "data")
BYTES_OF_RUN = 16
module = sys.modules["jaxdl.ensembles.stream"]  # the name `stream` of the package is the function


def trial(keys):
    return jnp.cumsum(jax.random.normal(keys["data"], (4,), jnp.float32))


@pytest.mark.parametrize(("other_sees", "expected"), [(True, []), (False, [20, 20, 10])])
def test_no_more_than_a_slab_is_gathered_at_a_time(other_sees, expected, tmp_path, monkeypatch):
    """Each slab, with the copy of each of the two processes, is within the limit; what both see is not gathered."""
    gathered = []

    def joined(is_there, places, records, shapes, dtypes):
        assert is_there.shape == (2, len(places.record))
        gathered.append(len(places.record))
        rows = [records[record][0][row] for record, row in zip(places.record, places.row, strict=True)]
        return [np.stack(rows)]

    computed = ensembles.run(trial, DESIGN, KEY).outputs
    monkeypatch.setattr(module, "in_several_processes", lambda devices: True)
    monkeypatch.setattr(module, "of_all_processes", lambda values: np.stack([values, values & other_sees]))
    monkeypatch.setattr(module, "joined", joined)
    monkeypatch.setattr(module, "BYTES_OF_LOADED_RECORDS", 2 * 20 * BYTES_OF_RUN)
    (chunks,) = stream(trial, DESIGN, KEY, engine=ensembles.Engine(store=tmp_path))
    parts = list(chunks)
    assert gathered == expected
    np.testing.assert_array_equal(np.concatenate([each.outputs for each in parts]), computed)
    assert [each.first_run for each in parts][: len(expected)] == [0, 20, 40][: len(expected)]

"""Wrong labels against their law."""

import jax.numpy as jnp
import numpy as np
import pytest

from jaxdl.data.label_noise import wrong_labels


def test_labels_are_wrong_as_often_as_said_and_then_any_other_class_alike(key):
    right = jnp.arange(20_000) % 10
    offsets = np.asarray(wrong_labels(key, right, 0.2, 10) - right) % 10
    counts = np.bincount(offsets, minlength=10)
    expected = 20_000 * np.array([0.8, *np.full(9, 0.2 / 9)])
    assert (abs(counts - expected) < 4 * np.sqrt(expected)).all()


def test_a_share_of_zero_or_one_leaves_all_or_none(key):
    right = jnp.arange(100) % 3
    assert (wrong_labels(key, right, 0.0, 3) == right).all()
    assert (wrong_labels(key, right, 1.0, 3) != right).all()


@pytest.mark.parametrize(("share", "num_classes", "name"), [(1.5, 3, "share"), (0.5, 1, "num_classes")])
def test_what_is_no_law_is_refused_by_name(key, share, num_classes, name):
    with pytest.raises(ValueError, match=f"^{name}: got"):
        wrong_labels(key, jnp.arange(3), share, num_classes)

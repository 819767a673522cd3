"""What is computed and what is made of it, side by side: same order, no wait, and no error lost."""

import threading

import numpy as np
import pytest

from jaxdl.studies.beside import beside


def test_the_next_item_is_made_while_the_last_is_consumed():
    """Each side waits for the other: one after the other would stand still."""
    made, begun = threading.Event(), threading.Event()

    def items():
        yield 0
        assert begun.wait(10)
        made.set()
        yield 1

    def consume(received):
        first = next(received)
        begun.set()
        assert made.wait(10)
        return [first, *received]

    assert beside(consume, items()) == [0, 1]


def test_items_come_in_their_order_and_from_the_callers_thread():
    threads = []

    def items():
        for number in range(50):
            threads.append(threading.get_ident())
            yield number

    assert beside(list, items()) == list(range(50))
    assert set(threads) == {threading.get_ident()}


def test_an_error_of_either_side_ends_both():
    def failing():
        yield 1
        msg = "no more"
        raise RuntimeError(msg)

    with pytest.raises(RuntimeError, match="no more"):
        beside(list, failing())

    def refuses(received):
        msg = f"refused {next(received)}"
        raise ValueError(msg)

    with pytest.raises(ValueError, match="refused 0"):
        beside(refuses, iter(range(10**9)))


def test_settings_of_numpy_are_the_callers():
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        beside(lambda received: np.ones(1) / np.zeros(1) + sum(received), [1])

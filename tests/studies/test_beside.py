"""What is computed and what is made of it, side by side: same order, no wait, and no error lost."""

import subprocess
import sys
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


def test_what_is_missing_is_never_taken_for_the_end():
    """An interruption among the items must reach the consumer as one, or it would estimate from a part."""
    ended = []

    def interrupted():
        yield 1
        raise KeyboardInterrupt

    def consume(received):
        total = sum(received)
        ended.append(total)
        return total

    with pytest.raises(KeyboardInterrupt):
        beside(consume, interrupted())
    assert not ended


def test_a_second_interruption_while_the_first_is_handled_leaves_no_thread_behind():
    """The first is raised by the items, the second while the consumer, which is busy, is waited for."""
    code = """
import os, signal, threading, time
from jaxdl.studies.beside import beside

def items():
    yield from range(5)
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    raise KeyboardInterrupt

def consume(received):
    for _ in received:
        time.sleep(0.5)

try:
    beside(consume, items())
except KeyboardInterrupt:
    print("left", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "left" in done.stdout, done.stderr

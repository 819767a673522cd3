"""Ctrl-C and SIGTERM: the first stops a run where it can be continued, a second one ends the process at once."""

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any


class Interruption:
    """The signal that stopped the process, Ctrl-C's unless another came."""

    signal = signal.SIGINT


@contextlib.contextmanager
def interruptible() -> Iterator[Interruption]:
    """Make SIGTERM stop like Ctrl-C, and a second one of either end the process at once.

    The second one is seen by a thread of its own: handlers run between two steps of the main thread, which may be waiting for
    a compilation or a long run.
    """
    interruption = Interruption()

    def stop(number: int, frame: Any) -> None:
        del frame
        interruption.signal = signal.Signals(number)
        raise KeyboardInterrupt

    def watch(arrived: int) -> None:
        stopping = 0
        while number := os.read(arrived, 1):
            stopping += number[0] in (signal.SIGINT, signal.SIGTERM)
            if stopping > 1:
                os._exit(128 + number[0])
        os.close(arrived)

    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread alone
        yield interruption
        return
    arrived, sent = os.pipe()
    os.set_blocking(sent, False)
    threading.Thread(target=watch, args=(arrived,), daemon=True).start()
    wakeup = signal.set_wakeup_fd(sent, warn_on_full_buffer=False)
    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        signal.set_wakeup_fd(wakeup)
        os.close(sent)
        for each, handler in before.items():
            signal.signal(each, handler)

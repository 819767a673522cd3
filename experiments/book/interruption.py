"""Ctrl-C and SIGTERM: the first stops a run where it can be continued, a second one ends the process at once."""

import contextlib
import os
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

SECONDS_TO_HEAR = 5.0
"""How long a compilation or a block may keep Python from hearing a signal; then the process ends, with what is stored."""


class Interruption:
    """The signal that stopped the process, Ctrl-C's unless another came."""

    signal = signal.SIGINT


@contextlib.contextmanager
def interruptible(last_words: Callable[[], str] = lambda: "Interrupted") -> Iterator[Interruption]:
    """Make SIGTERM stop like Ctrl-C, and a second one of either end the process at once.

    Python's handlers run between two steps of the main thread, which may be waiting for a compilation or a long block. So a
    thread of its own sees the signals too: it ends the process at a second one, and when the first is not heard in time, after
    `last_words()` on standard error.
    """
    interruption = Interruption()
    heard = threading.Event()

    def end(number: int) -> NoReturn:
        os.write(2, f"{last_words()}\n".encode(errors="replace"))
        os._exit(128 + number)

    def unraisable(unraised: Any) -> None:
        # Python ignores what a finalizer or a callback raises, and the run would go on.
        if issubclass(unraised.exc_type, KeyboardInterrupt):
            end(interruption.signal)
        hook(unraised)

    def stop(number: int, frame: Any) -> None:
        del frame
        interruption.signal = signal.Signals(number)
        heard.set()
        raise KeyboardInterrupt

    def watch(arrived: int) -> None:
        first = 0
        while True:
            is_waiting = first and not heard.is_set()
            if not select.select([arrived], [], [], SECONDS_TO_HEAR if is_waiting else None)[0]:
                if not heard.is_set():
                    end(first)
                continue
            number = os.read(arrived, 1)
            if not number:
                break
            if number[0] in (signal.SIGINT, signal.SIGTERM):
                if first:
                    os._exit(128 + number[0])
                first = number[0]
        os.close(arrived)

    if threading.current_thread() is not threading.main_thread():  # Python handles signals in the main thread alone
        yield interruption
        return
    arrived, sent = os.pipe()
    os.set_blocking(sent, False)
    threading.Thread(target=watch, args=(arrived,), daemon=True).start()
    wakeup = signal.set_wakeup_fd(sent, warn_on_full_buffer=False)
    hook, sys.unraisablehook = sys.unraisablehook, unraisable
    before = {each: signal.signal(each, stop) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield interruption
    finally:
        sys.unraisablehook = hook
        signal.set_wakeup_fd(wakeup)
        os.close(sent)
        for each, handler in before.items():
            signal.signal(each, handler)

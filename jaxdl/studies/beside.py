"""A consumer in a thread of its own, so that what is computed does not wait for what is made of it."""

import contextlib
import contextvars
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Items that may wait for the consumer."""
SECONDS_BETWEEN_LOOKS = 0.1
END = object()


def beside(consume: Callable[[Iterator[Item]], Result], items: Iterable[Item]) -> Result:
    """`consume(iter(items))`: the items come from this thread, in their order, while another consumes those before.

    Settings of jax belong to a thread, so that what is compiled and run stays in the caller's. An error on either side ends both,
    and so does Ctrl-C: the consumer then gets `CancelledError` in place of the next item.

    >>> beside(sum, (number**2 for number in range(4)))
    14
    """
    waiting: queue.Queue = queue.Queue(AHEAD)
    abandoned = threading.Event()

    def received() -> Iterator[Item]:
        while not abandoned.is_set():
            with contextlib.suppress(queue.Empty):
                if (item := waiting.get(timeout=SECONDS_BETWEEN_LOOKS)) is END:
                    return
                yield item
        raise CancelledError  # items that are missing must not look like the end

    with ThreadPoolExecutor(1) as pool:
        try:
            # NumPy's settings for errors are the caller's too.
            consumer = pool.submit(contextvars.copy_context().run, consume, received())
            for item in items:
                if not _handed_over(waiting, item, consumer):
                    break
            _handed_over(waiting, END, consumer)
            return consumer.result()
        finally:
            abandoned.set()  # before the pool waits for its thread, also when a signal comes here


def _handed_over(waiting: queue.Queue, item: object, consumer: Future) -> bool:
    """Whether the consumer will take the item; not when it has ended."""
    while not consumer.done():
        try:
            waiting.put(item, timeout=SECONDS_BETWEEN_LOOKS)
        except queue.Full:
            continue
        return True
    return False

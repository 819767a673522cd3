"""A contestant in a process of its own, so that no two libraries share their threads; one measurement for each line read.

The driver and the worker talk in lines: the worker says it is ready, once all that is compiled is compiled; each seed it
then reads makes it measure once and answer with JSON.
"""

import argparse
import contextlib
import importlib.metadata
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Int

from benchmarks.problem import accuracies, digits

Contestant = Callable[[int], Int[np.ndarray, "fits points"]]
"""`seed -> predicted classes`, on the host: what is timed, from the first fit's start to the last one's predictions."""


def serve(prepare: Callable[..., Contestant], *packages: str) -> None:
    """Prepare the contestant with what the command line says, then measure it whenever standard input says so."""
    parser = argparse.ArgumentParser()
    for name in ("--width", "--fits", "--threads"):
        parser.add_argument(name, type=int, required=True)
    arguments = parser.parse_args()
    problem = digits()
    fit = prepare(problem, arguments.width, arguments.fits, arguments.threads)
    fit(0)
    answer({name: importlib.metadata.version(name) for name in packages})
    for line in sys.stdin:
        start = time.perf_counter()
        predicted = fit(int(line))
        seconds = time.perf_counter() - start
        answer({"seconds": seconds, "accuracies": accuracies(predicted, problem).tolist()})


def answer(message: dict) -> None:
    """One line to the driver."""
    print(json.dumps(message), flush=True)


class Worker:
    """The driver's end: starts `python -m module ...` and waits until it is ready."""

    def __init__(self, module: str, arguments: Sequence[str] = ()):
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # All live at once, and each would take three quarters of an accelerator's memory.
            env={**os.environ, "XLA_PYTHON_CLIENT_PREALLOCATE": "false"},
        )
        self.name = " ".join([module, *arguments])
        self.versions = self._read()

    def measure(self, seed: int) -> dict:
        """What the worker answers to one seed."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # of a worker that has ended, as there is nothing to read then
            self._process.stdin.write(f"{seed}\n")
            self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """Let the worker end."""
        self._process.communicate()

    def _read(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            msg = f"the worker `{self.name}` ended with status {self._process.returncode}; its own message is above"
            raise RuntimeError(msg)
        return json.loads(line)

"""Options of `plan` and `compare`. It imports nothing heavy, so that `--help` is there at once."""

import argparse
from typing import Any


def add_plan(tasks: Any) -> None:
    """The options of `python -m jaxdl plan`."""
    task = tasks.add_parser("plan", help="how many levels of each source reach a precision, from a saved decomposition")
    task.add_argument("file", help="what Decomposition.save wrote, an .npz archive")
    _add_shared(task)
    wanted = task.add_mutually_exclusive_group(required=True)
    wanted.add_argument("--standard-error", type=float, help="the standard error that is wanted")
    wanted.add_argument("--relative", type=float, help="likewise, as a part of the estimate")
    task.add_argument("--cost", help="of a level of a source and of a run: data=20,run=1; default: run=1")


def add_compare(tasks: Any) -> None:
    """The options of `python -m jaxdl compare`."""
    task = tasks.add_parser("compare", help="is the second of two procedures better, and how many runs would tell?")
    task.add_argument("first", help="what Decomposition.save wrote")
    task.add_argument("second", help="likewise, of a study with the same levels and root key")
    _add_shared(task)
    task.add_argument(
        "--margin", type=float, default=0.0, help="the smallest difference that matters; default: %(default)s"
    )
    task.add_argument("--larger-is-better", action="store_true", help="as an accuracy is; default: less is better")


def _add_shared(task: argparse.ArgumentParser) -> None:
    task.add_argument("--term", required=True, help="as the table prints it: risk, mean, 'variance[data]'")
    task.add_argument("--setting", type=int, help="the position of a setting, where there are several")
    task.add_argument("--time", type=int, help="likewise of a time")
    task.add_argument("--json", action="store_true", help="print one JSON object")

"""A claim as a notebook: its statement, its sizes, its own `judged`, and its figures, to change a number and run again."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from experiments.book import runs
from experiments.book.find import ROOT, Entry


def write(entry: Entry, sizes: Mapping[str, Any], out: Path) -> Path:
    """Write OUT/NUMBER.ipynb, which runs from there in this clone."""
    clone = os.path.relpath(ROOT.parent, out.resolve())
    cells = [
        ("markdown", f"# {entry.number}: {entry.statement}\n\n" + "\n\n".join(entry.paragraphs[1:])),
        (
            "code",
            f"""import sys

sys.path.insert(0, {clone!r})  # the clone that this notebook was written in
from jaxdl import ensembles

ensembles.use_cpu_devices()  # before anything computes
from experiments.book.lab import Lab
from experiments.{entry.chapter} import {entry.path.stem} as claim

print(claim.CRITERION)""",
        ),
        ("markdown", "Change a number, and run this cell and the next again."),
        ("code", f"sizes = {dict(sizes)!r}"),
        (
            "code",
            f"""finding = claim.judged(Lab({entry.chapter!r}, sizes))
print(finding.judgement.verdict, finding.judgement.condition)
print(finding.what, finding.shown.estimate, finding.shown.interval)
print(finding.reading)""",
        ),
        ("markdown", "The figures, by their captions."),
        ("code", "for caption, figure in finding.figures.items():\n    print(caption)\n    display(figure)"),
    ]
    empty: dict[str, dict[str, Any]] = {"markdown": {}, "code": {"execution_count": None, "outputs": []}}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
        "cells": [
            {"cell_type": kind, "id": f"cell-{place}", "metadata": {}, "source": text, **empty[kind]}
            for place, (kind, text) in enumerate(cells)
        ],
    }
    path = out / f"{entry.number}.ipynb"
    runs.write(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    return path

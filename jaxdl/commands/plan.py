"""`python -m jaxdl plan`: how many levels of each source reach a precision."""

import argparse
import json

from jaxdl.commands.answers import plain, selected
from jaxdl.decomposition.named_terms import label_of


def main(arguments: argparse.Namespace) -> int:
    """Print the plan, as text or as one JSON object."""
    result = selected(arguments.file, arguments)
    found = result.plan(
        arguments.term,
        standard_error=arguments.standard_error,
        relative=arguments.relative,
        cost=None if arguments.cost is None else _costs(arguments.cost),
    )
    if not arguments.json:
        print(found)
        return 0
    low, high = result.intervals[found.term]
    answer = {
        "term": label_of(found.term),
        "estimate": plain(result.estimates[found.term]),
        "interval": [plain(low), plain(high)],
        "standard_error": plain(result.standard_errors[found.term]),
        "wanted": plain(found.wanted),
        "forecast": plain(found.standard_error),
        "levels": found.levels,
        "runs": found.num_runs,
        "runs_still_needed": found.num_needed,
        "cost": found.cost,
        "notes": [*found.notes, *result.notes],
    }
    print(json.dumps(answer))
    return 0


def _costs(text: str) -> dict[str, float]:
    costs: dict[str, float] = {}
    for part in text.split(","):
        name, sign, number = part.partition("=")
        try:
            costs[name.strip()] = float(number)
        except ValueError:
            sign = ""
        if not sign:
            msg = f"cost: got {part!r}, expected a name and a number; for example --cost data=20,run=1"
            raise ValueError(msg)
    return costs

"""`python -m jaxdl compare`: is the second of two procedures better, and how many runs would tell?"""

import argparse
import json

from jaxdl.commands.answers import plain, selected
from jaxdl.decomposition import Outcome, compare


def main(arguments: argparse.Namespace) -> int:
    """Print the difference with its verdict, as text or as one JSON object."""
    first, second = (selected(path, arguments) for path in (arguments.first, arguments.second))
    found = compare(first, second)
    outcome = found.outcome(arguments.term, margin=arguments.margin, larger_is_better=arguments.larger_is_better)
    settled = found.settle(arguments.term, margin=arguments.margin)
    term = first.term(arguments.term)
    low, high = found.intervals[term]
    is_open = outcome is Outcome.UNDECIDED
    answer = {
        "term": arguments.term,
        "estimate": plain(found.estimates[term]),
        "interval": [plain(low), plain(high)],
        "standard_error": plain(found.standard_errors[term]),
        "verdict": outcome.value,
        "margin": arguments.margin,
        "standard_error_from": {unit: plain(part**0.5) for unit, part in found.parts[term].items()},
        "population": found.populations[term],
        "levels": found.counts,
        "levels_alone": settled.alone if is_open else {},
        "levels_together": settled.together if is_open else None,
        "runs_still_needed": settled.num_needed if is_open else 0,
        "notes": list(found.notes),
    }
    print(json.dumps(answer) if arguments.json else _text(answer))
    return 0


def _text(answer: dict) -> str:
    low, high = answer["interval"]
    parts = ", ".join(f"{value:.3g} from {unit}" for unit, value in answer["standard_error_from"].items())
    lines = [
        f"second minus first, {answer['term']}: {answer['estimate']:.5g} ({low:.5g} to {high:.5g}): {answer['verdict']}",
        f"standard error {answer['standard_error']:.3g}: {parts}",
    ]
    if answer["verdict"] == Outcome.UNDECIDED.value:
        alone = ", ".join(f"{unit}: {count or 'no number'}" for unit, count in answer["levels_alone"].items())
        needed = answer["runs_still_needed"]
        lines.append(f"levels that would settle it, each source alone, if the difference is as measured: {alone}")
        lines.append(
            "no number of runs settles it at these test points"
            if needed is None
            else f"{needed} further runs of each procedure, with levels {answer['levels_together']}"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in answer["notes"])])

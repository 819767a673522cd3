"""What a design could have missed, and what would settle an open verdict: from a finding's own interval and bars."""

import math
from collections.abc import Mapping
from typing import Any

POWER = 1.43
"""Half-widths of a 95 % interval that an effect must have to be seen 4 times in 5: (1.96 + 0.84) / 1.96."""


def of(found: Mapping[str, Any]) -> dict[str, str]:
    """Sentences by their heads; none where nothing is random.

    >>> of({"interval": [0.9, 1.1], "estimate": 1.0, "ends": "95 % interval", "verdict": "supported", "reference": {}})
    {'Power': 'An effect of 0.143 on the shown number is seen 4 times in 5; a smaller one is missed more often.'}
    """
    low, high = map(float, found["interval"])
    half = (high - low) / 2
    if found["verdict"] == "exact" or "interval" not in found["ends"] or not 0 < half < math.inf:
        return {}
    told = {
        "Power": f"An effect of {POWER * half:.3g} on the shown number is seen 4 times in 5; a smaller one is missed more often."
    }
    bars = [float(value) for name, value in found["reference"].items() if "bar" in name]
    distances = [abs(float(found["estimate"]) - bar) for bar in bars if low <= bar <= high]
    if found["verdict"] == "inconclusive" and distances and (distance := min(distances)) > 0:
        times = (POWER * half / distance) ** 2
        told["To settle it"] = f"About {times:.2g} times the runs, if the estimate stays where it is."
    return told

"""Penalties of the parameters, `params -> scalar`, and their proximal operators, `(params, strength) -> params`.

Every leaf counts, intercepts and biases included. To penalize a part only, select it:
`lambda params: l2(params["kernel"])`, and `lambda params, strength: {**params, "kernel": soft_threshold(params["kernel"],
strength)}`. For penalties of a network's activations see `objectives.with_activity_penalty`.

================== =========================== ============================
penalty            proximal operator           zeros
================== =========================== ============================
`zero`             `keep`                      none
`l1`               `soft_threshold`            exact
`l2`               `shrink`                    none
`lq(q)`            `lq_threshold(q)`           exact for q <= 1
non-zeros          `hard_threshold`            exact
`elastic_net(a)`   `elastic_net_threshold(a)`  exact for a > 0
`group()`          `group_threshold()`         exact, of whole groups
================== =========================== ============================
"""

from jaxdl.penalties.norms import elastic_net, group, l1, l2, lq, zero
from jaxdl.penalties.proximal import (
    elastic_net_threshold,
    group_threshold,
    hard_threshold,
    keep,
    lq_threshold,
    shrink,
    soft_threshold,
)

__all__ = [
    "elastic_net",
    "elastic_net_threshold",
    "group",
    "group_threshold",
    "hard_threshold",
    "keep",
    "l1",
    "l2",
    "lq",
    "lq_threshold",
    "shrink",
    "soft_threshold",
    "zero",
]

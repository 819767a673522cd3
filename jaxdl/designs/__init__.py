"""Designs: how many levels each source of randomness has, how they are laid out over runs, and what that identifies.

A run's key for a source depends on the root key, the source's name and its level, and on nothing else, so every run
is addressable by its levels: a study grows, or is split over machines, without redoing a run, and two settings of a
hyperparameter share their random numbers.

>>> import jax
>>> design = crossed(data=3, init=2)
>>> design.num_runs, design.components
(6, (('data',), ('init',), ('data', 'init')))
>>> sorted(keys_of_run(design, jax.random.key(0), 5))
['data', 'init']
"""

from jaxdl.designs.detection import detectable, power
from jaxdl.designs.keys import keys_of_run, tied
from jaxdl.designs.layout import Component, Design, crossed, independent, nested

__all__ = [
    "Component",
    "Design",
    "crossed",
    "detectable",
    "independent",
    "keys_of_run",
    "nested",
    "power",
    "tied",
]

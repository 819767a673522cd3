"""Terms by name: one look-up for results, their components, and the statistics that are derived from them."""

from collections.abc import Callable, Iterable, Iterator, Mapping

import numpy as np

from jaxdl.decomposition.estimates import Term

Array = np.ndarray


class UnknownTermError(KeyError, ValueError):
    """A name that no term has; the message lists those that there are."""

    __str__ = ValueError.__str__  # that of a KeyError puts the message in quotes


class Terms(Mapping[Term, Array]):
    """Arrays by term. Components are found by their sources, `("data", "init")`, and by their label, `"variance[data, init]"`."""

    def __init__(self, terms: Iterable[Term], array_of: Callable[[Term], Array]):
        self._terms = tuple(terms)
        self._array_of = array_of

    def names(self) -> dict[Term, Term]:
        """The term that each name stands for."""
        return {name: term for term in self._terms for name in (term, label_of(term))}

    def __getitem__(self, name: Term) -> Array:
        if name not in self:
            labels = ", ".join(repr(label_of(term)) for term in self._terms)
            msg = f"term: got {name!r:.80}, expected one of those that this study identifies: {labels or 'none'}"
            raise UnknownTermError(msg)
        return self._array_of(self.names()[name])

    def __contains__(self, name: object) -> bool:
        is_name = isinstance(name, str) or (isinstance(name, tuple) and all(isinstance(each, str) for each in name))
        return is_name and name in self.names()

    def __iter__(self) -> Iterator[Term]:
        return iter(self._terms)

    def __len__(self) -> int:
        return len(self._terms)

    def __repr__(self) -> str:
        return repr(dict(self))


class Components(Terms):
    """Variance components. A single source needs no tuple: `"data"` stands for `("data",)`."""

    def names(self) -> dict[Term, Term]:
        """The term that each name stands for."""
        return {term[0]: term for term in self._terms if isinstance(term, tuple) and len(term) == 1} | super().names()


def label_of(term: Term) -> str:
    """`variance[data, init]` for components, the term itself otherwise."""
    return f"variance[{', '.join(term)}]" if isinstance(term, tuple) else term

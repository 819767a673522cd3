"""Cross-entropy and every other Bregman loss, in the space of natural parameters (logits), where means are central."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int, Num

from jaxdl.decomposition import averaged_probabilities, potentials
from jaxdl.decomposition.averaged_probabilities import OF_LOGITS, OF_PROBABILITIES
from jaxdl.decomposition.bregman_crossed import crossed_gaps
from jaxdl.decomposition.class_labels import resolve_classes
from jaxdl.decomposition.doubles import finite_doubles
from jaxdl.decomposition.estimates import Estimates, Term, term_names
from jaxdl.decomposition.grouped import GroupedMeans
from jaxdl.decomposition.loss import LossDecomposition
from jaxdl.decomposition.potentials import Potential
from jaxdl.decomposition.probabilities import warn_of_probabilities
from jaxdl.decomposition.squared_error import given_fixed
from jaxdl.decomposition.target import (
    Reference,
    Target,
    check_no_labels,
    check_shape,
    checked_noise,
    classes_of,
    known_noise,
    known_of,
    warn_of_copies,
)
from jaxdl.designs import Design
from jaxdl.designs.layout import NUM_GROUPS

Array = np.ndarray
ENTROPY = "entropy of P(class|x); from few annotators too small even as corrected, and the bias too large by as much"


class BregmanLoss(LossDecomposition):
    """Bias, variance by source, and noise of L(y, η) = A(η) - <y, η> + A*(y), for predictions that are natural parameters η.

        E L = E[A*(y)] - A*(μ)  +  A(E η) - <μ, E η> + A*(μ)  +  E A(η) - A(E η),     μ = E[y|x]
              noise                bias: loss of the central        variance: Jensen gap of A
                                   prediction E η

    For the softmax: entropy, KL(π | central), and E KL(central | prediction), computed from logits without exponentials that
    overflow. The gap obeys the law of total variance in one order of sources at a time: V[data] = E A(E[η|data]) - A(E η) and
    V[init(data)] = E A(η) - E A(E[η|data]). A crossed design reports all orders, and Shapley's shares, which average them and
    add up to the total variance.

    A gap of K runs is too small by about tr(A'' Cov η)/2K, and the bias too large by as much; a jackknife over the levels removes
    that to first order (one over groups of runs, when they stream: two running means a point, whatever their number).
    The risk is unbiased as it is.

    With the softmax and a target, the risks of two ensembles come along, each averaging over everything that the design varies:
    `risk_of_averaged_logits`, which is bias plus noise, and `risk_of_averaged_probabilities`, -<π, log E softmax(η)>, which is
    not (a third running mean a point): see `averaged_probabilities`.

    References:
        Heskes (1998), Bias/variance decompositions for likelihood-based estimators; Pfau (2013), A generalized bias-variance
        decomposition for Bregman divergences; Adlam et al. (2022), Understanding the bias-variance tradeoff of Bregman divergences;
        Gupta et al. (2022), Ensembling over classifiers: a bias-variance perspective.

    >>> logits = np.random.default_rng(0).normal(1.0, 2.0, size=(4000, 1, 1))
    >>> result = bregman(potentials.bernoulli)(
    ...     logits, factors=("data",), target=Target(mean=np.full((1, 1), 0.6), noise=0.673012), dims=("points", "out"))
    >>> bool(abs(result.total_variance - 0.329234) < 4 * result.standard_errors["total_variance"])
    True
    """

    def __init__(self, potential: Potential):
        self.potential = potential
        self.name = f"{potential.name} loss"

    def reference(self, target: Target | None, shape: tuple[int, ...]) -> Reference | None:
        if self.potential is potentials.softmax and shape[1:] in ((), (1,)):
            msg = f"predictions: got predictions of shape {shape} at one run, expected logits of two or more classes, on an axis "
            msg += "'out'; for a single logit use bregman(potentials.bernoulli)"
            raise ValueError(msg)
        if target is None:
            return None
        if self.potential is potentials.softmax:
            found = self._of_classes(target, shape)
            return found._replace(classes=found.center.argmax(axis=-1))
        return self._of_means(target, shape)

    def admitted(self, predictions: Num[Array, "... out"], reference: Reference | None) -> Num[Array, "... out"]:
        del reference
        warn_of_probabilities(self.potential, predictions)
        is_beyond = self.potential.is_beyond(predictions)
        return np.where(is_beyond, np.inf, predictions) if is_beyond.any() else predictions

    def grouped(self, design: Design, reference: Reference | None) -> GroupedMeans:
        return _GroupedGaps(design, reference, self.potential)

    def from_table(
        self,
        table: Num[Array, "*levels times points out"],
        design: Design,
        reference: Reference | None,
        kept: Sequence[Array],
    ) -> Estimates:
        return crossed_gaps(self.potential, table, design, reference, kept)

    def estimand(self, term: Term, design: Design) -> str:
        given = given_fixed(design)
        if isinstance(term, tuple):
            return _gap_estimand(term[0]) + given
        if term.startswith("share["):
            return f"Shapley share of the total variance{given}"
        sources = ", ".join(design.sources)
        return {
            OF_LOGITS: f"E L(y, E η), the ensemble of all logits over {sources}{given}: bias and noise together",
            OF_PROBABILITIES: f"E L(y, log E softmax η), the ensemble of all probabilities over {sources}{given}",
            "bias": f"loss of the central prediction E η above that of E[y|x]{given}",
            "bias_plus_noise": f"loss of the central prediction E η{given}: bias and noise together",
            "total_variance": f"E A(η) - A(E η) over {sources}{given}",
            "noise": "E A*(y) - A*(E[y|x])" if self.potential is not potentials.softmax else ENTROPY,
            "risk": f"E L(y, η){given}",
            "excess_risk": f"E L(y, η) - noise{given}",
        }[term]

    def notes(self, design: Design) -> tuple[str, ...]:
        del design
        return (
            "corrected to first order in 1/levels; where predictions spread widely, more runs move variance up and bias down",
        )

    def _of_classes(self, target: Target, shape: tuple[int, ...]) -> Reference:
        classes = resolve_classes(target, *shape)
        pi, zero = classes.probabilities, np.zeros(shape[0])
        entropy = -self.potential.conjugate(pi)
        if classes.is_exact:
            return Reference.of_mean(pi, "bias", -entropy, entropy)
        if classes.noise is not None or classes.has_single_labels:
            return Reference.of_labels(pi, "bias", zero, classes.noise)
        # The entropy of frequencies is too small; Miller (1955) and Madow add (classes seen - 1) / 2R.
        noise = entropy + ((pi > 0).sum(axis=-1) - 1) / (2 * np.asarray(classes.num_annotators))
        return Reference.of_labels(pi, "bias", zero, noise)

    def _of_means(self, target: Target, shape: tuple[int, ...]) -> Reference:
        name, numbers = known_of(target, ("mean", "labels", "replicates"))
        value = finite_doubles(name, numbers)
        check_shape(name, value, shape)
        value = value[..., None] if len(shape) == 1 else value
        entropy = self.potential.conjugate(value)
        if not np.isfinite(entropy).all():
            msg = f"{name}: got {name} between {value.min():.4g} and {value.max():.4g}, which the {self.name} does not allow, "
            msg += "expected means that its law can have; choose the potential of these labels"
            raise ValueError(msg)
        noise = checked_noise(target.noise, shape[0])
        if name == "mean":
            check_no_labels(value, noise)
            return Reference.of_mean(value, "bias", entropy, noise)
        if name == "labels":
            return Reference.of_labels(value, "bias", entropy, noise)._replace(classes=classes_of(value))
        if noise is not None:
            raise ValueError(known_noise(name))
        warn_of_copies(value, may_tie=False)
        count, mean = len(value), value.mean(axis=0)
        left_out = (count * mean - value) / (count - 1)
        plug_in, deleted = self.potential.conjugate(mean), self.potential.conjugate(left_out).mean(axis=0)
        of_mean = count * plug_in - (count - 1) * deleted  # the jackknife, as A* of an average is too small
        noise = entropy.mean(axis=0) - of_mean
        return Reference.of_labels(mean, "bias", entropy.mean(axis=0), noise)


def bregman(potential: Potential) -> BregmanLoss:
    """The decomposition of the Bregman loss of a potential: `potentials.softmax`, `bernoulli`, `poisson`, `gaussian` or your own.

    Raises:
        ValueError: for what is no `Potential`.

    >>> bregman(potentials.poisson).name
    'Poisson loss'
    """
    if not isinstance(potential, potentials.Potential):
        msg = f"potential: got {potential!r:.80}, expected a Potential; for example decomposition.potentials.softmax"
        raise ValueError(msg)
    return BregmanLoss(potential)


cross_entropy = bregman(potentials.softmax)


class _GroupedGaps(GroupedMeans):
    """Running means of η, and of A at each depth: A(E[η|outer]), ..., A(η); of probabilities for the softmax."""

    is_corrected = True

    def __init__(self, design: Design, reference: Reference | None, potential: Potential):
        super().__init__(design, reference)
        self._potential = potential
        self._log_sums: Array | None = None  # of each group's probabilities, (groups, times, points, classes)

    @property
    def terms(self) -> tuple[Term, ...]:
        return term_names(self._design.components, self._reference)

    def add(self, runs: Num[Array, "units *inner times points out"], kept: Float[Array, " units"]) -> None:
        first = self._next_unit
        super().add(runs, kept)
        if self._reference is None or self._potential is not potentials.softmax:
            return
        places = np.flatnonzero(kept)
        if self._log_sums is None:
            self._log_sums = np.full((NUM_GROUPS, *runs.shape[-3:]), -np.inf)
        logs = averaged_probabilities.log_softmax(runs[places].astype(np.float64))
        for place, unit in zip(places, averaged_probabilities.log_mean(logs, range(1, runs.ndim - 3)), strict=True):
            total = self._log_sums[(first + place) % NUM_GROUPS]
            np.logaddexp(total, unit, out=total)

    def _restrict(self, points: Int[Array, " _"]) -> None:
        super()._restrict(points)
        if self._log_sums is not None:
            self._log_sums = self._log_sums[:, :, points]

    def estimates(self) -> Estimates:
        found = super().estimates()
        if self._log_sums is None or self._reference is None:
            return found
        occupied = np.flatnonzero(self._counts)
        if len(occupied) < 2:
            nothing = np.full(found.per_point.shape[1:], np.nan)
            return averaged_probabilities.with_ensembles(found, self._reference, nothing, {})
        counts, risks, deleted = self._counts[occupied], [], []
        for time in range(self._log_sums.shape[1]):
            logs = self._log_sums[occupied, time] - np.log(counts)[:, None, None]
            risk, [without] = averaged_probabilities.averaged_risk([logs], [counts], self._reference.center)
            risks.append(risk)
            deleted.append(without)
        return averaged_probabilities.with_ensembles(
            found, self._reference, np.stack(risks), {"groups": np.stack(deleted, axis=1)}
        )

    def _statistics(self, runs: Array, kept: Array) -> tuple[Array, ...]:
        del kept
        means, values = runs, []
        for depth in range(len(self._design.shape), 0, -1):
            if depth == len(self._design.shape):
                at_depth = self._potential.value(means)
            else:
                at_depth, means = self._corrected_value(means, depth), means.mean(axis=depth)
            values.append(at_depth.mean(axis=tuple(range(1, depth))) if depth > 1 else at_depth)
        return means, np.stack(values[::-1], axis=-1)

    def _corrected_value(self, children: Array, axis: int) -> Array:
        """A of the mean of children, jackknifed over them."""
        count = children.shape[axis]
        mean = children.mean(axis=axis, keepdims=True)
        without = self._potential.value((count * mean - children) / (count - 1)).mean(axis=axis)
        return count * self._potential.value(mean.squeeze(axis)) - (count - 1) * without

    def _terms(self, counts: Array, sums: tuple[Array, ...]) -> Array:
        mean = sums[0] / counts[:, None, None, None]
        values = sums[1] / counts[:, None, None, None]
        central = self._potential.value(mean)
        steps = np.diff(np.concatenate([central[..., None], values], axis=-1), axis=-1)
        components = list(np.moveaxis(steps, -1, 0)) if self._design.components else []
        total = values[..., -1] - central
        if self._reference is None:
            return np.stack([*components, total])
        linear = np.einsum("...po,po->...p", mean, self._reference.center)
        bias = central - linear + self._reference.bias_offset
        return np.stack([bias, *components, total, values[..., -1] - linear + self._reference.risk_offset])


def _gap_estimand(factor: str) -> str:
    if "(" not in factor:
        return f"E A(E[η|{factor}]) - A(E η)"
    source, given = factor.rstrip(")").split("(")
    return f"E A(E[η|{given},{source}]) - E A(E[η|{given}])"

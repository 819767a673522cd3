"""The 0-1 loss of classifiers: Domingos's and James's decompositions, and the unbiased one of Kohavi and Wolpert.

Predicted classes are the largest scores along an axis "out", the lowest class among equals, or class numbers where there is no
such axis.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from jaxtyping import Float, Num
from scipy import special

from jaxdl.decomposition.class_labels import ClassTarget, check_predicted, class_numbers, one_hot, resolve_classes
from jaxdl.decomposition.crossed import crossed_estimates, jackknifed
from jaxdl.decomposition.estimates import Estimates, Term
from jaxdl.decomposition.grouped import GroupedMeans, GroupedMoments
from jaxdl.decomposition.loss import LossDecomposition
from jaxdl.decomposition.squared_error import component_estimand, given_fixed
from jaxdl.decomposition.target import Reference, Target
from jaxdl.designs import Design

Array = np.ndarray
HALF = 0.5


class _OfClasses(LossDecomposition):
    """A loss of predicted classes."""

    def admitted(self, predictions: Num[Array, "... out"], reference: Reference | None) -> Num[Array, "... out"]:
        if reference is not None and predictions.shape[-1] == 1:
            numbers = class_numbers(predictions[np.isfinite(predictions)][:, None])
            check_predicted(numbers, reference.center.shape[-1])
        return predictions


class KohaviWolpert(_OfClasses):
    """Unbiased bias², variance components and noise of the 0-1 loss, as half the squared error of one-hot predictions.

        P(f ≠ y) = ½|π - q|² + ½(1 - |q|²) + ½(1 - |π|²),

    where q is the law of the predicted class and π that of the label. Being quadratic, every term has an unbiased estimate and
    splits by source with all interactions, which no term of Domingos's has.

    References:
        Kohavi & Wolpert (1996), Bias plus variance decomposition for zero-one loss functions.

    >>> classes = np.random.default_rng(0).choice(3, p=(0.6, 0.3, 0.1), size=(2000, 1))
    >>> pi = np.array([[0.2, 0.7, 0.1]])
    >>> result = kohavi_wolpert(classes, factors=("data",), target=Target(probabilities=pi))
    >>> bool(abs(result.total_variance - 0.27) < 4 * result.standard_errors["total_variance"]), result.noise.round(2).item()
    (True, 0.23)
    """

    name = "0-1 loss, Kohavi and Wolpert"

    def reference(self, target: Target | None, shape: tuple[int, ...]) -> Reference | None:
        if target is None:
            _check_scores(shape)
            return None
        classes = _classes(target, shape)
        most_probable = classes.probabilities.argmax(axis=-1)
        spread = HALF * (1 - (classes.probabilities**2).sum(axis=-1))
        center, zero = np.sqrt(HALF) * classes.probabilities, np.zeros(len(spread))
        if classes.is_exact:
            return Reference.of_mean(center, "bias_squared", zero, spread)._replace(classes=most_probable)
        if classes.noise is not None or classes.has_single_labels:
            return Reference.of_labels(center, "bias_squared", zero, classes.noise)._replace(classes=most_probable)
        num_annotators = np.asarray(classes.num_annotators)
        noise = spread * num_annotators / (num_annotators - 1)
        return Reference(
            center=center,
            bias="bias_squared",
            bias_offset=-noise / num_annotators,
            risk="risk",
            risk_offset=spread,
            noise=noise,
            labels_are_random=True,
            classes=most_probable,
        )

    def grouped(self, design: Design, reference: Reference | None) -> GroupedMeans:
        return GroupedMoments(design, reference, _indicators(reference, np.sqrt(HALF)))

    def from_table(
        self,
        table: Num[Array, "*levels times points out"],
        design: Design,
        reference: Reference | None,
        kept: Sequence[Array],
    ) -> Estimates:
        return crossed_estimates(table, design, reference, kept, _indicators(reference, np.sqrt(HALF)))

    def estimand(self, term: Term, design: Design) -> str:
        if isinstance(term, tuple):
            return component_estimand(term, design) + ", f one-hot, halved"
        given = given_fixed(design)
        return {
            "bias_squared": f"½|q - π|²{given}",
            "bias_squared_plus_noise": f"½E|q - y|²{given}: bias² and noise together",
            "total_variance": f"½(1 - |q|²){given}",
            "noise": "½(1 - |π|²)",
            "risk": f"P(f ≠ y){given}",
        }[term]


class ZeroOne(_OfClasses):
    """Domingos's decomposition of the 0-1 loss, with James's effects beside it.

    At a point, with q_k = P(f = k), π_k = P(y = k), the best class y* = argmax π and the main prediction m = argmax q,

        P(f ≠ y) = c1 N + B + c2 V,   N = 1 - π_y*,   B = [m ≠ y*],   V = 1 - q_m,
        c2 = 1 where m = y*, and -q_y*/(1 - q_m) elsewhere;   c1 = q_y* - sum over k ≠ y* of q_k π_k / (1 - π_y*).

    `noise_effect` is c1 N and `net_variance` c2 V, so that risk = noise_effect + bias + net_variance exactly: where the main
    prediction is wrong, variance *reduces* the error. James: risk = N + systematic_effect + variance_effect, with
    π_y* - π_m and the rest.

    No term but the risk has an unbiased estimate, because argmax and max of observed frequencies are not those of the law: the
    numbers are plug-in, their standard errors jackknifed, and `main_prediction_uncertain` reports the probability, by a normal
    approximation to the two leading classes that is low below some 50 runs, that the main prediction is not that of the law; runs
    that share a level count once. Single labels do not say which class is best: effects relative to it are then left out.
    `kohavi_wolpert` is the unbiased companion, and the one that splits by source.

    References:
        Domingos (2000), A unified bias-variance decomposition; James (2003), Variance and bias for general loss functions.

    >>> classes = np.repeat([0, 1, 2], [6, 3, 1])[:, None]
    >>> result = zero_one(classes, factors=("data",), target=Target(probabilities=np.array([[0.2, 0.7, 0.1]])))
    >>> [round(float(result.estimates[term]), 6) for term in ("risk", "noise_effect", "bias", "net_variance")]
    [0.66, -0.04, 1.0, -0.3]
    """

    name = "0-1 loss, Domingos"

    def reference(self, target: Target | None, shape: tuple[int, ...]) -> Reference | None:
        if target is None:
            _check_scores(shape)
            return None
        classes = _classes(target, shape)
        if classes.noise is not None:
            msg = "noise: got labels and a noise level, expected to know which class is best; pass probabilities= or counts="
            raise ValueError(msg)
        zero = np.zeros(shape[0])
        return Reference(
            center=classes.probabilities,
            bias="bias_plus_noise" if classes.has_single_labels else "bias",
            bias_offset=zero,
            risk="risk",
            risk_offset=zero,
            noise=None if classes.has_single_labels else 1 - classes.probabilities.max(axis=-1),
            labels_are_random=not classes.is_exact,
            classes=classes.probabilities.argmax(axis=-1),
        )

    def grouped(self, design: Design, reference: Reference | None) -> GroupedMeans:
        return _GroupedFrequencies(design, reference)

    def from_table(
        self,
        table: Num[Array, "*levels times points out"],
        design: Design,
        reference: Reference | None,
        kept: Sequence[Array],
    ) -> Estimates:
        return _crossed_frequencies(table, design, reference, kept)

    def estimand(self, term: Term, design: Design) -> str:
        given = given_fixed(design)
        return {
            "bias": f"P(main prediction ≠ best class) over points{given}",
            "bias_plus_noise": f"P(main prediction ≠ label) over points{given}: bias and noise together",
            "total_variance": f"V = P(f ≠ main prediction){given}",
            "net_variance": f"c2 V{given}: negative where the main prediction is wrong (single labels: differs from the label)",
            "noise_effect": "c1 N",
            "systematic_effect": "π_best - π_main (James)",
            "variance_effect": "P(f ≠ y) - P(main prediction ≠ y) (James)",
            "main_prediction_uncertain": "P(main prediction of these runs ≠ that of their law), roughly",
            "noise": "N = 1 - max π",
            "risk": f"P(f ≠ y){given}",
        }[str(term)]

    def notes(self, design: Design) -> tuple[str, ...]:
        return (
            f"plug-in estimates from {design.num_runs} runs planned, ties to the lowest class; only the risk is unbiased "
            "(kohavi_wolpert is, in every term)",
            "standard errors of bias and effects are rough, a jackknife of an argmax: 0 means that no single level decides it",
        )


kohavi_wolpert = KohaviWolpert()
zero_one = ZeroOne()


class _GroupedFrequencies(GroupedMeans):
    """How often each class is predicted at each point."""

    @property
    def terms(self) -> tuple[Term, ...]:
        return _names(self._reference)

    def _statistics(self, runs: Array, kept: Array) -> tuple[Array, ...]:
        del kept
        indicators = _indicators(self._reference, 1.0)(runs)
        # Whole numbers, so that equal counts stay equal and ties are ties.
        return (indicators.sum(axis=tuple(range(1, len(self._design.shape)))),)

    def _terms(self, counts: Array, sums: tuple[Array, ...]) -> Array:
        num_inner = float(np.prod(self._design.shape[1:]))
        return _domingos(
            sums[0] / (counts[:, None, None, None] * num_inner), counts[:, None, None], self._reference, slice(None)
        )


def _crossed_frequencies(table: Array, design: Design, reference: Reference | None, kept: Sequence[Array]) -> Estimates:
    """Terms of a crossed design; standard errors by deleting one level of each factor at a time."""
    num_factors = len(design.shape)
    counts = tuple(map(len, kept))
    num_runs, num_units = math.prod(counts), float(min(counts))

    def at_points(values: Array, time: int, chunk: slice) -> tuple[Array, Callable[[int], Array]]:
        del time
        indicators = _indicators(reference, 1.0)(values)
        total = indicators.sum(axis=tuple(range(num_factors)))  # whole numbers: equal counts stay equal

        def without(axis: int) -> Array:
            own = indicators.sum(axis=tuple(i for i in range(num_factors) if i != axis))
            rest = (total - own) / (num_runs * (1 - 1 / counts[axis]))
            return _domingos(rest, num_units, reference, chunk)

        return _domingos(total / num_runs, num_units, reference, chunk), without

    return jackknifed(table, design, reference, kept, _names(reference), at_points)


def _names(reference: Reference | None) -> tuple[Term, ...]:
    if reference is None:
        return ("total_variance", "main_prediction_uncertain")
    if reference.bias == "bias_plus_noise":  # which class is best is not known, so neither are effects relative to it
        return (
            reference.bias,
            "total_variance",
            "net_variance",
            "variance_effect",
            "main_prediction_uncertain",
            "risk",
        )
    effects = ("net_variance", "noise_effect", "systematic_effect", "variance_effect", "main_prediction_uncertain")
    return (reference.bias, "total_variance", *effects, "risk")


def _domingos(
    frequencies: Float[Array, "*rows points classes"],
    num_units: Float[Array, "..."] | float,
    reference: Reference | None,
    chunk: slice,
) -> Float[Array, "terms *rows points"]:
    q = frequencies
    main = q.argmax(axis=-1)
    q_main = np.take_along_axis(q, main[..., None], axis=-1)[..., 0]
    second = np.partition(q, -2, axis=-1)[..., -2]
    gap = q_main - second
    spread = q_main + second - gap**2  # times the number of runs, the variance of the difference of the two counts
    with np.errstate(invalid="ignore", divide="ignore"):
        uncertain = np.where(spread > 0, special.ndtr(-gap * np.sqrt(num_units / spread)), 0.0)
    if reference is None:
        return np.stack([1 - q_main, uncertain])
    pi = np.broadcast_to(reference.center[chunk], q.shape)
    best = pi.argmax(axis=-1)
    pi_best, q_best = (np.take_along_axis(each, best[..., None], axis=-1)[..., 0] for each in (pi, q))
    pi_main = np.take_along_axis(pi, main[..., None], axis=-1)[..., 0]
    is_biased = main != best
    risk = 1 - (q * pi).sum(axis=-1)
    net_variance = np.where(is_biased, -q_best, 1 - q_main)
    by_name = {
        reference.bias: is_biased.astype(np.float64),
        "total_variance": 1 - q_main,
        "net_variance": net_variance,
        "noise_effect": q_best * (1 - pi_best) - ((q * pi).sum(axis=-1) - q_best * pi_best),
        "systematic_effect": pi_best - pi_main,
        "variance_effect": risk - (1 - pi_main),
        "main_prediction_uncertain": uncertain,
        "risk": risk,
    }
    return np.stack([by_name[str(name)] for name in _names(reference)])


def _classes(target: Target, shape: tuple[int, ...]) -> ClassTarget:
    num_points, num_classes = shape[0], shape[1] if len(shape) > 1 and shape[1] > 1 else None
    return resolve_classes(target, num_points, num_classes)


def _check_scores(shape: tuple[int, ...]) -> None:
    """Without a target only scores tell how many classes there are."""
    if shape[1:] in ((), (1,)):
        msg = (
            "got class numbers and no target, so that the number of classes is unknown; predict scores on an axis 'out'"
        )
        raise ValueError(msg)


def _indicators(reference: Reference | None, scale: float) -> Callable[[Array], Array]:
    """Scores or class numbers to rows that are `scale` at the predicted class."""

    def indicators(scores: Num[Array, "*rows points out"]) -> Float[Array, "*rows points classes"]:
        num_classes = scores.shape[-1] if reference is None else reference.center.shape[-1]
        return scale * one_hot(class_numbers(scores), num_classes)

    return indicators

"""The textbooks' recipe from training and validation error to a remedy.

    training error  >> reference       underfitting: a better optimizer, if it lowers the training error; else more capacity
    validation error >> training error overfitting: more data or regularization
    neither                            nothing: the rest is noise

Training error comes first, as in the texts: more data do not help a model that does not fit its training data. The reference
is the error that one expects to be possible, and everything depends on it: noise in the labels raises both errors, just as a
lack of capacity does. `diagnose_with_noise` therefore takes an estimate of the noise.
"""

import enum
import math
from statistics import NormalDist
from typing import NamedTuple

from jaxdl.decomposition.noise import NoiseEstimate

__all__ = ["Diagnosis", "MeasuredError", "Remedy", "diagnose", "diagnose_with_noise"]


class Remedy(enum.StrEnum):
    """The change that lowers the validation error.

    >>> print(Remedy.DATA)
    more data or regularization
    """

    CAPACITY = "more capacity"
    OPTIMIZER = "a better optimizer"
    DATA = "more data or regularization"
    NONE = "none"
    """the rest is noise, or too small to be distinguished from it"""


class MeasuredError(NamedTuple):
    """A number and its standard error; zero for a number that is known.

    >>> MeasuredError(0.3), MeasuredError(0.3, 0.01).standard_error
    (MeasuredError(value=0.3, standard_error=0.0), 0.01)
    """

    value: float
    standard_error: float = 0.0


class Diagnosis(NamedTuple):
    """A remedy, and the reason for it in one sentence with the numbers.

    >>> Diagnosis(Remedy.NONE, "validation does not exceed the reference").remedy
    <Remedy.NONE: 'none'>
    """

    remedy: Remedy
    reason: str


def diagnose(
    *,
    training: MeasuredError,
    validation: MeasuredError,
    reference: MeasuredError,
    trained_longer: MeasuredError | None = None,
    worthwhile: float = 0.1,
    level: float = 0.95,
) -> Diagnosis:
    """The remedy that the gaps between reference, training and validation error call for.

    A gap counts if it exceeds the share `worthwhile` of the validation error, by a one-sided normal test of this level that
    treats the errors as independent. If none counts between validation and reference, there is nothing to do. A gap between
    training and reference means underfitting, one between validation and training overfitting. If only their sum counts, the
    larger one decides.

    It cannot detect noise in the labels: with a reference for clean labels, a noisy problem looks like a lack of capacity, and
    the remedy is wrong. Nor can it detect a validation set of another law. Give `diagnose_with_noise` an estimate of the noise
    instead.

    Args:
        training: the error on the training examples.
        validation: the error on others of the same law.
        reference: the error that one expects to be possible, for these labels: that of an expert, of the best known model.
        trained_longer: the training error of the same model trained longer, or with another step size; without it a lack
            of capacity cannot be distinguished from a poor optimizer, as the reason then states.
        worthwhile: the share of the validation error below which a gap is not worth a remedy.
        level: of the tests.

    Raises:
        ValueError: numbers that are not finite, negative standard errors, `worthwhile` outside (0, 1), a level outside [0.5, 1).

    >>> diagnose(training=MeasuredError(0.30, 0.01), validation=MeasuredError(0.32, 0.01), reference=MeasuredError(0.05)).remedy
    <Remedy.CAPACITY: 'more capacity'>
    >>> diagnose(training=MeasuredError(0.04, 0.01), validation=MeasuredError(0.32, 0.01), reference=MeasuredError(0.05)).remedy
    <Remedy.DATA: 'more data or regularization'>
    """
    _check(worthwhile, level, training, validation, reference, training if trained_longer is None else trained_longer)
    threshold = worthwhile * validation.value
    quantile = NormalDist().inv_cdf(level)

    def counts(higher: MeasuredError, lower: MeasuredError) -> bool:
        error = math.hypot(higher.standard_error, lower.standard_error)
        return higher.value - lower.value > threshold + quantile * error

    bias, variance = training.value - reference.value, validation.value - training.value
    numbers = (
        f"training error {training.value:.4g}, validation error {validation.value:.4g}, reference {reference.value:.4g}"
    )
    if not counts(validation, reference):
        return Diagnosis(
            Remedy.NONE, f"{numbers}: validation does not exceed the reference by a share of {worthwhile:g}"
        )
    if counts(training, reference) or (not counts(validation, training) and bias > variance):
        if trained_longer is None:
            return Diagnosis(
                Remedy.CAPACITY, f"{numbers}: it underfits; train longer to tell whether the optimizer is the cause"
            )
        if counts(training, trained_longer):
            return Diagnosis(
                Remedy.OPTIMIZER, f"{numbers}: it underfits, but trained longer it reaches {trained_longer.value:.4g}"
            )
        return Diagnosis(
            Remedy.CAPACITY, f"{numbers}: it underfits, and trained longer still has {trained_longer.value:.4g}"
        )
    return Diagnosis(Remedy.DATA, f"{numbers}: it overfits")


def diagnose_with_noise(
    *,
    training: MeasuredError,
    validation: MeasuredError,
    noise: NoiseEstimate,
    trained_longer: MeasuredError | None = None,
    worthwhile: float = 0.1,
    level: float = 0.95,
) -> Diagnosis:
    """The same recipe with the noise in the labels, estimated from the data, as the reference.

    No model's expected squared error is below the noise, and some model's is near it. So it is the right reference for the
    squared error, summed over outputs as in `jaxdl.decomposition.noise`. Estimators that err upwards (`rice`,
    `nearest_neighbor`) hide underfitting of the size of their error; one from repeated labels (`replicates`) is unbiased.

    Raises:
        ValueError: as `diagnose`; an estimate that bounds the noise from below only.

    >>> repeated = NoiseEstimate(0.29, 0.01, "unbiased", "replicates", "")
    >>> diagnose_with_noise(training=MeasuredError(0.30, 0.01), validation=MeasuredError(0.32, 0.01), noise=repeated).remedy
    <Remedy.NONE: 'none'>
    """
    if not isinstance(noise, NoiseEstimate):
        msg = f"noise: got {noise!r:.60}, expected an estimate of decomposition.noise, such as replicates(x, y)"
        raise ValueError(msg)
    if noise.direction == "lower":
        msg = f"noise: got an estimate by {noise.method}, which bounds the noise from below only, expected one that does not err "
        msg += "downwards, as noise would look like a lack of capacity; use replicates, rice or nearest_neighbor"
        raise ValueError(msg)
    return diagnose(
        training=training,
        validation=validation,
        reference=MeasuredError(noise.estimate, noise.standard_error),
        trained_longer=trained_longer,
        worthwhile=worthwhile,
        level=level,
    )


def _check(worthwhile: float, level: float, *measured: MeasuredError) -> None:
    if not (0 < worthwhile < 1 and 0.5 <= level < 1):
        msg = f"worthwhile: got {worthwhile} with level={level}, expected a share between 0 and 1, and a level from 0.5 to 1"
        raise ValueError(msg)
    for each in measured:
        if not isinstance(each, MeasuredError):
            msg = f"training, validation, reference: got {each!r:.60}, expected numbers with their errors: MeasuredError(0.3, 0.01)"
            raise ValueError(msg)
        if not (math.isfinite(each.value) and math.isfinite(each.standard_error) and each.standard_error >= 0):
            msg = f"training, validation, reference: got {each}, expected finite numbers, and a standard error of zero or more"
            raise ValueError(msg)

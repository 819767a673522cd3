"""Where the error comes from: bias, variance by source and noise, with standard errors, for every loss."""

from jaxdl.decomposition import noise, plug_in, potentials
from jaxdl.decomposition.bagging import InfinitesimalJackknife, OutOfBag, infinitesimal_jackknife, out_of_bag
from jaxdl.decomposition.bregman import BregmanLoss, bregman, cross_entropy
from jaxdl.decomposition.calibration import CalibrationError, calibration_error
from jaxdl.decomposition.comparison import Comparison, EnsembleForecast, compare, ensemble_forecast
from jaxdl.decomposition.derive import Derived, derive
from jaxdl.decomposition.disagreement import Disagreement, disagreement
from jaxdl.decomposition.growing import PrecisionNotReachedError, grow
from jaxdl.decomposition.loss import LossDecomposition
from jaxdl.decomposition.metric import metric
from jaxdl.decomposition.noise_bracket import NoiseBracket, bias_squared_interval, bracket
from jaxdl.decomposition.planning import Plan, Precision, plan
from jaxdl.decomposition.potentials import Potential
from jaxdl.decomposition.probabilities import log_probabilities
from jaxdl.decomposition.record import PerPoint
from jaxdl.decomposition.result import Decomposition, load
from jaxdl.decomposition.settling import Outcome, Settling
from jaxdl.decomposition.squared_error import squared_error
from jaxdl.decomposition.target import Target
from jaxdl.decomposition.zero_one import kohavi_wolpert, zero_one

__all__ = [
    "BregmanLoss",
    "CalibrationError",
    "Comparison",
    "Decomposition",
    "Derived",
    "Disagreement",
    "EnsembleForecast",
    "InfinitesimalJackknife",
    "LossDecomposition",
    "NoiseBracket",
    "OutOfBag",
    "Outcome",
    "PerPoint",
    "Plan",
    "Potential",
    "Precision",
    "PrecisionNotReachedError",
    "Settling",
    "Target",
    "bias_squared_interval",
    "bracket",
    "bregman",
    "calibration_error",
    "compare",
    "cross_entropy",
    "derive",
    "disagreement",
    "ensemble_forecast",
    "grow",
    "infinitesimal_jackknife",
    "kohavi_wolpert",
    "load",
    "log_probabilities",
    "metric",
    "noise",
    "out_of_bag",
    "plan",
    "plug_in",
    "potentials",
    "squared_error",
    "zero_one",
]

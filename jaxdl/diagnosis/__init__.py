"""What limits a learner on one table of examples: bias² + noise, variance by source, more rows, and what to do next."""

from jaxdl.diagnosis.found import Diagnosis, Forecast, Number
from jaxdl.diagnosis.limits import diagnose
from jaxdl.diagnosis.mixed_tables import Examples, read_examples

__all__ = ["Diagnosis", "Examples", "Forecast", "Number", "diagnose", "read_examples"]

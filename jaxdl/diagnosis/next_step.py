"""One sentence on what to do next, from the parts of the risk."""

from jaxdl.diagnosis.found import TOGETHER, Diagnosis
from jaxdl.diagnosis.learners import NAMES

NEXT_TO_NOTHING = 0.02
"""Of the risk of a constant, below which there is nothing to take apart."""
HARDLY_BETTER = 0.95
"""Of the risk of a constant."""
WORTH_AVERAGING = 0.2
"""The share of the risk from which on the seed is worth averaging over, as that costs computing alone."""


WORTH_CALLING_BIAS = 0.1
"""The share of bias² + noise that must be bias²."""


def next_step(found: Diagnosis) -> str:
    """What would lower the risk most; where the parts do not tell, what would show it."""
    risk = found.terms["risk"].estimate
    together, of_data, of_seed = parts_of(found)
    if risk <= NEXT_TO_NOTHING * found.constant_risk:
        share = f"{risk / found.constant_risk:.1%}" if found.constant_risk else "all"
        return (
            f"Use it as it is: the risk is {risk:.2g}, {share} of that of a constant, and {found.num_test} test rows say little "
            "about so few errors; more test rows would say more."
        )
    if risk >= HARDLY_BETTER * found.constant_risk:
        return (
            f"Look for columns that tell more about {found.target}: these predict it hardly better than a constant does "
            f"({risk:.3g} against {found.constant_risk:.3g})."
        )
    if of_seed >= WORTH_AVERAGING * risk:
        return (
            f"Average models of several seeds: the seed makes {of_seed / risk:.0%} of the risk, of which the mean of ten models "
            "keeps a tenth."
        )
    if of_data > together:
        now, more = (number.estimate for number in found.forecast.ahead.values())
        return (
            f"Collect more rows, or fit less freely: which rows are trained on makes {of_data / risk:.0%} of the risk at "
            f"{found.training_size} rows, and the curve expects {more:.3g} at {max(found.forecast.ahead)} rows, after {now:.3g} at "
            f"{min(found.forecast.ahead)}."
        )
    if found.bias_squared.low > WORTH_CALLING_BIAS * together:
        return (
            f"Use a more flexible learner or better columns: at least {found.bias_squared.low:.3g} of the risk of {risk:.3g} is "
            "bias², which no averaging and no more rows of this kind remove."
        )
    others = " or ".join(f"--model {name}" for name in NAMES if name != found.model)
    return (
        f"Compare other learners ({others}): bias² + noise make {together / risk:.0%} of the risk, and this table does not tell "
        "them apart; if no learner has less, the rest is noise, and measuring some rows twice would show it."
    )


def parts_of(found: Diagnosis) -> tuple[float, float, float]:
    """Bias² + noise, the variance of the data, and all that the seed adds."""
    terms = {name: number.estimate for name, number in found.terms.items()}
    return terms[TOGETHER], terms["variance[data]"], terms.get("variance[seed]", 0.0)

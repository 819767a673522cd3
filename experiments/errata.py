"""What the study documents state wrongly, what is correct, and the claims whose measurement shows it.

Data only: the report looks the claims up among the results. An error stands here once an experiment measures it.
"""

from typing import NamedTuple

LECTURE = "summary of lectures on machine learning (CS182)"
GOODFELLOW = "notes on Goodfellow, Bengio & Courville, Deep Learning"
PRACTICE = "notes on splits, bias and variance, regularisation, optimisers and search"


class Erratum(NamedTuple):
    """One error."""

    document: str
    says: str
    correct: str
    claims: tuple[str, ...]
    """numbers of the claims whose measurement shows it"""


ERRATA = (
    Erratum(
        document=LECTURE,
        says="A Gaussian prior of variance σ² on the weights is a penalty of strength λ = σ²/2.",
        correct="λ = 1/(2σ²), for λ‖w‖² added to the negative log-likelihood: a narrower prior penalises more. With "
        "noise of variance s² and half the sum of squares, and (λ/2)‖w‖², it is λ = s²/σ².",
        claims=("K018",),
    ),
    Erratum(
        document=PRACTICE,
        says="The Lp norm is (Σ xᵢᵖ)^(1/p), and L0 is one of these norms.",
        correct="(Σ |xᵢ|ᵖ)^(1/p), a norm for p ≥ 1 only. For p < 1 the triangle inequality fails and the penalty is "
        "not convex; L0, the number of entries that are not zero, is no norm either.",
        claims=("K022",),
    ),
    Erratum(
        document=GOODFELLOW,
        says="Early stopping is safe, whereas strong weight decay gets trapped at small weights.",
        correct="Weights that collapse to zero are the minimum of the penalised objective, once the penalty exceeds "
        "what the data offer: a property of the objective, no trap of the search. Early stopping has a "
        "strength to tune too: its time.",
        claims=("K024",),
    ),
)

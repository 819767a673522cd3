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
        document=PRACTICE,
        says="With suitable regularisation a bigger network lowers the bias without raising the variance.",
        correct="All rests on the condition: without a penalty, tuned at each size, the variance peaks where "
        "parameters meet examples in number.",
        claims=("K013",),
    ),
    Erratum(
        document=PRACTICE,
        says="A network that is large enough fits its training set to zero error if the Bayes error is low, as it "
        "is not for blurred images.",
        correct="The exception concerns the test error. Training error falls to zero on noisy labels too.",
        claims=("K015",),
    ),
)

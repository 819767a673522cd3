"""scikit-learn's `MLPClassifier` through mlxtend's `bias_variance_decomp`, which draws a bootstrap sample for each fit.

As near as its interface allows. What differs: minibatches come from a permutation in each epoch rather than with
replacement; 37 epochs of 8 minibatches make 296 steps, 1.3 % fewer than the others take; and initial weights and biases
are uniform (Glorot & Bengio, 2010). Without its weight decay and its early end.
"""

import warnings

import numpy as np
from jaxtyping import Int
from mlxtend.evaluate import bias_variance_decomp
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from benchmarks.problem import BATCH_SIZE, LEARNING_RATE, NUM_EXAMPLES, NUM_STEPS, Problem
from benchmarks.worker import Contestant, serve

EPOCHS = NUM_STEPS // (NUM_EXAMPLES // BATCH_SIZE)


class _Recorded(MLPClassifier):
    """Keeps what it predicts, of which mlxtend returns the mean loss alone."""

    def predict(self, X):
        """The classes, which are kept as well."""
        predicted = super().predict(X)
        self.recorded.append(predicted)
        return predicted


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    threadpool_limits(threads)
    warnings.simplefilter("ignore", ConvergenceWarning)  # it is told to stop at 37 epochs

    def fit(seed: int) -> Int[np.ndarray, "fits points"]:
        np.random.seed(seed)  # noqa: NPY002 (the generator that scikit-learn draws from without a random_state)
        classifier = _Recorded(
            (width, width), learning_rate_init=LEARNING_RATE, batch_size=BATCH_SIZE, max_iter=EPOCHS, alpha=0.0,
            tol=0.0, n_iter_no_change=EPOCHS,
        )  # fmt: skip
        classifier.recorded = []
        bias_variance_decomp(
            classifier, problem.x, problem.labels, problem.x_test, problem.labels_test, "0-1_loss", fits, seed
        )
        return np.stack(classifier.recorded)

    return fit


if __name__ == "__main__":
    serve(prepare, "mlxtend", "scikit-learn")

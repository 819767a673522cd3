"""The front door for scikit-learn, PyTorch, Keras and others: what limits an estimator, bias and noise, or variance, and of what?

From a frame to a table, in ten lines:

>>> import jax, jaxdl, pandas, sklearn.datasets
>>> from jaxdl import designs, estimators
>>> from jaxdl.decomposition import Target
>>> from sklearn.ensemble import RandomForestRegressor
>>> frame = sklearn.datasets.load_diabetes(as_frame=True).frame.sample(frac=1, random_state=0)
>>> train, test = frame[:300], frame[300:]
>>> forest = estimators.trial(
...     lambda seed: RandomForestRegressor(5, max_depth=3, random_state=seed),
...     train.drop(columns="target"), train["target"], test.drop(columns="target"), name="forest of 5, v1", workers=1)
>>> design = designs.crossed(data=4, init=3)                # 4 training sets, each with the same 3 seeds of the forest
>>> result = jaxdl.decompose(forest, design, jax.random.key(0), target=Target(labels=test["target"]))
>>> print(result.table())                                   # doctest: +ELLIPSIS, +NORMALIZE_WHITESPACE
squared error: 12 runs, 4 data x 3 init; training size 300
...
variance[data] ...
note: training sets drawn from 300 rows: variance over fresh training sets of 300 examples, once multiplied by n/(n-1) = ...
note: trained by 'forest of 5, v1' on scikit-learn ...

Labels of classes may be texts: `predict=estimators.probabilities` has a column for each of `forest.classes`, and the truth is
`Target(labels=estimators.one_hot(y_test, forest.classes))`, with `dims=("points", "out")`. `log_probabilities` and `labels` are for
the losses `cross_entropy` and `zero_one`.
"""

from jaxdl.estimators.drawing import Draw
from jaxdl.estimators.outputs import labels, log_probabilities, one_hot, probabilities, scores, values
from jaxdl.estimators.trials import EstimatorTrial, fitted, trial

__all__ = [
    "Draw",
    "EstimatorTrial",
    "fitted",
    "labels",
    "log_probabilities",
    "one_hot",
    "probabilities",
    "scores",
    "trial",
    "values",
]

"""A study of forests in a process of its own: prints a hash of all its predictions.

python forest_worker.py [--workers N] [--store FOLDER] [--dask]
"""

import argparse
import contextlib
import hashlib
import sys

import jax
import joblib
import numpy as np
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor

from jaxdl import designs, ensembles, estimators

X, Y = load_diabetes(return_X_y=True)
DESIGN = designs.crossed(data=8, init=4)


def make(seed):
    return RandomForestRegressor(10, random_state=seed)


def run(workers=1, store=None, shard=(1, 1), threads=False):
    """The predictions of all runs."""
    trial = estimators.trial(make, X[:300], Y[:300], X[300:320], name="forest of 10", workers=workers, threads=threads)
    engine = ensembles.Engine(store=store, progress=False, shard=shard)
    return ensembles.run(trial, DESIGN, jax.random.key(0), engine=engine).outputs


def digest(outputs):
    """A word for all bits."""
    return hashlib.sha256(np.ascontiguousarray(outputs).tobytes()).hexdigest()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--workers", type=int)
    parser.add_argument("--store")
    parser.add_argument("--dask", action="store_true")
    arguments = parser.parse_args()
    sys.modules["jaxdl.ensembles.host_program"].SECONDS_PER_RECORD = 0.0  # a record for each run
    with contextlib.ExitStack() as stack:
        if arguments.dask:
            import distributed

            cluster = stack.enter_context(distributed.LocalCluster(2, threads_per_worker=1, dashboard_address=None))
            stack.enter_context(distributed.Client(cluster))
            stack.enter_context(joblib.parallel_config(backend="dask"))
        print(digest(run(arguments.workers, arguments.store)))


if __name__ == "__main__":
    main()

"""Draw trials that call LAPACK at random, and run them: `lapack_worker.py DEVICES SEED COUNT`; prints a line for each."""

import random
import sys
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from jaxdl import designs, ensembles

CALLS = {
    "solve": lambda a, s, b: jnp.linalg.solve(s, b),
    "cholesky": lambda a, s, b: jnp.linalg.cholesky(s)[-1],
    "eigh": lambda a, s, b: jnp.linalg.eigh(s)[0],
    "svd": lambda a, s, b: jnp.linalg.svd(a, compute_uv=False),
    "qr": lambda a, s, b: jnp.linalg.qr(a)[1][-1],
    "lstsq": lambda a, s, b: jnp.linalg.lstsq(a, jnp.ones(len(a)))[0],
    "det": lambda a, s, b: jnp.linalg.slogdet(s)[1][None],
    "inverse": lambda a, s, b: jnp.linalg.inv(s)[0],
}


def trial_of(drawn):
    """One to six calls on matrices of 2 to 200 columns, some of them on a batch of the trial's own."""
    calls = drawn.choices(list(CALLS), k=drawn.randint(1, 6))
    sizes = [round(2 * 100 ** drawn.random()) for _ in calls]
    batches = [drawn.choice((0, 0, 0, 3)) for _ in calls]

    def trial(keys):
        results = []
        for call, size, batch in zip(calls, sizes, batches, strict=True):
            a = jax.random.normal(keys["data"], (size + 5, size))
            b = jax.random.normal(keys["init"], (size,))

            def one(scale, a=a, b=b, call=call, size=size):
                return CALLS[call](scale * a, scale * a.T @ a + jnp.eye(size), b)

            values = jax.vmap(one)(jnp.arange(1.0, 1.0 + batch)) if batch else one(1.0)
            results.append(jnp.sum(values))
        return jnp.stack(results)

    return trial, f"{list(zip(calls, sizes, batches, strict=True))}"


def main(devices, seed, count):
    warnings.simplefilter("ignore")
    ensembles.use_cpu_devices(devices)
    drawn = random.Random(seed)
    for index in range(count):
        trial, told = trial_of(drawn)
        print(index, told, flush=True)
        outputs = ensembles.run(trial, designs.crossed(data=4, init=4), jax.random.key(index)).outputs
        assert np.isfinite(outputs).all(), told
    print("finished", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

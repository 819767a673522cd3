"""Fits per second of convolutional networks on digits: jaxdl beside PyTorch and plain `jit(vmap)`, which convolves as XLA does.

    python -m benchmarks.convolutions            # about six minutes on two cores

"small" is conv 16, pool, conv 32, dense 64; "deep" three convolutions of 32 channels with batch normalization. Each fit takes 100
steps of Adam on minibatches of 64, from a start and minibatches of its own. A round has as many fits of each as take seconds; a
call of the engine begins with half a second of tracing. Contestants take turns in processes of their own, and
compile outside the clock; a ratio is the median, over rounds, of ratios within one round.
"""

import argparse
import statistics
import sys

from benchmarks.machine import banner, num_cores
from benchmarks.worker import Worker

CONTESTANTS = {
    "jaxdl.ensembles.run": ("benchmarks.jaxdl_convolutions", 128, num_cores()),
    "jit(vmap(fit))": ("benchmarks.jax_convolutions", 16, num_cores()),
    "PyTorch loop, 1 thread": ("benchmarks.torch_convolutions", 8, 1),
    f"PyTorch loop, {num_cores()} threads": ("benchmarks.torch_convolutions", 8, num_cores()),
}
"""Module, fits in a round, threads."""
NETWORKS = {"small": 0, "deep": 1}
STEPS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each")
    rounds = parser.parse_args().rounds
    is_told = False
    for network, number in NETWORKS.items():
        workers = {
            name: Worker(module, ["--width", str(number), "--fits", str(fits), "--threads", str(threads)])
            for name, (module, fits, threads) in CONTESTANTS.items()
        }
        if not is_told:
            versions = {package: version for each in workers.values() for package, version in each.versions.items()}
            print(banner(" ".join(["python -m benchmarks.convolutions", *sys.argv[1:]]), versions))
            is_told = True
        rates: dict[str, list[float]] = {name: [] for name in workers}
        accuracies: dict[str, list[float]] = {name: [] for name in workers}
        for turn in range(rounds):
            for name, worker in workers.items():
                answer = worker.measure(turn + 1)
                rates[name].append(CONTESTANTS[name][1] / answer["seconds"])
                accuracies[name] += answer["accuracies"]
        for worker in workers.values():
            worker.close()
        print(f"\n{network:26}{'fits/s':>9}{'ms a step':>11}{'accuracy':>10}{'ours / it':>11}")
        ours = rates["jaxdl.ensembles.run"]
        for name, each in rates.items():
            ratios = [a / b for a, b in zip(ours, each, strict=True)]
            rate = statistics.median(each)
            print(
                f"{name:26}{rate:9.3f}{1e3 / rate / STEPS:11.2f}{statistics.mean(accuracies[name]):10.3f}"
                f"{statistics.median(ratios):11.2f}",
                flush=True,
            )


if __name__ == "__main__":
    main()

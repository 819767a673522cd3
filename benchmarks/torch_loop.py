"""PyTorch, one fit after the other: eager, with the fused Adam (the fastest of its three on CPUs)."""

import numpy as np
import torch
from jaxtyping import Int
from torch import nn

from benchmarks.problem import BATCH_SIZE, LEARNING_RATE, NUM_CLASSES, NUM_FEATURES, NUM_STEPS, Problem
from benchmarks.worker import Contestant, serve


def network(width: int) -> nn.Sequential:
    """64-H-H-10 with the initial law of the others: a truncated normal of variance 2 / fan-in, and zero biases."""
    layers = nn.Sequential(
        nn.Linear(NUM_FEATURES, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU(), nn.Linear(width, NUM_CLASSES)
    )
    for layer in layers:
        if isinstance(layer, nn.Linear):
            std = (2 / layer.in_features) ** 0.5 / 0.87962566  # of a normal variable cut at two deviations
            nn.init.trunc_normal_(layer.weight, std=std, a=-2 * std, b=2 * std)
            nn.init.zeros_(layer.bias)
    return layers


def train(model: nn.Module, inputs: torch.Tensor, targets: torch.Tensor, num_steps: int) -> None:
    """Minibatches drawn with replacement, and the fused Adam."""
    optimizer = torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=True)
    for rows in torch.randint(len(inputs), (num_steps, BATCH_SIZE)):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(inputs[rows]), targets[rows]).backward()
        optimizer.step()


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    torch.set_num_threads(threads)
    x, labels, x_test = map(torch.from_numpy, (problem.x, problem.labels, problem.x_test))

    def fit_one() -> torch.Tensor:
        sample = torch.randint(len(x), (len(x),))
        inputs, targets = x[sample], labels[sample]
        model = network(width)
        train(model, inputs, targets, NUM_STEPS)
        with torch.no_grad():
            return model(x_test).argmax(dim=1)

    def fit(seed: int) -> Int[np.ndarray, "fits points"]:
        torch.manual_seed(seed)
        return torch.stack([fit_one() for _ in range(fits)]).numpy()

    return fit


if __name__ == "__main__":
    serve(prepare, "torch")

"""PyTorch on the convolutional networks, one fit after the other: eager, with the fused Adam."""

import numpy as np
import torch
from torch import nn

from benchmarks.convolutions import STEPS
from benchmarks.problem import NUM_CLASSES, Problem
from benchmarks.torch_loop import train
from benchmarks.worker import Contestant, serve


def network(number: int) -> nn.Sequential:
    """The small or the deep one, with PyTorch's own start."""
    if not number:
        return nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, NUM_CLASSES),
        )  # fmt: skip
    layers: list[nn.Module] = []
    for layer in range(3):
        layers += [nn.Conv2d(32 if layer else 1, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU()]
        layers += [nn.MaxPool2d(2)] if layer < 2 else []
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(128, NUM_CLASSES))


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    torch.set_num_threads(threads)
    x, labels, x_test = map(torch.from_numpy, (problem.x, problem.labels, problem.x_test))
    x, x_test = x.reshape(-1, 1, 8, 8), x_test.reshape(-1, 1, 8, 8)

    def fit_one() -> torch.Tensor:
        model = network(width)
        train(model, x, labels, STEPS)
        model.eval()
        with torch.no_grad():
            return model(x_test).argmax(dim=1)

    def fit(seed: int) -> np.ndarray:
        torch.manual_seed(seed)
        return torch.stack([fit_one() for _ in range(fits)]).numpy()

    return fit


if __name__ == "__main__":
    serve(prepare, "torch")

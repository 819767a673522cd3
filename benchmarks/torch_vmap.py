"""PyTorch, all fits at once: `torch.func.vmap` over stacked networks, one fused Adam for all of them.

Adam works on each weight by itself, so one optimiser of stacked weights is an optimiser for each network.
"""

import numpy as np
import torch
from jaxtyping import Int
from torch import nn
from torch.func import functional_call, grad, stack_module_state, vmap

from benchmarks.problem import BATCH_SIZE, LEARNING_RATE, NUM_STEPS, Problem
from benchmarks.torch_loop import network
from benchmarks.worker import Contestant, serve


def prepare(problem: Problem, width: int, fits: int, threads: int) -> Contestant:
    torch.set_num_threads(threads)
    x, labels, x_test = map(torch.from_numpy, (problem.x, problem.labels, problem.x_test))
    skeleton = network(width).to("meta")

    def predict(params: dict, inputs: torch.Tensor) -> torch.Tensor:
        return functional_call(skeleton, params, (inputs,))

    def loss(params: dict, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return nn.functional.cross_entropy(predict(params, inputs), targets)

    gradients = vmap(grad(loss))

    def fit(seed: int) -> Int[np.ndarray, "fits points"]:
        torch.manual_seed(seed)
        params, _ = stack_module_state([network(width) for _ in range(fits)])
        optimizer = torch.optim.Adam(params.values(), lr=LEARNING_RATE, fused=True)
        samples = torch.randint(len(x), (fits, len(x)))
        for batch in torch.randint(len(x), (NUM_STEPS, fits, BATCH_SIZE)):
            rows = samples.gather(1, batch)
            for name, gradient in gradients(params, x[rows], labels[rows]).items():
                params[name].grad = gradient
            optimizer.step()
        with torch.no_grad():
            return vmap(predict, in_dims=(0, None))(params, x_test).argmax(dim=2).numpy()

    return fit


if __name__ == "__main__":
    serve(prepare, "torch")

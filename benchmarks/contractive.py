"""What does the contractive penalty cost, as a multiple of a training step without it?

A step is forward, backward and fused Adam on one batch of 256 rows of noise in float32. The same
step runs without a penalty and with each way to get the squared norm of the encoder's Jacobian, in
turn, in many rounds; the ratio is taken within each round, and its median is reported with the
quartiles. The nets have the skip paths of the default architecture.

- exact: the closed form (one hidden layer) or all products with unit vectors (two hidden layers)
- Hutchinson: one product with a random sign vector
- loop: one backward pass for each unit of the code, as most published code does it
- jacrev: ``torch.func.vmap(jacrev(...))``

The last two, and exact with two hidden layers, hold the whole Jacobian of all rows: n_components
times the size of the batch, 800 MB for 1000 units of 784 features. They run with fewer rounds.

    python benchmarks/contractive.py [--quick] [--threads N]
"""

import argparse
import os
import time

import numpy as np
import pandas as pd
import torch
from torch.func import jacrev, vmap

from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae._training.objective import Objective
from sklearn_ae.architectures import MLP
from sklearn_ae.losses import SquaredError
from sklearn_ae.penalties import Contractive

BATCH_SIZE = 256
NETS = [
    (64, (128,), 10),
    (784, (256,), 32),
    (784, (500,), 1000),
    (784, (256, 128), 32),
]


def loop(module, x, output):
    """Differentiate each unit of the code by itself."""
    x = x.detach().requires_grad_()
    code = module.encode(x)
    total = 0.0
    for unit in code.T:
        total = total + torch.autograd.grad(unit.sum(), x, create_graph=True)[0].square().sum(dim=1)
    return 0.1 * total


def by_jacrev(module, x, output):
    """Form the Jacobian of each row."""
    return 0.1 * vmap(jacrev(module.encode))(x).square().sum(dim=(1, 2))


PENALTIES = {
    "exact": Contractive(0.1, "exact"),
    "Hutchinson": Contractive(0.1, "hutchinson"),
    "loop": loop,
    "jacrev": by_jacrev,
}


def new_step(n_features, hidden, n_components, penalty):
    """Return a function that takes one training step."""
    x = torch.randn(BATCH_SIZE, n_features, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    module = AutoencoderModule(*MLP(hidden).build(n_features, n_components), n_features)
    optimizer = torch.optim.Adam(module.parameters(), fused=True)
    objective = Objective(SquaredError(), penalty)

    def step():
        optimizer.zero_grad()
        objective(module, x)[0].mean().backward()
        optimizer.step()

    return step


def seconds(step, n_steps):
    start = time.perf_counter()
    for _ in range(n_steps):
        step()
    return (time.perf_counter() - start) / n_steps


def ratios(net, penalty, n_rounds, n_steps):
    """Return the seconds of a step with a penalty over those without, once per round."""
    plain, penalised = new_step(*net, None), new_step(*net, penalty)
    seconds(plain, n_steps), seconds(penalised, 1)  # warm up
    rounds = [(seconds(plain, n_steps), seconds(penalised, n_steps)) for _ in range(n_rounds)]
    return np.array([slow / fast for fast, slow in rounds]), np.median([fast for fast, _ in rounds])


def table(quick):
    rows = []
    for net in NETS:
        n_features, hidden, n_components = net
        row = {"net": "-".join(map(str, (n_features, *hidden, n_components)))}
        for name, penalty in PENALTIES.items():
            cheap = name == "Hutchinson" or (name == "exact" and len(hidden) == 1)
            if not cheap and quick and n_components > 100:
                continue
            n_rounds = (15 if quick else 60) if cheap else 3
            values, plain = ratios(net, penalty, n_rounds, n_steps=4 if cheap else 1)
            low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
            row.setdefault("plain step, ms", f"{1000 * plain:.1f}")
            row[name] = f"{median:.2f} ({low:.2f}-{high:.2f})"
        rows.append(row)
    return pd.DataFrame(rows).set_index("net")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, no huge Jacobians")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"{os.cpu_count()} CPUs, {options.threads} thread(s), torch {torch.__version__}")
    print("Multiples of the plain step: median (quartiles)")
    print(table(options.quick).to_string())

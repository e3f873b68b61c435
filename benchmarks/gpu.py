"""Training on a GPU: does it agree with the CPU, and how fast is it beside a hand-written loop?

Agreement. The same rows are fitted on both devices, from the same start, with the same batches.
Printed are the largest difference of a weight after a few steps, where rounding has not grown yet,
and the R² of both after a whole fit.

Speed. 784-256-32-256-784, float32, batches of 256 and of 4,096 rows, on 60,000 and on a million
rows (3.1 GB, which stay on the GPU). The hand-written loop is what one can hope for: rows on the
GPU, a permutation drawn there, forward pass, backward pass and a fused, capturable Adam in one CUDA
graph, which reads its batch from where ``index_select`` has put it; nothing is recorded and nothing
waited for but at the end. An epoch of ours is the slope between fits of few and of more epochs, so
that setting up counts for nobody, as in `training.py`. Rounds in turn, medians reported.

    python benchmarks/gpu.py [--quick]
"""

import argparse
import platform
import time
import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae.architectures import MLP

HIDDEN, N_COMPONENTS, N_FEATURES = (256,), 32, 784


def images(n_rows):
    """Return rows near a curved sheet of 16 dimensions, as wide as MNIST."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(16, 64)), rng.normal(size=(64, N_FEATURES)) / 8
    X = np.empty((n_rows, N_FEATURES), np.float32)
    for start in range(0, n_rows, 50_000):
        part = X[start : start + 50_000]
        part[:] = np.tanh(rng.normal(size=(len(part), 16)) @ first) @ second
        part += 0.05 * rng.standard_normal(part.shape, dtype=np.float32)
    return X


def ours(X, device, batch_size, n_epochs, **params):
    """Return an estimator after so many epochs."""
    return AutoencoderTransformer(
        N_COMPONENTS,
        hidden_layer_sizes=HIDDEN,
        batch_size=batch_size,
        max_iter=n_epochs,
        n_iter_no_change=10_000,
        early_stopping=False,
        device=device,
        random_state=0,
        **params,
    ).fit(X)


def hand_written(X, batch_size, n_epochs):
    """Return the seconds of so many epochs of a loop in one CUDA graph."""
    encoder, decoder = MLP(HIDDEN).build(N_FEATURES, N_COMPONENTS)
    module = AutoencoderModule(encoder, decoder, N_FEATURES).cuda()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=True, capturable=True)
    X = torch.from_numpy(X).cuda()
    x = X[:batch_size].clone()

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss = (module(x).reconstruction - x).square().mean()
        loss.backward()
        optimizer.step()

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    optimizer.zero_grad(set_to_none=True)
    with torch.cuda.graph(graph):
        step()
    torch.cuda.synchronize()
    start = time.perf_counter()
    for _ in range(n_epochs):
        order = torch.randperm(len(X), device="cuda")
        for rows in order.split(batch_size)[: len(X) // batch_size]:
            torch.index_select(X, 0, rows, out=x)
            graph.replay()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def seconds_of(function):
    """Return the seconds that a call takes, with all that the GPU has been asked to do."""
    torch.cuda.synchronize()
    start = time.perf_counter()
    function()
    torch.cuda.synchronize()
    return time.perf_counter() - start


def print_agreement(X, n_epochs):
    few = {"batch_size": 256, "n_epochs": 1}
    one, other = (ours(X[:2560], device, **few) for device in ("cpu", "cuda"))
    pairs = zip(one.module_.parameters(), other.module_.parameters(), strict=True)
    apart = max((a - b.cpu()).abs().max().item() for a, b in pairs)
    print(f"largest difference of a weight after 10 steps: {apart:.1e}")
    scores = [ours(X, device, 256, n_epochs).score(X) for device in ("cpu", "cuda")]
    print("R² on the CPU {:.5f}, on the GPU {:.5f}".format(*scores))


def print_speed(X, batch_size, n_epochs, n_rounds):
    shares, speeds, recorded = [], [], None
    for _ in range(n_rounds):
        few, many = (
            seconds_of(lambda k=k: ours(X, "cuda", batch_size, k)) for k in (n_epochs, 3 * n_epochs)
        )
        epoch = (many - few) / (2 * n_epochs)
        shares.append(hand_written(X, batch_size, n_epochs) / n_epochs / epoch)
        speeds.append(len(X) / epoch)
    recorded = ours(X[:2048], "cuda", 128, 1).net_.why_autograd_
    print(
        f"{len(X):>9,} rows, batches of {batch_size:>5,}: {np.median(speeds):>12,.0f} rows/s, "
        f"{np.median(shares):.2f} of the hand-written loop"
        + ("" if recorded is None else f" (steps by autograd: {recorded})")
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(f"torch {torch.__version__}, Python {platform.python_version()}")
    if not torch.cuda.is_available():
        built = torch.version.cuda or "none: this torch is built for the CPU alone"
        print(f"No GPU: torch.cuda.is_available() is False (CUDA of this torch: {built}).")
        print("Not measured: agreement with the CPU; rows/s beside a hand-written CUDA graph.")
        return
    print(torch.cuda.get_device_name(), f"CUDA {torch.version.cuda}")
    X = images(10_000 if quick else 60_000)
    print_agreement(X[:10_000], 2 if quick else 10)
    for batch_size in (256, 4096):
        print_speed(X, batch_size, 2 if quick else 10, 1 if quick else 5)
    if not quick:
        X = images(1_000_000)
        for batch_size in (256, 4096):
            print_speed(X, batch_size, 1, 3)


if __name__ == "__main__":
    main()

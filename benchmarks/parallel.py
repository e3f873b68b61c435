"""Two processes that train one model, beside one process: the same weights, how much sooner?

A million rows of 64 features near a sheet of four dimensions, float32, batches of 4,096 rows (of
both processes together), one thread each. The processes talk through gloo. Each round runs one
process and then two, and reports

- seconds and CPU seconds of the epochs and of all of `fit`, for each process;
- ``speed``: seconds of one process by those of two, and ``CPU``: the same of CPU seconds, which is
  what two free cores would come to where other users take their share;
- the largest difference of a weight, and whether both ended after the same epoch.

Rounding is another with two processes: sums over a batch are taken in another order. It grows from
step to step as it does between two kinds of processors: weights are apart by less than 1e-6 in the
first hundred steps, and by 3e-5 after two hundred; the losses agree.

    python benchmarks/parallel.py [--rows 1000000] [--passes 2] [--rounds 3]
"""

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist
from sklearn.exceptions import ConvergenceWarning

from sklearn_ae import AutoencoderTransformer


def sheet(n_rows):
    rng = np.random.default_rng(0)
    z = rng.standard_normal((n_rows, 4), dtype=np.float32)
    maps = rng.standard_normal((2, 4, 64), dtype=np.float32)
    X = np.tanh(z @ maps[0]) + 0.5 * np.sin(z @ maps[1])
    return X + 0.1 * rng.standard_normal(X.shape, dtype=np.float32)


def fit(rank, n_ranks, n_rows, n_passes, folder):
    torch.set_num_threads(1)
    warnings.simplefilter("ignore", ConvergenceWarning)
    if n_ranks > 1:
        meeting = f"file://{folder}/meeting"
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=n_ranks)
    X = np.array_split(sheet(n_rows), n_ranks)[rank].copy()
    estimator = AutoencoderTransformer(4, batch_size=4096, max_iter=n_passes, random_state=0)
    start, cpu = time.perf_counter(), time.process_time()
    estimator.fit(X)
    found = {
        "fit": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "epochs": sum(estimator.net_.history[:, "dur"]),
        "n_epochs": len(estimator.loss_curve_),
        "best_loss": estimator.best_loss_,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    Path(folder, f"{n_ranks}-{rank}.json").write_text(json.dumps(found))
    weights = [weight.detach().numpy().ravel() for weight in estimator.module_.parameters()]
    np.save(Path(folder, f"{n_ranks}-{rank}.npy"), np.concatenate(weights))


def results_of(n_ranks, n_rows, n_passes):
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        given = n_ranks, n_rows, n_passes, folder
        processes = [context.Process(target=fit, args=(rank, *given)) for rank in range(n_ranks)]
        for process in processes:
            process.start()
        for process in processes:
            process.join()
        names = [Path(folder, f"{n_ranks}-{rank}") for rank in range(n_ranks)]
        found = [json.loads(name.with_suffix(".json").read_text()) for name in names]
        return found, [np.load(name.with_suffix(".npy")) for name in names]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = os.environ["MKL_NUM_THREADS"] = "1"
    print(f"{os.cpu_count()} cores, torch {torch.__version__}")
    for _ in range(given.rounds):
        (one,), (weights,) = results_of(1, given.rows, given.passes)
        two, (first, second) = results_of(2, given.rows, given.passes)
        for what, found in [("one", one), *(("of two", part) for part in two)]:
            numbers = ", ".join(f"{name} {value:.5g}" for name, value in found.items())
            print(f"{what:>7}: {numbers}")
        slower = {name: max(part[name] for part in two) for name in one}
        print(
            f"  speed {one['epochs'] / slower['epochs']:.2f} (epochs), "
            f"{one['fit'] / slower['fit']:.2f} (fit), CPU {one['cpu'] / slower['cpu']:.2f}; "
            f"weights apart {np.abs(weights - first).max():.1e}, ranks apart "
            f"{np.abs(first - second).max():.0e}; same end {one['n_epochs'] == slower['n_epochs']}"
        )


if __name__ == "__main__":
    main()

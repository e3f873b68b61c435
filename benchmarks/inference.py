"""What transform costs beside the bare forward pass: rows per second and memory.

``transform`` of a million rows of 64 float32 features (64-128-10) against the same module's
``encode`` on the same batches and on all rows in one go, and ``reconstruct`` against
``MLPRegressor.predict`` of the same widths. In turn, in several rounds; medians, and ratios to the
bare batches taken within each round. What transform adds to these is the check of its input for
NaN and the copy of the codes to numpy.

The extra memory is the largest resident set during the call, minus that before it and the output,
sampled each millisecond in a process of its own (Linux only).

    python benchmarks/inference.py [--quick]
"""

import argparse
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor
from sklearn.utils import gen_batches
from training import machine

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.tables import ROWS_AT_A_TIME

HIDDEN, N_COMPONENTS = (128,), 10


def contestants():
    """Return functions of an array, by name, whose speed does not depend on the training."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((500, 64), dtype=np.float32)
    ours = AutoencoderTransformer(
        N_COMPONENTS, hidden_layer_sizes=HIDDEN, activation="relu", max_iter=1, random_state=0
    ).fit(X)
    widths = (*HIDDEN, N_COMPONENTS, *HIDDEN[::-1])
    peer = MLPRegressor(hidden_layer_sizes=widths, max_iter=1, random_state=0).fit(X, X)
    module = ours.module_

    def encode_in_batches(X):
        x, codes = torch.from_numpy(X), torch.empty(len(X), N_COMPONENTS)
        with torch.inference_mode():
            for rows in gen_batches(len(X), ROWS_AT_A_TIME):
                codes[rows] = module.encode(x[rows])
        return codes.numpy()

    def encode_in_one_go(X):
        with torch.inference_mode():
            return module.encode(torch.from_numpy(X)).numpy()

    return {
        "module_.encode, same batches": encode_in_batches,
        "module_.encode, in one go": encode_in_one_go,
        "transform": ours.transform,
        "reconstruct": ours.reconstruct,
        "MLPRegressor.predict": peer.predict,
    }


def rows_per_second(functions, X, n_rounds):
    rounds = []
    for function in functions.values():
        function(X[: 2 * ROWS_AT_A_TIME])
    for _ in range(n_rounds):
        speeds = {}
        for name, function in functions.items():
            start = time.perf_counter()
            function(X)
            speeds[name] = len(X) / (time.perf_counter() - start)
        rounds.append(speeds)
    return pd.DataFrame(rounds)


def resident_bytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def extra_memory(name, n_rows):
    """Return the megabytes that a call needs besides its input and its output."""
    function = contestants()[name]
    X = np.random.default_rng(0).standard_normal((n_rows, 64), dtype=np.float32)
    function(X[: 2 * ROWS_AT_A_TIME])
    done, largest = threading.Event(), [0]

    def sample():
        while not done.wait(0.001):
            largest[0] = max(largest[0], resident_bytes())

    sampler = threading.Thread(target=sample)
    before = resident_bytes()
    sampler.start()
    out = function(X)
    done.set()
    sampler.join()
    return max(0, largest[0] - before - out.nbytes) / 2**20


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a tenth of the rows")
    parser.add_argument("--memory-of", nargs=2, metavar=("NAME", "ROWS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    if options.memory_of:
        name, n_rows = options.memory_of
        print(extra_memory(name, int(n_rows)))
        sys.exit()

    n_rows = 100_000 if options.quick else 1_000_000
    print(f"{machine()}\n\nEncoding {n_rows:,} x 64 float32, batches of {ROWS_AT_A_TIME}")
    functions = contestants()
    X = np.random.default_rng(0).standard_normal((n_rows, 64), dtype=np.float32)
    rounds = rows_per_second(functions, X, n_rounds=7)
    ratios = rounds.div(rounds["module_.encode, same batches"], axis=0).median()
    table = pd.DataFrame({"million rows/s": rounds.median() / 1e6, "of the bare batches": ratios})
    if Path("/proc/self/statm").exists():
        table["extra MiB"] = [
            float(
                subprocess.run(
                    [sys.executable, __file__, "--memory-of", name, str(n_rows)],
                    stdout=subprocess.PIPE,
                    check=True,
                ).stdout
            )
            for name in functions
        ]
    print(table.to_string(float_format="{:.2f}".format))

"""Do checkpointed fits survive kill -9, and what do checkpoints cost?

    python benchmarks/survival.py [n_kills] [seed]

First a fit is killed at random moments, by SIGKILL to a process of its own, and run again until it
ends; its codes must have the bytes of those of an uninterrupted fit. Then the cost: fits of 10,000
rows of 784 columns without checkpoints, with one after every epoch, and with the default, in turn,
in one process.
"""

import os
import random
import signal
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from sklearn_ae import AutoencoderTransformer, GeodesicAutoencoder, NestedAutoencoder
from sklearn_ae.export import checkpointed
from sklearn_ae.export._checkpoint import read_trainings

X = load_digits().data
KINDS = {
    "AutoencoderTransformer": lambda: AutoencoderTransformer(
        8, max_iter=60, n_iter_no_change=60, random_state=0
    ),
    "NestedAutoencoder": lambda: NestedAutoencoder(
        0.8, max_iter=30, n_iter_no_change=30, random_state=0
    ),
    "GeodesicAutoencoder": lambda: GeodesicAutoencoder(2, max_steps=600, random_state=0),
}


def start_fit(kind, path):
    """Start a process that fits in a block and writes the codes beside the checkpoint."""
    pid = os.fork()  # what is imported and warm stays so: the fit begins at once
    if pid:
        return pid
    with checkpointed(path, every=1):
        codes = KINDS[kind]().fit(X).transform(X)
    np.save(f"{path}.npy", codes)
    os._exit(0)


def killed_fit(kind, folder, rng, duration):
    """Kill a fit once, let it run again to its end, and return its codes and how far it was."""
    path = Path(folder, "checkpoint")
    process = start_fit(kind, path)
    time.sleep(rng.uniform(0.05, 0.95) * duration)
    os.kill(process, signal.SIGKILL)
    hit = os.WIFSIGNALED(os.waitpid(process, 0)[1])
    n_epochs = 0
    if hit and path.exists():
        kept = [training["kept"]["monitor"]["loss_curve_"] for training in read_trainings(path)]
        n_epochs = sum(map(len, kept))
    os.waitpid(start_fit(kind, path), 0)
    codes = np.load(f"{path}.npy")
    Path(f"{path}.npy").unlink()
    return codes, hit, n_epochs


def kills(n_kills=20, seed=0):
    rng, expected, durations = random.Random(seed), {}, {}
    for kind, make in KINDS.items():
        for _ in range(2):  # the first fit imports and warms up
            start = time.perf_counter()
            expected[kind] = make().fit(X).transform(X)
            durations[kind] = time.perf_counter() - start
    reached, n_hit, n_equal = [], 0, 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n_kills):
            kind = list(KINDS)[i % len(KINDS)]
            codes, hit, n_epochs = killed_fit(kind, folder, rng, durations[kind])
            n_hit += hit
            reached.append(n_epochs)
            n_equal += codes.tobytes() == expected[kind].tobytes()
    print(f"{n_kills} fits, {n_hit} killed while running, after {sorted(reached)} epochs on disk;")
    print(f"{n_equal} of {n_kills} ended with the bytes of an uninterrupted fit")


def cost(n_rounds=5, n_epochs=6):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(10_000, 20)) @ rng.normal(size=(20, 784)) + rng.normal(size=(10_000, 784))
    X = X.astype(np.float32)
    ways = {"without": None, "every epoch": 1, "default": "auto"}
    seconds = {name: [] for name in ways}

    def run(every, path):
        model = AutoencoderTransformer(
            16, max_iter=n_epochs, n_iter_no_change=n_epochs, random_state=0
        )
        start = time.process_time()  # of one thread: other processes do not count
        if every is None:
            model.fit(X)
        else:
            with checkpointed(path, every=every):
                model.fit(X)
        return time.process_time() - start

    with tempfile.TemporaryDirectory() as folder:
        run(None, None)
        for _ in range(n_rounds):
            for name, every in ways.items():
                seconds[name].append(run(every, Path(folder, "checkpoint")))
    base = np.array(seconds["without"])
    for name, values in seconds.items():
        ratio = np.median(np.array(values) / base)
        print(
            f"{name:12} {np.median(values):6.2f} s, {100 * (ratio - 1):+5.1f} % (median of pairs)"
        )
        print(f"{'':12} fastest {min(values):.2f} s, {100 * (min(values) / min(base) - 1):+5.1f} %")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    cost()
    kills(*map(int, sys.argv[1:]))

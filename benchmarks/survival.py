"""Do checkpointed fits survive kill -9, and what do checkpoints cost?

    python benchmarks/survival.py [n_kills] [seed]

First a fit is killed at random moments, by SIGKILL to a process of its own, and run again until it
ends; its codes must have the bytes of those of an uninterrupted fit. Then the cost: fits of 10,000
rows of 784 columns without checkpoints, with one after every epoch, and with the default, in turn,
in one process.
"""

import random
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from sklearn_ae import AutoencoderTransformer, GeodesicAutoencoder, NestedAutoencoder
from sklearn_ae.export import checkpointed

KINDS = {
    "AutoencoderTransformer": lambda: AutoencoderTransformer(
        8, max_iter=60, n_iter_no_change=60, random_state=0
    ),
    "NestedAutoencoder": lambda: NestedAutoencoder(
        0.8, max_iter=30, n_iter_no_change=30, random_state=0
    ),
    "GeodesicAutoencoder": lambda: GeodesicAutoencoder(2, max_steps=600, random_state=0),
}


def fit(kind, path):
    """Fit in a block and write the codes beside the checkpoint; what the killed process runs."""
    warnings.simplefilter("ignore")
    X = load_digits().data
    print("ready", flush=True)
    with checkpointed(path, every=1):
        codes = KINDS[kind]().fit(X).transform(X)
    np.save(f"{path}.npy", codes)


def killed_fit(kind, folder, rng, duration):
    """Kill a fit once, let it run again to its end, and return its codes and whether it was hit."""
    path = Path(folder, "checkpoint")
    command = [sys.executable, __file__, "--fit", kind, str(path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()
    time.sleep(rng.uniform(0.05, 0.95) * duration)
    process.kill()
    hit = process.wait() != 0
    size = path.stat().st_size if path.exists() else 0
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    codes = np.load(f"{path}.npy")
    Path(f"{path}.npy").unlink()
    return codes, hit, size


def kills(n_kills, seed):
    rng, X = random.Random(seed), load_digits().data
    expected, durations = {}, {}
    for kind, make in KINDS.items():
        make().set_params(**({"max_steps": 60} if "Geo" in kind else {"max_iter": 1})).fit(X)
        start = time.perf_counter()
        expected[kind] = make().fit(X).transform(X)
        durations[kind] = time.perf_counter() - start
    n_hit = n_equal = n_resumed = 0
    with tempfile.TemporaryDirectory() as folder:
        for i in range(n_kills):
            kind = list(KINDS)[i % len(KINDS)]
            codes, hit, size = killed_fit(kind, folder, rng, durations[kind])
            n_hit += hit
            n_resumed += hit and size > 1000
            n_equal += codes.tobytes() == expected[kind].tobytes()
    print(
        f"{n_kills} fits, {n_hit} killed while running, {n_resumed} of them with a checkpoint to "
    )
    print(f"go on from; {n_equal} of {n_kills} ended with the bytes of an uninterrupted fit")


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
    if sys.argv[1:2] == ["--fit"]:
        fit(*sys.argv[2:])
    else:
        warnings.simplefilter("ignore")
        cost()
        kills(*map(int, sys.argv[1:] or [20, 0]))

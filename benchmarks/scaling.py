"""How fit and transform scale: seconds per epoch, peak memory and rows per second.

Each line is a process of its own with one thread: data are made, then fitted for one epoch with all
defaults and two components, then encoded. Swiss rolls and 64 columns in memory, 64 columns in a
memory-mapped file, and counts in a sparse matrix of 20,000 columns of which 5 % are filled, beside
2,000 dense columns. An epoch is what skorch's timer says of it: training, and the held-out rows
after every round. ``peak`` is the largest resident set of the process; ``own`` is the part of it
that was not there before ``fit``, so without the libraries and what the caller holds.

The exponent is the slope of log seconds over log rows, from 1e5 rows on: 1 is linear. Values per
second count what is not zero.

    python benchmarks/scaling.py [--full] [--plot FILE]

The default takes some minutes; ``--full`` goes up to 1e7 rows of 64 columns and 3e5 sparse ones,
and takes an hour.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import sparse
from sklearn.datasets import make_swiss_roll
from training import machine

from sklearn_ae import AutoencoderTransformer

ROWS_AT_A_TIME = 50_000
CASES = {
    "roll": [1000, 10_000, 100_000],
    "64 columns": [1000, 10_000, 100_000, 1_000_000],
    "64 columns, memmap": [2_000_000],
    "2,000 columns": [10_000],
    "20,000 sparse": [10_000],
}
FULL = {
    "roll": [1000, 10_000, 100_000, 1_000_000, 10_000_000],
    "64 columns": [1000, 10_000, 100_000, 1_000_000, 10_000_000],
    "64 columns, memmap": [2_000_000, 10_000_000, 64_000_000],
    "2,000 columns": [10_000, 30_000],
    "20,000 sparse": [10_000, 30_000, 100_000, 300_000],
}


def curved_rows(n_rows, n_features, seed=0):
    """Yield float32 rows near a curved surface of 8 dimensions, some at a time."""
    rng = np.random.default_rng(seed)
    axes = rng.standard_normal((8, n_features), dtype=np.float32)
    for start in range(0, n_rows, ROWS_AT_A_TIME):
        n = min(ROWS_AT_A_TIME, n_rows - start)
        noise = rng.standard_normal((n, n_features), dtype=np.float32)
        yield np.tanh(rng.standard_normal((n, 8), dtype=np.float32)) @ axes + noise / 10


def in_memory(n_rows, n_features):
    """Return an array of curved rows."""
    X, n_done = np.empty((n_rows, n_features), np.float32), 0
    for rows in curved_rows(n_rows, n_features):
        X[n_done : n_done + len(rows)] = rows
        n_done += len(rows)
    return X


def on_disk(n_rows, n_features):
    """Return a memory-mapped file of curved rows, which goes when the process ends."""
    with tempfile.NamedTemporaryFile() as file:
        for rows in curved_rows(n_rows, n_features):
            rows.tofile(file)
        file.flush()
        return np.memmap(file.name, np.float32, "r", shape=(n_rows, n_features))


def counts(n_rows, n_features=20_000, fill=0.05, n_topics=8):
    """Return counts of words of some topics, as a sparse matrix."""
    rng = np.random.default_rng(0)
    topics = rng.gamma(0.3, size=(n_topics, n_features))
    parts = []
    for start in range(0, n_rows, 1000):
        rates = rng.gamma(0.5, size=(min(1000, n_rows - start), n_topics)) @ topics
        # Some values are above 1: rates a little larger fill as many.
        parts.append(sparse.csr_array(rng.poisson(1.07 * fill * rates / rates.mean()), dtype="f4"))
    return sparse.vstack(parts, format="csr")


DATA = {
    "roll": lambda n: make_swiss_roll(n, random_state=0)[0].astype(np.float32),
    "64 columns": lambda n: in_memory(n, 64),
    "64 columns, memmap": lambda n: on_disk(n, 64),
    "2,000 columns": lambda n: in_memory(n, 2000),
    "20,000 sparse": counts,
}


def peak():
    """Return the largest resident set so far, in GB."""
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (1e9 if sys.platform == "darwin" else 1e6)


def measured(name, n_rows):
    """Return what one fit and one transform take."""
    torch.set_num_threads(1)
    X = DATA[name](n_rows)
    # Patience ends long epochs in between, and these are to be whole.
    autoencoder = AutoencoderTransformer(2, max_iter=1, n_iter_no_change=10**6, random_state=0)
    autoencoder.fit(X[:300])  # what is loaded at first use is not what is measured
    before, start = peak(), time.perf_counter()
    autoencoder.fit(X)
    fitted = time.perf_counter()
    autoencoder.transform(X)
    encoded = time.perf_counter()
    return {
        "epoch s": sum(autoencoder.net_.history[:, "dur"]),
        "fit s": fitted - start,
        "rows/s fit": n_rows / (fitted - start),
        "rows/s transform": n_rows / (encoded - fitted),
        "peak GB": peak(),
        "own GB": peak() - before,
        "values": X.nnz if sparse.issparse(X) else X.size,
    }


def table_of(cases):
    """Return a table of all cases, each measured in a process of its own."""
    lines = []
    for name, sizes in cases.items():
        for n_rows in sizes:
            command = [sys.executable, "-W", "ignore", __file__, "--case", name, str(n_rows)]
            out = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            lines.append({"data": name, "rows": n_rows} | json.loads(out))
            print(".", end="", file=sys.stderr, flush=True)
    return pd.DataFrame(lines)


def exponents(table):
    """Return the slope of log seconds over log rows of each kind of data, from 1e5 rows on."""
    large = table[table["rows"] >= 100_000]
    slopes = {
        name: np.polyfit(np.log(of["rows"]), np.log(of["epoch s"]), 1)[0]
        for name, of in large.groupby("data")
        if len(of) > 1
    }
    return pd.Series(slopes, dtype=float)


def draw(table, path):
    """Draw seconds per epoch and memory over rows."""
    import matplotlib.pyplot as plt

    fig, axes = plt.subplots(ncols=2, figsize=(9, 4), layout="constrained")
    for ax, column in zip(axes, ("epoch s", "peak GB"), strict=True):
        for name, of in table.groupby("data", sort=False):
            ax.loglog(of["rows"], of[column], "o-", label=name)
        ax.set(xlabel="rows", ylabel=column)
    axes[0].legend()
    fig.savefig(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--full", action="store_true", help="up to 1e7 rows")
    parser.add_argument("--plot", type=Path, help="file of a picture")
    parser.add_argument("--case", nargs=2, metavar=("NAME", "ROWS"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.case:
        warnings.simplefilter("ignore")
        name, n_rows = options.case
        print(json.dumps(measured(name, int(n_rows))))
        sys.exit()

    print(machine())
    table = table_of(FULL if options.full else CASES)
    table["values/s epoch"] = table.pop("values") / table["epoch s"]
    print(table.to_string(index=False, float_format="{:.4g}".format))
    for name, slope in exponents(table).items():
        print(f"{name}: seconds per epoch grow like rows to the power of {slope:.2f}")
    if options.plot:
        draw(table, options.plot)

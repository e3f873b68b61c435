"""How long does a fit take, and how much memory, for tables of several sizes?

Defaults, codes of two numbers, rows around a curved surface of five dimensions. Each fit runs in a
process of its own: seconds of CPU time of the fit and of `transform` of all rows, and the largest
memory of the process, with the data, beyond that of one with the package imported.

    python benchmarks/sizes.py [--threads 1] [--most 1000000]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np
from training import machine

SIZES = [(1_000, 20), (10_000, 50), (10_000, 784), (100_000, 50), (1_000_000, 20)]
NAMES = ["PCA", "AutoencoderTransformer", "GeodesicAutoencoder", "NestedAutoencoder"]


def table(n_samples, n_features):
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(n_samples, 5)).astype(np.float32)
    curved = np.tanh(codes @ rng.normal(size=(5, 32)).astype(np.float32))
    X = curved @ rng.normal(size=(32, n_features)).astype(np.float32)
    return X + 0.1 * rng.standard_normal(size=X.shape, dtype=np.float32)


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name, n_samples, n_features):
    import warnings

    from sklearn.decomposition import PCA

    import sklearn_ae

    warnings.simplefilter("ignore")
    kind = PCA if name == "PCA" else getattr(sklearn_ae, name)
    estimator = kind(**({"max_components": 16} if name == "NestedAutoencoder" else {}))
    estimator.set_params(
        random_state=0, **({"n_components": 2} if name != "NestedAutoencoder" else {})
    )
    kind(**({} if name == "NestedAutoencoder" else {"n_components": 1})).fit(table(60, 5))
    before = peak()
    X = table(n_samples, n_features)
    start = time.process_time()
    estimator.fit(X)
    fitted = time.process_time()
    estimator.transform(X)
    done = time.process_time()
    print(json.dumps({"fit": fitted - start, "transform": done - fitted, "MB": peak() - before}))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--most", type=int, default=1_000_000, help="rows")
    parser.add_argument("--one", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        name, *size = arguments.one
        measure(name, *map(int, size))
        return
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    print(f"{'estimator':24}{'rows':>10}{'columns':>9}{'fit s':>8}{'transform s':>13}{'MB':>7}")
    for n_samples, n_features in SIZES:
        for name in NAMES if n_samples <= arguments.most else ():
            command = [sys.executable, __file__, "--one", name, str(n_samples), str(n_features)]
            ran = subprocess.run(
                command, env=environment, capture_output=True, text=True, check=True
            )
            found = json.loads(ran.stdout)
            print(
                f"{name:24}{n_samples:>10,}{n_features:>9}{found['fit']:>8.1f}"
                f"{found['transform']:>13.2f}{found['MB']:>7.0f}",
                flush=True,
            )
    print(machine())


if __name__ == "__main__":
    main()

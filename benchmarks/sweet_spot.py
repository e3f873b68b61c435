"""How strong should a regulariser be? The gain on new noise over the strength of each.

The digits, pixels in [0, 1], and a code of 128 units for 64 features: without a constraint the net
copies, and takes away none of the noise of a noisy row. With too much it returns the mean, which
has no noise but no row either. In between lies the sweet spot. The gain is
``1 - ||r(x + e) - x||² / ||e||²`` over held-out images x, for Gaussian e of standard deviation 0.3.

All settings but the strength are the default ones, the number of epochs excepted: at most 30, for
the time. That includes ``init``, so that denoising, contractive and variational nets start at the
identity; ``--init random`` starts them elsewhere.

    python benchmarks/sweet_spot.py [--seeds 0 1 2] [--init random] [--curves masking ...]
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from training import machine

from sklearn_ae import (
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)

N_COMPONENTS, MAX_ITER, SIGMA = 128, 30, 0.3
CURVES = {  # from weak to strong
    "masking": (
        DenoisingAutoencoder,
        {"noise": "masking"},
        "noise_level",
        (0, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8),
    ),
    "gaussian": (
        DenoisingAutoencoder,
        {"noise": "gaussian"},
        "noise_level",
        (0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6),
    ),
    "contractive": (
        ContractiveAutoencoder,
        {},
        "contraction",
        (0, 0.003, 0.01, 0.03, 0.1, 0.3, 1),
    ),
    "l1": (SparseAutoencoder, {"sparsity": "l1"}, "strength", (0, 0.03, 0.1, 0.3, 1, 3, 10)),
    "kl": (SparseAutoencoder, {"sparsity": "kl"}, "strength", (0, 0.1, 1, 10, 30, 100, 300)),
    "top-k": (SparseAutoencoder, {"sparsity": "top_k"}, "n_active", (128, 64, 32, 16, 8, 4, 2, 1)),
    "variational": (VariationalAutoencoder, {}, "beta", (0, 0.03, 0.1, 0.3, 1, 3, 10)),
}


def gain(model, X, noise):
    return 1 - np.square(model.reconstruct(X + noise) - X).sum() / np.square(noise).sum()


def curve(name, seeds, init=None):
    """Return a row for each strength: the median gain over the seeds, the smallest, the largest."""
    estimator, own, parameter, levels = CURVES[name]
    params = {"n_components": N_COMPONENTS, "max_iter": MAX_ITER} | own
    if init is not None:
        params["init"] = init
    X = (load_digits().data / 16).astype(np.float32)
    gains = pd.DataFrame(index=pd.Index(levels, name=parameter), columns=seeds, dtype=float)
    for seed in seeds:
        train, test = train_test_split(X, test_size=0.2, random_state=seed)
        noise = SIGMA * np.random.default_rng(seed).standard_normal(test.shape, dtype=np.float32)
        for level in levels:
            model = estimator(random_state=seed, **params, **{parameter: level}).fit(train)
            gains.loc[level, seed] = gain(model, test, noise)
    summary = {"gain": gains.median(axis=1), "min": gains.min(axis=1), "max": gains.max(axis=1)}
    return pd.DataFrame(summary)


def verdict(gains):
    """Say where the maximum is, and whether the ends of the curve are surely below it."""
    ends = gains.iloc[[0, -1]]
    best = gains["gain"].idxmax()
    if best in ends.index:
        where = "at the end"
    elif gains.loc[best, "min"] > ends["max"].max():
        where = "interior"
    else:
        where = "interior, but within the spread over the seeds of an end"
    weak, strong = ends["gain"]
    top = f"{gains.loc[best, 'gain']:.2f} at {gains.index.name}={best:g}"
    return f"maximum {where}: {top}, {weak:.2f} and {strong:.2f} at the ends"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--init", choices=["pca", "random"], help="not for the sparse ones")
    parser.add_argument("--curves", nargs="+", choices=CURVES, default=list(CURVES))
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    warnings.filterwarnings("ignore", message="n_components=.* nothing else constrains the code")
    warnings.filterwarnings("ignore", message=".*collapsed")
    print(machine())
    for name in options.curves:
        start = time.perf_counter()
        sparse = CURVES[name][0] is SparseAutoencoder
        gains = curve(name, options.seeds, None if sparse else options.init)
        print(f"\n{name} ({time.perf_counter() - start:.0f} s)")
        print(gains.to_string(float_format="{:.3f}".format))
        print(verdict(gains), flush=True)

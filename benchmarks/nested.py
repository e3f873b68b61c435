"""One nested fit: against PCA and an autoencoder of each width, and the dimensions that it finds.

For the digits and breast cancer, on test rows: the smallest gain over PCA of any number of first
units (the model cut after the fact), the share of the R² of an `AutoencoderTransformer` of that
width that the units have before the net is cut and trained on, what is missing after it, and the
time of a fit as a multiple of an `AutoencoderTransformer` of as many components. Then what
``n_components="auto"`` finds in data whose dimension is known.

    python benchmarks/nested.py [--seeds 0 1 2]
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_breast_cancer, load_digits, make_s_curve, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale
from training import machine

from sklearn_ae import AutoencoderTransformer, NestedAutoencoder

TABLES = {
    "digits": (load_digits().data, 16, (4, 8, 12)),
    "cancer": (scale(load_breast_cancer().data), 10, (4, 7)),
}


def r2(X, Z):
    return r2_score(X, Z, multioutput="variance_weighted")


def timed(estimator, X):
    start = time.perf_counter()
    return estimator.fit(X), time.perf_counter() - start


def gains_over_pca(model, train, test):
    """Return R² from the first 1, 2, ... units, minus that of as many principal components."""
    pca = PCA(model.n_components_).fit(train)
    codes, axes = model.transform(test), pca.components_
    centred = test - pca.mean_
    return [
        r2(test, model.inverse_transform(codes[:, :k]))
        - r2(centred, centred @ axes[:k].T @ axes[:k])
        for k in range(1, model.n_components_ + 1)
    ]


def compare(name, seed):
    """Return a line on one table and one seed."""
    X, most, widths = TABLES[name]
    train, test = train_test_split(X, test_size=0.3, random_state=seed)
    nested, seconds = timed(NestedAutoencoder(most, random_state=seed), train)
    alone, seconds_alone = timed(AutoencoderTransformer(most, random_state=seed), train)
    line = {
        "table": name,
        "seed": seed,
        "least gain over PCA": min(gains_over_pca(nested, train, test)),
        f"{most} of {most}, minus alone": nested.score(test) - alone.score(test),
        "times alone": seconds / seconds_alone,
    }
    for k in widths:
        cut = NestedAutoencoder(k, max_components=most, random_state=seed).fit(train)
        own = AutoencoderTransformer(k, random_state=seed).fit(train).score(test)
        line[f"{k} before, over alone"] = cut.reconstruction_curve_[k - 1] / own
        line[f"{k} after, minus alone"] = cut.score(test) - own
    return line


def known_dimensions(seed):
    """Return data whose dimension is known, by name."""
    random = np.random.RandomState(seed)
    known = {}
    for noise in (0, 0.3):
        known[f"roll, noise {noise}"] = make_swiss_roll(1000, noise=noise, random_state=seed)[0], 2
        known[f"S-curve, noise {noise}"] = make_s_curve(1000, noise=noise, random_state=seed)[0], 2
    for rank in (3, 5):
        signal = random.normal(size=(1000, rank)) @ random.normal(size=(rank, 20))
        noise = 0.05 * signal.std() * random.normal(size=signal.shape)
        known[f"rank {rank} of 20"] = signal + noise, rank
    return known


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    seeds = parser.parse_args().seeds
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(machine())
    NestedAutoencoder(2, random_state=0).fit(TABLES["digits"][0])  # the first fit of all is slow
    for name in TABLES:
        lines = pd.DataFrame([compare(name, seed) for seed in seeds]).set_index(["table", "seed"])
        print(lines.T.to_string(float_format="{:.3f}".format), flush=True)
    found = pd.DataFrame(
        {
            seed: {
                f"{name}: {dimension}": NestedAutoencoder(random_state=seed).fit(X).n_components_
                for name, (X, dimension) in known_dimensions(seed).items()
            }
            for seed in seeds
        }
    )
    print('\nThe dimension that n_components="auto" finds')
    print(found.to_string())

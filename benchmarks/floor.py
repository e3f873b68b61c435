"""Is the autoencoder ever worse than PCA, and what does it gain?

Over all tables of tables.py, at 2 and at 8 components: R² of the reconstruction of 30 % held-out
rows and CPU seconds of the fit, for PCA, ``MLPRegressor(X, X, early_stopping=True)`` of our widths,
and ours at its default settings. MLPRegressor gets data centred and divided by one number, and up
to 500 epochs. A case counts as "at PCA" if it is not more than 0.002 below.

    python benchmarks/floor.py [--seeds 0 1 2] [--quick]
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import tables
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPRegressor
from training import machine

from sklearn_ae import AutoencoderTransformer

TOLERANCE = 0.002
HIDDEN = AutoencoderTransformer().hidden_layer_sizes


class MLPAutoencoder:
    """scikit-learn's peer."""

    def __init__(self, n_components, random_state):
        widths = (*HIDDEN, n_components, *HIDDEN[::-1])
        self.net = MLPRegressor(
            hidden_layer_sizes=widths, early_stopping=True, max_iter=500, random_state=random_state
        )

    def fit(self, X):
        self.offset, self.scale = X.mean(axis=0), np.sqrt(X.var(axis=0).mean())
        Z = (X - self.offset) / self.scale
        self.net.fit(Z, Z)
        return self

    def reconstruct(self, X):
        return self.net.predict((X - self.offset) / self.scale) * self.scale + self.offset


class PCAAutoencoder(PCA):
    def reconstruct(self, X):
        return self.inverse_transform(self.transform(X))


METHODS = {
    "PCA": PCAAutoencoder,
    "MLPRegressor": MLPAutoencoder,
    "ours": AutoencoderTransformer,
}


def measure(X, n_components, seed):
    train, test = train_test_split(X, test_size=0.3, random_state=seed)
    row = {}
    for name, method in METHODS.items():
        start = time.process_time()
        model = method(n_components, random_state=seed).fit(train)
        row[f"CPU s {name}"] = time.process_time() - start
        row[f"R² {name}"] = r2_score(test, model.reconstruct(test), multioutput="variance_weighted")
    return row


def summary(cases):
    lines = []
    for name in ("MLPRegressor", "ours"):
        gain = cases[f"R² {name}"] - cases["R² PCA"]
        by_size = ", ".join(f"{gain.xs(n, level='components').mean():+.3f} at {n}" for n in (2, 8))
        at_pca = f"{(gain >= -TOLERANCE).sum()} of {len(gain)} cases at PCA or above"
        lines.append(f"{name}: {at_pca}, smallest gain {gain.min():+.3f}, mean gain {by_size}")
    ours, peer = cases["CPU s ours"], cases["CPU s MLPRegressor"]
    lines.append(
        f"CPU, ours / MLPRegressor: {ours.sum() / peer.sum():.2f} of the sums "
        f"({ours.sum():.0f} s / {peer.sum():.0f} s), {(ours / peer).median():.2f} median ratio"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--quick", action="store_true", help="skip tables of over 100,000 values")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    cases = {}
    for name, X in tables.load().items():
        if options.quick and X.size > 100_000:
            continue
        for n_components in tables.dimensions(name, X):
            for seed in options.seeds:
                mark = " *" if name in tables.ASIDE else ""
                cases[name + mark, n_components, seed] = measure(X, n_components, seed)
    cases = pd.DataFrame(cases).T.rename_axis(["table", "components", "seed"])
    cases["gain"] = cases["R² ours"] - cases["R² PCA"]
    print(cases.sort_index(axis="columns").to_string(float_format="{:.3f}".format))
    print("* took no part in the choice of any setting\n")
    print(summary(cases))
    aside = cases[cases.index.get_level_values("table").str.endswith("*")]
    print(f"\nOf these, the tables set aside:\n{summary(aside)}")

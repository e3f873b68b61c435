"""How well are gaps filled, compared with scikit-learn's imputers and iterative PCA?

Root mean squared error at the missing entries of held-out rows, in units of the root of the mean
variance of the columns, and seconds of fit and transform. Gaps are made at random (MCAR, 20 % and
50 %, in training and held-out rows alike) or, in pictures, a square hole of two fifths of their
side. Iterative PCA is the regularised one of missMDA (Josse & Husson 2016); its rank is the best of
several on a tenth of the training entries that are hidden from it. IterativeImputer is left out
where it takes minutes (over 100 columns).

    python benchmarks/imputation.py [--seeds 0 1 2] [--tables digits faces mnist ...] [--units]
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import tables
from scipy.stats import gmean
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split
from training import machine

from sklearn_ae import AutoencoderImputer

PICTURES = {"digits": 8, "faces": 25, "mnist": 28}
TABLES = ["wine", "cancer", "diabetes", "boston", "stocks", "friedman_poly", "classif", "iris"]


class IterativePCA:
    """Regularised iterative PCA: fill, decompose, shrink, fill again."""

    def __init__(self, seed, ranks=(1, 2, 4, 8, 16, 32)):
        self.seed = seed
        self.ranks = ranks

    def fit(self, X):
        some = X[:1000]
        drawn = np.random.RandomState(self.seed + 1000).uniform(size=some.shape)
        hidden = (drawn < 0.1) & ~np.isnan(some)
        seen = np.where(hidden, np.nan, some)
        ranks = [rank for rank in self.ranks if rank < min(some.shape)]
        errors = [
            np.square(self._learn(seen, rank)._fill(seen) - some)[hidden].mean() for rank in ranks
        ]
        return self._learn(X, ranks[int(np.argmin(errors))])

    def _learn(self, X, rank, n_iter=100, tol=1e-4):
        missing = np.isnan(X)
        self.mean = np.nanmean(X, axis=0)
        filled = np.where(missing, self.mean, X)
        for _ in range(n_iter):
            self.mean = filled.mean(axis=0)
            centred = filled - self.mean
            values, vectors = np.linalg.eigh(centred.T @ centred / len(X))
            n_left = X.shape[1] - rank
            self.noise = values[:-rank].sum() / n_left
            self.values, self.axes = values[-rank:], vectors[:, -rank:]
            shrink = np.maximum(self.values - self.noise, 0) / self.values
            fitted = self.mean + (centred @ self.axes * shrink) @ self.axes.T
            change = np.square(fitted - filled)[missing].sum()
            filled = np.where(missing, fitted, X)
            if change < tol * np.square(centred[missing]).sum():
                break
        return self

    def _fill(self, X):
        """Return conditional means, what the iteration for new rows converges to."""
        observed = ~np.isnan(X)
        loadings = self.axes * np.sqrt(np.maximum(self.values - self.noise, 0))
        centred = np.where(observed, X - self.mean, 0)
        filled = np.empty_like(centred)
        identity = max(self.noise, 1e-9) * np.eye(loadings.shape[1])
        for row, seen, out in zip(centred, observed, filled, strict=True):
            W = loadings[seen]
            out[:] = loadings @ np.linalg.solve(W.T @ W + identity, W.T @ row[seen])
        return filled + self.mean

    def transform(self, X):
        return np.where(np.isnan(X), self._fill(X), X)


METHODS = {
    "mean": lambda seed: SimpleImputer(),
    "KNN": lambda seed: KNNImputer(n_neighbors=10),
    "iterative": lambda seed: IterativeImputer(random_state=seed),
    "iterative PCA": lambda seed: IterativePCA(seed),
    "ours": lambda seed: AutoencoderImputer(random_state=seed),
}


def load(name):
    if name == "digits":
        return load_digits().data
    return tables.load()[{"faces": "lfw_faces", "mnist": "mnist5k"}.get(name, name)]


def missing_where_high(X, random_state):
    """Return gaps of which there are 30 % or so, most of them at large values of each column."""
    scores = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1)
    return random_state.uniform(size=X.shape) < 0.6 / (1 + np.exp(-3 * scores))


def gaps(name, kind, n_rows, n_features, random_state):
    if kind != "block":
        return random_state.uniform(size=(n_rows, n_features)) < kind
    side = PICTURES[name]
    hole = round(0.4 * side)
    missing = np.zeros((n_rows, side, side), dtype=bool)
    for picture, (top, left) in zip(
        missing, random_state.randint(side - hole + 1, size=(n_rows, 2)), strict=True
    ):
        picture[top : top + hole, left : left + hole] = True
    return missing.reshape(n_rows, -1)


def measure(name, X, kind, seed, units=False):
    train, test = train_test_split(X, test_size=min(0.3, 1000 / len(X)), random_state=seed)
    scale = np.sqrt(train.var(axis=0).mean())
    train, test = train / scale, test / scale
    random_state = np.random.RandomState(seed)
    if kind == "high":
        missing, hidden = (missing_where_high(rows, random_state) for rows in (train, test))
    else:
        missing = gaps(name, kind, *train.shape, random_state)
        hidden = gaps(name, kind, *test.shape, random_state)
    unit = 10.0 ** random_state.uniform(-6, 6, size=X.shape[1]) if units else np.ones(X.shape[1])
    seen, new = np.where(missing, np.nan, train) * unit, np.where(hidden, np.nan, test) * unit
    row = {}
    for method, make in METHODS.items():
        if method == "iterative" and X.shape[1] > 100:
            continue
        start = time.perf_counter()
        imputer = make(seed).fit(seen)
        row[f"s {method}"] = time.perf_counter() - start
        filled = imputer.transform(new) / unit
        row[f"s {method}, filling"] = time.perf_counter() - start - row[f"s {method}"]
        row[method] = np.sqrt(np.square(filled - test)[hidden].mean())
    return row


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--tables", nargs="+", default=[*PICTURES, *TABLES])
    parser.add_argument("--units", action="store_true", help="random units for all columns")
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    cases = {}
    for name in options.tables:
        X = load(name)
        kinds = (0.2, 0.5, "high", "block") if name in PICTURES else (0.2, 0.5, "high")
        for kind in kinds:
            for seed in options.seeds:
                row = cases[name, kind, seed] = measure(name, X, kind, seed, options.units)
                others = {k: v for k, v in row.items() if not k.startswith("s ") and k != "ours"}
                best = min(others, key=others.get)
                print(
                    f"{name:14s} {kind!s:5} seed {seed}: "
                    + ", ".join(f"{k} {v:.4f}" for k, v in others.items())
                    + f", ours {row['ours']:.4f} ({row['s ours']:.0f} s), "
                    + f"{row['ours'] / others[best]:.3f} of {best}",
                    flush=True,
                )
    cases = pd.DataFrame(cases).T.rename_axis(["table", "gaps", "seed"])
    errors = [name for name in METHODS if name in cases]
    ratios = cases[errors].rdiv(cases["ours"], axis=0).drop(columns="ours")
    ratios["best other"] = ratios.max(axis=1)
    print("\nOurs over the others, means over the seeds; below 1 is better")
    means = ratios.groupby(level=["table", "gaps"], sort=False).mean()
    print(means.to_string(float_format="{:.3f}".format))
    in_tables = ratios[~ratios.index.get_level_values("table").isin(PICTURES)]
    if len(in_tables):
        print("\nGeometric means over the tables")
        print(in_tables.apply(gmean).to_string(float_format="{:.3f}".format))
    seconds = cases[[name for name in cases if name.startswith("s ")]]
    print("\nSeconds of fit, and of filling held-out rows, means over the seeds")
    seconds = seconds.groupby(level=["table", "gaps"], sort=False).mean()
    print(seconds.to_string(float_format="{:.2f}".format))

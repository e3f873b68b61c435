"""Is the imputer ever worse than the mean, or than its own linear model?

Thirty tables from which there is little to learn, or much to get wrong: noise, one factor of which
each row shows one value, two columns that are never seen together, ten rows, 95 % missing, heavy
tails, counts. Root mean squared error at the gaps, of columns with variance 1, over the smaller one
of those of the columns' means and of the linear model.

    python benchmarks/imputation_floor.py [--seeds 0 1 2] [--kinds noise counts ...]
"""

import argparse

import numpy as np
import pandas as pd
from training import machine

from sklearn_ae import AutoencoderImputer

SHAPES = {
    "noise": [(50, 3), (100, 5), (300, 10), (1000, 20)],
    "one seen": [(200, 3), (300, 5), (500, 8), (1000, 10)],
    "never together": [(150, 5), (200, 4), (500, 6), (1000, 10)],
    "ten rows": [(10, 3), (10, 5), (10, 10), (10, 20)],
    "95 % missing": [(1000, 10), (300, 20), (200, 30), (500, 50)],
    "heavy tails": [(200, 5), (1000, 8), (500, 10), (300, 20)],
    "counts": [(200, 5), (300, 6), (400, 8), (1000, 8), (500, 10), (300, 20)],
}
TOLERANCE = 1.03


def factors(n_rows, n_features, random_state, n_factors=2):
    """Return rows that lie near a bent surface."""
    z = random_state.normal(size=(n_rows, n_factors))
    bent = np.tanh(z @ random_state.normal(size=(n_factors, n_features)))
    return bent + 0.3 * random_state.normal(size=(n_rows, n_features))


def table(kind, n_rows, n_features, random_state):
    """Return rows, and where they have gaps."""
    normal, shape = random_state.normal, (n_rows, n_features)
    missing = random_state.uniform(size=shape) < 0.2
    if kind == "noise":
        return normal(size=shape), missing
    if kind == "one seen":
        seen = random_state.randint(n_features, size=n_rows)
        X = normal(size=(n_rows, 1)) + 0.3 * normal(size=shape)
        return X, np.arange(n_features) != seen[:, None]
    if kind == "95 % missing":
        return factors(*shape, random_state), random_state.uniform(size=shape) < 0.95
    if kind == "heavy tails":
        degrees = random_state.choice([1.5, 2, 3])
        X = random_state.standard_t(degrees, size=(n_rows, 2)) @ normal(size=(2, n_features))
        return X + random_state.standard_t(degrees, size=shape), missing
    if kind == "counts":
        return random_state.poisson(np.exp(factors(*shape, random_state))).astype(float), missing
    X = factors(*shape, random_state)
    if kind == "never together":
        missing = np.zeros(shape, dtype=bool)
        missing[::2, 0] = missing[1::2, 1] = True
    return X, missing


def measure(kind, shape, seed):
    random_state = np.random.RandomState([seed, *shape])
    X, missing = table(kind, *shape, random_state)
    missing &= ~missing.all(axis=0)
    scale = X.std(axis=0)
    scale = np.where(scale > 0, scale, 1)
    gaps = np.where(missing, np.nan, X)
    imputer = AutoencoderImputer(random_state=seed).fit(gaps)
    linear = imputer._learned.mixture().fill(gaps, 0.0)
    mean = np.broadcast_to(np.nanmean(gaps, axis=0), X.shape)
    row = {
        name: np.sqrt(np.square((filled - X) / scale)[missing].mean())
        for name, filled in [
            ("mean", mean),
            ("linear", linear),
            ("ours", imputer.transform(gaps)),
        ]
    }
    row["ours / best"] = row["ours"] / min(row["mean"], row["linear"])
    return row | {"rank": imputer.rank_, "share": next(iter(imputer.shares_.values()))}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--kinds", nargs="+", default=list(SHAPES))
    options = parser.parse_args()
    print(machine())
    cases = {}
    for kind in options.kinds:
        for shape in SHAPES[kind]:
            for seed in options.seeds:
                row = cases[kind, str(shape), seed] = measure(kind, shape, seed)
                named = ", ".join(f"{name} {value:.3f}" for name, value in row.items())
                print(f"{kind:15s} {shape!s:11s} seed {seed}: {named}", flush=True)
    ratio = pd.DataFrame(cases).T["ours / best"]
    print(f"\n{(ratio <= TOLERANCE).sum()} of {len(ratio)} at most {TOLERANCE} of the best")
    print(ratio.groupby(level=0, sort=False).agg(["median", "max"]).round(3).to_string())

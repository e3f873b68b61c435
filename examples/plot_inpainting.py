"""
A picture with a hole comes back whole
======================================

A square of a picture is missing. Its mean over other pictures is a blurred patch; the nearest
complete pictures fit somebody else's stroke. An autoencoder that has learned what the pictures
have in common fills the hole with what goes with the rest of *this* one. Here `AutoencoderImputer`
learns it from pictures each of which has a hole itself: no one had to provide a complete one.
"""

# %%
# Digits, each with a hole
# ------------------------
# 1,397 digits to learn from and 400 to judge by, of 8 x 8 pixels. The hole is a square of four
# pixels somewhere, a quarter of the picture. The imputer never sees what was there.

from time import process_time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderImputer
from sklearn_ae.inspection import ReconstructionDisplay

SIDE, HOLE = 8, 4
rng = np.random.default_rng(0)
X = load_digits().data.astype(np.float32) / 16
missing = np.zeros((len(X), SIDE, SIDE), dtype=bool)
corners = rng.integers(0, SIDE - HOLE + 1, size=(len(X), 2))
for mask, (top, left) in zip(missing, corners, strict=True):
    mask[top : top + HOLE, left : left + HOLE] = True
missing = missing.reshape(len(X), -1)
train, test = train_test_split(np.arange(len(X)), test_size=400, random_state=0)
X_holes = np.where(missing, np.nan, X)

# %%
# Four ways to fill it
# --------------------
# The one called "linear model" is the imputer stopped after one step: little more than the
# conditional mean of a normal distribution, which the autoencoder is mixed with.

imputers = {
    "mean": SimpleImputer(),
    "5 neighbours": KNNImputer(n_neighbors=5),
    "linear model": AutoencoderImputer(max_steps=1, random_state=0),
    "autoencoder": AutoencoderImputer(random_state=0),
}
filled, table = {}, {}
hidden, truth = missing[test], X[test]
for name, imputer in imputers.items():
    start = process_time()
    filled[name] = imputer.fit(X_holes[train]).transform(X_holes[test])
    error = np.sqrt(np.square(filled[name] - truth)[hidden].mean())
    table[name] = {"RMSE in the holes": error, "seconds": process_time() - start}
table = pd.DataFrame(table).T
print(table.to_string(float_format="{:.3f}".format))

# %%

display = ReconstructionDisplay.from_arrays(
    truth, filled, damaged=X_holes[test], image_shape=(SIDE, SIDE), n_rows=10, cmap="gray_r"
)
display.ax_.set_title("Digits that no method has seen, and R² of the whole picture")

plt.show()

# %%
# Strokes go on from one edge of the hole to the other. The mean has no idea of this picture, the
# linear model draws a haze, and the neighbours have a stroke of another picture, if often the right
# one: their error is the second smallest. Where there is less to learn, the imputer stays with its
# linear model (``is_linear_``); ``benchmarks/imputation.py`` has pictures of that kind, too.

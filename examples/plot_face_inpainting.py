"""
A face with a hole comes back whole
===================================

A square of a photograph is missing. Its mean over other photographs is a blurred patch; the nearest
complete faces fit somebody else's nose. An autoencoder that has learned what faces have in common
fills the hole with what goes with the rest of *this* face. Here `AutoencoderImputer` learns it from
eighty small crops, each of which has a hole itself: no one had to provide a complete face.
"""

# %%
# Eighty faces, each with a hole
# ------------------------------
# 25 x 25 pixels each, from Labeled Faces in the Wild. The hole is a square of ten pixels somewhere.
# It stays empty: the imputer never sees what was there.

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from skimage.data import lfw_subset
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderImputer
from sklearn_ae.inspection import ReconstructionDisplay

SIDE, HOLE = 25, 10
faces = lfw_subset()[:100].astype(np.float32)  # the other 100 are no faces
rng = np.random.default_rng(0)
missing = np.zeros(faces.shape, dtype=bool)
for mask, (top, left) in zip(missing, rng.integers(SIDE - HOLE + 1, size=(100, 2)), strict=True):
    mask[top : top + HOLE, left : left + HOLE] = True
X, missing = faces.reshape(100, -1), missing.reshape(100, -1)
train, test = train_test_split(np.arange(100), test_size=20, random_state=0)
X_holes = np.where(missing, np.nan, X)

# %%
# Four ways to fill it
# --------------------

imputers = {
    "mean": SimpleImputer(),
    "5 neighbours": KNNImputer(n_neighbors=5),
    "linear model": AutoencoderImputer(max_steps=1, random_state=0),
    "autoencoder": AutoencoderImputer(random_state=0),
}
filled, table = {}, {}
hidden, truth = missing[test], X[test]
for name, imputer in imputers.items():
    start = perf_counter()
    filled[name] = imputer.fit(X_holes[train]).transform(X_holes[test])
    error = np.sqrt(np.square(filled[name] - truth)[hidden].mean())
    table[name] = {"RMSE in the holes": error, "seconds": perf_counter() - start}
table = pd.DataFrame(table).T
print(table.to_string(float_format="{:.3f}".format))

# %%
# The one called "linear model" is the imputer stopped after one step: the conditional mean of a
# normal distribution of low rank, which the autoencoder starts from and corrects.

display = ReconstructionDisplay.from_arrays(
    truth, filled, damaged=X_holes[test], image_shape=(SIDE, SIDE), n_rows=10
)
display.ax_.set_title("Faces that no method has seen, and R² of the whole picture")

plt.show()

# %%
# In the last two rows edges go on where they left off and the light comes from the right side,
# which neither the mean nor the neighbours manage as well. All of that is linear here: eighty faces
# are too few for a net to add anything, and what it adds is no more than proved useful on rows held
# out. With more pictures it adds more: on 1,300 digits of 8 x 8 pixels the linear model is worse
# than neighbours, and the net better than both (``benchmarks/imputation.py``).

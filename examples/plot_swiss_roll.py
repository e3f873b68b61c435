"""
The Swiss roll: reconstructing is not unrolling
===============================================

A sheet of paper, rolled up in three dimensions, is the standard test of nonlinear dimensionality
reduction: two numbers say where on the sheet a point lies, and no straight projection finds them.
Two different things can be asked of a code of two numbers:

- *Can the data be rebuilt from it?* That is what PCA and autoencoders are trained for.
- *Is it a map of the sheet?* Points far apart along the paper should be far apart in the code, even
  where the roll brings them close. That is what Isomap is made for.

One might hope that a net that answers the first question well answers the second as well. This
example measures both.
"""

# %%
# A roll whose flat coordinates we know
# -------------------------------------
# The roll is the spiral with radius t. Its position along the paper is not t but the *arc length*
# of the spiral, ``(t sqrt(1 + t²) + asinh t) / 2``; the other flat coordinate is the height.

from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.spatial import procrustes
from sklearn.datasets import make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.manifold import Isomap
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer

X, t = make_swiss_roll(2000, noise=0.05, random_state=0)
arc_length = (t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2
flat = np.column_stack([arc_length, X[:, 1]])
X = X.astype(np.float32)  # precise enough, and half the memory
X_train, X_test, flat_train, flat_test = train_test_split(X, flat, test_size=0.25, random_state=0)

# %%
# Three methods, two questions
# ----------------------------
# All three are scikit-learn transformers, so one loop serves them. Both answers are shares of
# variance on rows that no method saw, 1 at best: how well the data is rebuilt from the code, and
# how well the code fits the flat coordinates once it has been shifted, turned and scaled
# (Procrustes). Isomap has no way back from its code, so its first answer is missing.

methods = {
    "PCA": PCA(n_components=2),
    "Isomap": Isomap(n_components=2, n_neighbors=10),
    "AutoencoderTransformer": AutoencoderTransformer(
        n_components=2, hidden_layer_sizes=(64, 64), random_state=0
    ),
}

codes, rows = {}, {}
for name, method in methods.items():
    start = perf_counter()
    method.fit(X_train)
    seconds = perf_counter() - start

    codes[name] = method.transform(X_test)
    rebuilt = np.nan
    if hasattr(method, "inverse_transform"):
        X_rebuilt = method.inverse_transform(codes[name])
        rebuilt = r2_score(X_test, X_rebuilt, multioutput="variance_weighted")
    rows[name] = {
        "reconstruction R²": rebuilt,
        "Procrustes R²": 1 - procrustes(flat_test, codes[name])[2],
        "fit seconds": seconds,
    }

table = pd.DataFrame(rows).T
print(table.to_string(float_format="{:.3f}".format, na_rep="-"))

# %%
# What the codes look like
# ------------------------
# The colour is the position along the paper, in every panel. In a map of the sheet it would run
# from one side to the other.

figure = plt.figure(figsize=(12, 3.8), layout="constrained")
grid = figure.add_gridspec(1, 4, width_ratios=[1.25, 1, 1, 1])
roll = figure.add_subplot(grid[0], projection="3d")
roll.scatter(X[:, 0], X[:, 2], X[:, 1], c=arc_length, s=4)
roll.view_init(elev=25, azim=-75)
roll.set_box_aspect((1, 1, 0.9), zoom=1.15)
roll.set_title("the roll, in three dimensions")
roll.set_axis_off()

axes = [figure.add_subplot(grid[i]) for i in (1, 2, 3)]
for ax, (name, code) in zip(axes, codes.items(), strict=True):
    points = ax.scatter(*code.T, c=flat_test[:, 0], s=6)
    rebuilt, procrustes_r2 = table.loc[name, ["reconstruction R²", "Procrustes R²"]]
    rebuilt = "cannot reconstruct" if np.isnan(rebuilt) else f"reconstruction R² {rebuilt:.2f}"
    ax.set(title=name, ylabel="code 2")
    ax.set_xlabel(f"code 1\n\n{rebuilt}\nagreement with the paper R² {procrustes_r2:.2f}")
figure.colorbar(points, ax=axes, label="position along the paper", pad=0.02)

path = Path(__file__).parent / "images" / "plot_swiss_roll.png"
path.parent.mkdir(exist_ok=True)
figure.savefig(path, dpi=88)
print(f"Picture: {path}")

# %%
# PCA looks at the roll from the side: it keeps the spiral and drops the height. Isomap unrolls
# it. The autoencoder rebuilds the roll better than PCA by far, and is no map of the paper:
# neighbouring colours are torn apart, distant ones meet. Nothing in a reconstruction error asks
# for a map; any code will do from which the decoder finds the way back. So use a plain
# autoencoder to compress, to repair and to feed a model, and do not read distances along the
# paper off its code.

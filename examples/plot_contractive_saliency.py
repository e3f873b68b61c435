"""
Where a contractive code still moves
====================================

A contractive autoencoder is charged for every slope of its encoder (Rifai et al. 2011), while the
reconstruction needs the slopes that tell one row from another. What should remain are the
directions in which the data vary around a row, and these differ from row to row: a 7 may have a
bar, a 0 has none. PCA knows only directions that are the same for all rows.

The encoder's *Jacobian* at a row says what remains: its singular values are how fast the code
moves, its right singular vectors are the directions, as pictures.
"""

# %%
# Three encoders that differ in one number
# ----------------------------------------
# 64 units for the digits' 64 pixels: room for everything. All three have tied weights, or the
# decoder could grow while the code shrinks. `contraction` is the price of slopes. More of it leaves
# fewer directions: more bias, less variance. Without any, `fit` warns that copying is easy, and the
# net does copy.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from sklearn.datasets import load_digits, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.model_selection import train_test_split
from sklearn.neighbors import NearestNeighbors
from torch.func import jacrev, vmap

from sklearn_ae import ContractiveAutoencoder
from sklearn_ae.architectures import MLP

X = load_digits().data.astype(np.float32) / 16
X_train, X_test = train_test_split(X, random_state=0)


def fit(X, n_components, contraction):
    autoencoder = ContractiveAutoencoder(
        n_components,
        contraction=contraction,
        architecture=MLP((64,), tied=True),
        batch_size=200,
        tol=0.003,
        random_state=0,
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        autoencoder.fit(X)
    for warning in caught:
        print(f"contraction={contraction} warns: {str(warning.message)[:97]} ...")
    return autoencoder


def jacobians(autoencoder, X):
    """Return the encoder's Jacobian at each row, for X in units of its scale."""
    module = autoencoder.module_
    J = vmap(jacrev(module.encode))(torch.from_numpy(X)) * module.scale
    return J.detach().numpy()


contractions = [0, 0.003, 0.03]
models = {c: fit(X_train, 64, c) for c in contractions}
svds = {c: np.linalg.svd(jacobians(model, X_test)) for c, model in models.items()}

# %%
# Do the directions fit the row?
# ------------------------------
# Around each held-out digit, the differences to its eight nearest neighbours in the training data
# say how digits vary there. Which share of their squared length lies in the span of the first 10
# singular vectors of the Jacobian at this digit? PCA is the control: its first 10 directions are
# the best that are the same for all digits. By chance it would be 10/64 = 0.16.

neighbours = NearestNeighbors(n_neighbors=8).fit(X_train).kneighbors(X_test)[1]
differences = X_train[neighbours] - X_test[:, None]


def share_within(directions):
    """Return the share of the differences in the span of orthonormal directions."""
    within = differences @ np.swapaxes(directions, -1, -2)
    return (within**2).sum() / (differences**2).sum()


pca_directions = PCA(10).fit(X_train).components_
rows = {}
for c, (_, singular_values, directions) in svds.items():
    rows[f"contraction {c}"] = {
        "R²": models[c].score(X_test),
        "fastest": singular_values[:, 0].mean(),
        "20th": singular_values[:, 19].mean(),
        "slowest": singular_values[:, -1].mean(),
        "neighbours in 10 directions": share_within(directions[:, :10]),
    }
rows["PCA"] = {"neighbours in 10 directions": share_within(pca_directions)}
print(pd.DataFrame(rows).T.to_string(float_format="{:.3f}".format, na_rep="-"))

# %%
# The spectra, and the directions as pictures
# -------------------------------------------
# Below, each row of pictures belongs to one held-out digit: the digit itself, and the four
# directions in which its code moves fastest.

figure = plt.figure(figsize=(14, 5.2), layout="constrained")
left, *grids = figure.subfigures(1, 3, width_ratios=[1.25, 1, 1])
ax = left.subplots()
for c, (_, singular_values, _) in svds.items():
    ax.plot(np.arange(1, 65), singular_values.mean(axis=0), label=f"contraction {c}")
ax.set(xlabel="direction, from fastest to slowest", ylabel="singular value of the Jacobian")
ax.set_ylim(bottom=0)
ax.set_title("how fast the code moves,\nmean over held-out digits", size=11)
ax.legend()

chosen = [0, 4, 7, 11]
pca_rows = np.broadcast_to(pca_directions, (len(X_test), *pca_directions.shape))
panels = {
    "directions at each digit,\ncontraction 0.03": svds[0.03][2],
    "directions of PCA,\nthe same for all digits": pca_rows,
}
for subfigure, (title, directions) in zip(grids, panels.items(), strict=True):
    subfigure.suptitle(title, size=11)
    for row, i in zip(subfigure.subplots(len(chosen), 5), chosen, strict=True):
        row[0].imshow(X_test[i].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
        for ax, direction in zip(row[1:], directions[i], strict=False):
            image = ax.imshow(direction.reshape(8, 8), cmap="RdBu_r", vmin=-0.4, vmax=0.4)
        for ax, name in zip(row, ["digit", "1st", "2nd", "3rd", "4th"], strict=True):
            ax.set(xticks=[], yticks=[])
            if i == chosen[0]:
                ax.set_title(name, size=10)
subfigure.colorbar(image, ax=subfigure.axes, shrink=0.6, label="change of the pixel")

plt.show()

# %%
# Where there is nothing to spare
# -------------------------------
# The Swiss roll is a surface in three dimensions, and the direction across it is known. One might
# hope that contraction removes it. It does not: everything shrinks alike, and the share of the
# squared slopes across the surface stays near one third, as if all directions counted the same. A
# likely reason is that on either side of a point lies another layer of the roll, which the code has
# to tell apart.

roll, t = make_swiss_roll(2000, noise=0.05, random_state=0)
roll = roll.astype(np.float32)
along = np.column_stack([np.cos(t) - t * np.sin(t), 0 * t, np.sin(t) + t * np.cos(t)])
across = along[:, [2, 1, 0]] * [1, 0, -1]
across /= np.linalg.norm(across, axis=1, keepdims=True)
train, test = slice(0, 1500), slice(1500, None)
for c in (0, 0.1):
    J = jacobians(fit(roll[train], 3, c), roll[test])
    slopes_across = (J @ across[test, :, None]) ** 2
    print(
        f"Swiss roll, contraction {c}: mean squared slopes {(J**2).sum((1, 2)).mean():.2f}, "
        f"share across the surface {slopes_across.sum() / (J**2).sum():.2f}"
    )

# %%
# Without contraction the code moves equally fast in all 64 directions: it is a copy. With it,
# few directions are left, and at each digit they are its own: they hold more of what changes
# between a digit and its neighbours than the best directions that all digits share. The Swiss roll
# warns that this is no way to find the surface of any data.

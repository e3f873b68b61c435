"""
A wide code: identity or not
============================

A code of 128 numbers for 64 pixels has room for everything, and the net with the smallest
reconstruction error copies its input. It has then learnt nothing about digits. Something else than
the width has to forbid copying, and there are four classical answers: damage the input, keep the
code insensitive, keep it sparse, make it random.

Whether a net copies shows on what it should *not* be able to reconstruct. Three groups of pictures
tell: digits that no net saw, the same digits with their pixels shuffled, and uniform noise. A net
that knows digits reconstructs the first group and fails on the others.
"""

# %%
# Digits, shuffled digits, noise
# ------------------------------
# R² is the share of a group's variance that the reconstruction keeps: 1 is a perfect copy, 0 is as
# good as answering with the mean of the group, and below 0 is worse than that.

import warnings
from textwrap import shorten
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_ae import (
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)

X = load_digits().data.astype(np.float32) / 16
X_train, X_test = train_test_split(X, random_state=0)
rng = np.random.default_rng(0)
groups = {
    "digits": X_test,
    "shuffled digits": rng.permuted(X_test, axis=1),  # each picture in an order of its own
    "noise": rng.random(X_test.shape, dtype=np.float32),
}

# %%
# Five wide codes, and PCA
# ------------------------
# Each has one strength, set by hand: the noise's level, the weight of the contraction or of the
# sparsity, and beta, the weight of the code's distance from a normal distribution. More of any of
# them means more bias and less variance. With none of it, each is the plain autoencoder.
#
# PCA with 20 components is the control. It cannot copy because its code is narrow. Warnings are
# shown, shortened: the plain autoencoder says that copying is easy, the variational one which of
# its units it leaves unused.

common = {"n_components": 128, "batch_size": 200, "tol": 0.003, "random_state": 0}
methods = {
    "PCA, 20 components": PCA(20),
    "plain": AutoencoderTransformer(**common),
    "denoising": DenoisingAutoencoder(noise="masking", noise_level=0.3, **common),
    "contractive": ContractiveAutoencoder(contraction=0.03, **common),
    "sparse": SparseAutoencoder(strength=1.0, **common),
    "variational": VariationalAutoencoder(beta=2.0, **common),
}


def reconstruct(method, X):
    return method.inverse_transform(method.transform(X))


reconstructions, rows = {}, {}
for name, method in methods.items():
    start = perf_counter()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        method.fit(X_train)
    seconds = perf_counter() - start
    for warning in caught:
        print(f"{name} warns: {shorten(str(warning.message), 150)}\n")
    reconstructions[name] = {group: reconstruct(method, X) for group, X in groups.items()}
    rows[name] = {
        group: r2_score(X, reconstructions[name][group], multioutput="variance_weighted")
        for group, X in groups.items()
    }
    rows[name]["fit seconds"] = seconds

table = pd.DataFrame(rows).T
print(table.to_string(float_format="{:.2f}".format))

# %%
# What comes back
# ---------------

figure, axes = plt.subplots(1, 3, figsize=(12, 4.3), layout="constrained")
for ax, (group, X) in zip(axes, groups.items(), strict=True):
    strips = np.stack([X[:6]] + [pictures[group][:6] for pictures in reconstructions.values()])
    tiles = np.pad(strips.reshape(len(strips), -1, 8, 8), [(0, 0), (0, 0), (1, 1), (1, 1)])
    ax.imshow(np.block([list(row) for row in tiles]), cmap="gray_r", vmin=0, vmax=1)
    labels = [f"R² {r2:.2f}" for r2 in table[group]]
    if group == "digits":
        labels = [f"{name}\n{label}" for name, label in zip(table.index, labels, strict=True)]
    ax.set_yticks(np.arange(len(strips)) * 10 + 4.5, ["input", *labels])
    ax.set_xticks([])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(group)

plt.show()

# %%
# Digits come back from all of them. Only the plain autoencoder returns the rest as well: it starts
# at the identity, which has no error, and stays there. The variational one turns everything into
# something like a digit. The denoising one has learnt that ink goes missing, and puts it where
# digits have it, far too much of it where none is missing. The contractive and the sparse one blur
# what is no digit as PCA does: by this test they know no more than a linear code of 20 numbers. So
# a wide code needs a constraint, and its reconstruction of good data does not tell whether it has
# one: look at what should not come back.

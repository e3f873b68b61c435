"""
Repairing damaged pictures
==========================

A sensor adds noise, loses pixels, or sticks at black or white. A denoising autoencoder is shown
such damage in training and asked for the picture before it (Vincent et al. 2008). It has to learn
how pixels belong together, and can then repair pictures that it never saw.

How good is that? Two linear repairs serve as controls. PCA keeps the directions in which whole
pictures differ most and drops the rest, much of the damage among it. Ridge regression from damaged
pixels to clean ones is trained like the autoencoder, on damaged copies, but is linear. There are
many digits here and few faces, and that makes the difference.

Needs a package more: ``pip install scikit-image``, for the faces.
"""

# %%
# Digits and faces
# ----------------
# 1347 digits of 8 x 8 pixels to learn from and 450 to judge by; 80 faces of 25 x 25 and 20. All
# pixels lie between 0 (dark) and 1 (bright).

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch
from skimage.data import lfw_subset
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_ae import DenoisingAutoencoder
from sklearn_ae.corruptions import GaussianNoise, Masking, SaltAndPepper
from sklearn_ae.inspection import ReconstructionDisplay

digits = load_digits().data.astype(np.float32) / 16
faces = lfw_subset()[:100].reshape(100, -1).astype(np.float32)  # the other 100 are no faces
data = {
    "digits": train_test_split(digits, test_size=450, random_state=0),
    "faces": train_test_split(faces, test_size=20, random_state=0),
}

# %%
# Three kinds of damage
# ---------------------
# Objects of `sklearn_ae.corruptions`, which damage the training pictures as well as those to be
# judged. Lost pixels become 0, which is blank paper in a digit and black in a face. Those that
# stick take the smallest or the largest value that the pixel had in training.

noises = {
    "Gaussian noise 0.25": GaussianNoise(0.25),
    "40 % of pixels lost": Masking(0.4, value=0),
    "30 % of pixels stuck": SaltAndPepper(0.3),
}


def damage(X, noise, seed):
    return noise(torch.from_numpy(X), torch.Generator().manual_seed(seed)).numpy()


def r2(clean, repaired):
    return r2_score(clean, repaired, multioutput="variance_weighted")


# %%
# The repairs
# -----------
# The number of PCA's components is the one that repairs best the very pictures by which all are
# judged, which no one could know: it favours PCA. Ridge sees ten damaged copies of each training
# picture. More noise in training pulls all repairs towards what the pictures have in common: more
# bias, less variance. Here its level is that of the damage to come.


def repair_by_pca(train, clean, damaged):
    repairs = []
    for n_components in (1, 2, 3, 5, 8, 12, 18, 25, 35, 50):
        pca = PCA(n_components, svd_solver="full").fit(train)
        repairs.append(pca.inverse_transform(pca.transform(damaged)))
    return max(repairs, key=lambda repaired: r2(clean, repaired))


def repair_by_ridge(train, damaged, noise):
    copies = np.vstack([train] * 10)
    ridge = RidgeCV(alphas=[1, 10, 100, 1000]).fit(damage(copies, noise, seed=1), copies)
    return ridge.predict(damaged)


n_components = {"digits": 128, "faces": 40}
cases = [*(("digits", kind) for kind in noises), ("faces", "40 % of pixels lost")]
pictures, rows, fit_seconds = {}, {}, 0
for name, kind in cases:
    train, clean = data[name]
    noise = clone(noises[kind])
    if hasattr(noise, "fit"):
        noise.fit(train)
    damaged = damage(clean, noise, seed=0)
    autoencoder = DenoisingAutoencoder(
        n_components[name], noise=noise, batch_size=200, random_state=0
    )
    start = perf_counter()
    autoencoder.fit(train)
    fit_seconds += perf_counter() - start
    repairs = {
        "damaged": damaged,
        "PCA": repair_by_pca(train, clean, damaged),
        "ridge": repair_by_ridge(train, damaged, noise),
        "autoencoder": autoencoder.denoise(damaged),
    }
    pictures[name, kind] = {"clean": clean, **repairs}
    rows[name, kind] = {how: r2(clean, repaired) for how, repaired in repairs.items()}

table = pd.DataFrame(rows).T
print("R² of held-out pictures, 1 is a perfect repair")
print(table.to_string(float_format="{:.2f}".format))
print(f"four autoencoders fitted in {fit_seconds:.0f} s")

# %%
# What the repairs look like
# --------------------------

figure, axes = plt.subplots(2, 2, figsize=(13, 8), layout="constrained")
for ax, (name, kind) in zip(axes.flat, pictures, strict=True):
    shown = pictures[name, kind]
    side = int(np.sqrt(shown["clean"].shape[1]))
    ReconstructionDisplay.from_arrays(
        shown["clean"],
        {how: shown[how] for how in ("PCA", "autoencoder")},
        damaged=shown["damaged"],
        image_shape=(side, side),
        cmap="gray_r" if name == "digits" else "gray",
        ax=ax,
    )
    ax.set_title(f"{name}, {kind}")

plt.show()

# %%
# Digits come back more legible than from PCA, whatever the damage, and better than from ridge as
# well: with a thousand examples there is more to learn than linear relations. Eighty faces are too
# few for that, and ridge is a little better. Where pixels are lost, PCA fails because it takes the
# black for a dark face; what has been trained on such damage, autoencoder or ridge, puts it right.
# So train on the damage that you expect, and with little data try ridge first.

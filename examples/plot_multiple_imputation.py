"""
How sure is a value that was filled in?
=======================================

An imputer puts one number in each gap, and from then on nobody can tell it from a measurement. But
the upper half of a digit does not say what the lower half was: a loop may be a 9 or an 8.
`AutoencoderImputer` with ``sample_posterior=True`` learns the distribution of what is missing, and
`sample` draws from it: several fillings, that agree where the rest of the row decides and differ
where it does not. Analysing each of them and pooling the results is what statisticians call
multiple imputation.
"""

# %%
# Digits of which three pixels in ten are missing
# -----------------------------------------------
# 1,297 of them to learn from, with their gaps, and 500 to judge by: half of these lack pixels at
# random too, the others their lower half.

import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderImputer

warnings.simplefilter("ignore", ConvergenceWarning)
train, test = train_test_split(load_digits().data, test_size=500, random_state=0)
rng = np.random.default_rng(0)
X_train = np.where(rng.random(train.shape) < 0.3, np.nan, train)
missing = rng.random(test.shape) < 0.3
missing[250:] = np.arange(64) >= 32
X_test = np.where(missing, np.nan, test)

imputer = AutoencoderImputer(sample_posterior=True, random_state=0).fit(X_train)
imputations = np.array(imputer.sample(X_test, n_imputations=30, random_state=0))

# %%
# Is it as sure as it may be?
# ---------------------------
# If the draws are right, half of the true values lie between their quartiles, nine tenths between
# the 5 % and the 95 % quantile, and so on. `IterativeImputer` can draw as well: it takes each
# column for a linear function of the others with normal errors of one size.

iterative = IterativeImputer(sample_posterior=True, max_iter=5, random_state=0).fit(X_train)
peer = np.array([iterative.transform(X_test) for _ in range(30)])

shares = np.linspace(0.1, 0.9, 9)
curves = {}
for name, drawn in {"autoencoder": imputations, "iterative": peer}.items():
    for kind, rows in {"pixels at random": slice(250), "lower half": slice(250, None)}.items():
        gaps, truth, values = missing[rows], test[rows][missing[rows]], drawn[:, rows]
        low, high = np.quantile(values[:, gaps], [(1 - shares) / 2, (1 + shares) / 2], axis=0)
        curves[name, kind] = ((low <= truth) & (truth <= high)).mean(axis=1)
        width = (high - low)[-1].mean()
        print(f"{name}, {kind}: {curves[name, kind][-1]:.2f} of the values in intervals of 90 %,")
        print(f"    which are {width:.1f} wide (pixels go from 0 to 16)")

# %%

shown = 250 + np.flatnonzero([p[:32].sum() > 130 for p in test[250:]])[:6]
columns = {
    "original": test,
    "upper half": X_test,
    "mean": imputations.mean(axis=0),
    **{f"draw {i + 1}": imputations[i] for i in range(4)},
    "spread": np.where(missing, imputations.std(axis=0), 0),
}
figure = plt.figure(figsize=(12, 6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.7, 1])
for row, axes in zip(shown, left.subplots(len(shown), len(columns)), strict=True):
    for ax, (name, pictures) in zip(axes, columns.items(), strict=True):
        limit = 8 if name == "spread" else 16
        cmap = "viridis" if name == "spread" else "gray_r"
        image = ax.imshow(pictures[row].reshape(8, 8), cmap=cmap, vmin=0, vmax=limit)
        ax.set(xticks=[], yticks=[], facecolor="tab:red")
        ax.spines[:].set_visible(False)
        if row == shown[0]:
            ax.set_title(name, fontsize=10)
left.colorbar(image, ax=left.axes, shrink=0.5, label="spread: std of the draws, in grey levels")
left.suptitle("Lower halves that could have been")
ax = right.subplots()
styles = {"autoencoder": "C0", "iterative": "C1"}
for (name, kind), curve in curves.items():
    line = "o-" if kind == "lower half" else "o--"
    ax.plot(shares, curve, line, color=styles[name], ms=4, label=f"{name}, {kind}")
ax.plot([0, 1], [0, 1], color="gray", lw=1)
ax.set(xlabel="share that should lie in the interval", ylabel="share that does", aspect="equal")
ax.set(xlim=(0, 1), ylim=(0, 1))
ax.legend(fontsize=9, loc="lower right")
right.suptitle("Intervals of the missing values")

plt.show()

# %%
# Draws go on from what is there: strokes meet at the edge, and what is at its end differs from draw
# to draw, where the mean shows a blur of them all. The intervals hold about as many of the missing
# values as they should at 90 %; in the middle they hold more, because many pixels are always 0 and
# sure to be inside. Those of `IterativeImputer` are as honest, and wider where much is missing: a
# linear function of the upper half leaves more open.
#
# To analyse data with gaps, do it once for each filling, and pool the estimates by Rubin's rules:
# their mean, and a variance that is the mean of the variances plus ``1 + 1 / n`` times the variance
# between the n fillings. ``benchmarks/multiple_imputation.py`` does so for a regression.

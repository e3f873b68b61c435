"""
New digits from a variational autoencoder
=========================================

A variational autoencoder is a model of how the data came about: draw a code from the standard
normal distribution, decode it, add noise. So it can draw rows that were never there, and say how
likely a row is. Probabilistic PCA (Tipping & Bishop 1999) is the same model with a linear decoder,
and scikit-learn's PCA fits it. How much do the nonlinear maps add, and what is still wrong?
"""

# %%
# Two models of digits
# --------------------
# Both have 16 units. Drawing leaves out the noise of the single pixels, for both.

import warnings
from textwrap import shorten

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import norm
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split

from sklearn_ae import VariationalAutoencoder

X, y = load_digits(return_X_y=True)
X = X.astype(np.float32) / 16
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)

pca = PCA(16).fit(X_train)


def draw_from_pca(pca, n_samples, rng):
    """Decode standard normal codes with the loadings of probabilistic PCA."""
    loadings = np.sqrt(pca.explained_variance_ - pca.noise_variance_)[:, None] * pca.components_
    return pca.mean_ + rng.standard_normal((n_samples, pca.n_components_)) @ loadings


def fit_variational(n_components, beta=1.0):
    """Return a fitted model and the start of what it warned of."""
    model = VariationalAutoencoder(n_components, beta=beta, batch_size=200, random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X_train)
    return model, [shorten(str(warning.message), 100) for warning in caught]


# %%
# Three numbers, and what beta does
# ---------------------------------
# *Log-likelihood*: of held-out digits, in nats for each, by `score_samples`. For PCA it is exact.
# For the autoencoder it is a lower bound, so it can only be too small.
#
# *Recognised*: a random forest that was trained on real digits looks at 1000 samples; how sure is
# it, on average, of the digit that it takes for the most likely? It is a rough measure of how
# much the samples look like digits, and of nothing else. For real, held-out digits it is in the
# table as well.
#
# *R²*: of the reconstruction of held-out digits.
#
# The loss charges a code for its distance from the standard normal distribution, and `beta` is the
# price. More of it means fewer units with less information: more bias, less variance. A unit that
# is not worth its price collapses, and `fit` warns of that.

forest = RandomForestClassifier(random_state=0).fit(X_train, y_train)


def recognised(X):
    return forest.predict_proba(X.astype(np.float32)).max(axis=1).mean()


pca_samples = draw_from_pca(pca, 1000, np.random.default_rng(0))
pca_r2 = (
    1
    - ((X_test - pca.inverse_transform(pca.transform(X_test))) ** 2).sum()
    / ((X_test - X_test.mean(axis=0)) ** 2).sum()
)
rows = {
    "real digits": [np.nan, recognised(X_test), np.nan, np.nan],
    "probabilistic PCA": [pca.score(X_test), recognised(pca_samples), pca_r2, 16],
}
models = {}
for beta in (0.25, 1, 4, 16):
    model, warned = fit_variational(16, beta)
    for message in warned:
        print(f"beta={beta} warns: {message}")
    rows[f"beta = {beta}"] = [
        model.score_samples(X_test).mean(),
        recognised(model.sample(1000, random_state=0)),
        model.score(X_test),
        (model.kl_divergence_ > 0.01).sum(),
    ]
    models[beta] = model

columns = ["log-likelihood", "recognised", "R²", "units in use"]
table = pd.DataFrame(rows, index=columns).T
formats = ["{:.1f}".format, "{:.2f}".format, "{:.2f}".format, "{:.0f}".format]
print(table.to_string(formatters=dict(zip(columns, formats, strict=True)), na_rep="-"))

print(
    "recognised, real digits rebuilt with beta = 1: "
    f"{recognised(models[1].reconstruct(X_test)):.2f}"
)

# %%
# A map of two units
# ------------------
# With two units the codes can be laid out: each picture is decoded from one point of a grid. The
# points are quantiles of the normal distribution, so that each stands for as many samples.

flat, _ = fit_variational(2)
print(
    f"two units, log-likelihood: {flat.score_samples(X_test).mean():.1f}, "
    f"probabilistic PCA: {PCA(2).fit(X_train).score(X_test):.1f}"
)
quantiles = norm.ppf((np.arange(9) + 0.5) / 9)
grid = np.array([(code_1, code_2) for code_2 in quantiles[::-1] for code_1 in quantiles])

panels = {"real digits": X_test, "probabilistic PCA": pca_samples}
for beta in (1, 4):
    panels[f"beta = {beta}"] = models[beta].sample(81, random_state=0)
titles = [
    "real digits\n\n" + f"recognised {table.loc['real digits', 'recognised']:.2f}",
    *(
        f"{name}\nlog-likelihood {sign}{table.loc[name, 'log-likelihood']:.0f}\n"
        f"recognised {table.loc[name, 'recognised']:.2f}"
        for name, sign in zip(list(panels)[1:], ["", "≥ ", "≥ "], strict=True)
    ),
    "a grid of the codes\nof two units, beta = 1",
]
figure, axes = plt.subplots(1, 5, figsize=(14, 3.6), layout="constrained")
pictures_of_panels = [*panels.values(), flat.inverse_transform(grid)]
for ax, title, pictures in zip(axes, titles, pictures_of_panels, strict=True):
    tiles = np.pad(pictures[:81].reshape(9, 9, 8, 8), [(0, 0), (0, 0), (1, 1), (1, 1)])
    ax.imshow(np.block([list(row) for row in tiles]), cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])
    ax.set_title(title, size=10)
shown = np.array([0, 4, 8])
axes[4].set_xticks(shown * 10 + 4.5, [f"{code:.1f}" for code in quantiles[shown]])
axes[4].set_yticks(shown * 10 + 4.5, [f"{code:.1f}" for code in quantiles[::-1][shown]])
axes[4].set(xlabel="code 1", ylabel="code 2")

plt.show()

# %%
# Held-out digits are much more likely under the autoencoder with beta = 1 than under probabilistic
# PCA, and yet its samples are no easier to recognise. Its decoder is not to blame, for it rebuilds
# real digits well: the codes of real digits do not fill the normal distribution, and what is drawn
# where they are missing is no digit. beta = 4 gives up likelihood and half the units, and more of
# its samples can be read. With beta = 16 the code tells nothing, and every sample is the mean
# digit. No setting comes near real digits, and strokes are blurred, since the decoder answers with
# the mean of all that a code might stand for. In the grid digits turn into each other without a
# gap, and most digits share their place with another one: two units are few.

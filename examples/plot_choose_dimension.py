"""
How many dimensions? One fit instead of a search
================================================

PCA answers "how many components?" from one fit: look at ``explained_variance_ratio_``, or ask for
``n_components=0.8``. An autoencoder has to be trained anew for every number, and cross-validated,
which is a grid search. `NestedAutoencoder` trains all numbers at once: each row is reconstructed
from the first few units of its code, their number drawn at random, so the units come in order of
what they tell. Here it faces the grid search that it replaces, on 8 x 8 images of handwritten
digits.
"""

# %%
# One fit
# -------
# The curve is the share of the variance of held-out rows that the first 1, 2, ... units explain.

from pathlib import Path
from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split

from sklearn_ae import AutoencoderTransformer, NestedAutoencoder
from sklearn_ae.metrics import intrinsic_dimension

X = load_digits().data.astype(np.float32)
X_train, X_test = train_test_split(X, test_size=0.3, random_state=0)
SHARE = 0.8

start = perf_counter()
nested = NestedAutoencoder(n_components=SHARE, max_components=16, random_state=0).fit(X_train)
nested_seconds = perf_counter() - start

# %%
# The search that it replaces
# ---------------------------
# Eight numbers of components, five folds: forty trainings, and one more of the best.

numbers = [1, 2, 4, 6, 8, 10, 13, 16]
start = perf_counter()
search = GridSearchCV(
    AutoencoderTransformer(random_state=0), {"n_components": numbers}, cv=5, refit=False
).fit(X_train)
search_seconds = perf_counter() - start
searched = search.cv_results_["mean_test_score"]

# %%
# And PCA, by one fit.


def first_components(pca, X, k):
    return (pca.transform(X)[:, :k] @ pca.components_[:k]) + pca.mean_


pca = PCA(16).fit(X_train)
pca_curve = [
    r2_score(X_test, first_components(pca, X_test, k), multioutput="variance_weighted")
    for k in range(1, 17)
]


# %%
# What they say
# -------------


def fewest(numbers, scores):
    enough = np.flatnonzero(np.array(scores) >= SHARE)
    return numbers[enough[0]] if len(enough) else None


print(f"Components for {SHARE:.0%} of the variance of new digits")
print(f"  PCA                               {fewest(range(1, 17), pca_curve)}")
print(f"  NestedAutoencoder, one fit        {nested.n_components_}")
print(f"  AutoencoderTransformer, searched  {fewest(numbers, searched)} of {numbers}")
print(f"The search took {search_seconds / nested_seconds:.0f} times as long as the nested fit.")
print(f"R² of the test digits with {nested.n_components_} components")
alone = AutoencoderTransformer(nested.n_components_, random_state=0).fit(X_train)
print(f"  nested, cut and trained on        {nested.score(X_test):.3f}")
print(f"  trained for that number alone     {alone.score(X_test):.3f}")
print("Dimensions that the neighbours of a digit spread in (which noise raises)")
for method in ("two_nn", "mle"):
    print(f"  {method:34}{intrinsic_dimension(X_train, method):.1f}")

# %%
# The picture: the curves, and one digit from more and more of its code
# ---------------------------------------------------------------------
# A code can be cut after the fact: `inverse_transform` takes the first few columns.

figure = plt.figure(figsize=(12, 4.4), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1.25, 1])
ax = left.subplots()
every = np.arange(1, 17)
ax.plot(
    every, nested.reconstruction_curve_, "o-", label="NestedAutoencoder: one fit, held-out rows"
)
ax.plot(numbers, searched, "D", label="AutoencoderTransformer: grid search, 5 folds", zorder=3)
ax.plot(every, pca_curve, "s--", color="gray", label="PCA: one fit, test rows", markersize=4)
ax.axhline(SHARE, color="black", linewidth=0.8, linestyle=":")
ax.annotate(
    f"n_components={SHARE}\nkeeps {nested.n_components_}",
    (nested.n_components_, nested.reconstruction_curve_[nested.n_components_ - 1]),
    xytext=(nested.n_components_ - 4.8, 0.9),
    arrowprops={"arrowstyle": "->"},
)
ax.set(xlabel="components", ylabel="R² of the reconstruction", ylim=(0, 1), xlim=(0, 17))
ax.set_title("How much of a digit any number of components explains")
ax.legend(loc="lower right")

shown = [1, 2, 4, nested.n_components_]
codes = nested.transform(X_test[:4])
rows = [nested.inverse_transform(codes[:, :k]) for k in shown] + [X_test[:4]]
names = [f"first {k}" if k > 1 else "first one" for k in shown[:-1]]
names += [f"all {nested.n_components_}", "test digit"]
panels = right.subplots(4, 5)
for row in range(4):
    for column, (images, name) in enumerate(zip(rows, names, strict=True)):
        panel = panels[row, column]
        panel.imshow(images[row].reshape(8, 8), cmap="gray_r", vmin=0, vmax=16)
        panel.set(xticks=[], yticks=[])
        if row == 0:
            panel.set_title(name, fontsize=10)
right.suptitle("Decoded from the first units of the code")

folder = Path(__file__).parent / "images" if "__file__" in globals() else Path()
folder.mkdir(exist_ok=True)
figure.savefig(folder / "plot_choose_dimension.png", dpi=90)
print(f"Picture: {folder / 'plot_choose_dimension.png'}")
plt.show()

# %%
# In the picture the diamonds of the search lie on the nested curve from about four components on:
# the same answer from one fit. Below four the nested curve is lower, the price of units that have
# to serve every longer code as well.

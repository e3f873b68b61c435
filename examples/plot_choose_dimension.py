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

from time import perf_counter

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split

from sklearn_ae import AutoencoderTransformer, NestedAutoencoder
from sklearn_ae.inspection import ExplainedVarianceDisplay, ReconstructionDisplay
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

figure, (left, right) = plt.subplots(
    1, 2, figsize=(12, 4.6), width_ratios=[1.25, 1], layout="constrained"
)
display = ExplainedVarianceDisplay(
    nested.reconstruction_curve_,
    pca=np.array(pca_curve),
    n_components=nested.n_components_,
    name="NestedAutoencoder, one fit",
).plot(left)
left.plot(
    numbers, searched, "D", color="black", markersize=5, label="grid search, 5 folds", zorder=3
)
left.axhline(SHARE, color="black", linewidth=0.8, linestyle=":", label=f"R² {SHARE}")
left.legend(loc="lower right")

codes = nested.transform(X_test)
shown = [1, 2, 4, nested.n_components_]
decoded = {f"first {k}": nested.inverse_transform(codes[:, :k]) for k in shown}
ReconstructionDisplay.from_arrays(
    X_test, decoded, image_shape=(8, 8), n_rows=5, cmap="gray_r", ax=right
)
right.set_title("Decoded from the first units of the code")

plt.show()

# %%
# In the picture the diamonds of the search lie on the nested curve from about four components on:
# the same answer from one fit. Below four the nested curve is lower, the price of units that have
# to serve every longer code as well.

"""
How many components? Grid search over PCA and an autoencoder
============================================================

An autoencoder that is an ordinary transformer can be swapped for PCA in a pipeline, and everything
around it stays: cross-validation, grid search, the classifier behind it. So "would a nonlinear code
do better, and how small may it be?" is one grid search. Here it runs on 8 x 8 images of handwritten
digits: reduce 64 pixels to a few numbers, then tell the ten digits apart with a linear classifier.
"""

# %%
# The pipeline
# ------------
# The pixels share one unit, 0 to 16, so they are not scaled one by one: that would blow up the
# corner pixels, which are nearly always empty, to the same weight as the strokes. (The
# autoencoder centres its input and divides it by one number, so it needs no scaler for its own
# sake.) The *codes* are standardised, because the penalty of the classifier treats all its inputs
# alike.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.inspection import LatentSpaceDisplay

X, y = load_digits(return_X_y=True)
X = X.astype(np.float32)  # precise enough, and half the memory
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.2, stratify=y, random_state=0)

pipeline = Pipeline(
    [
        ("reduce", PCA()),
        ("scale", StandardScaler()),
        ("classify", LogisticRegression(max_iter=1000)),
    ]
)
grid = {
    "reduce": [PCA(random_state=0), AutoencoderTransformer(random_state=0)],
    "reduce__n_components": [2, 4, 8, 16],
}


# %%
# Besides the accuracy we ask how much of the images the code retains: R² of their reconstruction,
# by the same cross-validation.


def reconstruction_r2(pipeline, X, y):
    reduce = pipeline["reduce"]
    return r2_score(
        X, reduce.inverse_transform(reduce.transform(X)), multioutput="variance_weighted"
    )


search = GridSearchCV(
    pipeline,
    grid,
    scoring={"accuracy": "accuracy", "r2": reconstruction_r2},
    refit="accuracy",
    cv=StratifiedKFold(5, shuffle=True, random_state=0),
    n_jobs=2,
).fit(X_train, y_train)

results = pd.DataFrame(search.cv_results_)
table = pd.DataFrame(
    {
        "reducer": [type(reducer).__name__ for reducer in results["param_reduce"]],
        "components": results["param_reduce__n_components"].astype(int),
        "accuracy": results["mean_test_accuracy"],
        "± std": results["std_test_accuracy"],
        "reconstruction R²": results["mean_test_r2"],
        "fit seconds": results["mean_fit_time"],
    }
).set_index(["components", "reducer"])
print(table.sort_index().to_string(float_format="{:.3f}".format))
best = type(search.best_params_["reduce"]).__name__
print(
    f"Best: {best} with {search.best_params_['reduce__n_components']} components, "
    f"accuracy {search.score(X_test, y_test):.3f} on the test digits"
)

# %%
# What the curves and the codes look like
# ---------------------------------------
# Above the table; below the test digits as two numbers each, by either method.

figure, axes = plt.subplots(2, 2, figsize=(11, 9), layout="constrained", height_ratios=[1, 1.5])
accuracy, retained = axes[0]
for name, marker in zip(["PCA", "AutoencoderTransformer"], "so", strict=True):
    rows = table.xs(name, level="reducer")
    accuracy.errorbar(
        rows.index, rows["accuracy"], rows["± std"], marker=marker, capsize=3, label=name
    )
    retained.plot(rows.index, rows["reconstruction R²"], marker=marker, label=name)
accuracy.set(title="Accuracy of a linear classifier on the code", ylabel="accuracy, mean ± std")
retained.set(title="How much of the images the code retains", ylabel="R² of the reconstruction")
for ax in axes[0]:
    ax.set_xscale("log", base=2)
    ax.set_xticks([2, 4, 8, 16], labels=[2, 4, 8, 16])
    ax.set_xlabel("components")
    ax.legend(loc="lower right")

for ax, reducer in zip(axes[1], grid["reduce"], strict=True):
    model = reducer.set_params(n_components=2).fit(X_train)
    LatentSpaceDisplay.from_estimator(model, X_test, y_test, y_name="digit", ax=ax)

plt.show()

# %%
# With few components the nonlinear code tells the digits apart better, and it retains more of the
# images at every size. With many components PCA keeps what a linear classifier needs as well, and
# in a fraction of the time: try it first, and look at where the curves meet.

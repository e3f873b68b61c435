"""
Is it any good? Pictures in a line each
=======================================

A fitted autoencoder raises questions: did it learn long enough, what does it lose, what does its
code say of what I know of the rows, and how many numbers does the code need?
`sklearn_ae.inspection` has a picture for each, in one line. They are Displays as scikit-learn has
them: ``from_estimator`` draws, ``ax=`` says where, and ``ax_`` is matplotlib's for whatever should
look different. They take whole pipelines and DataFrames, and most of them PCA as well.
"""

# %%
# An autoencoder in a pipeline
# ----------------------------
# 1,797 digits of 8 x 8 pixels, and a code of two numbers. A second one finds out by itself how many
# numbers it needs.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, Isomap
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ae import AutoencoderTransformer, NestedAutoencoder
from sklearn_ae.inspection import (
    EmbeddingReportDisplay,
    ExplainedVarianceDisplay,
    InterpolationDisplay,
    LatentGridDisplay,
    LatentSpaceDisplay,
    LearningCurveDisplay,
    ReconstructionDisplay,
)

X, y = load_digits(return_X_y=True)
pipeline = make_pipeline(MinMaxScaler(), AutoencoderTransformer(2, random_state=0)).fit(X)
nested = make_pipeline(MinMaxScaler(), NestedAutoencoder(random_state=0)).fit(X)

# %%
# What does it lose?
# ------------------
# The pictures of the pipeline are in the units of the data, whatever its first steps do.

images = {"image_shape": (8, 8), "cmap": "gray_r"}
figure = plt.figure(figsize=(13, 15), layout="constrained")
axes = figure.subplot_mosaic(
    [["lost", "lost"], ["between", "between"], ["codes", "grid"], ["learned", "explained"]],
    height_ratios=[1.2, 1.2, 2.6, 1.8],
)
ReconstructionDisplay.from_estimator(pipeline, X, ax=axes["lost"], **images)

# %%
# What lies between a 0 and a 1?
# ------------------------------

InterpolationDisplay.from_estimator(nested, X[0], X[1], ax=axes["between"], **images)

# %%
# What does the code know?
# ------------------------
# Its two numbers are the axes of both pictures: on the left with a colour for each digit, on the
# right with what the decoder draws at each place.

LatentSpaceDisplay.from_estimator(pipeline, X, y, y_name="digit", ax=axes["codes"])
LatentGridDisplay.from_estimator(pipeline, X, ax=axes["grid"], **images)

# %%
# Did it learn long enough, and how many numbers does it need?
# ------------------------------------------------------------

LearningCurveDisplay.from_estimator(pipeline, ax=axes["learned"])
ExplainedVarianceDisplay.from_estimator(nested, X, ax=axes["explained"])


# %%
# Is the code a good map?
# -----------------------
# No number alone says so, and each can be had by a bad map. `metrics.embedding_report` computes
# several of them and says what each does not see.

embeddings = {
    "PCA": PCA(2),
    "Isomap": Isomap(n_neighbors=10),
    "t-SNE": TSNE(random_state=0),
    "AutoencoderTransformer": AutoencoderTransformer(2, random_state=0),
}
display = EmbeddingReportDisplay.from_embeddings(X, embeddings)
print(display.report.to_string(float_format="{:.3f}".format))
plt.show()

# %%
# See that two numbers keep the kind of most digits and lose the hand that wrote them; that half-way
# between two codes a digit is drawn, if one of a third kind, and half-way between the pictures both
# of them on top of each other; that digits are rebuilt far better than by PCA, from the first
# epochs on; and that about ten numbers are worth having. In the report, see that no method wins
# everywhere: t-SNE keeps the most neighbours and has no way back, Isomap keeps distances along the
# data, and the autoencoder is the one that rebuilds the digits.

"""
t-SNE with a transform and an inverse
=====================================

t-SNE draws the digits as ten neat islands. But it is a drawing: it has no `transform`, so a digit
that comes later has no place in it, and no `inverse_transform`, so nobody can say what a place of
the map looks like. `GeodesicAutoencoder` learns both if the embedder is given as its `target`: the
encoder follows the embedder's coordinates, the decoder leads back (Duque et al. 2020, geometry
regularised autoencoders).
"""

# %%
# Follow the embedders
# --------------------
# Any estimator with `fit_transform` will do: those of `sklearn.manifold`, or UMAP, with
# ``GeodesicAutoencoder(target=umap.UMAP())``. Each is copied, run on the training digits, and
# followed. How closely is told by `target_score_`, the R² of its coordinates.

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.manifold import TSNE, Isomap
from sklearn.model_selection import cross_val_score, train_test_split
from sklearn.neighbors import KNeighborsClassifier

from sklearn_ae import GeodesicAutoencoder
from sklearn_ae.inspection import LatentGridDisplay, LatentSpaceDisplay

X, y = load_digits(return_X_y=True)
X_train, X_new, y_train, y_new = train_test_split(X, y, test_size=0.25, random_state=0)

fitted, rows = {}, {}
for target in TSNE(random_state=0), Isomap(n_neighbors=10):
    name = type(target).__name__
    autoencoder = GeodesicAutoencoder(target=target, random_state=0).fit(X_train)
    fitted[name] = autoencoder

    # Do ten neighbours in the picture tell the class of a digit?
    neighbors = KNeighborsClassifier(10)
    own = cross_val_score(neighbors, autoencoder.target_embedding_, y_train).mean()
    neighbors.fit(autoencoder.transform(X_train), y_train)
    rows[name] = {
        "followed, R²": autoencoder.target_score_,
        "10-NN accuracy, its own": own,
        "new digits": neighbors.score(autoencoder.transform(X_new), y_new),
        "new digits rebuilt, R²": autoencoder.score(X_new),
    }

print(pd.DataFrame(rows).T.to_string(float_format="{:.3f}".format))

# %%
# Where new digits go, and what lies in between
# ---------------------------------------------
# On the left the coordinates that t-SNE gave to the training digits. In the middle the codes of
# digits that it never saw. On the right what the decoder makes of a grid of codes: each small image
# is drawn at its place in the map, as long as some training digit is near.

autoencoder = fitted["TSNE"]
embedding = autoencoder.target_embedding_

figure, axes = plt.subplots(1, 3, figsize=(15.5, 4.8), layout="constrained")
LatentSpaceDisplay.from_arrays(embedding, y_train, y_name="digit", ax=axes[0])
axes[0].set_title("t-SNE of the training digits")
axes[1].scatter(*embedding.T, c="0.88", s=6)
LatentSpaceDisplay.from_estimator(autoencoder, X_new, y_new, y_name="digit", ax=axes[1])
axes[1].set_title("transform of new digits (training digits in grey)")
LatentGridDisplay.from_estimator(
    autoencoder, X_train, image_shape=(8, 8), cmap="gray_r", ax=axes[2]
)
axes[2].set_title("inverse_transform of a grid")

plt.show()

# %%
# Most new digits land on the island of their class. Their 10-NN accuracy is a little below that of
# the digits that t-SNE placed itself, by one to five points, depending on the split into old and
# new, and a few end up in the empty space between islands. Isomap's code is closer to the classes
# than Isomap is: the code has to rebuild the digits, too, and that pulls apart what Isomap mixes. A
# larger `geodesic_weight` stays closer to the target, and gives part of that up again.
#
# A code that follows t-SNE inherits its faults. How far islands are apart, and how large they are,
# means nothing. The warnings of `GeodesicAutoencoder` about short cuts and curved surfaces do not
# apply: with a `target` it measures no distances along the data, and will follow a bad map as
# willingly as a good one. And two numbers rebuild typical digits rather than faithful ones. On the
# right, see one digit turn into another where islands touch. Places without training digits are
# left blank: the decoder would answer there as well, but it has learned nothing there.

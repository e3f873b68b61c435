"""
Your own regulariser in ten lines
=================================

What you know about your data beforehand can be worth more than another hidden layer. A *penalty* is
where it goes: an object with parameters and one method, which sees each batch and what the net made
of it, and says how much it dislikes that. It is added to the reconstruction loss.

Here the data are 12 x 12 pictures of a clock's hand, pointing anywhere, long or short, with noise.
We care for where it points, and that is a cyclic quantity: its code should lie on a circle.
"""

# %%
# The pictures
# ------------

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.base import BaseEstimator, clone
from sklearn.metrics import r2_score

from sklearn_ae import AutoencoderTransformer

rng = np.random.default_rng(0)
y_grid, x_grid = np.mgrid[1:-1:12j, -1:1:12j]  # the first row of pixels is the top


def draw_hands(angles, lengths):
    """Return one picture per angle (in radians) and length, flattened."""
    x_end, y_end = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
    along = np.clip(x_grid * x_end + y_grid * y_end, 0, lengths[:, None, None])
    distance = np.hypot(x_grid - along * x_end, y_grid - along * y_end)
    return np.exp(-((distance / 0.15) ** 2)).reshape(len(angles), -1).astype(np.float32)


angles = rng.uniform(0, 2 * np.pi, 1500)
clean = draw_hands(angles, rng.uniform(0.5, 1, 1500))
X = clean + 0.1 * rng.standard_normal(clean.shape, dtype=np.float32)
train, test = slice(0, 1000), slice(1000, None)

# %%
# The penalty
# -----------
# ``module`` is the net, ``x`` the batch and ``output`` has its ``code`` and ``reconstruction``,
# all of them torch's. The method returns one value per row. Inheriting from ``BaseEstimator`` is
# what makes the weight a parameter like any other: it can be set, cloned and searched as
# ``penalty__weight``.


class Circle(BaseEstimator):
    """Pull codes towards the circle of radius 1."""

    def __init__(self, weight=1.0):
        self.weight = weight

    def __call__(self, module, x, output):
        radius = output.code.norm(dim=1)
        return self.weight * (radius - 1).square()


model = AutoencoderTransformer(n_components=2, penalty=Circle(), random_state=0)

# %%
# More weight, more circle
# ------------------------
# Three weights, judged on pictures that no fit saw: how well they are reconstructed, and how
# round the code is, by the spread of its radius (standard deviation over mean).

weights = [0, 0.1, 1]
models = [clone(model).set_params(penalty__weight=weight).fit(X[train]) for weight in weights]
codes = [model.transform(X[test]) for model in models]


def spread_of_radius(code):
    radius = np.linalg.norm(code, axis=1)
    return radius.std() / radius.mean()


print("weight  R²     spread of radius")
for weight, model, code in zip(weights, models, codes, strict=True):
    print(f"{weight:<7} {model.score(X[test]):.3f}  {spread_of_radius(code):.3f}")

# %%
# Above, what the pictures' codes look like; the colour is where the hand points. Below, a walk
# round the circle: eight points on it, decoded.

figure, axes = plt.subplots(
    2, 4, figsize=(13, 7), height_ratios=[2, 1], width_ratios=[0.8, 1, 1, 1], layout="constrained"
)


def show(ax, pictures, n_columns):
    tiles = pictures.reshape(-1, n_columns, 12, 12)
    tiles = np.pad(tiles, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=1)
    ax.imshow(np.block([list(row) for row in tiles]), cmap="gray_r", vmin=0, vmax=1)
    ax.set(xticks=[], yticks=[])


show(axes[0, 0], X[test][:9], n_columns=3)
axes[0, 0].set_title("nine of the pictures")
axes[1, 0].axis("off")
walk = np.linspace(0, 2 * np.pi, 8, endpoint=False)
for column, weight, model, code in zip(axes.T[1:], weights, models, codes, strict=True):
    points = column[0].scatter(
        *code.T, c=np.rad2deg(angles[test]), cmap="hsv", vmin=0, vmax=360, s=8
    )
    r2, spread = model.score(X[test]), spread_of_radius(code)
    column[0].set_title(f"weight {weight:g}\nR² {r2:.2f}, spread of radius {spread:.2f}", size=11)
    column[0].set(xlabel="code 1", ylabel="code 2")
    column[0].set_aspect("equal", adjustable="datalim")
    radius = np.linalg.norm(code, axis=1).mean()
    circle = radius * np.column_stack([np.cos(walk), np.sin(walk)])
    show(column[1], model.inverse_transform(circle), n_columns=4)
    column[1].set_xlabel("a walk round the circle")
figure.colorbar(
    points,
    ax=axes[0],
    label="where the hand points (degrees, 0 is right, 90 up)",
    ticks=range(0, 361, 90),
)

plt.show()

# %%
# With weight the code turns into a ring, ordered by where the hand points; what the radius said
# about the hand's length is given up, and the reconstruction is worse for it. That is the trade
# of every regulariser, and its weight is for a grid search to find.

# %%
# A plain function does, too
# --------------------------
# Where there is nothing to search, a function is enough, for a penalty and for a *corruption*,
# which is what the encoder sees in training instead of the picture. To repair pictures in which
# pixels have failed, let pixels fail in training. Drawing from the generator keeps fits
# repeatable.


def failing_pixels(x, generator):
    works = torch.rand(x.shape, generator=generator, dtype=x.dtype, device=x.device) > 0.3
    return x * works


damaged = X[test] * (rng.random(X[test].shape) > 0.3)
for corruption in (None, failing_pixels):
    model = AutoencoderTransformer(8, corruption=corruption, random_state=0).fit(X[train])
    r2 = r2_score(clean[test], model.reconstruct(damaged), multioutput="variance_weighted")
    name = corruption.__name__ if corruption else "nothing"
    print(f"R² of repaired pictures, {name} in training: {r2:.3f}")

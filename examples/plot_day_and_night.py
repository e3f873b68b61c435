"""
A scene by night, turned into day
=================================

Make a photograph of the night brighter, and it is not day: lamps and windows burn white, walls stay
grey and nothing throws a shadow. What changes from night to day is not the brightness of pixels but
how the things in the scene take the light. An autoencoder finds a few numbers that say which things
are where, its *code*. In the code, from night to day is a step, and its direction can be learned
from a handful of scenes that have been photographed by both lights.
"""

# %%
# A street, drawn by ourselves
# ----------------------------
# A house (where, how high) and a lamp (where). By night windows and lamp are bright, and the lamp
# lights a bit of the street. By day windows are dark, the wall is lit by the sun, and the house
# throws a shadow whose length depends on its height. Drawing it ourselves, we know the truth.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, RidgeCV

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.inspection import ReconstructionDisplay

SIDE, GROUND = 24, 18
y, x = np.mgrid[:SIDE, :SIDE] + 0.5


def soft(distance):
    """Return 1 inside of an edge and 0 outside, with a soft step in between."""
    return 1 / (1 + np.exp(-2 * distance))


def box(left, right, top, bottom):
    return soft(x - left) * soft(right - x) * soft(y - top) * soft(bottom - y)


def painted(picture, where, shade):
    return picture * (1 - where) + where * shade


def street(house, height, lamp, is_day):
    picture = np.where(y < GROUND, 0.85 if is_day else 0.05, 0.65 if is_day else 0.1)
    if is_day:
        slant = 1.5 * (y - GROUND)
        shadow = soft(x - house - slant) * soft(house + 8 + slant - x) * soft(y - GROUND)
        picture = painted(picture, shadow * soft(GROUND + 0.4 * height - y), 0.3)
    picture = painted(
        picture, box(house, house + 8, GROUND - height, GROUND), 0.5 if is_day else 0.2
    )
    for left in (house + 1, house + 4.6):
        window = box(left, left + 2.4, GROUND - 0.8 * height, GROUND - 0.35 * height)
        picture = painted(picture, window, 0.2 if is_day else 0.9)
    picture = painted(picture, box(lamp - 0.5, lamp + 0.5, GROUND - 10, GROUND + 1), 0.25)
    if not is_day:
        glow = np.exp(-((x - lamp) ** 2 + (y - GROUND + 10) ** 2) / 10)
        pool = 0.7 * np.exp(-(((x - lamp) / 3) ** 2) - ((y - GROUND - 2) / 2) ** 2)
        picture = np.maximum(picture, np.maximum(glow, pool))
    return picture.ravel()


rng = np.random.default_rng(0)


def scenes(n):
    return rng.uniform([1, 7, 13], [8, 14, 22], size=(n, 3))


def photographs(scenes, is_day):
    clean = np.array([street(*scene, is_day) for scene in scenes])
    return (clean + rng.normal(scale=0.02, size=clean.shape)).astype(np.float32)


# %%
# Many pictures, few pairs
# ------------------------
# 3,000 pictures, half of them by night and half by day, of different streets. Only 20 streets have
# been photographed by both lights. 200 others are to be turned, from their night alone.

pictures = np.concatenate([photographs(scenes(1500), is_day) for is_day in (False, True)])
paired, new = scenes(20), scenes(200)
night, day = photographs(paired, False), photographs(paired, True)
new_night, truth = photographs(new, False), photographs(new, True)

# %%
# The step from night to day
# --------------------------
# The autoencoder has seen no pair, and is told of neither night nor day. The step between the codes
# of the pairs depends on the scene, and a straight line through twenty of them says how.


def turned(model):
    """Return the new scenes by day, by a step in the code of a model."""
    code, code_by_day = model.transform(night), model.transform(day)
    step = LinearRegression().fit(code, code_by_day - code)
    new_code = model.transform(new_night)
    return model.inverse_transform(new_code + step.predict(new_code))


autoencoder = AutoencoderTransformer(4, random_state=0).fit(pictures)
pca = PCA(4).fit(pictures)
gains = [np.clip(gain * new_night, 0, 1) for gain in np.geomspace(1, 10, 30)]
answers = {
    "brighter": min(gains, key=lambda picture: np.square(picture - truth).mean()),
    "mean step": np.clip(new_night + (day - night).mean(axis=0), 0, 1),
    "regression": RidgeCV(np.geomspace(1e-2, 1e3, 20)).fit(night, day).predict(new_night),
    "PCA's code": turned(pca),
    "our code": turned(autoencoder),
}

# %%
# How far from the truth?
# -----------------------
# The root of the mean squared error of a pixel, which goes from 0 to 1. The noise of the pictures
# alone is 0.02. The gain of "brighter" is the best there is, which no one could know.

answers = {name: picture.astype(np.float32) for name, picture in answers.items()}
errors = {"the mean picture by day": np.broadcast_to(day.mean(axis=0), truth.shape)} | answers
errors = {name: np.sqrt(np.square(picture - truth).mean()) for name, picture in errors.items()}
errors = pd.Series(errors)
print("Error of a pixel that goes from 0 to 1")
print(errors.to_string(float_format="{:.3f}".format))

# %%

figure, ax = plt.subplots(figsize=(9, 8.4), layout="constrained")
shown = {"by night": new_night, **answers}
ReconstructionDisplay.from_arrays(truth, shown, image_shape=(SIDE, SIDE), n_rows=7, ax=ax)
ax.set_title("Streets by day (first row), guessed from their pictures by night (second)")

# %%
# Any part of the way
# -------------------
# A step can be taken in part. Dusk was in no picture.

code, code_by_day = (autoencoder.transform(rows) for rows in (night, day))
step = LinearRegression().fit(code, code_by_day - code)
start = autoencoder.transform(new_night[:4])
shares = np.linspace(0, 1, 7)
figure, axes = plt.subplots(4, 7, figsize=(9, 5.4), layout="constrained")
for share, column in zip(shares, axes.T, strict=True):
    decoded = autoencoder.inverse_transform(start + share * step.predict(start))
    for ax, picture in zip(column, decoded, strict=True):
        ax.imshow(picture.reshape(SIDE, SIDE), cmap="gray", vmin=0, vmax=1)
        ax.set_axis_off()
    column[0].set_title(f"{share:.0%}")
figure.suptitle("From night to day: share of the step")

plt.show()

# %%
# See lamps and windows burn out where pixels are made brighter, and stay lit where the mean step
# from night to day is added to them. Regression on pixels has 576 numbers to go by and twenty pairs
# to learn from: there are ghosts beside the lamps. PCA's four numbers cannot say where things are.
# With the four of the autoencoder the house stands where it stood, its windows are dark, the lamp
# is out and the shadow has its length. With hundreds of pairs regression on pixels would do as well
# here; but pairs are rare, and pictures are not.

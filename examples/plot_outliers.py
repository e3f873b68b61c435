"""
What does not belong here, and why
==================================

An autoencoder that has learned from normal rows rebuilds what is like them. What it cannot rebuild,
or what lies far from everything that it has seen, is an outlier. To know that a row is odd is half
an answer; the other half is which of its values give it away, and how sure one can be.

Two examples: tumours, where malignant ones are the outliers among benign ones, and pictures of
which some are no faces.

Needs a package more: ``pip install scikit-image``, for the faces.
"""

# %%
# Benign tumours, and others
# --------------------------
# Thirty measurements of cell nuclei, in units from thousandths to thousands; the detector sees to
# that. It learns from 250 benign tumours and judges the other 107, and 212 malignant ones, of whose
# kind it has seen none.

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from skimage.data import lfw_subset
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import IsolationForest
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import AutoencoderOutlierDetector

cancer = load_breast_cancer(as_frame=True)
benign = cancer.data[cancer.target == 1].sample(frac=1, random_state=0)
malignant = cancer.data[cancer.target == 0]
tumours = pd.concat([benign[250:], malignant])
is_malignant = np.arange(len(tumours)) >= len(benign) - 250

detector = AutoencoderOutlierDetector(random_state=0).fit(benign[:250])
score = detector.score_samples(tumours)
p_value = detector.p_values(tumours)
for kind in ("benign", "malignant"):
    rows = is_malignant == (kind == "malignant")
    print(f"{kind}: {np.mean(p_value[rows] <= 0.1):.0%} have p-values of at most 0.1")

# %%
# Which values give them away?
# ----------------------------
# `explain` compares each value with what the other measurements of the same tumour lead one to
# expect. Here are the five oddest tumours, with the three measurements that are to blame.

oddest = tumours.iloc[np.argsort(score)[:5]]
blamed = detector.explain(oddest, top=3)
print(f"\n{blamed.to_string(float_format='{:.3g}'.format)}")

# %%
# Faces, and others
# -----------------
# 75 faces of 25 x 25 pixels to learn from; 25 others, and 100 pictures of anything else, to judge.

pictures = lfw_subset().astype(float)
order = np.random.default_rng(0).permutation(100)
faces, judged = pictures[order[:75]], np.concatenate([pictures[order[75:]], pictures[100:]])
is_other = np.arange(len(judged)) >= 25
flat_faces, flat_judged = (images.reshape(len(images), -1) for images in (faces, judged))
face_detector = AutoencoderOutlierDetector(measure="code", random_state=0).fit(flat_faces)
face_score = face_detector.score_samples(flat_judged)

# %%
# Here `measure` matters. Many of the other pictures are smooth, and what rebuilds faces rebuilds
# smooth pictures too: their residual gives nothing away. But their codes lie where no face has its
# own. The default is a compromise between the two, for those who cannot know.

detectors = {
    "ours": AutoencoderOutlierDetector(random_state=0),
    "ours, along the manifold": AutoencoderOutlierDetector(measure="code", random_state=0),
    "ours, off the manifold": AutoencoderOutlierDetector(measure="mahalanobis", random_state=0),
    "IsolationForest": IsolationForest(random_state=0),
    "LocalOutlierFactor": LocalOutlierFactor(novelty=True),
}


def auc(detector, train, test, is_outlier):
    detector = make_pipeline(StandardScaler(), detector).fit(train)
    return roc_auc_score(is_outlier, -detector.score_samples(test))


table = pd.DataFrame(
    {
        name: {
            "tumours": auc(model, benign[:250], tumours, is_malignant),
            "faces": auc(model, flat_faces, flat_judged, is_other),
        }
        for name, model in detectors.items()
    }
).T
print(f"\nArea under the ROC curve\n{table.to_string(float_format='{:.3f}'.format)}")

# %%
# Scores, the blamed measurements, and the pictures
# -------------------------------------------------

figure = plt.figure(figsize=(12, 8.4), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=[1.1, 1])
left, right = above.subplots(1, 2, width_ratios=[1, 1.15])
oddness = -score  # scores are higher for normal rows, as scikit-learn has it
bins = np.geomspace(oddness.min() * 0.95, oddness.max() * 1.05, 40)
for label, rows in {"benign, new": ~is_malignant, "malignant": is_malignant}.items():
    left.hist(oddness[rows], bins, alpha=0.6, label=label)
left.axvline(-detector.offset_, color="black", linestyle="--", label="threshold")
left.set_xscale("log")
left.set_xlabel("oddness: 1 is typical")
left.set_ylabel("tumours")
left.set_title("How far from what is normal")
left.legend(frameon=False)

names = list(dict.fromkeys(blamed["feature"]))
errors = pd.DataFrame(detector.feature_errors(oddest), columns=tumours.columns)[names]
image = right.imshow(errors.T, cmap="Reds", aspect="auto", vmin=0)
right.set_yticks(range(len(names)), names)
right.set_xticks(range(len(oddest)), [f"no. {row}" for row in oddest.index])
right.set_title("Which measurements are to blame")
above.colorbar(image, ax=right, label="error, in units of what is normal")

tiles = below.subplots(3, 12)
odd_faces = np.flatnonzero(~is_other)[np.argsort(face_score[~is_other])]
ranked = np.argsort(-face_score)
strips = {
    "least odd": ranked[:12],
    "oddest": ranked[::-1][:12],
    "oddest faces": odd_faces[:12],
}
for axes, (label, chosen) in zip(tiles, strips.items(), strict=True):
    for ax, i in zip(axes, chosen, strict=True):
        ax.imshow(judged[i], cmap="gray", vmin=0, vmax=1)
        ax.set_xticks([])
        ax.set_yticks([])
        ax.set_title(f"{-face_score[i]:.1f}", fontsize=9)
    axes[0].set_ylabel(label, rotation=0, ha="right", va="center")
below.suptitle("Pictures and their oddness, by a detector that has learned from 75 faces")

plt.show()

# %%
# Left, most malignant tumours are beyond the threshold, below which 5 % of rows like the training
# data are meant to fall; of the new benign ones a few more do. Right, the oddest five have a spread
# of areas far from what their other measurements lead one to expect. Below, what is least like a
# face is black or has straight edges, and one patch of grey passes for a face. By the area under
# the ROC curve other detectors are as good on tumours. What they do not say is which measurement to
# look at, and how many false alarms there will be.

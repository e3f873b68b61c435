"""A normal distribution of low rank, fitted to rows with gaps: what fills them linearly."""

from copy import deepcopy

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch import nn

from ..._training.device import threads_for

BATCH_SIZE = 1024  # rows whose small matrices are in memory at a time
MIN_NOISE = 1e-3  # share of the variance that is never explained, for single precision


class LowRankNormal(nn.Module):
    """The distribution of ``mean + scale * (loadings @ z + noise)`` with standard normal z.

    Calling it fills the gaps of rows with their conditional means: with the loadings W of the
    observed columns, the variance v of the noise, and standardised values x, those of
    ``W (W'W + v I)^-1 W'x``.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
    scale : float
    loadings : ndarray of shape (n_features, rank)
    noise : float
        Variance of the noise.
    """

    def __init__(self, mean, scale, loadings, noise):
        super().__init__()
        for name, value in [("mean", mean), ("scale", scale), ("loadings", loadings)]:
            self.register_buffer(name, torch.tensor(value))
        self.noise = noise

    @property
    def rank(self):
        """Number of factors."""
        return self.loadings.shape[1]

    @property
    def covariance(self):
        """Of what the distribution draws, shape (n_features, n_features)."""
        explained = self.loadings @ self.loadings.T
        return self.scale**2 * (explained + self.noise * torch.eye(len(self.mean)).to(explained))

    @torch.no_grad()
    def forward(self, x):
        """Return the conditional means of all entries, shape (n_rows, n_features).

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
            NaN where nothing is observed.
        """
        n_features, rank = self.loadings.shape
        if rank == 0:
            return self.mean.expand(len(x), -1)
        observed = ~x.isnan()
        products = (self.loadings[:, :, None] * self.loadings[:, None]).reshape(n_features, -1)
        gram = (observed.to(x.dtype) @ products).view(-1, rank, rank)
        gram.diagonal(dim1=1, dim2=2).add_(self.noise)
        along = torch.where(observed, (x - self.mean) / self.scale, 0) @ self.loadings
        z = torch.cholesky_solve(along[:, :, None], torch.linalg.cholesky(gram))[:, :, 0]
        return torch.addmm(self.mean, z, self.loadings.T * self.scale)

    def copy(self, dtype):
        """Return the same distribution in another precision."""
        return deepcopy(self).to(dtype)

    def state(self):
        """Return the arguments that make it again."""
        arrays = {name: tensor.numpy().copy() for name, tensor in self.named_buffers()}
        return arrays | {"scale": self.scale.item(), "noise": float(self.noise)}

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
        valid = isinstance(state, dict) and state.keys() == {"mean", "scale", "loadings", "noise"}
        if valid:
            arrays = state["mean"], state["loadings"]
            valid = all(isinstance(a, np.ndarray) and a.dtype == np.float64 for a in arrays)
            valid = valid and [a.ndim for a in arrays] == [1, 2]
            valid = valid and {len(a) for a in arrays} == {n_features}
            numbers = state["scale"], state["noise"]
            valid = valid and all(isinstance(a, float) and 0 < a < np.inf for a in numbers)
        if not valid:
            raise ValueError("What the imputer has learned is damaged: the linear model.")
        return cls(**state)


@threads_for(0)  # its matrices are small
def fit_low_rank_normal(X, rank, max_iter=40, tol=1e-3, start=None):
    """Return the low-rank normal distribution that rows with gaps have most likely come from.

    Probabilistic PCA, by variational expectation and maximisation over what is observed (Ilin &
    Raiko 2010). Each factor has a prior on its loadings, whose variance is learned, so that factors
    that the data do not need vanish: `rank` is an upper limit.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where nothing is observed.
    rank : int
        Largest number of factors; 0 for the means of the columns alone.
    max_iter : int, default=40
    tol : float, default=1e-3
        Relative change of the noise at which the iteration ends.
    start : LowRankNormal or None, default=None
        Where the iteration starts, of the same rank; None for the axes of the rows filled with
        means.

    Returns
    -------
    distribution : LowRankNormal
        In double precision.

    References
    ----------
    Ilin & Raiko (2010). Practical approaches to principal component analysis in the presence of
    missing values. JMLR 11.
    """
    observed = ~np.isnan(X)
    n_seen = np.maximum(observed.sum(axis=0), 1)
    n_observed = max(n_seen.sum(), 1)
    first_mean, scale = observed_moments(X)
    rank = min(rank, *X.shape)
    if rank == 0:
        return LowRankNormal(first_mean, scale, np.zeros((X.shape[1], 0)), 1.0)
    if start is not None:
        first_mean = start.mean.numpy()
        loadings = start.loadings.numpy() * (start.scale.item() / scale)
        noise = max(start.noise * (start.scale.item() / scale) ** 2, MIN_NOISE)
    centred = np.where(observed, (X - first_mean) / scale, 0)
    mean = np.zeros(X.shape[1])
    if start is None:
        # Gaps filled with means shrink the covariance by the share of what is observed.
        _, scales, axes = _svd(centred, rank)
        loadings = axes.T * scales / np.sqrt(len(X)) / observed.mean().clip(0.05)
        noise = 0.5
    prior = np.square(loadings).mean(axis=0)
    for _ in range(max_iter):
        z, moments, gram = _expectation(centred, observed, loadings, noise)
        precision = gram + np.diag(noise / np.maximum(prior, 1e-9))
        inverse = np.linalg.inv(precision)
        loadings = np.einsum("jkl,jl->jk", inverse, moments)
        spread = noise * np.einsum("jkk->jk", inverse)
        prior = (np.square(loadings) + spread).mean(axis=0)
        # E (x - w'z)² summed over what is observed: x² - 2 w'm + w'Gw + tr(G cov w).
        error = np.square(centred).sum() - 2 * (loadings * moments).sum()
        error += np.einsum("jk,jkl,jl->", loadings, gram, loadings, optimize=True)
        error += noise * np.einsum("jkl,jkl->", gram, inverse)
        before, noise = noise, max(error / n_observed, MIN_NOISE)
        shift = np.where(observed, centred - z @ loadings.T, 0).sum(axis=0) / n_seen
        mean = mean + shift
        centred = np.where(observed, centred - shift, 0)
        if abs(noise - before) < tol * before:
            break
    return LowRankNormal(first_mean + scale * mean, scale, loadings, float(noise))


def observed_moments(X):
    """Return the mean of what is observed in each column, and the root of the mean variance.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where nothing is observed.

    Returns
    -------
    mean : ndarray of shape (n_features,)
        0 for columns without any value.
    scale : float
        1 where all columns are constant, infinite where the squares overflow.
    """
    observed = ~np.isnan(X)
    n_seen = np.maximum(observed.sum(axis=0), 1)
    mean = np.where(observed, X, 0).sum(axis=0) / n_seen
    # Rounding leaves constant columns a variance of about (eps * mean)**2.
    with np.errstate(over="ignore"):
        variance = (np.square(np.where(observed, X - mean, 0)).sum(axis=0) / n_seen).mean()
        rounding = np.square(10 * np.finfo(float).eps * mean).mean()
    if not np.isfinite(variance):
        return mean, np.inf
    # The mean of many equal values is off by more, so that the values themselves are asked.
    constant = np.where(observed, X, -np.inf).max(axis=0) <= np.where(observed, X, np.inf).min(
        axis=0
    )
    if variance <= rounding or constant.all():
        return mean, 1.0
    return mean, float(np.sqrt(variance))


def _svd(X, rank):
    """Return the leading singular vectors and values, by way of the smaller Gram matrix."""
    if len(X) < X.shape[1]:
        left, scales, right = _svd(X.T, rank)
        return right.T, scales, left.T
    values, vectors = np.linalg.eigh(X.T @ X)
    scales = np.sqrt(np.maximum(values[::-1][:rank], 0))
    axes = vectors[:, ::-1][:, :rank].T
    return (X @ axes.T) / np.maximum(scales, 1e-12), scales, axes


def _expectation(centred, observed, loadings, noise):
    """Return means of the factors, and sums over rows of x z and of E zz' for each column."""
    n_features, rank = loadings.shape
    products = (loadings[:, :, None] * loadings[:, None]).reshape(n_features, -1)
    z = np.empty((len(centred), rank))
    moments, gram = np.zeros((n_features, rank)), np.zeros((n_features, rank**2))
    for rows in gen_batches(len(centred), BATCH_SIZE):
        seen = observed[rows].astype(float)
        precision = (seen @ products).reshape(-1, rank, rank) + noise * np.eye(rank)
        inverse = np.linalg.inv(precision)
        z[rows] = np.einsum("ikl,il->ik", inverse, centred[rows] @ loadings)
        second = z[rows, :, None] * z[rows, None] + noise * inverse
        moments += centred[rows].T @ z[rows]
        gram += seen.T @ second.reshape(len(seen), -1)
    return z, moments, gram.reshape(n_features, rank, rank)

"""A normal distribution of any covariance, fitted to rows with gaps where there are enough."""

import numpy as np
import torch
from sklearn.utils import gen_batches
from torch import nn

from ..._training.device import threads_for
from .low_rank import observed_moments

FEW_FEATURES = 64  # up to so many, the systems of many rows are solved at a time
BATCH_SIZE = 512  # rows whose systems are in memory then
FEW_PAIRS = 5  # rows that two columns have been seen together in, as the prior believes
LEAST_NOISE = 3e-3  # added to each variance, so that no column is certain
EM_ROWS = 5000  # more change few covariances
EM_FEATURES = 100  # beyond, expectation and maximisation would take longer than it is worth


class FullNormal(nn.Module):
    """The normal distribution with a mean and a covariance.

    Calling it fills the gaps of rows with their conditional means. With the precision P, the
    inverse of the covariance, the missing part m and the observed part o, these are
    ``mean_m - P_mm^-1 P_mo (x_o - mean_o)``: what is solved is as small as the gaps are.

    Parameters
    ----------
    mean : ndarray of shape (n_features,)
    covariance : ndarray of shape (n_features, n_features)
        Positive definite.
    """

    parts = None  # what has been mixed, and in which share

    def __init__(self, mean, covariance):
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean))
        self.register_buffer("covariance", torch.tensor(covariance))
        self.register_buffer("precision", torch.tensor(np.linalg.inv(covariance)))

    @property
    def rank(self):
        """As many as there are columns."""
        return len(self.mean)

    @torch.no_grad()
    def forward(self, x):
        """Return the rows with conditional means in their gaps, shape (n_rows, n_features).

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
            NaN where nothing is observed.
        """
        missing, rows = x.isnan(), x.double()
        along = torch.where(missing, 0, rows - self.mean) @ self.precision
        if self.rank <= FEW_FEATURES:
            parts = zip(missing.split(BATCH_SIZE), along.split(BATCH_SIZE), strict=True)
            apart = torch.cat([self._solved(*part) for part in parts])
        else:
            apart = torch.zeros_like(along)
            for row, gaps, out in zip(along, missing, apart, strict=True):
                at = gaps.nonzero()[:, 0]
                if len(at):
                    factor = torch.linalg.cholesky(self.precision[at[:, None], at])
                    out[at] = torch.cholesky_solve(row[at, None], factor)[:, 0]
        return torch.where(missing, self.mean - apart, rows).to(x.dtype)

    def _solved(self, missing, along):
        """Return the solutions of the systems of rows, 0 where something is observed."""
        systems = _systems(self.precision, missing)
        along = along.masked_fill(~missing, 0)[:, :, None]
        return torch.cholesky_solve(along, torch.linalg.cholesky(systems))[:, :, 0]

    def mixed(self, prior, share):
        """Return the distribution with so much of its covariance, and the rest of another one's.

        Parameters
        ----------
        prior : LowRankNormal
        share : float
        """
        covariance = prior.covariance + share * (self.covariance - prior.covariance)
        mixed = FullNormal(self.mean.numpy(), covariance.numpy())
        mixed.parts = self, prior, share
        return mixed

    def copy(self, dtype):
        """Return itself: it computes in double precision, whatever the rows are."""
        return self

    def state(self):
        """Return the arguments that make it again."""
        return {"mean": self.mean.numpy().copy(), "covariance": self.covariance.numpy().copy()}

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
        try:
            arrays = state["mean"], state["covariance"]
            valid = len(state) == 2 and all(array.dtype == np.float64 for array in arrays)
            shapes = (n_features,), (n_features, n_features)
            valid = valid and tuple(array.shape for array in arrays) == shapes
            valid = valid and bool(np.isfinite(np.linalg.cholesky(arrays[1])).all())
        except (AttributeError, KeyError, TypeError, np.linalg.LinAlgError):
            valid = False
        if not valid:
            raise ValueError("What the imputer has learned is damaged: the linear model.")
        return cls(*arrays)


@threads_for(0)  # its matrices are small
def fit_full_normal(X, prior, max_iter=3, start=None):
    """Return a normal distribution that rows with gaps may have come from.

    It starts at the covariances of the pairs that are observed. Where there are few columns,
    expectation and maximisation follow (Dempster, Laird & Rubin 1977).

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where nothing is observed. Columns have about the same scale.
    prior : LowRankNormal
        Of the same rows: what is believed of columns that are not seen together.
    max_iter : int, default=3
    start : FullNormal or None, default=None
        Where the iteration starts.

    Returns
    -------
    distribution : FullNormal

    References
    ----------
    Dempster, Laird & Rubin (1977). Maximum likelihood from incomplete data via the EM algorithm.
    JRSS B 39.
    """
    has_few = X.shape[1] <= EM_FEATURES
    X = X[:EM_ROWS] if has_few else X
    ridge = LEAST_NOISE * np.eye(X.shape[1])
    if start is not None and has_few:
        mean, covariance = start.mean.numpy(), start.covariance.numpy()
    else:
        mean, covariance = moments_of_pairs(X, prior.covariance.numpy())
        covariance = covariance + ridge
    for _ in range(max_iter if has_few else 0):
        filled, spread = _expectation(X, mean, covariance)
        mean = filled.mean(axis=0)
        centred = filled - mean
        covariance = (centred.T @ centred + spread) / len(X) + ridge
    return FullNormal(mean, covariance)


def moments_of_pairs(X, prior):
    """Return means, and covariances of the pairs that are observed, brought to be semidefinite.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where nothing is observed.
    prior : ndarray of shape (n_features, n_features)
        Covariances that are seen in five rows besides.
    """
    observed = ~np.isnan(X)
    mean = observed_moments(X)[0]
    centred, seen = np.where(observed, X - mean, 0), observed.astype(float)
    products = centred.T @ centred + FEW_PAIRS * prior
    values, axes = np.linalg.eigh(products / (seen.T @ seen + FEW_PAIRS))
    return mean, (axes * np.maximum(values, 0)) @ axes.T


def _expectation(X, mean, covariance):
    """Return rows filled with conditional means, and the sum of their conditional covariances."""
    precision, missing = torch.from_numpy(np.linalg.inv(covariance)), np.isnan(X)
    along = torch.from_numpy(np.where(missing, 0, X - mean)) @ precision
    apart, spread = torch.zeros_like(along), torch.zeros_like(precision)
    gaps = torch.from_numpy(missing)
    for rows in gen_batches(len(X), BATCH_SIZE):
        inverses = torch.cholesky_inverse(torch.linalg.cholesky(_systems(precision, gaps[rows])))
        inverses *= gaps[rows, :, None] & gaps[rows, None]
        apart[rows] = (inverses @ along[rows, :, None])[:, :, 0]
        spread += inverses.sum(dim=0)
    return np.where(missing, mean - apart.numpy(), X), spread.numpy()


def _systems(precision, missing):
    """Return for each row the precision of what is missing, and no relation to anything else."""
    both = missing[:, :, None] & missing[:, None]
    return torch.where(both, precision, torch.eye(len(precision), dtype=precision.dtype))

"""Moments and principal axes of wide sparse tables, whose rows are never centred one by one."""

import numpy as np
from scipy import linalg

OVERSAMPLES = 10


class Centred:
    """The matrix ``D (X - 1 m')`` of weighted, centred rows, known by its products.

    Parameters
    ----------
    X : SparseTable of shape (n_samples, n_features)
    mean : ndarray of shape (n_features,)
    weight : ndarray of shape (n_samples,) or None
        D holds their roots.
    """

    def __init__(self, X, mean, weight):
        self.roots = np.ones(len(X)) if weight is None else np.sqrt(weight.astype(np.float64))
        self.matrix = X.matrix.astype(np.float64, copy=False)
        self.mean = mean

    def product(self, Q):
        """Return the product with a matrix of shape (n_features, n)."""
        return self.roots[:, None] * (self.matrix @ Q - self.mean @ Q)

    def product_from_left(self, Q):
        """Return the product of a matrix of shape (n, n_samples) with this one."""
        return (self.matrix.T @ (Q * self.roots).T).T - np.outer(Q @ self.roots, self.mean)

    def gram(self):
        """Return the products of its rows, shape (n_samples, n_samples)."""
        along = (self.matrix @ self.mean)[:, None]
        centred = (self.matrix @ self.matrix.T).toarray() - along - along.T + self.mean @ self.mean
        return np.outer(self.roots, self.roots) * centred


def sparse_moments(X, weight=None):
    """Return the mean of each column and the mean variance of the columns.

    Parameters
    ----------
    X : SparseTable of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None, default=None

    Returns
    -------
    mean : ndarray of shape (n_features,)
    variance : float
    """
    weight = np.ones(len(X)) if weight is None else weight.astype(np.float64)
    mean = X.column_sums(weight) / weight.sum()
    square = weight @ X.squared_norms() / weight.sum()
    return mean, max(square - mean @ mean, 0.0) / X.shape[1]


def leading_axes(centred, n_axes, random_state):
    """Return about the first right singular vectors, by powers of a random subspace.

    The same steps as `sklearn.utils.extmath.randomized_svd` takes with dense data (Halko et al.
    2011).

    Parameters
    ----------
    centred : Centred
    n_axes : int
    random_state : RandomState

    Returns
    -------
    axes : ndarray of shape (n_axes, n_features)
    """
    shape = len(centred.roots), len(centred.mean)
    n_iter = 7 if n_axes < 0.1 * min(shape) else 4
    # Powers are taken from the longer side, as there.
    here, back = centred.product, lambda Q: centred.product_from_left(Q.T).T
    if shape[0] < shape[1]:
        here, back = back, here
    Q = random_state.normal(size=(min(shape), n_axes + OVERSAMPLES))
    for _ in range(n_iter):
        Q = linalg.lu(here(Q), permute_l=True)[0]
        Q = linalg.lu(back(Q), permute_l=True)[0]
    Q = linalg.qr(here(Q), mode="economic")[0]
    if shape[0] < shape[1]:
        # Q spans rows: their coordinates in it are rotated to the axes.
        inner = linalg.svd(back(Q), full_matrices=False)[2]
        return (Q @ inner.T).T[:n_axes]
    return linalg.svd(back(Q).T, full_matrices=False)[2][:n_axes]

"""Weighted mean, variance and principal axes, computed over batches of rows in float64."""

import numpy as np
from scipy.linalg import eigh
from sklearn.utils import gen_batches
from sklearn.utils.extmath import randomized_svd

from .blocks import BlockTable
from .sparse_pca import Centred, leading_axes, sparse_moments
from .tables import SparseTable, Table, is_constant, rows_at_a_time
from .world import here

SUMMED = 1e4  # squares of the deviation of a column, of which a sum should be finite
DOUBTFUL = 1e-6  # deviations, relative to the mean: smaller ones may be rounding
OVERSAMPLED, POWER_ITER = 10, 7  # of a block power iteration, as scikit-learn has them
MAX_DENSE = 2000  # a symmetric matrix of this width takes 32 MB and about a second to decompose


def moments(X, weight=None):
    """Return the mean of each column and the root of the mean variance of the columns.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None, default=None

    Returns
    -------
    mean : ndarray of shape (n_features,)
    scale : float
        1 where all columns are constant, infinite where the squares overflow, 0 where they vanish.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        return _moments(X, weight)


def _moments(X, weight):
    mean, variance = _mean_and_variance(X, weight)
    # Rounding leaves constant columns a variance of about (eps * mean)**2.
    rounding = np.square(10 * np.finfo(X.dtype).eps * mean).mean()
    if not np.isfinite(variance):
        return mean, np.inf
    if variance == 0 and _varies(X):
        return mean, 0.0
    # The mean of many equal values is off by more, so that the values themselves are asked.
    doubtful = variance < np.square(DOUBTFUL * mean).mean()
    if variance <= rounding or (doubtful and not _varies(X)):
        return mean, 1.0
    return mean, float(np.sqrt(variance))


def _varies(X):
    if isinstance(X, Table):
        return not is_constant(X)
    low, high = here().extremes(X)
    return bool((low < high).any())


def _mean_and_variance(X, weight):
    if isinstance(X, BlockTable) and weight is None:
        return X.census.mean, X.census.variance.mean()
    if isinstance(X, SparseTable) and X.shape[1] > MAX_DENSE:
        return sparse_moments(X, weight)
    n = len(X) if weight is None else weight.sum(dtype=np.float64)
    mean = here().mean(sum(_weights(weight, rows) @ X[rows] for rows in _batches(X)) / n, n)
    total = sum(
        _weights(weight, rows) @ np.square(X[rows] - mean).mean(axis=1) for rows in _batches(X)
    )
    return mean, here().mean(total / n, n)


def _batches(X):
    return gen_batches(len(X), rows_at_a_time(X))


def check_scale(scale, dtype):
    """Raise ValueError if what data are divided by cannot be squared, and the squares summed.

    Parameters
    ----------
    scale : float
        Root of the mean variance of the columns.
    dtype : dtype
        Of the data.
    """
    limits = np.finfo(dtype)
    if not float(limits.tiny) < scale**2 < float(limits.max) / SUMMED:
        raise ValueError(
            f"The variance of X, {scale:.3g} squared, is out of the range of {dtype}. Rescale X, "
            "for example with StandardScaler."
        )


def principal_axes(X, mean, n_axes, weight=None, random_state=None):
    """Return orthonormal directions of largest weighted variance, as rows in decreasing order.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    mean : ndarray of shape (n_features,)
        What is subtracted from the rows.
    n_axes : int
        How many; there are never more than n_features.
    weight : ndarray of shape (n_samples,) or None, default=None
    random_state : RandomState or None, default=None
        For data both long and wide, whose axes come from a randomised decomposition.

    Returns
    -------
    axes : ndarray of shape (min(n_axes, n_features), n_features)
        The largest entry of each is positive.
    """
    n_samples, n_features = here().n_rows(X), X.shape[1]
    n_axes = min(n_axes, n_features)
    if n_features <= MAX_DENSE and n_features <= n_samples:
        covariance = 0.0
        for rows in _batches(X):
            centred = X[rows] - mean
            covariance = covariance + (centred.T * _weights(weight, rows)) @ centred
        axes = _leading_eigenvectors(here().sum(covariance), n_axes).T
    else:
        find = _axes_of_sparse_rows if isinstance(X, SparseTable) else _axes_of_rows
        axes = find(X, mean, n_axes, weight, random_state)
        # The rows may be fewer than asked for: QR finds orthonormal ones for the rows of zeros.
        padded = np.zeros((n_axes, n_features))
        padded[: len(axes)] = axes
        axes = np.linalg.qr(padded.T)[0].T
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    return axes * np.where(largest < 0, -1, 1)


def _axes_of_rows(X, mean, n_axes, weight, random_state):
    centred = (X - mean) * np.sqrt(_weights(weight, slice(0, len(X))))[:, None]
    n_samples = here().n_rows(X)
    if n_samples <= MAX_DENSE:
        centred = here().concat(centred)
        return _leading_eigenvectors(centred @ centred.T, min(n_axes, n_samples)).T @ centred
    if here().size > 1:
        return _shared_axes(centred, n_axes, random_state)
    return randomized_svd(centred, n_axes, random_state=random_state)[2]


def _axes_of_sparse_rows(X, mean, n_axes, weight, random_state):
    centred = Centred(X, mean, weight)
    if len(X) <= MAX_DENSE:
        vectors = _leading_eigenvectors(centred.gram(), min(n_axes, len(X)))
        return centred.product_from_left(vectors.T)
    return leading_axes(centred, n_axes, random_state)


def frame_of(codes, weight=None):
    """Return the weighted mean of some codes and their principal axes.

    Parameters
    ----------
    codes : ndarray of shape (n_samples, n_components)
    weight : ndarray of shape (n_samples,) or None, default=None

    Returns
    -------
    centre : ndarray of shape (n_components,)
    axes : ndarray of shape (n_components, n_components)
        Orthonormal rows, in decreasing order of the variance along them.
    """
    codes = codes.astype(np.float64)
    centre, _ = moments(codes, weight)
    return centre, principal_axes(codes, centre, codes.shape[1], weight)


def variances_along(X, axes, weight=None):
    """Return the weighted variance of X along each of some directions.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    axes : ndarray of shape (n_axes, n_features)
    weight : ndarray of shape (n_samples,) or None, default=None

    Returns
    -------
    variances : ndarray of shape (n_axes,)
    """
    weight = _weights(weight, slice(0, len(X)))
    along, total = np.vstack([X[rows] @ axes.T for rows in _batches(X)]), weight.sum()
    centre = here().mean(np.average(along, axis=0, weights=weight), total)
    return here().mean(np.average(np.square(along - centre), axis=0, weights=weight), total)


def mean_over_rows(function, X, weight=None):
    """Return the weighted mean over the rows of X of what a function makes of some rows.

    Parameters
    ----------
    function : callable
        Maps rows of X to an array with as many rows.
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None, default=None
    """
    total, n = 0.0, len(X) if weight is None else weight.sum()
    for rows in _batches(X):
        its_weight = np.ones(rows.stop - rows.start) if weight is None else weight[rows]
        total = total + its_weight @ function(X[rows])
    return here().mean(total / n, n)


def _weights(weight, rows):
    """Return the float64 weights of some rows; ones where there are none."""
    return np.ones(rows.stop - rows.start) if weight is None else weight[rows].astype(np.float64)


def _shared_axes(centred, n_axes, random_state):
    """Return leading axes of the rows of all ranks, by power iteration (Halko et al. 2011)."""
    basis = random_state.normal(size=(centred.shape[1], n_axes + OVERSAMPLED))
    for _ in range(POWER_ITER):
        basis = here().sum(centred.T @ (centred @ np.linalg.qr(basis)[0]))
    basis = np.linalg.qr(basis)[0]
    along = centred @ basis
    return _leading_eigenvectors(here().sum(along.T @ along), n_axes).T @ basis.T


def _leading_eigenvectors(symmetric, k):
    n = len(symmetric)
    return eigh(symmetric, subset_by_index=(n - k, n - 1), overwrite_a=True)[1][:, ::-1]

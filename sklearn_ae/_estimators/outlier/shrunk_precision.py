"""The inverse of a shrunk covariance, also where the columns are far more than the rows."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve, cholesky, solve_triangular


class ShrunkPrecision:
    """Inverse covariance of centred rows, shrunk towards a multiple of the identity.

    The covariance is ``(1 - s) Z'Z / n + r I`` with the shrinkage s of Ledoit & Wolf (2004) and
    ``r = s * mean variance + floor``. Of fewer rows than columns the inverse is kept as
    ``(I - A'A) / r``, with a matrix A of the shape of Z (Woodbury): time and memory grow with the
    columns, and not with their square or cube.

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
    floor : float
        Variance that is added to each column; above 0, so that there is an inverse.

    Attributes
    ----------
    diagonal : ndarray of shape (n_features,)
        Of the inverse: one over the variance that the other columns leave unexplained.

    References
    ----------
    Ledoit & Wolf (2004). A well-conditioned estimator for large-dimensional covariance matrices.
    Journal of Multivariate Analysis 88.
    """

    def __init__(self, Z, floor):
        n_samples, n_features = Z.shape
        self._is_wide = n_samples < n_features
        products = (Z @ Z.T if self._is_wide else Z.T @ Z) / n_samples
        mean_variance = np.trace(products) / n_features
        shrinkage = ledoit_wolf_shrinkage(Z, products)
        self._ridge = shrinkage * mean_variance + floor
        products *= 1 - shrinkage
        if self._is_wide:
            root = cholesky(np.eye(n_samples) + products / self._ridge, lower=True)
            scale = np.sqrt((1 - shrinkage) / (n_samples * self._ridge))
            self._matrix = solve_triangular(root, scale * Z, lower=True)
            self.diagonal = (1 - np.square(self._matrix).sum(axis=0)) / self._ridge
        else:
            products[np.diag_indices(n_features)] += self._ridge
            self._matrix = cho_solve(cho_factor(products), np.eye(n_features))
            self.diagonal = np.diag(self._matrix).copy()

    def state(self):
        """Return a ridge and a matrix, which is the inverse if there is no ridge."""
        return {"ridge": float(self._ridge) if self._is_wide else 0.0, "matrix": self._matrix}

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
        valid = isinstance(state, dict) and state.keys() == {"ridge", "matrix"}
        valid = valid and isinstance(state["ridge"], float) and state["ridge"] >= 0
        matrix = state["matrix"] if valid else None
        valid = isinstance(matrix, np.ndarray) and matrix.dtype.kind == "f" and matrix.ndim == 2
        if not valid or matrix.shape[1] != n_features:
            raise ValueError("What the detector has learned is damaged: an inverse covariance.")
        own = cls.__new__(cls)
        own._matrix, own._ridge, own._is_wide = matrix, state["ridge"], state["ridge"] > 0
        own.diagonal = np.diag(matrix).copy()
        if own._is_wide:
            own.diagonal = (1 - np.square(matrix).sum(axis=0)) / own._ridge
        return own

    def product(self, X):
        """Return the rows of X times the inverse covariance.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        """
        if self._is_wide:
            return (X - (X @ self._matrix.T) @ self._matrix) / self._ridge
        return X @ self._matrix


def ledoit_wolf_shrinkage(Z, products):
    """Return how far the covariance of centred rows is to be shrunk, in [0, 1].

    Parameters
    ----------
    Z : ndarray of shape (n_samples, n_features)
    products : ndarray
        ``Z'Z / n_samples``, or ``ZZ' / n_samples``, whichever is smaller: the formula takes only
        its trace and the sum of its squares, which are the same.
    """
    n_samples, n_features = Z.shape
    squares = np.square(products).sum()
    spread = squares - np.trace(products) ** 2 / n_features
    error = (np.square(np.square(Z).sum(axis=1)).sum() / n_samples - squares) / n_samples
    return min(max(error, 0) / spread, 1) if spread > 0 else 0.0

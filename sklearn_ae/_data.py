"""What estimators take for X: arrays in memory, and tables whose rows become dense in batches."""

import numpy as np
from scipy import sparse
from sklearn.utils import get_tags

from ._error_hints import checked_data
from ._training.tables import SparseTable

DTYPES = [np.float64, np.float32]


def checked_rows(estimator, X, reset, dtype=DTYPES):
    """Return the data given to an estimator as what its engine reads, after validation.

    Parameters
    ----------
    estimator : estimator
    X : array-like or sparse matrix of shape (n_samples, n_features)
    reset : bool
        Whether the estimator learns from X what its columns are.
    dtype : dtype or list of dtype, default=[float64, float32]
        What the rows may be; others become the first.

    Returns
    -------
    X : ndarray or Table of shape (n_samples, n_features)

    Raises
    ------
    ValueError
        If X is not what the estimator takes.
    TypeError
        If X is sparse, and the estimator needs all rows at once.
    """
    accepted = "csr" if get_tags(estimator).input_tags.sparse else False
    X = checked_data(estimator, X, dtype=dtype, accept_sparse=accepted, reset=reset)
    return SparseTable(X) if sparse.issparse(X) else X

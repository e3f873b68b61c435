"""Tables: data whose rows become dense a few at a time, as sparse matrices or arrays on disk.

To the engine a table is an array that is read by rows: it has ``shape``, ``dtype``, ``X[rows]`` and
``take``, which return dense arrays, and the few statistics that losses and corruptions ask for.
"""

from abc import ABC, abstractmethod

import numpy as np
from scipy import sparse
from sklearn.utils import gen_batches

ROWS_AT_A_TIME = 4096  # when data passes through a fitted module
WIDE = 2000  # columns; rows that are wider come in smaller numbers
VALUES_AT_A_TIME = 2**21  # of a table of such rows


class Table(ABC):
    """Data whose rows are made dense when they are asked for.

    Parameters
    ----------
    shape : tuple of int
    dtype : dtype
        Of the rows as they come out.
    """

    ndim = 2

    def __init__(self, shape, dtype):
        self.shape = shape
        self.dtype = np.dtype(dtype)

    def __len__(self):
        return self.shape[0]

    @property
    def nbytes(self):
        """What all rows would take at once."""
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    @abstractmethod
    def __getitem__(self, rows):
        """Return rows as a new dense array."""

    @abstractmethod
    def min(self, axis=None):
        """Return the smallest value, or that of each column."""

    @abstractmethod
    def max(self, axis=None):
        """Return the largest value, or that of each column."""

    @abstractmethod
    def mean(self, axis=0, dtype=np.float64):
        """Return the mean of each column."""

    @abstractmethod
    def var(self, axis=0, dtype=np.float64):
        """Return the variance of each column."""

    @abstractmethod
    def counted(self, weight):
        """Return the rows that count, and their weights of mean 1.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,)
        """

    @abstractmethod
    def check(self):
        """Raise ValueError if there are values that cannot be learned from."""

    def take(self, positions, axis=0):
        """Return the rows at some positions."""
        return self[positions]

    def pieces(self):
        """Yield the rows from the first to the last, a dense array of some at a time."""
        n_rows = rows_at_a_time(self)
        for start in range(0, len(self), n_rows):
            yield self[start : start + n_rows]


class SparseTable(Table):
    """The rows of a sparse matrix.

    Parameters
    ----------
    matrix : csr_matrix or csr_array of shape (n_samples, n_features)
        Left as it is.
    """

    def __init__(self, matrix):
        super().__init__(matrix.shape, matrix.dtype)
        if not matrix.has_canonical_format:
            matrix = matrix.copy()
            matrix.sum_duplicates()
        self.matrix = matrix

    def __getitem__(self, rows):
        """Return rows as a new dense array."""
        if isinstance(rows, (int, np.integer)):
            return self[rows : rows + 1][0]
        return self.matrix[rows].toarray()

    def min(self, axis=None):
        """Return the smallest value, or that of each column."""
        return self._dense(self.matrix.min(axis=axis))

    def max(self, axis=None):
        """Return the largest value, or that of each column."""
        return self._dense(self.matrix.max(axis=axis))

    def mean(self, axis=0, dtype=np.float64):
        """Return the mean of each column."""
        return self.column_sums() / len(self)

    def var(self, axis=0, dtype=np.float64):
        """Return the variance of each column."""
        mean, deviation = self.mean(), self.matrix.astype(np.float64)
        deviation.data -= mean[deviation.indices]
        np.square(deviation.data, out=deviation.data)
        filled = np.bincount(deviation.indices, minlength=self.shape[1])
        around = SparseTable(deviation).column_sums()
        return (around + (len(self) - filled) * mean**2) / len(self)

    def counted(self, weight):
        """Return the rows that count, and their weights of mean 1."""
        counts = weight > 0
        table = self if counts.all() else SparseTable(self.matrix[counts])
        weight = weight[counts]
        return table, weight / weight.mean()

    def check(self):
        """Do nothing: all values have been looked at before."""

    def column_sums(self, weight=None):
        """Return the weighted sum of each column, in float64.

        Parameters
        ----------
        weight : ndarray of shape (n_samples,) or None, default=None
        """
        weight = np.ones(len(self)) if weight is None else weight.astype(np.float64)
        return sum(self.matrix[some].T @ weight[some] for some in self._parts())

    def squared_norms(self):
        """Return the squared norm of each row, in float64."""
        ones, norms = np.ones(self.shape[1]), np.empty(len(self))
        for some in self._parts():
            squares = self.matrix[some].astype(np.float64)
            np.square(squares.data, out=squares.data)
            norms[some] = squares @ ones
        return norms

    def _parts(self):
        """Return slices of rows of so few values that copies of them in float64 hardly count."""
        n_rows = VALUES_AT_A_TIME * len(self) // max(self.matrix.nnz, 1)
        return gen_batches(len(self), max(n_rows, 1))

    def mapped(self, function):
        """Return a sparse table of what a function makes of dense rows.

        Parameters
        ----------
        function : callable
            Maps arrays of rows to arrays of the same shape, and zeros to zeros.
        """
        mapped = [sparse.csr_array(function(rows)) for rows in self.pieces()]
        return SparseTable(sparse.vstack(mapped, format="csr"))

    @staticmethod
    def _dense(found):
        return np.ravel(found.toarray()) if sparse.issparse(found) else found


def rows_at_a_time(X):
    """Return how many rows of an array or a table are looked at in one go.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    """
    is_wide = isinstance(X, Table) and X.shape[1] > WIDE
    return max(VALUES_AT_A_TIME // X.shape[1], 1) if is_wide else ROWS_AT_A_TIME


def pieces_of(X):
    """Return the rows of an array or a table, in parts that fit in memory.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)

    Returns
    -------
    pieces : iterable of ndarray
    """
    return X.pieces() if isinstance(X, Table) else (X,)


def is_constant(X):
    """Whether each column of an array or a table has the same value in all rows.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    """
    if isinstance(X, Table):
        return bool(np.all(X.min(axis=0) == X.max(axis=0)))
    return not np.ptp(X, axis=0).any()


def range_of(X):
    """Return the smallest and the largest value of an array, which may have gaps, or of a table.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    """
    return (X.min(), X.max()) if isinstance(X, Table) else (np.nanmin(X), np.nanmax(X))

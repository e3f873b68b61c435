"""Rows of large sparse tables, a batch at a time, whose zeros take no part in products.

For rows x and the mean m of the columns a net needs ``(x - m) M`` and ``(x - m)' E``. The mean is
one more row, of -m, under those of the batch; so nothing is ever centred. Both products gather the
rows of M, or of E, that the stored values meet. That is what `torch.nn.functional.embedding_bag`
does, two to three times as fast as the products of SciPy and of MKL.
"""

from functools import cached_property

import numpy as np
import torch
import torch.nn.functional as F
from scipy import sparse
from sklearn.utils import gen_batches

from .device import MAX_PREPARED
from .loader import Rows, as_tensor
from .tables import WIDE, SparseTable

MOST_FILLED = 0.15  # share of values: of more, products of dense rows take less time
VALUES_AT_A_TIME = 2**20  # that are stored, of rows that pass through a fitted module
BLOCK = 1024  # columns: what products gather in a block of so many stays in a core's own cache
FEWEST = 16  # values of a row in a block; of less there is more to be added up than is won


def is_mostly_zeros(X):
    """Whether X is a sparse table of so many zeros that it pays to leave them out of products.

    A small table is not one: its batches are made dense, and results are those of dense rows, but
    for little or no rounding.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    """
    if not isinstance(X, SparseTable) or X.shape[1] <= WIDE:
        return False
    n_values = X.shape[0] * X.shape[1]
    return n_values > MAX_PREPARED and X.matrix.nnz <= MOST_FILLED * n_values


class SparseBatch:
    """Some rows of a sparse table, and products with what they are once centred.

    Parameters
    ----------
    matrix : csr_array of shape (n_rows, n_features)
    offset : Tensor of shape (n_features,)
        Mean of the columns, in the dtype of the products.
    norms : Tensor of shape (n_rows,) or None, default=None
        Squared ones of the centred rows, where they are known.
    """

    def __init__(self, matrix, offset, norms=None):
        self.shape = matrix.shape
        self.matrix, self.offset, self.norms = matrix, offset, norms

    def __len__(self):
        return self.shape[0]

    @cached_property
    def _on_mean(self):
        """The rows, and under them one of minus the mean of each column."""
        n_rows, n_features = self.shape
        rows, mean = self.matrix, self.offset.numpy()
        data = np.concatenate([rows.data.astype(mean.dtype, copy=False), -mean])
        below = np.arange(n_features, dtype=rows.indices.dtype)
        indices = np.concatenate([rows.indices, below])
        indptr = np.append(rows.indptr, rows.indptr[-1] + n_features).astype(indices.dtype)
        return sparse.csr_array((data, indices, indptr), shape=(n_rows + 1, n_features))

    def times(self, M):
        """Return the product of the centred rows with a matrix.

        Parameters
        ----------
        M : Tensor of shape (n_features, n)

        Returns
        -------
        product : Tensor of shape (n_rows, n)
        """
        n_blocks, matrix = self._blocks
        parts = _gathered(matrix.indices, matrix.indptr, matrix.data, M)
        rows, mean = parts.view(n_blocks, len(self) + 1, -1).sum(dim=0).split([len(self), 1])
        return rows + mean

    @cached_property
    def _blocks(self):
        """How many blocks of columns there are, and the rows of the first, of the second, ..."""
        (n_rows, n_features), matrix = self._on_mean.shape, self._on_mean
        n_blocks = min(n_features // BLOCK, matrix.nnz // (FEWEST * n_rows))
        if n_blocks < 2:
            return 1, matrix
        rows = np.repeat(np.arange(n_rows, dtype=matrix.indices.dtype), np.diff(matrix.indptr))
        rows += matrix.indices // -(-n_features // n_blocks) * n_rows
        blocks = sparse.coo_array(
            (matrix.data, (rows, matrix.indices)), shape=(n_blocks * n_rows, n_features)
        )
        return n_blocks, blocks.tocsr()

    def transposed_times(self, E, n_columns=2500):
        """Yield the product of the transpose of the centred rows with a matrix, in parts.

        Parameters
        ----------
        E : Tensor of shape (n_rows, n)
        n_columns : int, default=2500
            Of the rows, that a part is for, so that caches hold it while it is used.

        Yields
        ------
        columns : slice
        product : Tensor of shape (n_columns, n)
        """
        E, matrix = torch.cat([E, E.sum(dim=0, keepdim=True)]), self._transposed
        for columns in gen_batches(self.shape[1], n_columns):
            indptr = matrix.indptr[columns.start : columns.stop + 1]
            some = slice(indptr[0], indptr[-1])
            yield columns, _gathered(matrix.indices[some], indptr - indptr[0], matrix.data[some], E)

    @cached_property
    def _transposed(self):
        return self._on_mean.tocsc().T

    def squared_norms(self):
        """Return the squared norms of the centred rows, a tensor of float64."""
        if self.norms is not None:
            return self.norms
        matrix, mean = self.matrix, self.offset.numpy().astype(np.float64)
        parts = matrix.data * (matrix.data - 2 * mean[matrix.indices])
        sums = sparse.csr_array((parts, matrix.indices, matrix.indptr), matrix.shape).sum(axis=1)
        return torch.from_numpy(sums + mean @ mean).clamp_(min=0)


def _gathered(indices, indptr, data, M):
    """Return the product of a sparse matrix by rows with a dense one."""
    indices, indptr, data = (torch.from_numpy(part) for part in (indices, indptr, data))
    return F.embedding_bag(
        indices, M, indptr, mode="sum", per_sample_weights=data, include_last_offset=True
    )


class SparseRows(Rows):
    """The same rows of a sparse table, whose batches stay sparse.

    Parameters
    ----------
    rows : Rows
    offset : Tensor of shape (n_features,)
        Mean of the columns, in the dtype of the products.
    """

    norms = None

    def __init__(self, rows, offset):
        super().__init__(rows.X, rows.weight, rows.index, rows.guide)
        self.offset = offset

    def batches(self):
        """Yield what `take` returns of all rows in their order, some at a time."""
        filled = max(self.X.matrix.nnz // len(self.X), 1)
        return self.parts(list(gen_batches(len(self), max(VALUES_AT_A_TIME // filled, 1))))

    def with_norms(self):
        """Return the same rows, with norms that are computed once, however often they are met."""
        rows = SparseRows(self, self.offset)
        rows.norms = torch.cat([batch.squared_norms() for batch, *_ in self.batches()])
        return rows

    def take(self, positions):
        """Return the rows at some positions, their weights and their guide if any.

        Parameters
        ----------
        positions : ndarray of int, or slice
        """
        dtype = self.offset.dtype
        norms = None if self.norms is None else self.norms[positions]
        guide = () if self.guide is None else (as_tensor(self.guide[positions]).to(dtype),)
        if self.index is not None:
            positions = self.index[positions]
        weight = None if self.weight is None else as_tensor(self.weight[positions]).to(dtype)
        return SparseBatch(self.X.matrix[positions], self.offset, norms), weight, *guide

"""What estimators take for X: arrays in memory, and tables whose rows become dense in batches."""

import numpy as np
from scipy import sparse
from sklearn.utils import get_tags

from ._error_hints import checked_data
from ._training.blocks import BlockTable, forget_pages, in_chunks, mapped_file
from ._training.tables import SparseTable

DTYPES = [np.float64, np.float32]
LARGE_FILE = 2**28  # bytes; a smaller mapped file is read like an array in memory
FEW_VALUES = 2**22  # of an array in chunks, which are loaded at once


def checked_rows(estimator, X, reset, *, to_learn=False, dtype=DTYPES):
    """Return the data given to an estimator as what its engine reads, after validation.

    Parameters
    ----------
    estimator : estimator
    X : array-like or sparse matrix of shape (n_samples, n_features)
    reset : bool
        Whether the estimator learns from X what its columns are.
    to_learn : bool, default=False
        Whether it is trained on X. Then a small part of a large file is loaded, so that rows are
        shuffled as in memory.
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
    in_memory = type(X) is np.ndarray and X.nbytes <= LARGE_FILE  # so a single row is quick
    if in_memory or not get_tags(estimator).input_tags.sparse:
        return checked_data(estimator, X, dtype=dtype, reset=reset)
    X = loaded_if_sparse(X)
    if in_chunks(X):
        return _checked_chunks(estimator, X, dtype, reset)
    if is_large_file(X):
        if not to_learn or X.nbytes > LARGE_FILE:
            return _checked_blocks(estimator, X, dtype, reset)
        whole, X = X, np.array(X)
        forget_pages(whole, 0, len(whole))
    X = checked_data(estimator, X, dtype=dtype, accept_sparse="csr", reset=reset)
    return SparseTable(X) if sparse.issparse(X) else X


def loaded_if_sparse(X):
    """Return a sparse matrix that AnnData keeps in a file as one in memory; all else as it is.

    Parameters
    ----------
    X : object
        A data set as ``adata.X`` is one in backed mode, or the group of an HDF5 or zarr file.
    """
    if hasattr(X, "to_memory") and getattr(X, "format", None) in ("csr", "csc"):
        return X.to_memory()
    attributes = getattr(X, "attrs", {})
    kinds = {"csr_matrix": sparse.csr_array, "csc_matrix": sparse.csc_array}
    kind = attributes.get("encoding-type") if hasattr(attributes, "get") else None
    if not isinstance(kind, str) or kind not in kinds or not hasattr(X, "keys"):
        return X
    parts = tuple(X[name][:] for name in ("data", "indices", "indptr"))
    return kinds[kind](parts, shape=tuple(attributes["shape"]))


def is_large_file(X):
    """Whether X has two dimensions, and is memory-mapped from a file too large to be held."""
    mapped = mapped_file(X)
    return mapped is not None and X.ndim == 2 and len(mapped) > LARGE_FILE


def _checked_chunks(estimator, X, dtype, reset):
    if any(np.isnan(size) for size in X.shape):
        raise ValueError(
            f"X has the shape {X.shape}: how many rows its chunks have is not known. Call "
            "X.compute_chunk_sizes() first."
        )
    if len(X.shape) != 2 or np.prod(X.shape) > FEW_VALUES:
        return _checked_blocks(estimator, X, dtype, reset)
    rows = np.asarray(X[:])
    exact = np.result_type(rows.dtype, np.float32) if rows.dtype.kind in "biuf" else rows.dtype
    return checked_data(estimator, rows.astype(exact, copy=False), dtype=dtype, reset=reset)


def _checked_blocks(estimator, X, dtype, reset):
    """Return a table after validation of its first row; the others are looked at when read."""
    checked_data(estimator, np.asarray(X[:1]), dtype=dtype, reset=reset)
    return BlockTable(X)

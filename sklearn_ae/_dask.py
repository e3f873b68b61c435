"""Dask collections: what a fitted estimator makes of them, chunk by chunk, once it is computed."""

import copy
from functools import wraps

import numpy as np
import pandas as pd

BY_ROWS = (  # methods that make something of each row by itself
    "transform",
    "inverse_transform",
    "reconstruct",
    "denoise",
    "score_samples",
    "decision_function",
    "predict",
    "p_values",
    "feature_errors",
)


def takes_dask(cls):
    """Let the methods of a class that go by rows take Dask arrays and DataFrames.

    They then return another one, and nothing is computed before that is asked for. Chunks of rows
    are passed to the method as arrays or DataFrames of pandas, on whatever machine they lie.

    Parameters
    ----------
    cls : type
        An estimator.

    Returns
    -------
    cls : type
        The same, changed.
    """
    for name in BY_ROWS:
        if name in vars(cls):
            setattr(cls, name, _by_chunks(vars(cls)[name]))
    return cls


def _by_chunks(method):
    @wraps(method)
    def by_chunks(self, X):
        if type(X).__module__.partition(".")[0] != "dask":
            return method(self, X)
        return chunkwise(method.__name__, self, X)

    return by_chunks


def chunkwise(name, estimator, X):
    """Return what a method makes of a Dask collection, as one.

    Parameters
    ----------
    name : str
        Of the method.
    estimator : estimator
        Fitted. What is computed later is what it is now.
    X : dask.array.Array of shape (n_samples, n_columns), or dask.dataframe.DataFrame

    Returns
    -------
    out : dask.array.Array or dask.dataframe.DataFrame
        The latter where the method returns a DataFrame for one.

    Raises
    ------
    ValueError
        If the method returns a DataFrame that is not one of pandas.
    """
    from dask import delayed

    example = _example(X, estimator)
    meta = getattr(estimator, name)(example)[:0]
    is_frame = not isinstance(meta, np.ndarray)
    if is_frame and not isinstance(meta, pd.DataFrame):
        raise ValueError(
            f"{name} of a Dask collection would return pieces of {type(meta).__module__}, which "
            "Dask has no collection for. Use set_output(transform='pandas'), or 'default'."
        )
    if is_frame and hasattr(X, "chunks"):
        X = _as_frame(X, _names_for(X, estimator))
    # One key of its own in the graph: a worker is sent the estimator once, not with each chunk.
    fitted = delayed(copy.copy(estimator), pure=True)
    given = {"fitted": fitted, "method": name, "empty": meta, "meta": meta}
    if not hasattr(X, "chunks"):
        return X.map_partitions(_of_chunk, **given)
    X = X.rechunk({1: -1})
    if meta.ndim == 1:
        return X.map_blocks(_of_chunk, drop_axis=1, dtype=meta.dtype, **given)
    chunks = X.chunks[0], (meta.shape[1],)
    return X.map_blocks(_of_chunk, chunks=chunks, dtype=meta.dtype, **given)


def _of_chunk(rows, fitted, method, empty):
    """Return what a method makes of a chunk, which may have no rows."""
    return getattr(fitted, method)(rows) if len(rows) else empty


def _example(X, estimator):
    """Return a few rows like those of a collection, to see what becomes of them."""
    if not hasattr(X, "chunks"):
        return X._meta_nonempty
    rows, names = np.zeros((2, X.shape[1]), X.dtype), _names_for(X, estimator)
    return rows if names is None else pd.DataFrame(rows, columns=names)


def _names_for(X, estimator):
    """Return how an estimator calls the columns of a Dask array; None if it does not."""
    names = getattr(estimator, "feature_names_in_", None)
    return names if names is not None and len(names) == X.shape[1] else None


def _as_frame(X, names):
    """Return a Dask array as a Dask DataFrame."""
    import dask.dataframe as dd

    columns = range(X.shape[1]) if names is None else names
    return dd.from_dask_array(X.rechunk({1: -1}), columns=list(columns))

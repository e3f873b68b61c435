"""The missing cells of a table filled from another one, and all others as they are."""

import numpy as np
import pandas as pd

from .frames import column, is_polars


def filled(X, other):
    """Return a table whose missing cells are those of another one.

    Parameters
    ----------
    X, other : DataFrame or ndarray of shape (n_samples, n_features)
        With the same columns.
    """
    places = range(X.shape[1])
    if is_polars(X):
        columns = [_filled_polars(X.to_series(j), _as_polars(other, j)) for j in places]
        return X.with_columns(columns)
    if isinstance(X, pd.DataFrame):
        columns = {j: _filled(X.iloc[:, j], _as_pandas(other, j, X.index)) for j in places}
        return pd.DataFrame(columns, index=X.index).set_axis(X.columns, axis=1)
    return np.where(pd.isna(X), other, X)


def _as_pandas(X, j, index):
    return (X.iloc[:, j] if isinstance(X, pd.DataFrame) else column(X, j)).set_axis(index)


def _as_polars(X, j):
    import polars as pl

    return X.to_series(j) if is_polars(X) else pl.Series(column(X, j))


def _filled(own, given):
    missing = own.isna()
    if not missing.any():
        return own.copy()
    if own.dtype == given.dtype:
        return own.where(~missing, given)
    # Beside gaps whole numbers are floats and bools are objects, until there are no gaps.
    together = own.astype(object).where(~missing, given.astype(object))
    try:
        return together.astype(given.dtype)
    except (TypeError, ValueError):
        return together


def _filled_polars(own, given):
    if own.dtype.is_float():
        own = own.fill_nan(None)
    return own.zip_with(own.is_not_null(), given.cast(own.dtype)) if own.null_count() else own

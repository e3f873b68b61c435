"""The missing cells of a table filled from another one, and all others as they are."""

import numpy as np
import pandas as pd

from .frames import is_polars


def filled(X, other):
    """Return a table whose missing cells are those of another one.

    Parameters
    ----------
    X, other : DataFrame or ndarray of shape (n_samples, n_features)
        With the same columns.
    """
    if is_polars(X):
        pairs = zip(X.get_columns(), other.get_columns(), strict=True)
        return X.with_columns([_filled_polars(own, given) for own, given in pairs])
    if isinstance(X, pd.DataFrame):
        columns = {j: _filled(X.iloc[:, j], other.iloc[:, j]) for j in range(X.shape[1])}
        return pd.DataFrame(columns, index=X.index).set_axis(X.columns, axis=1)
    return np.where(pd.isna(X), other, X)


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

"""Rows: some of many, and their names."""

import numpy as np

MOST_ROWS = 10_000  # that are computed with, where more would change nothing one could see


def thinned(n_samples, most=MOST_ROWS):
    """Return the positions of at most so many rows, the same ones every time.

    Parameters
    ----------
    n_samples : int
    most : int, default=10_000

    Returns
    -------
    rows : ndarray of int
        In ascending order.
    """
    if n_samples <= most:
        return np.arange(n_samples)
    return np.sort(np.random.RandomState(0).choice(n_samples, most, replace=False))


def spread(n_samples, n_rows):
    """Return the positions of some rows at equal distances: sorted data have their classes in it.

    Parameters
    ----------
    n_samples, n_rows : int

    Returns
    -------
    rows : ndarray of int
        All of them if there are not more.
    """
    return np.unique(np.linspace(0, n_samples - 1, n_rows).round().astype(int))


def take_rows(X, rows):
    """Return some rows of an array, a DataFrame or a list; all of them as they are.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
    rows : ndarray of int
    """
    if len(rows) == np.shape(X)[0]:
        return X
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    return X[rows] if hasattr(X, "shape") else np.asarray(X)[rows]


def some_rows(X):
    """Return as many rows as are computed with; None of None.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features) or None
    """
    return None if X is None else take_rows(X, thinned(np.shape(X)[0]))


def names_of(X):
    """Return the names of the rows and of the columns of a table.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)

    Returns
    -------
    rows : sequence
        Positions if the table has no index.
    columns : list of str or None
    """
    columns = [str(name) for name in X.columns] if hasattr(X, "columns") else None
    return (X.index if hasattr(X, "iloc") else range(np.shape(X)[0])), columns

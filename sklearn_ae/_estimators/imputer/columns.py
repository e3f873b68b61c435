"""Columns of different units brought to one, and fillings kept to what their column can hold."""

import numpy as np

from ..._training.pca import check_scale

FAR = 30.0  # interquartile ranges from the median: values beyond, if rare, are brought back
RARE = 0.005  # share of the values of a column, on each side
MANY_DEVIATIONS = 10.0  # what the range of a column is worth, at most, in units of its scale


class Columns:
    """Centre and scale of each column, and the fences that its values are kept within.

    What is not observed (NaN) takes no part. Fences are 30 interquartile ranges from the median, or
    further out where more than one value in 200 is: a wrong unit in one row then moves nothing. A
    column that mostly repeats one value has none, since its other values are rare and not wrong.

    The scale is the standard deviation between the fences, but at least a tenth of the range: of a
    pixel that is white in one picture of a thousand, each deviation would count for far too much.

    Parameters
    ----------
    center, scale, low, high : ndarray of shape (n_features,)
        In the units of each column.
    """

    def __init__(self, center, scale, low, high):
        self.center = center
        self.scale = scale
        self.low = low
        self.high = high

    @classmethod
    def of(cls, X):
        """Return the columns of X.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            At least one value of each column is observed.

        Raises
        ------
        ValueError
            If the squares of values overflow.
        """
        low, high = fences(X)
        inside = np.clip(X, low, high).astype(np.float64)
        center = np.nanmean(inside, axis=0)
        with np.errstate(over="ignore"):  # which check_scale tells of
            deviation = np.sqrt(np.nanmean(np.square(inside - center), axis=0))
        check_scale(max(deviation.max(), 1.0), np.float64)
        spread = np.nanmax(inside, axis=0) - np.nanmin(inside, axis=0)
        # The mean of many equal values is not that value: the range tells them, not the deviation.
        constant = spread <= 10 * np.finfo(X.dtype).eps * np.nanmax(np.abs(inside), axis=0)
        center = np.where(constant, np.nanmax(inside, axis=0), center)
        scale = np.where(constant, 1.0, np.maximum(deviation, spread / MANY_DEVIATIONS))
        return cls(center, scale, low, high)

    def standardise(self, X):
        """Return what X is in units of scale, from the centres and within the fences."""
        return ((np.clip(X, self.low, self.high) - self.center) / self.scale).astype(X.dtype)

    def restore(self, Z):
        """Return the rows that standardised ones stand for."""
        return (Z * self.scale + self.center).astype(Z.dtype)


def fences(X):
    """Return the smallest and the largest value of each column that is not far off and rare."""
    first, median, third = np.nanquantile(X, [0.25, 0.5, 0.75], axis=0)
    far = FAR * (third - first)
    low = np.nanquantile(X, RARE, axis=0, method="higher")
    high = np.nanquantile(X, 1 - RARE, axis=0, method="lower")
    low, high = np.minimum(low, median - far), np.maximum(high, median + far)
    none = far == 0
    low, high = np.where(none, -np.inf, low), np.where(none, np.inf, high)
    inside = np.where((low <= X) & (high >= X), X, np.nan)
    # What is wrong is brought back to the last value that is not: at the fence it would still count
    # more than all others.
    low = np.where((low > X).any(axis=0), np.nanmin(inside, axis=0), low)
    high = np.where((high < X).any(axis=0), np.nanmax(inside, axis=0), high)
    return low, high


def limits(X, min_value, max_value):
    """Return the smallest and the largest filling of each column.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where nothing is observed.
    min_value, max_value : None, float, array-like of shape (n_features,) or "observed"

    Raises
    ------
    ValueError
        If one of them has another shape, or a smallest value is not below the largest.
    """
    lowest = _limit(X, min_value, "min_value", np.fmin, -np.inf)
    highest = _limit(X, max_value, "max_value", np.fmax, np.inf)
    wrong = np.flatnonzero(lowest > highest)
    if len(wrong):
        j = wrong[0]
        raise ValueError(
            f"min_value={lowest[j]:.6g} is above max_value={highest[j]:.6g} in column {j}. Give "
            "each column a smallest value that is not above its largest one."
        )
    return lowest, highest


def _limit(X, given, name, extreme, nothing):
    if given is None:
        return np.full(X.shape[1], nothing)
    if isinstance(given, str):
        observed = extreme.reduce(X, axis=0, initial=np.nan)
        return np.where(np.isnan(observed), nothing, observed)
    given = np.asarray(given, dtype=float)
    if given.shape not in ((), (1,), X.shape[1:]) or np.isnan(given).any():
        raise ValueError(
            f"{name} has shape {given.shape} for the {X.shape[1]} features of X, or holds NaN. "
            "Give one number, one for each feature, 'observed', or None for no limit."
        )
    return np.broadcast_to(given, X.shape[1]).astype(float)


def whole_columns(X, asked, names):
    """Return which columns are to be filled with integers.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        NaN where nothing is observed.
    asked : None, "observed" or array-like of bool, int or str
        Masks, indices or names; "observed" are those of which all observed values are integers.
    names : ndarray of str or None
        Names of the columns.

    Returns
    -------
    whole : ndarray of bool of shape (n_features,)

    Raises
    ------
    ValueError
        If it names columns that there are not.
    """
    n_features = X.shape[1]
    if asked is None:
        return np.zeros(n_features, dtype=bool)
    if isinstance(asked, str):
        return np.all(np.isnan(X) | (np.round(X) == X), axis=0)
    asked = np.asarray(asked)
    if asked.dtype == bool and asked.shape == (n_features,):
        return asked.copy()
    choices = np.arange(n_features) if asked.dtype.kind in "iu" else names
    if (
        asked.ndim != 1
        or asked.dtype == bool
        or choices is None
        or not np.isin(asked, choices).all()
    ):
        raise ValueError(
            f"integer_features={asked.tolist()!r} does not choose from the {n_features} columns of "
            "X. Give indices, names of columns, one bool for each of them, or 'observed'."
        )
    return np.isin(choices, asked)

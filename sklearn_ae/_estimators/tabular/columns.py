"""Columns of tables as numbers or categories, whatever holds them, and back to their dtype."""

import numpy as np
import pandas as pd
from pandas.api import types

PER_SECOND = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


def family_of(dtype):
    """Return what values of a dtype of pandas are, or None.

    "numbers", "dates", "durations", periods by their dtype, or "texts": all values that are told
    apart and no more.

    Parameters
    ----------
    dtype : dtype
    """
    if types.is_complex_dtype(dtype):
        return None
    if isinstance(dtype, pd.CategoricalDtype):
        return "texts"
    if types.is_numeric_dtype(dtype) or types.is_bool_dtype(dtype):
        return "numbers"
    if types.is_datetime64_any_dtype(dtype):
        return "dates"
    if types.is_timedelta64_dtype(dtype):
        return "durations"
    return str(dtype) if isinstance(dtype, pd.PeriodDtype) else "texts"


def numbers_of(series):
    """Return a column of numbers or dates as float64, NaN where it is missing.

    Parameters
    ----------
    series : Series
        Dates become seconds.
    """
    dtype = series.dtype
    if isinstance(dtype, pd.PeriodDtype):
        return np.where(series.isna(), np.nan, series.array.asi8)
    if family_of(dtype) not in ("dates", "durations"):
        return series.to_numpy(np.float64, na_value=np.nan)
    if not types.is_timedelta64_dtype(dtype) and series.dt.tz is not None:
        series = series.dt.tz_convert(None)
    ticks = series.to_numpy()
    unit = np.datetime_data(ticks.dtype)[0]
    return np.where(np.isnat(ticks), np.nan, ticks.astype(np.int64) / PER_SECOND[unit])


def restored_numbers(values, dtype):
    """Return numbers as an array of a dtype of pandas: rounded and within its range.

    Parameters
    ----------
    values : ndarray of float64
        NaN where nothing is known.
    dtype : dtype
    """
    if isinstance(dtype, pd.PeriodDtype):
        return pd.PeriodIndex.from_ordinals(_ticks(values), freq=dtype.freq).array
    if family_of(dtype) in ("dates", "durations"):
        return _dates(values, dtype)
    missing = np.isnan(values)
    if types.is_bool_dtype(dtype):
        values = np.where(missing, 0, values) > 0.5
    elif types.is_integer_dtype(dtype):
        values = whole(np.where(missing, 0, values), as_numpy(dtype))
    if isinstance(dtype, np.dtype):
        return values.astype(dtype)
    filled = pd.Series(values).astype(dtype)
    return (filled.mask(missing) if missing.any() else filled).array


def whole(values, dtype):
    """Return numbers rounded to an integer dtype of numpy, the nearest of its range.

    Parameters
    ----------
    values : ndarray of float64
    dtype : dtype
    """
    limits = np.iinfo(dtype)
    # The largest int64 has no float64 of its own: the next one below is the largest to be cast.
    highest = float(limits.max)
    highest = np.nextafter(highest, 0) if highest > limits.max else highest
    return np.clip(np.round(values), float(limits.min), highest).astype(dtype)


def as_numpy(dtype):
    """Return the dtype of numpy whose range one of pandas has.

    Parameters
    ----------
    dtype : dtype
    """
    return np.dtype(getattr(dtype, "numpy_dtype", dtype))


def levels_of(series, name):
    """Return the different values of a column, sorted where they have an order.

    Parameters
    ----------
    series : Series
    name : object
        Of the column; for the error.

    Returns
    -------
    levels : Index

    Raises
    ------
    TypeError
        If they cannot be told apart, as lists.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        return series.cat.remove_unused_categories().cat.categories
    try:
        levels = pd.Index(series.dropna().unique())
    except TypeError as error:
        raise _no_categories(name, error) from None
    try:
        return levels.sort_values()
    except TypeError:  # numbers beside texts
        return levels


def _no_categories(name, error):
    return TypeError(
        f"Column {name!r} holds values that cannot be categories: {error}. The argument must "
        "be a string or a number in each cell; make columns of their parts, or drop it."
    )


def places_of(series, levels, name):
    """Return which of some values each entry of a column is; -1 for none of them.

    Parameters
    ----------
    series : Series
    levels : Index
    name : object
        Of the column; for the error.

    Returns
    -------
    places : ndarray of int

    Raises
    ------
    TypeError
        If they cannot be told apart, as lists.
    """
    if isinstance(series.dtype, pd.CategoricalDtype):
        of_categories = levels.astype(object).get_indexer(series.cat.categories.astype(object))
        return np.r_[of_categories, -1][series.cat.codes.to_numpy()]
    try:
        places = levels.astype(object).get_indexer(pd.Index(series, dtype=object))
    except TypeError as error:
        raise _no_categories(name, error) from None
    return np.where(series.isna(), -1, places)


def restored_categories(places, levels, dtype):
    """Return categories as an array of a dtype of pandas.

    Parameters
    ----------
    places : ndarray of int
        -1 where nothing is known.
    levels : Index
    dtype : dtype
    """
    values = np.empty(len(places), dtype=object)
    known = places >= 0
    values[known] = levels.astype(object).to_numpy()[places[known]]
    if isinstance(dtype, np.dtype):
        is_plain = dtype.kind != "O" and known.all()
        return values.astype(dtype) if is_plain else values
    return pd.array(values, dtype=dtype)


def _ticks(values):
    missing = np.isnan(values)
    return np.where(missing, np.iinfo(np.int64).min, whole(np.where(missing, 0, values), np.int64))


def _dates(seconds, dtype):
    """Return an array of dates or of durations."""
    unit = dtype.unit if isinstance(dtype, pd.DatetimeTZDtype) else np.datetime_data(dtype)[0]
    ticks = _ticks(seconds * PER_SECOND[unit])
    if not isinstance(dtype, pd.DatetimeTZDtype):
        return ticks.view(dtype)
    naive = pd.Series(ticks.view(f"datetime64[{unit}]"))
    return naive.dt.tz_localize("UTC").dt.tz_convert(dtype.tz).array

"""Columns of Python's dates and decimals, and of Arrow's types: as those of numpy, and back."""

from decimal import Decimal

import numpy as np
import pandas as pd

PLACES = 20  # of decimals, at most


def form_of(series):
    """Return how the objects of a column are written: "dates", decimal places, or None.

    Parameters
    ----------
    series : Series
    """
    if series.dtype != object:
        return None
    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind == "date":
        return "dates"
    if kind != "decimal":
        return None
    exponents = [x.as_tuple().exponent for x in series.dropna()]
    if not all(isinstance(exponent, int) for exponent in exponents):
        return None  # infinite, or none at all
    return int(np.clip(-min(exponents), 0, PLACES))


def plain(series):
    """Return a column in a dtype of numpy or pandas that has no objects of dates or decimals.

    Parameters
    ----------
    series : Series
    """
    if isinstance(series.dtype, pd.ArrowDtype):
        return _from_arrow(series)
    if isinstance(series.dtype, pd.SparseDtype):
        return series.sparse.to_dense()
    form = form_of(series)
    if form == "dates":
        return pd.Series(np.array(series.where(series.notna(), None), "datetime64[s]"))
    return series.infer_objects() if form is None else series.astype(float)


def written(part, form):
    """Return an array of dates or numbers as the objects that `form_of` has found.

    Parameters
    ----------
    part : array
    form : {"dates"} or int
    """
    made = np.empty(len(part), dtype=object)
    if form == "dates":
        made[:] = [None if day is pd.NaT else day.date() for day in pd.Series(part)]
    else:
        made[:] = [None if np.isnan(x) else Decimal(f"{x:.{form}f}") for x in part]
    return made


def _from_arrow(series):
    import pyarrow as pa

    kind = series.dtype.pyarrow_dtype
    if pa.types.is_timestamp(kind):
        zone = f", {kind.tz}" if kind.tz else ""
        return series.astype(f"datetime64[{kind.unit}{zone}]")
    if pa.types.is_date(kind):
        return series.astype("datetime64[s]")
    if pa.types.is_duration(kind):
        return series.astype(f"timedelta64[{kind.unit}]")
    if pa.types.is_decimal(kind):
        return series.astype("Float64")
    is_plain = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    return series if is_plain else series.astype(object)

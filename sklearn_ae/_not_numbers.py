"""Columns that are not numbers: which of them are dates, texts or something else, and the way out.

Of columns of nothing but dates numpy makes numbers: nanoseconds, or days, and -9e18 of a gap.
"""

import datetime

import numpy as np
import pandas as pd

DATES = (
    *(datetime.date, datetime.time, datetime.timedelta),
    *(np.datetime64, np.timedelta64, pd.Period, type(pd.NaT)),
)
TEXTS = (str, bytes, pd.Interval)
MOST_NAMES = 10
WAYS_OUT = {
    "texts": (
        "Columns that are not numbers: {}. Encode them before: "
        "sklearn.preprocessing.OneHotEncoder in a ColumnTransformer, or skrub.TableVectorizer."
    ),
    "dates": (
        "Columns of dates or times, which are not numbers: {}. Make numbers of them before, for "
        "example days since a date; skrub.TableVectorizer does it for dates."
    ),
    "others": (
        "Columns of values that are neither numbers, nor texts, nor dates: {}. Make columns of "
        "their parts, or drop them."
    ),
}
AS_THEY_ARE = "Or use sklearn_ae.TabularAutoencoder, which takes them as they are."


def has_dates(X):
    """Whether the dtype of an array, or of a column of a frame, is one of dates or durations.

    Parameters
    ----------
    X : array-like
    """
    if hasattr(X, "schema") and hasattr(X, "column_names"):  # a table of pyarrow
        return any(str(field.type).startswith(("date", "time", "duration")) for field in X.schema)
    dtypes = getattr(X, "dtypes", None)
    if not hasattr(dtypes, "__iter__"):
        return _is_of_dates(getattr(X, "dtype", None))
    return any(map(_is_of_dates, dtypes))


def _is_of_dates(dtype):
    is_temporal = getattr(dtype, "is_temporal", None)  # of polars
    return is_temporal() if callable(is_temporal) else getattr(dtype, "kind", None) in ("m", "M")


def ways_out(X):
    """Return what to do about the columns of a table that are not numbers; "" if there are none.

    Parameters
    ----------
    X : array-like
    """
    found = {family: [] for family in WAYS_OUT}
    for name, values in _columns_of(X):
        family = _family_of(values)
        if family is not None:
            found[family].append(str(name))
    said = [WAYS_OUT[family].format(_listed(names)) for family, names in found.items() if names]
    if said and not found["others"]:
        said.append(AS_THEY_ARE)
    return " ".join(said)


def _columns_of(X):
    """Yield names and values of the columns of a frame of whatever library, or of an array."""
    if isinstance(X, pd.DataFrame):
        yield from ((name, np.asarray(X.iloc[:, j])) for j, name in enumerate(X.columns))
        return
    names = getattr(X, "column_names", getattr(X, "columns", None))
    if names is not None:
        yield from ((name, np.asarray(X[name])) for name in names)
        return
    table = np.asarray(X, dtype=None if hasattr(X, "dtype") else object)
    if table.ndim == 2:
        yield from ((f"x{j}", table[:, j]) for j in range(table.shape[1]))


def _family_of(values):
    """Return what the values of a column are, if not numbers: texts, dates or others."""
    if values.ndim > 1:
        return "others"
    if values.dtype.kind in "mM":
        return "dates"
    if values.dtype.kind not in "OUST":
        return None
    odd = next((value for value in values.tolist() if not _is_number(value)), None)
    if odd is None:
        return None
    if isinstance(odd, DATES):
        return "dates"
    return "texts" if isinstance(odd, TEXTS) else "others"


def _is_number(value):
    """Whether a value becomes a number in an array of floats; a gap becomes NaN."""
    if value is None or value is pd.NA:
        return True
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _listed(names):
    return ", ".join(names[:MOST_NAMES]) + (", ..." if len(names) > MOST_NAMES else "")

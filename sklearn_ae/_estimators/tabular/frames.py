"""Frames of pandas and polars, and arrays: read as columns, and put together again."""

import numpy as np
import pandas as pd
from scipy.sparse import issparse
from sklearn.utils.validation import validate_data

from .columns import as_numpy, whole
from .dtypes import described, described_index, dtype_of, index_of
from .objects import form_of, plain, written

LAST = 24 * 3600 * 10**9 - 1  # nanosecond of a day
LONG_INTEGERS = ("Int128", "UInt128")  # numpy has none


def is_polars(X):
    """Whether something is a DataFrame of polars.

    Parameters
    ----------
    X : object
    """
    kind = type(X)
    return kind.__module__.partition(".")[0] == "polars" and kind.__name__ == "DataFrame"


def labels_of(X):
    """Return the labels of the columns of a frame; None of an array.

    Parameters
    ----------
    X : DataFrame or array-like
    """
    if is_polars(X):
        return list(X.columns)
    return X.columns.tolist() if isinstance(X, pd.DataFrame) else None


def index_of_rows(X):
    """Return the index of a frame of pandas; None of anything else.

    Parameters
    ----------
    X : DataFrame or array-like
    """
    return X.index if isinstance(X, pd.DataFrame) else None


def in_order(X, labels):
    """Return a frame with its columns in an order, if it has just these; else as it is.

    Parameters
    ----------
    X : DataFrame or array-like
    labels : list or None
    """
    own = labels_of(X)
    if (
        own is None
        or labels is None
        or own == labels
        or sorted(map(repr, own)) != sorted(map(repr, labels))
    ):
        return X
    return X.select(labels) if is_polars(X) else X.iloc[:, [own.index(name) for name in labels]]


def checked_table(estimator, X, reset):
    """Return a table that has passed scikit-learn's checks: a frame, or an array of two dimensions.

    Parameters
    ----------
    estimator : estimator
    X : DataFrame or array-like of shape (n_samples, n_features)
    reset : bool
        Whether what is checked is learned from X.
    """
    if labels_of(X) is not None:
        n_rows, n_columns = X.shape
        for number, what in ((n_rows, "sample"), (n_columns, "feature")):
            if number == 0:
                raise ValueError(
                    f"Found array with 0 {what}(s) (shape={X.shape}) while a minimum of 1 is "
                    f"required by {type(estimator).__name__}."
                )
        validate_data(estimator, X, skip_check_array=True, reset=reset)
        _check_labels(estimator, labels_of(X), reset)
        return X
    _refuse_others(X)
    if isinstance(X, (list, tuple)) and np.asarray(X, dtype=object).ndim == 2:
        X = np.asarray(X, dtype=object)  # numbers beside texts would become texts
    kind = getattr(getattr(X, "dtype", None), "kind", None)
    if kind not in ("O", "U", "S"):
        dtype = [np.float64, np.float32]
        return validate_data(estimator, X, dtype=dtype, ensure_all_finite="allow-nan", reset=reset)
    return validate_data(estimator, X, dtype=None, ensure_all_finite=False, reset=reset)


def _refuse_others(X):
    """Raise TypeError for what is nearly a table."""
    kind = f"{type(X).__module__.partition('.')[0]}.{type(X).__name__}"
    is_rows = isinstance(X, (list, tuple)) and len(X) > 0 and isinstance(X[0], dict)
    fields = getattr(getattr(X, "dtype", None), "names", None)
    if kind == "polars.LazyFrame":
        raise TypeError("X is a LazyFrame of polars. Pass X.collect().")
    if kind == "pyarrow.Table":
        raise TypeError("X is a Table of pyarrow. Pass X.to_pandas() or polars.from_arrow(X).")
    is_columns = isinstance(X, dict) and not issparse(X)  # one of their formats is a dict
    for applies, what in (
        (is_rows, f"{type(X).__name__} of dicts"),
        (is_columns, "dict of columns"),
        (fields, "structured array"),
    ):
        if applies:
            raise TypeError(f"X is a {what}. Pass pandas.DataFrame(X).")


def _check_labels(estimator, labels, reset):
    """Raise ValueError for labels that scikit-learn does not look at: equal ones, and no texts."""
    if reset:
        twice = [name for i, name in enumerate(labels) if name in labels[:i]]
        if twice:
            raise ValueError(f"Expected unique column names, got {twice[0]!r} more than once.")
        return
    fitted = estimator._encoding.frame.labels
    if fitted is not None and labels != fitted and not hasattr(estimator, "feature_names_in_"):
        raise ValueError(
            f"X has the columns {labels[:10]!r}, and those of fit were {fitted[:10]!r}. Give it "
            "the same columns."
        )


def column(X, j):
    """Return a column of a table as a Series of pandas.

    Parameters
    ----------
    X : DataFrame or ndarray
    j : int
    """
    if is_polars(X):
        return _from_polars(X.to_series(j))
    if not isinstance(X, pd.DataFrame):
        return pd.Series(X[:, j]).infer_objects()
    return plain(X.iloc[:, j])


class Frame:
    """What holds the columns of a table, and how they are put together again.

    Parameters
    ----------
    library : {"pandas", "polars", "array"}
    labels : list or None
        Of the columns.
    heading : list
        Names of the labels, as a frame of pandas may have them.
    dtypes : list
        Of the columns, or the one of the array.
    forms : list or None, default=None
        How objects of each column are written; see `form_of`.
    """

    def __init__(self, library, labels, heading, dtypes, forms=None):
        self.library = library
        self.labels = labels
        self.heading = heading
        self.dtypes = dtypes
        self.forms = [None] * len(dtypes) if forms is None else forms

    @classmethod
    def of(cls, X):
        """Return what holds the columns of a table."""
        if is_polars(X):
            return cls("polars", labels_of(X), [None], list(X.dtypes))
        if isinstance(X, pd.DataFrame):
            forms = [form_of(X.iloc[:, j]) for j in range(X.shape[1])]
            return cls("pandas", labels_of(X), list(X.columns.names), list(X.dtypes), forms)
        return cls("array", None, [None], [X.dtype])

    def state(self):
        """Return plain values, from which this is made again."""
        state = vars(self) | {"dtypes": [described(dtype) for dtype in self.dtypes]}
        if self.labels is not None and isinstance(self._heading(), pd.DatetimeIndex):
            state["labels"] = described_index(self._heading())
        return state

    @classmethod
    def from_state(cls, state):
        """Return what `state` has described."""
        state = state | {"dtypes": [dtype_of(text) for text in state["dtypes"]]}
        if isinstance(state["labels"], dict):
            state["labels"] = index_of(state["labels"]).tolist()
        return cls(**state)

    def names(self, n_columns):
        """Return what columns are called by, shape (n_columns,)."""
        return [f"x{j}" for j in range(n_columns)] if self.labels is None else self.labels

    def together(self, columns, index=None):
        """Return a table of columns, in the dtypes that there were.

        Parameters
        ----------
        columns : list of array
            As `columns.restored_numbers` and `columns.restored_categories` return them.
        index : Index or None, default=None
            Of a frame of pandas.
        """
        if self.library == "array":
            return self._array(columns)
        if self.library == "polars":
            return self._polars(columns)
        parts = [
            part if form is None else written(part, form)
            for part, form in zip(columns, self.forms, strict=True)
        ]
        pairs = zip(parts, self.dtypes, strict=True)
        series = {j: pd.Series(part).astype(dtype) for j, (part, dtype) in enumerate(pairs)}
        frame = pd.DataFrame(series)
        frame.columns = self._heading()
        if index is not None:
            frame.index = index
        return frame

    def heading_of(self, n_columns):
        """Return the labels of columns as an index of pandas, shape (n_columns,)."""
        return pd.Index(self.names(n_columns)) if self.labels is None else self._heading()

    def _heading(self):
        if len(self.heading) > 1:
            return pd.MultiIndex.from_tuples(self.labels, names=self.heading)
        return pd.Index(self.labels, name=self.heading[0])

    def _array(self, columns):
        dtype = self.dtypes[0]
        if dtype.kind not in "f":
            numeric = all(getattr(part, "dtype", None) in ("int64", "float64") for part in columns)
            dtype = np.float64 if numeric else object
        array = np.empty((len(columns[0]), len(columns)), dtype)
        for j, part in enumerate(columns):
            array[:, j] = part
        return array

    def _polars(self, columns):
        import polars as pl

        pairs = zip(self.labels, columns, self.dtypes, strict=True)
        return pl.DataFrame([_to_polars(label, part, dtype) for label, part, dtype in pairs])


def _from_polars(series):
    import polars as pl

    dtype, name = series.dtype, series.name
    if dtype.is_decimal() or str(dtype) in LONG_INTEGERS:
        series = series.cast(pl.Float64)
    elif dtype == pl.Boolean:
        return pd.Series(series.to_list(), dtype="boolean", name=name)
    elif dtype in (pl.String, pl.Categorical, pl.Enum):
        return pd.Series(series.cast(pl.String).to_list(), dtype=object, name=name)
    elif dtype == pl.Time:
        series = series.to_physical()
    elif dtype == pl.Null:
        return pd.Series(np.full(len(series), np.nan), name=name)
    elif not (dtype.is_numeric() or dtype.is_temporal()):
        raise TypeError(
            f"Column {name!r} has the dtype {dtype}, of which there is no kind of column. Make "
            "columns of its parts, or drop it."
        )
    values = series.to_numpy()
    return pd.Series(values if values.dtype.kind != "O" else values.tolist(), name=name)


def _to_polars(label, part, dtype):
    import polars as pl

    if isinstance(part, np.ndarray) and part.dtype.kind == "O":
        part = [None if value is None else value for value in part]
    elif not isinstance(part, np.ndarray):
        part = pd.Series(part).astype(object).where(~pd.isna(part), None).tolist()
    if isinstance(part, np.ndarray) and part.dtype.kind in "mM":
        unit = np.datetime_data(part.dtype)[0]
        part = part.astype(f"{part.dtype.kind}8[{'ms' if unit == 's' else unit}]")
    series = pl.Series(label, part)
    if isinstance(part, np.ndarray) and part.dtype.kind == "f":
        series = series.fill_nan(None) if np.isnan(part).any() else series
        if str(dtype) in LONG_INTEGERS:
            series = series.round()
        elif dtype.is_integer():
            known = np.isnan(part)
            wholes = whole(np.where(known, 0, part), as_numpy(str(dtype).lower()))
            series = pl.Series(label, wholes).set(pl.Series(known), None)
        elif dtype == pl.Time:
            series = pl.Series(label, whole(np.clip(part, 0, LAST), np.dtype("int64")))
    return series.cast(dtype)

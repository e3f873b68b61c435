"""Dtypes of columns and values of categories as plain values, so that tables can be saved."""

import numpy as np
import pandas as pd

OF_POLARS = {
    "Datetime": ("time_unit", "time_zone"),
    "Duration": ("time_unit",),
    "Decimal": ("precision", "scale"),
}


def described(dtype):
    """Return plain values that `dtype_of` makes a dtype of; the dtype itself if there are none.

    Parameters
    ----------
    dtype : dtype of numpy, pandas or polars
    """
    if type(dtype).__module__.startswith("polars"):
        return _described_polars(dtype)
    if isinstance(dtype, pd.CategoricalDtype):
        index = None if dtype.categories is None else described_index(dtype.categories)
        return {"categories": index, "ordered": bool(dtype.ordered)}
    if isinstance(dtype, pd.StringDtype):
        return {"string": dtype.storage, "is_nan": _marks_by_nan(dtype)}
    if isinstance(dtype, pd.ArrowDtype) and (arrow := _described_arrow(dtype.pyarrow_dtype)):
        return {"arrow": arrow}
    text = str(dtype)
    try:
        return text if pd.api.types.pandas_dtype(text) == dtype else dtype
    except (TypeError, NotImplementedError):
        return dtype


def dtype_of(description):
    """Return the dtype that `described` has described.

    Parameters
    ----------
    description : str, dict or dtype
    """
    if isinstance(description, str):
        return pd.api.types.pandas_dtype(description)
    if not isinstance(description, dict):
        return description
    if "polars" in description:
        return _polars_dtype(description)
    if "arrow" in description:
        return pd.ArrowDtype(_arrow_type(*description["arrow"]))
    if "string" in description:
        return _string_dtype(description["string"], description["is_nan"])
    categories, ordered = description["categories"], description["ordered"]
    index = None if categories is None else index_of(categories)
    return pd.CategoricalDtype(index, ordered)


def described_index(index):
    """Return plain values that `index_of` makes an index of.

    Parameters
    ----------
    index : Index
        Different values of a column.
    """
    if isinstance(index, pd.IntervalIndex):
        ends = described_index(index.left), described_index(index.right)
        return {"left": ends[0], "right": ends[1], "closed": index.closed}
    if isinstance(index, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        return {"ticks": index.asi8.copy(), "dtype": described(index.dtype)}
    return {"values": index.tolist(), "dtype": described(index.dtype)}


def index_of(description):
    """Return the index that `described_index` has described.

    Parameters
    ----------
    description : dict
    """
    if "closed" in description:
        left, right = index_of(description["left"]), index_of(description["right"])
        return pd.IntervalIndex.from_arrays(left, right, description["closed"])
    dtype = dtype_of(description["dtype"])
    if "ticks" in description:
        ticks = np.asarray(description["ticks"])
        if isinstance(dtype, pd.DatetimeTZDtype):
            naive = pd.DatetimeIndex(ticks.view(f"datetime64[{dtype.unit}]"))
            return naive.tz_localize("UTC").tz_convert(dtype.tz)
        return pd.Index(ticks.view(dtype))
    return pd.Index(description["values"], dtype=dtype)


def _marks_by_nan(dtype):
    return getattr(dtype, "na_value", pd.NA) is not pd.NA


def _string_dtype(storage, is_nan):
    if not is_nan:
        return pd.StringDtype(storage)
    try:
        return pd.StringDtype(storage, na_value=np.nan)
    except TypeError:  # pandas < 2.3 has a storage for it
        return pd.StringDtype(storage)


def _described_arrow(kind):
    """Return the name and the parameters of a type of Arrow whose text would not be understood."""
    import pyarrow as pa

    if pa.types.is_dictionary(kind):
        return ["dictionary", str(kind.index_type), str(kind.value_type), bool(kind.ordered)]
    if pa.types.is_decimal(kind):
        return [f"decimal{kind.bit_width}", kind.precision, kind.scale]
    return ["string"] if pa.types.is_string(kind) else None


def _arrow_type(name, *parameters):
    import pyarrow as pa

    if name == "dictionary":
        index, values, ordered = parameters
        return pa.dictionary(pa.type_for_alias(index), pa.type_for_alias(values), ordered)
    if name == "string" or name in ("decimal32", "decimal64", "decimal128", "decimal256"):
        return getattr(pa, name)(*parameters)
    raise ValueError(f"{name!r} is no type of Arrow.")


def _described_polars(dtype):
    name = type(dtype).__name__ if not isinstance(dtype, type) else dtype.__name__
    if name == "Enum":
        return {"polars": name, "categories": dtype.categories.to_list()}
    given = {key: getattr(dtype, key) for key in OF_POLARS.get(name, ())}
    return {"polars": name} | given


def _polars_dtype(description):
    import polars as pl

    given = description.copy()
    kind = getattr(pl, given.pop("polars"))
    return kind(given["categories"]) if "categories" in given else kind(**given)

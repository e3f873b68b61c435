"""Kinds of columns: what each is taken for, by its dtype or by what the user says."""

from numbers import Real

import numpy as np

from .columns import family_of, levels_of, numbers_of

KINDS = ("numeric", "categorical", "binary", "count", "datetime")
NUMBERS = ("numeric", "datetime")  # squared error
CATEGORIES = ("categorical", "binary")  # cross-entropy


def asked_kinds(column_types, categorical_features, names):
    """Return the kinds that a user asks for, by the position of the column.

    Parameters
    ----------
    column_types : dict or None
        Kinds by names or positions.
    categorical_features : array-like of bool, int or str, or None
    names : list
        Of the columns.

    Returns
    -------
    asked : dict of int to str

    Raises
    ------
    ValueError
        If there is no such column or no such kind.
    """
    chosen = dict.fromkeys(_chosen(categorical_features, names), "categorical")
    for name, kind in (column_types or {}).items():
        if kind not in KINDS:
            raise ValueError(
                f"column_types={{{name!r}: {kind!r}}} asks for a kind that there is not. Choose "
                f"one of {', '.join(map(repr, KINDS))}."
            )
        chosen[place_of(name, names, "column_types")] = kind
    return chosen


def place_of(name, names, parameter):
    """Return the position of a column that a parameter names; by its name or its position.

    Parameters
    ----------
    name : object
    names : list
    parameter : str
        For the error.
    """
    if name in names:
        return names.index(name)
    if isinstance(name, (int, np.integer)) and 0 <= name < len(names):
        return int(name)
    raise ValueError(
        f"{parameter} names the column {name!r}, which X has not got. Its columns are "
        f"{', '.join(map(repr, names[:10]))}{', ...' if len(names) > 10 else ''}."
    )


def kind_of(series, name, asked=None):
    """Return what a column is taken for.

    Parameters
    ----------
    series : Series
    name : object
        Of the column.
    asked : str or None, default=None
        What the user says it is.

    Raises
    ------
    ValueError
        If it cannot be that.
    """
    family = family_of(series.dtype)
    if family is None:
        raise ValueError(
            f"Complex data not supported: column {name!r} is of {series.dtype}. Make two columns "
            "of it, for example its absolute value and its angle."
        )
    is_bool = str(series.dtype).lower().startswith("bool")
    if asked is None:
        inferred = {"texts": "categorical", "numbers": "numeric"}.get(family, "datetime")
        empty = family == "texts" and series.isna().all() and series.dtype == object
        return "numeric" if empty else "binary" if is_bool else inferred
    reason = _why_not(series, name, asked, family)
    if reason is not None:
        raise ValueError(
            f"column_types={{{name!r}: {asked!r}}}, but the column is of dtype {series.dtype} "
            f"{reason}"
        )
    return asked


def _why_not(series, name, asked, family):
    if asked == "datetime" and family in ("texts", "numbers"):
        return "and has no dates. Convert it before: pandas.to_datetime."
    if asked in ("numeric", "count") and family != "numbers":
        return "and has no numbers. Convert it before: pandas.to_numeric."
    if asked == "binary" and len(levels_of(series, name)) > 2:
        return f"and has {len(levels_of(series, name))} different values. Use 'categorical'."
    if asked == "count" and (numbers_of(series) < 0).any():
        return "and has negative values. Use 'numeric'."
    return None


def _chosen(given, names):
    """Return the positions that a mask, positions or names choose."""
    if given is None:
        return []
    given = np.asarray(given, dtype=object).ravel().tolist()
    if len(given) == len(names) and all(isinstance(item, (bool, np.bool_)) for item in given):
        return np.flatnonzero(given).tolist()
    return [place_of(item, names, "categorical_features") for item in given]


def _number(weight):
    return float(weight) if isinstance(weight, Real) else np.nan  # which is refused


def column_weights(given, names):
    """Return what the columns count.

    Parameters
    ----------
    given : dict, array-like of shape (n_columns,) or None
    names : list

    Raises
    ------
    ValueError
        If it names other columns, or is negative, not finite or zero throughout.
    """
    weights = np.ones(len(names))
    if isinstance(given, dict):
        for name, weight in given.items():
            weights[place_of(name, names, "column_weights")] = _number(weight)
    elif given is not None:
        weights = np.array([_number(weight) for weight in given])
    valid = weights.shape == (len(names),) and np.isfinite(weights).all() and (weights >= 0).all()
    if not valid or not weights.any():
        raise ValueError(
            f"column_weights={given!r} must be numbers of at least 0 for the {len(names)} columns "
            "of X, one of them above 0; or a dict of such numbers by names."
        )
    return weights

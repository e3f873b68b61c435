"""Colouring: what the colour of a row says, by classes or by numbers."""

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

# Petroff (2021), Accessible color sequences for data visualization: apart in every colour vision.
PALETTE = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
SHAPES = ("o", "^", "s")  # of the first ten classes, the second ten, ...
MOST_CLASSES = len(PALETTE) * len(SHAPES)
MISSING, OTHERS = ("0.45", "x"), ("0.82", "o")
FEW = 20  # different whole numbers that may be classes
NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "integer-na")


@dataclass(frozen=True)
class ByClass:
    """Rows in groups: classes, and those that are missing or too many to tell apart."""

    title: str | None
    names: list  # of the groups
    looks: list  # colour and shape of each group
    group: np.ndarray  # of each row


@dataclass(frozen=True)
class ByNumber:
    """Rows with a number each; NaN where it is missing."""

    title: str | None
    values: np.ndarray


class Look(NamedTuple):
    """How rows are drawn, whatever their colours say."""

    density: bool
    cmap: object
    scatter_kwargs: dict


def usual_range(values):
    """Return the range of values, and which ends of it have values beyond.

    It is the whole range, or that from the 1st to the 99th percentile where a few extreme values
    would leave a third of it, or less, to all others.

    Parameters
    ----------
    values : ndarray of shape (n_samples,)
        NaN and infinite ones do not count.

    Returns
    -------
    low, high : float
    extend : {"neither", "min", "max", "both"}
    """
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0, 1.0, "neither"
    ends, inner = (known.min(), known.max()), np.percentile(known, [1, 99])
    low, high = inner if 3 * np.ptp(inner) < np.ptp(ends) else ends
    beyond = bool(ends[0] < low), bool(ends[1] > high)
    extend = {(True, False): "min", (False, True): "max", (True, True): "both"}
    return float(low), float(high), extend.get(beyond, "neither")


def coloring(y, n_samples, classes="auto", title=None, n_looks=MOST_CLASSES):
    """Return what the colours of rows say.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
    n_samples : int
    classes : bool or "auto", default="auto"
        Whether the values are classes. "auto" says so of strings, categories and bools, and of a
        few whole numbers.
    title : str or None, default=None
        What the values are. None for the name of a Series.
    n_looks : int, default=30
        How many classes can be told apart; of more, the largest ones are.

    Returns
    -------
    coloring : ByClass, ByNumber or None

    Raises
    ------
    ValueError
        If y is not one value for each row, or holds neither classes nor numbers.
    """
    if y is None:
        return None
    values = _as_series(y, n_samples)
    title = values.name if title is None else title
    if not (classes == "auto" or isinstance(classes, bool | np.bool_)):
        raise ValueError(f"classes={classes!r} should be True, False or 'auto'.")
    kind = pd.api.types.infer_dtype(values, skipna=True)
    if classes is True or (classes == "auto" and _are_classes(values, kind)):
        return _by_class(title, values, n_looks)
    if kind not in NUMBERS:
        raise ValueError(
            f"y holds values of the kind {kind!r} (dtype {values.dtype}), which are no numbers to "
            "colour by. Pass numbers, such as y.astype('int64') for dates, or use classes=True."
        )
    return ByNumber(title, values.to_numpy(dtype=float, na_value=np.nan))


def looks_of(n_classes):
    """Return colour and shape of so many classes.

    Parameters
    ----------
    n_classes : int

    Returns
    -------
    looks : list of (str, str)
    """
    n = len(PALETTE)
    return [(PALETTE[i % n], SHAPES[i // n]) for i in range(n_classes)]


def _as_series(y, n_samples):
    """Return y as a Series; raise ValueError unless it has one value for each row."""
    shape = y.shape if hasattr(y, "shape") else (len(y),)
    if shape not in ((n_samples,), (n_samples, 1)):
        raise ValueError(
            f"y has the shape {shape}, but there are {n_samples} rows. Pass one value for each."
        )
    if len(shape) == 2:
        y = y.iloc[:, 0] if hasattr(y, "iloc") else np.asarray(y)[:, 0]
    return pd.Series(y, name=getattr(y, "name", None)).reset_index(drop=True)


def _are_classes(values, kind):
    """Whether values are names, or a few whole numbers that come back."""
    if kind in ("string", "categorical", "boolean", "bytes", "mixed", "mixed-integer"):
        return True
    if kind not in NUMBERS:
        return False
    known = values.dropna().to_numpy(dtype=float)
    known = known[np.isfinite(known)]
    if np.any(known != np.floor(known)):
        return False
    return len(pd.unique(known)) <= min(FEW, max(len(known) // 2, 2))


def _by_class(title, values, n_looks):
    kind, kinds = pd.factorize(values)  # -1 is missing
    sizes = np.bincount(kind[kind >= 0], minlength=len(kinds))
    order = _order(kinds, values.dtype)
    kept = order[np.isin(order, np.argsort(-sizes, kind="stable")[:n_looks])]
    names, looks = [_name(kinds[i]) for i in kept], looks_of(len(kept))
    number = np.full(len(kinds) + 1, len(kept))
    number[kept] = np.arange(len(kept))
    if len(kept) < len(kinds):
        names.append(f"{len(kinds) - len(kept)} others")
        looks.append(OTHERS)
    if (kind < 0).any():
        number[-1] = len(names)
        names.append(f"missing ({(kind < 0).sum():,})")
        looks.append(MISSING)
    return ByClass(title, names, looks, number[kind])


def _order(kinds, dtype):
    """Return the order of classes: of their categories, or of their names, numbers as numbers."""
    if isinstance(dtype, pd.CategoricalDtype):
        return np.argsort(dtype.categories.get_indexer(kinds), kind="stable")
    names = [re.split(r"(\d+(?:\.\d+)?)", _name(kind)) for kind in kinds]
    # Texts and numbers alternate, so that like is compared with like: c2 comes before c10.
    keys = [[float(part) if i % 2 else part for i, part in enumerate(name)] for name in names]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=int)


def _name(value):
    """Return the name of a class: 3.0 is 3."""
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)

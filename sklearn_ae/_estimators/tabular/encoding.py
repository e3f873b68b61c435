"""A table as one number per cell, and back: standardised, counted, or the place of a category."""

import numpy as np

from .columns import (
    family_of,
    levels_of,
    numbers_of,
    places_of,
    restored_categories,
    restored_numbers,
)
from .dtypes import described, described_index, dtype_of, index_of
from .frames import Frame, column
from .grain import Grain, grains_from, state_of_grains
from .kinds import CATEGORIES, NUMBERS, asked_kinds, kind_of
from .scaling import scaler_of, scalers_from, state_of_scalers


class Encoding:
    """How the cells of a table become numbers, and numbers cells.

    Numbers and dates are standardised, or brought to a normal distribution by their quantiles where
    their tails are heavy; counts stay what they are; categories become their place among those of
    the training data. What is missing, and a category that those do not have, is NaN.

    Parameters
    ----------
    frame : Frame
    kinds : list of str
    dtypes : list of dtype
        Of the columns, as they are read.
    levels : list of Index or None
        Of each column of categories.
    scalers : list of StandardScaler, QuantileTransformer or None
        Of each column of numbers.
    grains : list of Grain or None
        Of each column of numbers or counts.
    """

    def __init__(self, frame, kinds, dtypes, levels, scalers, grains):
        self.frame = frame
        self.kinds = kinds
        self.dtypes = dtypes
        self.levels = levels
        self.scalers = scalers
        self.grains = grains

    @classmethod
    def of(cls, X, column_types=None, categorical_features=None):
        """Return how a table is encoded.

        Parameters
        ----------
        X : DataFrame or ndarray
        column_types : dict or None, default=None
        categorical_features : array-like or None, default=None
            As for `asked_kinds`.
        """
        frame, parts = Frame.of(X), []
        names = frame.names(X.shape[1])
        asked = asked_kinds(column_types, categorical_features, names)
        for j, name in enumerate(names):
            series = column(X, j)
            kind = kind_of(series, name, asked.get(j))
            levels = levels_of(series, name) if kind in CATEGORIES else None
            numbers = None if kind in CATEGORIES else _checked(numbers_of(series), name)
            scaler = scaler_of(numbers) if kind in NUMBERS else None
            grain = None if numbers is None else Grain.of(numbers, kind == "datetime")
            parts.append((kind, series.dtype, levels, scaler, grain))
        return cls(frame, *map(list, zip(*parts, strict=True)))

    @property
    def names(self):
        """Names of the columns."""
        return self.frame.names(len(self.kinds))

    def kinds_by_name(self):
        """Return the kinds of the columns as a dict."""
        return dict(zip(self.names, self.kinds, strict=True))

    @property
    def sizes(self):
        """How many categories each column has; 1 where it has none."""
        return [1 if levels is None else max(len(levels), 1) for levels in self.levels]

    def encode(self, X, dtype):
        """Return the cells of a table as numbers.

        Parameters
        ----------
        X : DataFrame or ndarray
        dtype : dtype
            Of the numbers.

        Returns
        -------
        cells : ndarray of shape (n_samples, n_columns)

        Raises
        ------
        ValueError
            If a column holds something else than that of `fit`.
        """
        cells = np.empty((X.shape[0], len(self.kinds)), dtype)
        for j, name in enumerate(self.names):
            cells[:, j] = self._encoded(column(X, j), j, name)
        return cells

    def decode(self, cells, index=None):
        """Return the table that numbers stand for, in the dtypes that it had.

        Parameters
        ----------
        cells : ndarray of shape (n_samples, n_columns)
        index : Index or None, default=None
        """
        columns = [self._decoded(cells[:, j], j) for j in range(len(self.kinds))]
        return self.frame.together(columns, index)

    def numbers(self, cells, j):
        """Return a column of numbers in the units of the data.

        Parameters
        ----------
        cells : ndarray of shape (n_samples,)
        j : int
        """
        numbers, scaler = cells.astype(np.float64), self.scalers[j]
        return numbers if scaler is None else scaler.inverse_transform(numbers[:, None])[:, 0]

    def within(self, cells, j):
        """Return a column of numbers, within the range that `fit` has seen; NaN if there is none.

        Parameters
        ----------
        cells : ndarray of shape (n_samples,)
        j : int
        """
        if self.grains[j].is_empty:
            return np.full(len(cells), np.nan)
        return self.grains[j].clipped(self.numbers(cells, j))

    def _encoded(self, series, j, name):
        self._check_family(series, j, name)
        if self.kinds[j] in CATEGORIES:
            places = places_of(series, self.levels[j], name)
            self._check_places(places, series, j, name)
            return np.where(places < 0, np.nan, places)
        numbers = _checked(numbers_of(series), name)
        if self.grains[j].is_empty:  # nothing was learned of such numbers
            return np.full(len(numbers), np.nan)
        if self.kinds[j] == "count":
            if (numbers < 0).any():
                raise ValueError(
                    f"Column {name!r} is one of counts, and has the negative value "
                    f"{np.nanmin(numbers):.6g}. Make it missing, or fit with column_types="
                    f"{{{name!r}: 'numeric'}}."
                )
            return numbers
        return self.scalers[j].transform(numbers[:, None])[:, 0]

    def _decoded(self, cells, j):
        if self.kinds[j] in CATEGORIES:
            is_known = ~np.isnan(cells) & (len(self.levels[j]) > 0)
            places = np.where(is_known, cells, -1).astype(int)
            return restored_categories(places, self.levels[j], self.dtypes[j])
        numbers = self.grains[j].rounded(self.within(cells, j))
        return restored_numbers(numbers, self.dtypes[j])

    def _check_family(self, series, j, name):
        own, given = (family_of(dtype) for dtype in (self.dtypes[j], series.dtype))
        if given != own and self.kinds[j] not in CATEGORIES and not series.isna().all():
            raise ValueError(
                f"Column {name!r} was of dtype {self.dtypes[j]} in fit ({self.kinds[j]}), and is "
                f"of {series.dtype} now. Convert it to {self.dtypes[j]}, or fit anew."
            )

    def _check_places(self, places, series, j, name):
        """Raise ValueError if a column of categories is one of something else altogether."""
        if family_of(series.dtype) == family_of(self.dtypes[j]) or len(self.levels[j]) == 0:
            return
        if (places < 0).all() and not series.isna().all():
            known = ", ".join(map(repr, self.levels[j][:5].tolist()))
            raise ValueError(
                f"Column {name!r} was of dtype {self.dtypes[j]} in fit, with the categories "
                f"{known}, and is of {series.dtype} now, with none of them. Convert it to "
                f"{self.dtypes[j]}, or fit anew."
            )

    def state(self):
        """Return plain values and arrays, from which this is made again."""
        return {
            "frame": self.frame.state(),
            "kinds": self.kinds,
            "dtypes": [described(dtype) for dtype in self.dtypes],
            "levels": [None if part is None else described_index(part) for part in self.levels],
            "scalers": state_of_scalers(self.scalers),
            "grains": state_of_grains(self.grains),
        }

    @classmethod
    def from_state(cls, state):
        """Return what `state` has described."""
        dtypes = [dtype_of(text) for text in state["dtypes"]]
        levels = [None if part is None else index_of(part) for part in state["levels"]]
        for dtype, part in zip(dtypes, levels, strict=True):
            own = getattr(dtype, "categories", part)
            if part is not None and own is not None and not part.isin(own).all():
                raise ValueError("The state of TabularAutoencoder is damaged: its categories.")
        return cls(
            Frame.from_state(state["frame"]),
            state["kinds"],
            dtypes,
            levels,
            scalers_from(state["scalers"]),
            grains_from(state["grains"]),
        )


def _checked(numbers, name):
    if np.isinf(numbers).any():
        raise ValueError(
            f"Input X contains infinity or a value too large for dtype('float64'): column {name!r}."
            " Make such values missing (NaN)."
        )
    return numbers


def dtype_of_cells(X):
    """Return the dtype of the numbers that the cells of a table become.

    Parameters
    ----------
    X : DataFrame or ndarray
    """
    dtype = getattr(X, "dtype", None)
    return dtype if dtype in (np.float32, np.float64) else np.dtype(np.float32)


def check_width(encoding, module, n_features):
    """Raise ValueError unless an encoding and a module are of so many columns, of the same sizes.

    Parameters
    ----------
    encoding : Encoding
    module : TableModule
    n_features : int
    """
    layout = module.cells.layout
    if len(encoding.kinds) != n_features or encoding.sizes != layout.sizes.tolist():
        raise ValueError(
            f"The state of TabularAutoencoder is damaged: its net takes {layout.n_columns} columns "
            f"and n_features_in_={n_features}, with other categories."
        )

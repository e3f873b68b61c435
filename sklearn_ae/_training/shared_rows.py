"""Rows that several processes share: each has its own, and all count through the same numbers."""

import numpy as np
import torch

from .loader import PreparedRows, Rows
from .world import here


class SharedRows(Rows):
    """Some rows of all ranks, of which this one has its part.

    Positions are counted through the ranks, so that all draw the same batches; `take` returns the
    own part of a batch, which may be empty.

    Parameters
    ----------
    own : Rows
        The own part.
    places : range or ndarray of int
        Where the rows of all ranks lie in the own part: positions, with something below 0 or
        beyond the end for rows of others.
    """

    def __init__(self, own, places):
        super().__init__(own.X, own.weight, own.index, own.guide)
        self.own, self.places = own, places

    def __len__(self):
        return len(self.places)

    def take(self, positions):
        """Return the own rows among those at some positions, as `Rows.take` does.

        Parameters
        ----------
        positions : ndarray of int, or slice
        """
        if isinstance(self.places, range):
            if isinstance(positions, slice):
                first, last = np.clip(
                    [self.places[0] + positions.start, self.places[0] + positions.stop],
                    0,
                    len(self.own),
                )
                return self.own.take(slice(int(first), int(last)))
            places = positions + self.places[0]
        else:
            places = self.places[positions]
        return self.own.take(places[(places >= 0) & (places < len(self.own))])

    def prepared(self, step):
        """Return the same rows, as tensors that a step takes as they are.

        Parameters
        ----------
        step : Step
            Written out.
        """
        return SharedRows(PreparedPart(self.own, step), self.places)


class PreparedPart(PreparedRows):
    """Prepared rows whose batches are of many sizes, and lie in the same memory."""

    def _selected(self, parts, positions):
        n_rows = len(positions)
        if n_rows > self.batches.get("room", -1):
            self.batches = {
                "room": n_rows,
                "parts": [part.new_empty(n_rows, part.shape[1]) for part in parts],
            }
        pairs = zip(parts, self.batches["parts"], strict=True)
        return [torch.index_select(part, 0, positions, out=out[:n_rows]) for part, out in pairs]


def shared_rows(X, weight, index):
    """Return rows of all ranks.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Own rows.
    weight : ndarray of shape (n_samples,) or None
    index : ndarray of int or None
        Which of all rows, counted through the ranks.
    """
    counts = here().gather(len(X))
    start = sum(counts[: here().rank])
    if index is None:
        return SharedRows(Rows(X, weight), range(-start, sum(counts) - start))
    own = (index >= start) & (index < start + len(X))
    places = np.where(own, np.cumsum(own) - 1, -1)
    return SharedRows(Rows(X, weight, index[own] - start), places)


class Columns:
    """What the columns of all ranks have in common: their ends, means and variances.

    Parts that are fitted to data ask for these, by the names that arrays have for them.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
        Own rows; as an array this is no more than them.
    """

    def __init__(self, X):
        self.X = X
        self.shape = here().n_rows(X), X.shape[1]
        self.dtype, self.ndim = X.dtype, 2

    def __len__(self):
        return self.shape[0]

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.X, dtype=dtype)

    def min(self, axis=None):
        """Return the smallest values."""
        low, _ = here().extremes(self.X)
        return low if axis == 0 else low.min()

    def max(self, axis=None):
        """Return the largest values."""
        _, high = here().extremes(self.X)
        return high if axis == 0 else high.max()

    def mean(self, axis=None, dtype=None):
        """Return the means."""
        mean = here().mean(self.X.mean(axis=0, dtype=dtype), len(self.X))
        return mean if axis == 0 else mean.mean()

    def var(self, axis=None, dtype=None):
        """Return the variances."""
        mean = here().mean(self.X.mean(axis=axis, dtype=np.float64), len(self.X))
        own = np.square(self.X - mean).mean(axis=axis, dtype=dtype)
        return here().mean(own, len(self.X))

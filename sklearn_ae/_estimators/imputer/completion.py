"""Rows completed: fillings that their columns can hold, in the columns that come out."""

import numpy as np


class Completion:
    """Puts fillings into the gaps of rows.

    Parameters
    ----------
    is_empty : ndarray of bool of shape (n_features,)
        Columns without any value in `fit`.
    keeps_empty : bool
        Whether these come out, filled with 0.
    is_whole : ndarray of bool of shape (n_features,)
        Columns whose fillings are integers.
    limits : ndarray of shape (2, n_features)
        Smallest and largest filling.
    indicator : MissingIndicator or None
        What makes the columns that tell of gaps.
    """

    def __init__(self, is_empty, keeps_empty, is_whole, limits, indicator):
        self.is_empty = is_empty
        self.is_whole = is_whole
        self.kept = np.flatnonzero(~is_empty | keeps_empty)
        self.low = np.where(is_whole, np.ceil(limits[0]), limits[0])
        self.high = np.where(is_whole, np.floor(limits[1]), limits[1])
        self.indicator = indicator

    def complete(self, X, fill, n_fillings=1):
        """Return rows with each of the fillings that are made of the incomplete ones in their gaps.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            NaN at the gaps.
        fill : callable
            Of rows; returns fillings of all their entries.
        n_fillings : int, default=1

        Returns
        -------
        completed : list of ndarray of shape (n_rows, n_features_out)
        """
        gaps, known = np.isnan(X), X.copy()
        known[:, self.is_empty] = 0
        incomplete = gaps[:, ~self.is_empty].any(axis=1)
        indicated = []
        if self.indicator is not None:
            indicated = [self.indicator.transform(X).astype(X.dtype)]
        known = known[incomplete]
        completed = []
        for filling in fill(known) if len(known) else [known] * n_fillings:
            filled = X.copy()
            filled[incomplete] = np.where(gaps[incomplete], self.fitting(filling), X[incomplete])
            filled[:, self.is_empty] = 0
            completed.append(np.hstack([filled[:, self.kept], *indicated]))
        return completed

    def fitting(self, filling):
        """Return values that their columns can hold."""
        return np.clip(np.where(self.is_whole, np.round(filling), filling), self.low, self.high)

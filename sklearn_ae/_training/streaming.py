"""Training on tables that are read in blocks: in which order, and what stands for all rows.

A pass goes through spans of rows in a random order. The rows of 64 spans, a quarter of the data at
most, are shuffled together, and while they are trained on, a thread reads the next ones. So a batch
is made of rows from 64 random places, and not of any rows; what is sorted on disk is mixed all the
same. Chunks larger than a span are read whole, and then the places are fewer.
"""

from functools import partial

import numpy as np
import torch

from .blocks import BlockTable, ahead
from .loader import Rows, as_tensor

BUFFER_VALUES = 2**24  # that are shuffled together, at most
SPANS = 64  # in a buffer


class StreamedRows(Rows):
    """The rows of a table that is read in blocks, without those held out.

    Parameters
    ----------
    X : BlockTable of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None, default=None
    held_out : ndarray of int, default=()
        Positions of the rows that are left out.
    """

    def __init__(self, X, weight=None, held_out=()):
        super().__init__(X, weight)
        self.held_out = np.sort(np.asarray(held_out, dtype=int))

    def __len__(self):
        return len(self.X) - len(self.held_out)

    def __getitem__(self, i):
        """Return one row and its weight, for loaders that know only that; slowly."""
        for position in self.held_out:
            if position > i:
                break
            i += 1
        return self.X[i], 1.0 if self.weight is None else self.weight[i]

    def to_start_from(self):
        """Return those of the table's sample that are not held out."""
        index, rows = self.X.sample
        left = np.flatnonzero(~np.isin(index, self.held_out))
        return Rows(rows, None if self.weight is None else self.weight[index], left)

    def parts(self, slices, generator=None):
        """Yield batches of the sizes of some slices, in a new order if there is a generator.

        Parameters
        ----------
        slices : list of slice
        generator : torch.Generator or None, default=None
        """
        buffers = self._buffers(generator)
        rows = weight = np.empty(0)
        for left in (rows.stop - rows.start for rows in slices):
            taken = []
            while left > 0:
                if len(rows) == 0:
                    rows, weight = next(buffers)
                taken.append((rows[:left], None if weight is None else weight[:left]))
                rows, weight = rows[left:], None if weight is None else weight[left:]
                left -= len(taken[-1][0])
            yield tuple(_joined(parts) for parts in zip(*taken, strict=True))

    def _buffers(self, generator):
        n_values = min(len(self.X) * self.X.shape[1] // 4, BUFFER_VALUES)
        spans, random_state = self.X.spans(n_values // SPANS), None
        if generator is not None:
            seed = torch.randint(2**32, (), generator=generator).item()
            random_state = np.random.RandomState(seed)
            random_state.shuffle(spans)
        n_spans = max(n_values * len(spans) // (len(self.X) * self.X.shape[1]), 1)
        groups = [spans[i : i + n_spans] for i in range(0, len(spans), n_spans)]
        return ahead(partial(self._buffer, random_state), groups)

    def _buffer(self, random_state, spans):
        """Return the rows of some spans that are not held out, shuffled, and their weights."""
        index = np.concatenate([np.arange(*span) for span in spans])
        order = np.flatnonzero(~np.isin(index, self.held_out, assume_unique=True))
        if random_state is not None:
            random_state.shuffle(order)
        place = np.full(len(index), -1)
        place[order] = np.arange(len(order))
        rows, n_read = np.empty((len(order), self.X.shape[1]), self.X.dtype), 0
        for start, stop in spans:
            here = place[n_read : n_read + stop - start]
            rows[here[here >= 0]] = self.X.read((start, stop))[here >= 0]
            n_read += stop - start
        return rows, None if self.weight is None else self.weight[index[order]]


def _joined(parts):
    if parts[0] is None:
        return None
    return as_tensor(parts[0] if len(parts) == 1 else np.concatenate(parts))


def all_rows(X, weight):
    """Return all rows of an array or a table, to be trained on.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    """
    return StreamedRows(X, weight) if isinstance(X, BlockTable) else Rows(X, weight)


def representative(X, weight):
    """Return rows that stand for all where all are not asked, and their weights.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    X : ndarray or SparseTable
        What is given, unless it is read in blocks.
    weight : ndarray or None
    """
    if not isinstance(X, BlockTable):
        return X, weight
    index, rows = X.sample
    return rows, None if weight is None else weight[index]


def split_stream(X, weight, n_held_out, seed):
    """Return the rows of a table to train on, and some of its sample that are held out.

    Parameters
    ----------
    X : BlockTable of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    n_held_out : int
        At most half of the sample.
    seed : int

    Returns
    -------
    rows : StreamedRows
    held_out : Rows
    """
    index, sample = X.sample
    order = np.random.RandomState(seed).permutation(len(index))
    chosen = order[: min(n_held_out, len(index) // 2)]
    held_out = Rows(sample, None if weight is None else weight[index], chosen)
    return StreamedRows(X, weight, index[chosen]), held_out

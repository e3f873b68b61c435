"""Batches of the rows of an array or a table, without per-row Python."""

from itertools import islice, pairwise

import numpy as np
import torch
from torch.utils.data import Dataset

from .tables import Table, rows_at_a_time

FEW_ROWS = 64
ROUND = 50  # steps, after which a training that counts steps is told of


class Rows(Dataset):
    """Some rows of an array, and their weights, without a copy.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
        May be read-only or memory-mapped.
    weight : ndarray of shape (n_samples,) or None
        Weights of all rows of X.
    index : ndarray of int or None
        Which rows; None for all of them.
    guide : ndarray of shape (n_rows, n_values) or None
        What the objective is told of each of these rows.
    """

    def __init__(self, X, weight=None, index=None, guide=None):
        self.X = X
        self.weight = weight
        self.index = index
        self.guide = guide

    def __len__(self):
        return len(self.X) if self.index is None else len(self.index)

    def __getitem__(self, i):
        """Return one row and its weight, for loaders that know only that."""
        i = i if self.index is None else self.index[i]
        return np.array(self.X[i]), 1.0 if self.weight is None else self.weight[i]

    def placed(self, order):
        """Return positions, drawn by torch, as `take` takes them without delay."""
        return order.numpy()

    def weights(self):
        """Return the weights of all rows of X: zero for those that are not among these."""
        weights = np.zeros(len(self.X))
        chosen = slice(None) if self.index is None else self.index
        weights[chosen] = 1.0 if self.weight is None else self.weight[chosen]
        return weights

    def take(self, positions):
        """Return the rows at some positions, their weights and their guide if any, as tensors.

        Parameters
        ----------
        positions : ndarray of int, or slice
        """
        guide = () if self.guide is None else (as_tensor(self.guide[positions]),)
        if self.index is not None:
            positions = self.index[positions]
        weight = None if self.weight is None else as_tensor(self.weight[positions])
        if isinstance(positions, slice):
            return as_tensor(self.X[positions]), weight, *guide
        return as_tensor(self.X.take(positions, axis=0)), weight, *guide  # faster than X[positions]

    def parts(self, slices, generator=None):
        """Yield the rows at some slices, of a new order if there is a generator and more than one.

        Parameters
        ----------
        slices : list of slice
        generator : torch.Generator or None, default=None
        """
        order = None
        if generator is not None and len(slices) > 1:
            order = self.placed(torch.randperm(len(self), generator=generator))
        for rows in slices:
            yield self.take(rows if order is None else order[rows])

    def to_start_from(self):
        """Return rows that a training can start from, in memory as far as data are."""
        return self


class PreparedRows(Rows):
    """The same rows, as tensors that a step takes as they are; a batch lasts until the next one.

    Parameters
    ----------
    rows : Rows
    step : Step
        Written out.
    """

    def __init__(self, rows, step):
        chosen = slice(None) if rows.index is None else rows.index
        weight = None if rows.weight is None else rows.weight[chosen]
        values = step.flat.values
        self.X = step.prepare(as_tensor(rows.X[chosen]))
        self.weight, self.guide = (
            None if part is None else as_tensor(part).to(values) for part in (weight, rows.guide)
        )
        self.index = None
        self.batches = {}

    def placed(self, order):
        """Return positions, drawn by torch, where the rows are: once for all batches of a pass."""
        return order.to(self.X.device)

    def take(self, positions):
        """Return the rows at some positions, their weights and their guide if any.

        Parameters
        ----------
        positions : ndarray or tensor of int, or slice
        """
        parts = [self.X] if self.guide is None else [self.X, self.guide]
        if isinstance(positions, slice):
            X, *guide = (part[positions] for part in parts)
        else:
            positions = torch.as_tensor(positions).to(self.X.device, non_blocking=True)
            X, *guide = self._selected(parts, positions)
        return X, None if self.weight is None else self.weight[positions], *guide

    def _selected(self, parts, positions):
        n_rows = len(positions)
        if n_rows not in self.batches:
            self.batches[n_rows] = [part.new_empty(n_rows, part.shape[1]) for part in parts]
        pairs = zip(parts, self.batches[n_rows], strict=True)
        return [torch.index_select(part, 0, positions, out=out) for part, out in pairs]


class Batches:
    """Iterate over the rows of a data set in batches of nearly equal size.

    Parameters
    ----------
    dataset : Rows
    batch_size : int
        Largest batch.
    generator : torch.Generator or None, default=None
        Draws a new order in every pass; None keeps the order. A single batch is not reordered.
    """

    def __init__(self, dataset, batch_size, generator=None):
        self.dataset = dataset
        self.batch_size = batch_size
        self.generator = generator
        n_batches = -(-len(dataset) // self.batch_size)
        # Equal sizes: a last batch of one row would be a noisy step, and batch norm refuses it.
        edges = np.linspace(0, len(dataset), n_batches + 1).astype(int)
        self.slices = [slice(start, stop) for start, stop in pairwise(edges)]

    def __len__(self):
        return len(self.slices)

    def __iter__(self):
        yield from self.dataset.parts(self.slices, self.generator)


class Steps(Batches):
    """Iterate over rounds of batches until there have been so many, however few rows there are.

    Each pass over this object is one round, which goes on where the last one ended.

    Parameters
    ----------
    dataset : Rows
    batch_size : int
        Largest batch.
    n_steps : int
        How many batches there are in all rounds.
    generator : torch.Generator or None, default=None
        Draws a new order for every pass over the rows.
    n_per_round : int, default=50
    n_done : int, default=0
        How many of them there have been.
    """

    def __init__(self, dataset, batch_size, n_steps, generator=None, n_per_round=ROUND, n_done=0):
        super().__init__(dataset, batch_size, generator)
        self.n_left = n_steps - n_done
        self.n_per_round = n_per_round
        self.batches = islice(self._endless(), n_done, None)

    def _endless(self):
        while True:
            yield from super().__iter__()

    def __iter__(self):
        n_steps = min(self.n_per_round, self.n_left)
        self.n_left -= n_steps
        yield from islice(self.batches, n_steps)


def parts_of(rows):
    """Return batches of some rows in their order, as large as memory allows.

    Parameters
    ----------
    rows : Rows
    """
    return Batches(rows, rows_at_a_time(rows.X) if isinstance(rows.X, Table) else len(rows))


def rows_of(rows):
    """Return some rows of an array as an array."""
    return rows.X if rows.index is None else rows.X[rows.index]


def as_tensor(array):
    """Return a tensor on the same memory; a copy where torch cannot use that memory."""
    if not array.flags.writeable or min(array.strides, default=0) < 0:
        array = np.array(array, order="C")
    return torch.from_numpy(array)


def merge_equal_rows(X, weight):
    """Return the different rows of X and the sums of their weights.

    With few rows it matters which of them are held out. Afterwards a row of weight 2 and two equal
    rows are the same data, in the same order.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    rows : ndarray of shape (n_different, n_features)
    weight : ndarray of shape (n_different,)
    """
    rows, group = np.unique(X, axis=0, return_inverse=True)
    return rows, np.bincount(group.ravel(), weights=weight).astype(X.dtype)


def counted_rows(X, weight):
    """Return the rows of X that count, and their weights of mean 1 or None if all are equal.

    Parameters
    ----------
    X : ndarray or Table of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    rows : ndarray or Table of shape (n_counted, n_features)
    weight : ndarray of shape (n_counted,) or None
    """
    if len(X) <= FEW_ROWS:
        X, weight = merge_equal_rows(X[:], weight)
    if weight is None or np.all(weight == weight[0]):
        return X, None
    if isinstance(X, Table):
        return X.counted(weight)
    counts = weight > 0
    if not counts.all():
        X, weight = X[counts], weight[counts]
    return X, weight / weight.mean()

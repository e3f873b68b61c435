"""Arrays on disk, or in chunks, as tables: read in blocks, checked, and never held as a whole."""

import mmap
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .tables import Table

READ_VALUES = 2**20  # that a pass from the first row to the last reads at a time
FEW_ROWS = 20_000  # that an eighth of the table is too few to stand for
SAMPLE_ROWS = 100_000  # that stand for all where all are not asked, at most
SAMPLE_VALUES = 2**25
SAMPLE_SPANS = 256  # that they are drawn from


class Census(NamedTuple):
    """What one pass has found in the columns of a table."""

    mean: np.ndarray
    variance: np.ndarray
    low: np.ndarray
    high: np.ndarray


class BlockTable(Table):
    """The rows of an array that is read in blocks: memory-mapped, of HDF5, of zarr, of Dask.

    Parameters
    ----------
    array : array-like of shape (n_samples, n_features)
        Has ``shape``, ``dtype`` and slices of rows. A chunk, if it has ``chunks``, is read whole.
    """

    def __init__(self, array):
        # What float32 holds exactly becomes float32: float64 would take twice the memory.
        super().__init__(tuple(map(int, array.shape)), np.result_type(array.dtype, np.float32))
        self.array = array
        self._last = (0, 0, None)

    def __getitem__(self, rows):
        """Return rows as a new dense array."""
        if isinstance(rows, (int, np.integer)):
            return self[[rows]][0]
        if not isinstance(rows, slice):
            return self._selected(np.asarray(rows))
        start, stop, step = rows.indices(len(self))
        if step != 1:
            return self._selected(np.arange(start, stop, step))
        found = np.empty((max(stop - start, 0), self.shape[1]), self.dtype)
        while start < stop:
            first, last, block = self._block_at(start)
            end = min(stop, last)
            found[len(found) - (stop - start) :][: end - start] = block[start - first : end - first]
            start = end
        return found

    def spans(self, n_values):
        """Return where to cut the rows into parts of about so many values, and of whole chunks.

        Parameters
        ----------
        n_values : int

        Returns
        -------
        spans : list of tuple of int
            First row, and the one behind the last.
        """
        n_rows = max(n_values // self.shape[1], 1)
        chunk = 1 if getattr(self.array, "chunks", None) is None else self.array.chunks[0]
        if isinstance(chunk, tuple):  # of Dask, whose chunks may differ
            starts = np.cumsum((0, *chunk[:-1]))
            starts = starts[np.diff(starts // n_rows, prepend=-1) > 0]
        else:
            starts = np.arange(0, len(self), chunk * max(n_rows // chunk, 1))
        return list(pairwise([*starts.tolist(), len(self)]))

    def read(self, span):
        """Return the rows of a span as a new dense array, after a look at them.

        Parameters
        ----------
        span : tuple of int

        Raises
        ------
        ValueError
            If there is NaN or infinity among the values.
        """
        start, stop = span
        block = np.array(self.array[start:stop], dtype=self.dtype, order="C")
        forget_pages(self.array, start, stop)
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(block.sum()) or np.isfinite(block).all():
                return block
        bad = "NaN" if np.isnan(block).any() else f"infinity or a value too large for {self.dtype}"
        raise ValueError(
            f"Input X contains {bad}, in the rows {start} to {stop - 1}. "
            "sklearn_ae.AutoencoderImputer fills gaps, of data in memory."
        )

    def pieces(self):
        """Yield the rows from the first to the last, a dense array of some at a time."""
        return ahead(self.read, self.spans(READ_VALUES))

    def check(self):
        """Raise ValueError if there is NaN or infinity among the values."""
        self.census  # noqa: B018

    @cached_property
    def census(self):
        """Mean, variance, smallest and largest value of each column, in one pass."""
        n_features = self.shape[1]
        centre, low, high = None, np.inf, -np.inf
        apart, squares = np.zeros(n_features), np.zeros(n_features)
        for rows in self.pieces():
            if centre is None:
                centre = rows.mean(axis=0, dtype=np.float64)
            shifted = rows - centre
            apart += shifted.sum(axis=0)
            squares += np.einsum("ij,ij->j", shifted, shifted)
            low, high = np.minimum(low, rows.min(axis=0)), np.maximum(high, rows.max(axis=0))
        shift = apart / len(self)
        variance = np.maximum(squares / len(self) - shift**2, 0)
        return Census(centre + shift, np.where(low == high, 0, variance), low, high)

    @cached_property
    def sample(self):
        """Some rows from all over the table, in their order: where they are, and what they are."""
        most = min(SAMPLE_ROWS, max(SAMPLE_VALUES // self.shape[1], 1))
        n_rows = min(max(len(self) // 8, FEW_ROWS), most, len(self))
        spans, random_state = self.spans(READ_VALUES), np.random.RandomState(0)
        if n_rows < len(self):
            some = random_state.permutation(len(spans))[:SAMPLE_SPANS]
            spans = [spans[i] for i in np.sort(some)]
        n_there = np.diff(spans, axis=1).ravel()
        shares = np.cumsum((0, *n_there)) * min(n_rows / n_there.sum(), 1)
        n_taken = np.diff(np.round(shares).astype(int))
        index = [
            start + np.sort(random_state.permutation(stop - start)[:n])
            for (start, stop), n in zip(spans, n_taken, strict=True)
        ]
        blocks = ahead(self.read, spans)
        rows = [
            block[chosen - start]
            for block, chosen, (start, _) in zip(blocks, index, spans, strict=True)
        ]
        return np.concatenate(index), np.concatenate(rows)

    def min(self, axis=None):
        """Return the smallest value, or that of each column."""
        return self.census.low if axis == 0 else self.census.low.min()

    def max(self, axis=None):
        """Return the largest value, or that of each column."""
        return self.census.high if axis == 0 else self.census.high.max()

    def mean(self, axis=0, dtype=np.float64):
        """Return the mean of each column."""
        return self.census.mean

    def var(self, axis=0, dtype=np.float64):
        """Return the variance of each column."""
        return self.census.variance

    def counted(self, weight):
        """Return all rows, and weights of mean 1; those of weight 0 are passed without effect."""
        return self, weight / weight.mean()

    def _block_at(self, row):
        """Return a block with a row in it, where it begins and where it ends."""
        if not self._last[0] <= row < self._last[1]:
            starts = self._starts
            start, stop = self._spans[np.searchsorted(starts, row, side="right") - 1]
            self._last = start, stop, self.read((start, stop))
        return self._last

    @cached_property
    def _spans(self):
        return self.spans(READ_VALUES)

    @cached_property
    def _starts(self):
        return np.array([start for start, _ in self._spans])

    def _selected(self, rows):
        if rows.dtype == bool:
            rows = np.flatnonzero(rows)
        rows = np.where(rows < 0, rows + len(self), rows).astype(int)
        found = np.empty((len(rows), self.shape[1]), self.dtype)
        order = np.argsort(rows, kind="stable")
        n_done = 0
        while n_done < len(rows):
            start, stop, block = self._block_at(rows[order[n_done]])
            n_here = np.searchsorted(rows[order], stop) - n_done
            here = order[n_done : n_done + n_here]
            found[here] = block[rows[here] - start]
            n_done += n_here
        return found


def ahead(function, arguments):
    """Yield what a function returns for each argument; a thread computes the next one meanwhile.

    Parameters
    ----------
    function : callable
    arguments : iterable
    """
    with ThreadPoolExecutor(1) as pool:
        pending = None
        for argument in arguments:
            upcoming = pool.submit(function, argument)
            if pending is not None:
                yield pending.result()
            pending = upcoming
        if pending is not None:
            yield pending.result()


def in_chunks(X):
    """Whether X is an array that says in which chunks it is kept: of h5py, zarr, Dask, xarray.

    Parameters
    ----------
    X : object
    """
    return all(hasattr(X, name) for name in ("chunks", "dtype", "shape", "__getitem__"))


def mapped_file(array):
    """Return the file that an array is a view of, if it is memory-mapped and shared, or None.

    Parameters
    ----------
    array : object

    Returns
    -------
    mapped : mmap.mmap or None
    """
    while isinstance(array, np.ndarray):
        if isinstance(array, np.memmap) and array._mmap is not None and array.mode != "c":
            return array._mmap
        array = array.base
    return None


def forget_pages(array, start, stop):
    """Let the system take back the memory of rows of a mapped file, which have been copied.

    What has been written to them stays in the file. Without this a process seems to own as much
    memory as it has read of the file, until the system runs short of it.

    Parameters
    ----------
    array : array-like
        Nothing happens unless it is memory-mapped.
    start, stop : int
        The first row, and the one behind the last.
    """
    mapped = mapped_file(array)
    if mapped is None or not hasattr(mmap, "MADV_DONTNEED") or min(array.strides) <= 0:
        return
    rows = array[start:stop]
    first = rows.ctypes.data - np.frombuffer(mapped, np.uint8).ctypes.data
    last = first + sum((n - 1) * step for n, step in zip(rows.shape, rows.strides, strict=True))
    first -= first % mmap.PAGESIZE
    mapped.madvise(mmap.MADV_DONTNEED, first, last + rows.itemsize - first)

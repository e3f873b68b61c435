"""Where the columns of a table stand in what an encoder is given and a decoder puts out."""

import numpy as np

from .kinds import CATEGORIES, NUMBERS

MAX_ONE_HOT = 60  # categories; a column of more has an embedding
EMBEDDING = 16  # width, at most


class Layout:
    """The columns of a table by what is done with them.

    A decoder puts out a number for each number and for each count, one for each category, and an
    embedding for each column of many categories, in this order.

    Parameters
    ----------
    kinds : sequence of str
        Of the columns.
    sizes : sequence of int
        How many categories they have.

    Attributes
    ----------
    numbers, counts, few, many : ndarray of int
        Columns of numbers, of counts, of few categories and of many; those of few by their number.
    widths : ndarray of int of shape (n_columns,)
        How many of the decoder's outputs each column has.
    groups : list of (int, int)
        How many columns of few categories have the same number of them, and that number.
    owner : ndarray of int
        The column of each of the decoder's outputs.
    """

    def __init__(self, kinds, sizes):
        self.sizes = np.asarray(sizes)
        is_category = np.isin(kinds, CATEGORIES)
        self.numbers = np.flatnonzero(np.isin(kinds, NUMBERS))
        self.counts = np.flatnonzero(np.asarray(kinds) == "count")
        few = np.flatnonzero(is_category & (self.sizes <= MAX_ONE_HOT))
        self.few = few[np.argsort(self.sizes[few], kind="stable")]
        self.many = np.flatnonzero(is_category & (self.sizes > MAX_ONE_HOT))
        self.widths = np.where(is_category, self.sizes, 1)
        self.widths[self.many] = EMBEDDING
        different, n_columns = np.unique(self.sizes[self.few], return_counts=True)
        self.groups = list(zip(n_columns.tolist(), different.tolist(), strict=True))
        self.order = np.r_[self.numbers, self.counts, self.few, self.many].astype(int)
        self.owner = np.repeat(self.order, self.widths[self.order])
        self.parts = [
            int(self.widths[part].sum()) for part in (self.numbers, self.counts, self.few)
        ]

    @property
    def n_columns(self):
        """How many columns there are."""
        return len(self.sizes)

    @property
    def n_outputs(self):
        """How many numbers a decoder puts out."""
        return len(self.owner)

    @property
    def n_inputs(self):
        """How many numbers an encoder is given: as many, and a mask of the columns."""
        return self.n_outputs + self.n_columns

    @property
    def few_starts(self):
        """Where the categories of each column of few begin among all of these."""
        ends = np.cumsum(self.sizes[self.few])
        return ends - self.sizes[self.few]

"""The processes that train one model together, and what they have to agree on: one, as a rule.

Rows are divided among the processes (*ranks*), each of which sees its own. Whatever the engine
finds out about rows it passes through the `World` that it is in, `here`: a mean over the rows
becomes that over the rows of all ranks, and so does the gradient of a step. For one process all
this is the identity. `ranks` has the world of several.
"""

from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from .loader import Rows, counted_rows
from .streaming import all_rows


class World:
    """One process, which agrees with itself.

    Attributes
    ----------
    rank, size : int
        Which process this is, and how many there are.
    """

    rank, size = 0, 1

    def agreeing(self):
        """Return a context; if it fails on one rank, it fails on all of them."""
        return nullcontext()

    def lockstep(self):
        """Return a context in which no rank is ever long in coming."""
        return nullcontext()

    def counted(self, X, weight):
        """Return the own rows that count, and their weights; as `counted_rows`.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        weight : ndarray of shape (n_samples,) or None
        """
        return counted_rows(X, weight)

    def n_rows(self, X):
        """Return how many rows the ranks have together.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Own rows.
        """
        return len(X)

    def rows(self, X, weight=None, index=None):
        """Return `Rows`, of which a batch is the own part of the batch of all ranks.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Own rows.
        weight : ndarray of shape (n_samples,) or None, default=None
        index : ndarray of int or None, default=None
            Which rows, counted through the ranks.
        """
        return all_rows(X, weight) if index is None else Rows(X, weight, index)

    def columns(self, X):
        """Return what tells of the columns of all rows, as an array tells of its own."""
        return X

    def sum(self, value):
        """Return the sum over the ranks of a number, an array or a tensor."""
        return value

    def mean(self, value, count):
        """Return the mean over all rows, from that over the own ones and how much these count."""
        return value

    def extremes(self, X):
        """Return the smallest and the largest value of each column."""
        return X.min(axis=0), X.max(axis=0)

    def concat(self, array):
        """Return the rows of an array or a tensor of all ranks, one rank after another."""
        return array

    def gather(self, value):
        """Return a list of what each rank has for a picklable value."""
        return [value]

    def same(self, value):
        """Return the value of the first rank."""
        return value

    def told_once(self, messages):
        """Return what to tell the user of all ranks on this one: nothing, but for the first."""
        return messages

    def own_seed(self, seed):
        """Return a seed for what each rank draws for its own rows."""
        return seed

    def agree(self, module):
        """Give a module the weights that it has on the first rank."""

    def average(self, gradients, value, n_rows):
        """Make gradients those of the batch of all ranks, and return its value.

        Parameters
        ----------
        gradients : list of Tensor
            Of means over the own part of the batch. Changed in place.
        value : Tensor of shape ()
            Such a mean.
        n_rows : int
            In the own part.
        """
        return value


_alone = World()
_here = ContextVar("world", default=None)


def here():
    """Return the world of the fit under way."""
    return _here.get() or _alone


@contextmanager
def inside(world):
    """Make a world that of the block.

    Parameters
    ----------
    world : World
    """
    token = _here.set(world)
    try:
        yield world
    finally:
        _here.reset(token)

"""Whole numbers, as parameters ask for them; True and False are none."""

from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval


def is_whole(value, at_least=1):
    """Return whether a value is an integer of at least so much, and not a bool.

    To Python a bool is an integer. To torch it is none, and whoever writes ``n_components=True``
    means something else than 1.

    Parameters
    ----------
    value : object
    at_least : int, default=1
    """
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= at_least


def positive_integers(given):
    """Return one or more integers as a list; None if that is not what they are."""
    values = np.atleast_1d(np.asarray(given, dtype=object))  # [True, 8] would become [1, 8]
    valid = values.ndim == 1 and all(map(is_whole, values))
    return [int(value) for value in values] if valid else None


class Whole(Interval):
    """Constraint of a parameter to integers of at least so much, as scikit-learn states them.

    Parameters
    ----------
    at_least : int, default=1
    """

    def __init__(self, at_least=1):
        super().__init__(Integral, at_least, None, closed="left")

    def is_satisfied_by(self, val):
        return is_whole(val, self.left)

"""What values a column of numbers has: their range, and the steps in which its dates go."""

import numpy as np

STEPS = (86400.0, 3600.0, 60.0, 1.0)  # seconds


class Grain:
    """The values that a column may have.

    Parameters
    ----------
    low, high : float
        The smallest and the largest value; NaN if there is none.
    step : float, default=0
        Values are whole multiples of it, from the smallest one on. 0 if they are any.
    """

    def __init__(self, low, high, step=0.0):
        self.low = low
        self.high = high
        self.step = step

    @classmethod
    def of(cls, numbers, is_date=False):
        """Return the grain of a column.

        Parameters
        ----------
        numbers : ndarray of shape (n_samples,)
            NaN where they are missing.
        is_date : bool, default=False
            Whether they are seconds of dates or durations: those of days stay days.
        """
        known = numbers[~np.isnan(numbers)]
        if len(known) == 0:
            return cls(np.nan, np.nan)
        low = known.min()
        steps = [step for step in STEPS if is_date and not np.mod(known - low, step).any()]
        return cls(low, known.max(), steps[0] if steps else 0.0)

    @property
    def is_empty(self):
        """Whether no value is known."""
        return bool(np.isnan(self.low))

    def clipped(self, numbers):
        """Return numbers, the nearest within the range."""
        return numbers if self.is_empty else np.clip(numbers, self.low, self.high)

    def rounded(self, numbers):
        """Return numbers, the nearest of the steps."""
        if not self.step:
            return numbers
        return self.low + np.round((numbers - self.low) / self.step) * self.step


def state_of_grains(grains):
    """Return an array that `grains_from` makes grains of.

    Parameters
    ----------
    grains : list of Grain or None
    """
    nothing = Grain(np.nan, np.nan, np.nan)
    parts = [nothing if grain is None else grain for grain in grains]
    return np.array([[grain.low, grain.high, grain.step] for grain in parts])


def grains_from(state):
    """Return the grains that `state_of_grains` has described.

    Parameters
    ----------
    state : ndarray of shape (n_columns, 3)
    """
    return [None if np.isnan(row[2]) else Grain(*map(float, row)) for row in state]

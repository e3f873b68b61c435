"""Whether chance alone explains a gain: the test that all decisions on held-out rows share."""

from math import sqrt

import numpy as np
from scipy.special import stdtr


def chance(gains, fewest=2):
    """Return how likely chance alone made the mean of gains positive: a one-sided t test.

    Parameters
    ----------
    gains : ndarray of shape (n_rows,)
        By how much each row is better.
    fewest : int, default=2
        Rows below which no test says anything.

    Returns
    -------
    p_value : float
        1 where nothing can be said.
    """
    n = len(gains)
    with np.errstate(invalid="ignore"):  # of what is infinite nothing is known
        if n < fewest or gains.std() == 0:
            return 1.0
        return float(stdtr(n - 1, -gains.mean() / (gains.std(ddof=1) / sqrt(n))))

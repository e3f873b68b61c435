"""What is done to cells in training before the encoder sees them."""

import torch
from sklearn.base import BaseEstimator

from ...corruptions import SwapNoise


class HideCells(BaseEstimator):
    """Make cells missing, each with the same probability.

    Parameters
    ----------
    fraction : float
        Probability that a cell is hidden, in [0, 1].
    """

    def __init__(self, fraction):
        self.fraction = fraction

    def __call__(self, x, generator):
        """Return a copy of x with NaN at what is hidden."""
        hidden = torch.empty_like(x).uniform_(generator=generator) < self.fraction
        return x.masked_fill(hidden, torch.nan)


class SwapAndHide(BaseEstimator):
    """Swap cells, and hide cells of some of the rows, so that a net learns to do without them.

    Half of the rows lose a share of their cells that is drawn anew for each.

    Parameters
    ----------
    fraction : float
        Probability that a cell takes the value of another row, in [0, 1].
    most : float
        Share of the cells of a row that is hidden, at most.
    """

    def __init__(self, fraction, most):
        self.fraction = fraction
        self.most = most

    def __call__(self, x, generator):
        """Return a corrupted copy of x."""
        swapped = SwapNoise(self.fraction)(x, generator)
        share = torch.empty_like(x[:, :1]).uniform_(-self.most, self.most, generator=generator)
        hidden = torch.empty_like(x).uniform_(generator=generator) < share
        return swapped.masked_fill(hidden, torch.nan)


class HideShares(BaseEstimator):
    """Hide a share of the cells of each row that is drawn anew for each.

    Parameters
    ----------
    least, most : float
        Between which it is drawn.
    """

    def __init__(self, least, most):
        self.least = least
        self.most = most

    def __call__(self, x, generator):
        """Return a copy of x with NaN at what is hidden."""
        share = torch.empty_like(x[:, :1]).uniform_(self.least, self.most, generator=generator)
        return x.masked_fill(torch.empty_like(x).uniform_(generator=generator) < share, torch.nan)


NARROW, WIDE = 0.02, 0.15  # what "auto" is for a code narrower than the table, and for others
MOST_HIDDEN = 0.3


def noise_of(noise, level, is_wide):
    """Return what damages cells, or None.

    Parameters
    ----------
    noise : {"swap", "masking"}
    level : float or "auto"
    is_wide : bool
        Whether the code is at least as wide as the table.
    """
    if level == "auto":
        level = WIDE if is_wide else NARROW
    if level == 0:
        return None
    return HideCells(level) if noise == "masking" else SwapAndHide(level, MOST_HIDDEN)

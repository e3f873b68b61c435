"""Columns that a net says no more of than the constant model: there, that one is what is said."""

import numpy as np
import torch

from ..._training.chance import chance
from .module import in_small_batches

SURE = 0.01  # of a gain over the constant model on held-out rows
CLEAR = 0.2  # share of what the constant model loses: no test is needed
MANY = 20  # cells, from which on this holds
FEW = 8  # rows: where there are no more of them, a single cell decides


@torch.no_grad()
def fall_back(module, X):
    """Let the constant model have the columns in which held-out rows are not better without it.

    Either in all respects, where the loss is no smaller; or in which category is the likeliest,
    where that one is right no more often than the most frequent one.

    Parameters
    ----------
    module : TableModule
    X : ndarray of shape (n_samples, n_columns)
        Rows that nothing was learned from.
    """
    cells = module.cells
    own, constant, right, most = _judged(module, X)
    for j in range(X.shape[1]):
        where = cells.index("owner") == j
        known = ~np.isnan(X[:, j])
        enough = known.sum() > 1 or len(X) < FEW
        if not enough or not is_better(own[known, j], constant[known, j]):
            cells.free[where] = 0
        if cells.layout.sizes[j] > 1 and not is_better(-right[known, j], -most[known, j]):
            cells.told[where] = 0


def is_better(losses, others):
    """Whether some losses are smaller than others of the same rows, beyond chance.

    Parameters
    ----------
    losses, others : ndarray of shape (n_samples,)
    """
    gain = others - losses
    if len(gain) < 2 or gain.std() == 0:
        return len(gain) > 0 and gain.mean() > 0
    if len(gain) >= MANY and others.mean() > 0 and gain.mean() > CLEAR * others.mean():
        return True  # a few large values make a test of squared errors blind
    return chance(gain) < SURE


def _judged(module, X):
    """Return losses of the net and of the constant model, and whether the likeliest is right."""
    cells = module.cells

    def judged(x):
        natural = module(x).reconstruction
        constant = cells.constant.expand_as(natural)
        losses = [cells.losses(natural, x), cells.constant_losses(x)]
        right = [(cells.cells(part) == x).to(x.dtype) for part in (natural, constant)]
        return torch.stack([*losses, *right], dim=1)

    return np.moveaxis(in_small_batches(judged, X, module, 4, X.shape[1]), 1, 0).astype(float)

"""Which linear model fills hidden entries best: one of how many factors, or of any covariance."""

from math import ceil

import numpy as np
import torch
from sklearn.utils import gen_batches

from ..._training.loader import as_tensor, rows_of
from ..._training.tables import ROWS_AT_A_TIME
from .full_normal import FullNormal, fit_full_normal
from .gaps import HideEntries
from .low_rank import fit_low_rank_normal

RANKS = (0, 2, 4, 8, 16, 24)  # tried until the error at hidden entries rises
FEW_ROWS = 300  # up to so many rows, all of them are judged, each by models of the others
N_FOLDS = 5
RANK_ROWS = 1000  # rows that the rank of the linear model is chosen on
RANK_ITER = 10
LINEAR_ROWS = 10_000  # rows that it is fitted to, at most
LINEAR_ITER = 20
REFIT_ITER = 5
NOISES = (0.0, 0.03, 0.3)  # added to all variances of a model of any covariance
MOST_FEATURES = 1000  # that such a model is tried for
N_JUDGED = 500  # rows that are judged by at least: the same ones with other gaps if need be


def fit_linear(rows, held_out, seed, few_factors=False):
    """Return the linear model that fills hidden entries of other rows best.

    Parameters
    ----------
    rows : Rows
        What it is fitted to.
    held_out : Rows or None
    seed : int
    few_factors : bool, default=False
        Whether models of any covariance are left out, which cost too much in each step of a net.

    Returns
    -------
    model : LowRankNormal or FullNormal
        In double precision.
    """
    own = np.random.RandomState(seed).permutation(rows_of(rows).astype(float))
    pairs = _pairs(own, held_out)
    hidden = [hide(judged, seed, N_JUDGED // len(pairs)) for _, judged in pairs]
    best, rank, start = _best_rank(pairs, hidden)
    n_learned = min((len(learned) for learned, _ in pairs), default=0)
    if not few_factors and 1 < own.shape[1] < min(n_learned, MOST_FEATURES + 1):
        models = [fit_full_normal(learned[:LINEAR_ROWS]) for learned, _ in pairs]
        for noise in NOISES:
            noisy = [model.with_noise(noise) for model in models]
            error = sum(map(squared_error, noisy, hidden))
            if error < best:
                best, start = error, noisy[0]
    if isinstance(start, FullNormal):
        return start if len(pairs) == 1 else refit_linear(own, start)
    return fit_low_rank_normal(own[:LINEAR_ROWS], rank, LINEAR_ITER, start=_fitting(start, own))


def refit_linear(X, start):
    """Return a linear model of rows, where the iteration starts at one of fewer rows or others."""
    if isinstance(start, FullNormal):
        return fit_full_normal(X[:LINEAR_ROWS], start=start)
    return fit_low_rank_normal(X[:LINEAR_ROWS], start.rank, REFIT_ITER, start=_fitting(start, X))


def _pairs(own, held_out):
    """Return what models are fitted to, and the other rows that they are judged by."""
    if len(own) > FEW_ROWS:
        return [(own, own if held_out is None else rows_of(held_out).astype(float))]
    folds = np.arange(len(own)) % min(N_FOLDS, len(own))
    pairs = [(own[folds != fold], own[folds == fold]) for fold in range(folds.max() + 1)]
    return [pair for pair in pairs if len(pair[0])]


def _best_rank(pairs, hidden):
    """Return the smallest error of models of few factors, their number and one of the models."""
    best, chosen, start = np.inf, 0, None
    for rank in _ranks(pairs):
        models = [fit_low_rank_normal(learned[:RANK_ROWS], rank, RANK_ITER) for learned, _ in pairs]
        error = sum(map(squared_error, models, hidden))
        if error >= best and rank > RANKS[1]:
            break
        if error < best:
            best, chosen, start = error, rank, models[0]
    return best, chosen, start


def _ranks(pairs):
    if not pairs:
        return ()
    most = max(pairs[0][0].shape[1] - 1, 1)  # as many factors as columns explain anything
    return np.unique(np.minimum(RANKS, most))


def _fitting(start, X):
    """Return where an iteration can start; None if there were fewer factors in fewer rows."""
    return start if start is not None and start.rank == min(start.rank, *X.shape) else None


def squared_error(model, hidden):
    """Return the sum of squared errors of what a model makes of hidden entries."""
    seen, truth, at = hidden
    return np.square(by_parts(model, seen) - truth)[at].sum()


def by_parts(model, X):
    """Return what a linear model makes of the rows of X."""
    parts = [model(as_tensor(X[rows])).numpy() for rows in gen_batches(len(X), ROWS_AT_A_TIME)]
    return np.concatenate(parts) if parts else np.empty_like(X)


def hide(X, seed, n_rows=N_JUDGED):
    """Return rows of X with more gaps, the rows themselves, and what was hidden.

    Each row misses what another one misses, too: a model is judged by gaps like those of the data.
    If there are none, entries are hidden at random.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    seed : int
    n_rows : int, default=500
        How many there are at least: each row of X as often as it takes.
    """
    rows = repeated(X, n_rows)
    generator = torch.Generator().manual_seed(seed)
    seen = HideEntries(borrowed=1.0)(torch.from_numpy(rows), generator).numpy()
    return seen, rows, np.isnan(seen) & ~np.isnan(rows)


def repeated(X, n_rows):
    """Return the rows of X as often as it takes until there are so many."""
    return np.tile(X, (ceil(n_rows / len(X)), 1))

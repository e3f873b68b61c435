"""Which linear model fills hidden entries best: one of how many factors, or of any covariance."""

from math import ceil

import numpy as np
import torch
from sklearn.utils import gen_batches

from ..._training.chance import chance
from ..._training.device import threads_for
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
SHARES = (0.5, 0.8, 0.95, 1.0)  # of all covariances, the rest being those of few factors
FACTORS_GAIN = 0.15  # significance over the mean: 0.05 gives up factors that ten rows have
COVARIANCE_GAIN = 0.05  # over the factors
FEWEST_ROWS = 5  # of fewer, no test says anything
BORROWED = 0.5  # what is right for some gaps is for others, and few columns may have any
FEW_TOGETHER = 10  # rows that two columns would be seen together in by chance
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
    hidden = [
        (*hide(judged, seed, N_JUDGED // len(pairs), BORROWED), len(judged)) for _, judged in pairs
    ]
    errors, rank, models = _best_rank(pairs, hidden)
    start = models[0] if models else None
    n_learned = min((len(learned) for learned, _ in pairs), default=0)
    if not few_factors and 1 < own.shape[1] < min(n_learned, MOST_FEATURES + 1):
        mixed, mixed_errors = _best_share(pairs, hidden, models)
        if chance(errors - mixed_errors, FEWEST_ROWS) < COVARIANCE_GAIN:
            start = mixed
    if isinstance(start, FullNormal):
        return start if len(pairs) == 1 else refit_linear(own, start)
    return fit_low_rank_normal(own[:LINEAR_ROWS], rank, LINEAR_ITER, start=_fitting(start, own))


def refit_linear(X, start):
    """Return a linear model of rows, where the iteration starts at one of fewer rows or others."""
    X = X[:LINEAR_ROWS]
    if isinstance(start, FullNormal):
        own, prior, share = start.parts
        prior = refit_linear(X, prior)
        return fit_full_normal(X, prior, start=own).mixed(prior, share)
    return fit_low_rank_normal(X, start.rank, REFIT_ITER, start=_fitting(start, X))


def _pairs(own, held_out):
    """Return what models are fitted to, and the other rows that they are judged by."""
    if len(own) > FEW_ROWS:
        return [(own, own if held_out is None else rows_of(held_out).astype(float))]
    folds = np.arange(len(own)) % min(N_FOLDS, len(own))
    pairs = [(own[folds != fold], own[folds == fold]) for fold in range(folds.max() + 1)]
    return [pair for pair in pairs if len(pair[0])]


def _best_rank(pairs, hidden):
    """Return the errors of rows by models of few factors, their number, and those models."""
    tried = []
    for rank in _ranks(pairs):
        models = [fit_low_rank_normal(learned[:RANK_ROWS], rank, RANK_ITER) for learned, _ in pairs]
        errors = errors_of_rows(models, hidden)
        if rank > RANKS[1] and errors.sum() >= min(one[0].sum() for one in tried):
            break
        tried.append((errors, rank, models))
    if not tried:
        return np.zeros(0), 0, []
    best, mean = min(tried, key=lambda one: one[0].sum()), tried[0]
    return best if chance(mean[0] - best[0], FEWEST_ROWS) < FACTORS_GAIN else mean


def _best_share(pairs, hidden, priors):
    """Return a model of any covariance, mixed with one of few factors, and its errors of rows."""
    fitted = [
        (fit_full_normal(learned[:LINEAR_ROWS], prior), prior)
        for (learned, _), prior in zip(pairs, priors, strict=True)
    ]
    tried = []
    for share in SHARES:
        mixed = [model.mixed(prior, share) for model, prior in fitted]
        tried.append((mixed[0], errors_of_rows(mixed, hidden)))
    return min(tried, key=lambda one: one[1].sum())


def _ranks(pairs):
    if not pairs:
        return ()
    most = max(pairs[0][0].shape[1] - 1, 1)  # as many factors as columns explain anything
    return np.unique(np.minimum(RANKS, most))


def _fitting(start, X):
    """Return where an iteration can start; None if there were fewer factors in fewer rows."""
    return start if start is not None and start.rank == min(start.rank, *X.shape) else None


def errors_of_rows(models, hidden):
    """Return the sum of squared errors at the hidden entries of each row, all its copies together.

    Parameters
    ----------
    models : list of LowRankNormal or of FullNormal
    hidden : list of tuple
        For each of them as from `hide`, and of how many rows there are copies.
    """
    parts = []
    for model, (seen, truth, at, n_rows) in zip(models, hidden, strict=True):
        squares = np.square(by_parts(model, seen) - truth).sum(axis=1, where=at)
        parts.append(squares.reshape(-1, n_rows).sum(axis=0))
    return np.concatenate(parts)


def by_parts(model, X):
    """Return what a linear model makes of the rows of X."""
    with threads_for(model.rank**3):  # the system of a row
        parts = [model(as_tensor(X[rows])).numpy() for rows in gen_batches(len(X), ROWS_AT_A_TIME)]
    return np.concatenate(parts) if parts else np.empty_like(X)


def hide(X, seed, n_rows=N_JUDGED, borrowed=1.0):
    """Return rows of X with more gaps, the rows themselves, and what was hidden.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    seed : int
    n_rows : int, default=500
        How many there are at least: each row of X as often as it takes.
    borrowed : float, default=1.0
        Share of the rows that miss what another one misses, too, so that a model is judged by gaps
        like those of the data. The others, and all if there are none, hide entries at random.
    """
    rows = repeated(X, n_rows)
    generator = torch.Generator().manual_seed(seed)
    seen = HideEntries(borrowed=borrowed)(torch.from_numpy(rows), generator).numpy()
    return seen, rows, np.isnan(seen) & ~np.isnan(rows)


def repeated(X, n_rows):
    """Return the rows of X as often as it takes until there are so many."""
    return np.tile(X, (ceil(n_rows / len(X)), 1))


def has_columns_apart(X):
    """Whether two columns are never seen together, and that is no chance.

    What a net says of one that is missing from the other one has been neither learned nor judged.
    A linear model at least knows what both have in common with others.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    """
    seen = (~np.isnan(X)).astype(np.float32)
    share = seen.mean(axis=0)
    expected = len(X) * np.outer(share, share)
    return bool((expected[seen.T @ seen == 0] > FEW_TOGETHER).any())

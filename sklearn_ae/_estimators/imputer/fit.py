"""How an imputer learns: a linear model, and a net that is shown rows with holes."""

from dataclasses import replace
from math import ceil

import numpy as np
import torch
from sklearn.utils import gen_batches

from ..._training.build import Trained, build_net, started_module
from ..._training.fit import run
from ..._training.loader import ROUND, Rows, as_tensor, rows_of
from ..._training.monitor import FallingMonitor
from ..._training.step import Stepper, Trapezoid
from ..._training.tables import ROWS_AT_A_TIME
from .autoencoders import WIDE
from .gaps import CorrectingModule, HideEntries, ObservedLoss, WithGaps
from .low_rank import fit_low_rank_normal

RANKS = (0, 2, 4, 8, 16, 24)  # of the linear model, tried until the error at hidden entries rises
FEW_ROWS = 300  # up to so many rows, all of them are judged, each by models of the others
N_FOLDS = 5
RANK_ROWS = 1000  # rows that the rank of the linear model is chosen on
RANK_ITER = 10
LINEAR_ROWS = 10_000  # rows that it is fitted to, at most
LINEAR_ITER = 20
REFIT_ITER = 5
MAX_STEPS = 2000
MAX_STEPS_WIDE = 600  # a step takes the longer the wider rows are
TOL = 1e-3  # decrease of the held-out loss in rounds of 50 steps
PATIENCE = 2  # rounds without such a decrease, after which the learning rate falls
HIDDEN_WEIGHT = 0.9  # of the loss at hidden entries; what is visible has the rest
N_JUDGED = 500  # rows that are judged by at least: the same ones with other gaps if need be


def steps_for(n_features):
    """Return how many steps there are at most for rows of some width, if no one says it."""
    return MAX_STEPS if n_features <= WIDE else MAX_STEPS_WIDE


def recipe_for_gaps(recipe, X, filled):
    """Return a recipe for rows with NaN: four fields of another one, replaced.

    Parameters
    ----------
    recipe : Recipe
    X : ndarray of shape (n_samples, n_features)
        NaN where nothing is observed.
    filled : ndarray of shape (n_samples, n_features)
        The same rows, filled by a linear model.

    Returns
    -------
    recipe : Recipe
    """
    recipe = recipe.fitted_to(filled)
    recipe.check_loss(X[~np.isnan(X)])
    return replace(
        recipe,
        architecture=WithGaps(recipe.architecture),
        loss=ObservedLoss(recipe.loss),
        corruption=HideEntries(recipe.corruption),
        emphasis=HIDDEN_WEIGHT,
    )


def train_with_gaps(recipe, rows, filled, held_out, seed, max_steps, base=None, tasks=None):
    """Train an autoencoder to fill the gaps of rows.

    Parameters
    ----------
    recipe : Recipe
        From `recipe_for_gaps`.
    rows : Rows
        Those that are trained on, with NaN.
    filled : ndarray of shape (n_samples, n_features)
        As for `recipe_for_gaps`.
    held_out : Rows or None
        Those whose hidden entries say when to stop.
    seed : int
    max_steps : int
    base : nn.Module or None, default=None
        A linear model that is to be corrected; None if the autoencoder stands alone.
    tasks : EpochTasks or None, default=None

    Returns
    -------
    trained : Trained
        Its module is the autoencoder, without the base.
    """
    own = module = started_module(recipe, filled, None, Rows(filled, None, rows.index), seed)
    if base is not None:
        if getattr(own.decoder, "has_linear_path", False):
            nothing = torch.zeros(filled.shape[1], recipe.n_components)
            own.decoder.start_linear(nothing, nothing[:, 0])
        module = CorrectingModule(own, base)
    n_rounds, schedule = ceil(max_steps / ROUND), Trapezoid(max_steps)
    monitor = FallingMonitor(
        schedule, held_out, tol=TOL, n_iter_no_change=PATIENCE, max_epochs=n_rounds
    )
    loop = recipe.loop(len(rows), n_rounds) | {"n_steps": max_steps}
    net = build_net(recipe, module, monitor, Stepper(schedule), seed, loop, tasks)
    run(net, rows, recipe)
    return Trained(own, net, recipe, seed, loop)


def fit_linear(X, rows, held_out, seed):
    """Return the linear model of the rank that fills hidden entries of other rows best.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    rows : Rows
        What it is fitted to.
    held_out : Rows or None
    seed : int

    Returns
    -------
    model : LowRankNormal
        In double precision.
    """
    own = np.random.RandomState(seed).permutation(rows_of(rows).astype(float))
    if len(own) <= FEW_ROWS:
        folds = np.arange(len(own)) % min(N_FOLDS, len(own))
        pairs = [(own[folds != fold], own[folds == fold]) for fold in range(folds.max() + 1)]
        pairs = [pair for pair in pairs if len(pair[0])]
    else:
        pairs = [(own[:RANK_ROWS], own if held_out is None else rows_of(held_out).astype(float))]
    hidden = [hide(judged, seed, N_JUDGED // len(pairs)) for _, judged in pairs]
    best, chosen, start = np.inf, 0, None
    most = max(own.shape[1] - 1, 1)  # as many factors as columns explain anything
    for rank in np.unique(np.minimum(RANKS, most)) if pairs else ():
        models = [fit_low_rank_normal(learned, rank, RANK_ITER) for learned, _ in pairs]
        error = sum(map(squared_error, models, hidden))
        if error >= best and rank > RANKS[1]:
            break
        if error < best:
            best, chosen, start = error, rank, models[0]
    return refit_linear(own, start, chosen, LINEAR_ITER)


def refit_linear(X, start, rank, max_iter=REFIT_ITER):
    """Return a linear model of rows, where the iteration starts at one of fewer rows or others."""
    if start is not None and start.loadings.shape[1] != min(rank, *X.shape):
        start = None
    return fit_low_rank_normal(X[:LINEAR_ROWS], rank, max_iter, start=start)


def squared_error(model, hidden):
    """Return the sum of squared errors of what a model makes of hidden entries."""
    seen, truth, at = hidden
    return np.square(by_parts(model, seen) - truth)[at].sum()


def by_parts(model, X):
    """Return what a linear model makes of the rows of X."""
    parts = [model(as_tensor(X[rows])).numpy() for rows in gen_batches(len(X), ROWS_AT_A_TIME)]
    return np.concatenate(parts) if parts else np.empty_like(X)


def hide(X, seed, n_rows=N_JUDGED):
    """Return rows of X with gaps as in training, the rows themselves, and what was hidden.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    seed : int
    n_rows : int, default=500
        How many there are at least: each row of X as often as it takes.
    """
    rows = repeated(X, n_rows)
    seen = HideEntries()(torch.from_numpy(rows), torch.Generator().manual_seed(seed)).numpy()
    return seen, rows, np.isnan(seen) & ~np.isnan(rows)


def repeated(X, n_rows):
    """Return the rows of X as often as it takes until there are so many."""
    return np.tile(X, (ceil(n_rows / len(X)), 1))

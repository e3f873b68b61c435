"""How an imputer learns: a linear model, nets that are shown rows with holes, and their mixture."""

from dataclasses import replace
from math import ceil

import numpy as np
import torch
from sklearn.utils import gen_batches

from ..._training.build import Trained, build_net, started_module
from ..._training.fit import run
from ..._training.loader import ROUND, ROWS_AT_A_TIME, Rows, as_tensor
from ..._training.monitor import Monitor
from ..._training.step import OneCycle, Stepper
from .gaps import CorrectingModule, HideEntries, ObservedLoss, WithGaps
from .low_rank import fit_low_rank_normal

RANKS = (2, 4, 8, 16, 24)  # of the linear model, tried until the held-out error rises
RANK_ROWS = 1000  # rows that the rank of the linear model is chosen on
LINEAR_ROWS = 10_000  # rows that it is fitted to, at most
HIDDEN_WEIGHT = 0.9  # of the loss at hidden entries; what is visible has the rest
N_JUDGED = 500  # rows that are judged by at least: the same ones with other gaps if need be


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


def train_with_gaps(recipe, X, filled, rows, held_out, seed, n_steps, base=None):
    """Train an autoencoder to fill the gaps of rows.

    Parameters
    ----------
    recipe : Recipe
        From `recipe_for_gaps`.
    X, filled : ndarray of shape (n_samples, n_features)
        As for `recipe_for_gaps`.
    rows : Rows
        Those that are trained on.
    held_out : Rows or None
    seed : int
    n_steps : int
    base : nn.Module or None, default=None
        A linear model that is to be corrected; None if the autoencoder stands alone.

    Returns
    -------
    trained : Trained
        Its module is the autoencoder, without the base.
    """
    own = module = started_module(recipe, filled, None, Rows(filled, None, rows.index), seed)
    if base is not None:
        if getattr(own.decoder, "has_linear_path", False):
            nothing = torch.zeros(X.shape[1], recipe.n_components)
            own.decoder.start_linear(nothing, nothing[:, 0])
        module = CorrectingModule(own, base)
    n_rounds = ceil(n_steps / ROUND)
    monitor = Monitor(held_out, tol=0, n_iter_no_change=n_rounds, max_epochs=n_rounds)
    loop = recipe.loop(len(rows), n_rounds) | {"n_steps": n_steps}
    net = build_net(recipe, module, monitor, Stepper(OneCycle(n_steps)), seed, loop)
    run(net, Rows(X, None, rows.index), recipe)
    return Trained(own, net, recipe, seed, loop)


def fit_linear(X, judged, seed):
    """Return the linear model of the rank that fills some other rows best, fitted to a sample.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    judged : ndarray of shape (n_judged, n_features)
    seed : int

    Returns
    -------
    model : LowRankNormal
        In double precision.
    rank : int
    """
    sample = np.random.RandomState(seed).permutation(len(X))[:LINEAR_ROWS]
    X = X[sample].astype(float)
    seen, rows, hidden = hide(judged, seed)
    seen, rows = seen.astype(float), rows.astype(float)
    best = np.inf
    for rank in RANKS:
        model = fit_low_rank_normal(X[:RANK_ROWS], rank)
        error = np.square(by_parts(model, seen) - rows)[hidden].sum()
        if error >= best:
            break
        best, chosen = error, rank
    return fit_low_rank_normal(X, chosen), chosen


def by_parts(model, X):
    """Return what a linear model makes of the rows of X."""
    parts = [model(as_tensor(X[rows])).numpy() for rows in gen_batches(len(X), ROWS_AT_A_TIME)]
    return np.concatenate(parts)


def hide(X, seed):
    """Return rows of X with gaps as in training, the rows themselves, and what was hidden."""
    rows = np.tile(X, (ceil(N_JUDGED / len(X)), 1))
    seen = HideEntries()(torch.from_numpy(rows), torch.Generator().manual_seed(seed)).numpy()
    return seen, rows, np.isnan(seen) & ~np.isnan(rows)

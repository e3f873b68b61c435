"""How the net of an imputer learns: it is shown rows with holes."""

from dataclasses import replace
from math import ceil

import numpy as np
import torch

from ..._training.build import Trained, build_net, started_module
from ..._training.fit import run
from ..._training.loader import ROUND, Rows
from ..._training.monitor import FallingMonitor
from ..._training.step import Stepper, Trapezoid
from .autoencoders import WIDE
from .gaps import CorrectingModule, HideEntries, ObservedLoss, WithGaps

MAX_STEPS = 1200
MAX_STEPS_WIDE = 600  # a step takes the longer the wider rows are
TOL = 1e-3  # decrease of the held-out loss in rounds of 50 steps
PATIENCE = 1  # rounds without such a decrease, after which the learning rate falls
HIDDEN_WEIGHT = 0.9  # of the loss at hidden entries; what is visible has the rest


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

"""From rows with gaps to what fills them: a linear model, a net, and the share that it deserves."""

from dataclasses import replace

import numpy as np
from sklearn.base import clone

from ..._base import fitted_with, recipe_of
from ..._training.build import Trained
from ..._training.fit import split
from ..._training.loader import Rows, as_tensor
from ..._training.tasks import EpochTasks
from ...losses import loss_of
from .autoencoders import is_variational, widened
from .draws import noise_variance_of
from .fit import recipe_for_gaps, train_with_gaps
from .learned import Learned
from .linear import (
    LINEAR_ROWS,
    N_JUDGED,
    by_parts,
    fit_linear,
    has_columns_apart,
    refit_linear,
    repeated,
)
from .mixture import SIGNIFICANCE

N_SPREAD = 20  # draws for each row that is judged


def learn(autoencoder, X, columns, linear_base, max_steps, verbose, seed, tasks=None):
    """Learn to fill the gaps of rows.

    Parameters
    ----------
    autoencoder : estimator
        What is trained and changed by it.
    X : ndarray of shape (n_samples, n_features)
        Something of each row and of each column is observed.
    columns : Columns
        Those of X.
    linear_base : "auto" or bool
    max_steps : int
    verbose : int or bool
    seed : int
    tasks : FillingTasks or None, default=None

    Returns
    -------
    learned : Learned
    """
    recipe, Z = recipe_of(autoencoder), columns.standardise(X)
    corrects = linear_base is True
    rows, held_out = split(recipe, Z, None, seed)
    linear = fit_linear(rows, held_out, seed, few_factors=corrects)
    learned = Learned(columns, linear, None, corrects, autoencoder.loss, seed)
    has_link = hasattr(loss_of(autoencoder.loss), "link")
    taken = X if has_link else Z  # a loss with a link has units of its own
    filled = (
        learned.mixture(X.dtype).fill(X, 0.0) if has_link else by_parts(linear, Z.astype(float))
    )
    filled = np.where(np.isnan(taken), filled, taken).astype(X.dtype)
    recipe = recipe_for_gaps(widened(recipe, X.shape[1]), taken, filled)
    recipe = replace(recipe, verbose=verbose or recipe.verbose)
    if tasks is not None:
        tasks.describe(learned, autoencoder, recipe)
    base = linear.copy(as_tensor(X).dtype) if corrects else None
    own_held_out = None
    if held_out is not None:  # a few rows with one pattern of gaps each say little
        own_held_out = Rows(repeated(taken[held_out.index], N_JUDGED), None)
    own_rows = Rows(taken, None, rows.index)
    trained = train_with_gaps(recipe, own_rows, filled, own_held_out, seed, max_steps, base, tasks)
    learned.n_steps = trained.net.stepper.n_taken_
    learned.own = fitted_with(autoencoder, trained)
    index = (rows if held_out is None else held_out).index
    judged = slice(None) if index is None else index
    if is_variational(autoencoder):
        learned.noise = noise_variance_of(autoencoder, taken[judged])
    judge(learned, X[judged], linear_base, has_columns_apart(X[:LINEAR_ROWS]), seed)
    if not corrects:  # what corrects it has learned to correct this one
        learned.linear = refit_linear(Z.astype(float), linear)
    return learned


def judge(learned, X, linear_base, is_blind, seed):
    """See on rows held out which share the autoencoder deserves, and how far off fillings are.

    Parameters
    ----------
    learned : Learned
        What is told of it is written there.
    X : ndarray of shape (n_judged, n_features)
    linear_base : "auto" or bool
    is_blind : bool
        Whether X cannot show how some columns are filled from others.
    seed : int
    """
    mixture = learned.mixture(X.dtype)
    judgement = mixture.judge(X, seed + 1)
    learned.share, p_value = judgement.choose()
    if linear_base is False:
        learned.share = 1.0
    elif p_value > SIGNIFICANCE or (is_blind and linear_base is not True):
        learned.share = 0.0
    learned.validation_error = judgement.error_of_columns(learned.share) * learned.columns.scale
    if learned.noise is not None:
        spread = mixture.spread(judgement, N_SPREAD, seed)
        error = judgement.error(learned.share)
        learned.dispersion = float(error / spread) if spread > 0 else 1.0


class FillingTasks(EpochTasks):
    """Tells scikit-learn's callbacks of rounds of steps, with an imputer that works so far.

    Parameters
    ----------
    known : dict
        Attributes of the imputer that are known before training.
    *args
        As for `EpochTasks`.
    """

    def __init__(self, known, *args):
        super().__init__(*args)
        self.known = known

    def describe(self, learned, autoencoder, recipe):
        """Keep what a copy of the imputer is made of, but for the module that is in training."""
        self.learned = learned
        self.autoencoder = autoencoder
        self.recipe = recipe

    def fitted_attributes(self):
        """Return the attributes that make a copy of the imputer a fitted one."""
        module = self.stepper.average_in(self.module).eval().to(self.dtype)
        module = getattr(module, "autoencoder", module)
        own = fitted_with(clone(self.autoencoder), Trained(module, None, self.recipe, 0, {}))
        return self.known | replace(self.learned, own=own).attributes()

    def finish(self):
        """Say that the fit is over, and let go of the data."""
        super().finish()
        self.learned = self.autoencoder = self.recipe = None

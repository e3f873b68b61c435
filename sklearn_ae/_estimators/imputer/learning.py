"""From rows with gaps to what fills them: a linear model, a net, and the share that it deserves."""

from dataclasses import dataclass, replace

import numpy as np
from sklearn.base import clone

from ..._base import fitted_with, recipe_of
from ..._training.build import Trained
from ..._training.fit import split
from ..._training.loader import Rows, as_tensor
from ..._training.state import arrays_of
from ..._training.tasks import EpochTasks
from ...losses import loss_of
from .autoencoders import is_variational, widened
from .columns import Columns
from .draws import noise_variance_of
from .fit import (
    N_JUDGED,
    by_parts,
    fit_linear,
    recipe_for_gaps,
    refit_linear,
    repeated,
    train_with_gaps,
)
from .low_rank import LowRankNormal
from .mixture import SIGNIFICANCE, Mixture

N_SPREAD = 20  # draws for each row that is judged


@dataclass
class Learned:
    """What an imputer has learned. ``share`` is that of the autoencoder, 0 if it is not needed."""

    columns: object
    linear: LowRankNormal
    own: object
    corrects: bool
    loss: object
    seed: int
    noise: np.ndarray | None = None
    share: float = 1.0
    dispersion: float | None = None
    validation_error: np.ndarray | None = None
    n_steps: int = 0

    def mixture(self, dtype=np.float64):
        """Return what fills rows of a dtype."""
        linear = self.linear.to(as_tensor(np.empty(0, dtype)).dtype)
        noise = self.noise
        return Mixture(self.columns, linear, self.own, self.corrects, self.loss, noise, self.seed)

    def attributes(self):
        """Return the attributes of an imputer that has learned this: plain values and arrays."""
        columns, linear = self.columns, self.linear.double()
        kept = self.share > 0 or is_variational(self.own)
        name = "correcting" if self.corrects else "alone"
        return {
            "autoencoders_": {name: self.own} if kept else {},
            "shares_": {name: self.share},
            "is_linear_": self.share == 0,
            "rank_": linear.loadings.shape[1],
            "center_": columns.center,
            "scale_": columns.scale,
            "noise_variance_": None if self.noise is None else self.noise * columns.scale**2,
            "dispersion_": self.dispersion,
            "validation_error_": self.validation_error,
            "n_steps_": self.n_steps,
            "_share": self.share,
            "_corrects": self.corrects,
            "_loss": self.loss,
            "_fences": (columns.low, columns.high),
            "_linear": arrays_of(linear) | {"noise": linear.noise},
        }


def mixture_of(imputer, dtype):
    """Return what fills rows of a dtype, of the attributes of a fitted imputer."""
    own = next(iter(imputer.autoencoders_.values()), None)
    noise = imputer.noise_variance_
    return Learned(
        Columns(imputer.center_, imputer.scale_, *imputer._fences),
        LowRankNormal(**imputer._linear),
        own,
        imputer._corrects,
        imputer._loss,
        imputer._seed,
        None if noise is None else noise / imputer.scale_**2,
    ).mixture(dtype)


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
    linear = fit_linear(Z, rows, held_out, seed)
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
    base = learned.mixture(X.dtype).linear if corrects else None
    own_held_out = None
    if held_out is not None:  # a few rows with one pattern of gaps each say little
        own_held_out = Rows(repeated(taken[held_out.index], N_JUDGED), None)
    own_rows = Rows(taken, None, rows.index)
    trained = train_with_gaps(recipe, own_rows, filled, own_held_out, seed, max_steps, base, tasks)
    learned.n_steps = trained.net.stepper.n_taken_
    learned.own = fitted_with(autoencoder, trained)
    index = (rows if held_out is None else held_out).index
    judged = slice(None) if index is None else index
    learned.linear = linear.double()
    if is_variational(autoencoder):
        learned.noise = noise_variance_of(autoencoder, taken[judged])
    judge(learned, X[judged], linear_base, seed)
    if not corrects:  # what corrects it has learned to correct this one
        rank = linear.loadings.shape[1]
        learned.linear = refit_linear(Z.astype(float), learned.linear, rank)
    return learned


def judge(learned, X, linear_base, seed):
    """See on rows held out which share the autoencoder deserves, and how far off fillings are."""
    mixture = learned.mixture(X.dtype)
    judgement = mixture.judge(X, seed + 1)
    learned.share, p_value = judgement.choose()
    if linear_base is False:
        learned.share = 1.0
    elif p_value > SIGNIFICANCE:
        learned.share = 0.0
    learned.validation_error = judgement.error_of_columns(learned.share) * learned.columns.scale
    if learned.noise is not None:
        spread = mixture.spread(judgement, N_SPREAD, seed)
        learned.dispersion = judgement.error(learned.share) / spread if spread > 0 else 1.0


class FillingTasks(EpochTasks):
    """Tells scikit-learn's callbacks of rounds of steps, with an imputer that works so far."""

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
        return self.estimator._attributes_of(replace(self.learned, own=own))

    def finish(self):
        """Say that the fit is over, and let go of the data."""
        super().finish()
        self.learned = self.autoencoder = self.recipe = None

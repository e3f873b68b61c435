"""Which units of a code tell only noise: the bound on the evidence is as good without them."""

import numpy as np
import torch

from ..._training.fit import split
from ..._training.loader import Rows, rows_of
from ..._training.module import in_batches
from .evidence import standard_normal_draws

COLLAPSED = 0.01  # nats
FULL = 1.5  # nats; a unit that says more is at work, and need not be tried
ENOUGH_ROWS = 1000  # to judge by


def tells_noise(trained, divergence, X, weight):
    """Return which units have learned no more than the noise of the rows they were trained on.

    In a table of 200 rows and 50 features of pure noise the first principal axis has twice the
    variance of the rest (Marchenko & Pastur 1967), which looks like 0.3 nats. Such a unit raises
    the bound by less than its weights cost (Schwarz 1978), and not at all on rows held out.

    Parameters
    ----------
    trained : Trained
        Its seed split the rows, and gives the draws of the bound.
    divergence : ndarray of shape (n_components,)
        Mean divergence of each unit from the prior, in nats.
    X : ndarray of shape (n_samples, n_features)
        The rows of the fit.
    weight : ndarray of shape (n_samples,) or None

    Returns
    -------
    mask : ndarray of bool of shape (n_components,)
    """
    noise = np.zeros(len(divergence), dtype=bool)
    doubtful = np.flatnonzero((divergence >= COLLAPSED) & (divergence < FULL))
    if len(doubtful) == 0:
        return noise
    rows, held_out = Rows(X, weight), None
    if not trained.is_pca:  # which is that of all rows
        rows, held_out = split(trained.recipe, X, weight, trained.seed)
    cost = X.shape[1] * np.log(len(rows)) / (2 * len(rows))
    judges = [rows_of(some)[:ENOUGH_ROWS] for some in (rows, held_out) if some is not None]
    whole = [losses_without(None, trained, some) for some in judges]
    for unit in doubtful:
        lost = [losses_without(unit, trained, some) for some in judges]
        # Training weighs the divergence by beta, and may want a unit that the bound does not.
        price = trained.recipe.penalty.weight * divergence[unit]
        earned = gains(trained, whole, lost) - price
        noise[unit] = earned[0] < cost and earned[-1] <= (cost if held_out is None else 0)
    return noise


def losses_without(unit, trained, X):
    """Return the mean loss over rows and over the codes drawn for them.

    Parameters
    ----------
    unit : int or None
        Is taken for zero, as if the code did not have it.
    trained : Trained
    X : ndarray of shape (n_samples, n_features)

    Returns
    -------
    loss : float
        Divided by n_features, as losses are.
    """
    module, loss = trained.module, trained.recipe.loss
    draws = standard_normal_draws(trained.recipe.n_components, trained.seed)
    draws = torch.from_numpy(draws).to(module.offset)

    def expected(x):
        mean, log_variance = module.distribution(x)
        codes = mean + (log_variance / 2).exp() * draws[:, None]
        if unit is not None:
            codes[..., unit] = 0
        return sum(loss(module.decode(code), x) for code in codes) / len(codes)

    return in_batches(expected, X, module).mean(dtype=np.float64)


def gains(trained, whole, lost):
    """Return the likelihood, in nats a row, that losses tell to be missing without a unit.

    Noise that is learned would have been learned without the unit, from the first of the losses.

    Parameters
    ----------
    trained : Trained
    whole, lost : list of float
        Losses with and without the unit.

    Returns
    -------
    gains : ndarray of the same length
    """
    n_features = len(trained.module.offset)
    whole, lost = np.array(whole), np.array(lost)
    if not getattr(trained.recipe.loss, "has_noise", False):
        return n_features * (lost - whole)
    noise, more = whole[0], max(lost[0], whole[0])
    return n_features / 2 * (np.log(more / noise) + lost / more - whole / noise)

"""What values drawn for gaps come from: a posterior distribution of codes, and noise."""

from hashlib import blake2b

import numpy as np
import torch
from sklearn.utils import gen_batches

from ...losses import LogLoss, loss_of
from ..variational.posterior import CodePosterior
from .autoencoders import is_variational

NOISE_ROWS = 1000  # that the noise of a variational decoder is measured on, at most


def noise_variance_of(own, X):
    """Return how much each column of X scatters around what a variational decoder makes of it.

    Parameters
    ----------
    own : VariationalAutoencoder
        Trained on rows with gaps.
    X : ndarray of shape (n_samples, n_features)
        Rows like those that it was trained on.

    Returns
    -------
    variance : ndarray of shape (n_features,) or None
        In squared units of X; None where the loss leaves no room for it.
    """
    loss, module = loss_of(own.loss), own.module_
    if not getattr(loss, "has_noise", False):
        return None
    posterior = CodePosterior(module, loss)
    posterior.fit_noise(X[:NOISE_ROWS])
    return (posterior.noise * module.scale**2).detach().cpu().double().numpy()


def posterior_of(own, noise_variance):
    """Return the posterior of codes of a trained autoencoder, with this noise or None."""
    noise = None
    if noise_variance is not None:
        noise = torch.from_numpy(noise_variance) / own.module_.scale.cpu() ** 2
    return CodePosterior(own.module_, loss_of(own.loss), noise)


def row_seeds(X, seed):
    """Return a seed for each row, made of what is observed of it and of another seed.

    Parameters
    ----------
    X : ndarray of shape (n_rows, n_features)
        NaN where nothing is observed.
    seed : int

    Returns
    -------
    seeds : list of int
        From 0 to 2**32 - 1. Equal rows have equal ones.
    """
    X = np.where(np.isnan(X), np.nan, X + 0.0)  # one NaN, one zero
    key = int(seed).to_bytes(8, "little")
    digests = (blake2b(row.tobytes(), digest_size=4, key=key).digest() for row in X)
    return [int.from_bytes(digest, "little") for digest in digests]


def in_equal_batches(function, n_rows, X, seeds, out):
    """Write into an array what a function makes of rows, always of so many at a time.

    The last batch is filled up with copies of a row. The bytes of a product of matrices may depend
    on how many rows there are.

    Parameters
    ----------
    function : callable
        Of rows and seeds; returns an array whose second axis are the rows.
    n_rows : int
    X : ndarray of shape (n_samples, n_features)
    seeds : list of int
    out : ndarray of shape (n_draws, n_samples, n_features)

    Returns
    -------
    out : ndarray
    """
    for rows in gen_batches(len(X), n_rows):
        own = np.arange(len(X))[rows]
        padded = np.resize(own, n_rows)
        made = function(X[padded], [seeds[i] for i in padded])
        out[:, rows] = made[:, : len(own)]
    return out


def check_can_sample(autoencoder, X):
    """Raise ValueError unless values in the gaps of X can be drawn from an autoencoder."""
    if not is_variational(autoencoder):
        raise ValueError(
            f"autoencoder={autoencoder!r} has no distribution to draw values from. Fit with "
            "autoencoder=VariationalAutoencoder(...) of beta > 0, or with autoencoder=None and "
            "sample_posterior=True."
        )
    if isinstance(loss_of(autoencoder.loss), LogLoss):
        shades = ~np.isnan(X) & (X != 0) & (X != 1)
        if shades.any():
            raise ValueError(
                f"loss='log_loss' draws values of 0 or 1, but X contains {X[shades][0]:.6g}. Use "
                "loss='squared_error' to draw values in between."
            )

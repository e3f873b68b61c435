"""What values drawn for gaps come from: a posterior distribution of codes, and noise."""

import numpy as np
import torch

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

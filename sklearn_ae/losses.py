"""Losses: how far a reconstruction is from its input, one value per row.

Any callable ``loss(reconstruction, x)`` that returns one value per row is a loss. What else it may
have, and what happens without:

========================  =======================================================================
``check(X)``              raises ValueError for data it is not meant for; without, any will do
``unit(scale)``           what training divides its values by; without, 1
``link(natural)``         maps the decoder's output to the data; without, the scaling is undone
``tangent(mean)``         natural parameter of a mean, and its derivative: the start at PCA through
                          a link
``represent(x)``          what the encoder is given in place of x
``natural_range(X)``      natural parameters of each column of training data between which the link
                          is taken as it is; beyond them its argument grows like a logarithm
``natural(mean)``         natural parameter of a mean, finite everywhere: fillings are mixed in it
``support``               smallest and largest mean; without, all real numbers
``has_noise``             whether its distribution has a variance that is learned (normal)
``log_normaliser(x)``     what minus its values lack to be a log-likelihood; without, nothing
``cumulant, variance``    of the natural parameter: rows with gaps can be filled by a variational
``draw(mean, generator)``  autoencoder, and values drawn
========================  =======================================================================
"""

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator

__all__ = ["LogLoss", "Poisson", "SquaredError"]


def __dir__():
    return __all__


RARE = 5.0  # nats below the mean of a column: a rate that is as good as none


class SquaredError(BaseEstimator):
    """Mean squared error over the features of a row: for real values.

    See Also
    --------
    LogLoss : For values in [0, 1].
    Poisson : For counts.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.losses import SquaredError
    >>> SquaredError()(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 3.0]]))
    tensor([5.])
    """

    def __call__(self, reconstruction: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return the values of the rows, shape (n_rows,)."""
        return (reconstruction - x).square().mean(dim=1)

    has_noise = True

    def unit(self, scale: float) -> float:
        """Return what training divides the values by: the data's variance."""
        return scale**2

    def cumulant(self, natural: torch.Tensor) -> torch.Tensor:
        """Return the cumulant function of a normal distribution of variance 1."""
        return natural.square() / 2

    def variance(self, natural: torch.Tensor) -> torch.Tensor:
        """Return its second derivative: 1."""
        return torch.ones_like(natural)


class LogLoss(BaseEstimator):
    """Mean cross-entropy over the features of a row: for values in [0, 1].

    Each feature is read as the probability of a Bernoulli variable, as is usual for images. The
    decoder's output passes through a sigmoid.

    See Also
    --------
    SquaredError : For real values.
    Poisson : For counts.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.losses import LogLoss
    >>> LogLoss()(torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.6931])
    """

    def __call__(self, reconstruction: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return the values of the rows, shape (n_rows,)."""
        eps = torch.finfo(reconstruction.dtype).eps
        p = reconstruction.clamp(eps, 1 - eps)
        return -(x * p.log() + (1 - x) * (-p).log1p()).mean(dim=1)

    support = (0.0, 1.0)

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError unless all of X lies in [0, 1]."""
        low, high = X.min(), X.max()
        if low < 0 or high > 1:
            raise ValueError(
                f"loss='log_loss' needs data in [0, 1], but X lies in [{low:.6g}, {high:.6g}]. "
                "Rescale X, for example with MinMaxScaler(clip=True), or use loss='squared_error'."
            )

    def link(self, natural: torch.Tensor) -> torch.Tensor:
        """Return the mean that belongs to a natural parameter: the sigmoid."""
        return torch.sigmoid(natural)

    def tangent(self, mean: torch.Tensor) -> tuple:
        """Return the natural parameter of a mean, and its derivative there."""
        natural = torch.logit(mean.clip(1e-4, 1 - 1e-4))  # one that is always 0 has no finite logit
        mean = mean.clip(0.05, 0.95)  # near the ends a line is no guide
        return natural, 1 / (mean * (1 - mean))

    def natural(self, mean: torch.Tensor) -> torch.Tensor:
        """Return the natural parameter of a mean: the logit, of at most 14."""
        return torch.logit(mean, eps=1e-6)

    def cumulant(self, natural: torch.Tensor) -> torch.Tensor:
        """Return the cumulant function of a Bernoulli variable."""
        return F.softplus(natural)

    def variance(self, natural: torch.Tensor) -> torch.Tensor:
        """Return its second derivative: the variance."""
        return torch.sigmoid(natural) * torch.sigmoid(-natural)

    def draw(self, mean: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return values drawn from the distributions of some means."""
        return torch.bernoulli(mean, generator=generator)


class Poisson(BaseEstimator):
    """Half the mean Poisson deviance over the features of a row: for counts.

    The decoder's output passes through an exponential, whose argument grows like a logarithm beyond
    what the training rows have seen; the encoder is given ``log(1 + x)``. So a row much larger than
    any before has a larger reconstruction, and not an infinite one.

    See Also
    --------
    SquaredError : For real values.
    LogLoss : For values in [0, 1].

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.losses import Poisson
    >>> Poisson()(torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0, 0.0]]))
    tensor([0.5000])
    """

    def __call__(self, reconstruction: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Return the values of the rows, shape (n_rows,)."""
        rate = reconstruction.clamp_min(torch.finfo(reconstruction.dtype).tiny)
        return (torch.xlogy(x, x) - x * rate.log() - x + rate).mean(dim=1)

    support = (0.0, None)

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError if X holds negative values."""
        if X.min() < 0:
            raise ValueError(
                f"loss='poisson' needs counts, but the smallest value of X is {X.min():.6g}. "
                "Use loss='squared_error' for data that can be negative."
            )

    def represent(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the encoder is given: after the link, a line in raw counts would explode."""
        return torch.log1p(x)

    def natural_range(self, X: np.ndarray) -> tuple:
        """Return what the link takes as it is, for each column: up to the largest count seen.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)

        Returns
        -------
        low, high : ndarray of shape (n_features,)
            Natural parameters.
        """
        least = 0.5 / len(X)  # of a column without counts
        mean = np.maximum(X.mean(axis=0, dtype=np.float64), least)
        return np.log(mean) - RARE, np.log(np.maximum(X.max(axis=0), mean))

    def link(self, natural: torch.Tensor) -> torch.Tensor:
        """Return the mean that belongs to a natural parameter: the exponential."""
        return torch.exp(natural)

    def tangent(self, mean: torch.Tensor) -> tuple:
        """Return the natural parameter of a mean, and its derivative there."""
        natural = mean.clamp_min(1e-6).log()
        # A column of rare counts has a steep logarithm: far from its mean, a line is no guide.
        mean = mean.clamp_min(max(0.1 * mean.mean().item(), 1e-6))
        return natural, 1 / mean

    def log_normaliser(self, x: torch.Tensor) -> torch.Tensor:
        """Return what half the deviance leaves out, since it depends on x alone."""
        return -(torch.lgamma(x + 1) - torch.xlogy(x, x) + x).nansum(dim=1) / x.shape[1]

    def natural(self, mean: torch.Tensor) -> torch.Tensor:
        """Return the natural parameter of a mean: the logarithm, of at least -14."""
        return mean.clamp_min(1e-6).log()

    def cumulant(self, natural: torch.Tensor) -> torch.Tensor:
        """Return the cumulant function of a Poisson variable."""
        return torch.exp(natural)

    def variance(self, natural: torch.Tensor) -> torch.Tensor:
        """Return its second derivative: the variance."""
        return torch.exp(natural)

    def draw(self, mean: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return values drawn from the distributions of some means."""
        return torch.poisson(mean, generator=generator)


LOSSES = {"squared_error": SquaredError, "log_loss": LogLoss, "poisson": Poisson}


def loss_of(given):
    """Return a loss: the one of a name, or the callable that was given."""
    return LOSSES[given]() if isinstance(given, str) else given

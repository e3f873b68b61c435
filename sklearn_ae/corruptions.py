"""Corruptions: what is done to a batch in training before the encoder sees it."""

import torch
from sklearn.base import BaseEstimator

__all__ = ["GaussianNoise"]


class GaussianNoise(BaseEstimator):
    """Add Gaussian noise to every value.

    Any callable ``corruption(x, generator) -> x`` is a corruption; drawing from the generator it
    is handed keeps fits repeatable.

    Parameters
    ----------
    scale : float, default=0.1
        Standard deviation of the noise, in the units of the data.

    References
    ----------
    Vincent et al. (2010). Stacked denoising autoencoders. JMLR 11.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.corruptions import GaussianNoise
    >>> x = torch.zeros(1000, 3)
    >>> noisy = GaussianNoise(scale=0.5)(x, torch.Generator().manual_seed(0))
    >>> round(noisy.std().item(), 1)
    0.5
    """

    def __init__(self, scale=0.1):
        self.scale = scale

    def __call__(self, x, generator):
        """Return a corrupted copy of x."""
        noise = torch.empty_like(x).normal_(generator=generator)
        return x + self.scale * noise

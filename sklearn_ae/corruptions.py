"""Corruptions: what is done to a batch in training before the encoder sees it.

Any callable ``corruption(x, generator) -> x`` is a corruption; it returns a new tensor, and drawing
from the generator that it is handed keeps fits repeatable. It may have two more methods:
``check(X)`` raises ValueError if it cannot be used on the training data, and ``fit(X)`` learns from
them what it needs.
"""

from numbers import Real
from typing import Self

import numpy as np
import torch
from sklearn.base import BaseEstimator

__all__ = ["GaussianNoise", "Masking", "SaltAndPepper", "SwapNoise"]


def __dir__():
    return __all__


class GaussianNoise(BaseEstimator):
    """Add Gaussian noise to every value: for measurements.

    Parameters
    ----------
    scale : float or "auto", default=0.1
        Standard deviation of the noise, in the units of the data. "auto" is half the root of the
        mean variance of their columns.

    Attributes
    ----------
    scale_ : float
        What "auto" has found in the data seen in `fit`.

    See Also
    --------
    Masking : For values that may be missing.
    sklearn_ae.DenoisingAutoencoder : Has it as ``noise="gaussian"``.

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

    def __init__(self, scale: float | str = 0.1) -> None:
        self.scale = scale

    def fit(self, X: np.ndarray) -> Self:
        """Learn how large the noise is.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Training data.

        Returns
        -------
        self : object
            The corruption.
        """
        if self.scale == "auto":
            self.scale_ = 0.5 * float(np.sqrt(X.var(axis=0, dtype=np.float64).mean()))
        return self

    def __call__(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a corrupted copy of x."""
        noise = torch.empty_like(x).normal_(generator=generator)
        return x + (self.scale_ if self.scale == "auto" else self.scale) * noise

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError unless the scale is "auto" or a number of at least 0."""
        if self.scale != "auto" and not (_is_number(self.scale) and 0 <= self.scale < np.inf):
            raise ValueError(
                f"scale={self.scale!r} of GaussianNoise must be 'auto' or a number >= 0."
            )

    @property
    def does_nothing(self) -> bool:
        """Whether x stays as it is."""
        return self.scale == 0


class _OfSomeValues(BaseEstimator):
    """A corruption of each value with the probability ``fraction``."""

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError unless the fraction is a probability."""
        if not (_is_number(self.fraction) and 0 <= self.fraction <= 1):
            raise ValueError(
                f"fraction={self.fraction!r} of {type(self).__name__} must be a number in [0, 1]: "
                "the probability that a value is corrupted."
            )

    @property
    def does_nothing(self) -> bool:
        """Whether x stays as it is."""
        return self.fraction == 0

    def _chosen(self, x, generator):
        """Return a uniform number for each value, and whether it is below the fraction."""
        drawn = torch.empty_like(x).uniform_(generator=generator)
        return drawn, drawn < self.fraction


class Masking(_OfSomeValues):
    """Set values to a constant, each with the same probability: for values that go missing.

    Parameters
    ----------
    fraction : float, default=0.3
        Probability that a value is masked, in [0, 1].
    value : float or "auto", default="auto"
        What a masked value becomes, in the units of the data. "auto" is zero in columns that have
        zero between their smallest and largest value, like pixels, counts or standardised values,
        and the mean in others, where zero would be far off.

    Attributes
    ----------
    fill_ : ndarray of shape (n_features,)
        What "auto" has found in the data seen in `fit`. Without `fit` it is zero.

    See Also
    --------
    SwapNoise : Damage that can be seen less easily, for tables.
    sklearn_ae.AutoencoderImputer : Fills values that are known to be missing.

    References
    ----------
    Vincent et al. (2008). Extracting and composing robust features with denoising autoencoders.
    ICML.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.corruptions import Masking
    >>> x = torch.ones(1000, 3)
    >>> masked = Masking(fraction=0.25)(x, torch.Generator().manual_seed(0))
    >>> round(masked.mean().item(), 1)
    0.8
    """

    def __init__(self, fraction: float = 0.3, value: float | str = "auto") -> None:
        self.fraction = fraction
        self.value = value

    def fit(self, X: np.ndarray) -> Self:
        """Learn what the masked values of each column become.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Training data.

        Returns
        -------
        self : object
            The corruption.
        """
        if self.value == "auto":
            has_zero = (X.min(axis=0) <= 0) & (X.max(axis=0) >= 0)
            self.fill_ = np.where(has_zero, 0, X.mean(axis=0, dtype=np.float64))
        return self

    def __call__(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a corrupted copy of x."""
        fill = getattr(self, "fill_", 0.0) if self.value == "auto" else self.value
        _, masked = self._chosen(x, generator)
        return torch.where(masked, torch.as_tensor(fill, dtype=x.dtype, device=x.device), x)

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError unless fraction is a probability and value "auto" or a finite number."""
        super().check(X)
        if self.value != "auto" and not (_is_number(self.value) and np.isfinite(self.value)):
            raise ValueError(
                f"value={self.value!r} of Masking must be 'auto' or a finite number: what a masked "
                "value becomes."
            )


class SaltAndPepper(_OfSomeValues):
    """Set values to the smallest or the largest of their column: for dead and saturated sensors.

    Parameters
    ----------
    fraction : float, default=0.3
        Probability that a value is replaced, in [0, 1]; by either end with the same probability.

    Attributes
    ----------
    data_min_, data_max_ : ndarray of shape (n_features,)
        The ends of each column of the data seen in `fit` (of an estimator's `partial_fit`: in that
        call). Without `fit`, those of the batch serve.

    See Also
    --------
    Masking : To one value, instead of the two ends.
    GaussianNoise : A little of it everywhere.

    References
    ----------
    Vincent et al. (2010). Stacked denoising autoencoders. JMLR 11.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.corruptions import SaltAndPepper
    >>> x = torch.linspace(-1, 2, 1000)[:, None]
    >>> noisy = SaltAndPepper(fraction=1.0)(x, torch.Generator().manual_seed(0))
    >>> noisy.unique()
    tensor([-1.,  2.])
    """

    def __init__(self, fraction: float = 0.3) -> None:
        self.fraction = fraction

    def fit(self, X: np.ndarray) -> Self:
        """Learn the ends of each column.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            Training data.

        Returns
        -------
        self : object
            The corruption.
        """
        self.data_min_, self.data_max_ = X.min(axis=0), X.max(axis=0)
        return self

    def __call__(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a corrupted copy of x."""
        low, high = x.amin(dim=0), x.amax(dim=0)
        if hasattr(self, "data_min_"):
            low, high = low.new_tensor(self.data_min_), high.new_tensor(self.data_max_)
        drawn, chosen = self._chosen(x, generator)
        return torch.where(chosen, torch.where(drawn < self.fraction / 2, low, high), x)


class SwapNoise(_OfSomeValues):
    """Replace values by those of other rows, column by column: for tables of any kind.

    What comes in has the distribution of its column, whatever that is, so neither the units nor the
    shape of the columns matter; what breaks is how columns belong together. The other row is drawn
    from the same batch.

    Parameters
    ----------
    fraction : float, default=0.15
        Probability that a value is replaced, in [0, 1].

    See Also
    --------
    Masking : Values that are plainly damaged.
    sklearn_ae.DenoisingAutoencoder : Has it as ``noise="swap"``.

    Notes
    -----
    It became known by Michael Jahrer's winning entry to Porto Seguro's Safe Driver Prediction
    (Kaggle, 2017), which swapped 15 % of the values.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.corruptions import SwapNoise
    >>> x = torch.arange(1000.0)[:, None]
    >>> swapped = SwapNoise(fraction=0.15)(x, torch.Generator().manual_seed(0))
    >>> round((swapped != x).float().mean().item(), 1)
    0.2
    """

    def __init__(self, fraction: float = 0.15) -> None:
        self.fraction = fraction

    def __call__(self, x: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return a corrupted copy of x."""
        n_rows = len(x)
        if n_rows == 1:  # there is no other row
            return x.clone()
        # A shift of 1 .. n_rows - 1 rows leads to any row but the same one.
        shift = torch.randint(1, n_rows, x.shape, generator=generator, device=x.device)
        other = (torch.arange(n_rows, device=x.device)[:, None] + shift) % n_rows
        _, chosen = self._chosen(x, generator)
        return torch.where(chosen, x.gather(0, other), x)


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)

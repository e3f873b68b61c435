"""Penalties of the code: its size, its activity, its distance from the normal distribution."""

from typing import Any

import numpy as np
import torch

from .._typing import Weights
from ._weighted import Weighted, is_number


class L1(Weighted):
    """Sum of the absolute code: drives units to zero.

    ``weight * sum_j |z_j|`` for each row, which training divides by n_features, as the loss is a
    mean over the features. Codes escape the penalty by shrinking while the decoder grows, unless
    the decoder's columns have unit norm: use it with ``MLP(unit_norm=True)``, as
    `SparseAutoencoder` does, and with an activation that reaches zero (``code_activation="relu"``).

    Parameters
    ----------
    weight : float, default=0.3
        Strength, relative to the loss. More weight, fewer active units: more bias and less
        variance.

    See Also
    --------
    KLSparsity : Asks for a share of active units, not for small codes.
    sklearn_ae.SparseAutoencoder : Has it as ``sparsity="l1"``.

    References
    ----------
    Olshausen & Field (1996). Emergence of simple-cell receptive field properties by learning a
    sparse code for natural images. Nature 381.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae._training.module import Output
    >>> from sklearn_ae.penalties import L1
    >>> code = torch.tensor([[3.0, -4.0], [0.0, 1.0]])
    >>> L1(weight=0.5)(None, None, Output(code, code))
    tensor([3.5000, 0.5000])
    """

    def __init__(self, weight: float = 0.3) -> None:
        self.weight = weight

    def __call__(self, module: Any, x: torch.Tensor, output: Any) -> torch.Tensor:
        """Return the values of the rows, shape (n_rows,)."""
        return self.weight * output.code.abs().sum(dim=1)

    def unit(self, scale: float, n_features: int) -> float:
        """Return what training divides the values by."""
        return n_features


class L2(Weighted):
    """Squared norm of the code: keeps codes near zero.

    ``weight * sum_j z_j**2`` for each row.

    Parameters
    ----------
    weight : float, default=1e-3
        Strength, relative to the loss (a squared error is measured in shares of the data's
        variance). More weight, more bias and less variance.

    See Also
    --------
    L1 : Drives units to zero.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.penalties import L2
    >>> X = load_iris().data
    >>> free = AutoencoderTransformer(random_state=0).fit(X)
    >>> held = AutoencoderTransformer(penalty=L2(0.1), random_state=0).fit(X)
    >>> bool((held.transform(X) ** 2).mean() < (free.transform(X) ** 2).mean())
    True
    """

    ignores_rotation = True

    def __init__(self, weight: float = 1e-3) -> None:
        self.weight = weight

    def __call__(self, module: Any, x: torch.Tensor, output: Any) -> torch.Tensor:
        """Return the values of the rows, shape (n_rows,)."""
        return self.weight * output.code.square().sum(dim=1)


class KLSparsity(Weighted):
    """Divergence of each unit's mean activity from a small target: lets few units be active.

    ``weight * sum_j KL(target || h_j)``, where ``h_j`` is the mean of unit j over the batch, both
    read as probabilities. Training divides it by n_features. It needs a code in [0, 1]:
    ``MLP(code_activation="logistic")``, as `SparseAutoencoder` has.

    Parameters
    ----------
    weight : float, default=1.0
        Strength, relative to the loss. More weight, activities nearer to the target: more bias and
        less variance.
    target : float, default=0.05
        Mean activity that costs nothing, in (0, 1).

    See Also
    --------
    L1 : Drives units to zero.
    sklearn_ae.SparseAutoencoder : Has it as ``sparsity="kl"``.

    References
    ----------
    Ng (2011). Sparse autoencoder. CS294A lecture notes, Stanford University.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae._training.module import Output
    >>> from sklearn_ae.penalties import KLSparsity
    >>> code = torch.tensor([[0.1, 0.9], [0.0, 0.9]])
    >>> KLSparsity(weight=1.0, target=0.05)(None, None, Output(code, code[:, :1])).item()
    0.0
    """

    def __init__(self, weight: float = 1.0, target: Any = 0.05) -> None:
        self.weight = weight
        self.target = target

    def __call__(
        self, module: Any, x: torch.Tensor, output: Any, sample_weight: Weights = None
    ) -> torch.Tensor:
        """Return the value of the batch, shape ()."""
        code = output.code
        if code.detach().amin() < 0 or code.detach().amax() > 1:
            raise ValueError(
                f"KLSparsity needs codes in [0, 1], but they reach from {code.min().item():.3g} to "
                f"{code.max().item():.3g}. Give the code an activation that stays there: "
                "architecture=MLP(code_activation='logistic'), with init='random'."
            )
        if sample_weight is None:
            activity = code.mean(dim=0)
        else:
            activity = sample_weight @ code / sample_weight.sum()
        return self.weight * bernoulli_kl(self.target, activity).sum()

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError unless the weight is at least 0 and the target a probability."""
        super().check(X)
        if not (is_number(self.target) and 0 < self.target < 1):
            raise ValueError(
                f"target={self.target!r} of KLSparsity must be a number in (0, 1): the mean "
                "activity of a unit."
            )

    def unit(self, scale: float, n_features: int) -> float:
        """Return what training divides the value by."""
        return n_features


class GaussianKL(Weighted):
    """Divergence of a variational code from the standard normal distribution.

    ``weight * KL(N(mean, variance) || N(0, 1))``, summed over the units, for each row. Training
    divides it by n_features, like the loss. Only `VariationalAutoencoder` has such a code.

    Parameters
    ----------
    weight : float, default=1.0
        1 gives the evidence lower bound; more keeps the code nearer to the normal distribution.

    See Also
    --------
    sklearn_ae.VariationalAutoencoder : Whose code it is meant for.

    References
    ----------
    Kingma & Welling (2014). Auto-encoding variational Bayes. ICLR.

    Higgins et al. (2017). beta-VAE: learning basic visual concepts with a constrained variational
    framework. ICLR.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae._training.module import Output
    >>> from sklearn_ae.penalties import GaussianKL
    >>> mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)
    >>> GaussianKL()(None, None, Output(mean, mean, mean=mean, log_variance=log_variance))
    tensor([0.5000])
    """

    def __init__(self, weight: float = 1.0) -> None:
        self.weight = weight

    def __call__(self, module: Any, x: torch.Tensor, output: Any) -> torch.Tensor:
        """Return the values of the rows, shape (n_rows,)."""
        if output.mean is None:
            raise ValueError(
                "GaussianKL needs a code with means and variances. Use VariationalAutoencoder, "
                "which has it."
            )
        return self.weight * gaussian_kl(output.mean, output.log_variance).sum(dim=1)

    def unit(self, scale: float, n_features: int) -> float:
        """Return what training divides the values by."""
        return n_features


def gaussian_kl(mean, log_variance):
    """Return the divergence of N(mean, variance) from N(0, 1), elementwise.

    Parameters
    ----------
    mean, log_variance : Tensor

    Returns
    -------
    kl : Tensor
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def bernoulli_kl(p, q):
    """Return the divergence of Bernoulli variables of probability p from those of q."""
    q = q.clamp(torch.finfo(q.dtype).eps, 1 - torch.finfo(q.dtype).eps)
    return p * (np.log(p) - q.log()) + (1 - p) * (np.log1p(-p) - (-q).log1p())

"""Activations: by name, and the one that keeps the largest units of a code."""

import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator
from torch import nn

from .._validation import is_whole

ACTIVATIONS = {
    "identity": nn.Identity(),
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "silu": F.silu,
    "gelu": F.gelu,
}


class TopK(BaseEstimator):
    """Activation of a code that keeps the k largest units of each row and sets the rest to zero.

    The k-sparse autoencoder is ``MLP((), code_activation=TopK(k))``.

    Parameters
    ----------
    k : int, default=25
        How many units are kept in training; all of them if the code has no more.
    k_transform : int, default=None
        How many are kept afterwards; None for k. A classifier does better with about three times as
        many as in training.

    See Also
    --------
    sklearn_ae.SparseAutoencoder : Has it as ``sparsity="top_k"``.

    References
    ----------
    Makhzani & Frey (2013). k-sparse autoencoders. arXiv:1312.5663.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.architectures import TopK
    >>> keep = TopK(k=2).build(n_components=4)
    >>> keep(torch.tensor([[1.0, 4.0, -2.0, 3.0]]))
    tensor([[0., 4., 0., 3.]])
    """

    constrains = True  # a code as wide as the data is no copy of it

    def __init__(self, k: int = 25, *, k_transform: int | None = None) -> None:
        self.k = k
        self.k_transform = k_transform

    def build(self, n_components: int) -> nn.Module:
        """Return the activation as a module.

        Parameters
        ----------
        n_components : int
            Width of the code.

        Returns
        -------
        activation : nn.Module
            Maps ``(n_rows, n_components)`` to the same shape.

        Raises
        ------
        ValueError
            If k or k_transform is not a positive integer.
        """
        k_transform = self.k if self.k_transform is None else self.k_transform
        for name, k in (("k", self.k), ("k_transform", k_transform)):
            if not is_whole(k):
                raise ValueError(f"{name}={k!r} of TopK must be a positive integer.")
        return KeepLargest(min(self.k, n_components), min(k_transform, n_components))


class KeepLargest(nn.Module):
    """What `TopK` builds.

    Parameters
    ----------
    k, k_transform : int
        How many units are kept in training and afterwards.
    """

    def __init__(self, k, k_transform):
        super().__init__()
        self.k = k
        self.k_transform = k_transform

    def forward(self, code):
        """Return the code, with zeros at all but the largest units of each row."""
        kept = code.topk(self.k if self.training else self.k_transform, dim=-1).indices
        return torch.zeros_like(code).scatter(-1, kept, code.gather(-1, kept))


def activation_of(name, parameter):
    if name not in ACTIVATIONS:
        raise ValueError(f"{parameter}={name!r} is unknown; choose one of {sorted(ACTIVATIONS)}.")
    return ACTIVATIONS[name]


def code_activation_of(given, n_components):
    """Return what follows the code: a callable, or None for the identity."""
    if isinstance(given, TopK):
        return given.build(n_components)
    return None if given == "identity" else activation_of(given, "code_activation")

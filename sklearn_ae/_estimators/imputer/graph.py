"""What an imputer computes, as a torch module of operations that other runtimes have, too."""

import torch
from torch import nn


class ImputerGraph(nn.Module):
    """Fills the gaps of rows.

    Parameters
    ----------
    linear : LowRankNormal
    parts : list of tuple
        Modules of the autoencoders that take part, their shares, and whether each corrects the
        linear model.
    missing_value : float or None
        What stands for a gap; None for NaN.
    is_empty : ndarray of bool of shape (n_features,)
        Columns without any value.
    kept, indicated : list of int
        Columns that are returned, and those that are told of whether they were missing.
    """

    def __init__(self, linear, parts, missing_value, is_empty, kept, indicated):
        super().__init__()
        self.rank = linear.loadings.shape[1]
        for name in ("mean", "scale", "loadings"):
            self.register_buffer(name, getattr(linear, name))
        self.noise = linear.noise
        self.modules_ = nn.ModuleList(module for module, _, _ in parts)
        self.shares = [share for _, share, _ in parts]
        self.correcting = [corrects for _, _, corrects in parts]
        self.missing_value = missing_value
        self.register_buffer("is_empty", torch.from_numpy(is_empty))
        self.kept, self.indicated = kept, indicated

    def forward(self, x):
        """Return the rows with numbers in their gaps."""
        missing = x.isnan() if self.missing_value is None else x == self.missing_value
        known = torch.where(self.is_empty, 0.0, torch.where(missing, torch.nan, x))
        estimate = linear = self._linear(known)
        parts = zip(self.modules_, self.shares, self.correcting, strict=True)
        for module, share, corrects in parts:
            reference = module.offset if corrects else linear
            estimate = estimate + share * (module(known).reconstruction - reference)
        filled = torch.where(missing, torch.where(self.is_empty, 0.0, estimate), x)
        told = [missing[:, self.indicated].to(x.dtype)] if self.indicated else []
        return torch.cat([filled[:, self.kept], *told], dim=1)

    def _linear(self, x):
        """Return the conditional means, as `LowRankNormal` does."""
        n_features, rank = self.loadings.shape
        observed = ~x.isnan()
        products = (self.loadings[:, :, None] * self.loadings[:, None]).reshape(n_features, -1)
        gram = (observed.to(x.dtype) @ products).reshape(-1, rank, rank)
        gram = gram + self.noise * torch.eye(rank, dtype=x.dtype)
        standardised = torch.where(observed, (x - self.mean) / self.scale, 0.0)
        z = solve(gram, standardised @ self.loadings)
        return self.mean + z @ self.loadings.T * self.scale


def solve(matrices, vectors):
    """Return the solutions of positive definite systems, by Gauss and Jordan's elimination.

    There is no Cholesky decomposition in ONNX. Positive definite systems need no pivots, and these
    are small.

    Parameters
    ----------
    matrices : Tensor of shape (n, rank, rank)
    vectors : Tensor of shape (n, rank)
    """
    both = torch.cat([matrices, vectors[:, :, None]], dim=2)
    for k in range(matrices.shape[1]):
        row = both[:, k : k + 1] / both[:, k : k + 1, k : k + 1]
        rest = both - both[:, :, k : k + 1] * row
        both = torch.cat([rest[:, :k], row, rest[:, k + 1 :]], dim=1)
    return both[:, :, -1]

"""What an imputer computes, as a torch module of operations that other runtimes have, too."""

from math import ceil, log2

import torch
from torch import nn

from .autoencoders import is_variational
from .full_normal import FullNormal
from .mixture import TO_CENTRE

DIGITS = 10  # half the logarithm of how exact an inverse is to be: of 1e9


class ImputerGraph(nn.Module):
    """Fills the gaps of rows.

    Parameters
    ----------
    learned : Learned
    completion : Completion
    missing_value : float or None
        What stands for a gap; None for NaN.

    Raises
    ------
    ValueError
        If a variational autoencoder takes part.
    """

    def __init__(self, learned, completion, missing_value):
        super().__init__()
        self.share = learned.share
        if self.share and is_variational(learned.own):
            raise ValueError(
                f"autoencoder={learned.own!r} fills gaps with a mean over the codes that a row may "
                "have, and the search for the likeliest of them has no fixed number of steps, "
                "which ONNX needs. Fit with AutoencoderTransformer to export the imputer."
            )
        is_full = isinstance(learned.linear, FullNormal)
        self.linear = (FullGraph if is_full else LinearGraph)(learned.linear)
        self.own = learned.own.module_ if self.share else None
        self.corrects = learned.corrects
        self.loss = learned.mixture().loss
        self.missing_value = missing_value
        for name, array in vars(learned.columns).items():
            self.register_buffer(name, torch.from_numpy(array))
        for name in ("is_empty", "is_whole"):
            self.register_buffer(name, torch.from_numpy(getattr(completion, name)))
        self.register_buffer("least", torch.from_numpy(completion.low))
        self.register_buffer("most", torch.from_numpy(completion.high))
        indicator = completion.indicator
        self.kept = completion.kept.tolist()
        self.indicated = [] if indicator is None else indicator.features_.tolist()

    def forward(self, x):
        """Return the rows with numbers in their gaps."""
        missing = x.isnan() if self.missing_value is None else x == self.missing_value
        known = torch.where(self.is_empty, 0.0, x)
        gaps = missing & ~self.is_empty
        filling = self._fill(torch.where(gaps, self.center, known), gaps)
        filling = torch.where(self.is_whole, filling.round(), filling)
        filling = torch.minimum(torch.maximum(filling, self.least), self.most)
        filled = torch.where(gaps, filling, known)
        told = [missing[:, self.indicated].to(x.dtype)] if self.indicated else []
        return torch.cat([filled[:, self.kept], *told], dim=1)

    def _fill(self, x, gaps):
        """Return what `Mixture.fill` does, of rows with any numbers in their gaps."""
        inside = torch.minimum(torch.maximum(x, self.low), self.high)
        standardised = (inside - self.center) / self.scale
        linear = self.linear(standardised, gaps)
        if self.share == 0:
            return self._in_support(self._restored(linear))
        if not hasattr(self.loss, "link"):
            own = self.own(torch.where(gaps, torch.nan, standardised)).reconstruction
            own = own + linear - self.own.offset if self.corrects else own
            return self._restored(linear + self.share * (own - linear))
        own = self._natural(self.own(torch.where(gaps, torch.nan, x)).reconstruction)
        means = self._in_support(self._restored(linear))
        linear = self._natural(means + TO_CENTRE * (self.center - means))
        mixed = linear + self.share * (own - linear)
        return self.loss.link(mixed) if hasattr(self.loss, "natural") else mixed

    def _restored(self, standardised):
        return standardised * self.scale + self.center

    def _in_support(self, means):
        low, high = getattr(self.loss, "support", (None, None))
        return means if low is None and high is None else means.clamp(low, high)

    def _natural(self, means):
        return self.loss.natural(means) if hasattr(self.loss, "natural") else means


class LinearGraph(nn.Module):
    """The conditional means of `LowRankNormal`.

    Parameters
    ----------
    linear : LowRankNormal
    """

    def __init__(self, linear):
        super().__init__()
        for name in ("mean", "scale", "loadings"):
            self.register_buffer(name, getattr(linear, name))
        self.noise = linear.noise

    def forward(self, x, gaps):
        """Return the means of all entries, given those that are not in gaps."""
        n_features, rank = self.loadings.shape
        if rank == 0:
            return self.mean.expand_as(x)
        products = (self.loadings[:, :, None] * self.loadings[:, None]).reshape(n_features, -1)
        gram = ((~gaps).to(x.dtype) @ products).reshape(-1, rank, rank)
        gram = gram + self.noise * torch.eye(rank, dtype=x.dtype)
        standardised = torch.where(gaps, 0.0, (x - self.mean) / self.scale)
        z = solve(gram, standardised @ self.loadings)
        return self.mean + z @ self.loadings.T * self.scale


class FullGraph(nn.Module):
    """The conditional means of `FullNormal`.

    There is no Cholesky decomposition in ONNX, and an elimination has a step for each column. So
    the systems are inverted by Newton's iteration (Schulz 1933), in as many steps as their
    condition asks for: their eigenvalues lie between those of the whole precision.

    Parameters
    ----------
    linear : FullNormal

    References
    ----------
    Schulz (1933). Iterative Berechnung der reziproken Matrix. ZAMM 13.
    """

    def __init__(self, linear):
        super().__init__()
        self.register_buffer("mean", linear.mean)
        self.register_buffer("precision", linear.precision)
        self.register_buffer("identity", torch.eye(linear.rank, dtype=linear.mean.dtype))
        values = torch.linalg.eigvalsh(linear.precision)
        low, high = values[0].clamp_max(1).item(), values[-1].clamp_min(1).item()
        self.start = 2 / (low + high)
        self.n_steps = ceil(log2(DIGITS * high / low))

    def forward(self, x, gaps):
        """Return the rows with means in their gaps."""
        along = torch.where(gaps, 0.0, x - self.mean) @ self.precision
        systems = torch.where(gaps[:, :, None] & gaps[:, None], self.precision, self.identity)
        apart = self._solved(systems, torch.where(gaps, along, 0.0)[:, :, None])[:, :, 0]
        return torch.where(gaps, self.mean - apart, x)

    def _solved(self, systems, vectors):
        twice = 2 * self.identity
        inverse = self.start * (twice - self.start * systems)
        for _ in range(self.n_steps):
            inverse = inverse @ (twice - systems @ inverse)
        solution = inverse @ vectors
        return solution + inverse @ (vectors - systems @ solution)  # what rounding has left


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

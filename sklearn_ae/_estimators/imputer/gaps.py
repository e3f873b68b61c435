"""What makes an autoencoder fill gaps: coders, corruption, loss and module for rows with NaN."""

import torch
from torch import nn


class WithGaps:
    """An architecture for rows with NaN: its encoder is given the values and where they are.

    Parameters
    ----------
    architecture : object
        Builds the coders. If it has ``beside(n)``, that returns the architecture for rows of n
        parts, each like one row of its own: images stay images. Otherwise it builds for any width.
    """

    def __init__(self, architecture):
        self.architecture = architecture

    def build(self, n_features, n_components):
        """Return a new encoder of rows with NaN, and a new decoder."""
        own = self.architecture
        decoder = own.build(n_features, n_components)[1]
        wide = own.beside(2) if hasattr(own, "beside") else own
        encoder = wide.build(2 * n_features, n_components)[0]
        return EncoderWithGaps(encoder), decoder


class EncoderWithGaps(nn.Module):
    """An encoder of rows with NaN: of values, 0 for the missing ones, and of a mask.

    Parameters
    ----------
    encoder : nn.Module
        Takes rows twice as wide.
    """

    gives_mask = True

    def __init__(self, encoder):
        super().__init__()
        self.encoder = encoder

    @property
    def network(self):
        """What is given values and mask."""
        return self.encoder

    def forward(self, x):
        """Return the codes of standardised rows."""
        missing = x.isnan()
        return self.encoder(torch.cat([x.masked_fill(missing, 0), missing.to(x.dtype)], dim=-1))

    @property
    def has_linear_path(self):
        """Whether the encoder has one."""
        return getattr(self.encoder, "has_linear_path", False)

    @property
    def output_activation(self):
        """Activation of the code, if the encoder has one."""
        return getattr(self.encoder, "output_activation", None)

    def start_linear(self, weight, bias):
        """Make the map linear in the values, whatever is missing."""
        weight = torch.as_tensor(weight)
        self.encoder.start_linear(torch.cat([weight, torch.zeros_like(weight)], dim=1), bias)


class HideEntries:
    """A corruption that hides entries, so that a net learns to fill them.

    Half of the rows lose what another row that has gaps has lost, if there is one; the other half
    a share of their entries that is drawn anew for each, between 5 and 85 %.

    Gaps on top of gaps may leave less than any row of the data has. Entries come back at random, so
    that about half as many are left as the row has, or as the other row has if these are fewer.

    Parameters
    ----------
    first : callable or None, default=None
        A corruption that comes before.
    borrowed : float, default=0.5
        Share of the rows that lose what another row has lost.
    """

    def __init__(self, first=None, borrowed=0.5):
        self.first = first
        self.borrowed = borrowed

    def __call__(self, x, generator):
        """Return a copy of x with NaN at what is hidden."""
        n_rows = len(x)
        share = torch.empty_like(x[:, :1]).uniform_(0.05, 0.85, generator=generator)
        drawn = torch.empty_like(x).uniform_(generator=generator)
        hidden, gaps = drawn < share, x.isnan()
        nth_lender = gaps.any(dim=1).cumsum(0)
        n_lenders = nth_lender[-1:]  # never looked at here, which would wait for a GPU
        which = torch.empty_like(share).uniform_(generator=generator)[:, 0] * n_lenders
        at = torch.searchsorted(nth_lender, which.long() + 1).clamp_max(n_rows - 1)
        borrowing = torch.empty_like(share).uniform_(generator=generator) < self.borrowed
        borrowing = borrowing & (n_lenders > 0)
        hidden = torch.where(borrowing, self._lent(gaps, gaps[at], drawn), hidden)
        seen = x if self.first is None else self.first(x, generator)
        return seen.masked_fill(hidden | gaps, torch.nan)

    def _lent(self, gaps, other, drawn):
        """Return what rows lose for what others have lost, so that enough is left."""

        def count(entries):
            return entries.sum(dim=1, keepdim=True)

        n_seen = torch.minimum(count(~gaps), count(~other))
        n_back = (n_seen + 1) // 2 - count(~(gaps | other))
        losses = other & ~gaps
        drawn = drawn.masked_fill(~losses, torch.inf)
        back = drawn < n_back / count(losses).clamp_min(1)
        first = drawn == drawn.amin(dim=1, keepdim=True)  # comes back in any case
        return other & ~back & ~(first & (n_back > 0))


class ObservedLoss:
    """A loss that counts the observed entries of rows with NaN only.

    Parameters
    ----------
    loss : callable
        ``loss(reconstruction, x)``, one value per row: a mean over its entries.
    """

    counts_observed = True

    def __init__(self, loss):
        self.loss = loss

    def __getattr__(self, name):
        """Return what else the loss knows: its unit, its link, its tangent."""
        if name == "loss" or name.startswith("__"):
            raise AttributeError(name)
        return getattr(self.loss, name)

    def __call__(self, reconstruction, x):
        """Return the values of the rows, shape (n_rows,)."""
        missing = x.isnan()  # a constant in its place has no gradient
        return self.loss(reconstruction.masked_fill(missing, 0.5), x.masked_fill(missing, 0.5))


class CorrectingModule(nn.Module):
    """An autoencoder of rows with NaN whose reconstruction corrects that of a linear model.

    Parameters
    ----------
    autoencoder : AutoencoderModule
    base : nn.Module
        Fills rows with NaN.
    """

    def __init__(self, autoencoder, base):
        super().__init__()
        self.autoencoder = autoencoder
        self.base = base

    def __getattr__(self, name):
        """Return what only the autoencoder has."""
        if name == "autoencoder":
            return super().__getattr__(name)
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.autoencoder, name)

    @property
    def written_parts(self):
        """What steps are written out for: the autoencoder, added to the linear model."""
        return self.autoencoder, self.base

    def forward(self, x, *generator):
        """Return reconstruction and code of rows."""
        output = self.autoencoder(x, *generator)
        correction = output.reconstruction - self.autoencoder.offset
        return output._replace(reconstruction=self.base(x) + correction)

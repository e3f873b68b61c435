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

    Half of the rows lose a share of their entries that is drawn anew for each, between 5 and 85 %;
    the other half what another row has lost, if that has any gaps.

    Parameters
    ----------
    first : callable or None, default=None
        A corruption that comes before.
    """

    def __init__(self, first=None):
        self.first = first

    def __call__(self, x, generator):
        """Return a copy of x with NaN at what is hidden."""
        n_rows = len(x)
        share = torch.empty_like(x[:, :1]).uniform_(0.05, 0.85, generator=generator)
        hidden = torch.empty_like(x).uniform_(generator=generator) < share
        other = torch.randint(n_rows, (n_rows,), generator=generator, device=x.device)
        gaps = x.isnan()
        drawn = torch.empty_like(share).uniform_(generator=generator) < 0.5
        borrowing = drawn & gaps[other].any(dim=1, keepdim=True)
        hidden = torch.where(borrowing, gaps[other], hidden)
        seen = x if self.first is None else self.first(x, generator)
        return seen.masked_fill(hidden | gaps, torch.nan)


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

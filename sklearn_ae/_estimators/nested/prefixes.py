"""Nested codes: codes whose first units are a code by themselves, whatever their number."""

import numpy as np
import torch
from torch import nn

from ..._training.module import AutoencoderModule, Output
from ..._training.objective import Objective
from ..._training.written_out import Written
from .written_out import Cut

N_JUDGED = 4  # numbers of units that held-out rows are decoded from in each epoch
WHOLE = 0.7  # of the rows, when all units matter most


class PrefixDecoder(nn.Module):
    """A decoder of the first units of a code, which is told how many they are.

    What it wraps is given a pair of numbers for each unit: its value and 1, or twice 0 if the unit
    is left out. Zero alone would also be the value of a unit at its mean.

    Parameters
    ----------
    decoder : nn.Module
        Takes ``2 * n_components`` numbers.
    n_components : int
        Of the whole code.
    """

    takes_prefixes = True

    def __init__(self, decoder, n_components):
        super().__init__()
        self.decoder = decoder
        self.n_components = n_components

    def forward(self, code, widths=None):
        """Return what the rows of a code decode to, shape (n_rows, n_features).

        Parameters
        ----------
        code : Tensor of shape (n_rows, n_given)
            At most n_components columns; the units after them are left out.
        widths : Tensor of int of shape (n_rows,) or None, default=None
            How many of the first units of each row are used; None for all that are given.
        """
        kept = torch.ones_like(code)
        if widths is not None:
            kept = (torch.arange(code.shape[1], device=code.device) < widths[:, None]).to(code)
            code = code * kept
        pairs = torch.stack((code, kept), dim=2).flatten(1)
        n_left_out = self.n_components - code.shape[1]
        if n_left_out:
            pairs = nn.functional.pad(pairs, (0, 2 * n_left_out))
        return self.decoder(pairs)

    @property
    def network(self):
        """What is given pairs."""
        return self.decoder

    @property
    def has_linear_path(self):
        """Whether the map can be linear."""
        return getattr(self.decoder, "has_linear_path", False)

    def start_linear(self, weight, bias):
        """Make the map of all widths ``weight @ code + bias``, ready to be trained.

        Parameters
        ----------
        weight : Tensor of shape (n_features, n_components)
        bias : array-like of shape (n_features,)
        """
        pairs = torch.stack((weight, torch.zeros_like(weight)), dim=2)
        self.decoder.start_linear(pairs.flatten(1), bias)


class NestedObjective(Objective):
    """Loss of the reconstruction from the first units of a code, their number drawn for each row.

    Outside of training the loss is the mean over numbers, by the same shares.

    Rippel et al. (2014). Learning ordered representations with nested dropout. ICML.

    Parameters
    ----------
    loss : callable
        ``loss(reconstruction, x)``, one value per row.
    shares : ndarray of shape (n_components,)
        How likely each number of units is.
    **kwargs
        As for `Objective`.
    """

    def __init__(self, loss, shares, **kwargs):
        super().__init__(loss, **kwargs)
        self.shares = torch.from_numpy(shares).float().to(self.generator.device)

    def _output(self, module, seen, generator):
        code = module.encode(seen)
        widths = self.draw_widths(len(code), generator) if self.training else None
        return Output(module.to_data(module.decoder(code, widths)), code, seen)

    def written_out(self, module):
        """Return how training steps are written out for a module, or None."""
        if type(module) is not AutoencoderModule or type(module.decoder) is not PrefixDecoder:
            return None
        if self.penalty is not None or self.emphasis:
            return None
        return Written(lambda encoder: Cut(self), goes_straight=False)

    def draw_widths(self, n_rows, generator):
        """Return how many units each row keeps; each number as often in a batch as it can be.

        Parameters
        ----------
        n_rows : int
        generator : torch.Generator

        Returns
        -------
        widths : Tensor of int of shape (n_rows,)
        """
        device = self.shares.device
        order = torch.randperm(n_rows, generator=generator, device=device)
        spread = (order + torch.rand((), generator=generator, device=device)) / n_rows
        edges = self.shares.cumsum(0)[:-1]
        return 1 + torch.searchsorted(edges, spread, right=True)

    def _loss_values(self, module, output, x):
        loss_values = super()._loss_values
        if self.training:
            return loss_values(module, output, x)
        total, before = 0.0, 0
        for width in judged_widths(len(self.shares)):
            share = self.shares[before:width].sum()
            reconstruction = module.decode(output.code[:, :width])
            cut = output._replace(reconstruction=reconstruction)
            total = total + share * loss_values(module, cut, x)
            before = width
        return total


def judged_widths(n_components):
    """Return up to 4 numbers of units, evenly from 1 to all.

    Parameters
    ----------
    n_components : int
    """
    return np.unique(np.linspace(1, n_components, N_JUDGED).round().astype(int)).tolist()


def shares_of_widths(unexplained):
    """Return how likely it should be to keep the first b units.

    Proportional to ``(b * (unexplained[b - 1] + 0.02))**-0.5``: few units need the practice, and
    what many leave unexplained is small. Where they leave nothing, there is nothing to learn, and
    the smallest of the others stands in.

    Parameters
    ----------
    unexplained : ndarray of shape (n_components,)
        Share of the variance that the first 1, 2, ... principal components leave.

    Returns
    -------
    shares : ndarray of shape (n_components,)
    """
    widths = np.arange(1, len(unexplained) + 1)
    least = min(unexplained[unexplained > 1e-6], default=1.0)
    shares = (widths * (np.maximum(unexplained, least) + 0.02)) ** -0.5
    return shares / shares.sum()


def shares_with_whole(n_components):
    """Return how likely it should be to keep the first b units, if all of them matter most.

    Parameters
    ----------
    n_components : int

    Returns
    -------
    shares : ndarray of shape (n_components,)
        Proportional to 1 / b, after 0.7 for all units.
    """
    shares = 1 / np.arange(1, n_components + 1)
    shares *= (1 - WHOLE) / shares.sum()
    shares[-1] += WHOLE
    return shares


@torch.no_grad()
def keep_first_units(wide, narrow):
    """Give a module of fewer units the weights that another one has for its first units.

    Parameters
    ----------
    wide, narrow : nn.Module
        Of the same architecture, whose weights of first units come first.
    """
    for small, large in zip(narrow.state_dict().values(), wide.state_dict().values(), strict=True):
        small.copy_(large[tuple(slice(size) for size in small.shape)])

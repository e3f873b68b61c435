"""Nested codes: codes whose first units are a code by themselves, whatever their number."""

import numpy as np
import torch
from torch import nn

from ._module import Output
from ._objective import Objective

N_JUDGED = 8  # numbers of units that held-out rows are decoded from in each epoch


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
        if widths is None:
            kept = torch.ones_like(code)
        else:
            kept = (torch.arange(code.shape[1], device=code.device) < widths[:, None]).to(code)
        pairs = torch.stack((code * kept, kept), dim=2).flatten(1)
        n_left_out = self.n_components - code.shape[1]
        return self.decoder(nn.functional.pad(pairs, (0, 2 * n_left_out)))

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

    Rippel et al. (2014). Learning ordered representations with nested dropout. ICML. There the
    number is geometric; here all numbers are as likely. Outside of training the loss is the mean
    over numbers.

    Parameters
    ----------
    *args, **kwargs
        As for `Objective`.

    Attributes
    ----------
    share_of_whole : float
        Share of the rows that are decoded from all units, besides those that draw this number.
    """

    share_of_whole = 0.0

    @classmethod
    def like(cls, objective):
        """Return the nested objective of the parts of another one."""
        return cls(
            objective.loss,
            unit=objective.unit,
            seed=objective.seed,
            device=objective.generator.device,
        )

    def _output(self, module, seen, generator):
        code = module.encode(seen)
        widths = self._draw_widths(code, generator) if self.training else None
        return Output(module.to_data(module.decoder(code, widths)), code, seen)

    def _draw_widths(self, code, generator):
        """Return how many units each row keeps: all numbers equally often in a batch, but one."""
        n_rows, n_components = code.shape
        where = torch.randperm(n_rows, generator=generator, device=code.device)
        start = torch.rand((), generator=generator, device=code.device)
        spread = (where + start) / n_rows  # evenly over [0, 1), in no order
        share = self.share_of_whole
        drawn = (spread - share) / (1 - share) * n_components
        widths = (1 + drawn).long().clamp_max(n_components)
        return torch.where(spread < share, n_components, widths)

    def _loss_values(self, module, output, x):
        loss_values = super()._loss_values
        if self.training:
            return loss_values(module, output, x)
        n_components = output.code.shape[1]
        widths = np.unique(np.linspace(1, n_components, N_JUDGED).round().astype(int))
        values = [loss_values(module, self._cut(module, output, k), x) for k in widths]
        mean = torch.stack(values).mean(dim=0)
        return torch.lerp(mean, values[-1], self.share_of_whole)

    def _cut(self, module, output, width):
        return output._replace(reconstruction=module.decode(output.code[:, :width]))


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

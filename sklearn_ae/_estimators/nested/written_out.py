"""The steps of a nested autoencoder, written out: its code is cut."""

import torch

from ..._training.written_out.codes import Straight


class Cut(Straight):
    """A nested code: the first units of each row, and which they are, for a `PrefixDecoder`.

    Parameters
    ----------
    objective : NestedObjective
    """

    def __init__(self, objective):
        super().__init__()
        self.objective = objective

    def forward(self, encoded, batch):
        """Return what is to be decoded."""
        n_rows, n_units = encoded.shape
        widths = self.objective.draw_widths(n_rows, self.objective.generator)
        units = torch.arange(n_units, device=encoded.device)
        self.code, self.kept = encoded, (units < widths[:, None]).to(encoded.dtype)
        return torch.stack((encoded * self.kept, self.kept), dim=2).view(n_rows, -1)

    def backward(self, d, batch):
        """Return None, and the gradient by what was encoded."""
        return None, d.view(*self.kept.shape, 2)[:, :, 0] * self.kept

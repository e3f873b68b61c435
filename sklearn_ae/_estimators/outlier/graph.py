"""What an outlier detector computes, as a torch module."""

import torch
from torch import nn

from .normal_rows import FARTHEST, N_NEIGHBORS, RAREST, SMALLEST
from .rarity import N_BINS


class DetectorGraph(nn.Module):
    """Scores of rows, and labels if there is an offset.

    Parameters
    ----------
    reconstruct : nn.Module
        Makes reconstructions of standardised rows.
    measure : str
    offset : float or None
        Scores below are outliers; None for the scores alone.
    learned : dict
        As from `NormalRows.state`.
    """

    def __init__(self, reconstruct, measure, offset, learned):
        super().__init__()
        self.reconstruct = reconstruct
        self.measure = measure
        self.offset = offset
        self.k = min(N_NEIGHBORS + 1, len(learned["references"]))
        for name in ("center", "scale", "residual_scale", "typical", "references", "usual"):
            self.register_buffer(name, torch.from_numpy(learned[name]))
        precision = learned["residual_precision"]
        self.ridge = precision["ridge"]
        self.register_buffer("matrix", torch.from_numpy(precision["matrix"]))
        for name, array in learned["histograms"].items():
            self.register_buffer(name, torch.from_numpy(array))

    def forward(self, x):
        """Return scores; or labels, and scores minus the offset."""
        z = ((x - self.center) / self.scale).clamp(-FARTHEST, FARTHEST)
        reconstruction = self.reconstruct(z)
        score = -getattr(self, f"_{self.measure}")(reconstruction, z - reconstruction)
        if self.offset is None:
            return score
        decision = score - self.offset
        return torch.where(decision < 0, -1, 1), decision

    def _code(self, reconstruction, residual):
        references, k = self.references, self.k
        squares = references.square().sum(dim=1) - 2 * reconstruction @ references.T
        index = squares.topk(k, dim=1, largest=False).indices
        apart = reconstruction[:, None] - references[index]
        distance = apart.square().sum(dim=2).sqrt()
        if k == 1:
            return distance[:, 0]
        nearest, farthest = distance.amin(dim=1), distance.amax(dim=1)
        is_itself = nearest < 1e-6 * reconstruction.shape[1] ** 0.5
        return (distance.sum(dim=1) - torch.where(is_itself, nearest, farthest)) / (k - 1)

    def _mahalanobis(self, reconstruction, residual):
        if self.ridge:
            product = (residual - (residual @ self.matrix.T) @ self.matrix) / self.ridge
        else:
            product = residual @ self.matrix
        squares = (product * residual).mean(dim=1)
        return squares.clamp_min(0).sqrt()

    def _combined(self, reconstruction, residual):
        along = self._code(reconstruction, residual) / self.typical[0]
        off = self._mahalanobis(reconstruction, residual) / self.typical[1]
        return ((along + SMALLEST) * (off + SMALLEST)).sqrt() * self._rarity(
            reconstruction + residual
        )

    def _rarity(self, z):
        place = ((z - self.low) / self.width + 1).clamp(0, N_BINS + 1)
        cells = place.floor().clamp(max=N_BINS)
        below, above = (self.surprise.gather(0, (cells + step).long()) for step in (0, 1))
        median, rarities, distances = self.usual
        rarity = ((below + (place - cells) * (above - below)).sum(dim=1) - median) / rarities
        return (distances * rarity.clamp(-RAREST, RAREST)).exp()

    def _standardised(self, reconstruction, residual):
        return (residual / self.residual_scale).square().mean(dim=1)

    def _squared_error(self, reconstruction, residual):
        return residual.square().sum(dim=1)

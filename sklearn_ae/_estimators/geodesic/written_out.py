"""The steps of a geodesic autoencoder, written out: its code is led."""

import torch

from ..._training.written_out.codes import Straight, total, weighted

DELTA = (
    0.03  # relative error from which on the stress grows linearly: paths around a hole are wrong
)


class Led(Straight):
    """A code that follows coordinates or distances to landmarks, as `FollowingObjective` has it.

    Landmarks are encoded below the rows of a batch. With the distances ``s_il`` between the codes
    ``z_i`` of rows and ``y_l`` of landmarks, and C, the slope of the stress by ``s_il`` divided by
    ``s_il``, the gradients are ``dz_i = (C 1)_i z_i - (C y)_i`` and ``dy_l = (C' 1)_l y_l -
    (C' z)_l``.

    Parameters
    ----------
    objective : FollowingObjective
    landmarks : Tensor of shape (n_landmarks, n_features) or None
        Standardised.
    """

    def __init__(self, objective, landmarks):
        super().__init__()
        self.objective, self.landmarks = objective, landmarks

    def rows(self, standard, batch):
        """Return what is to be encoded, for the standardised rows of a batch."""
        objective = self.objective
        objective.n_steps += 1
        is_led = self.landmarks is not None and batch.guide is not None
        self.is_stressed = is_led and objective.n_steps > objective.n_regressed
        return torch.cat([standard, self.landmarks]) if self.is_stressed else standard

    def forward(self, encoded, batch):
        """Return what is to be decoded."""
        n_rows = batch.x.shape[0]
        self.code, self.of_landmarks = encoded[:n_rows], encoded[n_rows:]
        return self.code

    def backward(self, d, batch):
        """Return how little the code follows, and the gradient by what was encoded."""
        if batch.guide is None:
            return None, d
        return (self._stress if self.is_stressed else self._regression)(d, batch)

    def _regression(self, d, batch):
        error = self.code - batch.guide[:, -self.code.shape[1] :]
        factor = (self.objective.weight if self.landmarks is None else 1.0) / error.numel()
        d.add_(weighted(error, batch.weight), alpha=2 * factor)
        return total(error.square_(), batch.weight).mul_(factor), d

    def _stress(self, d, batch):
        code, landmarks = self.code, self.of_landmarks
        distances = batch.guide[:, : landmarks.shape[0]]
        apart = torch.cdist(code, landmarks, compute_mode="donot_use_mm_for_euclid_dist")
        apart = apart.square_().add_(1e-8).sqrt_()
        unit = distances.clamp(min=self.objective.shortest)
        error = (apart - distances).div_(unit)
        root = error.square().add_(DELTA**2).sqrt_()
        factor = 2 * DELTA * self.objective.weight / error.numel()
        slopes = weighted(error.div_(root).div_(unit).div_(apart).mul_(factor), batch.weight)
        d_code = torch.addmm(d, slopes, landmarks, alpha=-1)
        d_code.addcmul_(code, slopes.sum(dim=1, keepdim=True))
        d_landmarks = landmarks * slopes.sum(dim=0)[:, None] - slopes.T @ code
        value = total(root.sub_(DELTA), batch.weight).mul_(factor)
        return value, torch.cat([d_code, d_landmarks])

"""What stands between encoder and decoder, and what constrains the code there: forth and back.

Each class has three methods. ``rows(standard, batch)`` returns what is encoded, given the
standardised rows of a batch; ``forward(encoded, batch)`` what is decoded then; and
``backward(d, batch)``, given the gradient d with respect to that, the value of what constrains the
code, None for nothing, and the gradient with respect to what the encoder put out. d may be
overwritten.
"""

import torch

from .._following import DELTA
from ..penalties import _bernoulli_kl


class Straight:
    """The code as it is, under a penalty or none.

    Parameters
    ----------
    penalty : callable or None
        ``penalty(code, d, weight)`` returns the value, and adds its gradient to d.
    """

    def __init__(self, penalty=None):
        self.penalty = penalty

    def rows(self, standard, batch):
        return standard

    def forward(self, encoded, batch):
        self.code = encoded
        return encoded

    def backward(self, d, batch):
        return None if self.penalty is None else self.penalty(self.code, d, batch.weight), d

    @property
    def extra(self):
        """Gradients with respect to the sums of the encoder's layers; None for none."""
        return getattr(self.penalty, "extra", None)


class Drawn:
    """A variational code: drawn from a normal distribution, as near as it may be to a standard one.

    ``z = m + e σ`` with standard normal e and ``σ = exp(l / 2)``, for the halves m and l of what
    the encoder puts out. The penalty is ``f w (m² + σ² - 1 - l) / 2``.
    """

    extra = None

    def __init__(self, objective, buffers):
        penalty = objective.penalty
        self.factor = 0.0 if penalty is None else penalty.weight / objective.penalty_unit
        self.objective, self.buffers = objective, buffers

    def rows(self, standard, batch):
        return standard

    def forward(self, encoded, batch):
        self.mean, self.log_variance = encoded.chunk(2, dim=1)
        noise = self.buffers("noise", encoded, *self.mean.shape)
        noise.normal_(generator=self.objective.generator)
        self.spread = torch.mul(self.log_variance, 0.5, out=torch.empty_like(noise)).exp_()
        self.shift = noise.mul_(self.spread)
        self.code = self.mean + self.shift
        return self.code

    def backward(self, d, batch):
        mean, log_variance, factor = self.mean, self.log_variance, self.factor / len(d)
        variance = self.spread.square()
        d_encoded = torch.cat([d, d * self.shift / 2], dim=1)
        if not factor:
            return None, d_encoded
        slopes = torch.cat([mean, (variance - 1) / 2], dim=1)
        d_encoded.add_(_weighted(slopes, batch.weight), alpha=factor)
        divergence = mean.square().add_(variance).sub_(1).sub_(log_variance)
        return _total(divergence, batch.weight).mul_(factor / 2), d_encoded


class Cut:
    """A nested code: the first units of each row, as many as are drawn, with a mask of them."""

    extra = None

    def __init__(self, objective, buffers):
        self.objective, self.buffers = objective, buffers

    def rows(self, standard, batch):
        return standard

    def forward(self, encoded, batch):
        n_rows, n_units = encoded.shape
        objective = self.objective
        widths = objective._draw_widths(n_rows, objective.generator)
        pairs = self.buffers("pairs", encoded, n_rows, n_units, 2)
        units = torch.arange(n_units, device=encoded.device)
        self.code, self.kept = encoded, pairs[:, :, 1].copy_(units < widths[:, None])
        torch.mul(encoded, self.kept, out=pairs[:, :, 0])
        return pairs.view(n_rows, -1)

    def backward(self, d, batch):
        return None, d.view(len(d), -1, 2)[:, :, 0] * self.kept


class Led(Straight):
    """A code that follows coordinates, or distances to landmarks encoded beside the batch.

    As `FollowingObjective` says, for the stress: with the distances ``s_il`` of codes ``z_i`` from
    codes ``y_l`` of landmarks and C, the slopes of the stress by ``s_il``, divided by ``s_il``,

        dz_i = (C 1)_i z_i - (C y)_i,   dy_l = (C' 1)_l y_l - (C' z)_l.
    """

    def __init__(self, objective, standardise):
        super().__init__()
        self.objective, self.landmarks = objective, None
        if objective.landmarks is not None:
            self.landmarks = standardise(objective.landmarks, "landmarks").clone()

    def rows(self, standard, batch):
        objective = self.objective
        objective.n_steps += 1
        self.is_stressed = (
            batch.guide is not None
            and self.landmarks is not None
            and objective.n_steps > objective.n_regressed
        )
        return torch.cat([standard, self.landmarks]) if self.is_stressed else standard

    def forward(self, encoded, batch):
        n_rows = len(batch.x)
        self.code, self.of_landmarks = encoded[:n_rows], encoded[n_rows:]
        return self.code

    def backward(self, d, batch):
        if batch.guide is None:
            return None, d
        return self._stress(d, batch) if self.is_stressed else self._regression(d, batch)

    def _regression(self, d, batch):
        objective, code = self.objective, self.code
        factor = 1.0 if self.landmarks is not None else objective.weight
        error = code - batch.guide[:, -code.shape[1] :]
        counted = _weighted(error, batch.weight)
        factor /= error.numel()
        return (error * counted).sum().mul_(factor), d.add_(counted, alpha=2 * factor)

    def _stress(self, d, batch):
        code, landmarks, shortest = self.code, self.of_landmarks, self.objective.shortest
        n_landmarks = len(landmarks)
        distances = batch.guide[:, :n_landmarks]
        apart = torch.cdist(code, landmarks, compute_mode="donot_use_mm_for_euclid_dist")
        apart = apart.square_().add_(1e-8).sqrt_()
        unit = distances.clamp(min=shortest)
        error = (apart - distances).div_(unit)
        root = (error * error).add_(DELTA**2).sqrt_()
        factor = 2 * DELTA * self.objective.weight / error.numel()
        value = _total(root - DELTA, batch.weight).mul_(factor)
        slopes = _weighted(error.div_(root.mul_(unit).mul_(apart)).mul_(factor), batch.weight)
        d = d.add_(code * slopes.sum(dim=1, keepdim=True)).sub_(slopes @ landmarks)
        d_landmarks = landmarks * slopes.sum(dim=0)[:, None] - slopes.T @ code
        return value, torch.cat([d, d_landmarks])


# Penalties: each returns its value for a code, and adds its gradient to d.


class AbsoluteCode:
    """``f sum_i w_i sum_j |z_ij|``."""

    def __init__(self, penalty, factor):
        self.factor = factor * penalty.weight

    def __call__(self, code, d, weight):
        factor = self.factor / len(code)
        d.add_(_weighted(code.sign(), weight), alpha=factor)
        return _total(code.abs(), weight).mul_(factor)


class SquaredCode:
    """``f sum_i w_i sum_j z_ij²``."""

    def __init__(self, penalty, factor):
        self.factor = factor * penalty.weight

    def __call__(self, code, d, weight):
        factor = self.factor / len(code)
        d.add_(_weighted(code, weight), alpha=2 * factor)
        return _total(code.square(), weight).mul_(factor)


class MeanActivity:
    """``f w sum_j KL(p, q_j)`` for the mean q of each unit; w is the mean weight of the rows."""

    def __init__(self, penalty, factor):
        self.factor, self.target = factor * penalty.weight, penalty.target

    def __call__(self, code, d, weight):
        p, eps = self.target, torch.finfo(code.dtype).eps
        mean_weight = 1.0 if weight is None else weight.mean()
        q = _weighted(code, weight).mean(dim=0) / mean_weight
        q_inside = q.clamp(eps, 1 - eps)
        slopes = (1 - p) / (1 - q_inside) - p / q_inside
        d.add_(_weighted(slopes.expand_as(d), weight), alpha=self.factor / len(code))
        return self.factor * mean_weight * _bernoulli_kl(p, q).sum()


def _weighted(values, weight):
    return values if weight is None else values * weight


def _total(values, weight):
    return _weighted(values, weight).sum()

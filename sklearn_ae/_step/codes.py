"""What stands between encoder and decoder, and what constrains the code there: forth and back."""

import torch

from .._following import DELTA
from ..penalties import _bernoulli_kl


class Straight:
    """The code as it is, under a penalty or none; the others differ in one thing or another.

    Parameters
    ----------
    penalty : callable or None, default=None
        ``penalty(code, d, weight)`` returns its value for a batch, and adds its gradient to d.

    Attributes
    ----------
    code : Tensor of shape (n_rows, n_components)
        Of the last batch.
    """

    def __init__(self, penalty=None):
        self.penalty = penalty

    def rows(self, standard, batch):
        """Return what is to be encoded, for the standardised rows of a batch."""
        return standard

    def forward(self, encoded, batch):
        """Return what is to be decoded."""
        self.code = encoded
        return encoded

    def backward(self, d, batch):
        """Return the value of what constrains the code, and the gradient by what was encoded.

        Parameters
        ----------
        d : Tensor
            Gradient by what was decoded; it may be written to.
        batch : Batch
        """
        return None if self.penalty is None else self.penalty(self.code, d, batch.weight), d

    def extra(self):
        """Return the gradient by what the encoder's layers have summed up, if there is one."""
        return getattr(self.penalty, "extra", ())


class Drawn(Straight):
    """A variational code: ``z = m + e σ``, under ``f sum_i w_i sum_j KL(N(m_ij, σ_ij²), N(0, 1))``.

    The halves of what is encoded are m and ``l = log σ²``; e is standard normal.

    Parameters
    ----------
    objective : VariationalObjective
    """

    def __init__(self, objective):
        super().__init__()
        penalty, self.objective = objective.penalty, objective
        self.factor = 0.0 if penalty is None else penalty.weight / objective.penalty_unit

    def forward(self, encoded, batch):
        """Return what is to be decoded."""
        self.mean, self.log_variance = encoded.chunk(2, dim=1)
        noise = torch.empty_like(self.mean).normal_(generator=self.objective.generator)
        self.spread = (self.log_variance / 2).exp_()
        self.shift = noise.mul_(self.spread)
        self.code = self.mean + self.shift
        return self.code

    def backward(self, d, batch):
        """Return the value of the divergence, and the gradient by what was encoded."""
        factor, variance = self.factor / d.shape[0], self.spread.square_()
        kl = self.mean.square().add_(variance).sub_(self.log_variance).sub_(1)
        slopes = torch.cat([self.mean, variance.sub_(1).div_(2)], dim=1)
        d = torch.cat([d, self.shift.mul_(d).div_(2)], dim=1)
        d.add_(_weighted(slopes, batch.weight), alpha=factor)
        return _total(kl, batch.weight).mul_(factor / 2), d


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
        widths = self.objective._draw_widths(n_rows, self.objective.generator)
        units = torch.arange(n_units, device=encoded.device)
        self.code, self.kept = encoded, (units < widths[:, None]).to(encoded.dtype)
        return torch.stack((encoded * self.kept, self.kept), dim=2).view(n_rows, -1)

    def backward(self, d, batch):
        """Return None, and the gradient by what was encoded."""
        return None, d.view(*self.kept.shape, 2)[:, :, 0] * self.kept


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
        d.add_(_weighted(error, batch.weight), alpha=2 * factor)
        return _total(error.square_(), batch.weight).mul_(factor), d

    def _stress(self, d, batch):
        code, landmarks = self.code, self.of_landmarks
        distances = batch.guide[:, : landmarks.shape[0]]
        apart = torch.cdist(code, landmarks, compute_mode="donot_use_mm_for_euclid_dist")
        apart = apart.square_().add_(1e-8).sqrt_()
        unit = distances.clamp(min=self.objective.shortest)
        error = (apart - distances).div_(unit)
        root = error.square().add_(DELTA**2).sqrt_()
        factor = 2 * DELTA * self.objective.weight / error.numel()
        slopes = _weighted(error.div_(root).div_(unit).div_(apart).mul_(factor), batch.weight)
        d_code = torch.addmm(d, slopes, landmarks, alpha=-1)
        d_code.addcmul_(code, slopes.sum(dim=1, keepdim=True))
        d_landmarks = landmarks * slopes.sum(dim=0)[:, None] - slopes.T @ code
        value = _total(root.sub_(DELTA), batch.weight).mul_(factor)
        return value, torch.cat([d_code, d_landmarks])


# Penalties on the code


class AbsoluteCode:
    """``f sum_i w_i sum_j |z_ij|``."""

    def __init__(self, penalty, factor):
        self.factor = factor * penalty.weight

    def __call__(self, code, d, weight):
        """Return the value, and add the gradient to d."""
        factor = self.factor / code.shape[0]
        d.add_(_weighted(code.sign(), weight), alpha=factor)
        return _total(code.abs(), weight).mul_(factor)


class SquaredCode:
    """``f sum_i w_i sum_j z_ij²``."""

    def __init__(self, penalty, factor):
        self.factor = factor * penalty.weight

    def __call__(self, code, d, weight):
        """Return the value, and add the gradient to d."""
        factor = self.factor / code.shape[0]
        d.add_(_weighted(code, weight), alpha=2 * factor)
        return _total(code.square(), weight).mul_(factor)


class MeanActivity:
    """``f w sum_j KL(p, q_j)`` for the mean q of each unit, and the mean w of the weights."""

    def __init__(self, penalty, factor):
        self.factor, self.target = factor * penalty.weight, penalty.target

    def __call__(self, code, d, weight):
        """Return the value, and add the gradient to d."""
        p, eps = self.target, torch.finfo(code.dtype).eps
        mean_weight = 1.0 if weight is None else weight.mean()
        q = _weighted(code, weight).mean(dim=0) / mean_weight
        inside = q.clamp(eps, 1 - eps)
        slopes = (1 - p) / (1 - inside) - p / inside
        d.add_(_weighted(slopes.expand_as(d), weight), alpha=self.factor / code.shape[0])
        return _bernoulli_kl(p, q).sum() * (mean_weight * self.factor)


def _weighted(values, weight):
    return values if weight is None else values * weight


def _total(values, weight):
    return _weighted(values, weight).sum()

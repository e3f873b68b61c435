"""The steps of a variational autoencoder, written out: its drawn code, and its likelihoods."""

from math import log

import torch

from ..._training.written_out.codes import Straight, total, weighted
from ..._training.written_out.losses import Reconstruction, poisson, squared_error

MIN_NOISE = 1e-4  # share of the data's variance; without it a perfect fit has infinite likelihood
LOG_TWO_PI = log(2 * torch.pi)


class Drawn(Straight):
    """A variational code: ``z = m + e σ``, under ``f sum_i w_i sum_j KL(N(m_ij, σ_ij²), N(0, 1))``.

    The halves of what is encoded are m and ``l = log σ²``; e is standard normal.

    Parameters
    ----------
    objective : VariationalObjective
    """

    def __init__(self, objective):
        super().__init__()
        self.objective = objective

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
        penalty, variance = self.objective.penalty, self.spread.square_()
        weight = 0.0 if penalty is None else penalty.weight / self.objective.penalty_unit
        factor = weight / d.shape[0]
        kl = self.mean.square().add_(variance).sub_(self.log_variance).sub_(1)
        slopes = torch.cat([self.mean, variance.sub_(1).div_(2)], dim=1)
        d = torch.cat([d, self.shift.mul_(d).div_(2)], dim=1)
        d.add_(weighted(slopes, batch.weight), alpha=factor)
        return total(kl, batch.weight).mul_(factor / 2), d


class Likelihood(Reconstruction):
    """Minus the logarithm of the decoder's density at what the encoder has seen of a batch."""

    def _compared(self, batch):
        return batch.seen

    def _constant(self, x, c, weight):
        if self.family is poisson:
            return total(torch.lgamma(x + 1), c)
        return super()._constant(x, c, weight)


class NormalLikelihood(Likelihood):
    """The same for a normal distribution of the variance v, of which a parameter decides.

    For the mean squared error E and the observed share o it is ``(E / v + o log(2 π v)) / 2``.
    """

    def __init__(self, module, *args):
        super().__init__(module, *args)
        self.factor = 1 / len(module.offset)
        self.log_noise = module.log_noise.detach()
        self.log_noise_gradient = module.log_noise.grad
        self.log_unit = LOG_TWO_PI + 2 * log(self.scale)

    def __call__(self, y, batch):
        """Return the value, and its gradient with respect to y."""
        x, c, _ = self._comparison(batch)
        error, d = squared_error(y, x, c, self.factor / y.shape[0], self.buffers)
        observed = 1.0 if c is None else c.expand_as(y).mean()
        above = self.log_noise.exp()
        variance = above + MIN_NOISE
        relative = error / variance
        torch.mul(observed - relative, above / variance / 2, out=self.log_noise_gradient)
        value = (relative + observed * (variance.log() + self.log_unit)) / 2
        return value, d.div_(2 * variance)

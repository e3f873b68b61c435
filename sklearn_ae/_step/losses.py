"""The losses as functions of what the decoder puts out, and their gradients, in closed form.

All three belong to exponential families with the decoder's output y for the natural parameter. So
the slope of each is the mean that belongs to y, minus the value. ``c`` is what each value counts,
or None; f a factor.
"""

from math import log

import torch

from .._evidence import LOG_TWO_PI, MIN_NOISE
from .._imputing import CorrectingModule, ObservedLoss
from ..losses import LogLoss, Poisson, SquaredError

softplus = torch._C._nn.softplus  # F.softplus calls it, without `out`


def squared_error(y, x, c, f, buffers):
    """Return ``f sum c (y - x)²`` and its gradient with respect to y."""
    d = torch.sub(y, x, out=buffers("d", y))
    counted = d if c is None else torch.mul(d, c, out=buffers("counted", y))
    value = d.view(-1).dot(counted.view(-1))
    return value.mul_(f), counted.mul_(2 * f)


def log_loss(y, x, c, f, buffers):
    """Return ``f sum c (log(1 + exp y) - x y)`` and its gradient with respect to y."""
    values = softplus(y, 1, 50, out=buffers("values", y)).addcmul_(x, y, value=-1)
    return _counted(values, torch.sigmoid(y, out=buffers("d", y)).sub_(x), c, f)


def poisson(y, x, c, f, buffers):
    """Return ``f sum c (exp y - x y)`` and its gradient with respect to y."""
    mean = torch.exp(y, out=buffers("d", y))
    values = torch.addcmul(mean, x, y, value=-1, out=buffers("values", y))
    return _counted(values, mean.sub_(x), c, f)


def _counted(values, d, c, f):
    if c is not None:
        values.mul_(c)
        d.mul_(c)
    return values.sum().mul_(f), d.mul_(f)


def binary_entropy(x):
    """Return the log loss of x from itself."""
    return -torch.xlogy(x, x) - torch.xlogy(1 - x, 1 - x)


def poisson_constant(x):
    """Return the Poisson loss of x from a mean, but for what depends on the mean."""
    return torch.xlogy(x, x) - x


def log_factorial(x):
    """Return minus the logarithm of the Poisson density of x, but for what depends on the mean."""
    return torch.lgamma(x + 1)


FAMILIES = {SquaredError: squared_error, LogLoss: log_loss, Poisson: poisson}


class Reconstruction:
    """The loss of a batch as a function of what the decoder puts out.

    Parameters
    ----------
    module : AutoencoderModule or CorrectingModule
    objective : Objective
        Of a loss that has a closed form.
    standardise : callable
        ``standardise(x, name)``, what the module encodes for rows, in the buffer of that name.
    buffers : Buffers
    """

    def __init__(self, module, objective, standardise, buffers):
        loss = objective.loss
        self.has_gaps = type(loss) is ObservedLoss
        self.family = FAMILIES[type(loss.loss if self.has_gaps else loss)]
        self.base = module.base if type(module) is CorrectingModule else None
        self.emphasis = objective.emphasis if objective.corruption is not None else 0.0
        self.factor = 1 / (objective.unit * len(module.offset))
        self.scale = module.scale.item()
        if self.family is squared_error:  # of standardised values
            self.factor *= self.scale**2
        self.standardise, self.buffers = standardise, buffers

    def __call__(self, y, batch):
        """Return the value, and its gradient with respect to y.

        Parameters
        ----------
        y : Tensor of shape (n_rows, n_features)
        batch : Batch
        """
        x, c, weight = self._comparison(batch)
        factor = self.factor / y.shape[0]
        value, d = self.family(y, x, c, factor, self.buffers)
        constant = self._constant(x, c, weight)
        return value if constant is None else value.add_(constant, alpha=factor), d

    def _comparison(self, batch):
        """Return what y is compared with, what each value counts, and what each row does."""
        x = self._compared(batch)
        weight, shares = batch.weight, self._shares(x, batch)
        if shares is None:
            return self._target(x, batch), weight, weight
        return self._target(x, batch), shares if weight is None else shares.mul_(weight), weight

    def _compared(self, batch):
        """Return the rows that the reconstruction is compared with."""
        return batch.x

    def _target(self, x, batch):
        """Return them as y is to be, without gaps."""
        if self.base is not None:
            target = (x - self.base(batch.seen)) / self.scale
        elif self.family is not squared_error:
            target = x
        elif x is batch.seen:
            target = batch.standard
        else:
            target = self.standardise(x, "target")
        return target.masked_fill(x.isnan(), 0.5) if self.has_gaps else target

    def _shares(self, x, batch):
        """Return what the values count, compared to each other; None if that is the same."""
        shares = None
        if self.emphasis:
            shares = (batch.seen != x).to(x.dtype).mul_(self.emphasis).add_(1 - self.emphasis)
        if self.has_gaps:
            missing = x.isnan()
            shares = (~missing).to(x.dtype) if shares is None else shares.masked_fill_(missing, 0)
        return shares

    def _constant(self, x, c, weight):
        """Return what the loss has besides, whatever y is; None for nothing."""
        if self.family is poisson:
            return _total(poisson_constant(x), c)
        if self.family is log_loss and c is not weight:  # values that do not count are perfect
            return _total(binary_entropy(x), weight) - _total(binary_entropy(x), c)
        return None


class Likelihood(Reconstruction):
    """Minus the logarithm of the decoder's density at what the encoder has seen of a batch."""

    def _compared(self, batch):
        return batch.seen

    def _constant(self, x, c, weight):
        if self.family is poisson:
            return _total(log_factorial(x), c)
        return super()._constant(x, c, weight)


class NormalLikelihood(Likelihood):
    """The same for a normal distribution of the variance v, of which a parameter decides.

    For the mean squared error E and the observed share o it is ``(E / v + o log(2 π v)) / 2``.
    """

    def __init__(self, module, objective, standardise, buffers):
        super().__init__(module, objective, standardise, buffers)
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


def _total(values, c):
    return values.sum() if c is None else (values * c).sum()

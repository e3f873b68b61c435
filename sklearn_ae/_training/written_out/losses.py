"""The losses as functions of what the decoder puts out, and their gradients, in closed form.

All three belong to exponential families with the decoder's output y for the natural parameter. So
the slope of each is the mean that belongs to y, minus the value. ``c`` is what each value counts,
or None; f a factor.
"""

import torch

from ...losses import LogLoss, Poisson, SquaredError
from .says import says

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


def loss_alone(loss):
    """Return the loss that another one is, but for values that are missing."""
    return loss.loss if says(loss, "counts_observed") else loss


def total(values, c):
    """Return the sum of some values, each of which counts c."""
    return values.sum() if c is None else (values * c).sum()


FAMILIES = {SquaredError: squared_error, LogLoss: log_loss, Poisson: poisson}


class Reconstruction:
    """The loss of a batch as a function of what the decoder puts out.

    Parameters
    ----------
    module : AutoencoderModule
    objective : Objective
        Of a loss that has a closed form.
    base : callable or None
        ``base(seen)``, what the module's reconstruction is added to.
    standardise : callable
        ``standardise(x, name)``, what the module encodes for rows, in the buffer of that name.
    buffers : Buffers
    """

    def __init__(self, module, objective, base, standardise, buffers):
        self.has_gaps = bool(says(objective.loss, "counts_observed"))
        self.family = FAMILIES[type(loss_alone(objective.loss))]
        self.bounds = (module.low, module.high) if module.is_bounded else None
        self.base = base
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
        value, d = (self.family if self.bounds is None else self._bounded)(
            y, x, c, factor, self.buffers
        )
        constant = self._constant(x, c, weight)
        return value if constant is None else value.add_(constant, alpha=factor), d

    def _bounded(self, y, x, c, f, buffers):
        """Return the same as the family, of what `AutoencoderModule.bounded` makes of y."""
        low, high = self.bounds
        inside = torch.clamp(y, low, high, out=buffers("inside", y))
        beyond = torch.sub(y, inside, out=buffers("beyond", y))
        slowed = torch.abs(beyond, out=buffers("slowed", y)).log1p_().copysign_(beyond)
        value, d = self.family(inside.add_(slowed), x, c, f, buffers)
        return value, d.div_(beyond.abs_().add_(1))

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
            return total(poisson_constant(x), c)
        if self.family is log_loss and c is not weight:  # values that do not count are perfect
            return total(binary_entropy(x), weight) - total(binary_entropy(x), c)
        return None

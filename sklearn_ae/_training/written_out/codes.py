"""What stands between encoder and decoder, and what constrains the code there: forth and back."""

from collections.abc import Callable
from typing import NamedTuple

import torch

from ...penalties import L1, L2, Contractive, KLSparsity, bernoulli_kl, has_closed_form
from .contraction import Contraction
from .losses import Reconstruction


class Written(NamedTuple):
    """How an objective is written out.

    ``code(encoder)`` returns what stands between the coders, like `Straight`; it ``goes_straight``
    to the decoder, or is what the network in one takes. ``reconstruction`` is `Reconstruction` or a
    subclass, and sets the gradients of ``parameters`` besides those of the coders. A step that
    ``repeats`` itself does the same to each batch, with numbers that do not leave the tensors.
    """

    code: Callable
    reconstruction: type = Reconstruction
    goes_straight: bool = True
    parameters: tuple = ()
    repeats: bool = False


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


# Penalties on the code


class AbsoluteCode:
    """``f sum_i w_i sum_j |z_ij|``."""

    def __init__(self, penalty, factor):
        self.penalty, self.factor = penalty, factor

    def __call__(self, code, d, weight):
        """Return the value, and add the gradient to d."""
        factor = self.factor * self.penalty.weight / code.shape[0]
        d.add_(weighted(code.sign(), weight), alpha=factor)
        return total(code.abs(), weight).mul_(factor)


class SquaredCode:
    """``f sum_i w_i sum_j z_ij²``."""

    def __init__(self, penalty, factor):
        self.penalty, self.factor = penalty, factor

    def __call__(self, code, d, weight):
        """Return the value, and add the gradient to d."""
        factor = self.factor * self.penalty.weight / code.shape[0]
        d.add_(weighted(code, weight), alpha=2 * factor)
        return total(code.square(), weight).mul_(factor)


class MeanActivity:
    """``f w sum_j KL(p, q_j)`` for the mean q of each unit, and the mean w of the weights."""

    def __init__(self, penalty, factor):
        self.penalty, self.factor = penalty, factor

    def __call__(self, code, d, weight):
        """Return the value, and add the gradient to d."""
        factor = self.factor * self.penalty.weight
        p, eps = self.penalty.target, torch.finfo(code.dtype).eps
        mean_weight = 1.0 if weight is None else weight.mean()
        q = weighted(code, weight).mean(dim=0) / mean_weight
        inside = q.clamp(eps, 1 - eps)
        slopes = (1 - p) / (1 - inside) - p / inside
        d.add_(weighted(slopes.expand_as(d), weight), alpha=factor / code.shape[0])
        return bernoulli_kl(p, q).sum() * (mean_weight * factor)


PENALTIES = {L1: AbsoluteCode, L2: SquaredCode, KLSparsity: MeanActivity}


def written_penalty(objective, module):
    """Return how an objective of one loss and one penalty, or none, is written out; None if not.

    Parameters
    ----------
    objective : Objective
    module : AutoencoderModule
    """
    penalty, factor = objective.penalty, 1 / objective.penalty_unit
    if penalty is None:
        return Written(lambda encoder: Straight(), repeats=True)
    if not _is_known(penalty, module.encoder):
        return None
    if type(penalty) is Contractive:
        factor /= module.scale.item() ** 2
        return Written(lambda encoder: Straight(Contraction(penalty, factor, encoder)))
    repeats = type(penalty) in (L1, L2)
    return Written(
        lambda encoder: Straight(PENALTIES[type(penalty)](penalty, factor)), repeats=repeats
    )


def _is_known(penalty, encoder):
    if type(penalty) is KLSparsity:  # its check of other codes has to wait for the numbers
        return getattr(encoder, "output_activation", None) is torch.sigmoid
    if type(penalty) is Contractive:
        is_exact = penalty.jacobian != "hutchinson" and has_closed_form(encoder)
        return is_exact and not penalty.curvature
    return type(penalty) in PENALTIES


def weighted(values, weight):
    """Return the values of rows times their weights, if there are any."""
    return values if weight is None else values * weight


def total(values, weight):
    """Return the sum of that."""
    return weighted(values, weight).sum()

"""Objectives whose gradient is written out: the package's own losses, codes and penalties."""

from typing import NamedTuple

import torch
from torch import Tensor

from .._evidence import VariationalModule, VariationalObjective
from .._following import FollowingObjective, FramedModule
from .._imputing import CorrectingModule, EncoderWithGaps, ObservedLoss
from .._jacobian import has_closed_form
from .._module import AutoencoderModule, Output
from .._nesting import NestedObjective, PrefixDecoder
from .._objective import Objective
from ..losses import SquaredError
from ..penalties import L1, L2, Contractive, GaussianKL, KLSparsity
from .buffers import Buffers
from .codes import AbsoluteCode, Cut, Drawn, Led, MeanActivity, SquaredCode, Straight
from .contraction import Contraction
from .losses import FAMILIES, Likelihood, NormalLikelihood, Reconstruction, squared_error

PENALTIES = {L1: AbsoluteCode, L2: SquaredCode, KLSparsity: MeanActivity}


class Batch(NamedTuple):
    """The rows x of a step, what the encoder sees of them, the same standardised, weight, guide.

    The weight is a column, or None if all rows count the same.
    """

    x: Tensor
    seen: Tensor
    standard: Tensor
    weight: Tensor | None
    guide: Tensor | None


class ClosedForm:
    """The gradient of an objective for which `is_known` is true.

    Parameters
    ----------
    module : AutoencoderModule or CorrectingModule
    objective : Objective
    encoder, decoder : Coder
    """

    def __init__(self, module, objective, encoder, decoder):
        self.module, self.objective = module, objective
        self.encoder, self.decoder = encoder, decoder
        self.is_prepared = False
        self.has_gaps = type(module.encoder) is EncoderWithGaps
        self.base = module.base if type(module) is CorrectingModule else None
        self.offset, self.unit = module.offset, 1 / module.scale.item()
        self.buffers = Buffers()
        self.reconstruction = self._reconstruction()
        self.code = self._code()

    def __call__(self, x, weight=None, guide=None):
        """Set the gradients, and return the value for a batch.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
        weight : Tensor of shape (n_rows,) or None, default=None
        guide : Tensor of shape (n_rows, n_values) or None, default=None
        """
        given, batch = self._batch(x, weight, guide)
        encoded = self.encoder.forward(self.code.rows(given, batch))
        y = self.decoder.forward(self.code.forward(encoded, batch))
        self.y, self.batch = y, batch
        value, d = self.reconstruction(y, batch)
        constraint, d = self.code.backward(self.decoder.backward(d), batch)
        self.encoder.backward(d, need_input=False, extra=self.code.extra())
        return value if constraint is None else value + constraint

    def prepare(self, X):
        """Return rows as batches are to be taken from now on: standardised if that is enough."""
        is_enough = self.reconstruction.family is squared_error and not self.has_gaps
        if not is_enough or self.objective.corruption is not None:
            return X
        self.is_prepared = True
        return (X - self.offset).mul_(self.unit)

    def output(self):
        """Return what the module has made of the last batch."""
        reconstruction = self.module.to_data(self.y)
        if self.base is not None:
            reconstruction += self.base(self.batch.seen) - self.offset
        return Output(reconstruction, self.code.code.clone(), self.batch.seen)

    def standardise(self, x, name):
        """Return what the module encodes for rows of data, in the buffer of that name."""
        return torch.sub(x, self.offset, out=self.buffers(name, x)).mul_(self.unit)

    def _batch(self, x, weight, guide):
        """Return what is encoded of some rows, and the batch."""
        corruption, seen = self.objective.corruption, x
        if corruption is not None:
            seen = corruption(x, self.objective.generator)
        standard = x if self.is_prepared else self.standardise(seen, "standard")
        given, standard = self._with_mask(standard) if self.has_gaps else (standard, standard)
        weight = None if weight is None else weight[:, None]
        return given, Batch(x, seen, standard, weight, guide)

    def _with_mask(self, x):
        """Return rows without their gaps beside a mask of them, and the former alone."""
        given = self.buffers("given", x, x.shape[0], 2 * x.shape[1])
        values, mask = given.chunk(2, dim=1)
        missing = x.isnan()
        mask.copy_(missing)
        return given, values.copy_(x.masked_fill_(missing, 0))

    def _reconstruction(self):
        loss, kind = self.objective.loss, Reconstruction
        if type(self.objective) is VariationalObjective:
            is_normal = type(_alone(loss)) is SquaredError
            kind = NormalLikelihood if is_normal else Likelihood
        return kind(self.module, self.objective, self.standardise, self.buffers)

    def _code(self):
        objective = self.objective
        if type(objective) is VariationalObjective:
            return Drawn(objective)
        if type(objective) is NestedObjective:
            return Cut(objective)
        if type(objective) is FollowingObjective:
            landmarks = objective.landmarks
            return Led(objective, None if landmarks is None else self.module.standardise(landmarks))
        return Straight(self._penalty())

    def _penalty(self):
        penalty, factor = self.objective.penalty, 1 / self.objective.penalty_unit
        if penalty is None:
            return None
        if type(penalty) is Contractive:
            return Contraction(penalty, factor * self.unit**2, self.encoder)
        return PENALTIES[type(penalty)](penalty, factor)


def is_known(module, objective):
    """Whether `ClosedForm` has the gradient of an objective.

    Parameters
    ----------
    module : nn.Module
        Whose coders are written out.
    objective : nn.Module
    """
    kind = type(module.autoencoder if type(module) is CorrectingModule else module)
    if MODULES.get(type(objective)) is not kind:
        return False
    if (type(objective) is NestedObjective) != (type(module.decoder) is PrefixDecoder):
        return False
    return _is_known_loss(module, objective) and _is_known_penalty(module, objective)


MODULES = {
    Objective: AutoencoderModule,
    VariationalObjective: VariationalModule,
    NestedObjective: AutoencoderModule,
    FollowingObjective: FramedModule,
}


def _alone(loss):
    return loss.loss if type(loss) is ObservedLoss else loss


def _is_known_loss(module, objective):
    loss, has_gaps = objective.loss, type(module.encoder) is EncoderWithGaps
    if type(_alone(loss)) not in FAMILIES or (type(loss) is ObservedLoss) != has_gaps:
        return False
    link = getattr(type(_alone(loss)), "link", None)
    if type(module) is CorrectingModule and link is not None:
        return False
    return getattr(module.link, "__func__", module.link) is link


def _is_known_penalty(module, objective):
    penalty = objective.penalty
    if type(objective) is Objective:
        return penalty is None or _is_known_of_encoder(penalty, module.encoder)
    if type(objective) is VariationalObjective and type(penalty) is GaussianKL:
        penalty = None
    if type(module) is FramedModule and not _is_unframed(module):
        return False
    return penalty is None and not objective.emphasis


def _is_known_of_encoder(penalty, encoder):
    if type(penalty) is KLSparsity:  # its check of other codes has to wait for the numbers
        return getattr(encoder, "output_activation", None) is torch.sigmoid
    if type(penalty) is Contractive:
        is_exact = penalty.jacobian != "hutchinson" and has_closed_form(encoder)
        return is_exact and not penalty.curvature
    return type(penalty) in PENALTIES


def _is_unframed(module):
    identity = torch.eye(len(module.turn)).to(module.turn)
    return torch.equal(module.turn, identity) and not module.shift.any().item()

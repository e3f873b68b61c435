"""Objectives whose gradient is written out: the package's own losses, codes and penalties."""

from typing import NamedTuple

import torch
from torch import Tensor

from ..module import Output
from .buffers import Buffers
from .losses import FAMILIES, loss_alone, squared_error
from .says import says


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
    """The gradient of an objective that is written out.

    Parameters
    ----------
    module : nn.Module
        An `AutoencoderModule`, or what adds to the reconstruction of one.
    objective : Objective
    written : Written
        As from `written_objective`.
    encoder, decoder : Coder
    """

    def __init__(self, module, objective, written, encoder, decoder):
        self.objective, self.encoder, self.decoder = objective, encoder, decoder
        self.module, self.base = says(module, "written_parts")
        self.is_prepared = False
        self.has_gaps = bool(says(self.module.encoder, "gives_mask"))
        self._look_at_scaling(self.module)
        self.buffers = Buffers()
        self.reconstruction = written.reconstruction(
            self.module, objective, self.base, self.standardise, self.buffers
        )
        self.code = written.code(encoder)

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
            reconstruction += self.base(self.batch.seen) - self.module.offset
        return Output(reconstruction, self.code.code.clone(), self.batch.seen)

    def standardise(self, x, name):
        """Return what the module encodes for rows of data, in the buffer of that name."""
        x = x if self.represent is None else self.represent(x)
        return torch.sub(x, self.offset, out=self.buffers(name, x)).mul_(self.unit)

    def _look_at_scaling(self, module):
        self.represent, offset, scale = module.represent, module.offset, module.scale
        if self.represent is not None:
            offset, scale = module.seen_offset, module.seen_scale
        self.offset, self.unit = offset, 1 / scale.item()

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


def written_objective(module, objective):
    """Return how an objective is written out; None if it is not, or not for this module.

    Parameters
    ----------
    module : nn.Module
        Whose coders are written out.
    objective : nn.Module

    Returns
    -------
    written : Written or None
    """
    write = says(objective, "written_out")
    autoencoder, base = says(module, "written_parts")
    if write is None or has_hooks(objective) or not _is_known_loss(autoencoder, base, objective):
        return None
    written = write(autoencoder)
    is_straight = says(autoencoder.decoder, "network") is None
    if written is None or written.goes_straight != is_straight:
        return None
    return written if _sets_all_gradients(written, module) else None


def has_hooks(module):
    """Whether something listens to the passes of a module or of a part of it."""
    return any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


def _sets_all_gradients(written, module):
    coders = (*module.encoder.parameters(), *module.decoder.parameters())
    known = {id(parameter) for parameter in (*coders, *written.parameters)}
    return all(id(parameter) in known for parameter in module.parameters())


def _is_known_loss(module, base, objective):
    loss, gives_mask = objective.loss, bool(says(module.encoder, "gives_mask"))
    alone = loss_alone(loss)
    if type(alone) not in FAMILIES or (alone is not loss) != gives_mask:
        return False
    link = getattr(type(alone), "link", None)
    if getattr(module.link, "__func__", module.link) is not link:
        return False
    if link is not None:
        return base is None
    return module.represent is None and not module.is_bounded

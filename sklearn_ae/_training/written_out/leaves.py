"""Autograd for everything but the coders: for any objective, and anything around the coders."""

import copy

import torch
from torch import nn

from .coders import IDENTITY


class Leaves:
    """The gradient of any objective of a module whose coders are written out.

    To autograd a coder is one function. Whatever else an objective does with the weights, as a
    penalty may, autograd follows as ever, and adds its share to their gradients.

    Parameters
    ----------
    module, objective : nn.Module
    coders : dict of nn.Module to Coder
        What is written out of the module. The coders add to gradients.
    flat : Flat
    """

    def __init__(self, module, objective, coders, flat):
        self.objective, self.flat, self.coders = objective, flat, coders.values()
        stand_ins = {network: StandIn(network, coder) for network, coder in coders.items()}
        self.module = with_replaced(module, stand_ins)

    def __call__(self, x, weight=None, guide=None):
        """Set the gradients, and return the value for a batch.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
        weight : Tensor of shape (n_rows,) or None, default=None
        guide : Tensor of shape (n_rows, n_values) or None, default=None
        """
        self.flat.gradients.zero_()
        for coder in self.coders:
            coder.is_taken = False
        with torch.enable_grad():
            values, self.last = self.objective(self.module, x, weight, guide)
            value = (values if weight is None else values * weight).mean()
        value.backward()
        return value.detach()

    def prepare(self, X):
        """Return rows as batches are to be taken of: as they are."""
        return X

    def output(self):
        """Return what the module has made of the last batch."""
        return self.last


class StandIn(nn.Module):
    """Runs a coder in the place of a network, once in a step: its buffers serve one backward pass.

    Parameters
    ----------
    network : LinearPlusNetwork
    coder : Coder
    """

    def __init__(self, network, coder):
        super().__init__()
        self.network, self.coder = network, coder
        self.anchor = torch.zeros((), requires_grad=True)  # else there is no way back to the coder

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)

    def forward(self, x):
        """Return the output, shape (n_rows, n_outputs)."""
        return self.trace(x)[0]

    def trace(self, x):
        """Return the output, and what each layer sums up on the way."""
        coder = self.coder
        if coder.is_taken or x.ndim != 2 or not torch.is_grad_enabled():
            return self.network.trace(x)
        coder.is_taken = True
        out, *sums = _Passes.apply(x, self.anchor, coder)
        return out, [*sums, out] if coder.output_activation is IDENTITY else sums


class _Passes(torch.autograd.Function):
    """The two passes of a coder, for autograd."""

    @staticmethod
    def forward(ctx, x, anchor, coder):
        ctx.coder = coder
        ctx.set_materialize_grads(False)
        out = coder.forward(x.detach())
        # New tensors on the same memory: autograd marks those that it is given as its own.
        return out.detach(), *(z.detach() for z in coder.sums())

    @staticmethod
    def backward(ctx, d, *extra):
        if d is None:  # only the sums were used
            d = torch.zeros_like(ctx.coder.here.out)
        return ctx.coder.backward(d, ctx.needs_input_grad[0], extra), None, None


def with_replaced(module, replacements):
    """Return a module with some of its parts replaced, which shares everything else.

    Parameters
    ----------
    module : nn.Module
    replacements : dict of nn.Module to nn.Module
    """
    if module in replacements:
        return replacements[module]
    parts = {
        name: None if part is None else with_replaced(part, replacements)
        for name, part in module._modules.items()
    }
    if all(part is module._modules[name] for name, part in parts.items()):
        return module
    twin = copy.copy(module)
    twin.__dict__["_modules"] = parts
    return twin

"""Autograd for all but the coders: any objective, any module around them."""

import copy

import torch
from torch import nn


class Leaves:
    """The gradient of an objective, whatever it is, with coders that are not autograd's.

    Autograd meets a coder as one function. What else an objective asks of the weights, as a penalty
    of its own might, it asks autograd for, which adds that to the gradients.

    Parameters
    ----------
    module, objective : nn.Module
    coders : dict of nn.Module to Coder
        The parts of the module that are written out.
    flat : Flat
    """

    def __init__(self, module, objective, coders, flat):
        self.objective, self.flat = objective, flat
        self.stand_ins = {network: _StandIn(network, coder) for network, coder in coders.items()}
        self.module = _with_replaced(module, self.stand_ins)

    def __call__(self, x, weight=None, guide=None):
        """Set the gradients, and return the value for a batch."""
        self.flat.gradients.zero_()
        for stand_in in self.stand_ins.values():
            stand_in.is_taken = False
        with torch.enable_grad():
            values, self.last = self.objective(self.module, x, weight, guide)
            value = (values if weight is None else values * weight).mean()
        value.backward()
        return value.detach()

    def prepare(self, X):
        """Return rows as batches are to be taken from: as they are."""
        return X

    def output(self):
        """Return what the module has made of the last batch."""
        return self.last


class _StandIn(nn.Module):
    """Runs a coder in the place of a network, the first time in a step; its buffers serve once."""

    def __init__(self, network, coder):
        super().__init__()
        self.network, self.coder = network, coder
        self.anchor = torch.zeros((), requires_grad=True)  # makes autograd come back to the coder

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("network"), name)

    def forward(self, x):
        return self.trace(x)[0]

    def trace(self, x):
        if self.is_taken or x.ndim != 2 or not torch.is_grad_enabled():
            return self.network.trace(x)
        self.is_taken = True
        out, *sums = _Passes.apply(x, self.anchor, self.coder)
        if self.coder.output_activation is None:
            sums.append(out)
        return out, sums


class _Passes(torch.autograd.Function):
    """The two passes of a coder."""

    @staticmethod
    def forward(ctx, x, anchor, coder):
        ctx.coder = coder
        ctx.set_materialize_grads(False)
        out = coder.forward(x.detach())
        # Tensors of their own: autograd marks what it is given.
        return out.detach(), *(z.detach() for z in coder.sums())

    @staticmethod
    def backward(ctx, d, *extra):
        return ctx.coder.backward(d, ctx.needs_input_grad[0], extra), None, None


def _with_replaced(module, replacements):
    """Return a module with some of its parts replaced; it shares all else with the original."""
    if module in replacements:
        return replacements[module]
    parts = {
        name: None if part is None else _with_replaced(part, replacements)
        for name, part in module._modules.items()
    }
    if all(part is module._modules[name] for name, part in parts.items()):
        return module
    twin = copy.copy(module)
    twin.__dict__["_modules"] = parts
    return twin

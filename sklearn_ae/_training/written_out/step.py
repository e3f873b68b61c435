"""A training step whose backward pass is written out, and what it cannot do."""

from itertools import product

import torch
from torch import nn

from ...architectures import LinearPlusNetwork, TransposedLinear, UnitNormLinear
from ..world import here
from .closed_form import ClosedForm, has_hooks, written_objective
from .coders import Coder, written_activation, written_output_activation
from .leaves import Leaves
from .parameters import SGD, Adam, Flat, decaying_parameters
from .says import says

LAYERS = (nn.Linear, TransposedLinear, UnitNormLinear)
RULES = {torch.optim.Adam: Adam, torch.optim.SGD: SGD}


def written_out(module, objective, optimizer):
    """Return a step that takes the place of autograd and the optimizer, or why there is none.

    Parameters
    ----------
    module : AutoencoderModule, or what adds to the reconstruction of one
        Its parameters become views of one tensor, until the step is released.
    objective : Objective
    optimizer : torch.optim.Optimizer
        Of the parameters of the module. Its state becomes that of the step.

    Returns
    -------
    step : Step or str
        A string says what stands in the way.
    """
    reason = why_not(module, optimizer)
    return reason or Step(module, objective, optimizer)


class Step:
    """One step of training: the gradient, and what the optimizer makes of it.

    Parameters
    ----------
    module : AutoencoderModule, or what adds to the reconstruction of one
    objective : Objective
    optimizer : torch.optim.Optimizer
        As for `written_out`, which has found nothing in the way.

    Attributes
    ----------
    flat : Flat
        The parameters; first those that decay.
    gradient : ClosedForm or Leaves
        Sets the gradients, and returns the value for a batch.
    repeats : bool
        Whether it does the same to each batch, so that it can be recorded.
    takes_sparse : bool
        Whether its batches are sparse rows.
    """

    takes_sparse = False

    def __init__(self, module, objective, optimizer):
        self.flat = Flat(module, decaying_parameters(module))
        encoder, decoder = network_of(module.encoder), network_of(module.decoder)
        written_as = written_objective(module, objective)
        if written_as is not None:
            # The decoder is the first to have gradients; tied weights add those of the encoder.
            written = set()
            decoder, encoder = Coder(decoder, written), Coder(encoder, written)
            self.gradient = ClosedForm(module, objective, written_as, encoder, decoder)
            self.repeats = written_as.repeats and objective.corruption is None
        else:
            written = {id(parameter) for parameter in module.parameters()}
            coders = {network: Coder(network, written) for network in (encoder, decoder)}
            self.repeats = False
            self.gradient = Leaves(module, objective, coders, self.flat)
        self.rule = RULES[type(optimizer)](optimizer, self.flat)
        self.world = here()
        self.repeats = self.repeats and self.world.size == 1

    def __call__(self, x, weight, guide, rate, between=None):
        """Take a step, and return the value of the objective for its batch.

        Parameters
        ----------
        x : Tensor of shape (n_rows, n_features)
        weight : Tensor of shape (n_rows,) or None
        guide : Tensor of shape (n_rows, n_values) or None
        rate : float or Tensor of shape ()
            Learning rate.
        between : callable or None, default=None
            Called when there are gradients, which it may change.

        Returns
        -------
        value : Tensor of shape ()
            Not waited for.
        """
        n_rows = x.shape[0]
        value = self.gradient(x, weight, guide) if n_rows else self.flat.nothing()
        value = self.world.average([self.flat.gradients], value, n_rows)
        if between is not None:
            between()
            self.flat.gather()
        self.rule.step(rate)
        return value

    def prepare(self, X):
        """Return rows as the step takes them from now on: cast, and standardised if it can be.

        That saves every batch the trouble, and changes no result.

        Parameters
        ----------
        X : Tensor of shape (n_samples, n_features)
            Rows of data.

        Returns
        -------
        X : Tensor of shape (n_samples, n_features)
        """
        return self.gradient.prepare(X.to(self.flat.values))

    def output(self):
        """Return what the module has made of the last batch."""
        return self.gradient.output()

    def forget(self):
        """Start the optimizer anew."""
        self.rule.forget()

    def release(self):
        """Give parameters and optimizer memory of their own again."""
        self.rule.release()
        self.flat.release()


def why_not(module, optimizer):
    """Return what stands in the way of a written-out step; None for nothing.

    Parameters
    ----------
    module : nn.Module
    optimizer : torch.optim.Optimizer

    Returns
    -------
    reason : str or None
    """
    checks = (_of_coders(module), _of_parameters(module), _of_optimizer(module, optimizer))
    return next((reason for reasons in checks for reason in reasons), None)


def network_of(coder):
    """Return the network in a coder that may have something around it.

    Parameters
    ----------
    coder : nn.Module
    """
    return says(coder, "network") or coder


def _of_coders(module):
    if says(module, "written_parts") is None:  # compiled, or with a pass of its own
        yield f"the module is a {type(module).__name__}"
        return
    for name in ("encoder", "decoder"):
        network = network_of(getattr(module, name, None))
        if type(network) is not LinearPlusNetwork:
            yield f"the {name} is a {type(network).__name__}, and no MLP"
            return
        for layer in network.layers:
            if not _is_known_layer(layer) or layer.bias is None:
                yield f"the {name} has the layer {layer}"
        if network.skip is not None and not _is_known_layer(network.skip):
            yield f"the {name} has the linear path {network.skip}"
        if len(network.layers) > 1 and written_activation(network.activation) is None:
            yield f"the derivative of activation={network.activation!r} is not written out"
        if written_output_activation(network.output_activation) is None:
            yield f"the derivative of {network.output_activation!r} is not written out"


def _is_known_layer(layer):
    return type(layer) in LAYERS and type(getattr(layer, "linear", layer)) is nn.Linear


def _of_parameters(module):
    own = list(module.parameters())
    if not all(parameter.requires_grad for parameter in own):
        yield "some parameters are frozen"
    kinds = {(parameter.dtype, parameter.device.type) for parameter in own}
    for dtype, device in kinds - set(product((torch.float32, torch.float64), ("cpu", "cuda"))):
        yield f"there are parameters of {dtype} on {device}"
    if len(kinds) > 1:
        yield "the parameters differ in their dtype or device"
    if has_hooks(module) or any(parameter._backward_hooks for parameter in own):
        yield "a part of the module has hooks"


def _of_optimizer(module, optimizer):
    name, groups = type(optimizer).__name__, optimizer.param_groups
    if type(optimizer) not in RULES:
        yield f"the optimizer is {name}, and not Adam or SGD"
        return
    if optimizer._optimizer_step_pre_hooks or optimizer._optimizer_step_post_hooks:
        yield "the optimizer has hooks"
    if len(groups) != 1:
        yield "the optimizer has groups of parameters"
    own = {id(parameter) for parameter in module.parameters()}
    if {id(parameter) for group in groups for parameter in group["params"]} != own:
        yield "the optimizer has other parameters than the module"
    for option in ("amsgrad", "maximize", "differentiable", "dampening", "decoupled_weight_decay"):
        if groups[0].get(option):
            yield f"{name} has {option}={groups[0][option]}"

"""The parameters of a module as one tensor, and what optimizers keep of them as some more."""

import torch


class Flat:
    """The parameters of a module, laid one after another, and their gradients.

    As long as it is in use the parameters and their ``grad`` are views of ``values`` and
    ``gradients``.

    Parameters
    ----------
    module : nn.Module
    first : list of nn.Parameter
        Those that stand in front of the others.

    Attributes
    ----------
    values, gradients : Tensor of shape (n_values,)
    first : Tensor of shape (n_first,)
        The values of the parameters in front.
    """

    def __init__(self, module, first=()):
        in_front = {id(parameter) for parameter in first}
        own = list(module.parameters())
        self.parameters = sorted(own, key=lambda parameter: id(parameter) not in in_front)
        self.values = own[0].detach().new_empty(sum(p.numel() for p in own))
        self.gradients = torch.zeros_like(self.values)
        n_first = sum(parameter.numel() for parameter in first)
        self.first = self.values[:n_first]
        views = zip(self.views(self.values), self.views(self.gradients), strict=True)
        for parameter, (value, gradient) in zip(self.parameters, views, strict=True):
            value.copy_(parameter.detach())
            parameter.data, parameter.grad = value, gradient

    def views(self, flat):
        """Return the parts of a tensor like `values`, in the shapes of the parameters.

        A matrix is laid down along its longer side: products are faster for it.
        """
        parts = flat.split([parameter.numel() for parameter in self.parameters])
        return [
            part.view(parameter.shape[::-1]).T
            if parameter.ndim == 2 and parameter.shape[0] > parameter.shape[1]
            else part.view(parameter.shape)
            for part, parameter in zip(parts, self.parameters, strict=True)
        ]

    def release(self):
        """Give each parameter memory of its own again."""
        for parameter in self.parameters:
            parameter.data = parameter.detach().clone(memory_format=torch.contiguous_format)
            parameter.grad = None


class _Rule:
    """The step of an optimizer on flat tensors, and what it keeps, as the optimizer's own state.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Of one group. What it has kept before is gone on from.
    flat : Flat
    """

    def __init__(self, optimizer, flat):
        self.optimizer, self.flat = optimizer, flat
        (self.group,) = optimizer.param_groups
        self.kept = {name: torch.zeros_like(flat.values) for name in self.names()}
        self.count = torch.zeros((), device=flat.values.device)
        self._bind()

    def forget(self):
        """Start anew."""
        self.count.zero_()
        for tensor in self.kept.values():
            tensor.zero_()
        self.optimizer.state.clear()
        self._bind()

    def release(self):
        """Give the optimizer memory of its own."""
        for state in self.optimizer.state.values():
            state.update({name: value.clone() for name, value in state.items()})

    def _bind(self):
        """Make the optimizer's state views of what is kept here, and take over what it was."""
        state = self.optimizer.state
        for name, tensor in self.kept.items():
            views = self.flat.views(tensor)
            for parameter, view in zip(self.flat.parameters, views, strict=True):
                if name in state[parameter]:
                    view.copy_(state[parameter][name])
                state[parameter][name] = view
        for parameter in self.flat.parameters if "exp_avg" in self.kept else ():
            self.count.copy_(state[parameter].get("step", self.count))
            state[parameter]["step"] = self.count


class Adam(_Rule):
    """The step of `torch.optim.Adam`."""

    def names(self):
        """Return what is kept."""
        return ["exp_avg", "exp_avg_sq"]

    def step(self, rate):
        """Change the parameters by what their gradients ask for."""
        flat, group = self.flat, self.group
        self.count += 1
        torch._fused_adam_(
            [flat.values],
            [flat.gradients],
            [self.kept["exp_avg"]],
            [self.kept["exp_avg_sq"]],
            [],
            [self.count],
            lr=rate,
            beta1=group["betas"][0],
            beta2=group["betas"][1],
            weight_decay=group["weight_decay"],
            eps=group["eps"],
            amsgrad=False,
            maximize=False,
        )


class SGD(_Rule):
    """The step of `torch.optim.SGD`."""

    def names(self):
        """Return what is kept."""
        return ["momentum_buffer"] if self.group["momentum"] else []

    def step(self, rate):
        """Change the parameters by what their gradients ask for."""
        flat, group = self.flat, self.group
        torch._fused_sgd_(
            [flat.values],
            [flat.gradients],
            list(self.kept.values()),
            weight_decay=group["weight_decay"],
            momentum=group["momentum"],
            lr=rate,
            dampening=0.0,
            nesterov=group["nesterov"],
            maximize=False,
            is_first_step=False,
        )

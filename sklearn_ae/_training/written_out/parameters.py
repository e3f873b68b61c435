"""The parameters of a module as one tensor, and optimizers that change it in one call."""

import torch


class Flat:
    """The parameters of a module in one tensor, one after another, and their gradients in another.

    Until it is released, the parameters and what they have for ``grad`` are views of these.

    Parameters
    ----------
    module : nn.Module
    first : sequence of nn.Parameter, default=()
        Those that come first.

    Attributes
    ----------
    values, gradients : Tensor of shape (n_values,)
    first : Tensor of shape (n_first_values,)
        The values of those that come first.
    decaying : list of Tensor
        The same, unless there are none: what weight decay makes smaller.
    """

    def __init__(self, module, first=()):
        is_first = {id(parameter) for parameter in first}
        self.parameters = sorted(module.parameters(), key=lambda p: id(p) not in is_first)
        n_values = [parameter.numel() for parameter in self.parameters]
        self.values = self.parameters[0].detach().new_empty(sum(n_values))
        self.gradients = torch.zeros_like(self.values)
        self.first = self.values[: sum(n_values[: len(first)])]
        self.decaying = [self.first] if len(self.first) else []
        self.bind()

    def bind(self):
        """Make the parameters views of the tensors, with the values that they have."""
        views = zip(self.views(self.values), self.views(self.gradients), strict=True)
        for parameter, (value, gradient) in zip(self.parameters, views, strict=True):
            value.copy_(parameter.detach())
            parameter.data, parameter.grad = value, gradient

    def views(self, flat):
        """Return the parts of a tensor like `values`, in the shapes of the parameters.

        The longer side of a matrix is the one without gaps: products with a long and thin one are
        up to five times faster then.

        Parameters
        ----------
        flat : Tensor of shape (n_values,)
        """
        return split(flat, self.parameters)

    def like(self, tensors):
        """Return a tensor like the values, and its views in the place of those of the parameters.

        Parameters
        ----------
        tensors : list of Tensor
            Some are the parameters' own memory; of the others there will be copies.

        Returns
        -------
        flat : Tensor of shape (n_values,)
        views : list of Tensor
        """
        flat = self.values.clone()
        views = zip(self.parameters, self.views(flat), strict=True)
        own = {parameter.data_ptr(): view for parameter, view in views}
        return flat, [own.get(tensor.data_ptr(), tensor.clone()) for tensor in tensors]

    def nothing(self):
        """Return the value that a batch without rows has, and set its gradients."""
        return self.gradients.zero_().new_zeros(())

    def gather(self):
        """Take the gradients from where something else may have put them."""
        for parameter, own in zip(self.parameters, self.views(self.gradients), strict=True):
            if parameter.grad is None:
                own.zero_()
            elif parameter.grad.data_ptr() != own.data_ptr():
                own.copy_(parameter.grad)
            parameter.grad = own

    def release(self):
        """Give each parameter memory of its own again."""
        for parameter in self.parameters:
            parameter.data = parameter.detach().clone(memory_format=torch.contiguous_format)
            parameter.grad = None


def split(flat, parameters):
    """Return the parts of a tensor that some parameters are, one after another, in their shapes.

    Parameters
    ----------
    flat : Tensor of shape (n_values,)
    parameters : list of nn.Parameter
    """
    parts = flat.split([parameter.numel() for parameter in parameters])
    return [_shaped(part, p.shape) for part, p in zip(parts, parameters, strict=True)]


def _shaped(part, shape):
    if len(shape) == 2 and shape[0] > shape[1]:
        return part.view(shape[1], shape[0]).T
    return part.view(shape)


def decaying_parameters(module):
    """Return the parameters that weight decay makes smaller: matrices, but for linear paths.

    Decay then leads to a linear autoencoder, not to zero.

    Parameters
    ----------
    module : nn.Module
    """
    coders = [part for part in module.modules() if hasattr(part, "linear_parameters")]
    spared = {id(weight) for coder in coders for weight in coder.linear_parameters()}
    return [p for p in module.parameters() if p.ndim > 1 and id(p) not in spared]


class _Rule:
    """What an optimizer does in a step, done to flat tensors.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Of one group. What it has kept of earlier steps is gone on from; from now on it is kept
        here, and its state is views of that.
    flat : Flat
    """

    def __init__(self, optimizer, flat):
        self.optimizer, self.flat = optimizer, flat
        (self.group,) = optimizer.param_groups
        self.kept = {name: torch.zeros_like(flat.values) for name in self.names()}
        self.bind()
        optimizer._opt_called = True  # schedules of torch warn until the optimizer has taken a step

    def bind(self):
        """Make what is kept the optimizer's state, with the values that it has had."""
        for name, tensor in self.kept.items():
            views = self.flat.views(tensor)
            for parameter, view in zip(self.flat.parameters, views, strict=True):
                state = self.optimizer.state[parameter]
                if name in state:
                    view.copy_(state[name])
                state[name] = view

    def forget(self):
        """Start anew."""
        for tensor in self.kept.values():
            tensor.zero_()
        self.optimizer.state.clear()
        self.bind()

    def release(self):
        """Give the optimizer's state memory of its own."""
        for state in self.optimizer.state.values():
            for name, value in state.items():
                state[name] = value.clone(memory_format=torch.contiguous_format)


class Adam(_Rule):
    """The step of `torch.optim.Adam`."""

    def __init__(self, optimizer, flat):
        self.count = torch.zeros((), device=flat.values.device)
        super().__init__(optimizer, flat)

    def names(self):
        """Return what is kept of the values."""
        return ["exp_avg", "exp_avg_sq"]

    def bind(self):
        """Make what is kept the optimizer's state, with the values that it has had."""
        super().bind()
        for state in self.optimizer.state.values():
            self.count.copy_(state.get("step", self.count))
            state["step"] = self.count

    def forget(self):
        """Start anew."""
        self.count.zero_()
        super().forget()

    def step(self, rate):
        """Change the values as their gradients ask for.

        Parameters
        ----------
        rate : float
        """
        self.count += 1
        torch._fused_adam_(
            [self.flat.values],
            [self.flat.gradients],
            [self.kept["exp_avg"]],
            [self.kept["exp_avg_sq"]],
            [],
            [self.count],
            lr=rate,
            beta1=self.group["betas"][0],
            beta2=self.group["betas"][1],
            weight_decay=self.group["weight_decay"],
            eps=self.group["eps"],
            amsgrad=False,
            maximize=False,
        )


class SGD(_Rule):
    """The step of `torch.optim.SGD` without dampening."""

    def names(self):
        """Return what is kept of the values."""
        return ["momentum_buffer"] if self.group["momentum"] else []

    def step(self, rate):
        """Change the values as their gradients ask for.

        Parameters
        ----------
        rate : float
        """
        torch._fused_sgd_(
            [self.flat.values],
            [self.flat.gradients],
            list(self.kept.values()),
            lr=rate,
            weight_decay=self.group["weight_decay"],
            momentum=self.group["momentum"],
            nesterov=self.group["nesterov"],
            dampening=0.0,
            maximize=False,
            is_first_step=False,  # momentum starts at zero, so the first step is like the others
        )

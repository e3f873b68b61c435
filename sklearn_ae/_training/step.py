"""A step of the optimizer, and what goes with it: schedule, weight decay, moving average."""

import copy
import math

import torch

from .device import float_tensors
from .written_out import decaying_parameters

WARM_UP = 50  # steps: the first ones of Adam are as long as any, and would leave a good start
STEPS_BETWEEN = 4  # averages: once in four steps costs less than every time, and does as well


def warm_up(step):
    """Return the share of the learning rate for a step, counted from 1: it grows over the first 50.

    Parameters
    ----------
    step : int
    """
    return min(step / WARM_UP, 1.0)


class Stepper:
    """Takes the steps of a training.

    Adam at a constant learning rate jitters around the minimum; the exponential moving average of
    its weights does not, so no schedule has to know in advance how long training lasts (Polyak &
    Juditsky 1992). The average is what is evaluated and kept.

    Parameters
    ----------
    schedule : callable, default=warm_up
        ``schedule(step)``, the share of the learning rate that a step is taken with.
    n_before : int, default=0
        Steps that the optimizer has taken before.
    decay : float, default=0.98
        Of the moving average, per step.
    before : Stepper or None, default=None
        Whose steps these go on from: where it has left the weights, its average being theirs now.

    Attributes
    ----------
    n_taken_ : int
        Steps so far, those before included; since the last restart, if there was one.
    weights_, average_ : list of Tensor
        What is trained, and its moving average.
    """

    latest_ = None

    def __init__(self, schedule=warm_up, n_before=0, decay=0.98, before=None):
        self.schedule = schedule
        self.n_before = n_before
        self.decay = decay
        self.before = before

    def begin(self, net):
        """Get ready to train the module of a net.

        Parameters
        ----------
        net : AutoencoderNet
        """
        self.n_taken_ = self.n_before
        self.n_averaged_ = self.n_pending_ = 0
        self.average_ = [weight.clone() for weight in float_tensors(net.module_)]
        self.follow(net.module_)
        if self.before is not None and _are_alike(self.weights_, self.before.latest_):
            self.n_averaged_ = self.before.n_averaged_
            torch._foreach_copy_(self.weights_, self.before.latest_)

    def end(self, kept):
        """Give the weights that are to be kept to the module, and remember the latest.

        Parameters
        ----------
        kept : list of Tensor
        """
        self.latest_ = [weight.clone() for weight in self.weights_]
        self.before = None
        torch._foreach_copy_(self.weights_, kept)

    def latest(self):
        """Return the latest weights as arrays, and of how many steps the average is; or None."""
        if self.latest_ is None:
            return None
        weights = [weight.cpu().numpy() for weight in self.latest_]
        return {"weights": weights, "n_averaged": self.n_averaged_}

    def put_back(self, latest, module):
        """Be what was left behind after a training of a module.

        Parameters
        ----------
        latest : dict or None
            As from `latest`.
        module : nn.Module

        Raises
        ------
        ValueError
            If the weights are not those of the module.
        """
        if latest is None:
            return
        own = float_tensors(module)
        weights = [torch.from_numpy(array.copy()) for array in latest["weights"]]
        if not _are_alike(weights, own):
            raise ValueError("The latest weights do not fit the module.")
        self.latest_ = [weight.to(tensor) for weight, tensor in zip(weights, own, strict=True)]
        self.n_averaged_ = int(latest["n_averaged"])

    def follow(self, module, flat=None):
        """Follow the weights of a module to where they lie.

        Parameters
        ----------
        module : nn.Module
        flat : Flat or None, default=None
            What its parameters are views of; then nothing but them is trained.
        """
        self.weights_ = float_tensors(module)
        if flat is None:
            # Linear paths are spared: decay leads to a linear autoencoder, not to zero.
            self.decaying_ = [weight.detach() for weight in decaying_parameters(module)]
            self.lagging_, self.leading_ = self.average_, self.weights_
            return
        average, views = flat.like(self.weights_)
        torch._foreach_copy_(views, self.average_)
        self.average_ = views
        self.decaying_ = flat.decaying
        self.lagging_, self.leading_ = [average], [flat.values]

    def take(self, net, batch):
        """Take a step with a batch, and return what the net says of it."""
        self.n_taken_ += 1
        share = self.schedule(self.n_taken_)
        step = net.take_step(batch) if share == 1 else self._take_slower(net, batch, share)
        self.n_pending_ += 1
        if self.n_pending_ == STEPS_BETWEEN:
            self.settle(net)
        return step

    def _take_slower(self, net, batch, share):
        groups = net.optimizer_.param_groups
        rates = [group["lr"] for group in groups]
        for group in groups:
            group["lr"] *= share
        try:
            return net.take_step(batch)
        finally:  # Ctrl-C in a step must not leave the small rate to the next partial_fit
            for group, rate in zip(groups, rates, strict=True):
                group["lr"] = rate

    def settle(self, net):
        """Decay and average the weights for the steps since the last time."""
        n = self.n_pending_
        if n == 0:
            return
        self.n_averaged_ += n
        self.n_pending_ = 0
        if net.alpha and self.decaying_:
            rate = net.optimizer_.param_groups[0]["lr"]
            torch._foreach_mul_(self.decaying_, max(1 - rate * net.alpha, 0.0) ** n)
        share = max(1 - self.decay**n, 10 / (10 + self.n_averaged_))  # forget the start at first
        torch._foreach_lerp_(self.lagging_, self.leading_, share)

    def evaluate_average(self, net, rows):
        """Return what a net evaluates on some rows with the averaged weights in it."""
        current = [weight.clone() for weight in self.weights_]
        torch._foreach_copy_(self.weights_, self.average_)
        result = net.evaluate(rows)
        torch._foreach_copy_(self.weights_, current)
        return result

    def restart(self, net, weights):
        """Go back to some weights and halve the learning rate."""
        self.n_averaged_ = self.n_pending_ = self.n_taken_ = 0
        torch._foreach_copy_(self.weights_, weights)
        torch._foreach_copy_(self.average_, weights)
        net.forget()
        for group in net.optimizer_.param_groups:
            group["lr"] /= 2

    def average_in(self, module):
        """Return a copy of a module, with the averaged weights in it."""
        module = copy.deepcopy(module)
        for tensor, average in zip(float_tensors(module), self.average_, strict=True):
            tensor.copy_(average)
        return module


def _are_alike(tensors, others):
    """Whether two lists of tensors have the same shapes; a changed loss may have changed them."""
    return others is not None and [t.shape for t in tensors] == [t.shape for t in others]


class OneCycle:
    """The share of the learning rate for a step: up and down to nothing (Smith & Topin 2018).

    Parameters
    ----------
    n_steps : int
        In the whole training.
    ramp : float, default=0.2
        Share of the steps in which the learning rate grows.
    largest : float, default=1.0
        The largest share.
    """

    def __init__(self, n_steps, ramp=0.2, largest=1.0):
        self.n_steps = n_steps
        self.largest = largest
        self.n_up = max(ramp * n_steps, 1)

    def __call__(self, step):
        """Return the share for a step, counted from 1."""
        up, down = step / self.n_up, (step - self.n_up) / max(self.n_steps - self.n_up, 1)
        wave = -math.cos(math.pi * up) if up < 1 else math.cos(math.pi * down)
        return self.largest * (1 + wave) / 2


def adam(params, **options):
    """Return a `torch.optim.Adam`, without the second that the first optimizer takes to be made.

    Torch imports its compiler when parameters are first added to an optimizer, so that it never
    compiles the adding. Whoever compiles nothing need not wait for it.

    Parameters
    ----------
    params : iterable of nn.Parameter
    **options
        As for `torch.optim.Adam`.
    """
    return _without_compiler(torch.optim.Adam, params, options)


def sgd(params, **options):
    """Return a `torch.optim.SGD`, as `adam` does.

    Parameters
    ----------
    params : iterable of nn.Parameter
    **options
        As for `torch.optim.SGD`.
    """
    return _without_compiler(torch.optim.SGD, params, options)


def _without_compiler(kind, params, options):
    plain = getattr(kind.add_param_group, "__wrapped__", kind.add_param_group)
    optimizer = type(kind.__name__, (kind,), {"add_param_group": plain})(params, **options)
    optimizer.__class__ = kind
    optimizer._patch_step_function()  # of this class, too
    return optimizer


class Trapezoid:
    """The share of the learning rate for a step: it grows, stays, and falls to nothing when told.

    How long it stays need not be known beforehand, and the end is as good as that of a cycle whose
    length was (Hägele et al. 2024).

    Parameters
    ----------
    max_steps : int
        In the whole training, if nothing tells it to fall before.
    fall : float, default=0.5
        How many steps the fall takes, relative to the steps before.

    Attributes
    ----------
    n_steps : int
        In the whole training, as far as is known.
    """

    def __init__(self, max_steps, fall=0.5):
        self.max_steps = max_steps
        self.fall = fall
        self.n_flat = max_steps / (1 + fall)
        self.n_steps = max_steps

    def fall_from(self, step):
        """Let the learning rate fall from a step on, if it does not do so already."""
        if step < self.n_flat:
            self.n_flat = step
            self.n_steps = math.ceil((1 + self.fall) * step)

    def __call__(self, step):
        """Return the share for a step, counted from 1."""
        left = (self.n_steps - step) / max(self.n_steps - self.n_flat, 1)
        return min(warm_up(step), max(left, 0.0), 1.0)


def optimizer_params(solver, device):
    """Return the parameters of a skorch net that make its optimizer.

    Parameters
    ----------
    solver : {"adam", "sgd"}
    device : str

    Returns
    -------
    params : dict
    """
    if solver == "sgd":
        momentum = {"optimizer__momentum": 0.9, "optimizer__nesterov": True}
        return {"optimizer": sgd} | momentum
    return {
        "optimizer": adam,
        "optimizer__betas": (0.9, 0.99),
        # PCA is a stationary point of the linear paths: what gradient they have at the start is
        # rounding, which the usual eps of 1e-8 would scale up to steps that differ by machine.
        "optimizer__eps": 1e-5,
        # On the CPU this makes small steps a third cheaper.
        "optimizer__fused": torch.device(device).type in ("cpu", "cuda"),
    }

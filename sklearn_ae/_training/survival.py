"""Trainings that survive their process: what is kept of one after an epoch, and put back."""

from contextlib import nullcontext
from contextvars import ContextVar

import numpy as np
import torch
from skorch.callbacks import Callback

from .loader import ROUND, Steps
from .state import arrays_of, load_arrays, progress_of, resume
from .world import here

# What keeps the trainings of this thread: has ``training(net, rows, recipe)``, a context.
keeper = ContextVar("keeper", default=None)


def survival_of(net, rows, recipe):
    """Return a context for a training, in which it is kept if anything keeps trainings.

    Parameters
    ----------
    net : AutoencoderNet
    rows : Rows
    recipe : Recipe
    """
    keeping = keeper.get()
    return nullcontext() if keeping is None else keeping.training(net, rows, recipe)


class AtEpochs(Callback):
    """Puts back what was kept when a training begins, and offers it to be kept after each epoch.

    Parameters
    ----------
    kept : dict or None
        As from `snapshot`.
    offer : callable
        ``offer(net, is_last)``.
    """

    only_watches = True

    def __init__(self, kept, offer):
        self.kept = kept
        self.offer = offer

    def on_train_begin(self, net, X=None, **kwargs):
        if self.kept is not None:
            put_back(net, self.kept)

    def on_epoch_end(self, net, **kwargs):
        monitor = net.monitor
        self.offer(net, monitor.finished_ or len(monitor.loss_curve_) == net.max_epochs)


def snapshot(net):
    """Return all that the rest of a training hangs on, after an epoch.

    Parameters
    ----------
    net : AutoencoderNet

    Returns
    -------
    kept : dict
        Plain values and arrays.
    """
    stepper, monitor = net.stepper, net.monitor
    kept = {
        "weights": arrays_of(net.module_),
        "objective": arrays_of(net.criterion_),
        "n_steps": getattr(net.criterion_, "n_steps", None),
        "progress": progress_of(net),
        "average": _plain(stepper.average_),
        "counts": {name: getattr(stepper, name) for name in ("n_taken_", "n_averaged_")},
        "schedule": dict(vars(stepper.schedule)),
        "monitor": {name: _plain(value) for name, value in vars(monitor).items() if _is_kept(name)},
        "history": [dict(epoch) for epoch in net.history],
        "global": _plain(torch.get_rng_state()),
    }
    drawn = here().gather((kept["progress"]["noise"], kept["global"]))
    return kept if len(drawn) == 1 else kept | {"ranks": drawn}


@torch.no_grad()
def put_back(net, kept):
    """Make a net that is about to begin what it was when a snapshot was taken.

    Parameters
    ----------
    net : AutoencoderNet
    kept : dict
    """
    device, stepper = net.module_.offset.device, net.stepper
    if "ranks" in kept:
        noise, own = kept["ranks"][here().rank]
        kept = kept | {"progress": kept["progress"] | {"noise": noise}, "global": own}
    load_arrays(net.module_, kept["weights"])
    load_arrays(net.criterion_, kept["objective"])
    if kept["n_steps"] is not None:
        net.criterion_.n_steps = kept["n_steps"]
    resume(net, kept["progress"])
    torch._foreach_copy_(stepper.average_, _tensors(kept["average"], device))
    vars(stepper).update(kept["counts"])
    vars(stepper.schedule).update(kept["schedule"])
    vars(net.monitor).update(_tensors(kept["monitor"], device))
    net.history.extend(kept["history"])
    torch.set_rng_state(torch.from_numpy(kept["global"].copy()))
    if issubclass(net.iterator_train, Steps):
        # Its passes over the rows are drawn again, up to the middle of the one that it was in.
        net.iterator_train__generator.manual_seed(net.iterator_train__generator.initial_seed())
        n_per_round = getattr(net, "iterator_train__n_per_round", ROUND)
        net.iterator_train__n_done = n_per_round * len(net.monitor.loss_curve_)


def _is_kept(name):
    return name.endswith("_")


def _plain(value):
    if isinstance(value, torch.Tensor):
        return value.detach().cpu().numpy().copy()
    return [_plain(part) for part in value] if isinstance(value, list) else value


def _tensors(value, device):
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value.copy()).to(device)
    if isinstance(value, dict):
        return {name: _tensors(part, device) for name, part in value.items()}
    return [_tensors(part, device) for part in value] if isinstance(value, list) else value

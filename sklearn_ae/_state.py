"""The state of estimators, modules and nets: put back after a failure, or as plain values."""

from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def unchanged_on_error(estimator):
    """Put all attributes of an estimator back as they were if anything in the block fails.

    Parameters
    ----------
    estimator : estimator
    """
    before = vars(estimator).copy()
    try:
        yield
    except BaseException:
        # scikit-learn keeps here what it has to tear down, now that the fit has failed.
        theirs = {key: value for key, value in vars(estimator).items() if "callback" in key}
        vars(estimator).clear()
        vars(estimator).update(before | theirs)
        raise


def arrays_of(module):
    """Return copies of the parameters and buffers of a module by name; shared ones once.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    arrays : dict of str to ndarray
    """
    return {name: _array(tensor) for name, tensor in _tensors(module)}


@torch.no_grad()
def load_arrays(module, arrays):
    """Copy arrays into the parameters and buffers of the same names.

    Parameters
    ----------
    module : nn.Module
    arrays : dict of str to ndarray

    Raises
    ------
    ValueError
        If a name or a shape differs; the module is then unchanged.
    """
    tensors = dict(_tensors(module))
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if shapes != {name: array.shape for name, array in arrays.items()}:
        raise ValueError("The arrays do not fit the module.")
    for name, tensor in tensors.items():
        tensor.copy_(torch.from_numpy(np.array(arrays[name])))


def progress_of(net):
    """Return what a net needs, besides its weights, to go on as if it had never been saved.

    Parameters
    ----------
    net : AutoencoderNet

    Returns
    -------
    progress : dict
    """
    optimizer = net.optimizer_.state_dict()
    return {
        "moments": {
            str(i): {name: _plain(value) for name, value in moments.items()}
            for i, moments in optimizer["state"].items()
        },
        "learning_rates": [group["lr"] for group in optimizer["param_groups"]],
        "order": _array(net.iterator_train__generator.get_state()),
        "noise": _array(net.criterion_.generator.get_state()),
    }


def resume(net, progress):
    """Put a net where `progress_of` found the one that was saved.

    Parameters
    ----------
    net : AutoencoderNet
    progress : dict
    """
    optimizer = net.optimizer_.state_dict()
    optimizer["state"] = {
        int(i): {name: _tensor(value) for name, value in moments.items()}
        for i, moments in progress["moments"].items()
    }
    for group, rate in zip(optimizer["param_groups"], progress["learning_rates"], strict=True):
        group["lr"] = rate
    net.optimizer_.load_state_dict(optimizer)
    net.iterator_train__generator.set_state(_tensor(progress["order"]))
    noise = _tensor(progress["noise"])
    # The generators of different devices cannot take each other's state.
    if noise.shape == net.criterion_.generator.get_state().shape:
        net.criterion_.generator.set_state(noise)


def _tensors(module):
    yield from module.named_parameters()
    yield from module.named_buffers()


def _array(tensor):
    return tensor.detach().cpu().numpy().copy()


def _plain(value):
    return _array(value) if isinstance(value, torch.Tensor) else value


def _tensor(value):
    return torch.from_numpy(np.array(value)) if isinstance(value, np.ndarray) else value

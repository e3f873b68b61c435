"""What is saved of a training: plain values and numpy arrays, from which all is built again."""

import numpy as np
import torch

from .blueprint import DEFAULTS, check_arrays_fit, check_state
from .build import Trained, build_module, build_net
from .device import single_precision, usable_device
from .monitor import Monitor
from .random import borrowed_global_state
from .step import Stepper


def state_of(trained):
    """Return plain values and arrays that a training can be rebuilt from.

    Parameters
    ----------
    trained : Trained

    Returns
    -------
    state : dict
    """
    return {
        "recipe": dict(vars(trained.recipe)),
        "seed": trained.seed,
        "loop": trained.loop,
        "is_pca": trained.is_pca,
        "streaming": trained.streaming,
        "n_steps": trained.n_steps,
        "n_rows": trained.n_rows,
        "arrays": arrays_of(trained.module),
        "progress": progress_of(trained.net) if trained.streaming else None,
        "latest": trained.net.stepper.latest() if trained.streaming else None,
    }


def trained_from(state, recipe_class):
    """Return the training that `state_of` described, on the CPU where its device is missing.

    Parameters
    ----------
    state : dict
    recipe_class : type
        The class of the recipe.

    Returns
    -------
    trained : Trained

    Raises
    ------
    ValueError
        If the state is not that of a training.
    """
    check_state(state, recipe_class)
    try:
        return _rebuilt(DEFAULTS | state, recipe_class)
    except (ValueError, Warning):
        raise
    except Exception as error:
        # What torch, skorch and an architecture raise for values that make no sense is up to them.
        raise ValueError(f"What was saved of a training is damaged: {error!r}.") from error


def _rebuilt(state, recipe_class):
    arrays, progress, latest = state.pop("arrays"), state.pop("progress"), state.pop("latest")
    given = state.pop("recipe")
    recipe = recipe_class(**given | {"device": usable_device(given.get("device", "cpu"))})
    check_arrays_fit(recipe, arrays)
    seed, offset = state["seed"], arrays["offset"]
    with borrowed_global_state(seed):
        module = build_module(recipe, len(offset), offset.dtype, seed)
        load_arrays(module, arrays)
        net = build_net(recipe, module, Monitor(), Stepper(), seed, state["loop"])
    if progress is not None:
        with single_precision(module):
            resume(net, progress)
            net.stepper.put_back(latest, module)
    return Trained(module.eval(), net, recipe, **state)


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

"""What a saved training has to be like: looked at before memory is allocated for it."""

from contextlib import ExitStack
from dataclasses import MISSING, fields
from numbers import Integral, Real

import numpy as np
import torch
from torch.overrides import TorchFunctionMode

REQUIRED = {"recipe": dict, "seed": Integral, "loop": dict, "arrays": dict}
DEFAULTS = {"is_pca": False, "streaming": False, "n_steps": 0, "n_rows": 0}
DEFAULTS |= {"progress": None, "latest": None}
CALLS_PER_ARRAY = 100  # of torch's functions; building a layer takes about twenty


def check_state(state, recipe_class):
    """Raise ValueError unless a state is that of a training, as far as its values tell.

    Parameters
    ----------
    state : dict
        As `state.state_of` returns it.
    recipe_class : type
    """
    if not isinstance(state, dict):
        raise _damaged(f"it is {_short(state)} instead of a dict")
    unknown = sorted(map(str, state.keys() - REQUIRED.keys() - DEFAULTS.keys()))
    _check(not unknown, f"it has the unknown entries {unknown}")
    for name, kind in REQUIRED.items():
        given = state.get(name)
        _check(isinstance(given, kind), f"{name} is {_short(given)}")
    for name in ("is_pca", "streaming"):
        given = state.get(name, False)
        _check(isinstance(given, bool), f"{name}={_short(given)} is no bool")
    seed = state["seed"]
    _check(0 <= seed < 2**31, f"seed={seed} is not in [0, 2**31)")
    for name in ("n_steps", "n_rows"):
        given = state.get(name, 0)
        _check(isinstance(given, Integral) and given >= 0, f"{name}={_short(given)}")
    _check_recipe(state["recipe"], recipe_class)
    _check_loop(state["loop"])
    _check_arrays(state["arrays"])


def check_arrays_fit(recipe, arrays):
    """Raise ValueError unless arrays have the names, shapes and types of a recipe's module.

    The module is built without memory for its values, so a file cannot ask for more than it holds.
    A user's own architecture for which torch has no such way is not looked at here.

    Parameters
    ----------
    recipe : Recipe
    arrays : dict of str to ndarray
    """
    architecture = getattr(recipe.architecture, "architecture", recipe.architecture)
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.device("meta"))
            stack.enter_context(FewCalls(1000 + CALLS_PER_ARRAY * len(arrays)))
            module = recipe.build(len(arrays["offset"]))
            module.suit(recipe.loss)
    except (RuntimeError, NotImplementedError, TypeError, AttributeError):
        if type(architecture).__module__.split(".")[0] == __name__.split(".")[0]:
            raise
        return
    tensors = dict([*module.named_parameters(), *module.named_buffers()])
    missing, unknown = (
        sorted(tensors.keys() - arrays.keys()),
        sorted(arrays.keys() - tensors.keys()),
    )
    _check(not missing and not unknown, f"arrays are missing ({missing}) or unknown ({unknown})")
    dtype = arrays["offset"].dtype
    for name, tensor in tensors.items():
        given, shape = arrays[name], tuple(tensor.shape)
        _check(given.shape == shape, f"array {name} has shape {given.shape} instead of {shape}")
        real = tensor.is_floating_point()
        expected = dtype if real else np.dtype(str(tensor.dtype).removeprefix("torch."))
        _check(given.dtype == expected, f"array {name} is of {given.dtype} instead of {expected}")


class FewCalls(TorchFunctionMode):
    """Raises ValueError when more of torch's functions are called than a limit.

    Parameters
    ----------
    n_left : int
    """

    def __init__(self, n_left):
        super().__init__()
        self.n_left = n_left

    def __torch_function__(self, func, types, args=(), kwargs=None):
        self.n_left -= 1
        if self.n_left < 0:
            raise _damaged("the architecture asks for many more layers than there are arrays")
        kwargs, name = kwargs or {}, func.__name__
        if name.endswith("_") and not name.endswith("__"):
            return args[0] if args else kwargs["tensor"]  # to be filled, but here are no values
        return func(*args, **kwargs)


def _check_recipe(given, recipe_class):
    known = {field.name: field for field in fields(recipe_class)}
    unknown = sorted(map(str, given.keys() - known.keys()))
    _check(not unknown, f"the recipe has the unknown fields {unknown}")
    needed = {name for name, field in known.items() if field.default is MISSING}
    _check(needed <= given.keys(), f"the recipe lacks {sorted(needed - given.keys())}")
    n = given["n_components"]
    _check(_is_positive(n), f"n_components={_short(n)} is no positive integer")
    device = given.get("device", "cpu")
    _check(isinstance(device, str), f"device={_short(device)} is no string")
    for name in ("architecture", "loss"):
        kind, value = (
            ("build", given[name]) if name == "architecture" else ("__call__", given[name])
        )
        _check(
            hasattr(value, kind) and not isinstance(value, type),
            f"{name}={_short(value)} cannot be one",
        )


def _check_loop(loop):
    needed, others = {"batch_size", "max_epochs"}, {"n_steps", "n_per_round", "rounds_per_pass"}
    valid = needed | {"lr"} <= loop.keys() <= needed | others | {"lr"}
    _check(valid, f"loop has the entries {sorted(map(str, loop))}")
    for name in loop.keys() & (needed | others):
        _check(_is_positive(loop[name]), f"{name}={_short(loop[name])} is no positive integer")
    rate = loop["lr"]
    valid = isinstance(rate, Real) and not isinstance(rate, bool) and rate > 0
    _check(valid, f"lr={_short(rate)} is no positive number")


def _check_arrays(arrays):
    for name, array in arrays.items():
        valid = (
            isinstance(name, str) and isinstance(array, np.ndarray) and array.dtype.kind in "biuf"
        )
        _check(valid, f"{_short(name)} is no array of numbers")
    offset = arrays.get("offset")
    _check(offset is not None and offset.ndim == 1 and len(offset), "there is no vector offset")
    _check(offset.dtype in (np.float32, np.float64), f"offset is of {offset.dtype}")


def _is_positive(value):
    return isinstance(value, Integral) and not isinstance(value, bool) and value > 0


def _short(value):
    plain = isinstance(value, (str, int, float, type(None)))
    return repr(value)[:80] if plain else f"of type {type(value).__name__}"


def _check(valid, what):
    if not valid:
        raise _damaged(what)


def _damaged(what):
    return ValueError(f"What was saved of a training is damaged: {what}.")

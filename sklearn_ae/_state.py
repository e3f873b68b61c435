"""The state of estimators: stamped when it leaves, checked when it comes back.

What is saved of a training is in `_training.state`.
"""

import inspect
from copy import copy

import numpy as np

from . import _version
from ._validation import warn_of_version

STAMP = "_sklearn_ae_version"


def stamped(state):
    """Return the state of an estimator with the version of this package.

    Parameters
    ----------
    state : dict
    """
    return state | {STAMP: _version.__version__}


def checked_state(kind, state, shapes=None):
    """Return the state of an estimator without its stamp; warn if another version has saved it.

    A parameter that the other version did not have is at its default.

    Parameters
    ----------
    kind : type
        The estimator's class.
    state : dict
    shapes : dict of str to tuple or None, default=None
        Of the arrays among the attributes of a fitted estimator, if they are there: what is not a
        number can be anything, "n" is the number of features.

    Returns
    -------
    state : dict

    Raises
    ------
    ValueError
        If it cannot be the state of such an estimator.
    """
    if not isinstance(state, dict) or not all(isinstance(name, str) for name in state):
        raise ValueError(f"The state of {kind.__name__} is no dict of attributes by name.")
    state = state.copy()
    warn_of_version(kind, state.pop(STAMP, "unknown"))
    shadowing = sorted(name for name in state if hasattr(kind, name))
    if shadowing:
        raise ValueError(
            f"The state of {kind.__name__} is damaged: {shadowing} are its methods, no attributes."
        )
    parameters = inspect.signature(kind.__init__).parameters
    defaults = {name: copy(p.default) for name, p in parameters.items() if name != "self"}
    missing = [name for name, p in parameters.items() if p.default is p.empty and name != "self"]
    if not state.keys() >= set(missing):
        raise ValueError(f"The state of {kind.__name__} lacks its parameters {missing}.")
    state = defaults | state
    n = state.get("n_features_in_")
    if n is not None and (not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1):
        raise ValueError(f"The state of {kind.__name__} is damaged: n_features_in_={n!r}.")
    for name, shape in (shapes or {}).items():
        if state.get(name) is not None:
            _check_shape(kind, name, state[name], shape, n)
    return state


def _check_shape(kind, name, array, shape, n):
    expected = tuple(n if size == "n" else size for size in shape)
    valid = isinstance(array, np.ndarray) and array.dtype.kind in "biuf"
    valid = valid and array.ndim == len(expected)
    if not valid or any(
        e is not None and e != m for e, m in zip(expected, array.shape, strict=True)
    ):
        given = f"shape {array.shape}" if isinstance(array, np.ndarray) else repr(array)[:80]
        raise ValueError(
            f"The state of {kind.__name__} is damaged: {name} has {given} instead of {expected}."
        )

"""What parameters may be, what a user is told, and what becomes of an estimator if a fit fails."""

import inspect
import sys
import warnings
from contextlib import contextmanager
from numbers import Integral
from pathlib import Path

import joblib
import numpy as np
import sklearn
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.utils._param_validation import Interval
from sklearn.utils._set_output import _get_container_adapter
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted

from . import _version
from ._training.checks import check_callbacks, check_net_params
from ._training.device import usable_device


def is_whole(value, at_least=1):
    """Return whether a value is an integer of at least so much, and not a bool.

    To Python a bool is an integer. To torch it is none, and whoever writes ``n_components=True``
    means something else than 1.

    Parameters
    ----------
    value : object
    at_least : int, default=1
    """
    return isinstance(value, Integral) and not isinstance(value, bool) and value >= at_least


def positive_integers(given):
    """Return one or more integers as a list; None if that is not what they are."""
    values = np.atleast_1d(np.asarray(given, dtype=object))  # [True, 8] would become [1, 8]
    valid = values.ndim == 1 and all(map(is_whole, values))
    return [int(value) for value in values] if valid else None


class Whole(Interval):
    """Constraint of a parameter to integers of at least so much, as scikit-learn states them.

    Parameters
    ----------
    at_least : int, default=1
    """

    def __init__(self, at_least=1):
        super().__init__(Integral, at_least, None, closed="left")

    def is_satisfied_by(self, val):
        return is_whole(val, self.left)


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


ROWS_LOOKED_AT = 10_000
DOMINANT = 0.98  # share of the variance that one column has

# Whoever calls `fit` on behalf of a user: pipelines, searches, wrappers.
NOT_THE_USER = tuple(
    str(Path(file).parent) for file in (__file__, sklearn.__file__, joblib.__file__)
)


def warn_user(*given):
    """Warn at the line of the user that called into the package, however deep this is.

    So Python shows a warning once for each such line, not once for each fit of a search.

    Parameters
    ----------
    *given : str, Warning or None
        A text is a UserWarning, None is nothing to warn of.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(NOT_THE_USER):
        frame, level = frame.f_back, level + 1
    for warning in given:
        if warning is not None:
            warnings.warn(warning, stacklevel=level)


def check_parts(estimator, parts):
    """Raise ValueError for parameters that are each valid, but not together or not here.

    Parameters
    ----------
    estimator : BaseAutoencoder
    parts : dict
        What its recipe is made of.
    """
    check_device(estimator)
    for name in ("loss", "architecture", "penalty", "corruption"):
        part = parts.get(name)
        if isinstance(part, type):
            raise ValueError(
                f"{name}={part.__name__} is a class. Give an object of it: {part.__name__}()."
            )
    check_callbacks(estimator.callbacks)
    check_net_params(estimator.net_params)
    if estimator.architecture is None:
        return
    defaults = inspect.signature(type(estimator).__init__).parameters
    for name in ("activation", "hidden_layer_sizes"):
        given = getattr(estimator, name, None)
        if name in defaults and not np.array_equal(given, defaults[name].default):
            raise ValueError(
                f"{name}={given!r} and architecture={estimator.architecture!r} are both given, "
                f"but an architecture has its own {name}. Set it there, or leave architecture at "
                "None."
            )


def check_device(estimator):
    """Raise ValueError if this machine has not got the device that an estimator asks for."""
    if estimator.device != "auto" and usable_device(estimator.device) != estimator.device:
        raise ValueError(
            f"device={estimator.device!r} is not available here. Use device='cpu', a device "
            "that torch can reach, or 'auto'."
        )


def check_training(estimator):
    """Raise ValueError for parameters of a training that cannot be had."""
    check_device(estimator)
    check_callbacks(estimator.callbacks)
    check_net_params(estimator.net_params)


def checked_codes(estimator, X):
    """Return codes of a fitted estimator as an array of its dtype, after a look at their width."""
    check_is_fitted(estimator)
    codes = check_array(X, dtype=estimator.module_.dtype, input_name="X", estimator=estimator)
    check_codes(estimator, codes.shape[1], estimator._n_features_out)
    return codes


def check_codes(estimator, width, n_components):
    """Raise ValueError unless codes are as wide as those of an estimator."""
    if width != n_components:
        raise ValueError(
            f"X has {width} columns, but the decoder of {type(estimator).__name__} expects codes "
            f"with {n_components} (n_components). Pass the output of transform, not the original "
            "data."
        )


def check_weight(sample_weight, X):
    """Return weights of the rows of X, checked; None for None."""
    if sample_weight is None:
        return None
    if not np.any(np.asarray(sample_weight)):
        raise ValueError(
            "sample_weight is zero for all rows, so there is nothing to fit. Give at least one row "
            "a positive weight, or leave sample_weight at None."
        )
    return _check_sample_weight(sample_weight, X, dtype=X.dtype, ensure_non_negative=True)


def warn_of_version(kind, version):
    """Warn if an estimator of some class was saved by another version of the package."""
    if version != _version.__version__:
        warning = InconsistentVersionWarning(
            estimator_name=f"sklearn_ae.{kind.__name__}",
            current_sklearn_version=_version.__version__,
            original_sklearn_version=version,
        )
        warn_user(warning)


def warning_of_units(estimator, X):
    """Return what to warn of if one column has nearly all the variance, or None.

    Parameters
    ----------
    estimator : estimator
    X : ndarray of shape (n_samples, n_features)
    """
    n_features = X.shape[1]
    if n_features < 3:  # a long thin cloud is nothing odd
        return None
    step = -(-len(X) // ROWS_LOOKED_AT)
    with np.errstate(over="ignore", invalid="ignore"):
        variances = X[::step].var(axis=0, dtype=np.float64)
        largest, total = variances.argmax(), variances.sum()
    if not variances[largest] > DOMINANT * total:
        return None
    names = getattr(estimator, "feature_names_in_", [f"x{i}" for i in range(n_features)])
    return (
        f"Column {names[largest]!r} has {variances[largest] / total:.1%} of the variance of X, so "
        "the code will be about little else. If the columns have different units, put a "
        "StandardScaler in front."
    )


def like_input(estimator, reconstruction, original):
    """Return a DataFrame with the training data's columns if set_output asks for one."""
    adapter = _get_container_adapter("transform", estimator)
    if adapter is None:
        return reconstruction
    names = getattr(estimator, "feature_names_in_", None)
    if names is None:
        names = np.array([f"x{i}" for i in range(estimator.n_features_in_)], dtype=object)
    return adapter.create_container(reconstruction, original, columns=names)

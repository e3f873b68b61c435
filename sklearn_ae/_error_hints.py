"""What a user may have meant: other libraries' words, and the way out of common errors."""

import inspect
from difflib import get_close_matches

import numpy as np
import pandas as pd
from sklearn.utils._param_validation import InvalidParameterError
from sklearn.utils.validation import validate_data

from ._not_numbers import has_dates, ways_out
from ._training.blocks import in_chunks
from .architectures import TopK

# Values that other libraries call by these names, for parameters of ours.
VALUES = {
    "loss": {
        "mse": "'squared_error'",
        "mean_squared_error": "'squared_error'",
        "l2": "'squared_error'",
        "bce": "'log_loss'",
        "binary_crossentropy": "'log_loss'",
        "binary_cross_entropy": "'log_loss'",
        "cross_entropy": "'log_loss'",
    },
    "activation": {"sigmoid": "'logistic'", "linear": "'identity'", "swish": "'silu'"},
    "solver": {"adamw": "'adam', whose decay alpha is decoupled"},
    "penalty": {
        "l1": "sklearn_ae.penalties.L1()",
        "l2": "sklearn_ae.penalties.L2()",
        "contractive": "sklearn_ae.penalties.Contractive()",
    },
    "corruption": {
        "gaussian": "sklearn_ae.corruptions.GaussianNoise()",
        "masking": "sklearn_ae.corruptions.Masking()",
        "dropout": "sklearn_ae.corruptions.Masking()",
        "swap": "sklearn_ae.corruptions.SwapNoise()",
    },
    "noise": {"dropout": "'masking'", "normal": "'gaussian'"},
    "architecture": {
        "conv": "sklearn_ae.architectures.Convolutional(image_shape)",
        "convolutional": "sklearn_ae.architectures.Convolutional(image_shape)",
        "cnn": "sklearn_ae.architectures.Convolutional(image_shape)",
        "mlp": "None, or sklearn_ae.architectures.MLP()",
    },
}
# What numpy and scikit-learn say of values that are no numbers.
NOT_NUMBERS = (
    "could not convert string to float",
    "argument must be a string or a real number",
    "setting an array element with a sequence",
    "could not be promoted",
)
# Parameters that other libraries call by these names.
NAMES = {
    "latent_dim": "n_components",
    "latent_dims": "n_components",
    "latent_size": "n_components",
    "encoding_dim": "n_components",
    "embedding_dim": "n_components",
    "bottleneck": "n_components",
    "epochs": "max_iter",
    "n_epochs": "max_iter",
    "max_epochs": "max_iter",
    "lr": "learning_rate_init",
    "learning_rate": "learning_rate_init",
    "weight_decay": "alpha",
    "optimizer": "solver",
    "patience": "n_iter_no_change",
    "seed": "random_state",
    "hidden_sizes": "hidden_layer_sizes",
    "hidden_dims": "hidden_layer_sizes",
    "hidden_layers": "hidden_layer_sizes",
    "dropout": "corruption",
}


def check_names(kind, names):
    """Raise TypeError for names that are no parameters of a class, and say which may be meant.

    Parameters
    ----------
    kind : type
    names : iterable of str
    """
    known = [name for name in inspect.signature(kind.__init__).parameters if name != "self"]
    for name in names:
        if name in known:
            continue
        meant = [NAMES[name]] if NAMES.get(name) in known else get_close_matches(name, known, 1)
        hint = f" Did you mean {meant[0]!r}?" if meant else ""
        raise TypeError(f"{kind.__name__} has no parameter {name!r}.{hint}")


def check_values(estimator, check):
    """Check the values of parameters, and add to the error what may be meant.

    Parameters
    ----------
    estimator : estimator
    check : callable
        Raises InvalidParameterError.
    """
    try:
        check()
    except InvalidParameterError as error:
        for name, value in estimator.get_params(deep=False).items():
            if f"'{name}' parameter" in str(error):
                raise InvalidParameterError(f"{error}{_meant(name, value)}") from None
        raise


def _meant(name, value):
    """Return what to add to the error for a value of a parameter."""
    if name == "n_components" and _asks_for_a_choice(value):
        asked = value if isinstance(value, float) else "auto"
        return f" NestedAutoencoder(n_components={asked!r}) finds out how many the data needs."
    if name == "architecture" and isinstance(value, TopK):
        return f" Did you mean architecture=MLP((), code_activation={value!r})?"
    meant = VALUES.get(name, {}).get(value.lower()) if isinstance(value, str) else None
    return f" Did you mean {name}={meant}?" if meant else ""


def _asks_for_a_choice(value):
    """Whether a number of components is what PCA takes for one to be found."""
    return value is None or value in ("mle", "auto") or (isinstance(value, float) and 0 < value < 1)


def check_nested(estimator, params):
    """Raise ValueError for parameters of parts that are not there, as ``penalty__weight``.

    Parameters
    ----------
    estimator : estimator
    params : dict
        As given to ``set_params``.
    """
    for name, value in params.items():
        part, _, inner = name.partition("__")
        if inner and params.get(part, getattr(estimator, part, estimator)) is None:
            raise ValueError(
                f"{name}={value!r} cannot be set, since {part} is None. Give {part} an object "
                "first."
            )


def checked_data(estimator, X, **params):
    """Return data that has passed scikit-learn's validation; its errors get a way out.

    Parameters
    ----------
    estimator : estimator
    X : array-like of shape (n_samples, n_features)
    **params
        As for `sklearn.utils.validation.validate_data`.

    Returns
    -------
    X : ndarray of shape (n_samples, n_features)
    """
    if has_dates(X):
        raise ValueError(f"X cannot become an array of numbers. {ways_out(X)}")
    try:
        # numpy is not asked whether an array in chunks shares its memory.
        return validate_data(estimator, np.asarray(X[:]) if in_chunks(X) else X, **params)
    except (TypeError, ValueError) as error:
        text = _with_way_out(estimator, str(error), X)
        if text is None:
            raise
        # numpy's error hangs on the library that a frame is of.
        is_array = isinstance(error, TypeError) and not hasattr(X, "columns")
        raise (TypeError if is_array else ValueError)(text) from None


def _with_way_out(estimator, text, X):
    """Return an error of validation with what to do about it, or None."""
    if "contains NaN" in text:
        return _of_gaps(estimator, text)
    if any(said in text for said in NOT_NUMBERS):
        found = ways_out(X)
        return f"{text.removesuffix('.')}. {found}" if found else None
    return None


def _of_gaps(estimator, text):
    """Return who fills gaps; or, where that is the estimator, that it takes NaN for none."""
    if not hasattr(estimator, "missing_values"):
        return (
            f"{text}\nsklearn_ae.AutoencoderImputer fills gaps, also in a pipeline in front of "
            "this estimator."
        )
    marked, first = estimator.missing_values, text.partition("\n")[0]
    other = "" if marked is pd.NA else f" If {marked!r} is a gap too, replace it by NaN before."
    return (
        f"{first} With missing_values={marked!r} NaN is not a gap. Use missing_values=np.nan, the "
        f"default, which pd.NA and None in X are as well.{other}"
    )

"""What the parameters that all autoencoders share may be."""

import inspect
from numbers import Real

from sklearn.utils._param_validation import HasMethods, Interval, StrOptions

from ._validation import Whole
from .architectures._activations import ACTIVATIONS
from .losses import LOSSES


class Architecture(HasMethods):
    """Constraint of a parameter to what builds coders of two widths: `TopK` builds of one."""

    def __init__(self):
        super().__init__(["build", "get_params"])

    def is_satisfied_by(self, val):
        if not super().is_satisfied_by(val):
            return False
        widths = (None, 1, 1) if isinstance(val, type) else (1, 1)  # classes are told apart later
        try:
            inspect.signature(val.build).bind(*widths)
        except TypeError:
            return False
        return True

    def __str__(self):
        return "an object with build(n_features, n_components) and get_params"


FEW_COMPONENTS = (128, 64)  # what hidden_layer_sizes="auto" is for a code narrower than the data
LEFT_TO_THE_DATA = {  # constraints of parameters that may be "auto"
    "hidden_layer_sizes": [StrOptions({"auto"}), "array-like", Whole()],
    "init": [StrOptions({"auto", "pca", "random"})],
    "max_iter": [StrOptions({"auto"}), Whole()],
}
SHARED = {
    "n_components": [Whole()],
    "hidden_layer_sizes": ["array-like", Whole()],
    "activation": [StrOptions(set(ACTIVATIONS))],
    "architecture": [Architecture(), None],
    "loss": [StrOptions(set(LOSSES)), callable],
    "init": [StrOptions({"pca", "random"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "solver": [StrOptions({"adam", "sgd"})],
    "batch_size": [StrOptions({"auto"}), Whole()],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "max_iter": [Whole()],
    "tol": [Interval(Real, 0, None, closed="left")],
    "n_iter_no_change": [Whole()],
    "early_stopping": [StrOptions({"auto"}), "boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "warm_start": ["boolean"],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
    "device": [str],
    "callbacks": [list, None],
    "net_params": [dict, None],
}
OF_TRAINING = {  # those of a net of whatever kind
    name: SHARED[name]
    for name in (
        *("n_components", "activation", "alpha", "batch_size", "learning_rate_init", "max_iter"),
        *("tol", "n_iter_no_change", "early_stopping", "validation_fraction", "random_state"),
        *("verbose", "device", "callbacks", "net_params"),
    )
}

"""What an estimator hands to skorch, checked before it is."""

from skorch.callbacks import Callback

# What skorch calls by another name than the estimators.
OURS = {
    "lr": "learning_rate_init",
    "max_epochs": "max_iter (or max_steps)",
    "batch_size": "batch_size",
    "device": "device",
    "verbose": "verbose",
    "callbacks": "callbacks",
    "alpha": "alpha",
    "warm_start": "warm_start",
    "module": "architecture",
    "criterion": "loss and penalty",
    "train_split": "early_stopping and validation_fraction",
}


def check_net_params(net_params):
    """Raise ValueError if parameters of a skorch net say what an estimator has parameters for.

    Parameters
    ----------
    net_params : dict or None
    """
    for name, value in (net_params or {}).items():
        if name in OURS:
            raise ValueError(
                f"net_params={{{name!r}: {value!r}}} is not taken from there. Set {OURS[name]} of "
                "the estimator; net_params is for what has no parameter of its own."
            )


def check_callbacks(callbacks):
    """Raise ValueError unless these are callbacks of skorch.

    Parameters
    ----------
    callbacks : list or None
        Of callbacks, or of pairs of a name and a callback.
    """
    for item in callbacks or []:
        named = isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], str)
        callback = item[1] if named else item
        kind = callback if isinstance(callback, type) else type(callback)
        if issubclass(kind, Callback):
            continue
        if hasattr(kind, "on_fit_task_begin"):
            raise ValueError(
                f"callbacks={callbacks!r} holds a callback of scikit-learn. Set it by "
                f"set_callbacks({kind.__name__}()); callbacks takes those of skorch."
            )
        raise ValueError(
            f"callbacks={callbacks!r} holds {item!r}, which is no callback of skorch, nor a pair "
            "of a name and one."
        )

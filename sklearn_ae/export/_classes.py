"""Which classes a file may name: ours by themselves, others if the caller hands them in."""

from sklearn.impute import MissingIndicator

import sklearn_ae

from .. import architectures, corruptions, losses, penalties
from .._estimators.imputer.gaps import HideEntries, ObservedLoss, WithGaps

PUBLIC = (sklearn_ae, architectures, corruptions, losses, penalties)
# What fitted estimators of ours hold besides.
INSIDE = (HideEntries, ObservedLoss, WithGaps)
OF_SCIKIT_LEARN = (MissingIndicator,)


def name_of(kind):
    """Return the name that a class or a function has in a file.

    Parameters
    ----------
    kind : type or callable
    """
    return f"{kind.__module__}.{kind.__qualname__}"


def own_classes():
    """Return the classes of this package that a file may name, by their names there."""
    public = [getattr(module, name) for module in PUBLIC for name in module.__all__]
    return {name_of(kind): kind for kind in (*public, *INSIDE)}


OWN = own_classes()
KNOWN = OWN | {name_of(kind): kind for kind in OF_SCIKIT_LEARN}

#: The types that `skops.io.load` has to trust to load any estimator of this package.
TRUSTED = sorted(OWN)


def checked_custom(custom):
    """Return the classes and functions that a caller hands in, by name.

    Parameters
    ----------
    custom : dict of str to type or callable, or None

    Raises
    ------
    TypeError
        If it is something else.
    """
    custom = {} if custom is None else custom
    if not isinstance(custom, dict) or not all(map(callable, custom.values())):
        raise TypeError(
            f"custom={custom!r} must be a dict of classes or functions by the names that they have "
            'in the file, for example {"my_module.MyPenalty": MyPenalty}.'
        )
    return custom

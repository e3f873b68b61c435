"""What penalties that have a weight share."""

from numbers import Real

import numpy as np
from sklearn.base import BaseEstimator


class Weighted(BaseEstimator):
    """A penalty that is proportional to its ``weight``."""

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError unless the weight is a number of at least 0."""
        check_strength(self, "weight")

    @property
    def does_nothing(self) -> bool:
        """Whether the penalty is zero whatever the code is."""
        return self.weight == 0


def is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def check_strength(penalty, name):
    value = getattr(penalty, name)
    if not (is_number(value) and 0 <= value < np.inf):
        raise ValueError(
            f"{name}={value!r} of {type(penalty).__name__} must be a number >= 0, 0 for none."
        )

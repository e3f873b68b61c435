"""The autoencoder of a detector that was given none."""

import numpy as np
from sklearn.base import clone

from ...corruptions import GaussianNoise
from ..autoencoder import AutoencoderTransformer


def default_autoencoder(n_features):
    """Return the autoencoder for tables of some width.

    Parameters
    ----------
    n_features : int
    """
    if n_features == 1:  # a code as wide as the data would be a copy
        return AutoencoderTransformer(1, corruption=GaussianNoise(0.1), tol=5e-3)
    # Scores of rows settle before the last digits of the reconstruction do.
    return AutoencoderTransformer(min(n_features // 2, 16), tol=5e-3, n_iter_no_change=5)


def seeded_autoencoder(given, n_features, random_state):
    """Return an untrained copy of the autoencoder, seeded where it has no seed of its own."""
    autoencoder = default_autoencoder(n_features) if given is None else clone(given)
    for name, value in sorted(autoencoder.get_params().items()):
        if value is None and (name == "random_state" or name.endswith("__random_state")):
            autoencoder.set_params(**{name: random_state.randint(np.iinfo(np.int32).max)})
    return autoencoder

"""Which autoencoders an imputer takes, and what it does with them."""

from dataclasses import replace

from sklearn.base import clone

from ..._base import BaseAutoencoder, recipe_of
from ..autoencoder import AutoencoderTransformer
from ..geodesic import GeodesicAutoencoder
from ..variational import VariationalAutoencoder

N_CODES = 16  # components of the default variational autoencoder, at most
FEW_VALUES = 2000  # up to so many, a smaller net is as good
WIDE = 200  # features, from which on a step is taken with fewer rows


def default_autoencoder(n_samples, n_features, sample_posterior):
    """Return what is trained if the user gave nothing."""
    shared = {"batch_size": 256 if n_features <= WIDE else 128, "alpha": 0.1}
    if sample_posterior:
        n_components = min(max(n_features // 2, 1), N_CODES)
        return VariationalAutoencoder(n_components, learning_rate_init=5e-3, **shared)
    if n_samples * n_features <= FEW_VALUES:
        sizes, rate = {"n_components": 32, "hidden_layer_sizes": (128, 64)}, 1e-2
    else:
        sizes, rate = {"n_components": 64, "hidden_layer_sizes": (256, 128)}, 5e-3
    return AutoencoderTransformer(learning_rate_init=rate, **sizes, **shared)


def checked_autoencoder(given, linear_base):
    """Return a copy of an autoencoder, that can be trained on rows with gaps.

    Parameters
    ----------
    given : estimator
    linear_base : "auto" or bool

    Raises
    ------
    ValueError
        If it cannot, or not like this.
    """
    if isinstance(given, GeodesicAutoencoder):
        raise ValueError(
            f"autoencoder={given!r} cannot learn from rows with gaps: the distances along the data "
            "that its code follows are those between whole rows. Fill the gaps with another one, "
            "for example autoencoder=None, and fit GeodesicAutoencoder to what comes out."
        )
    if not isinstance(given, BaseAutoencoder):
        raise ValueError(
            f"autoencoder={given!r} cannot learn from rows with gaps. Use "
            "AutoencoderTransformer, DenoisingAutoencoder, ContractiveAutoencoder, "
            "NestedAutoencoder, SparseAutoencoder or VariationalAutoencoder, with any architecture."
        )
    autoencoder = clone(given)
    loss = recipe_of(autoencoder).loss
    if is_variational(autoencoder):
        if not hasattr(loss, "cumulant"):
            raise ValueError(
                f"loss={given.loss!r} does not say which distribution a value has, and "
                "what a variational autoencoder makes of a row with gaps depends on that. Use "
                "'squared_error', 'log_loss' or 'poisson'."
            )
        if linear_base is True:
            raise ValueError(
                f"linear_base=True, but autoencoder={given!r} models whole rows and "
                "corrects no other model. Use linear_base=False or 'auto'."
            )
    if linear_base is True and hasattr(loss, "link"):
        raise ValueError(
            f"linear_base=True needs loss='squared_error', but loss={given.loss!r} "
            "reconstructs through a link. Use linear_base=False or 'auto'."
        )
    return autoencoder


def widened(recipe, n_features):
    """Return a recipe of so many components as are trained, where the data would choose them.

    The data of a table with gaps have no say in it: a nested autoencoder has all components that it
    would try.

    Parameters
    ----------
    recipe : Recipe
    n_features : int
    """
    if not hasattr(recipe, "n_tried"):
        return recipe
    return replace(recipe, n_components=recipe.n_tried(n_features))


def is_variational(autoencoder):
    """Whether an autoencoder gives a code a distribution."""
    return isinstance(autoencoder, VariationalAutoencoder) and autoencoder.beta > 0

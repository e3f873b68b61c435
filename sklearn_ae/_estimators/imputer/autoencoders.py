"""Which autoencoders an imputer takes, and what it does with them."""

from sklearn.base import clone

from ..._base import BaseAutoencoder, recipe_of
from ...losses import loss_of
from ..autoencoder import AutoencoderTransformer
from ..geodesic import GeodesicAutoencoder
from ..nested import NestedAutoencoder
from ..variational import VariationalAutoencoder

N_CODES = 16  # components of the default variational autoencoder, at most
# The distances that the one follows, and the order that the other looks for, need whole rows.
NOT_HERE = (GeodesicAutoencoder, NestedAutoencoder)


def default_autoencoder(n_features, sample_posterior):
    """Return what is trained if the user gave nothing."""
    shared = {"batch_size": 256, "learning_rate_init": 5e-3, "alpha": 0.1}
    if sample_posterior:
        n_components = min(max(n_features // 2, 1), N_CODES)
        return VariationalAutoencoder(n_components, **shared)
    return AutoencoderTransformer(64, hidden_layer_sizes=(256, 128), **shared)


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
    if not isinstance(given, BaseAutoencoder) or isinstance(given, NOT_HERE):
        raise ValueError(
            f"autoencoder={given!r} cannot learn from rows with gaps. Use "
            "AutoencoderTransformer, DenoisingAutoencoder, ContractiveAutoencoder, "
            "SparseAutoencoder or VariationalAutoencoder, with any architecture."
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


def trainings_of(autoencoder, linear_base):
    """Return the names of the trainings that an autoencoder is to have."""
    alone = is_variational(autoencoder) or hasattr(loss_of(autoencoder.loss), "link")
    if alone or linear_base is False:
        return ["alone"]
    return ["correcting", "alone"] if linear_base == "auto" else ["correcting"]


def is_variational(autoencoder):
    """Whether an autoencoder gives a code a distribution."""
    return isinstance(autoencoder, VariationalAutoencoder) and autoencoder.beta > 0

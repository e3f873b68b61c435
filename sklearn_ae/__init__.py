"""Autoencoders as scikit-learn transformers: the nonlinear relatives of PCA."""

from . import architectures, corruptions, losses, metrics, penalties  # noqa: F401
from ._estimators.autoencoder import AutoencoderTransformer
from ._estimators.contractive import ContractiveAutoencoder
from ._estimators.denoising import DenoisingAutoencoder
from ._estimators.geodesic import GeodesicAutoencoder
from ._estimators.imputer import AutoencoderImputer
from ._estimators.nested import NestedAutoencoder
from ._estimators.outlier import AutoencoderOutlierDetector
from ._estimators.sparse import SparseAutoencoder
from ._estimators.tabular import TabularAutoencoder
from ._estimators.variational import VariationalAutoencoder
from ._version import __version__  # noqa: F401

__all__ = [
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "GeodesicAutoencoder",
    "NestedAutoencoder",
    "SparseAutoencoder",
    "TabularAutoencoder",
    "VariationalAutoencoder",
]

# What files name stays the same wherever a class lives, so that old ones can be loaded.
for _name in __all__:
    globals()[_name].__module__ = __name__

from . import export  # noqa: E402, F401  (knows the estimators)

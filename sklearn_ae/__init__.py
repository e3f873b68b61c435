"""Autoencoders as scikit-learn transformers: the nonlinear relatives of PCA."""

from . import architectures, corruptions, losses, metrics, penalties  # noqa: F401
from ._autoencoder import AutoencoderTransformer
from ._contractive import ContractiveAutoencoder
from ._denoising import DenoisingAutoencoder
from ._geodesic import GeodesicAutoencoder
from ._imputer import AutoencoderImputer
from ._nested import NestedAutoencoder
from ._outlier import AutoencoderOutlierDetector
from ._sparse import SparseAutoencoder
from ._variational import VariationalAutoencoder

__version__ = "0.1.0"

__all__ = [
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "GeodesicAutoencoder",
    "NestedAutoencoder",
    "SparseAutoencoder",
    "VariationalAutoencoder",
]

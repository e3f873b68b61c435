"""Autoencoders as scikit-learn transformers: the nonlinear relatives of PCA."""

from . import architectures, corruptions, losses, penalties  # noqa: F401
from ._autoencoder import AutoencoderTransformer

__version__ = "0.1.0"

__all__ = ["AutoencoderTransformer"]

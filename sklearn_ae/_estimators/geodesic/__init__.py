"""A code that is a map: the estimator, what the code follows, and how it is made to."""

from .estimator import GeodesicAutoencoder

__all__ = ["GeodesicAutoencoder"]

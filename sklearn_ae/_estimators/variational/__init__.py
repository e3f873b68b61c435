"""A code that is a distribution: the estimator, its evidence bound, its posterior given gaps."""

from .estimator import VariationalAutoencoder

__all__ = ["VariationalAutoencoder"]

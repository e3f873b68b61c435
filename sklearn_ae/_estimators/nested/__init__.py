"""A code whose first units are a code by themselves: the estimator, its prefixes, its training."""

from .estimator import NestedAutoencoder

__all__ = ["NestedAutoencoder"]

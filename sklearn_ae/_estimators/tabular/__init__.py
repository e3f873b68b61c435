"""Tables of numbers, categories, dates and gaps: the estimator, its columns, its net."""

from .estimator import TabularAutoencoder

__all__ = ["TabularAutoencoder"]

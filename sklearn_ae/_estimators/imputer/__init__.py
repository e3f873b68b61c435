"""Gaps filled: the estimator, nets for rows with gaps, the linear model they correct."""

from .estimator import AutoencoderImputer

__all__ = ["AutoencoderImputer"]

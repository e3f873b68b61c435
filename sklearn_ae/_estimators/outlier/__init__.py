"""Rows that do not belong: the estimator, what normal rows are like, and what a score means."""

from .estimator import AutoencoderOutlierDetector

__all__ = ["AutoencoderOutlierDetector"]

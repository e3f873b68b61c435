"""Metrics: whether an embedding is any good."""

from ._maps import (
    continuity,
    geodesic_correlation,
    intrinsic_dimension,
    neighborhood_preservation,
    procrustes_score,
    residual_variance,
)
from ._report import embedding_report

__all__ = [
    "continuity",
    "embedding_report",
    "geodesic_correlation",
    "intrinsic_dimension",
    "neighborhood_preservation",
    "procrustes_score",
    "residual_variance",
]


def __dir__():
    return __all__

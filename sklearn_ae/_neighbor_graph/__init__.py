"""Geodesic distances over a graph of neighbours: for metrics and for the geodesic estimator."""

from .geodesics import (
    CANDIDATES,
    CURVED,
    N_DIMENSIONS,
    ROWS_AT_A_TIME,
    disagreement,
    distances_through,
    landmark_distances,
    landmark_geodesics,
    landmark_mds,
    local_dimension,
    nearest_distance,
    neighborhood_graph,
    unexplained,
)
from .search import NeighborSearch, check_range

__all__ = [
    "CANDIDATES",
    "CURVED",
    "N_DIMENSIONS",
    "ROWS_AT_A_TIME",
    "NeighborSearch",
    "check_range",
    "disagreement",
    "distances_through",
    "landmark_distances",
    "landmark_geodesics",
    "landmark_mds",
    "local_dimension",
    "nearest_distance",
    "neighborhood_graph",
    "unexplained",
]

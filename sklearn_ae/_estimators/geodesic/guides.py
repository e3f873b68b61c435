"""What the codes of rows are to follow: geodesic distances, or the coordinates of an embedding."""

from typing import NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.utils import gen_batches

from ..._neighbor_graph import (
    CANDIDATES,
    N_DIMENSIONS,
    ROWS_AT_A_TIME,
    NeighborSearch,
    distances_through,
    landmark_geodesics,
    landmark_mds,
    nearest_distance,
)
from ..._training.loader import Rows

SHORTEST = 0.02  # of the mean distance; errors of shorter ones are relative to this


class Guide(NamedTuple):
    """What the codes of some rows are to follow, in units of the encoder's output.

    Each row of ``rows`` comes with its distances to the landmarks, if there are any, and its
    coordinates. ``landmarks`` are rows of data. ``unit`` and ``shift`` lead from the encoder's
    output to what is followed, ``nearest`` is how far rows are from each other, and ``facts`` are
    what was found on the way, named as the estimator's attributes.
    """

    rows: Rows
    unit: float
    shift: np.ndarray
    nearest: float
    facts: dict
    landmarks: np.ndarray | None = None
    landmark_coordinates: np.ndarray | None = None
    shortest: float = 1.0

    def sample(self, n_rows):
        """Return some of the rows, their distances to the landmarks, and their coordinates."""
        rows = self.some_rows(n_rows)
        n_landmarks = 0 if self.landmarks is None else len(self.landmarks)
        return rows.X[rows.index], rows.guide[:, :n_landmarks], rows.guide[:, n_landmarks:]

    def some_rows(self, n_rows):
        """Return some of the rows, from all over them."""
        positions = np.unique(np.linspace(0, len(self.rows) - 1, n_rows).astype(int))
        index = positions if self.rows.index is None else self.rows.index[positions]
        return Rows(self.rows.X, self.rows.weight, index, self.rows.guide[positions])


def geodesic_guide(
    X, weight, seed, *, n_rows, n_components, max_anchors, metric, unit=None, **graph
):
    """Return a guide of geodesic distances from landmarks, and the coordinates of landmark MDS.

    Shortest paths are found among some rows, the anchors. To other rows they lead over the nearest
    anchors.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    seed : int
    n_rows : int
        How many rows are guided, at most.
    n_components : int
        Of the code.
    max_anchors : int
    metric : str or callable
    unit : float or None, default=None
        Of the code; None for the standard deviation of the coordinates.
    **graph
        ``n_neighbors`` and ``n_landmarks``, as for `landmark_geodesics`.

    Returns
    -------
    guide : Guide
    """
    order = np.random.RandomState(seed).permutation(len(X))
    index = np.sort(order[:n_rows]) if n_rows < len(X) else None
    # Of repeated rows one is enough, and their neighbours would be each other.
    anchors = np.unique(X[np.sort(order[:max_anchors])], axis=0)
    n_neighbors = graph["n_neighbors"]
    largest = CANDIDATES[0] if n_neighbors == "auto" else n_neighbors
    search = NeighborSearch(anchors, largest, metric, seed)
    geodesics = landmark_geodesics(
        anchors, search, seed=seed, n_components=n_components, metric=metric, **graph
    )
    between = geodesics.between_landmarks
    values = []
    for rows in gen_batches(len(X) if index is None else len(index), ROWS_AT_A_TIME):
        some = X[rows if index is None else index[rows]]
        far = distances_through(search, geodesics.distances, some, geodesics.n_neighbors)
        codes = landmark_mds(between, far, n_components)
        values.append(np.hstack([far, codes], dtype=np.float32))
    guide = np.concatenate(values)
    n_landmarks = len(between)
    if unit is None:
        unit = _unit_of(guide[:, n_landmarks:])
    guide /= np.float32(unit)
    mean = guide[:, :n_landmarks].mean(dtype=np.float64)
    residuals = [geodesics.residual_variance(d + 1) for d in range(max(N_DIMENSIONS, n_components))]
    return Guide(
        rows=Rows(X, weight, index, guide),
        unit=unit,
        shift=np.zeros(n_components),
        nearest=nearest_distance(anchors),
        facts={
            "landmarks_": anchors[geodesics.landmarks],
            "n_neighbors_": geodesics.n_neighbors,
            "n_connected_components_": geodesics.n_parts,
            "n_short_cuts_": geodesics.n_cut,
            "_uncut": geodesics.uncut,
            "geodesic_residual_variance_": np.array(residuals),
        },
        landmarks=anchors[geodesics.landmarks],
        landmark_coordinates=landmark_mds(between, between, n_components) / unit,
        shortest=float(SHORTEST * mean) if mean > 0 else 1.0,
    )


def embedding_guide(X, weight, seed, *, target, n_components, max_anchors, unit=None):
    """Return a guide of the coordinates that an embedder gives to some of the rows.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    seed : int
    target : estimator with ``fit_transform``
        Is copied first, and seeded where it has no seed of its own.
    n_components : int
    max_anchors : int
    unit : float or None, default=None
        Of the code; None for the standard deviation of the coordinates.

    Returns
    -------
    guide : Guide

    Raises
    ------
    ValueError
        If the embedding is not one of finite coordinates, n_components for each row.
    """
    order = np.random.RandomState(seed).permutation(len(X))
    index = np.sort(order[:max_anchors]) if max_anchors < len(X) else None
    embedder = clone(target)
    unseeded = {
        name: seed
        for name, value in embedder.get_params().items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    embedder.set_params(**unseeded)
    anchors = X if index is None else X[index]
    coordinates = np.asarray(embedder.fit_transform(anchors), dtype=float)
    n = len(anchors)
    if coordinates.shape != (n, n_components) or not np.isfinite(coordinates).all():
        raise ValueError(
            f"target={target!r} gave coordinates of shape {coordinates.shape} for {n} rows; they "
            f"should have shape ({n}, {n_components}), that is n_components columns, and be finite."
        )
    unit = _unit_of(coordinates) if unit is None else unit
    shift = coordinates.mean(axis=0)
    guide = ((coordinates - shift) / unit).astype(np.float32)
    return Guide(
        rows=Rows(X, weight, index, guide),
        unit=unit,
        shift=shift,
        nearest=nearest_distance(np.unique(anchors, axis=0)),
        facts={"target_embedding_": coordinates},
    )


def _unit_of(coordinates):
    """Return the root of the mean variance of coordinates; 1 if all are the same."""
    unit = float(np.sqrt(coordinates.var(axis=0, dtype=np.float64).mean()))
    return unit if unit > 0 else 1.0

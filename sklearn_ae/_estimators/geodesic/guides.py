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
    check_range,
    distances_through,
    landmark_geodesics,
    landmark_mds,
    nearest_distance,
)
from ..._training.device import threads_kept
from ..._training.loader import Rows
from ..._training.random import borrowed_numpy_state

SHORTEST = 0.02  # of the mean distance; errors of shorter ones are relative to this
HELD_OUT = 0.1  # share of the different rows that are not trained on, to see if a code follows
LEAST_HELD_OUT, MOST_HELD_OUT = 10, 1000
FEW_ROWS = 50  # different ones, of which none are spared


class Guide(NamedTuple):
    """What the codes of some rows are to follow, in units of the encoder's output.

    Each row of ``rows`` comes with its distances to the landmarks, if there are any, and its
    coordinates. ``landmarks`` are rows of data. ``unit`` and ``shift`` lead from the encoder's
    output to what is followed, ``nearest`` is how far rows are from each other, and ``facts`` are
    what was found on the way, named as the estimator's attributes. Rows ``held_out`` are not among
    ``rows``, and none of them is equal to one of these; None if there are none.
    """

    rows: Rows
    unit: float
    shift: np.ndarray
    nearest: float
    facts: dict
    landmarks: np.ndarray | None = None
    landmark_coordinates: np.ndarray | None = None
    shortest: float = 1.0
    held_out: Rows | None = None

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
    X,
    weight,
    seed,
    *,
    n_rows,
    n_components,
    max_anchors,
    metric,
    metric_params=None,
    unit=None,
    **graph,
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
    metric_params : dict or None, default=None
    unit : float or None, default=None
        Of the code; None for the standard deviation of the coordinates.
    **graph
        ``n_neighbors`` and ``n_landmarks``, as for `landmark_geodesics`.

    Returns
    -------
    guide : Guide

    Raises
    ------
    ValueError
        If the values of X cannot be squared, or the metric cannot measure distances between rows.
    """
    order = np.random.RandomState(seed).permutation(len(X))
    index = np.sort(order[:n_rows]) if n_rows < len(X) else None
    # Of repeated rows one is enough, and their neighbours would be each other.
    anchors = np.unique(X[np.sort(order[:max_anchors])], axis=0)
    n_neighbors = graph["n_neighbors"]
    largest = CANDIDATES[0] if n_neighbors == "auto" else n_neighbors
    # In single precision the cosines of rows far from zero, for one, are all the same.
    dtype = X.dtype if metric == "euclidean" else np.float64
    points = anchors.astype(dtype, copy=False)
    search = NeighborSearch(points, largest, metric, seed, metric_params)
    geodesics = landmark_geodesics(points, search, seed=seed, n_components=n_components, **graph)
    # In single precision whatever the unit of X is; a power of two rounds nothing.
    coarse = _power_of_two(geodesics.distances.mean())
    between = geodesics.between_landmarks / coarse
    values = []
    for rows in gen_batches(len(X) if index is None else len(index), ROWS_AT_A_TIME):
        some = X[rows if index is None else index[rows]].astype(dtype, copy=False)
        far = distances_through(search, geodesics.distances, some, geodesics.n_neighbors, coarse)
        codes = landmark_mds(between, far, n_components)
        values.append(np.hstack([far, codes], dtype=np.float32))
    guide = np.concatenate(values)
    n_landmarks = len(between)
    fine = np.float32(_unit_of(guide[:, n_landmarks:]) if unit is None else unit / coarse)
    guide /= fine
    mean = guide[:, :n_landmarks].mean(dtype=np.float64)
    residuals = [geodesics.residual_variance(d + 1) for d in range(max(N_DIMENSIONS, n_components))]
    return Guide(
        rows=Rows(X, weight, index, guide),
        unit=float(fine) * coarse,
        shift=np.zeros(n_components),
        nearest=nearest_distance(anchors),
        facts={
            "landmarks_": anchors[geodesics.landmarks],
            "n_neighbors_": geodesics.n_neighbors,
            "n_connected_components_": geodesics.n_parts,
            "n_short_cuts_": geodesics.n_cut,
            "_uncut": geodesics.uncut,
            "_unsettled": geodesics.unsettled,
            "_local_dimension": geodesics.local_dimension,
            "geodesic_residual_variance_": np.array(residuals),
        },
        landmarks=anchors[geodesics.landmarks],
        landmark_coordinates=landmark_mds(between, between, n_components) / float(fine),
        # Rows that are all the same may be away from themselves, by rounding.
        shortest=float(SHORTEST * mean) if geodesics.distances.any() else 1.0,
    )


def embedding_guide(X, weight, seed, *, target, n_components, max_anchors, unit=None):
    """Return a guide of the coordinates that an embedder gives to some of the rows.

    The embedder sees some rows more than are guided, so that it can be told how well new rows are
    placed.

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
        If the embedding is not one of finite coordinates, n_components for each row; or if the
        values of X cannot be squared.
    """
    random_state = np.random.RandomState(seed)
    index = np.sort(random_state.permutation(len(X))[:max_anchors])
    embedder = clone(target)
    unseeded = {
        name: seed
        for name, value in embedder.get_params().items()
        if name.split("__")[-1] == "random_state" and value is None
    }
    embedder.set_params(**unseeded)
    anchors = X if len(index) == len(X) else X[index]
    check_range(anchors)
    with borrowed_numpy_state(seed), threads_kept():
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
    different, which = np.unique(anchors, axis=0, return_inverse=True)
    spared = np.isin(which.ravel(), _spared(len(different), random_state))
    return Guide(
        rows=Rows(X, weight, index[~spared], guide[~spared]),
        unit=unit,
        shift=shift,
        nearest=nearest_distance(different),
        facts={"target_embedding_": coordinates},
        held_out=Rows(X, weight, index[spared], guide[spared]) if spared.any() else None,
    )


def _spared(n_rows, random_state):
    """Return the positions of some rows to hold out; of no row if there are few."""
    if n_rows < FEW_ROWS:
        return np.empty(0, dtype=int)
    n_spared = np.clip(int(HELD_OUT * n_rows), LEAST_HELD_OUT, MOST_HELD_OUT)
    return random_state.permutation(n_rows)[:n_spared]


def _unit_of(coordinates):
    """Return the root of the mean variance of coordinates; 1 if all are the same."""
    unit = float(np.sqrt(coordinates.var(axis=0, dtype=np.float64).mean()))
    return unit if unit > 0 else 1.0


def _power_of_two(length):
    """Return the power of two that is nearest to a length; 1 for none."""
    return float(np.exp2(np.round(np.log2(length)))) if length > 0 else 1.0

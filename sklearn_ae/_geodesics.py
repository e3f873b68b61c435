"""Geodesic distances: shortest paths from landmarks over a graph of nearest neighbours."""

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import gen_batches

CANDIDATES = (10, 8, 7, 6, 5)  # numbers of neighbours that "auto" tries
FLAT = 0.005  # residual variance up to which "auto" is content with a graph
ROWS_AT_A_TIME = 20_000  # whose distances are looked up at a time
SMALL = 10_000  # points, up to which exact neighbours in many dimensions take seconds
FEW_DIMENSIONS = 15  # in which trees find exact neighbours quickly
N_DIMENSIONS = 5  # for which the residual variance is always known


class Geodesics(NamedTuple):
    """Shortest paths from a few landmarks to all points.

    ``landmarks`` are positions among the points, and ``distances`` has a row per point and a column
    per landmark. ``n_neighbors`` is that of the graph, and ``n_parts`` how many parts it fell into
    before they were joined.
    """

    landmarks: np.ndarray
    distances: np.ndarray
    n_neighbors: int
    n_parts: int

    @property
    def between_landmarks(self):
        return self.distances[self.landmarks]

    def residual_variance(self, n_components):
        """Return the share of variance of the distances that landmark MDS leaves unexplained."""
        codes = landmark_mds(self.between_landmarks, self.distances, n_components)
        return unexplained(self.distances, cdist(codes, codes[self.landmarks]))


class NeighborSearch:
    """Nearest neighbours among some points: exact ones, or quickly found ones where that is slow.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points, all different.
    n_neighbors : int
        How many are looked for, at most; fewer if there are not so many other points.
    metric : str or callable, default="euclidean"
        As for `sklearn.neighbors.NearestNeighbors`.
    seed : int, default=0
        Of the approximate search.
    """

    def __init__(self, X, n_neighbors, metric="euclidean", seed=0):
        self.n_neighbors = min(n_neighbors, len(X) - 1)
        large = len(X) > SMALL and X.shape[1] > FEW_DIMENSIONS
        self.is_approximate = large and find_spec("pynndescent") is not None
        if self.is_approximate:
            from pynndescent import NNDescent

            width = self.n_neighbors + 1  # a point is its own first neighbour
            self.index = NNDescent(X, metric, n_neighbors=width, random_state=seed, n_jobs=1)
        else:
            self.index = NearestNeighbors(n_neighbors=self.n_neighbors, metric=metric).fit(X)

    def among(self):
        """Return distances and positions of the neighbours of each point, itself excluded."""
        if self.n_neighbors == 0:
            return np.empty((1, 0)), np.empty((1, 0), dtype=int)
        if self.is_approximate:
            positions, distances = self.index.neighbor_graph
            return distances[:, 1:].astype(float), positions[:, 1:]
        return self.index.kneighbors()

    def of(self, X, n_neighbors=None):
        """Return distances and positions of the nearest points of each row of X."""
        k = max(self.n_neighbors if n_neighbors is None else n_neighbors, 1)
        if self.is_approximate:
            positions, distances = self.index.query(X, k)
            return distances, positions
        return self.index.kneighbors(X, k)


def landmark_geodesics(X, search, n_neighbors, n_landmarks, seed, n_components, metric="euclidean"):
    """Return geodesic distances from landmarks to all points.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points, all different.
    search : NeighborSearch
        Over the same points.
    n_neighbors : int or "auto"
        Of each point in the graph. "auto" starts at 10, and tries fewer while that makes the
        distances much flatter: a graph with too many neighbours has short cuts through the
        space between the folds.
    n_landmarks : int
    seed : int
    n_components : int
        Dimension in which the distances should be flat, for "auto".
    metric : str or callable, default="euclidean"

    Returns
    -------
    geodesics : Geodesics
    """
    neighbors = search.among()
    counts = CANDIDATES if n_neighbors == "auto" else (n_neighbors,)
    best, best_residual = None, np.inf
    for k in sorted({min(k, search.n_neighbors) for k in counts}, reverse=True):
        graph, n_parts = neighborhood_graph(X, *(part[:, :k] for part in neighbors), metric)
        landmarks, distances = landmark_distances(graph, n_landmarks, seed)
        geodesics = Geodesics(landmarks, distances, k, n_parts)
        residual = geodesics.residual_variance(n_components)
        if best is None or residual < best_residual / 2:
            best, best_residual = geodesics, residual
        if best_residual <= FLAT:
            break
    return best


def neighborhood_graph(X, distances, positions, metric="euclidean"):
    """Return the symmetric graph of nearest neighbours, and how many parts it fell into.

    Parts are joined: each one to the point nearest to it, until they are all connected.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
    distances, positions : ndarray of shape (n_points, n_neighbors)
        Of the neighbours of each point.
    metric : str or callable, default="euclidean"

    Returns
    -------
    graph : csr_array of shape (n_points, n_points)
    n_parts : int
    """
    n, k = distances.shape
    edges = (distances.ravel(), positions.ravel(), np.arange(0, n * k + 1, k))
    graph = csr_array(edges, shape=(n, n))
    n_parts, part = connected_components(graph, directed=False)
    n_left = n_parts
    while n_left > 1:
        graph = graph + _shortest_links(X, part, n_left, metric)
        n_left, part = connected_components(graph, directed=False)
    return graph.maximum(graph.T).tocsr(), n_parts


def _shortest_links(X, part, n_parts, metric):
    """Return a graph in which each part is linked to the point outside that is nearest to it."""
    links = []
    for label in range(n_parts):
        inside, outside = np.flatnonzero(part == label), np.flatnonzero(part != label)
        nearest, distances = pairwise_distances_argmin_min(X[inside], X[outside], metric=metric)
        i = distances.argmin()
        links.append((inside[i], outside[nearest[i]], distances[i]))
    starts, ends, lengths = zip(*links, strict=True)
    return csr_array((lengths, (starts, ends)), shape=(len(X), len(X)))


def landmark_distances(graph, n_landmarks, seed):
    """Choose landmarks far from each other, and return them and their distances to all points.

    Farthest-point sampling on the graph, from a point on the rim: each next landmark is the point
    farthest from all so far.

    Parameters
    ----------
    graph : csr_array of shape (n_points, n_points)
        Symmetric and connected.
    n_landmarks : int
        How many; fewer if there are not so many points.
    seed : int

    Returns
    -------
    landmarks : ndarray of shape (n_landmarks,)
    distances : ndarray of shape (n_points, n_landmarks)
    """
    n = graph.shape[0]
    anywhere = np.random.RandomState(seed).randint(n)
    landmarks, distances, nearest = [], [], np.full(n, np.inf)
    farthest = int(dijkstra(graph, indices=anywhere).argmax())
    while len(landmarks) < n_landmarks and nearest.max() > 0:
        landmarks.append(farthest)
        distances.append(dijkstra(graph, indices=farthest))
        nearest = np.minimum(nearest, distances[-1])
        farthest = int(nearest.argmax())
    return np.array(landmarks), np.array(distances).T


def landmark_mds(between, distances, n_components):
    """Return the coordinates that landmark MDS gives to points: Isomap's, from few distances.

    Classical multidimensional scaling of the landmarks, then triangulation of the points (de Silva
    & Tenenbaum 2004, Sparse multidimensional scaling using landmark points).

    Parameters
    ----------
    between : ndarray of shape (n_landmarks, n_landmarks)
        Distances between the landmarks.
    distances : ndarray of shape (n_points, n_landmarks)
        Distances from the points to the landmarks.
    n_components : int

    Returns
    -------
    codes : ndarray of shape (n_points, n_components)
        Zeros in the dimensions that the distances do not span.
    """
    squares = between**2
    means = squares.mean(axis=0)
    centred = -0.5 * (squares - means - means[:, None] + means.mean())
    n_used = min(n_components, len(between))
    values, vectors = eigh(centred, subset_by_index=(len(between) - n_used, len(between) - 1))
    values, vectors = values[::-1], vectors[:, ::-1]
    spanned = values > 1e-9 * max(values[0], np.finfo(float).tiny)
    axes = np.where(spanned, vectors / np.sqrt(np.where(spanned, values, 1.0)), 0.0)
    codes = np.zeros((len(distances), n_components))
    codes[:, :n_used] = -0.5 * (distances**2 - means) @ axes
    return codes


def distances_through(search, distances, X, n_neighbors=None):
    """Return the geodesic distances from landmarks to further rows.

    The shortest way over one of the nearest points, as of `sklearn.manifold.Isomap.transform`.

    Parameters
    ----------
    search : NeighborSearch
        Over the points.
    distances : ndarray of shape (n_points, n_landmarks)
        From the landmarks to the points.
    X : ndarray of shape (n_rows, n_features)
    n_neighbors : int or None, default=None
        How many of the nearest points; None for as many as the search is for.

    Returns
    -------
    distances : ndarray of shape (n_rows, n_landmarks), float32
    """
    out = np.empty((len(X), distances.shape[1]), dtype=np.float32)
    distances = distances.astype(np.float32)
    for rows in gen_batches(len(X), ROWS_AT_A_TIME):
        steps, points = search.of(X[rows], n_neighbors)
        steps = steps.astype(np.float32)
        ways = steps[:, :1] + distances[points[:, 0]]
        for step, point in zip(steps.T[1:], points.T[1:], strict=True):
            np.minimum(ways, step[:, None] + distances[point], out=ways)
        out[rows] = ways
    return out


def unexplained(a, b):
    """Return 1 - r², r being the correlation of two arrays; 0 where there is nothing to explain."""
    a, b = np.ravel(a), np.ravel(b)
    a, b = a - a.mean(), b - b.mean()
    total = a @ a
    if total <= np.finfo(float).tiny:
        return 0.0
    norm = total * (b @ b)
    return float(1 - (a @ b) ** 2 / norm) if norm > 0 else 1.0

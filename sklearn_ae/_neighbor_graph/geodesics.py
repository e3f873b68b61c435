"""Geodesic distances: shortest paths from landmarks over a graph of nearest neighbours."""

from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components, dijkstra
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.utils import gen_batches

from .short_cuts import torn_edges, without_short_cuts

CANDIDATES = (18, 14, 12, 10, 8, 7, 6, 5)  # numbers of neighbours that "auto" tries
FLAT = 0.005  # residual variance up to which "auto" is content with a graph
TINY = 1e-38  # of the longest edge: a length that sparse matrices do not take for a missing one
CURVED = 0.02  # residual variance above which distances are not those on a flat sheet
SPARSE = 6  # neighbours with which paths zig-zag so much that it pays to look for short cuts
HALF = 8  # neighbours with which distances are compared to those with the most
ROWS_AT_A_TIME = 20_000  # whose distances are looked up at a time
N_DIMENSIONS = 5  # for which the residual variance is always known


class Geodesics(NamedTuple):
    """Shortest paths from a few landmarks to all points.

    ``landmarks`` are positions among the points, and ``distances`` has a row per point and a column
    per landmark. ``n_neighbors`` is that of the graph, ``n_parts`` how many parts it fell into
    before they were joined. ``n_cut`` is how many short cuts were taken out of it, and ``uncut``
    the residual variance that the best graph with all its edges has. ``unsettled`` is the share of
    the variance of distances between landmarks that is another with about half as many neighbours,
    NaN if nobody looked, and ``local_dimension`` in how many directions neighbours lie.
    """

    landmarks: np.ndarray
    distances: np.ndarray
    n_neighbors: int
    n_parts: int
    n_cut: int = 0
    uncut: float = 0.0
    unsettled: float = np.nan
    local_dimension: float = np.nan

    @property
    def between_landmarks(self):
        return self.distances[self.landmarks]

    def residual_variance(self, n_components):
        """Return the share of variance of the distances that landmark MDS leaves unexplained."""
        codes = landmark_mds(self.between_landmarks, self.distances, n_components)
        return unexplained(self.distances, cdist(codes, codes[self.landmarks]))


def landmark_geodesics(X, search, n_neighbors, n_landmarks, seed, n_components):
    """Return geodesic distances from landmarks to all points.

    With more neighbours paths zig-zag less and the distances are better, until the graph has short
    cuts through the space between the folds of the data. Then they are not flat any more: their
    residual variance is ten times as large or more. So "auto" starts at 18 neighbours, and tries
    fewer while that makes the distances much flatter. But with too few the graph is torn open where
    points happen to be sparse, and a closed surface torn open is flat, too: the edges for want of
    which it is torn are put back first. If none is flat, or only with few neighbours, it looks for
    single short cuts, and takes them out if that helps.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        Points, all different.
    search : NeighborSearch
        Over the same points.
    n_neighbors : int or "auto"
        Of each point in the graph.
    n_landmarks : int
    seed : int
    n_components : int
        Dimension in which the distances should be flat, for "auto".

    Returns
    -------
    geodesics : Geodesics
    """
    graphs = _Graphs(X, search, n_landmarks, seed, n_components)
    if n_neighbors != "auto":
        k = min(n_neighbors, search.n_neighbors)
        return graphs.geodesics(k, *graphs.graph(k))[0]
    counts = sorted({min(k, search.n_neighbors) for k in CANDIDATES}, reverse=True)
    best, least = graphs.flattest(counts)
    if least > CURVED or best.n_neighbors <= SPARSE:
        best, least = graphs.without_short_cuts(best, least)
    return best if least <= CURVED else best._replace(unsettled=graphs.unsettled())


class _Graphs:
    """Graphs of more or fewer neighbours, and the geodesic distances over them."""

    def __init__(self, X, search, n_landmarks, seed, n_components):
        self.X = X
        self.search = search
        self.n_landmarks = n_landmarks
        self.seed = seed
        self.n_components = n_components
        self.neighbors = search.among()
        self.dimension = local_dimension(self.neighbors[0])
        self.graphs = {}

    def graph(self, k, edges=None):
        """Return the graph of k nearest neighbours and more edges, and into how many parts it fell.

        The last one of each k is kept.
        """
        nearest = (array[:, :k] for array in self.neighbors)
        metric = self.search.metric, self.search.metric_params
        self.graphs[k] = neighborhood_graph(self.X, *nearest, *metric, edges)
        return self.graphs[k]

    def geodesics(self, k, graph, n_parts):
        """Return the distances over a graph, and how far they are from flat."""
        found = landmark_distances(graph, self.n_landmarks, self.seed)
        geodesics = Geodesics(*found, k, n_parts, local_dimension=self.dimension)
        return geodesics, geodesics.residual_variance(self.n_components)

    def torn(self, geodesics):
        """Return the edges for want of which a graph is torn, or None."""
        coordinates = self.search.coordinates()
        return torn_edges(self.dense, geodesics.distances, coordinates, self.n_components)

    def flattest(self, counts):
        """Return the distances that are flat enough with the most neighbours, and how flat."""
        self.dense, n_parts = self.graph(counts[0])
        best, least = self.geodesics(counts[0], self.dense, n_parts)
        self.first = self.half = best
        for k in counts[1:]:
            if least <= FLAT:
                break
            geodesics, residual = self.geodesics(k, *self.graph(k))
            self.half = geodesics if k >= HALF else self.half
            if residual < least / 2:
                geodesics, residual = self.mended(geodesics, residual)
            if residual < least / 2:
                best, least = geodesics, residual
        return best, least

    def mended(self, geodesics, residual):
        """Return the distances over a graph that is not torn any more, and how flat they are."""
        edges = self.torn(geodesics)
        if edges is None:
            return geodesics, residual
        k = geodesics.n_neighbors
        return self.geodesics(k, *self.graph(k, edges))

    def without_short_cuts(self, best, least):
        """Return distances without single short cuts where they are flat, else the best so far."""
        uncut = least
        for k, (graph, n_parts) in self.graphs.items():
            cut, n_cut = without_short_cuts(graph, max_common=max((k - 6) // 2, 0))
            if n_cut == 0:
                continue
            geodesics, residual = self.geodesics(k, cut, n_parts)
            if residual < min(least / 1.5, CURVED):
                edges = self.torn(geodesics)
                if edges is not None:
                    cut = cut.maximum(edges)
                    geodesics, residual = self.geodesics(k, cut, n_parts)
            if residual < min(least / 1.5, CURVED):
                n_cut = (graph.astype(bool) > cut.astype(bool)).nnz // 2
                best, least = geodesics._replace(n_cut=n_cut, uncut=uncut), residual
        return best, least

    def unsettled(self):
        """Return in how much of their variance distances differ with about half the neighbours.

        NaN if there are too few points for that.
        """
        if self.half is self.first:
            return np.nan
        half, _ = self.mended(self.half, None)
        return disagreement(self.first, half)


def disagreement(one, other):
    """Return the share of the variance of distances in which two graphs of points differ.

    Parameters
    ----------
    one, other : Geodesics
        Of the same points. Distances from the landmarks of one to those of the other count.

    Returns
    -------
    share : float
    """
    return unexplained(one.distances[other.landmarks], other.distances[one.landmarks].T)


def local_dimension(distances):
    """Return in how many directions neighbours lie, by maximum likelihood.

    Levina & Bickel (2004), Maximum likelihood estimation of intrinsic dimension.

    Parameters
    ----------
    distances : ndarray of shape (n_points, n_neighbors)
        To the neighbours of each point, in increasing order.

    Returns
    -------
    dimension : float
        NaN for fewer than 3 neighbours, or if all are at the same distance.
    """
    n_neighbors = distances.shape[1]
    nonzero = distances[distances[:, :1].ravel() > 0] if n_neighbors > 2 else distances[:0]
    logs = np.log(nonzero[:, -1:] / nonzero)
    return float((n_neighbors - 2) / logs.sum(axis=1).mean()) if logs.any() else np.nan


def neighborhood_graph(X, distances, positions, metric="euclidean", metric_params=None, edges=None):
    """Return the symmetric graph of nearest neighbours, and how many parts it fell into.

    Parts are joined: each one to the point nearest to it, until they are all connected.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
    distances, positions : ndarray of shape (n_points, n_neighbors)
        Of the neighbours of each point.
    metric : str or callable, default="euclidean"
    metric_params : dict or None, default=None
    edges : csr_array of shape (n_points, n_points) or None, default=None
        More edges, as of neighbours.

    Returns
    -------
    graph : csr_array of shape (n_points, n_points)
    n_parts : int
    """
    n, k = distances.shape
    # Positions of 32 bits: dijkstra of scipy 1.13 takes no others.
    ends, first = positions.ravel().astype(np.int32), np.arange(n + 1, dtype=np.int32) * k
    shortest = TINY * (distances.max(initial=0.0) or 1.0)
    graph = apart = csr_array((np.maximum(distances.ravel(), shortest), ends, first), shape=(n, n))
    n_parts, part = connected_components(graph, directed=False)
    n_left = n_parts
    while n_left > 1:
        graph = graph + _shortest_links(X, part, n_left, shortest, metric, metric_params)
        n_left, part = connected_components(graph, directed=False)
    if edges is not None:  # links stay: without them the graph is torn where they are
        n_parts, _ = connected_components(apart.maximum(edges), directed=False)
        graph = graph.maximum(edges)
    return graph.maximum(graph.T).tocsr(), n_parts


def _shortest_links(X, part, n_parts, shortest, metric, metric_params):
    """Return a graph in which each part is linked to the point outside that is nearest to it."""
    links = []
    for label in range(n_parts):
        inside, outside = np.flatnonzero(part == label), np.flatnonzero(part != label)
        nearest, distances = pairwise_distances_argmin_min(
            X[inside], X[outside], metric=metric, metric_kwargs=metric_params
        )
        i = distances.argmin()
        links.append((inside[i], outside[nearest[i]], max(distances[i], shortest)))
    starts, ends, lengths = map(np.array, zip(*links, strict=True))
    edges = (lengths, (starts.astype(np.int32), ends.astype(np.int32)))
    return csr_array(edges, shape=(len(X), len(X)))


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


def distances_through(search, distances, X, n_neighbors=None, unit=1.0):
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
    unit : float, default=1.0
        What the distances returned are measured in.

    Returns
    -------
    distances : ndarray of shape (n_rows, n_landmarks), float32
    """
    out = np.empty((len(X), distances.shape[1]), dtype=np.float32)
    distances = (distances / unit).astype(np.float32)
    for rows in gen_batches(len(X), ROWS_AT_A_TIME):
        steps, points = search.of(X[rows], n_neighbors)
        steps = (steps / unit).astype(np.float32)
        ways = steps[:, :1] + distances[points[:, 0]]
        for step, point in zip(steps.T[1:], points.T[1:], strict=True):
            np.minimum(ways, step[:, None] + distances[point], out=ways)
        out[rows] = ways
    return out


def nearest_distance(X):
    """Return the median Euclidean distance of points to the nearest other one, by 1000 of them.

    Parameters
    ----------
    X : ndarray of shape (n_points, n_features)
        All different.

    Returns
    -------
    distance : float
        0 if there is but one point.
    """
    if len(X) == 1:
        return 0.0
    from sklearn.neighbors import NearestNeighbors  # longer to import than all of ours

    some = np.unique(np.linspace(0, len(X) - 1, 1000).astype(int))
    distances, _ = NearestNeighbors(n_neighbors=2).fit(X).kneighbors(X[some])
    return float(np.median(distances[:, 1]))


def unexplained(a, b):
    """Return 1 - r², r being the correlation of two arrays; 0 where there is nothing to explain."""
    a, b = _standardised(a), _standardised(b)
    if not a.any():
        return 0.0
    return float(1 - (a @ b) ** 2) if b.any() else 1.0


def _standardised(array):
    """Return an array as a vector of mean 0 and length 1; of zeros if all values are the same."""
    array = np.ravel(array)
    array = array / (np.abs(array).max() or 1.0)  # squares of very large or small values are none
    array = array - array.mean()
    norm = np.linalg.norm(array)
    return array / norm if norm > 1e-14 * np.sqrt(len(array)) else np.zeros(len(array))

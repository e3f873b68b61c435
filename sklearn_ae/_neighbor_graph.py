"""Geodesic distances: shortest paths from landmarks over a graph of nearest neighbours."""

from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.sparse import coo_array, csr_array, issparse, triu
from scipy.sparse.csgraph import connected_components, dijkstra, minimum_spanning_tree
from scipy.spatial.distance import cdist
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.utils import gen_batches

CANDIDATES = (18, 14, 12, 10, 8, 7, 6, 5)  # numbers of neighbours that "auto" tries
FLAT = 0.005  # residual variance up to which "auto" is content with a graph
TINY = np.finfo(np.float32).tiny  # a length that sparse matrices do not take for a missing edge
CURVED = 0.02  # residual variance above which distances are not those on a flat sheet
SPARSE = 6  # neighbours with which paths zig-zag so much that it pays to look for short cuts
DETOUR = 4  # times its length: what a short cut saves, at least
FEW = 0.1  # share of edges that may look like short cuts; more are the nature of the data
ROWS_AT_A_TIME = 20_000  # whose distances are looked up at a time
SMALL = 50_000  # points, up to which pynndescent takes longer to compile than exact neighbours
FEW_DIMENSIONS = 15  # in which trees find exact neighbours quickly
N_DIMENSIONS = 5  # for which the residual variance is always known


class Geodesics(NamedTuple):
    """Shortest paths from a few landmarks to all points.

    ``landmarks`` are positions among the points, and ``distances`` has a row per point and a column
    per landmark. ``n_neighbors`` is that of the graph, ``n_parts`` how many parts it fell into
    before they were joined. ``n_cut`` is how many short cuts were taken out of it, and ``uncut``
    the residual variance that the best graph with all its edges has.
    """

    landmarks: np.ndarray
    distances: np.ndarray
    n_neighbors: int
    n_parts: int
    n_cut: int = 0
    uncut: float = 0.0

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
            from sklearn.neighbors import NearestNeighbors  # longer to import than all of ours

            self.index = NearestNeighbors(n_neighbors=max(self.n_neighbors, 1), metric=metric).fit(
                X
            )

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

    With more neighbours paths zig-zag less and the distances are better, until the graph has short
    cuts through the space between the folds of the data. Then they are not flat any more: their
    residual variance is ten times as large or more. So "auto" starts at 18 neighbours, and tries
    fewer while that makes the distances much flatter. If none is flat, or only with few neighbours,
    it looks for single short cuts, and takes them out if that helps.

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
    metric : str or callable, default="euclidean"

    Returns
    -------
    geodesics : Geodesics
    """
    neighbors = search.among()
    counts = CANDIDATES if n_neighbors == "auto" else (n_neighbors,)
    counts = sorted({min(k, search.n_neighbors) for k in counts}, reverse=True)
    whole, best, least = {}, None, np.inf
    for k in counts:
        whole[k] = neighborhood_graph(X, *(part[:, :k] for part in neighbors), metric)
        geodesics = Geodesics(*landmark_distances(whole[k][0], n_landmarks, seed), k, whole[k][1])
        residual = geodesics.residual_variance(n_components)
        if best is None or residual < least / 2:
            best, least = geodesics, residual
        if least <= FLAT:
            break
    uncut = least
    if n_neighbors != "auto" or (uncut <= CURVED and best.n_neighbors > SPARSE):
        return best
    for k, (graph, n_parts) in whole.items():
        cut, n_cut = without_short_cuts(graph, max_common=max((k - 6) // 2, 0))
        if n_cut == 0:
            continue
        found = landmark_distances(cut, n_landmarks, seed)
        geodesics = Geodesics(*found, k, n_parts, n_cut, uncut)
        residual = geodesics.residual_variance(n_components)
        if residual < min(least / 1.5, CURVED):
            best, least = geodesics, residual
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
    # Positions of 32 bits: dijkstra of scipy 1.13 takes no others.
    ends, first = positions.ravel().astype(np.int32), np.arange(n + 1, dtype=np.int32) * k
    graph = csr_array((np.maximum(distances.ravel(), TINY), ends, first), shape=(n, n))
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
        links.append((inside[i], outside[nearest[i]], max(distances[i], TINY)))
    starts, ends, lengths = map(np.array, zip(*links, strict=True))
    edges = (lengths, (starts.astype(np.int32), ends.astype(np.int32)))
    return csr_array(edges, shape=(len(X), len(X)))


def without_short_cuts(graph, max_common):
    """Return a graph without the edges that look like short cuts, and how many those were.

    Neighbours on a surface have neighbours in common, and without the edge between them the way
    from one to the other is not much longer. A short cut is an edge whose ends have few neighbours
    in common and are far apart without it. The edges of the minimum spanning tree stay, so the
    graph remains connected.

    Parameters
    ----------
    graph : csr_array of shape (n_points, n_points)
        Symmetric and connected.
    max_common : int
        How many neighbours the ends of a short cut have in common, at most.

    Returns
    -------
    graph : csr_array of shape (n_points, n_points)
    n_cut : int
    """
    edges = triu(graph, format="coo")
    linked = graph.astype(bool).astype(np.int32)
    doubtful = _entries(linked @ linked, edges.row, edges.col) <= max_common
    if doubtful.sum() > FEW * len(doubtful):
        return graph, 0
    starts, ends, lengths = edges.row[doubtful], edges.col[doubtful], edges.data[doubtful]
    sound = _symmetric(edges, ~doubtful)
    cut = np.zeros(len(starts), dtype=bool)
    order = np.argsort(starts)  # one search for all edges from a point
    for some in np.array_split(order, max(len(order) // 100, 1)):
        if len(some) == 0:
            continue
        points, which = np.unique(starts[some], return_inverse=True)
        longest = DETOUR * lengths[some]
        around = dijkstra(sound, indices=points, limit=longest.max())[which, ends[some]]
        cut[some] = around > longest
    tree = minimum_spanning_tree(graph)
    cut &= _entries(tree + tree.T, starts, ends) == 0
    kept = np.ones(edges.nnz, dtype=bool)
    kept[np.flatnonzero(doubtful)[cut]] = False
    return _symmetric(edges, kept), int(cut.sum())


def _entries(matrix, rows, columns):
    """Return single entries of a sparse matrix, whichever kind of array scipy makes of them."""
    entries = csr_array(matrix)[rows, columns]
    return np.ravel(entries.toarray() if issparse(entries) else entries)


def _symmetric(edges, chosen):
    """Return the graph of some edges, each given in one direction."""
    half = (edges.data[chosen], (edges.row[chosen], edges.col[chosen]))
    graph = coo_array(half, shape=edges.shape).tocsr()
    return graph + graph.T.tocsr()


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
    a, b = np.ravel(a), np.ravel(b)
    a, b = a - a.mean(), b - b.mean()
    total = a @ a
    if total <= np.finfo(float).tiny:
        return 0.0
    norm = total * (b @ b)
    return float(1 - (a @ b) ** 2 / norm) if norm > 0 else 1.0

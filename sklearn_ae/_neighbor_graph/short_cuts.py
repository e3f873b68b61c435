"""Edges of a graph of neighbours: which are short cuts, and which hold a surface together."""

import numpy as np
from scipy.sparse import coo_array, csr_array, issparse, triu
from scipy.sparse.csgraph import dijkstra, minimum_spanning_tree

DETOUR = 4  # times its length: what a short cut saves, at least
FEW = 0.1  # share of edges that may look like short cuts; more are the nature of the data
ENOUGH = 0.95  # share of the squared distances of neighbours that a plane holds
ALONG = 0.1  # squared sine up to which an edge leads along the surface


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


def torn_edges(dense, distances, X, n_components):
    """Return the edges of a dense graph for want of which a sparser one is torn open.

    Sparser graphs lack edges of the denser one, and the ends of some are far apart then. For short
    cuts that is as it should be. But where points happen to be sparse the graph breaks, and a ring
    becomes a line. There, the way from the neighbours of the one end to those of the other leads
    along the surface; a short cut leads away from it.

    Parameters
    ----------
    dense : csr_array of shape (n_points, n_points)
        Symmetric.
    distances : ndarray of shape (n_points, n_landmarks)
        From landmarks, over the sparser graph.
    X : ndarray of shape (n_points, n_features)
        Coordinates of the points.
    n_components : int
        Dimension of the surface, at most.

    Returns
    -------
    torn : csr_array of shape (n_points, n_points) or None
        Symmetric; None if there are no such edges.
    """
    edges = triu(dense, format="coo")
    apart = _least_distances(edges, distances) > DETOUR * edges.data
    if not apart.any():
        return None
    left = _symmetric(edges, ~apart)
    starts, ends = edges.row[apart], edges.col[apart]
    around = {i: _planes(X, left, i, n_components) for i in {*starts.tolist(), *ends.tolist()}}
    apart[apart] = [
        min(map(_leads_away, around[i], around[j])) < ALONG
        for i, j in zip(starts.tolist(), ends.tolist(), strict=True)
    ]
    return _symmetric(edges, apart) if apart.any() else None


def _least_distances(edges, distances):
    """Return how far the ends of edges are from each other at least, seen from the landmarks."""
    least = np.zeros(edges.nnz)
    for from_landmark in distances.T:
        seen = np.abs(from_landmark[edges.row] - from_landmark[edges.col])
        np.maximum(least, seen, out=least)
    return least


def _planes(X, graph, point, n_components):
    """Return the planes nearest to the neighbours of a point, and to theirs as well.

    The smaller neighbourhood bends less, the larger one averages more noise away.
    """
    near = np.append(_neighbors(graph, point), point)
    wide = np.unique(np.concatenate([_neighbors(graph, other) for other in near]))
    return [_plane(X[some].astype(float), n_components) for some in (near, wide)]


def _neighbors(graph, point):
    return graph.indices[graph.indptr[point] : graph.indptr[point + 1]]


def _plane(points, n_components):
    """Return the centre of some points, and orthonormal axes of the plane nearest to them.

    The plane is that of so many components; above 2, of as many as are enough.
    """
    centre = points.mean(axis=0)
    _, lengths, axes = np.linalg.svd(points - centre, full_matrices=False)
    held = np.cumsum(lengths**2)
    n_enough = max(np.searchsorted(held, ENOUGH * held[-1]) + 1, 2)
    n_spanned = np.sum(lengths > 1e-6 * lengths[0])
    return centre, axes[: min(n_components, n_enough, n_spanned)]


def _leads_away(here, there):
    """Return the squared sine between two planes and the way between their centres, the mean."""
    way = there[0] - here[0]
    along = [np.square(axes @ way).sum() for _, axes in (here, there)]
    length = way @ way
    return 1 - np.mean(along) / length if length > 0 else 0.0


def _entries(matrix, rows, columns):
    """Return single entries of a sparse matrix, whichever kind of array scipy makes of them."""
    entries = csr_array(matrix)[rows, columns]
    return np.ravel(entries.toarray() if issparse(entries) else entries)


def _symmetric(edges, chosen):
    """Return the graph of some edges, each given in one direction."""
    half = (edges.data[chosen], (edges.row[chosen], edges.col[chosen]))
    graph = coo_array(half, shape=edges.shape).tocsr()
    return graph + graph.T.tocsr()

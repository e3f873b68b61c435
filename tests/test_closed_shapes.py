"""Rings, tubes, knots: no number of neighbours may tear them open without a word."""

import re
import warnings

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.spatial.distance import cdist
from sklearn.datasets import load_digits, make_swiss_roll

from sklearn_ae import GeodesicAutoencoder
from sklearn_ae._estimators.geodesic.causes import cause_of_residual
from sklearn_ae._neighbor_graph import (
    CANDIDATES,
    CURVED,
    NeighborSearch,
    landmark_distances,
    landmark_geodesics,
    neighborhood_graph,
)
from sklearn_ae._neighbor_graph.short_cuts import torn_edges
from sklearn_ae.metrics import geodesic_correlation

# Ten steps make no map.
pytestmark = pytest.mark.filterwarnings("ignore:The map may be creased")


def turned(X, n_features, rng):
    return X @ np.linalg.qr(rng.normal(size=(n_features, X.shape[1])))[0].T


def circle(rng, n_samples=600):
    angle = rng.uniform(0, 2 * np.pi, n_samples)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def ring_in_20_dimensions(rng):
    clean = turned(5 * circle(rng, 1000), 20, rng)
    return clean + 0.05 * rng.normal(size=clean.shape), clean


def noisy_ring(rng):
    clean = turned(circle(rng, 1000), 3, rng)
    return clean + 0.02 * rng.normal(size=clean.shape), clean


def star(rng):
    angle = rng.uniform(0, 2 * np.pi, 800)
    radius = 1 + 0.5 * np.cos(5 * angle)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def figure_of_eight(rng):
    angle = rng.uniform(0, 2 * np.pi, 800)
    return np.column_stack([np.sin(angle), np.sin(angle) * np.cos(angle)])


def trefoil(rng):
    t = rng.uniform(0, 2 * np.pi, 800)
    return np.column_stack(
        [np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)]
    )


def annulus(rng, inner=0.5):
    radius = np.sqrt(rng.uniform(inner**2, 1, (1000, 1)))
    return radius * circle(rng, 1000)


def thin_annulus(rng):
    return annulus(rng, 0.9)


def cylinder(rng):
    return np.column_stack([circle(rng, 800), rng.uniform(0, 2, 800)])


def moebius_strip(rng):
    a, s = rng.uniform([0, -0.4], [2 * np.pi, 0.4], (800, 2)).T
    radius = 1 + s * np.cos(a / 2)
    return np.column_stack([radius * np.cos(a), radius * np.sin(a), s * np.sin(a / 2)])


def torus(rng, tube=0.4):
    a, b = rng.uniform(0, 2 * np.pi, (2, 1000))
    radius = 1 + tube * np.cos(b)
    return np.column_stack([radius * np.cos(a), radius * np.sin(a), tube * np.sin(b)])


def thin_torus(rng):
    return torus(rng, 0.1)


def sphere(rng):
    X = rng.normal(size=(800, 3))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


SHAPES = [
    circle,
    ring_in_20_dimensions,
    noisy_ring,
    star,
    figure_of_eight,
    trefoil,
    annulus,
    thin_annulus,
    cylinder,
    moebius_strip,
    torus,
    thin_torus,
    sphere,
]


def points_of(shape, seed):
    """Points in the order of `np.unique`, and where they would be without noise."""
    made = shape(np.random.default_rng(seed))
    X, clean = made if isinstance(made, tuple) else (made, made)
    order = np.lexsort(X.T[::-1])
    return X[order], clean[order]


def geodesics_of(X, n_components=2, seed=0):
    search = NeighborSearch(X, CANDIDATES[0])
    return landmark_geodesics(X, search, "auto", 64, seed, n_components)


def largest_detour(clean, geodesics):
    """How many times as far as straight the way between points is that are near each other."""
    straight = cdist(clean, clean[geodesics.landmarks])
    near = (straight > 0.05 * straight.max()) & (straight < 0.12 * straight.max())
    return (geodesics.distances[near] / straight[near]).max()


# Whatever the seed, a shape holds together, and is told to be no flat one


@pytest.mark.parametrize("shape", SHAPES)
def test_closed_shape_is_not_torn_open_and_its_distances_are_known_not_to_be_flat(shape):
    for seed in range(5):
        X, clean = points_of(shape, seed)
        geodesics = geodesics_of(X, seed=seed)
        assert largest_detour(clean, geodesics) < 3
        assert geodesics.n_parts == 1
        assert geodesics.residual_variance(2) > CURVED


def test_ring_is_not_torn_open_for_a_map_of_one_component_either():
    for seed in range(5):
        X, clean = points_of(ring_in_20_dimensions, seed)
        geodesics = geodesics_of(X, n_components=1)
        assert largest_detour(clean, geodesics) < 3
        assert geodesics.residual_variance(1) > 0.4


@pytest.mark.parametrize("n_samples", [300, 600, 2000])
def test_perfect_map_of_a_circle_has_a_geodesic_correlation_of_one(n_samples):
    for seed in range(3):
        X = circle(np.random.default_rng(seed), n_samples)
        assert geodesic_correlation(X, X, "auto") == pytest.approx(1, abs=1e-3)


def test_perfect_map_of_a_noisy_ring_has_a_geodesic_correlation_of_nearly_one():
    X, clean = ring_in_20_dimensions(np.random.default_rng(0))
    assert geodesic_correlation(X, clean, "auto") > 0.999


def test_map_of_a_ring_is_a_ring_and_comes_with_a_warning():
    X, clean = ring_in_20_dimensions(np.random.default_rng(0))
    estimator = GeodesicAutoencoder(max_steps=300, random_state=0)
    with pytest.warns(UserWarning, match="the data lies on a curved or closed surface"):
        estimator.fit(X)
    codes = estimator.transform(X)
    near = cdist(clean, clean) < 0.5
    assert cdist(codes, codes)[near].max() < 3
    assert estimator.n_connected_components_ == 1


# Which edges hold a surface together


def graph_of(X, n_neighbors):
    return neighborhood_graph(X, *NeighborSearch(X, n_neighbors).among())[0]


def without(graph, is_lost):
    """Return a graph without the edges of which a function of start and end says so."""
    starts, ends = graph.nonzero()
    kept = ~is_lost(starts, ends)
    data = np.asarray(graph[starts, ends]).ravel()
    return csr_array((data[kept], (starts[kept], ends[kept])), shape=graph.shape)


def test_edges_across_the_gap_of_a_ring_are_missed():
    angle = np.linspace(0, 2 * np.pi, 200, endpoint=False)
    X = np.column_stack([np.cos(angle), np.sin(angle), np.zeros(200)])
    dense = graph_of(X, 12)
    sparse = without(dense, lambda i, j: np.abs(i - j) > 100)  # between the last and the first
    torn = torn_edges(dense, landmark_distances(sparse, 10, 0)[1], X, 2)
    assert ((sparse + torn) != dense).nnz == 0


def two_sheets(gap):
    flat = np.random.RandomState(0).uniform(size=(600, 2)) * [4, 2]
    return np.column_stack([flat, np.repeat([0, gap], 300)])


def test_edges_from_one_sheet_to_another_are_not_missed():
    X = two_sheets(gap=0.3)
    dense = graph_of(X, 18)
    between = dense[:300, 300:].nnz
    assert between > 0
    sparse = without(dense, lambda i, j: (i < 300) != (j < 300)).tolil()
    sparse[0, 300] = sparse[300, 0] = 3.0  # one sheet, bent far away
    _, distances = landmark_distances(sparse.tocsr(), 10, 0)
    assert torn_edges(dense, distances, X, 2) is None


def test_edges_that_save_little_are_not_missed():
    X = two_sheets(gap=0.3)[:300]
    _, distances = landmark_distances(graph_of(X, 12), 10, 0)
    assert torn_edges(graph_of(X, 18), distances, X, 2) is None


# Why distances are not flat


def noisy_roll():
    return make_swiss_roll(2000, noise=1.0, random_state=0)[0]


def ball():
    return np.random.RandomState(0).normal(size=(1000, 3))


CAUSES = [
    (lambda: load_digits().data, r"Neighbours lie in about \d+ directions.*target=TSNE\(\)"),
    (lambda: sphere(np.random.default_rng(0)), "the data lies on a curved or closed surface"),
    (lambda: trefoil(np.random.default_rng(0)), "the data lies on a curved or closed surface"),
    (noisy_roll, r"it seems that the graph of \d+ nearest neighbours has short cuts"),
    (ball, r"The data needs more components: n_components=3 leaves 0\.0"),
]


@pytest.mark.parametrize(
    ("make", "cause"), CAUSES, ids=["digits", "sphere", "trefoil", "noisy roll", "ball"]
)
def test_warning_names_the_cause_of_the_residual_variance(make, cause):
    estimator = GeodesicAutoencoder(max_steps=10, hidden_layer_sizes=(16,), random_state=0)
    with pytest.warns(UserWarning, match=cause):
        estimator.fit(make())


@pytest.mark.parametrize(
    ("unsettled", "directions", "cause"),
    [
        (np.nan, 2.0, "Either the graph of 9 .* or the data lies on .* or it needs more"),
        (np.nan, 8.0, "about 8 directions"),
        (0.3, 8.0, "about 8 directions"),
        (0.3, 2.0, "With half the neighbours 0.30 of their variance is another"),
        (0.001, 8.0, "With half the neighbours the distances are the same"),
        (0.001, np.nan, "With half the neighbours the distances are the same"),
    ],
)
def test_cause_is_what_the_graphs_tell(unsettled, directions, cause):
    residuals = np.array([0.5, 0.2, 0.1, 0.1, 0.1])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = cause_of_residual(residuals, 2, 9, unsettled, directions)
    assert re.search(cause, text)

import numpy as np
import pytest
from scipy.sparse.csgraph import minimum_spanning_tree, shortest_path
from scipy.spatial.distance import cdist
from scipy.stats import pearsonr
from sklearn.datasets import make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.manifold import Isomap
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from sklearn_ae._geodesics import (
    CANDIDATES,
    NeighborSearch,
    distances_through,
    landmark_distances,
    landmark_geodesics,
    landmark_mds,
    neighborhood_graph,
    unexplained,
)

METRICS = {
    "euclidean": "euclidean",
    "manhattan": "cityblock",
    "cosine": "cosine",
    lambda a, b: np.abs(a - b).max(): "chebyshev",
}


def table(n_samples=60, n_features=3, seed=0):
    return np.random.RandomState(seed).normal(size=(n_samples, n_features))


def roll(n_samples=300, noise=0.0, seed=0):
    return make_swiss_roll(n_samples, noise=noise, random_state=seed)[0]


def circle(n_samples):
    angle = np.linspace(0, 2 * np.pi, n_samples, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)])


def sphere(n_samples=1000):
    X = table(n_samples)
    return X / np.linalg.norm(X, axis=1, keepdims=True)


def geodesics_of(X, n_neighbors=10, n_landmarks=64, seed=0, metric="euclidean", n_components=2):
    most = CANDIDATES[0] if n_neighbors == "auto" else n_neighbors
    search = NeighborSearch(X, most, metric)
    return landmark_geodesics(X, search, n_neighbors, n_landmarks, seed, n_components, metric)


def graph_of(X, n_neighbors=5, metric="euclidean"):
    return neighborhood_graph(X, *NeighborSearch(X, n_neighbors, metric).among(), metric)


def assert_equal_up_to_sign(codes, expected):
    signs = np.sign((codes * expected).sum(axis=0))
    np.testing.assert_allclose(codes * signs, expected, atol=1e-6 * np.abs(expected).max())


# --- distances that are known


def test_distances_on_a_line_are_straight():
    X = np.sort(np.random.RandomState(0).uniform(size=(40, 1)), axis=0) * [3, 4]
    geodesics = geodesics_of(X, 2, 40)
    np.testing.assert_allclose(geodesics.distances, cdist(X, X[geodesics.landmarks]))


@pytest.mark.parametrize("n_samples", [7, 100])
def test_distances_on_a_circle_are_those_along_the_polygon(n_samples):
    geodesics = geodesics_of(circle(n_samples), 2, n_samples)
    steps = np.abs(np.arange(n_samples)[:, None] - geodesics.landmarks)
    arcs = np.minimum(steps, n_samples - steps) * 2 * np.sin(np.pi / n_samples)
    np.testing.assert_allclose(geodesics.distances, arcs, atol=1e-12)


def test_distances_on_the_swiss_roll_come_close_to_those_of_its_true_coordinates():
    X, t = make_swiss_roll(2000, noise=0, random_state=0)
    flat = np.column_stack([(t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2, X[:, 1]])
    geodesics = geodesics_of(X)
    straight = cdist(flat, flat[geodesics.landmarks])
    far = straight > 10
    assert np.median(geodesics.distances[far] / straight[far]) == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("metric", METRICS, ids=METRICS.values())
def test_over_the_graph_of_all_neighbors_distances_are_shortest_paths(metric):
    X = table(40)
    geodesics = geodesics_of(X, 39, 40, metric=metric)
    expected = shortest_path(cdist(X, X, METRICS[metric]), directed=False)
    np.testing.assert_allclose(geodesics.distances, expected[:, geodesics.landmarks], atol=1e-12)


@pytest.mark.parametrize("n_neighbors", [4, 10])
def test_distances_are_those_of_isomap(n_neighbors):
    X = roll()
    geodesics = geodesics_of(X, n_neighbors, 20)
    expected = Isomap(n_neighbors=n_neighbors).fit(X).dist_matrix_
    np.testing.assert_allclose(geodesics.distances, expected[:, geodesics.landmarks])
    np.testing.assert_array_equal(
        geodesics.between_landmarks, geodesics.distances[geodesics.landmarks]
    )


# --- the graph


def test_graph_is_symmetric_and_holds_the_neighbors_of_each_point():
    X = table()
    graph, n_parts = graph_of(X, 6)
    directed = kneighbors_graph(X, 6, mode="distance")
    assert n_parts == 1
    np.testing.assert_allclose(graph.toarray(), directed.maximum(directed.T).toarray())


@pytest.mark.parametrize("metric", METRICS, ids=METRICS.values())
def test_two_clusters_are_joined_by_their_closest_pair(metric):
    X = np.vstack([table(), table(seed=1)])
    X[:60, 0] += 20
    X[60:, 1] += 20
    graph, n_parts = graph_of(X, metric=metric)
    assert n_parts == 2
    starts, ends = np.nonzero(graph.toarray()[:60, 60:])
    between = cdist(X[:60], X[60:], METRICS[metric])
    assert list(zip(starts, ends, strict=True)) == [
        np.unravel_index(between.argmin(), between.shape)
    ]
    assert graph[starts[0], 60 + ends[0]] == pytest.approx(between.min())


def test_many_parts_are_joined_by_their_shortest_spanning_tree():
    n_parts, size = 50, 12
    centres = 1000 * table(n_parts, 2)
    X = np.vstack([centre + table(size, 2, seed=i) for i, centre in enumerate(centres)])
    part = np.repeat(np.arange(n_parts), size)
    graph, n_found = graph_of(X, 7)
    assert n_found == n_parts
    between = cdist(X, X).reshape(n_parts, size, n_parts, size).min(axis=(1, 3))
    expected = minimum_spanning_tree(between)
    starts, ends = graph.nonzero()
    links = part[starts] < part[ends]
    found = {*zip(part[starts[links]], part[ends[links]], strict=True)}
    assert found == {(min(i, j), max(i, j)) for i, j in zip(*expected.nonzero(), strict=True)}
    assert graph[starts[links], ends[links]].sum() == pytest.approx(expected.sum())
    assert np.isfinite(geodesics_of(X, 7, 10).distances).all()


@pytest.mark.parametrize("n_points", [2, 3, 5])
def test_fewer_points_than_neighbors_are_all_neighbors(n_points):
    X = table(n_points)
    geodesics = geodesics_of(X)
    assert geodesics.n_neighbors == n_points - 1
    assert geodesics.n_parts == 1
    assert sorted(geodesics.landmarks) == list(range(n_points))
    np.testing.assert_allclose(geodesics.distances, cdist(X, X[geodesics.landmarks]), atol=1e-12)


def test_one_point_is_its_own_landmark():
    geodesics = geodesics_of(table(1))
    np.testing.assert_array_equal(geodesics.landmarks, [0])
    np.testing.assert_array_equal(geodesics.distances, [[0]])
    assert geodesics.residual_variance(2) == 0


@pytest.mark.parametrize("n_neighbors", [2, 5])
def test_different_points_without_distance_are_joined(n_neighbors):
    directions = table(12)  # the cosine distance of a point and its multiples is 0
    X = np.vstack([directions * factor for factor in (1, 2, 4, 8)])
    distances = geodesics_of(X, n_neighbors, metric="cosine").distances
    np.testing.assert_allclose(distances[:12], distances[12:24], atol=1e-12)
    assert np.isfinite(distances).all()


def test_points_so_close_that_their_distance_rounds_to_zero_are_joined():
    centres = 1e6 + 1000 * table(5, 20)
    X = np.unique(np.vstack([centres + 1e-9 * i for i in range(12)]), axis=0)
    assert len(X) == 60
    assert np.isfinite(geodesics_of(X, 2).distances).all()


# --- landmarks


def test_distances_of_landmarks_are_shortest_paths_over_the_graph():
    graph, _ = graph_of(table())
    landmarks, distances = landmark_distances(graph, 7, seed=0)
    expected = shortest_path(graph, directed=False)
    assert distances.shape == (60, 7)
    np.testing.assert_allclose(distances, expected[:, landmarks])


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_each_landmark_is_the_point_farthest_from_those_before(seed):
    graph, _ = graph_of(table())
    landmarks, distances = landmark_distances(graph, 10, seed)
    for i in range(1, 10):
        nearest = distances[:, :i].min(axis=1)
        assert nearest[landmarks[i]] == nearest.max()


@pytest.mark.parametrize("seed", range(5))
def test_first_landmark_is_on_the_rim(seed):
    graph, _ = graph_of(np.arange(30.0)[:, None], 2)
    landmarks, _ = landmark_distances(graph, 2, seed)
    assert sorted(landmarks) == [0, 29]


def test_landmarks_are_all_different_and_at_most_all_points():
    landmarks, distances = landmark_distances(graph_of(table(20))[0], 64, seed=0)
    assert sorted(landmarks) == list(range(20))
    assert distances.shape == (20, 20)


# --- multidimensional scaling


@pytest.mark.parametrize("n_landmarks", [4, 10, 60])
def test_landmark_mds_of_straight_distances_recovers_the_points(n_landmarks):
    X = table()
    distances = cdist(X, X[:n_landmarks])
    codes = landmark_mds(distances[:n_landmarks], distances, 3)
    np.testing.assert_allclose(cdist(codes, codes), cdist(X, X), atol=1e-9)


def test_landmark_mds_of_all_straight_distances_is_pca():
    X = table()
    distances = cdist(X, X)
    codes = landmark_mds(distances, distances, 2)
    assert_equal_up_to_sign(codes, PCA(2).fit_transform(X))


@pytest.mark.parametrize("n_landmarks", [2, 3, 10])
def test_landmark_mds_gives_zeros_in_dimensions_that_the_distances_do_not_span(n_landmarks):
    X = table()
    distances = cdist(X, X[:n_landmarks])
    codes = landmark_mds(distances[:n_landmarks], distances, 5)
    n_spanned = min(n_landmarks - 1, 3)
    assert codes.shape == (60, 5)
    assert (codes[:, n_spanned:] == 0).all()
    assert (codes[:, :n_spanned] != 0).all()


def test_landmark_mds_of_no_distance_is_zero():
    np.testing.assert_array_equal(landmark_mds(np.zeros((1, 1)), np.zeros((4, 1)), 2), 0)


def test_landmark_mds_with_all_points_for_landmarks_is_isomap():
    X = roll()
    geodesics = geodesics_of(X, 8, len(X))
    codes = landmark_mds(geodesics.between_landmarks, geodesics.distances, 2)
    assert_equal_up_to_sign(codes, Isomap(n_neighbors=8).fit_transform(X))


# --- further rows


def test_distances_of_the_points_themselves_are_their_own():
    X = roll()
    search = NeighborSearch(X, 10)
    distances = geodesics_of(X).distances
    found = distances_through(search, distances, X)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, distances, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("rows_at_a_time", [30, 1000])
def test_distances_of_further_rows_lead_over_their_nearest_points(rows_at_a_time, monkeypatch):
    monkeypatch.setattr("sklearn_ae._geodesics.ROWS_AT_A_TIME", rows_at_a_time)
    X, new = roll(), roll(100, seed=1)
    distances = geodesics_of(X, 6).distances
    steps, points = NearestNeighbors(n_neighbors=6).fit(X).kneighbors(new)
    expected = (steps[:, :, None] + distances[points]).min(axis=1)
    found = distances_through(NeighborSearch(X, 6), distances, new)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_coordinates_of_further_rows_are_those_of_isomap():
    X, new = roll(), roll(100, seed=1)
    isomap = Isomap(n_neighbors=6).fit(X)
    geodesics = geodesics_of(X, 6, len(X))
    through = distances_through(NeighborSearch(X, 6), geodesics.distances, new)
    codes = landmark_mds(geodesics.between_landmarks, through.astype(float), 2)
    expected = isomap.transform(new)
    signs = np.sign((codes * expected).sum(axis=0))
    np.testing.assert_allclose(codes * signs, expected, atol=1e-4 * np.abs(expected).max())


def test_a_search_excludes_a_point_from_its_own_neighbors_but_not_from_those_of_further_rows():
    X = table()
    search = NeighborSearch(X, 4)
    distances, positions = search.among()
    expected = np.sort(cdist(X, X), axis=1)
    np.testing.assert_allclose(distances, expected[:, 1:5])
    assert (positions != np.arange(60)[:, None]).all()
    distances, positions = search.of(X)
    np.testing.assert_allclose(distances, expected[:, :4], atol=1e-12)
    np.testing.assert_array_equal(positions[:, 0], np.arange(60))


# --- how flat the distances are


def test_distances_on_a_flat_sheet_need_two_dimensions():
    sheet = np.random.RandomState(0).uniform(size=(1000, 2))
    turned = sheet @ np.linalg.qr(table(3))[0][:2]
    geodesics = geodesics_of(turned)
    assert geodesics.residual_variance(1) > 0.3
    assert geodesics.residual_variance(2) < 0.003


def test_distances_on_a_sphere_are_not_flat():
    geodesics = geodesics_of(sphere())
    assert geodesics.residual_variance(2) > 0.2
    assert geodesics.residual_variance(3) < 0.05


def test_residual_variance_is_that_of_the_coordinates():
    geodesics = geodesics_of(roll())
    codes = landmark_mds(geodesics.between_landmarks, geodesics.distances, 2)
    in_codes = cdist(codes, codes[geodesics.landmarks])
    r = pearsonr(geodesics.distances.ravel(), in_codes.ravel()).statistic
    assert geodesics.residual_variance(2) == pytest.approx(1 - r**2)


def test_unexplained_variance_is_one_minus_the_square_of_the_correlation():
    a, b = table(50, 2), table(50, 2, seed=1)
    expected = 1 - pearsonr(a.ravel(), b.ravel()).statistic ** 2
    assert unexplained(a, b) == pytest.approx(expected)
    assert unexplained(a, 3 - 2 * a) == pytest.approx(0, abs=1e-12)
    assert unexplained(a, np.ones_like(a)) == 1
    assert unexplained(np.ones_like(a), b) == 0


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_auto_takes_fewer_neighbors_where_ten_have_short_cuts(seed):
    X = roll(1000, noise=0.5, seed=seed)
    assert geodesics_of(X).residual_variance(2) > 0.02
    geodesics = geodesics_of(X, "auto")
    assert geodesics.n_neighbors < 10
    assert geodesics.residual_variance(2) < 0.005


@pytest.mark.parametrize("X", [roll(1000), sphere()], ids=["flat", "never_flat"])
def test_auto_takes_ten_neighbors_where_fewer_are_no_flatter(X):
    geodesics, expected = geodesics_of(X, "auto"), geodesics_of(X)
    assert geodesics.n_neighbors == 10
    np.testing.assert_array_equal(geodesics.distances, expected.distances)


# --- what stays as it was


@pytest.mark.parametrize("n_neighbors", [10, "auto"])
def test_same_seed_gives_the_same_distances_and_another_seed_other_landmarks(n_neighbors):
    X = circle(300)  # whose rim is everywhere
    first, again, other = (geodesics_of(X, n_neighbors, 5, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.landmarks, again.landmarks)
    np.testing.assert_array_equal(first.distances, again.distances)
    assert {*first.landmarks} != {*other.landmarks}


@pytest.mark.parametrize("n_neighbors", [3, "auto"])
def test_neither_the_points_nor_the_global_random_state_are_written_to(n_neighbors):
    X = np.vstack([table(), table() + 20])
    new = table(seed=1)
    X.flags.writeable = new.flags.writeable = False
    before = np.random.get_state()[1].copy()
    geodesics = geodesics_of(X, n_neighbors)
    geodesics.distances.flags.writeable = False
    distances_through(NeighborSearch(X, 3), geodesics.distances, new)
    geodesics.residual_variance(2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_float32_points_have_nearly_the_same_distances():
    X = roll().astype(np.float32)
    geodesics, expected = geodesics_of(X), geodesics_of(X.astype(float))
    np.testing.assert_array_equal(geodesics.landmarks, expected.landmarks)
    np.testing.assert_allclose(geodesics.distances, expected.distances, rtol=1e-5, atol=1e-5)

import re

import numpy as np
import pytest
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree, shortest_path
from scipy.spatial.distance import cdist
from scipy.stats import pearsonr
from sklearn.datasets import make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.manifold import Isomap
from sklearn.neighbors import NearestNeighbors, kneighbors_graph

from sklearn_ae._neighbor_graph import (
    CANDIDATES,
    NeighborSearch,
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
from sklearn_ae._neighbor_graph.short_cuts import DETOUR, FEW, without_short_cuts

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


def sheet(n_samples=1000, seed=0):
    """Points on a flat sheet of 2 by 1 in space."""
    flat = np.random.RandomState(seed).uniform(size=(n_samples, 2)) * [2, 1]
    return flat @ np.linalg.qr(table(3))[0][:2]


def geodesics_of(X, n_neighbors=10, n_landmarks=64, seed=0, metric="euclidean", n_components=2):
    most = CANDIDATES[0] if n_neighbors == "auto" else n_neighbors
    search = NeighborSearch(X, most, metric)
    return landmark_geodesics(X, search, n_neighbors, n_landmarks, seed, n_components)


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


# --- metrics that need more than a name


WIDE = table(50) @ [[4, 1, 0], [0, 1, 0.5], [0, 0, 0.2]]
COVARIANCE = np.cov(WIDE.T)
INVERSE = np.linalg.inv(COVARIANCE)
LIKE = {
    "seuclidean": ("seuclidean", {"V": WIDE.var(axis=0)}, WIDE / WIDE.std(axis=0), 2),
    "VI": ("mahalanobis", {"VI": INVERSE}, WIDE @ np.linalg.cholesky(INVERSE), 2),
    "V": ("mahalanobis", {"V": COVARIANCE}, WIDE @ np.linalg.cholesky(INVERSE), 2),
    "minkowski": ("minkowski", {"p": 1}, WIDE, 1),
    "p": ("p", {"p": 3, "w": np.array([1.0, 8.0, 27.0])}, WIDE * [1, 2, 3], 3),
    "own": (lambda a, b, factor: factor * np.abs(a - b).sum(), {"factor": 2}, 2 * WIDE, 1),
}


@pytest.mark.parametrize("n_neighbors", [1, 6, "auto"])  # of one neighbour each there are parts
@pytest.mark.parametrize(("metric", "params", "scaled", "p"), LIKE.values(), ids=LIKE)
def test_distances_by_a_metric_with_arguments_are_those_of_data_that_are_scaled(
    metric, params, scaled, p, n_neighbors
):
    found, expected = (
        landmark_geodesics(search.X, search, n_neighbors, 20, 0, 2)
        for search in (
            NeighborSearch(WIDE, 18, metric, metric_params=params),
            NeighborSearch(scaled, 18, "minkowski", metric_params={"p": p}),
        )
    )
    np.testing.assert_array_equal(found.landmarks, expected.landmarks)
    np.testing.assert_allclose(found.distances, expected.distances)


NOT_A_METRIC = {
    "no V": ("seuclidean", None, r'Give metric_params=\{"V": the variance of each feature\}'),
    "no VI": ("mahalanobis", {}, r'Give metric_params=\{"VI": the inverse of the covariance'),
    "short V": ("seuclidean", {"V": [1.0]}, "rows of 3 features"),
    "short VI": ("mahalanobis", {"VI": np.eye(2)}, "rows of 3 features"),
    "singular V": ("mahalanobis", {"V": np.zeros((3, 3))}, "Singular matrix"),
    "not an argument": ("euclidean", {"q": 1}, "unexpected keyword argument 'q'"),
    "no name": ("bogus", None, "rows of 3 features"),
    "negative VI": ("mahalanobis", {"VI": -np.eye(3)}, "negative or not finite"),
    "negative": (lambda a, b: -1.0, None, "negative or not finite"),
    "not finite": ("correlation", None, "negative or not finite"),  # of rows of equal values
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in sqrt")
@pytest.mark.parametrize(("metric", "params", "message"), NOT_A_METRIC.values(), ids=NOT_A_METRIC)
def test_what_is_no_metric_is_refused_by_name_and_arguments(metric, params, message):
    names = f"metric={re.escape(repr(metric))} with metric_params={re.escape(repr(params))}"
    with pytest.raises(ValueError, match=f"(?s){names} .*{message}"):
        NeighborSearch(np.unique(table().round(), axis=0), 5, metric, 0, params).among()


# --- scale


@pytest.mark.parametrize("exponent", [-490, -120, 120, 500])
def test_distances_scale_with_the_data(exponent):
    factor = 2.0**exponent
    X = roll()
    geodesics, scaled = (geodesics_of(data, "auto") for data in (X, factor * X))
    np.testing.assert_array_equal(scaled.landmarks, geodesics.landmarks)
    np.testing.assert_array_equal(scaled.distances, factor * geodesics.distances)
    assert scaled.residual_variance(2) == pytest.approx(geodesics.residual_variance(2))


@pytest.mark.parametrize(
    ("factor", "dtype"),
    [(1e-300, float), (5e-324, float), (1e160, float), (1e-30, np.float32), (1e25, np.float32)],
)
def test_data_whose_distances_cannot_be_squared_are_refused(factor, dtype):
    X = (factor * table()).astype(dtype)
    for some in (X, np.column_stack([X, np.ones(60, dtype=dtype)])) if factor < 1 else (X,):
        with pytest.raises(ValueError, match=r"variance of X, .* squared, is out of the range"):
            NeighborSearch(some, 5)


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
    monkeypatch.setattr("sklearn_ae._neighbor_graph.geodesics.ROWS_AT_A_TIME", rows_at_a_time)
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
    geodesics = geodesics_of(sheet())
    assert geodesics.residual_variance(1) > 0.05
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
    assert unexplained(1e-200 * a, 1e200 * b) == pytest.approx(expected)
    assert unexplained(0.1 * np.ones(7), b[:7, 0]) == 0


@pytest.mark.parametrize("n_dimensions", [1, 2, 3])
def test_local_dimension_is_that_of_a_cube(n_dimensions):
    X = np.random.RandomState(0).uniform(size=(2000, n_dimensions)) @ table(n_dimensions, 8)
    distances, _ = NeighborSearch(X, 18).among()
    assert local_dimension(distances) == pytest.approx(n_dimensions, rel=0.15)


@pytest.mark.parametrize("distances", [np.ones((5, 2)), np.ones((5, 9)), np.zeros((5, 9))])
def test_local_dimension_of_too_few_or_equal_distances_is_not_known(distances):
    assert np.isnan(local_dimension(distances))


def test_distances_over_graphs_that_differ_little_disagree_little():
    X = sheet()
    dense, sparse = geodesics_of(X, 18), geodesics_of(X, 8)
    assert 0 < disagreement(dense, sparse) < 0.01
    assert disagreement(dense, dense) == pytest.approx(0)


def test_distances_over_graphs_with_and_without_short_cuts_disagree():
    X = roll(1000, noise=0.5)
    assert disagreement(geodesics_of(X, 18), geodesics_of(X, "auto")) > 0.2


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_auto_takes_fewer_neighbors_where_ten_have_short_cuts(seed):
    X = roll(1000, noise=0.5, seed=seed)
    assert geodesics_of(X).residual_variance(2) > 0.02
    geodesics = geodesics_of(X, "auto")
    assert geodesics.n_neighbors < 10
    assert geodesics.residual_variance(2) < 0.005


@pytest.mark.parametrize("X", [sheet(), sphere()], ids=["flat", "never_flat"])
def test_auto_takes_most_neighbors_where_fewer_are_no_flatter(X):
    geodesics, expected = geodesics_of(X, "auto"), geodesics_of(X, CANDIDATES[0])
    assert geodesics.n_neighbors == CANDIDATES[0] == 18
    assert geodesics.n_cut == 0
    np.testing.assert_array_equal(geodesics.distances, expected.distances)


# --- short cuts


def with_short_cuts(graph, pairs, length=0.01):
    graph = graph.tolil()
    for start, end in pairs:
        graph[start, end] = graph[end, start] = length
    return graph.tocsr()


def test_short_cuts_through_empty_space_are_taken_out_and_nothing_else():
    X = np.column_stack([np.arange(0, 20, 0.1), np.zeros(200)])
    graph, _ = graph_of(X, 6)
    shortened = with_short_cuts(graph, [(10, 100), (50, 190)], 1.0)
    sound, n_cut = without_short_cuts(shortened, max_common=1)
    assert n_cut == 2
    np.testing.assert_allclose(sound.toarray(), graph.toarray())


def test_edges_that_save_little_stay():
    X = np.column_stack([np.arange(0, 20, 0.1), np.zeros(200)])
    graph, _ = graph_of(X, 6)
    for length, n_expected in ((DETOUR * 0.9, 0), (1 / DETOUR, 0), (1 / DETOUR - 0.01, 1)):
        end = 10 if length < 1 else 150
        shortened = with_short_cuts(graph, [(0, end)], length)
        # Without the edge the way from 0 to 10 has the length 1.
        assert without_short_cuts(shortened, max_common=1)[1] == (n_expected if end == 10 else 1)


def test_edge_whose_ends_have_neighbors_in_common_stays():
    X = np.column_stack([np.arange(0, 20, 0.1), np.zeros(200)])
    graph, _ = graph_of(X, 6)
    pairs = [(10, 100), (10, 101), (11, 100), (11, 101)]
    shortened = with_short_cuts(graph, pairs, 1.0)
    assert without_short_cuts(shortened, max_common=4)[1] == 0


def test_only_link_between_two_parts_stays():
    X = np.vstack([sheet(200), sheet(200, seed=1)])
    X[200:, 0] += 50
    graph, n_parts = graph_of(X, 8)
    assert n_parts == 2
    sound, _ = without_short_cuts(graph, max_common=1)
    link, expected = sound[:200, 200:], graph[:200, 200:]
    assert link.nnz == 1
    assert (link != expected).nnz == 0


def test_graph_of_which_too_much_looks_like_short_cuts_is_left_as_it_is():
    graph, _ = graph_of(table(300, 10), 6)
    linked = graph.astype(bool).astype(int)
    edges = graph.nonzero()
    n_common = np.asarray((linked @ linked)[edges]).ravel()
    assert (n_common <= 1).mean() > FEW
    sound, n_cut = without_short_cuts(graph, max_common=1)
    assert n_cut == 0
    assert sound is graph


def test_graph_without_short_cuts_is_symmetric_and_connected():
    X = roll(1000, noise=0.5, seed=100)
    graph, _ = graph_of(X, 18)
    sound, n_cut = without_short_cuts(graph, max_common=6)
    assert n_cut > 0
    assert sound.nnz == graph.nnz - 2 * n_cut
    assert (sound != sound.T).nnz == 0
    assert connected_components(sound, directed=False)[0] == 1
    assert (sound > graph).nnz == 0


def test_auto_takes_short_cuts_out_where_no_number_of_neighbors_is_flat():
    X = roll(1000, noise=0.5, seed=100)
    geodesics = geodesics_of(X, "auto")
    assert geodesics.n_cut > 0
    assert geodesics.residual_variance(2) < 0.005
    for n_neighbors in CANDIDATES:
        fixed = geodesics_of(X, n_neighbors)
        assert fixed.n_cut == 0
        assert fixed.residual_variance(2) > 0.02


# --- how far points are from each other


@pytest.mark.parametrize("n_samples", [2, 3, 50, 1000])
def test_nearest_distance_is_the_median_distance_to_the_nearest_other_point(n_samples):
    X = table(n_samples)
    distances = np.sort(cdist(X, X), axis=1)[:, 1]
    assert nearest_distance(X) == pytest.approx(np.median(distances))


def test_nearest_distance_of_many_points_is_that_of_some():
    X = table(3000)
    distances = NearestNeighbors(n_neighbors=1).fit(X).kneighbors()[0]
    assert nearest_distance(X) == pytest.approx(np.median(distances), rel=0.05)


def test_nearest_distance_of_one_point_is_zero():
    assert nearest_distance(table(1)) == 0


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


# --- many points of many features, whose neighbours are found by pynndescent


@pytest.fixture(scope="module")
def many():
    """Points near a sheet in many dimensions, others near them, and two searches for them.

    Compiling the search takes a minute.
    """
    random_state = np.random.RandomState(0)
    directions = random_state.normal(size=(3, 16))
    X = random_state.normal(size=(3_001, 3)) @ directions
    X += 0.1 * random_state.normal(size=X.shape)
    new = X[:300] + 0.05 * random_state.normal(size=(300, 16))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            "sklearn_ae._neighbor_graph.search.SMALL", 3_000
        )  # as many as are searched exactly by default
        return X, new, [NeighborSearch(X, 10, seed=5) for _ in range(2)]


def recall(found, expected):
    return np.mean([np.isin(few, all_) for few, all_ in zip(found, expected, strict=True)])


def test_neighbors_among_many_points_are_nearly_the_exact_ones(many):
    X, new, (search, _) = many
    assert search.is_approximate
    exact = NearestNeighbors(n_neighbors=10).fit(X)
    for (distances, positions), (expected, nearest) in (
        (search.among(), exact.kneighbors()),
        (search.of(new), exact.kneighbors(new)),
    ):
        assert distances.shape == positions.shape == expected.shape
        assert recall(positions, nearest) > 0.98
        np.testing.assert_allclose(distances, expected, rtol=0.2)
    distances, positions = search.among()
    assert (positions != np.arange(len(X))[:, None]).all()
    np.testing.assert_allclose(
        distances[:50], np.linalg.norm(X[:50, None] - X[positions[:50]], axis=2), rtol=1e-5
    )


def test_fewer_neighbors_of_further_rows_can_be_asked_for(many):
    X, new, (search, _) = many
    distances, positions = search.of(new, 3)
    assert distances.shape == positions.shape == (300, 3)
    assert (np.diff(distances, axis=1) >= 0).all()
    assert recall(positions, NearestNeighbors(n_neighbors=3).fit(X).kneighbors(new)[1]) > 0.98


def test_points_themselves_are_their_own_nearest_points(many):
    X, _, (search, _) = many
    distances, positions = search.of(X[:300])
    np.testing.assert_array_equal(positions[:, 0], np.arange(300))
    np.testing.assert_allclose(distances[:, 0], 0, atol=1e-3)


def test_same_seed_finds_the_same_neighbors(many):
    _, new, searches = many
    for ask in (lambda search: search.among(), lambda search: search.of(new)):
        first, second = (ask(search) for search in searches)
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


def test_geodesic_distances_over_found_neighbors_are_nearly_those_over_exact_ones(many):
    X, new, (search, _) = many
    found = landmark_geodesics(X, search, 10, 8, seed=0, n_components=3)
    distances = distances_through(search, found.distances, new)
    graph, _ = neighborhood_graph(X, *NearestNeighbors(n_neighbors=10).fit(X).kneighbors())
    expected = shortest_path(graph, directed=False, indices=found.landmarks).T
    np.testing.assert_allclose(found.distances, expected, rtol=0.1)
    apart = expected > 0  # a landmark is at no distance from itself
    longer = found.distances[apart] / expected[apart]
    assert np.median(longer) == pytest.approx(1, abs=1e-3)
    nearest = NearestNeighbors(n_neighbors=10).fit(X).kneighbors(new)
    through = (nearest[0][:, :, None] + expected[nearest[1]]).min(axis=1)
    np.testing.assert_allclose(distances, through, rtol=0.1)


@pytest.mark.parametrize("shape", [(50_000, 16), (50_001, 15)])
def test_neighbors_of_fewer_points_or_in_fewer_dimensions_are_exact(shape):
    assert not NeighborSearch(np.random.RandomState(0).normal(size=shape), 5).is_approximate

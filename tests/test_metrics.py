import sys
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy.spatial import procrustes
from scipy.spatial.distance import cdist
from scipy.stats import pearsonr, spearmanr
from sklearn.datasets import load_wine, make_s_curve, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness

from sklearn_ae.metrics import (
    continuity,
    geodesic_correlation,
    intrinsic_dimension,
    neighborhood_preservation,
    procrustes_score,
    residual_variance,
)

METRICS = [
    continuity,
    geodesic_correlation,
    neighborhood_preservation,
    procrustes_score,
    residual_variance,
]
ALONG_THE_DATA = [geodesic_correlation, residual_variance]
OF_NEIGHBORS = [continuity, neighborhood_preservation]


def table(n_samples=60, n_features=3, seed=0):
    return np.random.RandomState(seed).normal(size=(n_samples, n_features))


def moved(X, seed=1):
    """Return X turned, reflected and shifted."""
    turn = np.linalg.qr(table(X.shape[1], X.shape[1], seed))[0]
    turn[0] *= -np.sign(np.linalg.det(turn))
    return X @ turn + 5


def roll(n_samples=1000):
    """Return a Swiss roll and its true flat coordinates."""
    X, t = make_swiss_roll(n_samples, noise=0, random_state=0)
    arc = (t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2
    return X, np.column_stack([arc, X[:, 1]])


def lattice(n=20):
    return np.stack(np.meshgrid(np.arange(n), np.arange(n)), axis=-1).reshape(-1, 2).astype(float)


def rotation(angle):
    return np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])


def circle(n_samples=40):
    angle = np.linspace(0, 2 * np.pi, n_samples, endpoint=False)
    return np.column_stack([np.cos(angle), np.sin(angle)])


# --- what every embedding of the same shape scores


@pytest.mark.parametrize("factor", [1e-3, 1.0, 1e3])
def test_a_similar_copy_scores_best(factor):
    X = table()
    Z = factor * moved(X)
    assert procrustes_score(X, Z) == pytest.approx(1)
    assert continuity(X, Z) == 1
    assert neighborhood_preservation(X, Z) == 1
    # The graph of all neighbours has the straight distances.
    for method in ("spearman", "pearson"):
        assert geodesic_correlation(X, Z, len(X) - 1, method=method) == pytest.approx(1)
    assert residual_variance(X, Z, len(X) - 1) == pytest.approx(0, abs=1e-12)


def test_an_embedding_of_random_points_scores_as_chance_does():
    X, n = roll()[0], 1000
    Z = table(n, 2)
    assert procrustes_score(X, Z) < 0.01
    for method in ("spearman", "pearson"):
        assert abs(geodesic_correlation(X, Z, method=method)) < 0.05
    assert residual_variance(X, Z) > 0.99
    assert neighborhood_preservation(X, Z) == pytest.approx(10 / n, abs=0.003)
    assert neighborhood_preservation(X, Z, adjusted=True) == pytest.approx(0, abs=0.003)
    assert continuity(X, Z) == pytest.approx(0.5, abs=0.01)


def test_true_coordinates_of_the_swiss_roll_keep_its_geodesics_and_those_of_pca_do_not():
    X, flat = roll()
    shadow = PCA(2).fit_transform(X)
    for method in ("spearman", "pearson"):
        assert geodesic_correlation(X, flat, method=method) > 0.998
        assert geodesic_correlation(X, shadow, method=method) < 0.4
    assert residual_variance(X, flat) < 0.002
    assert residual_variance(X, shadow) > 0.8
    assert procrustes_score(flat, shadow) < 0.15
    assert neighborhood_preservation(X, flat) > 0.99
    assert neighborhood_preservation(X, shadow) < 0.7


def test_continuity_does_not_see_that_a_roll_was_squashed():
    X = roll()[0]
    assert continuity(X, PCA(2).fit_transform(X)) > 0.99


# --- Procrustes


@pytest.mark.parametrize("n_components", [1, 3, 5])
def test_procrustes_score_is_one_minus_the_disparity_of_scipy(n_components):
    reference, Z = table(), table(n_features=n_components, seed=1)
    width = max(3, n_components)
    padded = [np.hstack([A, np.zeros((60, width - A.shape[1]))]) for A in (reference, Z)]
    score = procrustes_score(reference, Z)
    assert score == pytest.approx(1 - procrustes(*padded)[2])
    assert procrustes_score(Z, reference) == pytest.approx(score)


def test_procrustes_score_in_one_dimension_is_the_squared_correlation():
    a, b = table(n_features=1), table(n_features=1, seed=1)
    assert procrustes_score(a, a + b) == pytest.approx(pearsonr(a[:, 0], (a + b)[:, 0])[0] ** 2)


def test_procrustes_score_of_one_axis_is_its_share_of_the_variance():
    reference = np.array([[-3.0, 1.0], [-3.0, -1.0], [3.0, 1.0], [3.0, -1.0]])
    assert procrustes_score(reference, reference[:, :1]) == pytest.approx(0.9)


@pytest.mark.parametrize("which", ["reference", "Z"])
@pytest.mark.parametrize("value", [0.0, 0.1])
def test_procrustes_score_refuses_rows_that_are_all_the_same(which, value):
    tables = {"reference": table(), "Z": table()} | {which: np.full((60, 4), value)}
    message = rf"All rows of {which} are the same, \[{value:g}, .*\.\.\.\].* two different rows"
    with pytest.raises(ValueError, match=message):
        procrustes_score(**tables)


# --- distances along the data


def test_points_on_a_line_are_as_far_apart_as_the_steps_between_them():
    X = np.array([[0.0], [1.0], [3.0], [7.0]])
    Z = np.array([[0.0], [2.0], [1.0], [4.0]])
    in_X, in_Z = cdist(X, X).ravel(), cdist(Z, Z).ravel()
    for method, correlate in (("spearman", spearmanr), ("pearson", pearsonr)):
        expected = correlate(in_X, in_Z).statistic
        assert geodesic_correlation(X, Z, 1, 4, method) == pytest.approx(expected)


def test_distances_on_a_circle_are_arcs():
    X = circle()
    steps = np.abs(np.arange(40)[:, None] - np.arange(40))
    arcs = np.minimum(steps, 40 - steps)
    expected = pearsonr(arcs.ravel(), cdist(X, X).ravel()).statistic
    assert geodesic_correlation(X, X, 2, 40, "pearson") == pytest.approx(expected)
    # A chord grows with its arc, but rounding ranks those of the same length.
    assert geodesic_correlation(X, X, 2, 40) > 0.998


def test_a_circle_cut_open_is_torn_at_the_cut_only():
    X, Z = circle(), np.arange(40.0)[:, None]
    # Two rows have a neighbour at the other end, 39th nearest, instead of at rank two or less.
    assert continuity(X, Z, n_neighbors=2) == pytest.approx(1 - 2 * 2 * 37 / (40 * 2 * 73))
    assert neighborhood_preservation(X, Z, 2) == pytest.approx(1 - 2 / 80)


def test_residual_variance_is_one_minus_the_square_of_the_correlation():
    X = roll(300)[0]
    Z = PCA(2).fit_transform(X)
    r = geodesic_correlation(X, Z, 8, 20, "pearson", random_state=3)
    assert residual_variance(X, Z, 8, 20, random_state=3) == pytest.approx(1 - r**2)


def test_spearman_allows_any_monotonous_change_of_scale_and_pearson_does_not():
    arc = np.sort(np.random.RandomState(0).uniform(0, 3, size=(100, 1)), axis=0)
    bent = np.hstack([np.cos(arc), np.sin(arc)])  # chords grow with arcs, but ever more slowly
    assert geodesic_correlation(arc, bent) == pytest.approx(1)
    assert geodesic_correlation(arc, bent, method="pearson") < 0.995


@pytest.mark.parametrize("metric", ["manhattan", "cosine", lambda a, b: np.abs(a - b).max()])
def test_metric_is_that_of_the_data(metric):
    X = 1 + np.random.RandomState(0).uniform(size=(40, 3))
    Z = table(40, 2)
    name = "chebyshev" if callable(metric) else metric.replace("manhattan", "cityblock")
    in_X = cdist(X, X, name)
    nearest = in_X.argsort(axis=1)[:, 1:6]
    share = [
        len({*a, *b}) for a, b in zip(nearest, cdist(Z, Z).argsort(axis=1)[:, 1:6], strict=True)
    ]
    expected = np.mean([(10 - n_different) / 5 for n_different in share])
    assert neighborhood_preservation(X, Z, 5, metric=metric) == pytest.approx(expected)
    # Ranks in Z are Euclidean, and the neighbours in X are found with the metric.
    ranks = cdist(Z, Z).argsort(axis=1).argsort(axis=1)
    too_far = np.maximum(np.take_along_axis(ranks, nearest, axis=1) - 5, 0).sum()
    expected = 1 - too_far * 2 / (40 * 5 * (80 - 15 - 1))
    assert continuity(X, Z, metric=metric) == pytest.approx(expected)
    if metric != "cosine":  # whose detours are shorter than the straight way
        expected = spearmanr(in_X.ravel(), cdist(Z, Z).ravel()).statistic
        found = geodesic_correlation(X, Z, 39, 40, metric=metric)
        assert found == pytest.approx(expected)


@pytest.mark.parametrize("metric", ALONG_THE_DATA)
def test_repeated_rows_count_as_often_as_they_occur(metric):
    X, Z = table(), table(n_features=2, seed=1)
    rows = np.repeat(np.arange(60), np.random.RandomState(0).randint(1, 5, size=60))
    found = metric(X[rows], Z[rows], 59, 60)
    in_X = cdist(X, X)[rows].ravel()  # from landmarks, which are all the different rows
    in_Z = cdist(Z, Z)[rows].ravel()
    r2 = pearsonr(in_X, in_Z).statistic ** 2
    expected = 1 - r2 if metric is residual_variance else spearmanr(in_X, in_Z).statistic
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("metric", ALONG_THE_DATA)
def test_the_order_of_the_rows_does_not_matter(metric):
    X, Z = table(200), table(200, 2, seed=1)
    order = np.random.RandomState(0).permutation(200)
    assert metric(X[order], Z[order]) == pytest.approx(metric(X, Z), abs=1e-12)


@pytest.mark.parametrize("metric", ALONG_THE_DATA)
def test_parts_that_are_far_apart_are_joined(metric):
    X = np.vstack([table(), table() + 100])
    assert metric(X, X, 5) == pytest.approx(float(metric is geodesic_correlation), abs=0.1)


@pytest.mark.parametrize("metric", ALONG_THE_DATA)
def test_fewer_different_rows_than_neighbors_are_enough(metric):
    X = np.repeat([[0.0, 0.0], [1.0, 0.0], [5.0, 0.0]], 10, axis=0)
    assert metric(X, X) == pytest.approx(float(metric is geodesic_correlation))


def test_automatic_number_of_neighbors_is_eighteen_where_that_is_flat():
    X, _ = make_s_curve(1000, random_state=0)
    assert geodesic_correlation(X, X[:, :2], "auto") == geodesic_correlation(X, X[:, :2], 18)


def test_an_embedding_whose_rows_are_all_the_same_explains_nothing():
    X, Z = table(), np.ones((60, 2))
    assert residual_variance(X, Z) == 1
    with pytest.raises(ValueError, match=r"All distances in Z are 0: .*Pass Z with different rows"):
        geodesic_correlation(X, Z)


@pytest.mark.parametrize("metric", ALONG_THE_DATA)
def test_data_whose_rows_are_all_the_same_has_no_distances(metric):
    with pytest.raises(ValueError, match=r"All rows of X are the same, \[0\.1, 0\.1\]: .*Pass X"):
        metric(np.full((60, 2), 0.1), table())


def test_memory_is_not_that_of_all_pairs_of_rows():
    n = 20_000
    X = np.random.RandomState(0).uniform(size=(n, 2))
    tracemalloc.start()
    try:
        geodesic_correlation(X, X, n_landmarks=8)
        residual_variance(X, X, n_landmarks=8)
        neighborhood_preservation(X, X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < n * n * 8 / 50


def test_memory_of_continuity_is_not_that_of_all_pairs_of_rows(monkeypatch):
    monkeypatch.setattr("sklearn_ae.metrics._maps.N_DISTANCES", 20_000)
    X = np.random.RandomState(0).uniform(size=(2000, 2))
    tracemalloc.start()
    try:
        continuity(X, X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2000 * 2000 * 8 / 5


# --- neighbours


@pytest.mark.parametrize("n_neighbors", [1, 5, 40])
@pytest.mark.parametrize("n_distances", [1, 1000, 10_000_000])  # rows one by one, some, all
def test_continuity_is_trustworthiness_with_the_spaces_swapped(
    n_neighbors, n_distances, monkeypatch
):
    monkeypatch.setattr("sklearn_ae.metrics._maps.N_DISTANCES", n_distances)
    X = load_wine().data[:100]
    Z = PCA(2).fit_transform(X)
    expected = trustworthiness(Z, X, n_neighbors=n_neighbors)
    assert continuity(X, Z, n_neighbors=n_neighbors) == pytest.approx(expected, rel=1e-12)


def test_continuity_of_a_collapsed_embedding_is_that_of_chance():
    assert continuity(table(1000), np.ones((1000, 2))) == pytest.approx(0.5, abs=0.01)


def test_neighborhood_preservation_counts_the_neighbors_that_stay():
    X = np.array([[0.0], [1.0], [3.0], [7.0]])
    Z = np.array([[0.0], [9.0], [8.0], [1.0]])
    # Nearest are 1, 0, 1, 2 in X and 3, 2, 1, 0 in Z.
    assert neighborhood_preservation(X, Z, 1) == 1 / 4
    assert neighborhood_preservation(X, Z, 1, adjusted=True) == pytest.approx((1 / 4 - 1 / 3) * 1.5)
    assert neighborhood_preservation(X, Z, 3) == 1


def test_neighbors_of_repeated_rows_do_not_include_the_row_itself():
    X = np.repeat(table(20, 2), 2, axis=0)
    assert neighborhood_preservation(X, 3 * X, 1) == 1
    assert continuity(X, 3 * X, n_neighbors=1) > 0.95


# --- ties


@pytest.mark.parametrize("n_neighbors", [1, 5, 10, 30])
@pytest.mark.parametrize("score", OF_NEIGHBORS)
def test_a_lattice_and_its_rotation_have_the_same_neighbors(score, n_neighbors):
    X = lattice()
    Z = X @ rotation(0.3)
    assert score(X, Z, n_neighbors=n_neighbors) == pytest.approx(1, rel=1e-12)
    assert score(Z, X, n_neighbors=n_neighbors) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("n_neighbors", [1, 4, 5, 12])
@pytest.mark.parametrize("score", OF_NEIGHBORS)
def test_repeated_rows_and_their_rotation_have_the_same_neighbors(score, n_neighbors):
    X = np.repeat(table(40, 2), 5, axis=0)
    assert score(X, X @ rotation(0.3) + 7, n_neighbors=n_neighbors) == pytest.approx(1)


def test_a_neighbor_by_chance_counts_by_its_chance():
    X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    Z = np.array([[0.0], [1.0], [2.5], [4.5], [8.0]])
    # The nearest in Z are rows 1, 0, 1, 2, 3. In X the middle has four that are as near, of which
    # row 1 is one, and of the others the middle is the nearest.
    assert neighborhood_preservation(X, Z, 1) == pytest.approx((1 / 4 + 1) / 5)
    assert neighborhood_preservation(Z, X, 1) == neighborhood_preservation(X, Z, 1)


@pytest.mark.parametrize("score", OF_NEIGHBORS)
def test_ties_count_as_the_mean_over_ways_to_break_them(score):
    X, Z = np.round(table(80, 2)), table(80, 2, seed=1)
    rng = np.random.RandomState(0)
    broken = [score(X + 1e-4 * rng.normal(size=X.shape), Z) for _ in range(100)]
    assert score(X, Z) == pytest.approx(np.mean(broken), abs=4 * np.std(broken) / 10)


def test_rank_of_ties_in_the_embedding_is_the_mean_over_ways_to_break_them():
    X, Z = table(80, 2), np.round(table(80, 2, seed=1))
    rng = np.random.RandomState(0)
    broken = [continuity(X, Z + 1e-4 * rng.normal(size=Z.shape)) for _ in range(100)]
    assert continuity(X, Z) == pytest.approx(np.mean(broken), abs=4 * np.std(broken) / 10)


def test_the_order_of_the_rows_does_not_decide_ties():
    X, Z = lattice(), np.round(table(400, 2))
    order = np.random.RandomState(0).permutation(400)
    for score in OF_NEIGHBORS:
        assert score(X[order], Z[order]) == pytest.approx(score(X, Z), rel=1e-12)


@pytest.mark.parametrize("metric", ["manhattan", lambda a, b: np.abs(a - b).sum()])
def test_ties_are_those_of_the_metric(metric):
    X = lattice(8)
    others = np.abs(X[:, None] - X).sum(axis=2)
    nearest = (others == 1) / np.maximum((others == 1).sum(axis=1, keepdims=True), 1)
    line = np.arange(64.0)[:, None]  # the neighbours of a row are those beside it
    beside = np.abs(line - line.T) == 1
    beside = beside / beside.sum(axis=1, keepdims=True)
    expected = np.minimum(nearest, beside).sum() / 64
    assert neighborhood_preservation(X, line, 1, metric=metric) == pytest.approx(expected)


@pytest.mark.parametrize("method", ["two_nn", "mle"])
@pytest.mark.parametrize("X", [lattice(), np.round(3 * table(1000, 2))], ids=["lattice", "rounded"])
def test_dimension_of_rows_with_many_ties_warns(X, method):
    with pytest.warns(UserWarning, match=rf"\d\d% of the different rows .* method='{method}'"):
        intrinsic_dimension(X, method)


@pytest.mark.parametrize("method", ["two_nn", "mle"])
def test_noise_as_wide_as_the_steps_makes_up_for_rounding(method):
    noise = np.random.RandomState(0).uniform(-0.5, 0.5, size=(1000, 2))
    X = np.round(3 * table(1000, 2)) + noise
    assert intrinsic_dimension(X, method) == pytest.approx(2, abs=0.2)


def test_the_package_for_dimensions_does_not_silence_warnings(monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "skdim"]:
        monkeypatch.delitem(sys.modules, name)
    before = warnings.filters.copy()
    intrinsic_dimension(table())
    assert warnings.filters == before


def test_a_few_ties_do_not_warn_and_do_not_matter():
    X = table(1000, 2)
    assert intrinsic_dimension(np.round(X, 2)) == pytest.approx(intrinsic_dimension(X), rel=0.05)


# --- what goes in, and what stays as it was


@pytest.mark.parametrize("metric", METRICS)
def test_data_frames_lists_and_float32_score_as_arrays_do(metric):
    X, Z = (A.astype(np.float32).astype(float) for A in (table(), table(n_features=2, seed=1)))
    expected = metric(X, Z)
    assert isinstance(expected, float)
    frames = pd.DataFrame(X), pd.DataFrame(Z, columns=["a", "b"])
    assert metric(*frames) == pytest.approx(expected, rel=1e-12)
    assert metric(X.tolist(), Z.tolist()) == pytest.approx(expected, rel=1e-12)
    assert metric(X.astype(np.float32), Z.astype(np.float32)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("metric", METRICS)
def test_a_score_leaves_its_input_and_the_global_random_state_alone(metric):
    X, Z = table(), table(n_features=2, seed=1)
    X.flags.writeable = Z.flags.writeable = False
    before = np.random.get_state()[1].copy()
    metric(X, Z)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("metric", ALONG_THE_DATA)
def test_random_state_may_be_an_int_a_random_state_or_none(metric):
    X, Z = circle(300), table(300, 2, seed=1)
    seeded = metric(X, Z, n_landmarks=3, random_state=5)
    assert metric(X, Z, n_landmarks=3, random_state=5) == seeded
    assert metric(X, Z, n_landmarks=3, random_state=np.random.RandomState(5)) == seeded
    assert metric(X, Z, n_landmarks=3, random_state=6) != seeded
    assert isinstance(metric(X, Z, n_landmarks=3, random_state=None), float)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("metric", METRICS)
def test_missing_and_infinite_values_are_refused(metric, which, value):
    tables = [table(), table()]
    tables[which][3, 1] = value
    name = "Z" if which else "reference" if metric is procrustes_score else "X"
    with pytest.raises(ValueError, match=f"Input {name} contains "):
        metric(*tables)


@pytest.mark.parametrize("metric", METRICS)
def test_numbers_of_rows_must_agree(metric):
    with pytest.raises(ValueError, match=r"has 60 rows, but Z has 59. Pass the embedding of the"):
        metric(table(), table(59))


@pytest.mark.parametrize("metric", METRICS)
def test_a_single_row_is_not_enough(metric):
    with pytest.raises(ValueError, match=r"(1 rows of X.*pass more|at least two different) rows"):
        metric(table(1), table(1))


@pytest.mark.parametrize("metric", METRICS)
def test_a_single_column_needs_two_dimensions(metric):
    with pytest.raises(ValueError, match="Reshape your data"):
        metric(table(), np.arange(60.0))


@pytest.mark.parametrize(
    ("metric", "n_neighbors", "below"),
    [
        (continuity, 30, 30),
        (geodesic_correlation, 60, 60),
        (neighborhood_preservation, 60, 60),
        (residual_variance, 61, 60),
        *[(metric, wrong, "") for metric in OF_NEIGHBORS for wrong in (0, 2.5, "auto")],
        *[(metric, wrong, "") for metric in ALONG_THE_DATA for wrong in (-1, 2.5, "many", True)],
    ],
)
def test_number_of_neighbors_must_be_less_than_that_of_rows(metric, n_neighbors, below):
    message = rf"n_neighbors={n_neighbors!r} should be .* less than {below}.* 60 rows .* Use fewer"
    with pytest.raises(ValueError, match=message):
        metric(table(), table(), n_neighbors=n_neighbors)


def test_chance_cannot_be_adjusted_for_where_all_rows_are_neighbors():
    assert neighborhood_preservation(table(), table(), 59) == 1
    with pytest.raises(ValueError, match=r"n_neighbors=59 should be .* less than 59, for the 60"):
        neighborhood_preservation(table(), table(), 59, adjusted=True)


@pytest.mark.parametrize("metric", ALONG_THE_DATA)
@pytest.mark.parametrize("n_landmarks", [0, 1.5, None, True])
def test_number_of_landmarks_must_be_at_least_one(metric, n_landmarks):
    with pytest.raises(ValueError, match=f"n_landmarks={n_landmarks} should be an int of at least"):
        metric(table(), table(), n_landmarks=n_landmarks)


def test_an_unknown_method_is_refused():
    with pytest.raises(ValueError, match=r"method='kendall' .* one of \['pearson', 'spearman'\]"):
        geodesic_correlation(table(), table(), method="kendall")


@pytest.mark.parametrize("metric", OF_NEIGHBORS + ALONG_THE_DATA)
def test_distances_are_no_data(metric):
    with pytest.raises(ValueError, match=r"metric='precomputed' is not possible.*Pass the data"):
        metric(table(), table(), metric="precomputed")


# How many dimensions


@pytest.mark.parametrize(("method", "error"), [("two_nn", 0.15), ("mle", 0.12)])
@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_dimension_of_a_cube_in_a_larger_space(dimension, method, error):
    random = np.random.RandomState(0)
    axes = np.linalg.qr(random.normal(size=(10, dimension)))[0]
    X = random.uniform(size=(3000, dimension)) @ axes.T
    assert intrinsic_dimension(X, method) == pytest.approx(dimension, rel=error)


def test_noise_inflates_the_dimension_and_two_nn_most():
    quiet, noisy = (make_swiss_roll(1000, noise=noise, random_state=0)[0] for noise in (0, 0.5))
    two_nn, mle = (
        intrinsic_dimension(noisy, method) - intrinsic_dimension(quiet, method)
        for method in ("two_nn", "mle")
    )
    assert two_nn > mle > 0.1
    assert two_nn > 0.4


@pytest.mark.parametrize("method", ["two_nn", "mle"])
def test_equal_rows_do_not_change_the_dimension(method):
    X = np.random.RandomState(0).normal(size=(200, 2))
    assert intrinsic_dimension(np.repeat(X, 3, axis=0), method) == intrinsic_dimension(
        np.unique(X, axis=0), method
    )


def test_dimension_does_not_depend_on_units():
    X = np.random.RandomState(0).normal(size=(500, 3))
    assert intrinsic_dimension(1e6 * X) == pytest.approx(intrinsic_dimension(X))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"method": "three_nn"}, "method='three_nn' is unknown"),
        ({"method": "mle", "n_neighbors": 20}, "n_neighbors=20 should be"),
        ({"X": np.zeros((10, 2))}, "X has 1 different rows"),
        ({"X": np.zeros((10, 1))}, "minimum of 2 is required"),
        ({"X": np.full((10, 2), np.nan)}, "NaN"),
    ],
)
def test_dimension_of_bad_input_is_refused(params, message):
    params = {"X": np.random.RandomState(0).normal(size=(20, 2))} | params
    with pytest.raises(ValueError, match=message):
        intrinsic_dimension(**params)


def test_dimension_without_the_package_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "skdim.id", None)
    with pytest.raises(ImportError, match=r"pip install 'sklearn_ae\[dimension\]'"):
        intrinsic_dimension(np.random.RandomState(0).normal(size=(20, 2)))


def test_arguments_of_the_metric_count():
    random_state = np.random.RandomState(0)
    X, Z = random_state.normal(size=(60, 3)) * [1, 10, 100], random_state.normal(size=(60, 2))
    variance = {"metric": "seuclidean", "metric_params": {"V": X.var(axis=0)}}
    for score in (continuity, neighborhood_preservation):
        expected = score(X / X.std(axis=0), Z, n_neighbors=5)
        assert score(X, Z, n_neighbors=5, **variance) == pytest.approx(expected)
        lattice = np.argwhere(np.ones((7, 7))).astype(float)  # full of ties
        weights = {"metric": "minkowski", "metric_params": {"p": 3}}
        assert score(lattice, lattice[:, ::-1], n_neighbors=4, **weights) == 1


@pytest.mark.parametrize("size", [1e-200, 1e100, 1e200, 1e300])
def test_metrics_do_not_depend_on_the_unit_of_either_table(size):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    Z = X[:, :2]
    for metric in (
        continuity,
        neighborhood_preservation,
        geodesic_correlation,
        residual_variance,
        procrustes_score,
    ):
        expected = pytest.approx(metric(X, Z), abs=1e-6)
        assert metric(size * X, Z) == expected
        assert metric(X, size * Z) == expected
    assert intrinsic_dimension(size * X) == pytest.approx(intrinsic_dimension(X))


def test_dimension_by_likelihood_needs_two_neighbors():
    with pytest.raises(ValueError, match=r"n_neighbors=1 should .* at least 2 .* Use more"):
        intrinsic_dimension(table(), "mle", n_neighbors=1)
    repeated = np.tile(table()[:20], (10, 1))
    with pytest.raises(ValueError, match="for the 20 different rows"):
        intrinsic_dimension(repeated, "mle", n_neighbors=20)

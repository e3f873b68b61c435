import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, Isomap
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae._estimators.geodesic.guides import SHORTEST, embedding_guide, geodesic_guide
from sklearn_ae._neighbor_graph import nearest_distance


def bent_sheet(n_samples=150, seed=0):
    """Points on half a cylinder, which rolls out to a sheet of pi by 2."""
    angle, height = np.random.RandomState(seed).uniform([0, 0], [np.pi, 2], (n_samples, 2)).T
    return np.column_stack([np.cos(angle), np.sin(angle), height])


X = bent_sheet()


def geodesic(X=X, weight=None, seed=0, **params):
    defaults = {
        "n_rows": 10_000,
        "n_components": 2,
        "max_anchors": 10_000,
        "metric": "euclidean",
        "n_neighbors": 8,
        "n_landmarks": 20,
    }
    return geodesic_guide(X, weight, seed, **defaults | params)


def embedding(target, X=X, weight=None, seed=0, n_components=2, max_anchors=1000, **params):
    return embedding_guide(
        X, weight, seed, target=target, n_components=n_components, max_anchors=max_anchors, **params
    )


class Given(BaseEstimator):
    """An embedder that returns what it is told to return, and notes what it saw."""

    def __init__(self, make, random_state=None):
        self.make = make
        self.random_state = random_state

    def fit_transform(self, X, y=None):
        self.make.seen = X
        self.make.seed = self.random_state
        return self.make(X)


def first_columns(X):
    return X[:, :2]


# Geodesic distances


def test_guide_holds_distances_to_the_landmarks_and_coordinates_in_units_of_the_code():
    guide = geodesic()
    distances, coordinates = np.split(guide.rows.guide, [20], axis=1)
    assert guide.rows.guide.dtype == np.float32
    assert coordinates.shape == (150, 2)
    assert coordinates.var(axis=0).mean() == pytest.approx(1, rel=1e-5)
    apart = cdist(coordinates, guide.landmark_coordinates)
    assert np.corrcoef(apart.ravel(), distances.ravel())[0, 1] > 0.99
    assert np.median(distances / apart) == pytest.approx(1, abs=0.1)
    closest = cdist(X, guide.landmarks).argmin(axis=0)
    np.testing.assert_array_equal(X[closest], guide.landmarks)
    np.testing.assert_allclose(distances[closest, np.arange(20)], 0, atol=1e-6)


def test_distances_are_those_of_the_sheet_rolled_out():
    guide = geodesic(bent_sheet(1500), n_neighbors=18)
    X = guide.rows.X
    flat, of_landmarks = (
        np.column_stack([np.arctan2(some[:, 1], some[:, 0]), some[:, 2]])
        for some in (X, guide.landmarks)
    )
    true = cdist(flat, of_landmarks)
    assert np.median((guide.unit * guide.rows.guide[:, :20])[true > 1] / true[true > 1]) < 1.05
    assert np.corrcoef(guide.rows.guide[:, :20].ravel(), true.ravel())[0, 1] > 0.999


def test_facts_are_told_in_units_of_the_data():
    guide, wide = geodesic(), geodesic(1024 * X)
    assert guide.facts["n_neighbors_"] == 8
    assert guide.facts["n_connected_components_"] == 1
    assert guide.facts["n_short_cuts_"] == 0
    np.testing.assert_array_equal(guide.facts["landmarks_"], guide.landmarks)
    np.testing.assert_array_equal(1024 * guide.landmarks, wide.landmarks)
    assert wide.unit == 1024 * guide.unit
    assert wide.nearest == 1024 * guide.nearest == 1024 * nearest_distance(X)
    assert wide.shortest == guide.shortest
    np.testing.assert_array_equal(wide.rows.guide, guide.rows.guide)
    assert guide.shift.tolist() == [0, 0]


@pytest.mark.parametrize("exponent", [-480, -200, 200, 480])
@pytest.mark.parametrize("make", [geodesic, lambda X: embedding(PCA(2), X)], ids=["own", "pca"])
def test_guide_of_very_large_or_small_values_is_that_of_others_in_another_unit(make, exponent):
    factor = 2.0**exponent
    guide, other = make(X), make(factor * X)
    np.testing.assert_allclose(other.rows.guide, guide.rows.guide, rtol=1e-5, atol=1e-6)
    assert other.unit == pytest.approx(factor * guide.unit)
    assert other.nearest == pytest.approx(factor * guide.nearest)


@pytest.mark.parametrize("factor", [5e-324, 1e-300, 1e-160, 1e160, 1e300])
@pytest.mark.parametrize("make", [geodesic, lambda X: embedding(PCA(2), X)], ids=["own", "pca"])
def test_values_that_cannot_be_squared_are_refused(make, factor):
    with pytest.raises(ValueError, match=r"variance of X, .* squared, is out of .* Rescale X"):
        make(factor * X)


def test_metric_comes_with_its_arguments():
    variance = X.var(axis=0)
    guide = geodesic(metric="seuclidean", metric_params={"V": variance})
    expected = geodesic(X / np.sqrt(variance))
    np.testing.assert_allclose(guide.landmarks / np.sqrt(variance), expected.landmarks)
    np.testing.assert_allclose(guide.rows.guide, expected.rows.guide, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("n_components", "n_known"), [(1, 5), (2, 5), (7, 7)])
def test_residual_variance_is_known_for_five_dimensions_and_all_components(n_components, n_known):
    residuals = geodesic(n_components=n_components).facts["geodesic_residual_variance_"]
    assert residuals.shape == (n_known,)
    assert residuals[1] < 0.01 < residuals[0]


def test_shortest_distance_that_counts_is_a_share_of_the_mean_one():
    guide = geodesic()
    assert guide.shortest == pytest.approx(SHORTEST * guide.rows.guide[:, :20].mean())


def test_another_unit_can_be_given():
    guide, other = geodesic(), geodesic(unit=0.5)
    assert other.unit == 0.5
    np.testing.assert_allclose(0.5 * other.rows.guide, guide.unit * guide.rows.guide, rtol=1e-5)
    np.testing.assert_allclose(
        0.5 * other.landmark_coordinates, guide.unit * guide.landmark_coordinates
    )


def test_only_so_many_rows_are_guided():
    guide = geodesic(n_rows=40)
    assert len(guide.rows) == len(guide.rows.guide) == 40
    assert np.array_equal(np.unique(guide.rows.index), guide.rows.index)
    whole = geodesic()
    assert whole.rows.index is None
    np.testing.assert_allclose(
        guide.unit * guide.rows.guide, whole.unit * whole.rows.guide[guide.rows.index], rtol=1e-5
    )


def test_rows_that_are_no_anchors_have_distances_over_those():
    few, all_rows = geodesic(max_anchors=100), geodesic()
    inside = cdist(X, few.landmarks).min(axis=0)
    np.testing.assert_array_equal(inside, 0)
    assert len(few.rows.guide) == 150
    ours = few.unit * cdist(few.rows.guide[:, 20:], few.landmark_coordinates)
    assert np.corrcoef(ours.ravel(), (few.unit * few.rows.guide[:, :20]).ravel())[0, 1] > 0.99
    r = np.corrcoef(few.rows.guide[:, 20], all_rows.rows.guide[:, 20])[0, 1]
    assert abs(r) > 0.98


def test_repeated_rows_are_one_anchor():
    once, often = geodesic(), geodesic(np.repeat(X, 10, axis=0))
    assert len(often.rows) == 1500
    assert len(np.unique(often.landmarks, axis=0)) == len(often.landmarks)
    assert often.nearest == once.nearest
    codes = often.rows.guide[:, 20:]
    np.testing.assert_array_equal(codes[::10], codes[9::10])
    assert abs(np.corrcoef(codes[::10, 0], once.rows.guide[:, 20])[0, 1]) > 0.999


@pytest.mark.parametrize("n_rows", [1, 5])
def test_rows_that_are_all_the_same_have_no_distance_and_the_unit_one(n_rows):
    guide = geodesic(np.ones((n_rows, 3)), n_neighbors="auto")
    assert (guide.unit, guide.shortest, guide.nearest) == (1, 1, 0)
    np.testing.assert_array_equal(guide.rows.guide, 0)
    assert guide.landmarks.shape == (1, 3)


def test_seed_chooses_anchors_rows_and_landmarks():
    params = {"max_anchors": 100, "n_rows": 50}
    first, again, other = (geodesic(seed=seed, **params) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.rows.guide, again.rows.guide)
    np.testing.assert_array_equal(first.rows.index, again.rows.index)
    assert not np.array_equal(first.rows.index, other.rows.index)
    assert not np.array_equal(first.landmarks, other.landmarks)


def test_rows_keep_their_weights():
    weight = np.arange(150.0)
    guide = geodesic(weight=weight, n_rows=40)
    np.testing.assert_array_equal(guide.rows.take(slice(0, 40))[1], weight[guide.rows.index])


@pytest.mark.parametrize("n_rows", [1000, 40])
@pytest.mark.parametrize("n_sampled", [10, 40, 5000])
def test_sample_is_of_rows_with_their_own_distances_and_coordinates(n_rows, n_sampled):
    guide = geodesic(n_rows=n_rows)
    some, distances, coordinates = guide.sample(n_sampled)
    assert len(some) == len(distances) == len(coordinates) == min(n_sampled, n_rows, 150)
    whole = geodesic()
    for row, far, place in zip(some, distances, coordinates, strict=True):
        (i,) = np.flatnonzero((row == X).all(axis=1))
        np.testing.assert_allclose(
            guide.unit * far, whole.unit * whole.rows.guide[i, :20], rtol=1e-5
        )
        np.testing.assert_allclose(
            guide.unit * place, whole.unit * whole.rows.guide[i, 20:], atol=1e-5
        )


# Embeddings


@pytest.mark.parametrize("target", [PCA(2), Isomap(n_neighbors=8)], ids=["pca", "isomap"])
def test_guide_is_the_embedding_centred_and_in_units_of_its_spread(target):
    guide = embedding(target)
    expected = target.fit_transform(X)
    np.testing.assert_array_equal(guide.facts["target_embedding_"], expected)
    both = np.vstack([guide.rows.guide, guide.held_out.guide])
    np.testing.assert_allclose(both.mean(axis=0), 0, atol=1e-6)
    assert both.var(axis=0).mean() == pytest.approx(1, rel=1e-5)
    for rows in (guide.rows, guide.held_out):
        found = guide.unit * rows.guide + guide.shift
        np.testing.assert_allclose(found, expected[rows.index], atol=1e-5)
    assert guide.landmarks is None


def test_coordinates_of_a_sample_are_those_of_its_rows():
    guide = embedding(Given(first_columns), max_anchors=60)
    rows, distances, coordinates = guide.sample(20)
    assert distances.shape == (20, 0)
    np.testing.assert_allclose(guide.unit * coordinates + guide.shift, rows[:, :2], atol=1e-6)


def test_target_sees_only_so_many_rows():
    guide = embedding(Given(first_columns), max_anchors=60)
    index = np.sort(np.concatenate([guide.rows.index, guide.held_out.index]))
    assert len(index) == len(np.unique(index)) == 60
    np.testing.assert_array_equal(first_columns.seen, X[index])
    assert guide.nearest == nearest_distance(first_columns.seen)


@pytest.mark.parametrize(
    ("n_rows", "n_held_out"), [(49, 0), (50, 10), (100, 10), (150, 15), (20_000, 1000)]
)
def test_a_tenth_of_the_rows_is_held_out_but_not_of_few(n_rows, n_held_out):
    guide = embedding(Given(first_columns), bent_sheet(n_rows), max_anchors=30_000)
    assert (0 if guide.held_out is None else len(guide.held_out)) == n_held_out
    assert len(guide.rows) == n_rows - n_held_out


def test_rows_held_out_are_equal_to_none_of_the_others():
    repeated = np.tile(X[:60], (5, 1))
    guide = embedding(Given(first_columns), repeated)
    assert len(guide.held_out) == 5 * 10
    seen, new = (repeated[rows.index] for rows in (guide.rows, guide.held_out))
    assert cdist(seen, new).min() > 0


def test_seed_chooses_the_rows_that_are_held_out():
    first, again, other = (embedding(Given(first_columns), seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.held_out.index, again.held_out.index)
    assert not np.array_equal(first.held_out.index, other.held_out.index)


def test_target_is_copied():
    target = PCA(2)
    embedding(target)
    assert not hasattr(target, "components_")


@pytest.mark.parametrize(("given", "used"), [(None, 7), (3, 3)])
def test_target_without_a_seed_gets_one(given, used):
    target = Given(first_columns, random_state=given)
    embedding(target, seed=7)
    assert first_columns.seed == used
    assert target.random_state == given


def test_seed_reaches_into_a_pipeline():
    target = make_pipeline(StandardScaler(), TSNE(init="random", perplexity=5, max_iter=250))
    state = np.random.get_state()[1].copy()
    some = X[:30]
    first, again, other = (embedding(target, some, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.rows.guide, again.rows.guide)
    assert not np.array_equal(first.rows.guide, other.rows.guide)
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda X: X, r"\(150, 3\)"),
        (lambda X: X[:, 0], r"\(150,\)"),
        (lambda X: X[:100, :2], r"\(100, 2\)"),
        (lambda X: np.full((150, 2), np.nan), r"\(150, 2\)"),
        (lambda X: np.full((150, 2), np.inf), r"\(150, 2\)"),
    ],
    ids=["wide", "flat", "short", "nan", "inf"],
)
def test_embedding_of_other_shape_or_without_finite_values_is_refused(make, shape):
    message = rf"target=Given\(.* shape {shape} for 150 rows; .* \(150, 2\).* be finite"
    with pytest.raises(ValueError, match=message):
        embedding(Given(make))


def test_embedding_that_is_one_point_has_the_unit_one():
    guide = embedding(Given(lambda X: np.full((150, 2), 5.0)))
    assert guide.unit == 1
    assert guide.shift.tolist() == [5, 5]
    np.testing.assert_array_equal(guide.rows.guide, 0)


def test_embedder_without_a_seed_leaves_the_global_random_state_and_repeats():
    X = np.random.RandomState(0).normal(size=(300, 4))
    before = np.random.mtrand._rand.get_state()[1].copy()
    target = Isomap(n_components=2, eigen_solver="arpack")
    first, second = (
        embedding_guide(X, None, 0, target=target, n_components=2, max_anchors=1000)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.rows.guide, second.rows.guide)
    np.testing.assert_array_equal(np.random.mtrand._rand.get_state()[1], before)


def test_metric_of_rows_far_from_zero_is_computed_in_double_precision():
    X = np.random.RandomState(0).normal(size=(60, 5)) + 1e5
    single = geodesic(X.astype(np.float32), metric="cosine").rows.guide
    double = geodesic(X.astype(np.float32).astype(float), metric="cosine").rows.guide
    np.testing.assert_array_equal(single, double)
    assert np.isfinite(single).all()

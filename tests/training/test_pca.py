import numpy as np
import pytest
from scipy.linalg import subspace_angles
from sklearn.decomposition import PCA

from sklearn_ae._training.pca import MAX_DENSE, moments, principal_axes


def table(n_samples, n_features, seed=0, rank=None):
    random_state = np.random.RandomState(seed)
    rank = rank or min(n_samples, n_features)
    scales = np.linspace(3, 1, rank)
    X = random_state.normal(size=(n_samples, rank)) * scales
    return X @ random_state.normal(size=(rank, n_features)) + 10


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_samples", [30, 9000])  # one batch and several
def test_moments_are_those_of_numpy(n_samples, weighted):
    X = table(n_samples, 5)
    weight = np.random.RandomState(0).uniform(size=n_samples) if weighted else None
    mean, scale = moments(X, weight)
    expected = np.average(X, axis=0, weights=weight)
    np.testing.assert_allclose(mean, expected)
    variance = np.average((X - expected) ** 2, axis=0, weights=weight)
    assert scale == pytest.approx(np.sqrt(variance.mean()))


def test_moments_of_float32_are_computed_in_float64():
    X = np.random.RandomState(0).normal(1e4, 1, size=(20000, 2)).astype(np.float32)
    mean, scale = moments(X)
    np.testing.assert_allclose(mean, X.astype(np.float64).mean(axis=0), rtol=1e-12)
    assert scale == pytest.approx(np.sqrt(X.astype(np.float64).var(axis=0).mean()), rel=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("value", [0.0, 0.1, 1e10])
def test_scale_of_constant_data_is_one(dtype, value):
    assert moments(np.full((100, 3), value, dtype))[1] == 1


@pytest.mark.parametrize("factor", [1e-150, 1e-9, 1e9, 1e150])
def test_scale_is_in_the_units_of_the_data(factor):
    X = table(50, 4) - 10
    assert moments(factor * X)[1] == pytest.approx(factor * moments(X)[1])


@pytest.mark.parametrize(
    "shape", [(100, 5), (5, 100), (20, 20), (9000, 6), (50, MAX_DENSE + 1)], ids=str
)
def test_axes_are_those_of_scikit_learn(shape):
    X = table(*shape)
    axes = principal_axes(X, X.mean(axis=0), 3)
    expected = PCA(3, svd_solver="full").fit(X).components_
    np.testing.assert_allclose(np.abs(axes @ expected.T), np.eye(3), atol=1e-6)


def test_axes_of_a_long_and_wide_table_come_close_to_those_of_scikit_learn():
    X = table(MAX_DENSE + 1, MAX_DENSE + 1, rank=4)
    axes = principal_axes(X, X.mean(axis=0), 3, random_state=np.random.RandomState(0))
    assert np.abs(axes @ axes.T - np.eye(3)).max() < 1e-9
    expected = PCA(3, svd_solver="randomized", random_state=0).fit(X).components_
    assert subspace_angles(axes.T, expected.T).max() < 1e-4


@pytest.mark.parametrize("shape", [(60, 5), (12, 30)], ids=str)
def test_weights_act_like_repeated_rows(shape):
    X = table(*shape)
    weight = np.random.RandomState(1).randint(0, 4, size=len(X))
    repeated = np.repeat(X, weight, axis=0)
    mean, _ = moments(X, weight.astype(float))
    axes = principal_axes(X, mean, 3, weight.astype(float))
    expected = PCA(3).fit(repeated).components_
    np.testing.assert_allclose(np.abs(axes @ expected.T), np.eye(3), atol=1e-6)


@pytest.mark.parametrize(
    ("shape", "rank", "n_axes"), [((60, 8), 2, 5), ((4, 30), 4, 10), ((1, 6), 1, 3), ((3, 3), 1, 9)]
)
def test_axes_are_orthonormal_where_the_rank_is_too_low(shape, rank, n_axes):
    X = table(*shape, rank=rank)
    axes = principal_axes(X, X.mean(axis=0), n_axes)
    n_axes = min(n_axes, shape[1])
    assert axes.shape == (n_axes, shape[1])
    np.testing.assert_allclose(axes @ axes.T, np.eye(n_axes), atol=1e-9)
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(centred @ axes.T @ axes, centred, atol=1e-6)


@pytest.mark.parametrize("shape", [(60, 8), (8, 60)], ids=str)
def test_largest_entry_of_each_axis_is_positive(shape):
    X = table(*shape)
    axes = principal_axes(X, X.mean(axis=0), 4)
    assert (axes.max(axis=1) == np.abs(axes).max(axis=1)).all()


@pytest.mark.parametrize("shape", [(60, 8), (8, 60)], ids=str)
def test_constant_data_has_orthonormal_axes(shape):
    axes = principal_axes(np.full(shape, 0.1), np.full(shape[1], 0.1), 3)
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-9)


def test_axes_do_not_write_to_the_data():
    X = table(30, 4)
    X.flags.writeable = False
    principal_axes(X, X.mean(axis=0), 2)
    moments(X)


@pytest.mark.parametrize("value", [-0.0235964, 0.1, 1e8 / 3])
@pytest.mark.parametrize("n_samples", [1347, 100_000])
def test_many_equal_rows_have_the_scale_one_whatever_their_mean_rounds_to(n_samples, value):
    X = np.full((n_samples, 3), value)
    assert moments(X)[1] == 1
    X[0] += 1e-9 * abs(value)  # which can be told
    assert 0 < moments(X)[1] < 1

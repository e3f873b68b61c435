import numpy as np
import pytest
import torch
from scipy.linalg import subspace_angles
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from sklearn_ae._estimators.imputer.low_rank import (
    MIN_NOISE,
    LowRankNormal,
    fit_low_rank_normal,
    observed_moments,
)


def low_rank_data(n=400, noise=0.1):
    random_state = np.random.RandomState(0)
    loadings = random_state.normal(size=(8, 2))
    z = random_state.normal(size=(n, 2))
    return z @ loadings.T + noise * random_state.normal(size=(n, 8)) + np.arange(8.0)


def with_gaps(X, share=0.3):
    return np.where(np.random.RandomState(1).uniform(size=X.shape) < share, np.nan, X)


def filled_by(model, X):
    return model(torch.from_numpy(X)).numpy()


def test_gaps_are_filled_with_the_conditional_mean_of_the_normal_distribution():
    random_state = np.random.RandomState(0)
    mean, loadings = random_state.normal(size=5), random_state.normal(size=(5, 2))
    covariance = 9 * (loadings @ loadings.T + 0.3 * np.eye(5))
    x = random_state.normal(size=5)
    seen, gap = [0, 2, 4], [1, 3]
    expected = mean[gap] + covariance[np.ix_(gap, seen)] @ np.linalg.solve(
        covariance[np.ix_(seen, seen)], (x - mean)[seen]
    )
    x[gap] = np.nan
    filled = filled_by(LowRankNormal(mean, 3.0, loadings, 0.3), x[None])
    np.testing.assert_allclose(filled[0, gap], expected)


def test_row_of_which_nothing_is_observed_is_filled_with_the_mean():
    mean = np.arange(4.0)
    model = LowRankNormal(mean, 2.0, np.ones((4, 1)), 0.1)
    np.testing.assert_allclose(filled_by(model, np.full((1, 4), np.nan))[0], mean)


def test_covariance_is_that_of_factors_and_noise():
    loadings = np.random.RandomState(0).normal(size=(5, 2))
    model = LowRankNormal(np.zeros(5), 3.0, loadings, 0.3)
    expected = 9 * (loadings @ loadings.T + 0.3 * np.eye(5))
    np.testing.assert_allclose(model.covariance, expected)


def test_without_gaps_the_factors_span_the_subspace_of_pca():
    X = load_digits().data[:500]
    model = fit_low_rank_normal(X, 3, max_iter=500, tol=1e-9)
    axes = PCA(3).fit(X).components_
    assert subspace_angles(model.loadings.numpy(), axes.T).max() < 0.02
    np.testing.assert_allclose(model.mean, X.mean(axis=0), atol=1e-6)


def test_with_gaps_mean_loadings_and_noise_are_found_again():
    X = low_rank_data(4000, noise=0.5)
    model = fit_low_rank_normal(with_gaps(X), 2, max_iter=200, tol=1e-7)
    scale = model.scale.item()
    loadings = model.loadings.numpy() * scale
    covariance = loadings @ loadings.T + model.noise * scale**2 * np.eye(8)
    np.testing.assert_allclose(covariance, np.cov(X.T), atol=0.1 * np.var(X, axis=0).max())
    assert model.noise * scale**2 == pytest.approx(0.25, rel=0.05)
    np.testing.assert_allclose(model.mean, X.mean(axis=0), atol=0.1)


def test_factors_that_the_data_do_not_need_vanish():
    model = fit_low_rank_normal(with_gaps(low_rank_data(noise=0.3)), 6, max_iter=500, tol=1e-7)
    strength = np.sort(np.square(model.loadings.numpy()).mean(axis=0))
    assert (strength[:3] < 0.01).all()
    assert (strength[-2:] > 0.1).all()


def test_gaps_of_data_near_a_plane_are_filled_far_better_than_by_means():
    X = low_rank_data()
    gaps = with_gaps(X)
    filled = filled_by(fit_low_rank_normal(gaps, 2, max_iter=200), gaps)
    missing = np.isnan(gaps)
    means = np.broadcast_to(np.nanmean(gaps, axis=0), X.shape)
    error, error_of_means = (np.square(Z - X)[missing].mean() for Z in (filled, means))
    assert error < 0.1 * error_of_means


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_fillings_change_their_units_with_the_data(scale):
    X = with_gaps(low_rank_data(60))
    expected = filled_by(fit_low_rank_normal(X, 2), X)
    filled = filled_by(fit_low_rank_normal(X * scale, 2), X * scale)
    np.testing.assert_allclose(filled / scale, expected, rtol=1e-6)


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.ones((1, 1)), np.full((4, 2), 0.1)])
def test_constant_data_have_no_factors_and_fill_with_the_constant(X):
    model = fit_low_rank_normal(X, 2)
    assert model.noise == MIN_NOISE
    np.testing.assert_allclose(filled_by(model, np.full_like(X, np.nan)), X)


def test_moments_are_those_of_what_is_observed():
    X = with_gaps(low_rank_data())
    mean, scale = observed_moments(X)
    np.testing.assert_allclose(mean, np.nanmean(X, axis=0))
    assert scale == pytest.approx(np.sqrt(np.nanvar(X, axis=0).mean()))


@pytest.mark.parametrize("value", [-0.0235964, 0.1, 1e8 / 3])
def test_many_equal_values_have_the_scale_one_whatever_their_mean_rounds_to(value):
    X = np.where(np.random.RandomState(0).rand(20_000, 3) < 0.5, np.nan, value)
    assert observed_moments(X)[1] == 1

import numpy as np
import pytest
import torch

from sklearn_ae import AutoencoderImputer
from sklearn_ae._estimators.imputer.full_normal import (
    FEW_FEATURES,
    FullNormal,
    fit_full_normal,
    moments_of_pairs,
)
from sklearn_ae._estimators.imputer.graph import FullGraph
from sklearn_ae._estimators.imputer.low_rank import LowRankNormal, fit_low_rank_normal

MANY = FEW_FEATURES + 6
PRIOR = LowRankNormal(np.zeros(6), 1.0, np.zeros((6, 0)), 1.0)


def covariance_of(n_features, seed=0):
    root = np.random.RandomState(seed).normal(size=(n_features, n_features))
    return root @ root.T / n_features + 0.1 * np.eye(n_features)


def normal_data(n_rows, n_features, seed=1):
    root = np.linalg.cholesky(covariance_of(n_features))
    return np.random.RandomState(seed).normal(size=(n_rows, n_features)) @ root.T


def with_gaps(X, share=0.3):
    return np.where(np.random.RandomState(2).uniform(size=X.shape) < share, np.nan, X)


def filled_by(model, X):
    return model(torch.from_numpy(X)).numpy()


@pytest.mark.parametrize("n_features", [2, 5, MANY])
@pytest.mark.parametrize("ridge", [1.0, 0.003, 1e-4])
def test_graph_for_other_runtimes_fills_gaps_with_the_same_means(n_features, ridge):
    covariance = covariance_of(n_features) + 2 * np.ones((n_features, n_features))
    covariance += (ridge - 0.1) * np.eye(n_features)
    model, X = FullNormal(np.ones(n_features), covariance), with_gaps(normal_data(20, n_features))
    x = torch.from_numpy(X)
    graph = FullGraph(model)
    np.testing.assert_allclose(graph(x, x.isnan()), model(x), rtol=1e-7, atol=1e-7)
    assert graph.n_steps < 30  # however many columns there are


@pytest.mark.parametrize("n_features", [5, MANY])
def test_gaps_are_filled_with_conditional_means(n_features):
    mean, covariance = np.arange(n_features) / n_features, covariance_of(n_features)
    X = with_gaps(normal_data(20, n_features))
    filled = filled_by(FullNormal(mean, covariance), X)
    for row, out in zip(X, filled, strict=True):
        gap = np.isnan(row)
        between = covariance[np.ix_(gap, ~gap)]
        weights = np.linalg.solve(covariance[np.ix_(~gap, ~gap)], (row - mean)[~gap])
        np.testing.assert_allclose(out[gap], mean[gap] + between @ weights)
        np.testing.assert_array_equal(out[~gap], row[~gap])


@pytest.mark.parametrize("n_features", [4, MANY])
def test_rows_of_which_nothing_or_everything_is_observed(n_features):
    mean = np.arange(float(n_features))
    model = FullNormal(mean, covariance_of(n_features))
    X = np.stack([np.full(n_features, np.nan), np.ones(n_features)])
    np.testing.assert_allclose(filled_by(model, X), [mean, np.ones(n_features)])
    assert filled_by(model, X[:0]).shape == (0, n_features)


def test_rows_of_single_precision_are_filled_in_double_and_stay_single():
    model = FullNormal(np.zeros(5), covariance_of(5))
    X = with_gaps(normal_data(20, 5)).astype(np.float32)
    filled = filled_by(model.copy(torch.float32), X)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled, filled_by(model, X.astype(float)).astype(np.float32))


def test_mean_and_covariance_are_found_again():
    X = normal_data(4000, 6) + np.arange(6.0)
    model = fit_full_normal(with_gaps(X), PRIOR, max_iter=10)
    np.testing.assert_allclose(model.mean, X.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(model.covariance, np.cov(X.T), atol=0.1 * X.var(axis=0).max())


def test_iterations_raise_the_likelihood_of_what_is_observed():
    X = with_gaps(normal_data(200, 6), 0.4)

    def log_likelihood(model):
        total = 0.0
        for row in X:
            at = np.flatnonzero(~np.isnan(row))
            covariance = model.covariance.numpy()[np.ix_(at, at)]
            apart = row[at] - model.mean.numpy()[at]
            total -= np.linalg.slogdet(covariance)[1] + apart @ np.linalg.solve(covariance, apart)
        return total

    values = [log_likelihood(fit_full_normal(X, PRIOR, max_iter=n)) for n in (0, 1, 2, 5)]
    assert np.all(np.diff(values) > 0)


def test_iteration_goes_on_from_another_model():
    X = with_gaps(normal_data(200, 6))
    once = fit_full_normal(X, PRIOR, max_iter=2)
    on = fit_full_normal(X, PRIOR, max_iter=1, start=once)
    np.testing.assert_allclose(on.covariance, fit_full_normal(X, PRIOR, max_iter=3).covariance)


def test_pairs_that_are_never_seen_together_have_the_covariance_that_is_believed():
    X = normal_data(300, 4)
    X[::2, 0] = np.nan
    X[1::2, 1] = np.nan
    believed = 0.2 * np.eye(4) + 0.1
    _, covariance = moments_of_pairs(X, believed)
    assert np.linalg.eigvalsh(covariance).min() > -1e-12
    assert covariance[0, 1] == pytest.approx(0.1, abs=0.01)


def test_mixtures_lie_between_both_models():
    X = with_gaps(normal_data(100, 6))
    prior = fit_low_rank_normal(X, 2)
    model = fit_full_normal(X, prior)
    covariances = [model.mixed(prior, share).covariance for share in (0.0, 0.5, 1.0)]
    torch.testing.assert_close(covariances[0], prior.covariance)
    torch.testing.assert_close(covariances[1], (prior.covariance + model.covariance) / 2)
    torch.testing.assert_close(covariances[2], model.covariance)


@pytest.mark.parametrize(
    "change",
    [
        {"mean": np.zeros(3)},
        {"covariance": -np.eye(4)},
        {"covariance": np.full((4, 4), np.nan)},
        {"covariance": np.eye(4, dtype=np.float32)},
        {"covariance": "x"},
        {"noise": 1.0},
    ],
)
def test_state_that_is_none_is_refused(change):
    model = FullNormal(np.zeros(4), covariance_of(4))
    again = FullNormal.from_state(model.state(), 4)
    np.testing.assert_array_equal(again.precision, model.precision)
    with pytest.raises(ValueError, match="What the imputer has learned is damaged"):
        FullNormal.from_state(model.state() | change, 4)


def test_imputer_takes_all_covariances_where_few_factors_are_not_enough():
    X = with_gaps(normal_data(400, 8), 0.2)
    imputer = AutoencoderImputer(max_steps=1, random_state=0).fit(X)
    assert imputer.rank_ == 8
    assert imputer.is_linear_

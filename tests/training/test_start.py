"""Where training starts, and what it goes back to, for losses that decode through a link."""

import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss, mean_poisson_deviance
from sklearn.model_selection import train_test_split

from sklearn_ae import AutoencoderTransformer

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")


def at_the_start(n_components, loss, **params):
    params = {"max_iter": 1, "learning_rate_init": 1e-12, "early_stopping": False} | params
    return AutoencoderTransformer(n_components, loss=loss, random_state=0, **params)


def rates_of(kind, n_samples=600, n_features=20):
    rng = np.random.default_rng(0)
    rates = rng.gamma(1.0, size=(n_samples, 4)) @ rng.gamma(0.5, size=(4, n_features))
    more = {
        "low rank": 1,
        "zero-inflated": rng.random(rates.shape) > 0.3,
        "gamma noise": rng.gamma(2.0, 0.5, size=rates.shape),
        "heavy tails": rng.lognormal(0, 1.5, size=(n_samples, 1)),
    }
    return 3 * rates / rates.mean() * more[kind]


KINDS = ["low rank", "zero-inflated", "gamma noise", "heavy tails"]


def counts(kind):
    return np.random.default_rng(1).poisson(rates_of(kind)).astype(float)


def deviance(X, rates):
    return mean_poisson_deviance(X.ravel(), np.broadcast_to(rates, X.shape).ravel())


def test_linear_start_for_counts_comes_near_the_rates_of_a_log_linear_model():
    rng = np.random.default_rng(0)
    rates = np.exp(1.5 + rng.normal(size=(1500, 2)) @ rng.normal(size=(2, 30)) * 0.7)
    X = rng.poisson(rates).astype(float)
    start = at_the_start(2, "poisson", hidden_layer_sizes=()).fit(X[:1000])
    least, most = deviance(X[1000:], rates[1000:]), deviance(X[1000:], X[:1000].mean(axis=0))
    assert deviance(X[1000:], start.reconstruct(X[1000:])) < least + 0.05 * (most - least)


def test_linear_start_for_log_loss_loses_less_than_the_mean_and_than_pca():
    X = (load_digits().data[:600] > 8).astype(float)
    start = at_the_start(4, "log_loss").fit(X)
    mean = X.mean(axis=0).clip(1e-4, 1 - 1e-4)
    pca = AutoencoderTransformer(4, hidden_layer_sizes=(), max_iter=1, random_state=0).fit(X)
    of_pca = pca.reconstruct(X).clip(0.01, 0.99)
    ours, theirs, constant = (
        log_loss(X.ravel(), np.broadcast_to(rates, X.shape).ravel())
        for rates in (start.reconstruct(X), of_pca, mean)
    )
    assert ours < theirs < constant


@pytest.mark.parametrize("kind", KINDS)
def test_held_out_counts_are_no_worse_than_by_the_linear_model_and_by_the_mean(kind):
    train, test = train_test_split(counts(kind), random_state=0)
    fitted = AutoencoderTransformer(4, loss="poisson", random_state=0).fit(train)
    linear = at_the_start(4, "poisson").fit(train)
    ours = deviance(test, fitted.reconstruct(test))
    assert ours <= 1.02 * deviance(test, linear.reconstruct(test))
    assert ours < deviance(test, train.mean(axis=0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("init", ["pca", "random"])
def test_rows_ten_times_larger_are_better_than_by_the_mean(kind, init):
    train, test = train_test_split(counts(kind), random_state=0)
    model = AutoencoderTransformer(4, loss="poisson", init=init, max_iter=30, random_state=0)
    rates = model.fit(train).reconstruct(10 * test)
    assert deviance(10 * test, rates) < deviance(10 * test, train.mean(axis=0))


def test_rates_stay_finite_however_large_a_row_is():
    X = counts("low rank")
    fitted = AutoencoderTransformer(4, loss="poisson", max_iter=10, random_state=0).fit(X)
    assert np.isfinite(fitted.reconstruct(np.full((1, X.shape[1]), 1e12))).all()


def test_counts_without_structure_are_no_worse_than_by_the_mean():
    rng = np.random.default_rng(0)
    X = rng.poisson(rng.gamma(1.0, size=60), size=(90, 60)).astype(float)
    train, test = train_test_split(X, random_state=0)
    fitted = AutoencoderTransformer(8, loss="poisson", random_state=0).fit(train)
    assert fitted.is_pca_
    mean = train.mean(axis=0).clip(1e-3)
    assert deviance(test, fitted.reconstruct(test)) <= deviance(test, mean) + 1e-6


def test_shares_without_structure_are_no_worse_than_by_the_mean():
    rng = np.random.default_rng(0)
    X = (rng.random((90, 60)) < rng.random(60)).astype(float)
    train, test = train_test_split(X, random_state=0)
    fitted = AutoencoderTransformer(8, loss="log_loss", random_state=0).fit(train)
    ours, mean = fitted.reconstruct(test), np.broadcast_to(train.mean(axis=0), test.shape)
    clipped = (rates.clip(1e-4, 1 - 1e-4).ravel() for rates in (ours, mean))
    assert fitted.is_pca_
    assert log_loss(test.ravel(), next(clipped)) <= log_loss(test.ravel(), next(clipped)) + 1e-6


def test_what_bounds_the_rates_is_saved_with_the_model():
    X = counts("heavy tails")
    fitted = AutoencoderTransformer(4, loss="poisson", max_iter=10, random_state=0).fit(X)
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.reconstruct(50 * X), fitted.reconstruct(50 * X))


def test_what_bounds_the_rates_is_that_of_the_first_partial_fit():
    X = counts("low rank")
    model = AutoencoderTransformer(4, loss="poisson", random_state=0).partial_fit(X)
    before = model.module_.high.clone()
    assert (model.partial_fit(10 * X).module_.high == before).all()

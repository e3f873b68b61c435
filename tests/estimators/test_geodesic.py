import contextlib
import copy
import io
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from scipy.spatial.distance import cdist
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import make_blobs, make_s_curve, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE, Isomap, SpectralEmbedding
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import Callback
from torch import nn

from sklearn_ae import GeodesicAutoencoder
from sklearn_ae.architectures import MLP
from sklearn_ae.metrics import geodesic_correlation, procrustes_score

# Ten steps, which most tests take, make no map.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The map may be creased"),
    pytest.mark.filterwarnings("ignore:The code does not follow target"),
]


def roll(n_samples=1000, noise=0.0, seed=0):
    """A Swiss roll, and what it is when rolled out: arc length and height."""
    X, t = make_swiss_roll(n_samples, noise=noise, random_state=seed)
    return X, np.column_stack([(t * np.sqrt(1 + t**2) + np.arcsinh(t)) / 2, X[:, 1]])


def bent_sheet(n_samples=150, seed=0):
    """Points on half a cylinder, which rolls out to a sheet of pi by 2."""
    angle, height = np.random.RandomState(seed).uniform([0, 0], [np.pi, 2], (n_samples, 2)).T
    return np.column_stack([np.cos(angle), np.sin(angle), height])


def sphere(n_samples=300):
    X = np.random.RandomState(0).normal(size=(n_samples, 3))
    return X / np.linalg.norm(X, axis=1, keepdims=True)


class Log(list):
    """A list that stays the same one when the callback that holds it is cloned."""

    def __deepcopy__(self, memo):
        return self


class Heard(Callback):
    """Notes trainings, epochs and batches, and may interrupt after so many of the latter."""

    def __init__(self, log, interrupt=None):
        self.log = log
        self.interrupt = interrupt

    def on_train_begin(self, net, **kwargs):
        self.log.append("train")

    def on_epoch_end(self, net, **kwargs):
        self.log.append("epoch")

    def on_batch_end(self, net, batch=None, **kwargs):
        self.log.append((batch[0].numpy().copy(),))
        if len(batches(self.log)) == self.interrupt:
            raise KeyboardInterrupt


def batches(log):
    return [entry[0] for entry in log if isinstance(entry, tuple)]


X = bent_sheet()
ROLL, FLAT = roll()
NEW, NEW_FLAT = roll(seed=1)


def quick(n_components=2, **params):
    """A net that learns for ten steps: enough for all that does not depend on a good map."""
    small = {"max_steps": 10, "hidden_layer_sizes": (16,), "n_landmarks": 16, "random_state": 0}
    return GeodesicAutoencoder(n_components, **small | params)


@pytest.fixture(scope="module")
def map_of_roll():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return GeodesicAutoencoder(max_steps=500, random_state=0).fit(ROLL)


@pytest.fixture(scope="module")
def fitted():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return quick().fit(X)


def same_bytes(first, second, data=X):
    codes = first.transform(data)
    there = second.transform(data).tobytes() == codes.tobytes()
    back = second.inverse_transform(codes).tobytes() == first.inverse_transform(codes).tobytes()
    return there and back


def messages(estimator, data):
    """What a fit warns of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        estimator.fit(data)
    return [str(warning.message) for warning in caught]


# The map


def test_fresh_points_of_the_swiss_roll_are_unrolled(map_of_roll):
    codes = map_of_roll.transform(NEW)
    assert procrustes_score(NEW_FLAT, codes) > 0.999
    assert geodesic_correlation(NEW, codes) > 0.998


def test_error_of_the_map_is_several_times_below_that_of_isomap(map_of_roll):
    isomap = Isomap(n_neighbors=10).fit(ROLL)
    error, of_isomap = (
        1 - procrustes_score(NEW_FLAT, some.transform(NEW)) for some in (map_of_roll, isomap)
    )
    assert error < of_isomap / 4


def test_roll_is_rolled_up_again(map_of_roll):
    assert map_of_roll.score(NEW) > 0.999
    rebuilt = map_of_roll.inverse_transform(map_of_roll.transform(NEW))
    np.testing.assert_allclose(rebuilt, map_of_roll.reconstruct(NEW), atol=1e-9)
    assert np.abs(rebuilt - NEW).mean() < 0.2


def test_distances_in_the_code_are_those_along_the_data_in_its_units(map_of_roll):
    some = slice(None, None, 10)
    codes = map_of_roll.transform(NEW[some])
    true, found = cdist(NEW_FLAT[some], NEW_FLAT[some]), cdist(codes, codes)
    far = true > 5
    assert np.median(found[far] / true[far]) == pytest.approx(1, abs=0.02)


def test_components_are_centred_uncorrelated_and_in_the_order_of_their_variance(map_of_roll):
    codes = map_of_roll.transform(ROLL)
    covariance = np.cov(codes.T)
    np.testing.assert_allclose(codes.mean(axis=0), 0, atol=1e-4)
    assert abs(covariance[0, 1]) < 1e-5 * covariance[1, 1]
    assert covariance[0, 0] > covariance[1, 1]


def test_what_is_known_of_the_graph_and_of_the_map(map_of_roll):
    assert 5 <= map_of_roll.n_neighbors_ <= 18
    assert map_of_roll.n_connected_components_ == 1
    assert map_of_roll.n_short_cuts_ == 0
    assert map_of_roll.landmarks_.shape == (64, 3)
    assert (cdist(map_of_roll.landmarks_, ROLL).min(axis=1) == 0).all()
    one, two, *more = map_of_roll.geodesic_residual_variance_
    assert len(more) == 3
    assert two < 0.005 < one
    assert 0 < map_of_roll.stress_ < 0.02
    assert 0 < map_of_roll.stress_ratio_ < 0.85
    assert map_of_roll.target_embedding_ is None
    assert map_of_roll.target_score_ is None
    assert map_of_roll.is_pca_ is False
    assert map_of_roll.validation_scores_ is None
    error = np.square(map_of_roll.reconstruct(ROLL) - ROLL).sum(axis=1).mean()
    assert map_of_roll.reconstruction_err_ == pytest.approx(error)


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_code_scales_with_the_data(factor):
    codes = quick(max_steps=30).fit(X).transform(X)
    scaled = quick(max_steps=30).fit(factor * X).transform(factor * X)
    np.testing.assert_allclose(scaled / factor, codes, atol=1e-3)


def test_code_does_not_change_where_the_data_lie():
    codes = quick(max_steps=30).fit(X).transform(X)
    shifted = quick(max_steps=30).fit(X + 100).transform(X + 100)
    np.testing.assert_allclose(shifted, codes, atol=1e-2)


def test_s_curve_is_unrolled_without_an_alarm():
    data, _ = make_s_curve(1000, random_state=0)
    new, t_new = make_s_curve(1000, random_state=1)
    estimator = GeodesicAutoencoder(max_steps=300, random_state=0)
    assert messages(estimator, data) == []
    flat = np.column_stack([t_new, new[:, 1]])
    assert procrustes_score(flat, estimator.transform(new)) > 0.999


def test_rows_beyond_the_anchors_are_mapped_as_well():
    estimator = GeodesicAutoencoder(max_anchors=700, max_steps=400, random_state=0)
    estimator.fit(roll(2000, seed=2)[0])
    assert procrustes_score(NEW_FLAT, estimator.transform(NEW)) > 0.999


# Noise


def test_fixed_number_of_neighbors_has_short_cuts_under_noise():
    estimator = quick(n_neighbors=10)
    (message,) = messages(estimator, roll(noise=0.5, seed=103)[0])[:1]
    residual = estimator.geodesic_residual_variance_[1]
    assert residual > 0.02
    assert f"landmark MDS leaves {residual:.3f} of their variance" in message
    assert "graph of 10 nearest neighbours" in message


def test_automatic_number_of_neighbors_has_none():
    estimator = quick()
    found = messages(estimator, roll(noise=0.5, seed=103)[0])
    assert all("creased" in message for message in found)
    assert estimator.geodesic_residual_variance_[1] < 0.02


def test_single_short_cuts_are_taken_out_and_told_of_and_the_roll_is_unrolled():
    estimator = GeodesicAutoencoder(max_steps=400, random_state=0)
    (message,) = messages(estimator, roll(noise=0.5, seed=100)[0])
    assert estimator.n_short_cuts_ > 0
    assert f": {estimator.n_short_cuts_} edges between points" in message
    assert f"{estimator.geodesic_residual_variance_[1]:.3f}" in message
    new, flat = roll(noise=0.5, seed=1)
    assert procrustes_score(flat, estimator.transform(new)) > 0.997


# Alarms


@pytest.mark.parametrize(
    "data",
    [roll(2000, noise=1.0)[0], roll(300, noise=0.5)[0], sphere()],
    ids=["noise", "few rows", "sphere"],
)
def test_data_that_has_no_flat_map_is_told_of_with_the_residual_variance(data):
    estimator = quick()
    found = messages(estimator, data)
    residual = estimator.geodesic_residual_variance_[1]
    assert residual > 0.02
    expected = f"not those of a flat map of n_components=2: landmark MDS leaves {residual:.3f}"
    assert sum(expected in message for message in found) == 1
    assert not any("creased" in message for message in found)


def test_clusters_far_apart_are_told_of_with_their_number():
    data, _ = make_blobs(200, centers=[[0, 0, 0], [100, 0, 0]], random_state=0)
    estimator = quick()
    found = messages(estimator, data)
    assert estimator.n_connected_components_ == 2
    assert "fell into 2 parts" in found[0]
    assert f"Use more than n_neighbors={estimator.n_neighbors_}" in found[0]


def test_alarms_point_to_the_line_of_the_fit():
    data, _ = make_blobs(60, centers=[[0, 0, 0], [100, 0, 0]], random_state=0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        quick(callbacks=[Heard(Log(), interrupt=5)]).fit(data)
    assert len(caught) > 1
    assert {warning.filename for warning in caught} == {__file__}


def test_untrained_map_is_told_to_be_creased_with_its_stress():
    estimator = quick()
    (message,) = messages(estimator, ROLL)
    assert estimator.stress_ratio_ > 0.85
    assert f"may be creased: it has {estimator.stress_ratio_:.2f} times the stress" in message


def test_code_in_which_all_rows_are_one_point_is_no_good_map():
    class ToAPoint(BaseEstimator):
        def build(self, n_features, n_components):
            encoder = nn.Linear(n_features, n_components)
            nn.init.zeros_(encoder.weight).requires_grad_(False)
            return encoder, nn.Linear(n_components, n_features)

    estimator = quick(architecture=ToAPoint(), hidden_layer_sizes=(64, 64, 64))
    (message,) = messages(estimator, X)
    assert np.ptp(estimator.transform(X)) == 0
    assert estimator.stress_ratio_ > 0.85
    assert "creased" in message


# Another target


def test_code_follows_pca_and_has_its_units():
    estimator = GeodesicAutoencoder(target=PCA(2), max_steps=150, random_state=0)
    assert messages(estimator, 10 * X + 7) == []
    expected = PCA(2).fit_transform(10 * X + 7)
    assert estimator.target_score_ > 0.99
    np.testing.assert_array_equal(estimator.target_embedding_, expected)
    codes = estimator.transform(10 * X + 7)
    assert np.abs(codes - expected).mean() < 0.1 * expected.std()
    assert estimator.score(10 * X + 7) > 0.9
    for name in ("landmarks_", "n_neighbors_", "stress_", "geodesic_residual_variance_"):
        assert getattr(estimator, name) is None


class Shifted(BaseEstimator):
    """An embedder whose coordinates are not centred."""

    def fit_transform(self, X, y=None):
        return 1000 + X[:, :2]


def test_coordinates_of_a_target_need_not_be_centred():
    estimator = quick(target=Shifted(), max_steps=150).fit(X)
    np.testing.assert_allclose(estimator.transform(X).mean(axis=0), 1000, atol=1)
    assert estimator.target_score_ > 0.8


@pytest.mark.parametrize(
    "target",
    [
        Isomap(n_neighbors=8),
        TSNE(init="random", perplexity=10, max_iter=250),
        SpectralEmbedding(affinity="nearest_neighbors", n_neighbors=8),
    ],
    ids=["isomap", "t-SNE", "spectral"],
)
def test_embedding_is_followed_given_its_seed_and_left_as_it_was(target):
    state, parameters = np.random.get_state()[1].copy(), target.get_params()
    attributes = {*vars(target)}
    first, second = (quick(target=target).fit(X) for _ in range(2))
    assert same_bytes(first, second)
    assert first.target_embedding_.shape == (150, 2)
    assert first.target_embedding_.tobytes() == second.target_embedding_.tobytes()
    assert {*vars(target)} == attributes
    assert target.get_params() == parameters
    np.testing.assert_array_equal(np.random.get_state()[1], state)


def test_isomap_gets_an_inverse():
    isomap = Isomap(n_neighbors=10)
    estimator = GeodesicAutoencoder(target=isomap, max_steps=300, random_state=0).fit(ROLL)
    assert estimator.target_score_ > 0.99
    assert procrustes_score(NEW_FLAT, estimator.transform(NEW)) > 0.99
    assert estimator.score(NEW) > 0.99


def test_target_sees_no_more_than_max_anchors_rows():
    estimator = quick(target=PCA(2), max_anchors=60).fit(X)
    assert estimator.target_embedding_.shape == (60, 2)
    assert estimator.transform(X).shape == (150, 2)


class Given(BaseEstimator):
    def __init__(self, make=None):
        self.make = make

    def fit_transform(self, X, y=None):
        return self.make(X)


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (lambda X: X, r"\(150, 3\)"),
        (lambda X: X[:5, :2], r"\(5, 2\)"),
        (lambda X: np.full((150, 2), np.nan), r"\(150, 2\)"),
    ],
    ids=["wide", "short", "nan"],
)
def test_target_of_a_wrong_shape_or_without_finite_values_is_refused(make, shape, fitted):
    estimator = copy.deepcopy(fitted).set_params(target=Given(make))
    with pytest.raises(ValueError, match=rf"target=Given\(.*shape {shape} for 150 rows"):
        estimator.fit(X)
    assert same_bytes(estimator, fitted)


def test_target_after_a_geodesic_fit_forgets_the_landmarks():
    estimator = quick().fit(X).set_params(target=PCA(2)).fit(X)
    assert estimator.landmarks_ is None
    assert estimator.set_params(target=None).fit(X).target_embedding_ is None


# Impossible parameters


class Untouchable(PCA):
    def fit_transform(self, X, y=None):
        raise AssertionError("this embedding takes long")


BAD = [
    ({"n_landmarks": 2}, r"n_landmarks=2 cannot span a map of n_components=2\. Use at least 3"),
    ({"n_landmarks": 1}, r"'n_landmarks' parameter .* Got 1"),
    ({"n_neighbors": 0}, r"'n_neighbors' parameter .* Got 0"),
    ({"n_neighbors": "many"}, r"'n_neighbors' parameter .* Got 'many'"),
    ({"geodesic_weight": -1.0}, r"'geodesic_weight' parameter .* Got -1"),
    ({"max_anchors": 1}, r"'max_anchors' parameter .* Got 1"),
    ({"noise_level": -0.1}, r"'noise_level' parameter .* Got -0\.1"),
    ({"max_steps": 0}, r"'max_steps' parameter .* Got 0"),
    ({"target": "isomap"}, r"'target' parameter .* Got 'isomap'"),
    ({"target": PCA}, r"target=PCA is a class\. Give an object of it: PCA\(\)"),
    ({"target": Untouchable(3)}, r"target=Untouchable\(.*n_components=3, and .* n_components=2"),
    ({"metric": "precomputed"}, r"metric='precomputed' leaves no rows to encode"),
    ({"metric": "bogus"}, r"[Mm]etric.*'bogus'"),
    ({"loss": "log_loss"}, r"loss='log_loss' needs data in \[0, 1\]"),
]


@pytest.mark.parametrize(("params", "message"), BAD, ids=lambda value: str(value)[:30])
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_impossible_parameter_is_named_before_training(params, message, method, fitted):
    class Deaf(Callback):
        def on_train_begin(self, net, **kwargs):
            raise AssertionError("training has begun")

    estimator = quick(callbacks=[Deaf()], **params)
    with pytest.raises(ValueError, match=message):
        getattr(estimator, method)(X)
    assert not hasattr(estimator, "module_")
    assert not hasattr(estimator, "n_features_in_")
    estimator = copy.deepcopy(fitted).set_params(**params)
    before = {**vars(estimator)}
    with pytest.raises(ValueError, match=message):
        estimator.fit(2 * X[:, :2])
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is before[name] for name in before)
    assert same_bytes(estimator, fitted)


def test_later_pieces_cannot_have_a_target(fitted):
    estimator = copy.deepcopy(fitted).set_params(target=PCA(2))
    with pytest.raises(ValueError, match=r"target=PCA\(n_components=2\) would give each piece"):
        estimator.partial_fit(X)
    assert same_bytes(estimator, fitted)


@pytest.mark.parametrize("rate", [1.0, 10.0, 100.0, 1e4, 1e30])
def test_learning_rate_far_too_large_is_reduced_or_the_fit_ends_in_an_error(rate):
    estimator = quick(learning_rate_init=rate, max_steps=60)
    with contextlib.suppress(RuntimeError):
        estimator.fit(X)
    assert not hasattr(estimator, "module_") or estimator.score(X) > 0.5


def test_fit_that_diverges_names_the_learning_rate_and_leaves_a_fitted_estimator_as_it_was(fitted):
    estimator = copy.deepcopy(fitted).set_params(learning_rate_init=1e30)
    with pytest.raises(RuntimeError, match=r"learning_rate_init=1e\+30 was halved 5 times"):
        estimator.fit(X[:, :2])
    assert same_bytes(estimator, fitted)


# Tiny and degenerate data


@pytest.mark.filterwarnings("ignore:The geodesic distances are not those of a flat map")
@pytest.mark.filterwarnings("ignore:The graph of")
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_components", [1, 2, 5])
@pytest.mark.parametrize(
    "data",
    [
        X[:1],
        X[:2],
        X[:4],
        np.ones((20, 3)),
        np.tile(X[:30], (100, 1)),
        np.column_stack([X, np.ones((150, 2))]),
        X[:, :1],
        X[:1, :1],
    ],
    ids=[
        "row",
        "two rows",
        "fewer rows than neighbours",
        "equal rows",
        "repeated rows",
        "constant columns",
        "one feature",
        "one value",
    ],
)
def test_tiny_and_degenerate_data_have_finite_codes(data, n_components, dtype):
    data = np.array(data, dtype=dtype)
    data.flags.writeable = False
    estimator = quick(n_components, max_steps=5).fit(data)
    codes = estimator.transform(data)
    assert codes.shape == (len(data), n_components)
    assert codes.dtype == estimator.inverse_transform(codes).dtype == dtype
    for values in (
        codes,
        estimator.reconstruct(data),
        estimator.loss_curve_,
        estimator.geodesic_residual_variance_,
        [estimator.stress_, estimator.stress_ratio_, estimator.reconstruction_err_],
    ):
        assert np.isfinite(values).all()
    assert len(estimator.landmarks_) == min(16, len(np.unique(data, axis=0)))


@pytest.mark.parametrize("value", [5.0, 1 / 3, 1e6 / 3])  # a third is away from itself, by rounding
def test_equal_rows_have_one_code_and_no_alarm(value):
    estimator = quick(max_steps=100)
    assert messages(estimator, np.full((20, 3), value)) == []
    assert np.ptp(estimator.transform(np.full((20, 3), value))) < 1e-12
    np.testing.assert_allclose(estimator.reconstruct(np.full((2, 3), value)), value, atol=0.1)


@pytest.mark.parametrize("bend", [lambda flat: flat, np.tanh])
def test_rows_that_lie_flat_in_space_have_a_smooth_map_at_once(bend):
    rng, log = np.random.default_rng(0), Log()
    flat = rng.normal(size=(200, 2))
    rows = bend(flat @ rng.normal(size=(2, 6))) + 0.1 * rng.normal(size=(200, 6))
    estimator = GeodesicAutoencoder(random_state=0, callbacks=[Heard(log)])
    assert messages(estimator, rows) == []
    assert log.count("train") == 1
    assert (
        procrustes_score(Isomap(n_neighbors=10).fit_transform(rows), estimator.transform(rows))
        > 0.99
    )


def test_repeated_rows_make_the_landmarks_of_the_rows_once():
    once, often = quick().fit(X), quick().fit(np.tile(X, (20, 1)))
    rows = {tuple(row) for row in often.landmarks_}
    assert len(rows) == 16
    assert rows <= {tuple(row) for row in X}
    assert often.n_neighbors_ == once.n_neighbors_


def test_read_only_memory_map_gives_the_same_bytes(tmp_path):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    assert same_bytes(quick().fit(mapped), quick().fit(X))


def test_wide_code_needs_no_warning_about_copying():
    assert all("creased" in message for message in messages(quick(5), X))


# Weights


def test_row_of_weight_two_is_two_rows():
    few = X[:30]
    weight = 1 + np.arange(30) % 3
    weighted = quick().fit(few, sample_weight=weight)
    repeated = quick().fit(np.repeat(few, weight, axis=0))
    np.testing.assert_allclose(weighted.transform(X), repeated.transform(X), atol=1e-5)


@pytest.mark.parametrize("n_rows", [50, 150])
def test_row_of_no_weight_is_absent(n_rows):
    some = X[:n_rows]
    weight = (np.arange(n_rows) % 3 > 0).astype(float)
    without = quick().fit(some, sample_weight=weight)
    absent = quick().fit(some[weight > 0])
    np.testing.assert_array_equal(without.landmarks_, absent.landmarks_)
    np.testing.assert_allclose(without.transform(X), absent.transform(X), atol=1e-5)


def test_weights_centre_the_code():
    weight = 1.0 + 9 * (X[:, 2] > 1)
    codes = quick().fit(X, sample_weight=weight).transform(X)
    np.testing.assert_allclose(np.average(codes, axis=0, weights=weight), 0, atol=1e-6)
    assert np.abs(codes.mean(axis=0)).max() > 0.05


# Steps


@pytest.mark.parametrize("n_rows", [1, 20, 150, 600])
def test_steps_are_counted_however_many_rows_there_are(n_rows):
    estimator = quick(max_steps=7, batch_size=50).fit(bent_sheet(n_rows))
    assert estimator.net_.criterion_.n_steps == 7
    assert estimator.n_iter_ == len(estimator.loss_curve_) == 1
    assert np.isfinite(estimator.loss_curve_).all()


@pytest.mark.parametrize(("max_steps", "n_epochs"), [(1, 1), (50, 1), (51, 2), (120, 3)])
def test_fifty_steps_are_an_epoch(max_steps, n_epochs):
    log = Log()
    estimator = quick(max_steps=max_steps, callbacks=[Heard(log)]).fit(X[:30])
    assert log.count("epoch") == n_epochs * log.count("train")
    assert len(batches(log)) == max_steps * log.count("train")
    assert estimator.n_iter_ == len(estimator.loss_curve_) == n_epochs


def test_creased_map_is_trained_three_times_and_a_good_one_once(map_of_roll):
    log = Log()
    quick(callbacks=[Heard(log)]).fit(X)
    assert log.count("train") == 3
    log.clear()
    quick(callbacks=[Heard(log)], target=PCA(2)).fit(X)
    assert log.count("train") == 1


def test_no_more_rows_than_the_steps_can_take_are_guided():
    log = Log()
    estimator = quick(callbacks=[Heard(log)], max_steps=3, batch_size=8).fit(X)
    assert log.count("train") == 3
    rows = np.unique(np.vstack(batches(log)), axis=0)
    assert len(rows) == 24
    assert estimator.transform(X).shape == (150, 2)


def test_every_row_is_guided_where_the_steps_suffice():
    log = Log()
    quick(callbacks=[Heard(log)], max_steps=19, batch_size=8).fit(X)
    assert len(np.unique(np.vstack(batches(log)), axis=0)) == 150


@pytest.mark.parametrize("last", [3, 50, 60])
def test_interrupted_training_keeps_the_model_and_does_not_start_again(last):
    log = Log()
    estimator = quick(max_steps=60, callbacks=[Heard(log, interrupt=last)])
    found = messages(estimator, X)
    assert "Training was interrupted after" in found[0]
    assert log.count("train") == 1
    assert len(batches(log)) == last
    assert np.isfinite(estimator.transform(X)).all()
    assert estimator.n_iter_ == len(estimator.loss_curve_) == (last - 1) // 50


class Stop(Callback):
    def on_epoch_end(self, net, **kwargs):
        raise KeyboardInterrupt  # as skorch's EarlyStopping does


def test_callback_that_ends_a_fit_ends_it_without_a_warning():
    log = Log()
    estimator = quick(max_steps=120, callbacks=[Heard(log), Stop()])
    assert all("creased" in message for message in messages(estimator, X))
    assert log.count("train") == 1
    assert estimator.n_iter_ == 1


# What stays the same


def test_same_seed_gives_the_same_bytes_and_another_seed_other_ones():
    first, second, other = (quick(random_state=seed).fit(X) for seed in (0, 0, 1))
    assert same_bytes(first, second)
    assert first.loss_curve_ == second.loss_curve_
    assert not same_bytes(first, other)


def test_fit_leaves_the_global_state_the_data_and_the_parameters_alone():
    data, architecture, target = X.copy(), MLP((8,), skip=False), PCA(2)
    states = np.random.get_state()[1].copy(), torch.get_rng_state()
    for params in ({"architecture": architecture}, {"target": target}):
        estimator = quick(**params)
        if "architecture" in params:
            estimator.set_params(hidden_layer_sizes=(64, 64, 64))
        before = joblib.hash(estimator.get_params())
        estimator.fit(data)
        assert joblib.hash(estimator.get_params()) == before
    np.testing.assert_array_equal(data, X)
    np.testing.assert_array_equal(np.random.get_state()[1], states[0])
    assert torch.equal(torch.get_rng_state(), states[1])


def through_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


def through_skops(estimator):
    blob = skops.io.dumps(estimator)
    unknown = skops.io.get_untrusted_types(data=blob)
    assert all(name.startswith("sklearn_ae.") for name in unknown), unknown
    return skops.io.loads(blob, trusted=unknown)


COPIES = {
    "pickle": lambda estimator: pickle.loads(pickle.dumps(estimator)),
    "joblib": through_joblib,
    "deepcopy": copy.deepcopy,
    "skops": through_skops,
}


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize(
    "params", [{}, {"target": PCA(2)}, {"noise_level": 0}], ids=["geodesic", "target", "no noise"]
)
def test_copy_computes_the_same_bytes_and_knows_the_same(way, params):
    estimator = quick(**params).fit(X)
    restored = COPIES[way](estimator)
    assert same_bytes(estimator, restored)
    for name in ("landmarks_", "stress_", "n_neighbors_", "target_embedding_", "loss_curve_"):
        np.testing.assert_array_equal(getattr(restored, name), getattr(estimator, name))


@pytest.mark.parametrize("way", COPIES)
def test_copy_learns_on_from_further_pieces_alike(way):
    estimator = quick().partial_fit(X)
    restored = COPIES[way](estimator)
    piece = bent_sheet(seed=1)
    assert same_bytes(estimator.partial_fit(piece), restored.partial_fit(piece))


def test_codes_come_as_a_frame_and_data_comes_back_with_its_columns():
    frame = pd.DataFrame(X, columns=["x", "y", "z"], index=np.arange(150) + 7)
    estimator = quick().set_output(transform="pandas").fit(frame)
    codes = estimator.transform(frame)
    assert list(codes.columns) == ["geodesicautoencoder0", "geodesicautoencoder1"]
    assert codes.index.equals(frame.index)
    back = estimator.inverse_transform(codes)
    assert list(back.columns) == ["x", "y", "z"]
    assert back.index.equals(frame.index)


# Going on


def test_warm_start_goes_on_from_the_map(map_of_roll):
    estimator = copy.deepcopy(map_of_roll).set_params(warm_start=True, max_steps=50)
    estimator.fit(ROLL)
    assert estimator.loss_curve_[0] < 0.2 * map_of_roll.loss_curve_[0]
    assert estimator.net_.criterion_.n_steps == 50
    codes = estimator.transform(NEW)
    assert procrustes_score(NEW_FLAT, codes) > 0.999
    assert procrustes_score(map_of_roll.transform(NEW), codes) > 0.999


def test_warm_start_of_a_new_estimator_is_a_fit():
    assert same_bytes(quick(warm_start=True).fit(X), quick().fit(X))


@pytest.mark.parametrize(
    "params", [{"n_components": 3}, {"hidden_layer_sizes": (8,)}], ids=["code", "layers"]
)
def test_warm_start_cannot_change_the_net(params, fitted):
    estimator = copy.deepcopy(fitted).set_params(warm_start=True, **params)
    with pytest.raises(ValueError, match="Call fit with warm_start=False"):
        estimator.fit(X)


def test_first_partial_fit_is_a_fit():
    first, other = quick().partial_fit(X), quick().fit(X)
    assert same_bytes(first, other)
    assert first.loss_curve_ == other.loss_curve_
    assert first.stress_ == other.stress_


def test_later_pieces_keep_centre_scale_and_orientation_of_the_map(map_of_roll):
    estimator, old = copy.deepcopy(map_of_roll), map_of_roll.transform(NEW)
    for seed in (10, 11):
        estimator.partial_fit(roll(seed=seed)[0])
    codes = estimator.transform(NEW)
    assert procrustes_score(old, codes) > 0.999
    assert np.abs(codes - old).max() < 0.05 * np.ptp(old)
    assert estimator.n_iter_ == len(estimator.loss_curve_) == map_of_roll.n_iter_ + 2


def test_later_pieces_do_not_spoil_a_good_map(map_of_roll):
    estimator = copy.deepcopy(map_of_roll)
    for seed in (10, 11, 12):
        estimator.partial_fit(roll(2000, seed=seed)[0])
    error, before = (
        1 - procrustes_score(NEW_FLAT, some.transform(NEW)) for some in (estimator, map_of_roll)
    )
    assert error < 2 * before
    assert estimator.score(NEW) > 0.999


def test_later_pieces_improve_a_poor_map():
    estimator = GeodesicAutoencoder(max_steps=60, random_state=0).fit(ROLL)
    before = estimator.score(NEW), procrustes_score(NEW_FLAT, estimator.transform(NEW))
    losses = []
    for seed in range(10, 14):
        losses.append(estimator.partial_fit(roll(2000, seed=seed)[0]).loss_curve_[-1])
    assert losses[-1] < losses[0]  # pieces differ, so it need not fall with each of them
    assert estimator.score(NEW) > before[0]
    assert procrustes_score(NEW_FLAT, estimator.transform(NEW)) > before[1]


def test_piece_of_another_width_is_refused(fitted):
    estimator = copy.deepcopy(fitted)
    with pytest.raises(ValueError, match="X has 2 features, but GeodesicAutoencoder is expecting"):
        estimator.partial_fit(X[:, :2])
    assert same_bytes(estimator, fitted)


# Together with other things


def test_clone_is_unfitted_and_equal(fitted):
    cloned = clone(fitted)
    assert not hasattr(cloned, "module_")
    assert same_bytes(cloned.fit(X), fitted)


@pytest.mark.filterwarnings("ignore:The geodesic distances are not those of a flat map")
@pytest.mark.filterwarnings("ignore:The graph of")
def test_number_of_neighbors_can_be_searched():
    search = GridSearchCV(quick(max_steps=5), {"n_neighbors": [5, "auto"]}, cv=2).fit(X)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.transform(X).shape == (150, 2)


def test_log_loss_rebuilds_values_between_zero_and_one():
    data = (X - X.min(axis=0)) / np.ptp(X, axis=0)
    estimator = GeodesicAutoencoder(loss="log_loss", max_steps=150, random_state=0).fit(data)
    rebuilt = estimator.reconstruct(data)
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1
    assert estimator.score(data) > 0.9
    assert geodesic_correlation(data, estimator.transform(data)) > 0.98


class Own(BaseEstimator):
    """An architecture of one's own, which knows nothing of starts."""

    def build(self, n_features, n_components):
        encoder = nn.Sequential(
            nn.Linear(n_features, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, n_components)
        )
        return encoder, nn.Sequential(
            nn.Linear(n_components, 32), nn.ReLU(), nn.Linear(32, n_features)
        )


@pytest.mark.parametrize(
    "architecture",
    [Own(), MLP((32, 32), "tanh", tied=True), MLP((32,)), MLP(())],
    ids=["own", "tied", "skip", "linear"],
)
def test_other_architectures_can_be_given(architecture):
    estimator = GeodesicAutoencoder(architecture=architecture, max_steps=100, random_state=0)
    estimator.fit(X)
    assert estimator.score(X) > 0.6
    assert same_bytes(estimator, pickle.loads(pickle.dumps(estimator)))
    assert estimator.transform(X).shape == (150, 2)


@pytest.mark.filterwarnings("ignore:The geodesic distances are not those of a flat map")
@pytest.mark.filterwarnings("ignore:The graph of")
def test_metric_has_a_name_or_is_a_function():
    def manhattan(a, b):
        return np.abs(a - b).sum()

    named, own = (quick(metric=metric).fit(X[:50]) for metric in ("manhattan", manhattan))
    np.testing.assert_array_equal(named.landmarks_, own.landmarks_)
    np.testing.assert_allclose(named.transform(X), own.transform(X), atol=1e-3)
    plain = quick().fit(X[:50])
    assert not np.allclose(named.transform(X), plain.transform(X), atol=1e-3)


@pytest.mark.parametrize(
    "params",
    [
        {"geodesic_weight": 0},
        {"noise_level": 0},
        {"alpha": 0.1},
        {"solver": "sgd"},
        {"batch_size": 1},
        {"n_neighbors": 1000, "n_components": 3},
        {"n_landmarks": 1000},
        {"max_anchors": 5},
    ],
    ids=str,
)
def test_other_settings_give_finite_codes(params):
    assert np.isfinite(quick(**params).fit(X).transform(X)).all()

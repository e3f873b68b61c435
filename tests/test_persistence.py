import copy
import gc
import io
import pickle
import weakref

import cloudpickle
import joblib
import numpy as np
import pytest
import skops.io
import torch
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import EarlyStopping
from torch import nn

import sklearn_ae
from sklearn_ae import AutoencoderTransformer
from sklearn_ae.architectures import MLP
from sklearn_ae.corruptions import GaussianNoise
from sklearn_ae.penalties import L2

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data


class Normalised(BaseEstimator):
    """A user's own architecture with buffers of its own."""

    def build(self, n_features, n_components):
        encoder = nn.Sequential(
            nn.Linear(n_features, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, n_components)
        )
        return encoder, nn.Linear(n_components, n_features)


VARIANTS = {
    "default": {},
    "parts": {"penalty": L2(0.1), "corruption": GaussianNoise(0.1), "loss": "poisson"},
    "tied": {"architecture": MLP((8, 4), tied=True)},
    "buffers": {"architecture": Normalised(), "init": "random"},
    "callbacks": {"callbacks": [EarlyStopping(monitor="train_loss")]},
    "optimizer": {"net_params": {"optimizer": torch.optim.RMSprop}},
    "sgd": {"solver": "sgd", "learning_rate_init": 1e-3},
}


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
    "copy": copy.copy,
    "cloudpickle": lambda estimator: pickle.loads(cloudpickle.dumps(estimator)),
    "skops": through_skops,
}


def quick(**params):
    return AutoencoderTransformer(**{"max_iter": 4, "random_state": 0} | params)


def assert_same(first, second, data=X):
    codes = first.transform(data)
    assert second.transform(data).tobytes() == codes.tobytes()
    assert second.inverse_transform(codes).tobytes() == first.inverse_transform(codes).tobytes()
    assert second.n_iter_ == first.n_iter_
    assert second.loss_curve_ == first.loss_curve_
    assert second.validation_scores_ == first.validation_scores_
    assert joblib.hash(second.get_feature_names_out()) == joblib.hash(first.get_feature_names_out())


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("variant", ["default", "parts", "tied"])
def test_copy_computes_the_same_bytes(way, variant):
    estimator = quick(**VARIANTS[variant]).fit(X)
    assert_same(estimator, COPIES[way](estimator))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_variant_survives_pickling(variant, dtype):
    estimator = quick(**VARIANTS[variant]).fit(X.astype(dtype))
    restored = pickle.loads(pickle.dumps(estimator))
    assert_same(estimator, restored, X.astype(dtype))
    assert restored.transform(X).dtype == dtype


@pytest.mark.parametrize("way", COPIES)
def test_unfitted_estimator_can_be_copied(way):
    restored = COPIES[way](quick(penalty=L2(0.1)))
    assert not hasattr(restored, "module_")
    assert (
        restored.fit(X).transform(X).tobytes()
        == quick(penalty=L2(0.1)).fit(X).transform(X).tobytes()
    )


@pytest.mark.parametrize("way", COPIES)
def test_partly_fitted_estimator_can_be_copied_and_goes_on_alike(way):
    estimator = quick(batch_size=30).partial_fit(X).partial_fit(X)
    restored = COPIES[way](estimator)
    assert_same(estimator.partial_fit(X), restored.partial_fit(X))


@pytest.mark.parametrize("way", ["deepcopy", "copy", "pickle"])
def test_copy_is_independent(way):
    estimator = quick().partial_fit(X)
    before = estimator.transform(X)
    COPIES[way](estimator).partial_fit(X).partial_fit(X)
    np.testing.assert_array_equal(estimator.transform(X), before)


@pytest.mark.parametrize("way", COPIES)
def test_copy_of_a_copy_is_the_same(way):
    estimator = quick().fit(X)
    assert_same(estimator, COPIES[way](COPIES[way](estimator)))


def test_pipeline_goes_through_skops():
    pipeline = make_pipeline(StandardScaler(), quick()).fit(X)
    restored = through_skops(pipeline)
    np.testing.assert_array_equal(restored.transform(X), pipeline.transform(X))


def test_output_container_is_saved():
    data = load_iris(as_frame=True).data
    estimator = quick().set_output(transform="pandas").fit(data)
    restored = pickle.loads(pickle.dumps(estimator))
    assert list(restored.reconstruct(data).columns) == list(data.columns)


def leaves(value):
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(key)
            yield from leaves(item)
    elif isinstance(value, list | tuple | set):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, BaseEstimator):
        yield from leaves(vars(value))
    else:
        yield value


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("variant", ["default", "parts", "tied", "buffers", "sgd"])
def test_state_is_made_of_plain_values_and_arrays(method, variant):
    estimator = getattr(quick(**VARIANTS[variant]), method)(X)
    allowed = (str, int, float, bool, type(None), np.ndarray, np.generic)
    for leaf in leaves(estimator.__getstate__()):
        assert isinstance(leaf, allowed), type(leaf)
        assert not (isinstance(leaf, np.ndarray) and leaf.dtype.hasobject)


def test_getstate_does_not_change_the_estimator():
    estimator = quick().partial_fit(X)
    before = set(vars(estimator))
    codes = estimator.transform(X)
    estimator.__getstate__()["_trained"]["arrays"]["offset"] += 0
    assert set(vars(estimator)) == before
    np.testing.assert_array_equal(estimator.transform(X), codes)


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_model_of_another_device_loads_on_this_machine(method):
    estimator = getattr(quick(), method)(X)
    codes = estimator.transform(X)
    estimator.device = "cuda:63"
    restored = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(restored.transform(X), codes)
    assert restored.device == "cuda:63"


@pytest.mark.parametrize("method", ["fit", "partial_fit", "get_params"])
def test_other_version_warns_and_the_same_does_not(monkeypatch, method):
    estimator = quick()
    if method != "get_params":
        getattr(estimator, method)(X)
    pickle.loads(pickle.dumps(estimator))
    with monkeypatch.context() as patch:
        patch.setattr(sklearn_ae._version, "__version__", "0.0.1")
        old = pickle.dumps(estimator)
    with pytest.warns(
        InconsistentVersionWarning, match=r"AutoencoderTransformer.*0\.0\.1"
    ) as record:
        restored = pickle.loads(old)
    assert len(record) == 1
    assert record[0].message.original_sklearn_version == "0.0.1"
    assert record[0].message.current_sklearn_version == sklearn_ae.__version__
    pickle.loads(pickle.dumps(restored))


@pytest.mark.parametrize(
    "change",
    [
        {"n_components": 3},
        {"hidden_layer_sizes": (3,)},
        {"activation": "tanh"},
        {"architecture": MLP((3,))},
        {"loss": "poisson"},
        {"penalty": L2()},
        {"init": "random"},
        {"solver": "sgd"},
        {"batch_size": 7},
        {"learning_rate_init": 0.5},
        {"net_params": {"optimizer": torch.optim.RMSprop}},
        {"net_params": {"optimizer": torch.optim.RMSprop, "optimizer__momentum": 0.9}},
        {"callbacks": [EarlyStopping(monitor="train_loss")]},
        {"device": "cuda"},
        {"learning_rate_init": -1.0},
        {"solver": "unknown"},
        {"net_params": {"optimizer__bogus": 1}},
        {"device": "bogus"},
    ],
    ids=lambda change: next(iter(change)),
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_set_params_after_fit_does_not_break_pickling(change, method):
    estimator = getattr(quick(hidden_layer_sizes=(8,)), method)(X)
    codes = estimator.transform(X)
    estimator.set_params(**change)
    np.testing.assert_array_equal(estimator.transform(X), codes)
    restored = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(restored.transform(X), codes)


@pytest.mark.parametrize(
    ("first", "then"), [("adam", "sgd"), ("sgd", "adam")], ids=["adam to sgd", "sgd to adam"]
)
def test_solver_changed_between_partial_fits_acts_alike_with_and_without_pickling(first, then):
    stayed, travelled = (quick(solver=first).partial_fit(X).set_params(solver=then) for _ in "ab")
    travelled = pickle.loads(pickle.dumps(travelled))
    assert_same(stayed.partial_fit(X), travelled.partial_fit(X))


@pytest.mark.parametrize("method", ["fit", "partial_fit"])
@pytest.mark.parametrize("early_stopping", [True, False])
def test_training_data_is_let_go(method, early_stopping):
    data, weight = X.copy(), np.arange(1.0, 151.0)
    estimator = getattr(quick(early_stopping=early_stopping), method)(data, sample_weight=weight)
    references = weakref.ref(data), weakref.ref(weight)
    del data, weight
    gc.collect()
    assert [reference() for reference in references] == [None, None]
    assert not any(
        isinstance(value, np.ndarray | torch.Tensor) and len(value.shape) == 2 and len(value) >= 100
        for value in [*vars(estimator).values(), *vars(estimator.net_).values()]
    )


def test_training_data_is_let_go_after_a_fit_that_failed():
    data = X.copy()
    estimator = quick(loss=lambda reconstruction, x: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        estimator.fit(data)
    reference = weakref.ref(data)
    del data
    gc.collect()
    assert reference() is None


@pytest.mark.parametrize(("method", "factor"), [("fit", 1), ("partial_fit", 3)])
def test_file_is_about_as_large_as_the_weights(method, factor):
    data = load_digits().data
    estimator = getattr(quick(), method)(data)
    weights = sum(weight.nbytes for weight in estimator.module_.state_dict().values())
    assert len(pickle.dumps(estimator)) < factor * weights + 20_000


def test_generator_state_of_another_device_does_not_keep_a_model_from_loading():
    state = quick().partial_fit(X).__getstate__()
    state["_trained"]["progress"]["noise"] = np.zeros(16, dtype=np.uint8)  # what CUDA has
    loaded = AutoencoderTransformer.__new__(AutoencoderTransformer)
    loaded.__setstate__(state)
    assert np.isfinite(loaded.partial_fit(X).transform(X)).all()

import json
import pickle
import struct
import zipfile
from functools import cache

import joblib
import numpy as np
import pytest
import skops.io
import torch
from safetensors.numpy import load_file
from sklearn.base import BaseEstimator
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

import sklearn_ae
from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    GeodesicAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae.architectures import MLP, Convolutional
from sklearn_ae.corruptions import Masking
from sklearn_ae.export import TRUSTED, load, save
from sklearn_ae.penalties import L2

pytestmark = pytest.mark.filterwarnings(
    "ignore:Training stopped at max_iter",
    "ignore:The (geodesic distances|graph|map)",
    "ignore:.* units of the code have collapsed",
)

FRAME = load_iris(as_frame=True).data
X = FRAME.to_numpy()
WITH_GAPS = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
METHODS = ("transform", "score_samples", "predict", "reconstruct")


class MyPenalty(BaseEstimator):
    def __call__(self, module, x, output):
        return output.code.square().sum(dim=1)


class MyArchitecture(BaseEstimator):
    """Of parts for which torch's device without values has no way."""

    def build(self, n_features, n_components):
        encoder = nn.Linear(n_features, n_components)
        encoder.bias.data += torch.from_numpy(np.ones(n_components, dtype=np.float32))
        return nn.Sequential(encoder, nn.BatchNorm1d(n_components)), nn.Linear(2, n_features)


def my_loss(reconstruction, x):
    return (reconstruction - x).abs().mean(dim=1)


def small(kind, **params):
    budget = {"max_iter": 3, "max_steps": 20}
    known = kind().get_params()
    shared = {name: value for name, value in budget.items() if name in known}
    return kind(**{"random_state": 0} | shared | params)


def defaults():
    kinds = {name: getattr(sklearn_ae, name) for name in sklearn_ae.__all__}
    return {name: small(kind) for name, kind in kinds.items()}


VARIANTS = defaults() | {
    "tied": small(AutoencoderTransformer, architecture=MLP((4,), tied=True)),
    "convolutional": small(AutoencoderTransformer, architecture=Convolutional((2, 2), (3,))),
    "parts": small(AutoencoderTransformer, penalty=L2(0.1), corruption=Masking(), loss="poisson"),
    "top_k": small(SparseAutoencoder, sparsity="top_k", n_active=1),
    "random state": small(AutoencoderTransformer, random_state=np.random.RandomState(3)),
    "pandas": small(AutoencoderTransformer).set_output(transform="pandas"),
    "plain code": small(VariationalAutoencoder, beta=0.0),
    "imputer": small(AutoencoderImputer, autoencoder=small(AutoencoderTransformer)),
    "draws": small(AutoencoderImputer, sample_posterior=True, add_indicator=True),
    "variational detector": AutoencoderOutlierDetector(small(VariationalAutoencoder)),
}


def data_for(estimator):
    return WITH_GAPS if isinstance(estimator, AutoencoderImputer) else FRAME


@cache
def fitted(variant):
    estimator = VARIANTS[variant]
    return estimator.fit(data_for(estimator))


def through_file(estimator, path, custom=None):
    save(estimator, path)
    return load(path, custom)


def through_skops(estimator):
    return skops.io.loads(skops.io.dumps(estimator), trusted=TRUSTED)


def through_joblib(estimator, path):
    joblib.dump(estimator, path)
    return joblib.load(path)


def assert_same(first, second, data):
    for method in METHODS:
        if hasattr(first, method):
            ours, theirs = (np.asarray(getattr(m, method)(data)) for m in (first, second))
            assert ours.tobytes() == theirs.tobytes()
    assert params_of(first) == params_of(second)


def params_of(estimator):
    params = estimator.get_params()
    state = params["random_state"]
    if isinstance(state, np.random.RandomState):
        params["random_state"] = state.get_state(legacy=False)
    return joblib.hash(params)


@pytest.mark.parametrize("variant", VARIANTS)
def test_file_gives_back_the_same_estimator(variant, tmp_path):
    estimator = fitted(variant)
    restored = through_file(estimator, tmp_path / "model.safetensors")
    assert type(restored) is type(estimator)
    assert_same(estimator, restored, data_for(estimator))
    assert vars(restored).keys() == vars(estimator).keys()


@pytest.mark.parametrize("variant", VARIANTS)
def test_skops_gives_back_the_same_estimator_with_the_types_of_our_list(variant):
    estimator = fitted(variant)
    assert_same(estimator, through_skops(estimator), data_for(estimator))


@pytest.mark.parametrize("variant", defaults())
def test_joblib_gives_back_the_same_estimator(variant, tmp_path):
    estimator = fitted(variant)
    restored = through_joblib(estimator, tmp_path / "model.joblib")
    assert_same(estimator, restored, data_for(estimator))


@pytest.mark.parametrize("variant", defaults())
def test_untrained_estimator_can_be_saved(variant, tmp_path):
    estimator = defaults()[variant]
    restored = through_file(estimator, tmp_path / "model")
    assert params_of(restored) == params_of(estimator)


def test_pipeline_goes_through_skops_with_the_types_of_our_list():
    y = load_iris().target
    pipeline = make_pipeline(
        StandardScaler(), small(AutoencoderTransformer), LogisticRegression()
    ).fit(X, y)
    np.testing.assert_array_equal(
        through_skops(pipeline).predict_proba(X), pipeline.predict_proba(X)
    )


def test_the_list_of_trusted_types_has_public_names_of_every_estimator_and_part():
    public = [name for name in TRUSTED if "._" not in name]
    assert {f"sklearn_ae.{name}" for name in sklearn_ae.__all__} <= set(public)
    assert len(TRUSTED) - len(public) <= 3
    for name in public:
        module, _, kind = name.rpartition(".")
        assert hasattr(__import__(module, fromlist=[kind]), kind)


def test_partly_trained_estimator_goes_on_alike(tmp_path):
    estimator = small(AutoencoderTransformer, batch_size=30).partial_fit(X)
    restored = through_file(estimator, tmp_path / "model")
    assert_same(estimator.partial_fit(X), restored.partial_fit(X), X)


def test_requested_metadata_are_saved(tmp_path):
    with sklearn_ae_routing():
        estimator = small(AutoencoderTransformer).set_fit_request(sample_weight=True)
        restored = through_file(estimator, tmp_path / "model")
        assert str(restored.get_metadata_routing()) == str(estimator.get_metadata_routing())


def sklearn_ae_routing():
    import sklearn

    return sklearn.config_context(enable_metadata_routing=True)


CUSTOM = {
    "penalty": ({"penalty": MyPenalty()}, MyPenalty),
    "architecture": ({"architecture": MyArchitecture(), "init": "random"}, MyArchitecture),
    "loss": ({"loss": my_loss}, my_loss),
    "optimizer": ({"net_params": {"optimizer": torch.optim.RMSprop}}, torch.optim.RMSprop),
}


@pytest.mark.parametrize("name", CUSTOM)
def test_what_is_not_ours_has_to_be_handed_in(name, tmp_path):
    params, part = CUSTOM[name]
    estimator = small(AutoencoderTransformer, **params).fit(X)
    path = tmp_path / "model"
    save(estimator, path)
    full = f"{part.__module__}.{part.__qualname__}"
    with pytest.raises(ValueError, match=rf"{full}.*hand it in.*custom="):
        load(path)
    assert_same(estimator, load(path, custom={full: part}), X)


def test_autoencoder_of_scikit_learn_in_a_detector_has_to_be_handed_in(tmp_path):
    detector = AutoencoderOutlierDetector(PCA(2), random_state=0).fit(X)
    save(detector, tmp_path / "model")
    with pytest.raises(ValueError, match=r"sklearn\.decomposition\._pca\.PCA"):
        load(tmp_path / "model")
    restored = load(tmp_path / "model", custom={"sklearn.decomposition._pca.PCA": PCA})
    assert_same(detector, restored, X)


@pytest.mark.parametrize("custom", [[MyPenalty], {"MyPenalty": "MyPenalty"}, MyPenalty])
def test_custom_must_be_a_dict_of_classes(custom, tmp_path):
    save(small(AutoencoderTransformer), tmp_path / "model")
    with pytest.raises(TypeError, match="must be a dict"):
        load(tmp_path / "model", custom=custom)


@pytest.mark.parametrize("params", [{"loss": lambda a, b: a}, {"net_params": {"a": open}}])
def test_what_cannot_be_saved_is_named_and_leaves_no_file(params, tmp_path):
    path = tmp_path / "model"
    if "net_params" in params:
        params = {"net_params": {"train_split": {1, 2}}}
    with pytest.raises(TypeError, match=f"{next(iter(params))}.*cannot be saved"):
        save(small(AutoencoderTransformer, **params), path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("other", [PCA(), make_pipeline(PCA()), MLP(), 3, AutoencoderTransformer])
def test_save_takes_estimators_of_ours_only(other, tmp_path):
    with pytest.raises(TypeError, match="no estimator of sklearn_ae"):
        save(other, tmp_path / "model")


def test_weights_can_be_read_by_any_reader_of_safetensors(tmp_path):
    estimator = fitted("AutoencoderTransformer")
    save(estimator, tmp_path / "model.safetensors")
    arrays = load_file(tmp_path / "model.safetensors")
    weight = arrays["_trained.arrays.encoder.layers.0.weight"]
    np.testing.assert_array_equal(weight, estimator.module_.encoder.layers[0].weight.detach())


def test_header_tells_class_parameters_versions_and_format(tmp_path):
    save(fitted("AutoencoderTransformer"), tmp_path / "model")
    blob = (tmp_path / "model").read_bytes()
    size = struct.unpack("<Q", blob[:8])[0]
    header = json.loads(json.loads(blob[8 : 8 + size])["__metadata__"]["sklearn_ae"])
    assert header["format"] == [1, 0]
    assert header["versions"]["sklearn_ae"] == sklearn_ae.__version__
    assert header["estimator"]["class"] == "sklearn_ae.AutoencoderTransformer"
    assert ["n_components", 2] in header["estimator"]["state"]["dict"]


def test_file_is_no_zip_and_holds_no_pickle(tmp_path):
    save(fitted("AutoencoderImputer"), tmp_path / "model")
    assert not zipfile.is_zipfile(tmp_path / "model")
    with pytest.raises(pickle.UnpicklingError):
        pickle.loads((tmp_path / "model").read_bytes())


def test_saving_replaces_an_older_file_and_leaves_nothing_beside_it(tmp_path):
    path = tmp_path / "model"
    path.write_text("old")
    save(fitted("AutoencoderTransformer"), path)
    load(str(path))
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_failed_saving_leaves_the_older_file(tmp_path, monkeypatch):
    path = tmp_path / "model"
    save(fitted("AutoencoderTransformer"), path)
    before = path.read_bytes()

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(fitted("VariationalAutoencoder"), path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["model"]


def test_file_of_another_version_warns_of_it(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sklearn_ae._version, "__version__", "0.0.1")
        save(small(AutoencoderTransformer), tmp_path / "model")
    with pytest.warns(UserWarning, match=r"AutoencoderTransformer.*0\.0\.1"):
        load(tmp_path / "model")


def test_model_of_a_gpu_loads_where_there_is_none(tmp_path):
    estimator = small(AutoencoderTransformer).fit(X)
    codes = estimator.transform(X)
    state = estimator.__getstate__()
    state["_trained"]["recipe"]["device"] = state["device"] = "cuda:63"
    moved = AutoencoderTransformer.__new__(AutoencoderTransformer)
    moved.__setstate__(state)
    restored = through_file(moved, tmp_path / "model")
    np.testing.assert_array_equal(restored.transform(X), codes)


@pytest.mark.parametrize("kind", [k for k in defaults() if not k.endswith(("Detector", "Imputer"))])
def test_file_is_about_as_large_as_the_weights(kind, tmp_path):
    from sklearn.datasets import load_digits

    estimator = small(getattr(sklearn_ae, kind)).fit(load_digits().data)
    nets = [estimator.module_]
    if kind == "TabularAutoencoder":
        nets.append(estimator._filling.trained.module)  # that fills gaps
    weights = sum(weight.nbytes for net in nets for weight in net.state_dict().values())
    weights += getattr(estimator, "landmarks_", np.empty(0)).nbytes  # of a geodesic map
    save(estimator, tmp_path / "model")
    assert (tmp_path / "model").stat().st_size <= 1.1 * weights + 16 * 1024


def test_a_geodesic_map_keeps_its_landmarks_once():
    estimator = small(GeodesicAutoencoder).fit(X)
    state = estimator.__getstate__()
    assert state["landmarks_"] is not None
    assert state["_trained"]["recipe"]["landmarks"] is None

from functools import cache

import numpy as np
import onnx
import onnxruntime
import pytest
import skl2onnx
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import sklearn_ae
from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae.architectures import Convolutional
from sklearn_ae.export import register_converters, to_onnx

pytestmark = pytest.mark.filterwarnings(
    "ignore:Training stopped at max_iter",
    "ignore:The (geodesic distances|graph|map)",
    "ignore:.* units of the code have collapsed",
)

X, Y = load_iris(return_X_y=True)
ROWS = X[::3].astype(np.float32)


def small(kind, n_components=2, **params):
    known = kind().get_params()
    budget = {"max_iter": 5, "max_steps": 20, "random_state": 0, "hidden_layer_sizes": (8,)}
    shared = {name: value for name, value in budget.items() if name in known}
    return kind(n_components, **shared | params)


AUTOENCODERS = {
    name: small(getattr(sklearn_ae, name))
    for name in sklearn_ae.__all__
    if issubclass(getattr(sklearn_ae, name), sklearn_ae._base.BaseAutoencoder)
} | {
    "convolutional": small(
        AutoencoderTransformer,
        hidden_layer_sizes="auto",
        architecture=Convolutional((2, 2), (3,)),
    ),
    "poisson": small(VariationalAutoencoder, loss="poisson"),
    "top_k": small(SparseAutoencoder, sparsity="top_k", n_active=1),
}


@cache
def fitted(name):
    return AUTOENCODERS[name].fit(X)


def run(model, rows):
    session = onnxruntime.InferenceSession(model.SerializeToString())
    return session.run(None, {session.get_inputs()[0].name: rows})


def assert_close(given, expected):
    assert given.shape == expected.shape
    assert np.abs(given - expected).max() <= 1e-5 * max(np.abs(expected).max(), 1e-3)


@pytest.mark.parametrize("name", AUTOENCODERS)
def test_codes_of_the_graph_are_those_of_the_estimator(name):
    (codes,) = run(to_onnx(fitted(name)), ROWS)
    assert_close(codes, fitted(name).transform(ROWS))


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("NestedAutoencoder", "inverse_transform"),
        ("GeodesicAutoencoder", "reconstruct"),
        ("AutoencoderTransformer", "score_samples"),
        ("VariationalAutoencoder", "score_samples"),
        ("poisson", "reconstruct"),
    ],
)
def test_other_methods_of_the_graph_are_those_of_the_estimator(name, method):
    estimator = fitted(name)
    rows = estimator.transform(ROWS) if method == "inverse_transform" else ROWS
    rows = rows.astype(np.float32)
    (given,) = run(to_onnx(estimator, method=method), rows)
    assert_close(given, getattr(estimator, method)(rows))


def test_graph_takes_any_number_of_rows():
    model = to_onnx(fitted("AutoencoderTransformer"))
    for n_rows in (0, 1, 7, 5000):
        (codes,) = run(model, np.resize(ROWS, (n_rows, 4)))
        assert codes.shape == (n_rows, 2)


def test_graph_of_a_variational_bound_is_short_and_takes_any_number_of_rows():
    estimator = fitted("VariationalAutoencoder")
    model = to_onnx(estimator, method="score_samples")
    assert len(model.graph.node) < 100  # 32 draws, each by itself, have 700
    for n_rows in (0, 1, 70):
        rows = np.resize(ROWS, (n_rows, 4))
        (scores,) = run(model, rows)
        assert scores.shape == (n_rows,)
        np.testing.assert_allclose(
            scores[:1], estimator.score_samples(ROWS)[:n_rows][:1], rtol=1e-4
        )


@pytest.mark.parametrize("measure", ["combined", "standardised", "squared_error"])
def test_scores_and_labels_of_a_detector(measure):
    autoencoder = small(AutoencoderTransformer)
    detector = AutoencoderOutlierDetector(autoencoder, measure=measure, random_state=0).fit(X)
    rows = np.vstack([ROWS, ROWS + 3])
    label, decision = run(to_onnx(detector, method="predict"), rows)
    expected = detector.decision_function(rows)
    np.testing.assert_allclose(decision, expected, rtol=2e-4, atol=2e-4)
    clear = np.abs(expected) > 1e-3
    np.testing.assert_array_equal(label[clear], detector.predict(rows)[clear])


@pytest.mark.filterwarnings("ignore:contamination='auto' calls rows with p-values")
def test_detector_of_few_rows():
    detector = AutoencoderOutlierDetector(small(AutoencoderTransformer, 1), random_state=0)
    detector.fit(X[:3, :2])
    (scores,) = run(to_onnx(detector, method="score_samples"), ROWS[:, :2])
    np.testing.assert_allclose(scores, detector.score_samples(ROWS[:, :2]), rtol=2e-4)


def test_whole_pipeline_is_converted():
    pipeline = make_pipeline(StandardScaler(), small(AutoencoderTransformer), LogisticRegression())
    pipeline.fit(X, Y)
    register_converters()
    register_converters()
    model = skl2onnx.to_onnx(pipeline, ROWS[:1], options={"zipmap": False})
    label, probability = run(model, ROWS)
    np.testing.assert_array_equal(label, pipeline.predict(ROWS))
    assert np.abs(probability - pipeline.predict_proba(ROWS)).max() < 1e-5


def test_pipeline_that_ends_with_a_detector_is_converted():
    detector = AutoencoderOutlierDetector(small(AutoencoderTransformer), random_state=0)
    pipeline = make_pipeline(StandardScaler(), detector).fit(X)
    register_converters()
    label, decision = run(skl2onnx.to_onnx(pipeline, ROWS[:1]), ROWS)
    np.testing.assert_allclose(
        decision.ravel(), pipeline.decision_function(ROWS), rtol=2e-4, atol=2e-4
    )
    assert set(np.unique(label)) <= {-1, 1}


def test_model_is_one_file_that_passes_the_checker(tmp_path):
    model = to_onnx(fitted("AutoencoderTransformer"), tmp_path / "model.onnx")
    assert [file.name for file in tmp_path.iterdir()] == ["model.onnx"]
    onnx.checker.check_model(onnx.load(tmp_path / "model.onnx"), full_check=True)
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    np.testing.assert_array_equal(session.run(None, {"X": ROWS})[0], run(model, ROWS)[0])


IMPUTERS = {
    "correcting": {"linear_base": True, "add_indicator": True},
    "alone": {"linear_base": False, "keep_empty_features": True, "missing_values": -1},
    "limited": {
        "linear_base": False,
        "max_value": 5.0,
        "min_value": "observed",
        "integer_features": [0],
    },
    "variational that is not needed": {
        "autoencoder": VariationalAutoencoder(1, learning_rate_init=1e-9)
    },
}


@pytest.mark.parametrize("kind", IMPUTERS)
def test_gaps_are_filled_as_by_the_imputer(kind):
    given = {"autoencoder": AutoencoderTransformer(2, hidden_layer_sizes=(8,))} | IMPUTERS[kind]
    imputer = AutoencoderImputer(max_steps=50, random_state=0, **given)
    gap = given.get("missing_values", np.nan)
    gaps = np.random.default_rng(0).random((150, 4)) < 0.3
    with_gaps = np.hstack([np.where(gaps, gap, X), np.full((150, 1), gap)])
    filled = imputer.fit(with_gaps).transform(with_gaps)
    (exported,) = run(to_onnx(imputer), with_gaps.astype(np.float32))
    assert_close(exported, filled)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"linear_base": False}, "search for the likeliest of them has no fixed number of steps"),
        ({"sample_posterior": True}, "sample_posterior=True draws what is filled in"),
    ],
)
def test_what_a_variational_autoencoder_fills_in_cannot_be_exported(params, message):
    autoencoder = small(VariationalAutoencoder)
    imputer = AutoencoderImputer(autoencoder, max_steps=2, random_state=0, **params)
    with pytest.raises(ValueError, match=message):
        to_onnx(imputer.fit(X))


@pytest.mark.parametrize(
    ("loss", "share"),
    [("squared_error", 0.35), ("log_loss", 0.35), ("poisson", 0.35), ("poisson", 0)],
)
def test_mixture_of_linear_model_and_autoencoder_is_exported(loss, share):
    autoencoder = small(AutoencoderTransformer, loss=loss)
    imputer = AutoencoderImputer(autoencoder, linear_base=False, max_steps=50, random_state=0)
    data = {"log_loss": X / 10, "poisson": np.round(X)}.get(loss, X)
    with_gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.3, np.nan, data)
    state = imputer.fit(with_gaps).__getstate__()
    state["_learned"]["share"] = float(share)
    imputer = AutoencoderImputer.__new__(AutoencoderImputer)
    imputer.__setstate__(state)
    (exported,) = run(to_onnx(imputer), with_gaps.astype(np.float32))
    assert_close(exported, imputer.transform(with_gaps))


def test_gaps_of_a_column_by_itself_are_filled_by_the_graph():
    column = np.where(np.arange(150) % 3, X[:, 0], np.nan)[:, None]
    imputer = AutoencoderImputer(small(AutoencoderTransformer), max_steps=2, random_state=0)
    filled = imputer.fit(column).transform(column)
    assert imputer.rank_ == 0
    (exported,) = run(to_onnx(imputer), column.astype(np.float32))
    assert_close(exported, filled)


def test_imputer_with_a_linear_model_of_any_covariance_is_exported():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1000, 30)) @ (np.tri(30) + rng.normal(size=(30, 30))) / 5
    gaps = np.where(rng.random(rows.shape) < 0.1, np.nan, rows).astype(np.float32)
    imputer = AutoencoderImputer(max_steps=20, random_state=0).fit(gaps)
    assert imputer.rank_ == 30
    (filled,) = run(to_onnx(imputer), gaps[:50])
    assert_close(filled, imputer.transform(gaps[:50]))


def test_operation_that_onnx_lacks_is_an_error_that_says_so():
    with pytest.raises(ValueError, match="'score_samples' of this estimator cannot be exported"):
        to_onnx(fitted("poisson"), method="score_samples")


def test_exporting_leaves_the_estimator_as_it_was_and_prints_nothing(capfd):
    estimator = fitted("AutoencoderTransformer")
    before = estimator.transform(X)
    to_onnx(estimator)
    assert estimator.module_.dtype == np.float64
    assert estimator.transform(X).tobytes() == before.tobytes()
    assert capfd.readouterr() == ("", "")


def test_what_cannot_be_exported_is_named():
    with pytest.raises(ValueError, match="method='fit' is unknown"):
        to_onnx(fitted("AutoencoderTransformer"), method="fit")
    with pytest.raises(ValueError, match="AutoencoderTransformer has no method 'predict'"):
        to_onnx(fitted("AutoencoderTransformer"), method="predict")
    with pytest.raises(TypeError, match=r"register_converters\(\)"):
        to_onnx(make_pipeline(PCA()))
    with pytest.raises(TypeError, match=r"^TabularAutoencoder\(\) encodes texts and dates"):
        to_onnx(sklearn_ae.TabularAutoencoder())
    with pytest.raises(NotFittedError):
        to_onnx(AutoencoderTransformer())
    detector = AutoencoderOutlierDetector(PCA(2), random_state=0).fit(X)
    with pytest.raises(TypeError, match=r"PCA.*cannot be exported"):
        to_onnx(detector, method="predict")

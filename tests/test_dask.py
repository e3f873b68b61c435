import pickle
import subprocess
import sys
import warnings

import dask
import dask.array as da
import dask.dataframe as dd
import joblib
import numpy as np
import pandas as pd
import polars  # noqa: F401 - set_output asks for it
import pytest
from dask.distributed import Client, LocalCluster
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    NestedAutoencoder,
    VariationalAutoencoder,
)

pytestmark = [
    pytest.mark.filterwarnings("ignore:Training stopped at max_iter"),
    pytest.mark.filterwarnings("ignore:.* units of the code have collapsed"),
]

X = load_digits().data[:300]
FRAME = pd.DataFrame(X, columns=[f"pixel {i}" for i in range(64)])
SMALL = {"hidden_layer_sizes": (8,), "max_iter": 2, "random_state": 0}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    FITTED = AutoencoderTransformer(3, **SMALL).fit(X)
    OF_FRAME = AutoencoderTransformer(3, **SMALL).fit(FRAME)


@pytest.fixture(autouse=True)
def in_this_thread():
    with dask.config.set(scheduler="synchronous"):
        yield


def questions():
    """Return pairs of a method and rows, by name."""
    detector = AutoencoderOutlierDetector(FITTED, random_state=0).fit(X)
    variational = VariationalAutoencoder(3, **SMALL).fit(X)
    denoising = DenoisingAutoencoder(3, **SMALL).fit(X)
    nested = NestedAutoencoder(3, **SMALL).fit(X)
    gaps = np.where(X == 3, np.nan, X)
    imputer = AutoencoderImputer(FITTED, max_steps=5, random_state=0).fit(gaps)
    names = "score_samples", "decision_function", "predict", "p_values", "feature_errors"
    return {
        "transform": (FITTED.transform, X),
        "reconstruct": (FITTED.reconstruct, X),
        "score_samples": (FITTED.score_samples, X),
        "inverse_transform": (FITTED.inverse_transform, FITTED.transform(X)),
        "evidence": (variational.score_samples, X),
        "denoise": (denoising.denoise, X),
        "first components": (nested.inverse_transform, nested.transform(X)[:, :2]),
        "filled": (imputer.transform, gaps),
    } | {f"outliers: {name}": (getattr(detector, name), X) for name in names}


@pytest.fixture(scope="module")
def asked():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return questions()


NAMES = "transform, reconstruct, score_samples, inverse_transform, evidence, denoise, "
NAMES += "first components, filled, outliers: score_samples, outliers: decision_function, "
NAMES += "outliers: predict, outliers: p_values, outliers: feature_errors"


@pytest.mark.parametrize("name", NAMES.split(", "))
def test_an_array_gives_an_array_chunk_by_chunk(asked, name):
    method, rows = asked[name]
    expected = method(rows)
    given = method(da.from_array(rows, chunks=(120, 2)))  # chunks of columns, too
    assert isinstance(given, da.Array)
    assert given.shape == expected.shape
    assert given.dtype == expected.dtype
    assert given.chunks[0] == (120, 120, 60)
    np.testing.assert_allclose(given.compute(), expected, rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score_samples"])
def test_a_frame_gives_an_array_as_one_of_pandas_does(method):
    given = getattr(OF_FRAME, method)(dd.from_pandas(FRAME, npartitions=3))
    expected = getattr(OF_FRAME, method)(FRAME)
    assert isinstance(given, da.Array)
    assert given.ndim == expected.ndim
    np.testing.assert_allclose(given.compute(), expected, rtol=1e-7)


@pytest.mark.parametrize("method", ["transform", "reconstruct"])
@pytest.mark.parametrize("as_frame", [True, False])
def test_set_output_pandas_gives_a_frame_of_known_columns(method, as_frame):
    estimator = AutoencoderTransformer(3, **SMALL).set_output(transform="pandas").fit(FRAME)
    collection = dd.from_pandas(FRAME, npartitions=3)
    given = getattr(estimator, method)(collection if as_frame else collection.to_dask_array(True))
    assert isinstance(given, dd.DataFrame)
    expected = getattr(estimator, method)(FRAME)
    assert list(given.columns) == list(expected.columns)
    pd.testing.assert_frame_equal(given.compute(), expected, check_index_type=False)


def test_set_output_polars_has_no_collection():
    estimator = AutoencoderTransformer(3, **SMALL).set_output(transform="polars").fit(X)
    with pytest.raises(ValueError, match="pieces of polars"):
        estimator.transform(da.from_array(X))


def test_nothing_is_computed_before_it_is_asked_for():
    def never(block):
        raise AssertionError

    rows = da.zeros((100, 64)).map_blocks(never, dtype=float, meta=np.empty((0, 0)))
    codes = FITTED.transform(rows)
    with pytest.raises(AssertionError):
        codes.compute()


def test_what_is_computed_later_is_what_was_asked_for():
    estimator = AutoencoderTransformer(3, **SMALL).fit(X)
    expected, asked = estimator.transform(X), estimator.transform(da.from_array(X))
    estimator.set_params(random_state=1).fit(X)
    np.testing.assert_allclose(asked.compute(), expected, rtol=1e-7)


def test_partitions_may_be_empty_and_their_lengths_unknown():
    frame = dd.from_pandas(FRAME, npartitions=4)
    some = frame[frame["pixel 2"] > 14]
    expected = OF_FRAME.transform(FRAME[FRAME["pixel 2"] > 14])
    np.testing.assert_allclose(OF_FRAME.transform(some).compute(), expected, rtol=1e-7)
    rows = some.to_dask_array()
    np.testing.assert_allclose(FITTED.transform(rows).compute(), expected, rtol=1e-7)


def test_wrong_columns_are_refused_before_anything_is_computed():
    with pytest.raises(ValueError, match="X has 63 features"):
        FITTED.transform(da.zeros((10, 63)))
    with pytest.raises(ValueError, match="feature names"):
        OF_FRAME.transform(dd.from_pandas(FRAME.rename(columns={"pixel 0": "x"}), npartitions=1))


def test_the_same_question_has_the_same_name_and_the_estimator_is_sent_once():
    rows = da.from_array(X, chunks=(50, 64))
    codes = FITTED.transform(rows)
    assert codes.name == FITTED.transform(rows).name
    graph = dict(codes.__dask_graph__())
    n_bytes = len(pickle.dumps(FITTED))
    whole = sum(len(pickle.dumps(task)) for task in graph.values())
    assert whole < 2 * n_bytes + 2 * X.nbytes


def test_a_fitted_estimator_is_little_more_than_its_weights():
    weights = sum(weight.numel() * weight.element_size() for weight in FITTED.module_.parameters())
    assert len(pickle.dumps(FITTED)) < weights + 6000


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_search_on_dask_workers_finds_what_one_job_does():
    def search(n_jobs=None):
        estimator = AutoencoderTransformer(**SMALL)
        grid = {"n_components": [1, 2], "activation": ["tanh", "relu"]}
        return GridSearchCV(estimator, grid, cv=2, n_jobs=n_jobs)

    alone = search(n_jobs=1).fit(X)
    workers = {"n_workers": 2, "threads_per_worker": 1, "processes": True}
    with (
        LocalCluster(**workers, dashboard_address=None) as cluster,
        Client(cluster),
        joblib.parallel_config("dask"),
    ):
        found = search().fit(X)
    assert found.best_params_ == alone.best_params_
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"]
    )


def test_whoever_has_no_dask_does_not_import_it():
    script = (
        "import sys, numpy; from sklearn_ae import AutoencoderTransformer as A; "
        "A(1, max_iter=500, hidden_layer_sizes=()).fit(numpy.eye(9)).transform(numpy.eye(9)); "
        "assert 'dask' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def test_an_imputer_is_fitted_to_the_rows_of_a_dask_array():
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    imputer = AutoencoderImputer(max_steps=20, random_state=0)
    expected = imputer.fit(gaps).transform(gaps)
    filled = imputer.fit(da.from_array(gaps, chunks=(120, 2))).transform(gaps)
    np.testing.assert_array_equal(filled, expected)

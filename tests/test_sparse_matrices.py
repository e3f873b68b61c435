"""Sparse matrices: the same results as from dense arrays, without one."""

import tracemalloc

import h5py
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    NestedAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._training import sparse_batch
from sklearn_ae._training.pca import moments, principal_axes
from sklearn_ae._training.tables import SparseTable

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_digits().data[:300]  # half of the pixels are black
QUICK = {"max_iter": 5, "random_state": 0}
ESTIMATORS = [
    AutoencoderTransformer(3, **QUICK),
    AutoencoderTransformer(3, loss="poisson", **QUICK),
    AutoencoderTransformer(3, init="random", **QUICK),
    ContractiveAutoencoder(3, **QUICK),
    DenoisingAutoencoder(3, **QUICK),
    DenoisingAutoencoder(3, noise="masking", **QUICK),
    DenoisingAutoencoder(3, noise="salt_and_pepper", **QUICK),
    DenoisingAutoencoder(3, noise="swap", **QUICK),
    NestedAutoencoder(3, **QUICK),
    SparseAutoencoder(8, **QUICK),
    VariationalAutoencoder(3, **QUICK),
]


def counts(n_samples=300, n_features=2500, fill=0.05):
    """Return counts of a few topics, as a sparse matrix of float32."""
    rng = np.random.default_rng(0)
    topics, shares = rng.gamma(0.3, size=(4, n_features)), rng.gamma(0.5, size=(n_samples, 4))
    rates = shares @ topics
    return sparse.csr_array(rng.poisson(fill * rates / rates.mean()).astype(np.float32))


def assert_equal(from_dense, from_sparse, dense, matrix):
    np.testing.assert_allclose(
        from_sparse.transform(matrix), from_dense.transform(dense), atol=1e-5
    )
    np.testing.assert_allclose(
        from_sparse.reconstruct(matrix), from_dense.reconstruct(dense), atol=1e-5
    )
    np.testing.assert_allclose(
        from_sparse.score_samples(matrix), from_dense.score_samples(dense), rtol=1e-4
    )
    assert from_sparse.score(matrix) == pytest.approx(from_dense.score(dense), abs=1e-6)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
def test_a_sparse_fit_is_the_dense_one(estimator):
    matrix = sparse.csr_matrix(X)
    from_dense, from_sparse = clone(estimator).fit(X), clone(estimator).fit(matrix)
    assert from_sparse.loss_curve_ == from_dense.loss_curve_
    assert from_sparse.reconstruction_err_ == pytest.approx(from_dense.reconstruction_err_)
    assert_equal(from_dense, from_sparse, X, matrix)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csc_array, sparse.csc_matrix])
def test_a_sparse_partial_fit_is_the_dense_one(kind):
    from_dense, from_sparse = (AutoencoderTransformer(3, **QUICK) for _ in range(2))
    for rows in (slice(0, 150), slice(150, 300)):
        from_dense.partial_fit(X[rows])
        from_sparse.partial_fit(kind(X[rows]))
    assert_equal(from_dense, from_sparse, X, kind(X))


@pytest.mark.parametrize("kind", [sparse.coo_array, sparse.lil_array, sparse.dok_array])
def test_other_formats_are_converted(kind):
    fitted = AutoencoderTransformer(3, **QUICK).fit(X)
    np.testing.assert_allclose(fitted.transform(kind(X)), fitted.transform(X), atol=1e-5)


class Backed:
    """A sparse data set of AnnData, as far as there is one without AnnData."""

    format = "csc"

    def to_memory(self):
        return sparse.csc_matrix(X)


def group_in_a_file(kind, path):
    """Return a matrix as AnnData writes it to a file."""
    group = h5py.File(path / "adata.h5ad", "w").create_group("X")
    for name in ("data", "indices", "indptr"):
        group[name] = getattr(kind(X), name)
    group.attrs["encoding-type"] = f"{kind(X).format}_matrix"
    group.attrs["shape"] = X.shape
    return group


@pytest.mark.parametrize("kind", ["backed", sparse.csr_matrix, sparse.csc_matrix])
def test_sparse_matrices_in_files_of_anndata_are_loaded(kind, tmp_path):
    given = Backed() if kind == "backed" else group_in_a_file(kind, tmp_path)
    fitted = AutoencoderTransformer(3, **QUICK).fit(given)
    expected = AutoencoderTransformer(3, **QUICK).fit(X)
    np.testing.assert_array_equal(fitted.transform(given), expected.transform(X))
    assert fitted.score(given) == expected.score(X)


def test_the_outlier_detector_takes_sparse_rows():
    matrix = sparse.csc_array(X)
    from_dense = AutoencoderOutlierDetector(random_state=0).fit(X)
    from_sparse = AutoencoderOutlierDetector(random_state=0).fit(matrix)
    for method in ("score_samples", "p_values", "predict", "feature_errors"):
        expected = getattr(from_dense, method)(X)
        np.testing.assert_allclose(getattr(from_sparse, method)(matrix), expected, atol=1e-6)
    assert from_sparse.explain(matrix[:2]).equals(from_dense.explain(X[:2]))


@pytest.mark.parametrize("estimator", [GeodesicAutoencoder(), AutoencoderImputer()], ids=repr)
def test_who_needs_all_rows_at_once_says_so(estimator):
    with pytest.raises(TypeError, match=r"Sparse data was passed.*dense data is required"):
        estimator.fit(sparse.csr_array(X))


@pytest.mark.parametrize("n_samples", [300, 2100])
@pytest.mark.parametrize("is_weighted", [False, True])
def test_principal_axes_of_wide_sparse_rows_are_those_of_dense_ones(n_samples, is_weighted):
    matrix = counts(n_samples).astype(float)
    weight = np.random.default_rng(1).random(n_samples) if is_weighted else None
    dense, table = matrix.toarray(), SparseTable(matrix)
    (mean, scale), (expected_mean, expected_scale) = moments(table, weight), moments(dense, weight)
    np.testing.assert_allclose(mean, expected_mean, atol=1e-12)
    assert scale == pytest.approx(expected_scale)
    axes, expected = (
        principal_axes(data, mean, 3, weight, np.random.RandomState(0)) for data in (table, dense)
    )
    np.testing.assert_allclose(axes, expected, atol=1e-8)


def test_wide_sparse_rows_start_at_pca():
    matrix = counts()
    fitted = AutoencoderTransformer(3, early_stopping=False, learning_rate_init=1e-9, **QUICK)
    codes = fitted.fit(matrix).transform(matrix)
    expected = PCA(3, svd_solver="full").fit_transform(matrix.toarray())
    scale = np.abs(codes).max(axis=0) / np.abs(expected).max(axis=0)
    np.testing.assert_allclose(np.abs(codes), np.abs(expected) * scale, atol=1e-2)


@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
def test_a_sparse_fit_of_wide_rows_is_the_dense_one(loss):
    matrix = counts(200, 2100)
    params = QUICK | {"loss": loss, "hidden_layer_sizes": 16}
    from_dense = AutoencoderTransformer(3, **params).fit(matrix.toarray())
    from_sparse = AutoencoderTransformer(3, **params).fit(matrix)
    assert from_sparse.is_pca_ == from_dense.is_pca_
    assert_equal(from_dense, from_sparse, matrix.toarray(), matrix)


@pytest.fixture
def all_wide_tables(monkeypatch):
    """Let tables stay sparse that are too small for that to pay."""
    monkeypatch.setattr(sparse_batch, "MAX_PREPARED", 0)


def never_dense(table, rows):
    raise AssertionError(f"{rows} were made dense")


@pytest.mark.parametrize(
    "estimator",
    [
        AutoencoderTransformer(3, hidden_layer_sizes=16, **QUICK),
        AutoencoderTransformer(3, hidden_layer_sizes=(), batch_size=50, **QUICK),
        NestedAutoencoder(3, hidden_layer_sizes=16, early_stopping=False, **QUICK),
    ],
    ids=repr,
)
def test_steps_on_sparse_rows_train_as_those_on_dense_ones_do(estimator, monkeypatch):
    matrix, weight = counts(200, 2100), np.random.default_rng(0).integers(1, 3, 200)
    expected = clone(estimator).fit(matrix, sample_weight=weight)
    codes, score = expected.transform(matrix), expected.score(matrix)
    monkeypatch.setattr(sparse_batch, "MAX_PREPARED", 0)
    fitted = clone(estimator).fit(matrix, sample_weight=weight)
    assert fitted.loss_curve_ == pytest.approx(expected.loss_curve_, rel=1e-4)
    assert fitted.validation_scores_ == pytest.approx(expected.validation_scores_, abs=1e-4)
    assert fitted.reconstruction_err_ == pytest.approx(expected.reconstruction_err_, rel=1e-4)
    assert fitted.score(matrix) == pytest.approx(score, abs=1e-5)
    np.testing.assert_allclose(fitted.transform(matrix), codes, atol=1e-3 * np.abs(codes).max())


@pytest.mark.usefixtures("all_wide_tables")
def test_no_row_of_a_large_table_of_zeros_is_made_dense(monkeypatch):
    matrix = counts(200, 2100)
    monkeypatch.setattr(SparseTable, "__getitem__", never_dense)
    fitted = AutoencoderTransformer(3, hidden_layer_sizes=16, **QUICK).fit(matrix)
    fitted.partial_fit(matrix)
    assert fitted.transform(matrix).shape == (200, 3)
    assert fitted.score_samples(matrix).shape == (200,)


@pytest.mark.usefixtures("all_wide_tables")
def test_rows_of_a_large_table_may_be_empty_or_equal():
    matrix = sparse.vstack([sparse.csr_array((5, 2100), dtype=np.float32), counts(200, 2100)] * 2)
    fitted = AutoencoderTransformer(3, hidden_layer_sizes=16, **QUICK).fit(matrix)
    codes = fitted.transform(matrix)
    assert np.isfinite(codes).all()
    np.testing.assert_allclose(codes[:5], codes[205:210], atol=1e-5)


@pytest.mark.usefixtures("all_wide_tables")
def test_the_score_of_a_large_table_is_r2_of_all_its_values():
    matrix = counts(1000, 2500)
    fitted = AutoencoderTransformer(3, hidden_layer_sizes=16, **QUICK).fit(matrix[:200])
    expected = r2_score(
        matrix.toarray(), fitted.reconstruct(matrix), multioutput="variance_weighted"
    )
    assert fitted.score(matrix) == pytest.approx(expected, abs=1e-6)


def test_wide_rows_are_never_all_dense():
    matrix = counts(3000, 5000)
    autoencoder = AutoencoderTransformer(2, hidden_layer_sizes=4, max_iter=1, random_state=0)
    tracemalloc.start()
    autoencoder.fit(matrix).score(matrix)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    n_bytes = matrix.data.nbytes + matrix.indices.nbytes
    assert n_bytes < peak < 3000 * 5000 * 4


def test_rows_of_zeros_and_empty_columns_are_rows_and_columns():
    matrix = sparse.csr_array(np.vstack([np.zeros((5, 64)), X]))
    fitted = AutoencoderTransformer(3, **QUICK).fit(matrix)
    codes = fitted.transform(matrix)
    assert np.isfinite(codes).all()
    np.testing.assert_array_equal(codes[:5], np.repeat(codes[:1], 5, axis=0))


def test_counts_may_be_integers():
    fitted = AutoencoderTransformer(3, loss="poisson", **QUICK).fit(sparse.csr_array(X.astype(int)))
    dense = AutoencoderTransformer(3, loss="poisson", **QUICK).fit(X)
    np.testing.assert_array_equal(fitted.transform(X), dense.transform(X))


def test_stored_zeros_and_repeated_entries_count_as_what_they_sum_up_to():
    matrix = sparse.coo_array(X)
    rows, columns = matrix.coords
    twice = sparse.csr_array(
        (np.tile(matrix.data / 2, 2), (np.tile(rows, 2), np.tile(columns, 2))), X.shape
    )
    split = sparse.csr_array(X)
    split.data = np.repeat(split.data / 2, 2)
    split.indices, split.indptr = np.repeat(split.indices, 2), 2 * split.indptr
    before = split.data.copy()
    expected = AutoencoderTransformer(3, loss="poisson", **QUICK).fit(X).transform(X)
    for given in (twice, split):
        fitted = AutoencoderTransformer(3, loss="poisson", **QUICK).fit(given)
        np.testing.assert_allclose(fitted.transform(given), expected, atol=1e-5)
    np.testing.assert_array_equal(split.data, before)


@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score", "reconstruct"])
def test_nan_in_a_sparse_matrix_is_refused(method):
    matrix = sparse.csr_array(X)
    matrix.data[10] = np.nan
    fitted = AutoencoderTransformer(3, **QUICK).fit(X)
    with pytest.raises(ValueError, match=r"contains NaN[^$]*AutoencoderImputer"):
        getattr(fitted, method)(matrix)


def test_negative_counts_in_a_sparse_matrix_are_refused():
    with pytest.raises(ValueError, match="needs counts, but the smallest value of X is -16"):
        AutoencoderTransformer(loss="poisson").fit(sparse.csr_array(-X))


def test_the_wrong_width_is_refused():
    fitted = AutoencoderTransformer(3, **QUICK).fit(sparse.csr_array(X))
    with pytest.raises(ValueError, match=r"X has 63 features, but .* is expecting 64"):
        fitted.transform(sparse.csr_array(X[:, 1:]))


@pytest.mark.parametrize("n_rows", [10, 60])
def test_few_sparse_rows_are_merged_like_dense_ones(n_rows):
    rows = np.repeat(X[: n_rows // 2], 2, axis=0)
    from_dense = AutoencoderTransformer(2, **QUICK).fit(rows)
    from_sparse = AutoencoderTransformer(2, **QUICK).fit(sparse.csr_array(rows))
    assert_equal(from_dense, from_sparse, rows, sparse.csr_array(rows))


def test_weights_of_sparse_rows_count():
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    from_dense = AutoencoderTransformer(3, **QUICK).fit(X, sample_weight=weight)
    from_sparse = AutoencoderTransformer(3, **QUICK).fit(sparse.csr_array(X), sample_weight=weight)
    assert_equal(from_dense, from_sparse, X, sparse.csr_array(X))


def test_texts_are_encoded_in_a_pipeline():
    texts = ["red green", "green blue", "blue red", "red red", "blue blue green", "green"] * 20
    pipeline = make_pipeline(CountVectorizer(), AutoencoderTransformer(2, **QUICK))
    codes = pipeline.fit_transform(texts)
    np.testing.assert_allclose(codes, pipeline.transform(texts), atol=1e-5)


def test_a_matrix_that_cannot_be_written_to_is_taken_and_left_alone():
    matrix = sparse.csr_array(X)
    for part in (matrix.data, matrix.indices, matrix.indptr):
        part.flags.writeable = False
    before = matrix.toarray()
    AutoencoderTransformer(3, **QUICK).fit(matrix).partial_fit(matrix).score(matrix)
    np.testing.assert_array_equal(matrix.toarray(), before)

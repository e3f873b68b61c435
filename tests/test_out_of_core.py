"""Arrays on disk or in chunks: as from memory, without ever being there as a whole."""

import subprocess
import sys

import h5py
import numpy as np
import pytest
import torch
import zarr
from dask import array as dask_array
from sklearn.base import clone

from sklearn_ae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    NestedAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._training.blocks import BlockTable, ahead, forget_pages
from sklearn_ae._training.loader import Batches
from sklearn_ae._training.pca import moments
from sklearn_ae._training.streaming import StreamedRows

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

QUICK = {"max_iter": 4, "random_state": 0}
N_ROWS, N_FEATURES = 2000, 10


def some_rows():
    """Return rows near a curved surface, in the order of where they lie on it."""
    rng = np.random.default_rng(0)
    angles = np.sort(rng.uniform(0, 4, N_ROWS))[:, None]
    surface = np.hstack([np.cos(angles), np.sin(angles), rng.normal(size=(N_ROWS, 1))])
    noise = rng.normal(scale=0.05, size=(N_ROWS, N_FEATURES))
    return (surface @ rng.normal(size=(3, N_FEATURES)) + noise + 2).astype(np.float32)


X = some_rows()


def as_memmap(rows, path):
    np.save(path / "rows.npy", rows)
    return np.load(path / "rows.npy", mmap_mode="r")


def as_hdf5(rows, path):
    return h5py.File(path / "rows.h5", "w").create_dataset("X", data=rows, chunks=(10, 4))


def as_contiguous_hdf5(rows, path):
    return h5py.File(path / "flat.h5", "w").create_dataset("X", data=rows)


def as_zarr(rows, path):
    return zarr.array(rows, chunks=(13, rows.shape[1]))


def as_dask(rows, path):
    return dask_array.from_array(rows, chunks=((1, 49, *[50] * 38, 30, 20), rows.shape[1]))


KINDS = [as_memmap, as_hdf5, as_contiguous_hdf5, as_zarr, as_dask]


@pytest.fixture(autouse=True)
def _everything_is_large(monkeypatch):
    monkeypatch.setattr("sklearn_ae._data.LARGE_FILE", 1000)
    monkeypatch.setattr("sklearn_ae._data.FEW_VALUES", 0)
    monkeypatch.setattr("sklearn_ae._training.blocks.READ_VALUES", 2000)
    monkeypatch.setattr("sklearn_ae._training.blocks.FEW_ROWS", 500)


@pytest.fixture(params=KINDS, ids=lambda kind: kind.__name__)
def stored(request, tmp_path):
    return request.param(X, tmp_path)


# Tables


def test_rows_of_a_table_are_those_of_the_array(stored):
    table = BlockTable(stored)
    assert table.shape == X.shape
    assert table.dtype == np.float32
    rng = np.random.RandomState(0)
    mask = rng.rand(N_ROWS) < 0.1
    for rows in (slice(None), slice(95, 1234), slice(5, 5), slice(None, None, 7), [3, 1999, 3, 0]):
        np.testing.assert_array_equal(table[rows], X[rows])
    for rows in (mask, rng.permutation(N_ROWS), -1, 17):
        np.testing.assert_array_equal(table[rows], X[rows])
    np.testing.assert_array_equal(np.concatenate(list(table.pieces())), X)


@pytest.mark.parametrize("n_values", [1, 50, 2000, 10**9])
def test_spans_are_all_rows_once_and_do_not_cut_chunks(stored, n_values):
    spans = BlockTable(stored).spans(n_values)
    np.testing.assert_array_equal(
        np.concatenate([np.arange(*span) for span in spans]), range(N_ROWS)
    )
    chunk = getattr(stored, "chunks", None)
    if chunk is not None and isinstance(chunk[0], int):
        assert all(start % chunk[0] == 0 for start, _ in spans)


def test_one_pass_finds_the_statistics_of_the_columns(stored):
    table = BlockTable(stored)
    np.testing.assert_array_equal(table.min(axis=0), X.min(axis=0))
    np.testing.assert_array_equal(table.max(axis=0), X.max(axis=0))
    assert (table.min(), table.max()) == (X.min(), X.max())
    np.testing.assert_allclose(table.var(), X.var(axis=0, dtype=np.float64))
    (mean, scale), (expected_mean, expected_scale) = moments(table), moments(X)
    np.testing.assert_allclose(mean, expected_mean)
    assert scale == pytest.approx(expected_scale)


def test_the_sample_is_from_all_over_the_table(stored):
    index, rows = BlockTable(stored).sample
    assert len(index) == len(set(index)) == 500
    np.testing.assert_array_equal(rows, X[index])
    assert np.histogram(index, bins=10, range=(0, N_ROWS))[0].min() > 20


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [("f2", "f4"), ("u1", "f4"), ("i2", "f4"), ("f4", "f4"), ("i4", "f8"), ("f8", "f8")],
)
def test_what_float32_holds_exactly_becomes_float32(dtype, expected):
    assert BlockTable(np.ones((3, 2), dtype))[:].dtype == expected


def test_pages_of_a_file_are_given_back_and_keep_what_was_written(tmp_path):
    rows = np.memmap(tmp_path / "rows", np.float32, "w+", shape=(5000, 7))
    rows[:] = np.arange(7)
    forget_pages(rows, 10, 4990)
    forget_pages(rows[3:, 1:5], 0, 100)
    np.testing.assert_array_equal(rows, np.tile(np.arange(7), (5000, 1)))
    private = np.memmap(tmp_path / "rows", np.float32, "c", shape=(5000, 7))
    private[:] = 3
    forget_pages(private, 0, 5000)
    assert (private == 3).all()


def test_what_is_read_ahead_comes_in_order_and_brings_its_errors():
    assert list(ahead(lambda i: 2 * i, range(5))) == [0, 2, 4, 6, 8]
    reading = ahead(lambda i: 1 / i, [2, 1, 0])
    assert [next(reading), next(reading)] == [0.5, 1.0]
    with pytest.raises(ZeroDivisionError):
        next(reading)


# The order of training


def streamed(rows, weight=None, held_out=()):
    return StreamedRows(BlockTable(rows), weight, held_out)


def positions_in(batches):
    return np.concatenate([batch[0].numpy() for batch in batches])[:, 0]


@pytest.fixture
def numbered():
    return np.arange(5000, dtype=np.float32)[:, None] * np.ones(3, np.float32)


def test_each_pass_meets_all_rows_but_those_held_out_once(numbered):
    rows = streamed(numbered, held_out=[4999, 7, 7 + 128])
    batches = Batches(rows, 64, generator_of(0))
    assert [len(x) for x, _ in batches] == [s.stop - s.start for s in batches.slices]
    first, second = positions_in(batches), positions_in(batches)
    expected = np.delete(np.arange(5000), rows.held_out)
    np.testing.assert_array_equal(np.sort(first), expected)
    np.testing.assert_array_equal(np.sort(second), expected)
    assert (first != second).mean() > 0.99


def test_a_batch_is_from_many_places(numbered):
    for x, _ in Batches(streamed(numbered), 100, generator_of(0)):
        # Of 64 spans about 50 are among 100 rows; they are spread over all the table.
        assert np.ptp(x[:, 0].numpy()) > 2500
        assert len(np.unique(x[:, 0].numpy() // (5000 / 256))) > 30


def test_the_order_is_that_of_the_seed(numbered):
    orders = [positions_in(Batches(streamed(numbered), 64, generator_of(s))) for s in (1, 1, 2)]
    np.testing.assert_array_equal(orders[0], orders[1])
    assert (orders[0] != orders[2]).any()


def test_without_a_generator_the_order_is_that_of_the_table(numbered):
    np.testing.assert_array_equal(positions_in(Batches(streamed(numbered), 64)), range(5000))


def test_weights_go_with_their_rows(numbered):
    weight = np.arange(5000.0)
    for x, its_weight in Batches(streamed(numbered, weight, [3]), 70, generator_of(0)):
        np.testing.assert_array_equal(x[:, 0].numpy(), its_weight.numpy())


def generator_of(seed):
    return torch.Generator().manual_seed(seed)


# Estimators


def assert_as_good(estimator, stored):
    in_memory, fitted = clone(estimator).fit(X), clone(estimator).fit(stored)
    assert fitted.score(X) > in_memory.score(X) - 0.02
    error = np.square(X - fitted.reconstruct(X)).sum(axis=1).mean()
    assert fitted.reconstruction_err_ == pytest.approx(error, rel=1e-4)


@pytest.mark.parametrize("early_stopping", [False, "auto"])
def test_a_fit_is_as_good_as_one_in_memory(early_stopping, stored):
    assert_as_good(AutoencoderTransformer(2, early_stopping=early_stopping, **QUICK), stored)


@pytest.mark.parametrize(
    "estimator",
    [DenoisingAutoencoder(2, **QUICK), NestedAutoencoder(2), VariationalAutoencoder(2, **QUICK)],
    ids=repr,
)
def test_a_fit_of_others_is_as_good_too(estimator, tmp_path):
    assert_as_good(estimator.set_params(**QUICK), as_memmap(X, tmp_path))


def test_what_is_computed_is_what_is_computed_in_memory(stored):
    fitted = AutoencoderTransformer(2, **QUICK).fit(X)
    for method in ("transform", "reconstruct", "score_samples"):
        found = getattr(fitted, method)(stored)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, getattr(fitted, method)(X), rtol=1e-4, atol=1e-5)
    assert fitted.score(stored) == pytest.approx(fitted.score(X), abs=1e-6)


def test_counts_are_taken_from_disk(tmp_path):
    counts = np.random.default_rng(0).poisson(np.exp(X - X.mean()))
    from_memory = AutoencoderTransformer(2, loss="poisson", **QUICK).fit(counts)
    from_disk = AutoencoderTransformer(2, loss="poisson", **QUICK).fit(as_hdf5(counts, tmp_path))
    assert from_disk.score(counts) > from_memory.score(counts) - 0.02
    with pytest.raises(ValueError, match="needs counts, but the smallest value of X is -"):
        AutoencoderTransformer(2, loss="poisson").fit(as_memmap(X - 10, tmp_path))


def test_a_fit_repeats_itself(stored):
    first, second = (AutoencoderTransformer(2, **QUICK).fit(stored) for _ in range(2))
    np.testing.assert_array_equal(first.transform(X), second.transform(X))


def test_passes_of_many_batches_end_in_between(tmp_path):
    fitted = AutoencoderTransformer(2, batch_size=8, **QUICK).fit(as_memmap(X, tmp_path))
    assert len(fitted.loss_curve_) > fitted.n_iter_ == 4


def test_partial_fit_reads_blocks_too(stored):
    fitted = AutoencoderTransformer(2, random_state=0)
    for _ in range(2):
        fitted.partial_fit(stored)
    assert fitted.score(X) > 0.5


def test_weights_of_rows_on_disk_count(tmp_path):
    weight = np.where(np.arange(N_ROWS) < 1000, 1.0, 0.0)
    fitted = AutoencoderTransformer(2, **QUICK).fit(as_hdf5(X, tmp_path), sample_weight=weight)
    np.testing.assert_allclose(fitted.module_.offset, X[:1000].mean(axis=0), rtol=1e-5)
    assert fitted.score(X[:1000]) > 0.8


def test_the_outlier_detector_scores_what_is_on_disk(stored):
    detector = AutoencoderOutlierDetector(random_state=0).fit(X[::10])
    np.testing.assert_allclose(detector.score_samples(stored), detector.score_samples(X), rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("method", ["fit", "partial_fit", "transform", "score"])
def test_a_value_that_is_no_number_is_found_and_nothing_changed(method, value, tmp_path):
    fitted = AutoencoderTransformer(2, **QUICK).fit(X)
    codes, bad = fitted.transform(X), X.copy()
    bad[1500, 3] = value
    name = "NaN" if np.isnan(value) else "infinity"
    with pytest.raises(ValueError, match=rf"Input X contains {name}.* in the rows \d+ to \d+"):
        getattr(fitted, method)(as_memmap(bad, tmp_path))
    np.testing.assert_array_equal(fitted.transform(X), codes)


def test_other_shapes_are_refused(stored, tmp_path):
    fitted = AutoencoderTransformer(2, **QUICK).fit(stored)
    with pytest.raises(ValueError, match=r"X has 9 features, but .* is expecting 10"):
        fitted.transform(as_memmap(X[:, 1:], tmp_path))
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        fitted.fit(zarr.array(X[:, 0]))
    with pytest.raises(ValueError, match=r"0 sample\(s\)"):
        fitted.fit(zarr.array(X[:0], chunks=(1, 10)))
    unknown = dask_array.from_array(X, chunks=100)
    with pytest.raises(ValueError, match=r"X\.compute_chunk_sizes\(\)"):
        fitted.fit(unknown[unknown[:, 0] > 0])


def test_small_arrays_in_chunks_are_fitted_like_those_in_memory(stored, monkeypatch):
    monkeypatch.setattr("sklearn_ae._data.LARGE_FILE", 10**9)
    monkeypatch.setattr("sklearn_ae._data.FEW_VALUES", 10**9)
    fitted, expected = (AutoencoderTransformer(2, **QUICK).fit(rows) for rows in (stored, X))
    np.testing.assert_array_equal(fitted.transform(X), expected.transform(X))


def test_a_part_of_a_large_file_is_fitted_like_one_in_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("sklearn_ae._data.LARGE_FILE", X.nbytes - 1)
    fitted = AutoencoderTransformer(2, **QUICK).fit(as_memmap(X, tmp_path)[100:1000])
    expected = AutoencoderTransformer(2, **QUICK).fit(X[100:1000])
    np.testing.assert_array_equal(fitted.transform(X), expected.transform(X))


SCRIPT = """
import resource
import sys

import numpy as np

from sklearn_ae import AutoencoderTransformer


def peak():
    n = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return n if sys.platform == "darwin" else 1024 * n


def fitted(X):
    autoencoder = AutoencoderTransformer(
        2, hidden_layer_sizes=4, batch_size=10_000, max_iter=1, random_state=0
    )
    return autoencoder.fit(X)


if __name__ == "__main__":
    X = np.memmap(sys.argv[1], np.float32, "r", shape=(1_600_000, 64))
    fitted(np.array(X[:100]))
    before = peak()
    fitted(X).transform(X)
    print((peak() - before) / X.nbytes)
"""


def test_a_large_file_is_never_in_memory(tmp_path):
    with open(tmp_path / "rows", "wb") as file:
        file.truncate(1_600_000 * 64 * 4)  # zeros that take no room on the disk
        for start in range(0, 1_600_000, 160_000):
            file.seek(start * 64 * 4)
            file.write(np.random.default_rng(start).normal(size=(500, 64)).astype("f4").tobytes())
    (tmp_path / "script.py").write_text(SCRIPT)
    command = [sys.executable, "-W", "ignore", str(tmp_path / "script.py"), str(tmp_path / "rows")]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    assert float(found.stdout) < 0.5

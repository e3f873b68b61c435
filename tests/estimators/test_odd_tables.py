import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import skops.io
from sklearn.exceptions import NotFittedError

from sklearn_ae import TabularAutoencoder, export

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")
RNG = np.random.default_rng(0)
TABLE = pd.DataFrame(
    {
        "x": RNG.normal(size=120),
        "price": RNG.exponential(size=120),
        "kind": RNG.choice(["a", "b", "c"], 120),
        "day": pd.Timestamp("2024-02-01") + pd.to_timedelta(RNG.integers(0, 90, 120), unit="D"),
    }
).assign(twice=lambda t: 2 * t["x"])


def quick(n_components=2, **params):
    given = {"max_iter": 3, "hidden_layer_sizes": (8,), "random_state": 0} | params
    return TabularAutoencoder(n_components, **given)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(TABLE)


def holed(table):
    return table.mask(np.random.default_rng(1).random(table.shape) < 0.3)


# Gaps, and what may stand in them


@pytest.mark.parametrize(
    "index",
    [
        pd.RangeIndex(500, 620),
        pd.date_range("2020", periods=120),
        pd.MultiIndex.from_product([range(12), range(10)]),
        ["same"] * 120,
    ],
)
def test_gaps_are_filled_whatever_the_index(fitted, index):
    gaps = holed(TABLE).set_axis(index)
    filled = fitted.impute(gaps)
    assert filled.notna().all(axis=None)
    assert filled.index.equals(gaps.index)
    assert filled.dtypes.equals(TABLE.dtypes)
    for frame in fitted.reconstruct(gaps), fitted.feature_errors(gaps):
        assert frame.index.equals(gaps.index)


def test_gaps_of_the_other_library_are_filled(fitted):
    gaps = holed(TABLE)
    as_polars = fitted.impute(pl.from_pandas(gaps))
    assert isinstance(as_polars, pl.DataFrame)
    assert sum(as_polars.null_count().row(0)) == 0
    filled = quick().fit(pl.from_pandas(TABLE)).impute(gaps)
    assert isinstance(filled, pd.DataFrame)
    assert filled.notna().all(axis=None)


def test_numbers_stay_within_the_range_of_the_training_data(fitted):
    codes = np.vstack([1e6 * np.eye(2), -1e6 * np.eye(2), 1e30 * np.ones((1, 2))])
    decoded = fitted.inverse_transform(codes)
    for name in "x", "price", "day":
        assert decoded[name].between(TABLE[name].min(), TABLE[name].max()).all()


def test_a_value_beyond_the_range_spoils_no_other(fitted):
    odd = TABLE.assign(price=1e12)
    assert fitted.reconstruct(odd)["x"].between(-5, 5).all()
    assert (fitted.feature_errors(odd)["price"] > 1e6).all()
    at_the_end = TABLE.assign(price=TABLE["price"].max())
    np.testing.assert_allclose(fitted.transform(odd), fitted.transform(at_the_end), rtol=1e-5)


def test_days_stay_days(fitted):
    days = fitted.reconstruct(TABLE)["day"]
    assert days.equals(days.dt.normalize())
    hours = TABLE.assign(day=TABLE["day"] + pd.Timedelta("7h"))
    assert (quick().fit(hours).reconstruct(hours)["day"].dt.hour == 7).all()


def test_a_column_without_values_in_fit_takes_no_part():
    empty = TABLE.assign(later=np.nan)
    autoencoder = quick().fit(empty)
    later = TABLE.assign(later=1e9)
    np.testing.assert_array_equal(autoencoder.transform(later), autoencoder.transform(empty))
    assert np.isnan(autoencoder.column_scores(later)["later"])
    assert np.isfinite(autoencoder.score(later))


def test_nothing_known_is_nothing_explained(fitted):
    nothing = TABLE.astype(object).mask(TABLE.notna())
    assert fitted.score(nothing) == 0
    assert fitted.score_samples(nothing).dtype == np.float64


def test_gaps_are_filled_better_than_by_the_code():
    rng = np.random.default_rng(0)
    z = rng.normal(size=(400, 3))
    X = np.repeat(z, 2, axis=1) + 0.1 * rng.normal(size=(400, 6))
    table = pd.DataFrame(X, columns=list("abcdef"))
    table["sign"] = np.where(z[:, 0] > 0, "plus", "minus")
    holes = rng.random(table.shape) < 0.2
    holed = table.mask(holes)
    filled = TabularAutoencoder(1, max_iter=20, random_state=0).fit(holed).impute(holed)
    apart = (filled[list("abcdef")] - X).to_numpy()[holes[:, :6]]
    assert np.sqrt(np.square(apart).mean()) < 0.6  # with one component 0.9
    assert (filled["sign"] == table["sign"])[holes[:, 6]].mean() > 0.8


# Few rows, odd values


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_a_few_rows_are_enough(n):
    rows = TABLE[:n]
    autoencoder = TabularAutoencoder(2, random_state=0, max_iter=20).fit(rows)
    for made in autoencoder.reconstruct(rows), autoencoder.impute(holed(rows)):
        assert made.notna().all(axis=None)
        assert made.dtypes.equals(rows.dtypes)
    assert np.isfinite(autoencoder.transform(TABLE)).all()


@pytest.mark.parametrize("factor", [1e300, 1e-300, 1e15])
def test_numbers_of_any_size_are_told(factor):
    table = TABLE[["x", "twice"]] * factor
    assert TabularAutoencoder(1, random_state=0, max_iter=30).fit(table).score(table) > 0.9


DAYS = [datetime.date(2024, 1, 1 + k % 28) for k in range(120)]
OBJECTS = {
    "dates": (DAYS, "datetime", datetime.date),
    "decimals": ([Decimal(f"{k % 7}.25") for k in range(120)], "numeric", Decimal),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_objects_of_python_come_back(name, tmp_path):
    values, kind, cls = OBJECTS[name]
    column = pd.Series(values, dtype=object).mask(TABLE["x"] > 1)
    table = TABLE.assign(it=column)
    autoencoder = quick().fit(table)
    assert autoencoder.column_types_["it"] == kind
    decoded = autoencoder.reconstruct(table)
    assert {type(value) for value in decoded["it"]} == {cls}
    assert autoencoder.impute(table)["it"].notna().all()
    export.save(autoencoder, tmp_path / "model")
    pd.testing.assert_frame_equal(export.load(tmp_path / "model").reconstruct(table), decoded)


ARROW = {
    "timestamp[us][pyarrow]": ("datetime", pd.to_datetime(DAYS)),
    "timestamp[ns, tz=Europe/Berlin][pyarrow]": (
        "datetime",
        pd.to_datetime(DAYS).tz_localize("UTC"),
    ),
    "date32[day][pyarrow]": ("datetime", DAYS),
    "duration[s][pyarrow]": ("datetime", pd.to_timedelta(np.arange(120), unit="h")),
    "double[pyarrow]": ("numeric", TABLE["x"]),
    "bool[pyarrow]": ("binary", TABLE["x"] > 0),
    "large_string[pyarrow]": ("categorical", TABLE["kind"]),
    "string": ("categorical", TABLE["kind"]),
    "decimal": ("numeric", OBJECTS["decimals"][0]),
    "dictionary": ("categorical", TABLE["kind"]),
}


@pytest.mark.parametrize("name", ARROW)
def test_columns_of_arrow_come_back(name):
    kind, values = ARROW[name]
    special = {
        "string": pa.string(),
        "decimal": pa.decimal128(8, 2),
        "dictionary": pa.dictionary(pa.int32(), pa.string()),
    }
    dtype = pd.ArrowDtype(special[name]) if name in special else name
    table = TABLE.assign(it=pd.Series(values).astype(dtype).mask(TABLE["x"] > 1))
    autoencoder = quick().fit(table)
    assert autoencoder.column_types_["it"] == kind
    decoded = autoencoder.reconstruct(table)
    assert decoded.dtypes.equals(table.dtypes)
    assert autoencoder.impute(table)["it"].notna().all()
    whole = skops.io.loads(skops.io.dumps(autoencoder), trusted=export.TRUSTED)
    pd.testing.assert_frame_equal(whole.reconstruct(table), decoded)


def test_integers_of_128_bits_come_back():
    table = pl.DataFrame({"n": pl.Series(range(60), dtype=pl.Int128), "x": np.arange(60.0)})
    assert quick(1).fit(table).reconstruct(table).schema == table.schema


@pytest.mark.parametrize(
    "columns",
    [
        pd.MultiIndex.from_tuples([("a", name) for name in TABLE], names=["u", "v"]),
        pd.date_range("2020", periods=5),
        pd.RangeIndex(5),
    ],
)
def test_columns_of_any_labels_are_saved(columns, tmp_path):
    table = TABLE.set_axis(columns, axis=1)
    autoencoder = quick().fit(table)
    decoded = autoencoder.reconstruct(table)
    assert decoded.columns.equals(columns)
    assert autoencoder.feature_errors(table).columns.equals(columns)
    export.save(autoencoder, tmp_path / "model")
    whole = skops.io.loads(skops.io.dumps(autoencoder), trusted=export.TRUSTED)
    for restored in export.load(tmp_path / "model"), whole:
        assert restored.column_types_ == autoencoder.column_types_
        pd.testing.assert_frame_equal(restored.reconstruct(table), decoded)


# Errors


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (TABLE.to_dict("list"), r"X is a dict of columns. Pass pandas.DataFrame\(X\)"),
        (TABLE.to_dict("records"), r"X is a list of dicts. Pass pandas.DataFrame\(X\)"),
        (TABLE[["x"]].to_records(), "X is a structured array. Pass pandas.DataFrame"),
        (pl.from_pandas(TABLE).lazy(), r"X is a LazyFrame of polars. Pass X.collect\(\)"),
    ],
)
def test_what_is_nearly_a_table_is_refused(X, message):
    with pytest.raises(TypeError, match=message):
        quick().fit(X)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"kind": [["a"]] * 120}, TypeError, "Column 'kind' holds values that cannot be categ"),
        ({"day": TABLE["day"].dt.to_period("M")}, ValueError, r"Column 'day'.*period\[M\] now"),
        ({"day": TABLE["day"] - TABLE["day"][0]}, ValueError, "Column 'day'.*timedelta64.* now"),
    ],
)
def test_columns_of_something_else_are_named(fitted, change, error, message):
    with pytest.raises(error, match=message):
        fitted.transform(TABLE.assign(**change))


def test_weights_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match=r"column_weights=.*must be numbers of at least 0"):
        quick(column_weights={"x": "much"}).fit(TABLE)


@pytest.mark.parametrize(
    "method",
    ["transform", "inverse_transform", "impute", "column_scores", "score", "decode_proba"],
)
def test_what_is_not_fitted_says_so(method):
    with pytest.raises(NotFittedError):
        getattr(quick(), method)(TABLE)


def test_codes_may_be_a_list(fitted):
    assert fitted.inverse_transform([[0, 0]]).dtypes.equals(TABLE.dtypes)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("_encoding", "frame", "labels"), None),
        (("_encoding", "frame", "heading"), 5),
        (("_encoding", "dtypes"), [None] * 5),
        (("_encoding", "dtypes", 0), {}),
        (("_encoding", "levels", 2), None),
        (("_encoding", "grains"), np.zeros(3)),
        (("_encoding", "scalers", "mean"), "junk"),
        (("_filling", "share"), np.zeros(2)),
        (("_filling", "model", "loadings"), np.zeros((2, 2))),
        (("_filling", "net"), {}),
    ],
)
def test_a_damaged_state_is_called_so(fitted, place, value):
    state = fitted.__getstate__()
    part = state
    for name in place[:-1]:
        part = part[name]
    part[place[-1]] = value
    with pytest.raises(ValueError, match=r"damaged|state|saved"):
        TabularAutoencoder().__setstate__(state)

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_ae import TabularAutoencoder, export

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")


def quick(n_components=2, **params):
    given = {"max_iter": 3, "hidden_layer_sizes": (8,), "random_state": 0} | params
    return TabularAutoencoder(n_components, **given)


def animals(n=400, seed=0):
    """Rows of one hidden number: all columns but one follow it."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=n)
    return pd.DataFrame(
        {
            "length": 10 + z + 0.1 * rng.normal(size=n),
            "legs": np.round(20 + 5 * z).astype("int64"),
            "stage": pd.cut(z, [-9, -1, 1, 9], labels=["egg", "larva", "adult"]),
            "is_large": z > 0,
            "place": np.where(z + 0.3 * rng.normal(size=n) > 0.5, "wood", "field"),
            "seen": pd.Timestamp("2024-05-01") + pd.to_timedelta(np.round(100 * z), unit="h"),
            "noise": rng.choice(["a", "b"], n, p=[0.2, 0.8]),
        }
    )


TABLE = animals()
EVERY_DTYPE = {
    "float64": np.array([1.5, 2.5, -3.0, 8.0]),
    "float32": np.array([1.5, 2.5, -3.0, 8.0], dtype="float32"),
    "int64": np.array([1, 2, 3, 250]),
    "int8": np.array([1, 2, 3, 127], dtype="int8"),
    "uint8": np.array([0, 2, 3, 255], dtype="uint8"),
    "bool": np.array([True, False, True, True]),
    "str": pd.Series(["x", "y", "x", "zz"]),
    "object": pd.Series(["x", None, "x", "zz"], dtype=object),
    "numbers as objects": pd.Series([1, 2, 3, 4], dtype=object),
    "numbers beside texts": pd.Series([1, "a", 2.5, "a"], dtype=object),
    "string": pd.array(["x", None, "x", "y"], dtype="string"),
    "Int64": pd.array([1, None, 3, 4], dtype="Int64"),
    "UInt8": pd.array([1, None, 3, 255], dtype="UInt8"),
    "Float32": pd.array([1.5, None, 3, 4], dtype="Float32"),
    "boolean": pd.array([True, None, False, True], dtype="boolean"),
    "category": pd.Categorical(["x", "y", "x", None], categories=["y", "x", "never"]),
    "ordered": pd.Categorical([3, 1, 1, 2], categories=[3, 2, 1], ordered=True),
    "intervals": pd.cut(np.array([1.0, 2.0, 3.0, 4.0]), 3),
    "datetime": pd.to_datetime(["2020-01-01", None, "2021-05-06", "1969-01-01"]),
    "with a zone": pd.to_datetime(["2020-01-01"] * 2 + ["2021-05-06"] * 2).tz_localize(
        "Asia/Tokyo"
    ),
    "timedelta": pd.to_timedelta([1, 2, 3, 4], unit="h"),
    "period": pd.period_range("2020-01", periods=4, freq="M"),
    "empty": np.full(4, np.nan),
    "nothing": pd.Series([None] * 4, dtype=object),
    "constant": np.full(4, 7),
    "one category": pd.Series(["x"] * 4),
}


# The way back


@pytest.mark.parametrize("name", EVERY_DTYPE)
def test_a_column_comes_back_in_its_dtype(name):
    table = pd.DataFrame({"a": np.arange(20.0), name: pd.Series(EVERY_DTYPE[name]).repeat(5).array})
    autoencoder = quick(1).fit(table)
    decoded = autoencoder.inverse_transform(autoencoder.transform(table))
    assert decoded.dtypes.equals(table.dtypes)
    assert decoded.columns.equals(table.columns)
    restored = pickle.loads(pickle.dumps(autoencoder))
    pd.testing.assert_frame_equal(restored.reconstruct(table), decoded)
    known = table[name].dropna()
    assert decoded[name].isna().all() if len(known) == 0 else decoded[name].notna().all()


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    names=st.lists(st.sampled_from(sorted(EVERY_DTYPE)), min_size=1, max_size=5, unique=True),
    labels=st.lists(st.text(min_size=1, max_size=4), min_size=5, max_size=5, unique=True),
    rows=st.lists(st.integers(0, 3), min_size=2, max_size=30),
    offset=st.integers(-5, 5),
)
def test_any_table_comes_back_with_its_dtypes_columns_and_index(names, labels, rows, offset):
    columns = {
        label: pd.Series(EVERY_DTYPE[name]).iloc[rows].array
        for label, name in zip(labels, names, strict=False)
    }
    table = pd.DataFrame(columns, index=pd.RangeIndex(offset, offset + len(rows)))
    autoencoder = quick(1, max_iter=1).set_output(transform="pandas").fit(table)
    decoded = autoencoder.inverse_transform(autoencoder.transform(table))
    assert decoded.dtypes.equals(table.dtypes)
    assert decoded.columns.equals(table.columns)
    assert decoded.index.equals(table.index)
    restored = pickle.loads(pickle.dumps(autoencoder))
    pd.testing.assert_frame_equal(restored.reconstruct(table), decoded)


def test_a_frame_of_polars_comes_back_as_one():
    stages = pl.Series(TABLE["stage"].astype(str).tolist())
    table = pl.DataFrame(
        {
            "f": TABLE["length"].to_numpy(),
            "f32": pl.Series(TABLE["length"].to_numpy()).cast(pl.Float32),
            "i": pl.Series(TABLE["legs"].to_numpy()).cast(pl.UInt8),
            "gaps": [None if k % 3 == 0 else k for k in range(400)],
            "s": TABLE["place"].tolist(),
            "b": TABLE["is_large"].to_numpy(),
            "c": stages.cast(pl.Categorical),
            "e": stages.cast(pl.Enum(["egg", "larva", "adult", "never"])),
            "when": pl.Series(TABLE["seen"].to_numpy().astype("datetime64[us]")),
            "nothing": [None] * 400,
        }
    )
    table = table.with_columns(
        day=pl.col("when").dt.date(),
        zone=pl.col("when").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo"),
    )
    autoencoder = quick(2).fit(table)
    decoded = autoencoder.inverse_transform(autoencoder.transform(table))
    assert decoded.schema == table.schema
    filled = autoencoder.impute(table)
    assert filled.schema == table.schema
    assert filled.null_count().row(0) == (*[0] * 9, 400, 0, 0)
    restored = pickle.loads(pickle.dumps(autoencoder))
    assert restored.reconstruct(table).equals(decoded)


def test_integers_stay_in_the_range_of_their_dtype():
    small = np.tile(np.array([0, 255], dtype="uint8"), 50)
    table = pd.DataFrame({"a": small, "b": small.astype(float)})
    autoencoder = quick(1).fit(table)
    decoded = autoencoder.inverse_transform(np.array([[-1e3], [1e3]]))
    assert sorted(decoded["a"]) == [0, 255]


def test_an_array_comes_back_as_an_array():
    X = np.random.default_rng(0).normal(size=(50, 3)).astype("float32")
    autoencoder = quick().fit(X)
    assert autoencoder.transform(X).dtype == np.float32
    assert autoencoder.reconstruct(X).dtype == np.float32
    mixed = np.array([[1.5, "a"], [2.5, "b"]] * 10, dtype=object)
    autoencoder = quick(1).fit(mixed)
    assert autoencoder.column_types_ == {"x0": "numeric", "x1": "categorical"}
    assert set(autoencoder.reconstruct(mixed)[:, 1]) <= {"a", "b"}


# Kinds


def test_kinds_are_those_of_the_dtypes():
    assert quick().fit(TABLE).column_types_ == {
        "length": "numeric",
        "legs": "numeric",
        "stage": "categorical",
        "is_large": "binary",
        "place": "categorical",
        "seen": "datetime",
        "noise": "categorical",
    }


def test_kinds_can_be_said():
    said = quick(column_types={"legs": "count", "is_large": "categorical"}).fit(TABLE)
    assert said.column_types_["legs"] == "count"
    assert said.column_types_["is_large"] == "categorical"
    assert (said.inverse_transform(10.0 * np.eye(2))["legs"] >= 0).all()


@pytest.mark.parametrize("given", [[1], [False, True, False], ["b"]])
def test_columns_of_arrays_can_be_categorical(given):
    X = pd.DataFrame(np.random.default_rng(0).integers(0, 3, (60, 3)), columns=list("abc"))
    autoencoder = quick(1, categorical_features=given).fit(X)
    assert list(autoencoder.column_types_.values()) == ["numeric", "categorical", "numeric"]
    assert list(autoencoder.decode_proba(np.zeros((4, 1)))) == ["b"]


# Quality


@pytest.fixture(scope="module")
def fitted():
    return TabularAutoencoder(1, random_state=0).fit(TABLE)


def test_one_number_tells_all_columns_that_follow_it(fitted):
    scores = fitted.column_scores(animals(seed=1))
    assert (scores[["length", "legs", "stage", "is_large", "seen"]] > 0.7).all()
    assert fitted.score(animals(seed=1)) == pytest.approx(scores.mean())


def test_a_column_that_nothing_tells_of_is_said_to_be_constant(fitted):
    new = animals(seed=1)
    assert abs(fitted.column_scores(new)["noise"]) < 0.05
    assert fitted.reconstruct(new)["noise"].nunique() == 1


def test_scores_are_those_of_scikit_learn(fitted):
    new = animals(seed=1)
    score = r2_score(new["length"], fitted.reconstruct(new)["length"])
    assert fitted.column_scores(new)["length"] == pytest.approx(score, abs=1e-4)


def test_a_linear_net_of_numbers_is_pca():
    X = np.random.default_rng(0).normal(size=(300, 3)) @ np.random.default_rng(1).normal(
        size=(3, 5)
    )
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    linear = TabularAutoencoder(2, hidden_layer_sizes=(), noise_level=0, random_state=0).fit(X)
    pca = PCA(2).fit(X)
    expected = r2_score(X, pca.inverse_transform(pca.transform(X)))
    assert linear.score(X) == pytest.approx(expected, abs=0.01)


def test_errors_of_the_constant_model_are_one_on_average():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"a": rng.normal(size=500), "b": rng.choice(list("xyz"), 500)})
    autoencoder = quick(1, early_stopping=False).fit(table)
    with torch.no_grad():
        autoencoder.module_.cells.free.zero_()
    np.testing.assert_allclose(autoencoder.feature_errors(table).mean(), 1, atol=0.01)
    assert autoencoder.score_samples(table).mean() == pytest.approx(-1, abs=0.01)


def test_a_column_without_weight_is_not_learned():
    weighted = TabularAutoencoder(1, column_weights={"place": 0}, random_state=0).fit(TABLE)
    assert weighted.column_scores(TABLE)["place"] == pytest.approx(0, abs=0.01)


def test_probabilities_add_up_and_decide(fitted):
    codes = pd.DataFrame(fitted.transform(TABLE), index=TABLE.index + 7)
    probabilities = fitted.decode_proba(codes)["stage"]
    assert probabilities.index.equals(codes.index)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    decoded = fitted.inverse_transform(codes)["stage"]
    assert (probabilities.idxmax(axis=1).astype(str) == decoded.astype(str)).all()


def test_many_categories_have_an_embedding():
    rng = np.random.default_rng(0)
    place = rng.integers(0, 100, 2000)
    table = pd.DataFrame(
        {
            "x": place / 50 + 0.05 * rng.normal(size=2000),
            "town": "t" + place.astype(str).astype(object),
        }
    )
    autoencoder = TabularAutoencoder(2, random_state=0, max_iter=40).fit(table)
    assert autoencoder.module_.cells.embeddings[0].shape == (100, 16)
    assert autoencoder.column_scores(table)["x"] > 0.8
    assert autoencoder.column_scores(table)["town"] > 0.2
    assert autoencoder.decode_proba(np.zeros((1, 2)))["town"].shape == (1, 100)


# Gaps


def test_only_the_holes_are_filled(fitted):
    table = animals(seed=2)
    holes = np.random.default_rng(0).random(table.shape) < 0.2
    filled = fitted.impute(table.mask(holes))
    assert filled.notna().all(axis=None)
    assert filled.dtypes.equals(table.dtypes)
    for j, name in enumerate(table):
        assert filled[name][~holes[:, j]].equals(table[name][~holes[:, j]])
    holed = holes[:, 0]
    assert r2_score(table["length"][holed], filled["length"][holed]) > 0.5


def test_rows_without_anything_are_nothing_odd(fitted):
    nothing = TABLE.astype(object).mask(TABLE.notna())
    assert np.isfinite(fitted.transform(nothing)).all()
    np.testing.assert_array_equal(fitted.score_samples(nothing), -1)


def test_an_unseen_category_is_missing(fitted):
    new, missing = TABLE.copy(), TABLE.copy()
    new["place"] = "moon"
    missing["place"] = None
    np.testing.assert_array_equal(fitted.transform(new), fitted.transform(missing))


def test_missing_cells_teach_nothing():
    table = TABLE.copy()
    table["gaps"] = np.where(np.arange(400) < 390, np.nan, 3.0)
    assert np.isfinite(quick().fit(table).best_loss_)


# Around it


def test_columns_may_come_in_any_order(fitted):
    turned = TABLE[TABLE.columns[::-1]]
    np.testing.assert_array_equal(fitted.transform(turned), fitted.transform(TABLE))
    assert fitted.reconstruct(turned).columns.equals(TABLE.columns)


ERRORS = {
    "missing": (TABLE.drop(columns="legs"), "seen at fit time, yet now missing:\n- legs"),
    "renamed": (TABLE.rename(columns={"legs": "feet"}), "unseen at fit time:\n- feet"),
    "more": (TABLE.assign(feet=1), "unseen at fit time:\n- feet"),
    "texts": (
        TABLE.assign(legs="six"),
        r"Column 'legs' was of dtype int64 in fit \(numeric\), and is of \w+ now\. Convert it",
    ),
    "numbers": (
        TABLE.assign(place=1.5),
        "Column 'place' was of dtype .* 'field', 'wood', and is of float64 now, with none of them",
    ),
    "dates": (TABLE.assign(seen=3), "Column 'seen' was of dtype datetime64.*datetime.*int64 now"),
    "infinite": (TABLE.assign(length=np.inf), "infinity.*column 'length'"),
    "no rows": (TABLE[:0], r"Found array with 0 sample\(s\)"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_another_table_is_refused(fitted, case):
    table, message = ERRORS[case]
    with pytest.raises(ValueError, match=message):
        fitted.transform(table)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"column_types": {"age": "count"}}, "column_types names the column 'age', which X has"),
        ({"column_types": {"legs": "many"}}, "asks for a kind that there is not. Choose one of"),
        ({"column_types": {"place": "numeric"}}, "has no numbers. Convert it before"),
        ({"column_types": {"legs": "datetime"}}, "has no dates. Convert it before"),
        ({"column_types": {"stage": "binary"}}, "and has 3 different values"),
        ({"categorical_features": ["age"]}, "categorical_features names the column 'age'"),
        ({"column_weights": {"legs": -1}}, "column_weights=.* must be numbers of at least 0"),
        ({"column_weights": [1, 2]}, "column_weights=.* for the 7 columns"),
        ({"noise": "gaussian"}, "The 'noise' parameter of TabularAutoencoder"),
        ({"device": "gpu"}, "device='gpu' is not available here"),
    ],
)
def test_impossible_parameters_are_refused(params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(TABLE)


def test_tables_that_cannot_be_one_are_refused():
    with pytest.raises(ValueError, match="unique column names"):
        quick().fit(pd.DataFrame(np.eye(3), columns=list("aab")))
    with pytest.raises(TypeError, match="Column 'a' holds values that cannot be categories"):
        quick().fit(pd.DataFrame({"a": [[1], [2]]}))
    with pytest.raises(ValueError, match="Complex data not supported: column 'a'"):
        quick().fit(pd.DataFrame({"a": [1j, 2.0]}))
    with pytest.raises(ValueError, match="negative value"):
        quick(1, column_types={"a": "count"}).fit(pd.DataFrame({"a": [1, 2]})).transform(
            pd.DataFrame({"a": [-1, 2]})
        )


def test_codes_of_another_width_are_refused(fitted):
    with pytest.raises(ValueError, match="X has 2 columns, but the decoder of TabularAutoencoder"):
        fitted.inverse_transform(np.zeros((3, 2)))


def test_a_fit_leaves_table_and_global_state_alone():
    before, state = TABLE.copy(deep=True), torch.get_rng_state()
    np.random.seed(3)
    quick().fit(TABLE)
    assert np.random.get_state()[2] == 624
    assert torch.equal(torch.get_rng_state(), state)
    pd.testing.assert_frame_equal(TABLE, before)


def test_a_search_over_folds_with_unseen_categories_does_not_crash():
    table = TABLE.assign(rare=["only here", *["there"] * 399], target=TABLE["is_large"])
    X, y = table.drop(columns=["target", "is_large"]), table["target"]
    columns = make_column_transformer((quick(), ["length", "rare", "place"]), remainder="drop")
    pipeline = make_pipeline(columns, LogisticRegression())
    grid = {"columntransformer__tabularautoencoder__n_components": [1, 2]}
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_score_ > 0.8


def test_saved_in_any_way_it_stays_the_same(fitted, tmp_path):
    export.save(fitted, tmp_path / "model")
    whole = skops.io.loads(skops.io.dumps(fitted), trusted=export.TRUSTED)
    for restored in export.load(tmp_path / "model"), whole, pickle.loads(pickle.dumps(fitted)):
        pd.testing.assert_frame_equal(restored.reconstruct(TABLE), fitted.reconstruct(TABLE))
        pd.testing.assert_series_equal(restored.column_scores(TABLE), fitted.column_scores(TABLE))


def test_output_and_names_are_as_asked():
    autoencoder = quick().set_output(transform="pandas").fit(TABLE)
    codes = autoencoder.transform(TABLE[50:])
    assert codes.columns.tolist() == ["tabularautoencoder0", "tabularautoencoder1"]
    assert autoencoder.inverse_transform(codes).index.equals(TABLE.index[50:])
    assert clone(autoencoder).fit(TABLE).transform(TABLE[50:]).equals(codes)


@pytest.mark.parametrize("noise", ["swap", "masking"])
@pytest.mark.parametrize("level", ["auto", 0, 0.3])
def test_every_noise_trains(noise, level):
    assert np.isfinite(quick(noise=noise, noise_level=level).fit(TABLE).best_loss_)


def test_steps_are_written_out_but_for_the_losses(fitted):
    assert fitted.net_.why_autograd_ is None


@pytest.mark.parametrize(("n_components", "is_wide"), [(6, False), (7, True)])
def test_codes_that_could_copy_are_judged_by_damaged_rows(n_components, is_wide):
    autoencoder = quick(n_components).fit(TABLE)
    assert autoencoder.net_.criterion_.is_wide == is_wide
    assert autoencoder.net_.criterion_.corruption.fraction == (0.15 if is_wide else 0.02)

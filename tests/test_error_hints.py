import datetime
import inspect
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    NestedAutoencoder,
)
from sklearn_ae.penalties import L2

X = load_iris().data


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("latent_dim", "n_components"),
        ("epochs", "max_iter"),
        ("lr", "learning_rate_init"),
        ("n_component", "n_components"),
        ("random_sate", "random_state"),
    ],
)
def test_parameters_by_another_name_are_told_which_is_meant(name, meant):
    with pytest.raises(TypeError, match=f"no parameter '{name}'. Did you mean '{meant}'"):
        AutoencoderTransformer(**{name: 3})


def test_parameters_that_resemble_none_get_no_suggestion():
    with pytest.raises(TypeError, match=r"no parameter 'zzz'\.$"):
        AutoencoderTransformer(zzz=1)


def test_signature_copies_and_pickles_are_those_of_any_estimator():
    assert next(iter(inspect.signature(AutoencoderTransformer).parameters)) == "n_components"
    estimator = AutoencoderTransformer(3, alpha=0.1)
    assert clone(estimator).alpha == pickle.loads(pickle.dumps(estimator)).alpha == 0.1


@pytest.mark.parametrize(("value", "asked"), [(0.95, "0.95"), (None, "'auto'"), ("mle", "'auto'")])
def test_habits_of_pca_are_told_where_they_belong(value, asked):
    with pytest.raises(ValueError, match=rf"NestedAutoencoder\(n_components={asked}\)"):
        AutoencoderTransformer(n_components=value).fit(X)


@pytest.mark.parametrize(
    ("params", "meant"),
    [
        ({"loss": "mse"}, "loss='squared_error'"),
        ({"loss": "BCE"}, "loss='log_loss'"),
        ({"activation": "sigmoid"}, "activation='logistic'"),
        ({"penalty": "l2"}, "penalty=sklearn_ae.penalties.L2()"),
        ({"corruption": "gaussian"}, "corruption=sklearn_ae.corruptions.GaussianNoise()"),
        ({"architecture": "conv"}, "architecture=sklearn_ae.architectures.Convolutional("),
    ],
)
def test_values_of_other_libraries_are_told_ours(params, meant):
    with pytest.raises(ValueError, match="Did you mean") as caught:
        AutoencoderTransformer(**params).fit(X)
    assert f"Did you mean {meant}" in str(caught.value)


def test_parameters_of_a_part_that_is_not_there_are_refused():
    with pytest.raises(ValueError, match=r"penalty__weight=3 .* since penalty is None"):
        AutoencoderTransformer().set_params(penalty__weight=3)
    together = AutoencoderTransformer().set_params(penalty=L2(), penalty__weight=3)
    assert together.penalty.weight == 3


@pytest.mark.parametrize("estimator", [DenoisingAutoencoder(), NestedAutoencoder()])
def test_gaps_are_told_who_fills_them(estimator):
    with pytest.raises(ValueError, match=r"contains NaN[\s\S]*AutoencoderImputer fills gaps"):
        estimator.fit(np.where(X > 6, np.nan, X))


def test_columns_of_texts_are_named():
    table = pd.DataFrame({"age": [30.0, 40.0], "city": ["Berlin", "Rome"], "paid": [True, False]})
    message = (
        r"not numbers: city\. Encode them before.*OneHotEncoder.*sklearn_ae\.TabularAutoencoder"
    )
    with pytest.raises(ValueError, match=message):
        AutoencoderTransformer(1).fit(table)


@pytest.mark.parametrize("kind", [AutoencoderImputer, AutoencoderOutlierDetector])
def test_wrappers_name_the_columns_of_texts_too(kind):
    table = pd.DataFrame({"x": [1.0, 2.0] * 20, "city": ["Rome", "Oslo"] * 20})
    with pytest.raises(ValueError, match=r"not numbers: city\. Encode them"):
        kind().fit(table)


# Columns of dates, and of whatever else is not a number

DAYS = pd.date_range("2020", periods=40)
NUMBERS = np.random.default_rng(0).normal(size=40)
DATES = {
    "datetime": DAYS,
    "datetime with a time zone": DAYS.tz_localize("UTC"),
    "timedelta": DAYS - DAYS[0],
    "period": DAYS.to_period("M"),
    "dates as objects": [day.date() for day in DAYS],
    "times as objects": [datetime.time(3)] * 40,
    "nothing but gaps": [pd.NaT] * 40,
    "dates, and a gap": [None, *DAYS[1:]],
}
DATES_ARE_NOT = r"dates or times, which are not numbers: when\. Make.*use sklearn_ae\.Tabular"


def beside_numbers(column):
    return pd.DataFrame({"a": NUMBERS, "when": column, "b": NUMBERS**2})


@pytest.mark.parametrize("kind", DATES)
def test_columns_of_dates_are_named(kind):
    with pytest.raises(ValueError, match=DATES_ARE_NOT):
        AutoencoderTransformer().fit(beside_numbers(DATES[kind]))


@pytest.mark.parametrize("kind", [AutoencoderImputer, AutoencoderOutlierDetector])
@pytest.mark.parametrize("column", ["datetime", "period"])
def test_wrappers_name_the_columns_of_dates_too(kind, column):
    with pytest.raises(ValueError, match=DATES_ARE_NOT):
        kind().fit(beside_numbers(DATES[column]))


def test_a_fitted_estimator_names_them_too():
    numbers = beside_numbers(NUMBERS)
    fitted = AutoencoderTransformer(tol=1e9, n_iter_no_change=1, random_state=0).fit(numbers)
    with pytest.raises(ValueError, match=DATES_ARE_NOT):
        fitted.transform(numbers.assign(when=DAYS))


@pytest.mark.parametrize("unit", ["datetime64[s]", "timedelta64[D]"])
@pytest.mark.parametrize("of", [np.asarray, pd.DataFrame])
def test_dates_alone_are_not_taken_for_numbers_of_nanoseconds(unit, of):
    dates = of(np.arange(80).reshape(40, 2).astype("int64").astype(unit))
    with pytest.raises(ValueError, match=r"dates or times, which are not numbers: x?0, x?1\."):
        AutoencoderTransformer(1).fit(dates)


@pytest.mark.parametrize("frame", [pl.DataFrame, pa.table])
@pytest.mark.parametrize("column", ["datetime", "timedelta", "dates as objects"])
def test_dates_in_frames_of_other_libraries_are_named(frame, column):
    values = DATES[column] if isinstance(DATES[column], list) else DATES[column].to_numpy()
    with pytest.raises(ValueError, match=DATES_ARE_NOT):
        AutoencoderTransformer().fit(frame({"a": NUMBERS, "when": values, "b": NUMBERS}))


def test_columns_of_texts_are_named_in_frames_of_other_libraries():
    table = pl.DataFrame({"a": NUMBERS, "city": ["Rome"] * 40})
    with pytest.raises(ValueError, match=r"not numbers: city\. Encode them"):
        AutoencoderTransformer(1).fit(table)


@pytest.mark.parametrize("value", [{"a": 1}, [1, 2], object()])
def test_columns_that_are_neither_numbers_nor_texts_nor_dates_are_named(value):
    with pytest.raises(ValueError, match=r"neither numbers.*: when\. Make columns of their parts"):
        AutoencoderTransformer().fit(beside_numbers([value] * 40))


def test_columns_of_each_kind_are_told_apart_and_numbers_left_out():
    table = beside_numbers(DAYS).assign(city="Rome", digits="3", price=[None, *[1.5] * 39])
    with pytest.raises(ValueError, match=r"not numbers: city\. .* not numbers: when\. "):
        AutoencoderTransformer().fit(table)


@pytest.mark.parametrize("marked", [-1, pd.NA])
@pytest.mark.parametrize("of", [np.asarray, pd.DataFrame])
def test_an_imputer_of_other_gaps_says_that_it_takes_nan_for_none(marked, of):
    with_gaps = of(np.where(X > 6, np.nan, X))
    message = rf"contains NaN\. With missing_values={marked!r} NaN is not a gap\. Use"
    with pytest.raises(ValueError, match=message):
        AutoencoderImputer(missing_values=marked).fit(with_gaps)

import inspect
import pickle

import numpy as np
import pandas as pd
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

import warnings
from numbers import Integral

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits, load_iris
from sklearn.utils._param_validation import Interval
from torch import nn

import sklearn_ae
from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    NestedAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae.architectures import MLP
from sklearn_ae.losses import LogLoss

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data


def with_value(value, dtype=float):
    bad = X.astype(dtype)
    bad[3, 1] = value
    return bad


BAD_DATA = {
    "NaN": (with_value(np.nan), ValueError, "Input X contains NaN"),
    "inf": (with_value(np.inf), ValueError, "Input X contains infinity or a value too large"),
    "complex": (with_value(1j, complex), ValueError, "Complex data not supported"),
    "sparse": (sparse.csr_array(with_value(np.nan)), ValueError, "Input X contains NaN"),
    "strings": (with_value("red", object), ValueError, "could not convert string to float: 'red'"),
    "1-d": (X[0], ValueError, "Expected 2D array, got 1D array instead"),
    "3-d": (X[None], ValueError, "Found array with dim 3"),
    "no rows": (X[:0], ValueError, r"Found array with 0 sample\(s\) .*minimum of 1 is required"),
    "no columns": (X[:, :0], ValueError, r"0 feature\(s\) .*while a minimum of 1 is required"),
    "scalar": (3.0, ValueError, "Expected 2D array, got scalar array instead"),
    "None": (None, ValueError, "Expected 2D array, got scalar array instead|Input.*None"),
}


def quick(**params):
    return AutoencoderTransformer(**{"max_iter": 2, "random_state": 0} | params)


@pytest.fixture
def fitted():
    return quick().fit(X)


@pytest.mark.parametrize("case", BAD_DATA)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "fit_transform"])
def test_bad_training_data_is_refused_by_name_and_nothing_is_fitted(case, method):
    bad, error, message = BAD_DATA[case]
    estimator = quick()
    before = dict(vars(estimator))
    with pytest.raises(error, match=message):
        getattr(estimator, method)(bad)
    assert vars(estimator) == before


@pytest.mark.parametrize("case", BAD_DATA)
@pytest.mark.parametrize("method", ["transform", "reconstruct", "score", "score_samples"])
def test_bad_data_is_refused_by_a_fitted_estimator(fitted, case, method):
    bad, error, message = BAD_DATA[case]
    with pytest.raises(error, match=message):
        getattr(fitted, method)(bad)


BAD_CODES = BAD_DATA | {
    "sparse": (sparse.csr_array(X), TypeError, "Sparse data was passed.*dense data is required")
}


@pytest.mark.parametrize("case", BAD_CODES)
def test_bad_codes_are_refused(fitted, case):
    bad, error, message = BAD_CODES[case]
    with pytest.raises(error, match=message):
        fitted.inverse_transform(bad)


@pytest.mark.parametrize("width", [1, 3, 4])
def test_codes_of_the_wrong_width_are_refused(fitted, width):
    message = (
        rf"X has {width} columns, but the decoder of AutoencoderTransformer expects codes with 2 "
        r"\(n_components\)\. Pass the output of transform, not the original data"
    )
    with pytest.raises(ValueError, match=message):
        fitted.inverse_transform(np.zeros((5, width)))


@pytest.mark.parametrize("method", ["transform", "reconstruct", "score", "partial_fit"])
def test_data_of_the_wrong_width_is_refused(fitted, method):
    message = "X has 3 features, but AutoencoderTransformer is expecting 4 features"
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(X[:, :3])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_components", 0),
        ("n_components", -1),
        ("n_components", 2.5),
        ("n_components", None),
        ("solver", "lbfgs"),
        ("activation", "sine"),
        ("loss", "absolute"),
        ("init", "ica"),
        ("alpha", -1.0),
        ("batch_size", 0),
        ("learning_rate_init", 0),
        ("max_iter", 0),
        ("tol", -1e-3),
        ("n_iter_no_change", 0),
        ("early_stopping", "never"),
        ("validation_fraction", 0.0),
        ("validation_fraction", 1.0),
        ("random_state", "lucky"),
        ("architecture", "deep"),
        ("penalty", 0.1),
        ("corruption", "gaussian"),
        ("device", 0),
        ("callbacks", "early_stopping"),
        ("net_params", [("lr", 1)]),
        ("hidden_layer_sizes", 0),
        ("hidden_layer_sizes", "128"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_impossible_parameter_is_named_with_its_value(name, value, method):
    message = rf"The '{name}' parameter of AutoencoderTransformer must be .* Got .*{value}"
    with pytest.raises(ValueError, match=message):
        getattr(quick(**{name: value}), method)(X)


ESTIMATORS = [getattr(sklearn_ae, name) for name in sklearn_ae.__all__]
NUMBERS = [
    (estimator, name)
    for estimator in ESTIMATORS
    for name, constraints in estimator._parameter_constraints.items()
    if any(isinstance(one, Interval) and one.type is Integral for one in constraints)
]


def test_there_are_parameters_that_take_an_integer():
    assert (AutoencoderTransformer, "n_components") in NUMBERS
    assert (AutoencoderTransformer, "hidden_layer_sizes") in NUMBERS


@pytest.mark.parametrize(("estimator", "name"), NUMBERS)
def test_bool_in_the_place_of_an_integer_is_refused(estimator, name):
    message = rf"The '{name}' parameter of {estimator.__name__} must be .*an int .* Got True"
    with pytest.raises(ValueError, match=message):
        estimator(**{name: True}).fit(X)


@pytest.mark.parametrize("around", [AutoencoderImputer, AutoencoderOutlierDetector])
def test_bool_in_the_place_of_an_integer_is_refused_inside_another_estimator(around):
    message = "The 'n_components' parameter of AutoencoderTransformer must be an int .* Got True"
    with pytest.raises(ValueError, match=message):
        around(AutoencoderTransformer(True)).fit(X)


@pytest.mark.parametrize("number", [np.int64(3), np.int32(3)], ids=type)
def test_integers_of_numpy_are_integers(number):
    estimator = quick(n_components=number, hidden_layer_sizes=number, batch_size=number).fit(X)
    assert estimator.transform(X).shape == (150, 3)


@pytest.mark.parametrize("sizes", [(0,), (8, -1), [2.5], ("8",), (True,), [8, True], [[8]]])
def test_impossible_widths_are_named(sizes):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.* must hold positive integers"):
        quick(hidden_layer_sizes=sizes).fit(X)


@pytest.mark.parametrize("sizes", [[8, 4], np.array([8, 4]), pd.Series([8, 4]), [np.int32(8), 4]])
def test_widths_may_be_in_any_container(sizes):
    first, second, _ = quick(hidden_layer_sizes=sizes).fit(X).module_.encoder.layers
    assert (first.out_features, second.out_features) == (8, 4)


@pytest.mark.parametrize("bad", [X, -X / X.max()])
def test_log_loss_names_the_range_of_the_data(bad):
    message = (
        rf"loss='log_loss' needs data in \[0, 1\], but X lies in \[{bad.min():.6g}, "
        rf"{bad.max():.6g}\]\. Rescale X, for example with MinMaxScaler"
    )
    with pytest.raises(ValueError, match=message):
        quick(loss="log_loss").fit(bad)


def test_poisson_names_the_negative_count():
    with pytest.raises(ValueError, match=r"loss='poisson' needs counts, but the smallest.* is -7"):
        quick(loss="poisson").fit(with_value(-7))


def test_partial_fit_checks_the_data_of_every_call():
    estimator = quick(loss="poisson").partial_fit(X)
    with pytest.raises(ValueError, match="needs counts"):
        estimator.partial_fit(-X)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.zeros(150), "sample_weight is zero for all rows, so there is nothing to fit"),
        (0, "sample_weight is zero for all rows"),
        (np.r_[-1.0, np.ones(149)], "[Nn]egative values in data passed to `sample_weight`"),
        (np.r_[np.nan, np.ones(149)], "Input sample_weight contains NaN"),
        (np.r_[np.inf, np.ones(149)], "Input sample_weight contains infinity"),
        (np.ones(149), r"sample_weight.shape == \(149,\), expected \(150,\)"),
        (np.ones((150, 2)), "Sample weights must be 1D array or scalar"),
        (["heavy"] * 150, "could not convert string to float"),
    ],
)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_impossible_weights_are_refused(weight, message, method):
    with pytest.raises(ValueError, match=message):
        getattr(quick(), method)(X, sample_weight=weight)


@pytest.mark.parametrize(("name", "value"), [("hidden_layer_sizes", (7,)), ("activation", "tanh")])
def test_architecture_and_its_parts_cannot_both_be_given(name, value):
    message = rf"{name}=.*{value[0]}.* and architecture=MLP\(.* are both given"
    with pytest.raises(ValueError, match=message):
        quick(architecture=MLP((5,)), **{name: value}).fit(X)


def test_default_widths_beside_an_architecture_are_fine_in_any_container():
    default = NestedAutoencoder().hidden_layer_sizes
    NestedAutoencoder(2, architecture=MLP((5,)), hidden_layer_sizes=list(default), max_iter=1).fit(
        X
    )


def test_start_at_pca_needs_a_linear_path():
    message = (
        r"init='pca' starts from linear paths, and MLP\(.*skip=False\) has not got them\. Use init="
    )
    with pytest.raises(ValueError, match=message):
        quick(architecture=MLP((5,), skip=False), init="pca").fit(X)


@pytest.mark.parametrize("device", ["cuda", "mps", "cuda:7"])
def test_device_that_is_not_there_is_named(device):
    message = rf"device='{device}' is not available here\. Use device='cpu'"
    with pytest.raises(ValueError, match=message):
        quick(device=device).fit(X)


def test_misspelt_device_is_named():
    with pytest.raises(ValueError, match="device='gpu' is not available here"):
        quick(device="gpu").fit(X)


@pytest.mark.parametrize("n_samples", [1, 2])
def test_validation_that_leaves_nothing_to_train_on_is_refused(n_samples):
    message = r"early_stopping=True with validation_fraction=0\.9 holds out \d of \d .*rows"
    with pytest.raises(ValueError, match=message):
        quick(early_stopping=True, validation_fraction=0.9, n_components=1).fit(X[:n_samples])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_variance_that_overflows_is_named(dtype):
    bad = (X / X.max() * float(np.finfo(dtype).max)).astype(dtype)
    with pytest.raises((ValueError, RuntimeError), match=r"[Rr]escale X"):
        quick(max_iter=50).fit(bad)


BAD_FITS = {
    "data": ({}, with_value(np.nan), {}, ValueError),
    "width and parameter": ({"n_components": 0}, X[:, :3], {}, ValueError),
    "loss": ({"loss": "log_loss"}, X[:, :3], {}, ValueError),
    "weights": ({}, X[:, :3], {"sample_weight": np.zeros(150)}, ValueError),
    "architecture": ({"architecture": MLP(skip=False), "init": "pca"}, X[:, :3], {}, ValueError),
    "device": ({"device": "cuda"}, X[:, :3], {}, ValueError),
    "divergence": ({"learning_rate_init": 1e200, "max_iter": 50}, X[:, :3], {}, RuntimeError),
    "net_params": ({"net_params": {"optimizer__speed": 3}}, X[:, :3], {}, TypeError),
}


@pytest.mark.parametrize("case", BAD_FITS)
@pytest.mark.parametrize("frame", [False, True])
def test_fit_that_fails_leaves_a_fitted_estimator_as_it_was(case, frame):
    params, bad, fit_params, error = BAD_FITS[case]
    estimator = quick().fit(pd.DataFrame(X, columns=list("abcd")) if frame else X)
    again = pd.DataFrame(X, columns=list("abcd")) if frame else X
    codes = estimator.transform(again)
    weights = [weight.clone() for weight in estimator.module_.state_dict().values()]
    estimator.set_params(**params)
    before = dict(vars(estimator))
    with pytest.raises(error):
        estimator.fit(bad, **fit_params)
    assert vars(estimator).keys() == before.keys()
    assert all(vars(estimator)[name] is before[name] for name in before)
    now = estimator.module_.state_dict().values()
    assert all((a == b).all() for a, b in zip(weights, now, strict=True))
    np.testing.assert_array_equal(estimator.transform(again), codes)


# What a user hands in


class Linear(BaseEstimator):
    """An architecture of one's own, of any width."""

    def __init__(self, code=0, output=0):
        self.code = code
        self.output = output

    def build(self, n_features, n_components):
        return (
            nn.Linear(n_features, n_components + self.code),
            nn.Linear(n_components, n_features + self.output),
        )


@pytest.mark.parametrize("wrong", [{"code": 1}, {"output": -3}, {"output": 1}])
def test_architecture_of_the_wrong_width_is_refused(wrong):
    with pytest.raises(ValueError, match=r"Linear\(.*\) builds a net whose (code|output) for"):
        quick(architecture=Linear(**wrong), init="random").fit(X)


def test_architecture_without_linear_paths_cannot_start_at_pca():
    with pytest.raises(ValueError, match=r"Linear\(\) has not got them\. Use init='random'"):
        quick(architecture=Linear(), init="pca").fit(X)


@pytest.mark.parametrize("name", ["loss", "penalty", "corruption", "architecture"])
def test_class_in_the_place_of_an_object_is_refused(name):
    with pytest.raises(ValueError, match=rf"{name}=MLP is a class\. Give an object of it: MLP\(\)"):
        quick(**{name: MLP}).fit(X)


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("loss", [nn.MSELoss(), lambda r, x: (r - x) ** 2], ids=["mean", "none"])
def test_loss_must_return_one_value_per_row(loss, early_stopping):
    with pytest.raises(ValueError, match=r"loss=.* returned shape .*Return one value per row"):
        quick(loss=loss, early_stopping=early_stopping).fit(X)


def test_penalty_must_return_one_value_per_row_or_one():
    with pytest.raises(ValueError, match=r"penalty=.* returned shape \(\d+, 2\)"):
        quick(penalty=lambda module, x, output: output.code).fit(X)


def test_loss_given_as_an_object_checks_the_data_too():
    with pytest.raises(ValueError, match="needs data in"):
        quick(loss=LogLoss()).fit(X)


# What `fit` demands of data, whoever evaluates a likelihood demands

SHARES = load_digits().data[:120] / 16
AUTOENCODERS = [
    name for name in sklearn_ae.__all__ if "loss" in getattr(sklearn_ae, name)().get_params()
]
OUTSIDE = {"log_loss": 16 * SHARES, "poisson": SHARES - 1}


@pytest.mark.parametrize("loss", OUTSIDE)
@pytest.mark.parametrize("method", ["fit", "partial_fit", "score_samples"])
@pytest.mark.parametrize("name", AUTOENCODERS)
def test_data_that_the_loss_is_not_meant_for_are_refused(name, method, loss):
    cls = getattr(sklearn_ae, name)
    budget = "max_steps" if "max_steps" in cls._parameter_constraints else "max_iter"
    estimator = cls(loss=loss, random_state=0, **{budget: 2})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = clone(estimator).fit(SHARES)
    before = fitted.transform(SHARES)
    evaluates = (
        name == "VariationalAutoencoder" or loss == "poisson"
    )  # whose encoder sees logarithms
    if method == "score_samples" and not evaluates:
        assert np.isfinite(fitted.score_samples(OUTSIDE[loss])).all()  # squared errors of any rows
        return
    with pytest.raises(ValueError, match=f"loss='{loss}' needs"):
        getattr(fitted, method)(OUTSIDE[loss])
    np.testing.assert_array_equal(fitted.transform(SHARES), before)


@pytest.mark.parametrize("factor", [1.5, 16])
def test_rows_in_another_unit_are_not_the_most_normal_ones(factor):
    estimator = VariationalAutoencoder(4, loss="log_loss", max_iter=5, random_state=0)
    with pytest.warns(match="max_iter"):
        estimator.fit(SHARES)
    with pytest.raises(ValueError, match=r"data in \[0, 1\], but X lies in .* MinMaxScaler"):
        estimator.score_samples(factor * SHARES)


# What is given to skorch


@pytest.mark.parametrize("callbacks", [["x"], [None], [("name", 3)], [("a", "b", "c")], [int]])
def test_callbacks_that_are_none_are_named(callbacks):
    with pytest.raises(ValueError, match="which is no callback of skorch"):
        AutoencoderTransformer(callbacks=callbacks).fit(SHARES)


def test_callbacks_of_scikit_learn_are_told_where_they_belong():
    callback = pytest.importorskip("sklearn.callback").ProgressBar()
    with pytest.raises(ValueError, match=r"set_callbacks\(ProgressBar\(\)\)"):
        AutoencoderTransformer(callbacks=[callback]).fit(SHARES)


@pytest.mark.parametrize(
    ("name", "parameter"),
    [("max_epochs", "max_iter"), ("lr", "learning_rate_init"), ("module", "architecture")],
)
def test_net_params_do_not_override_parameters(name, parameter):
    with pytest.raises(ValueError, match=f"net_params.*{name}.*Set {parameter}"):
        AutoencoderTransformer(net_params={name: 5}).fit(SHARES)

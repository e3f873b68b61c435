import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import NotFittedError
from sklearn.impute import KNNImputer, SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sklearn_ae import (
    AutoencoderImputer,
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    NestedAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._estimators.imputer.columns import Columns
from sklearn_ae._estimators.imputer.linear import has_columns_apart
from sklearn_ae.architectures import MLP, Convolutional
from sklearn_ae.losses import SquaredError

IRIS = load_iris().data
MISSING = np.random.RandomState(0).uniform(size=IRIS.shape) < 0.2
GAPS = np.where(MISSING, np.nan, IRIS)
DIGITS = load_digits().data


def quick(**params):
    return AutoencoderImputer(**{"max_steps": 20, "random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(GAPS)


def rmse(filled, X, missing):
    return np.sqrt(np.square(filled - X)[missing].mean())


# What comes out


def test_gaps_become_numbers_and_all_else_stays_to_the_byte(fitted):
    filled = fitted.transform(GAPS)
    assert np.isfinite(filled).all()
    assert filled[~MISSING].tobytes() == IRIS[~MISSING].tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_output_has_the_dtype_of_the_data(dtype):
    assert quick().fit_transform(GAPS.astype(dtype)).dtype == dtype


def test_data_are_not_written_to(fitted):
    X = GAPS.copy()
    X.flags.writeable = False
    clone(fitted).fit(X).transform(X)
    np.testing.assert_array_equal(X, GAPS)


def test_rows_without_gaps_are_returned_as_they_are(fitted):
    np.testing.assert_array_equal(fitted.transform(IRIS), IRIS)


def test_rows_are_filled_independently_of_how_many_there_are(fitted):
    X = np.tile(GAPS, (40, 1))  # 6000 rows: more than pass through at a time
    np.testing.assert_allclose(fitted.transform(X)[-150:], fitted.transform(GAPS), rtol=1e-10)


def test_rows_of_which_nothing_is_observed_are_all_filled_alike(fitted):
    filled = fitted.transform(np.full((2, 4), np.nan))
    np.testing.assert_array_equal(filled[0], filled[1])
    low, high = IRIS.min(axis=0), IRIS.max(axis=0)
    assert ((low < filled[0]) & (filled[0] < high)).all()


def test_patterns_of_gaps_that_fit_never_saw_are_filled():
    imputer = quick().fit(IRIS)
    X = IRIS[:2].copy()
    X[0, :3] = np.nan
    assert np.isfinite(imputer.transform(X)).all()


@pytest.mark.parametrize("peer", [SimpleImputer, KNNImputer])
@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("indicator", [False, True])
@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
def test_empty_columns_and_indicators_are_those_of_scikit_learn(peer, keep, indicator):
    X = GAPS.copy()
    X[:, 2] = np.nan
    params = {"keep_empty_features": keep, "add_indicator": indicator}
    ours, theirs = quick(**params).fit(X), peer(**params).fit(X)
    new = X.copy()
    new[:3, 2] = 5.0  # a value where there was none in fit
    for rows in (X, new):
        filled, expected = ours.transform(rows), theirs.transform(rows)
        assert filled.shape == expected.shape
        n_kept = 4 if keep else 3
        np.testing.assert_array_equal(filled[:, n_kept:], expected[:, n_kept:])
        if keep:
            assert (filled[:, 2] == 0).all()
    assert len(ours.get_feature_names_out()) == filled.shape[1]
    if peer is SimpleImputer:  # KNNImputer forgets the empty columns that it keeps
        assert ours.get_feature_names_out().tolist() == theirs.get_feature_names_out().tolist()


def test_data_of_nothing_but_gaps_have_no_columns_left():
    X = np.full((10, 3), np.nan)
    assert quick().fit_transform(X).shape == (10, 0)
    assert (quick(keep_empty_features=True).fit_transform(X) == 0).all()


@pytest.mark.parametrize("value", [-1, 0, 99.5])
def test_any_number_may_stand_for_a_missing_value(value):
    marked = np.where(MISSING, value, IRIS)
    np.testing.assert_array_equal(
        quick(missing_values=value).fit_transform(marked), quick().fit_transform(GAPS)
    )


def test_integers_are_filled_with_real_numbers():
    X = np.where(MISSING, -1, (10 * IRIS).astype(int))
    filled = quick(missing_values=-1).fit_transform(X)
    assert filled.dtype == np.float64
    np.testing.assert_array_equal(filled[~MISSING], X[~MISSING])


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_frames_keep_their_columns_and_pandas_the_index(container):
    frame = pd.DataFrame(GAPS, columns=list("abcd"), index=[f"row {i}" for i in range(150)])
    X = frame if container == "pandas" else pl.from_pandas(frame)
    filled = quick(add_indicator=True).set_output(transform=container).fit_transform(X)
    names = ["a", "b", "c", "d", *(f"missingindicator_{name}" for name in "abcd")]
    assert list(filled.columns) == names
    if container == "pandas":
        assert filled.index.equals(frame.index)
        pd.testing.assert_frame_equal(filled[list("abcd")].where(frame.notna()), frame)


def test_nullable_columns_of_pandas_are_read():
    frame = pd.DataFrame(GAPS, columns=list("abcd")).astype("Float64")
    np.testing.assert_array_equal(quick().fit_transform(frame), quick().fit_transform(GAPS))


# How well


def test_digits_are_filled_better_than_by_neighbours():
    missing = np.random.RandomState(0).uniform(size=DIGITS.shape) < 0.3
    X = np.where(missing, np.nan, DIGITS)[:1000]
    new, truth, hidden = np.where(missing, np.nan, DIGITS)[1000:], DIGITS[1000:], missing[1000:]
    ours = rmse(quick(max_steps=400).fit(X).transform(new), truth, hidden)
    assert ours < rmse(KNNImputer().fit(X).transform(new), truth, hidden)


def test_where_relations_are_linear_the_error_is_that_of_the_conditional_mean():
    random_state = np.random.RandomState(0)
    loadings = random_state.normal(size=(10, 2))
    X = random_state.normal(size=(600, 2)) @ loadings.T + 0.5 * random_state.normal(size=(600, 10))
    gaps = X.copy()
    gaps[:, 3] = np.where(np.arange(600) % 2, np.nan, X[:, 3])
    covariance = loadings @ loadings.T + 0.25 * np.eye(10)
    rest = np.delete(np.arange(10), 3)
    best = X[:, rest] @ np.linalg.solve(covariance[np.ix_(rest, rest)], covariance[rest, 3])
    error = rmse(quick(max_steps=300).fit_transform(gaps), X, np.isnan(gaps))
    least = np.sqrt(np.square(best - X[:, 3])[1::2].mean())
    assert least * 0.95 < error < least * 1.1


def test_validation_error_is_about_the_error_on_new_rows():
    missing = np.random.RandomState(0).uniform(size=DIGITS.shape) < np.random.RandomState(
        1
    ).uniform(0.05, 0.85, (len(DIGITS), 1))
    imputer = quick(max_steps=200).fit(DIGITS[:1000])
    filled = imputer.transform(np.where(missing, np.nan, DIGITS)[1000:])
    errors = np.where(missing[1000:], filled - DIGITS[1000:], np.nan)
    expected = np.sqrt(np.nanmean(np.square(errors), axis=0))
    ours = np.sqrt(np.square(imputer.validation_error_).mean())
    assert ours == pytest.approx(np.sqrt(np.square(expected).mean()), rel=0.15)
    assert np.corrcoef(imputer.validation_error_, expected)[0, 1] > 0.9


# Parts and settings


@pytest.mark.parametrize(
    "autoencoder",
    [
        AutoencoderTransformer(8),
        AutoencoderTransformer(8, init="random"),
        AutoencoderTransformer(8, architecture=Convolutional((8, 8), channels=4)),
        AutoencoderTransformer(8, loss="log_loss"),
        AutoencoderTransformer(8, loss="poisson"),
        AutoencoderTransformer(8, early_stopping=False),
        DenoisingAutoencoder(8, noise="gaussian", noise_level=0.05),
        ContractiveAutoencoder(8),
        NestedAutoencoder(8),
        NestedAutoencoder(max_components=6),
        SparseAutoencoder(8, init="random"),
        SparseAutoencoder(8, sparsity="top_k", n_active=4, init="random"),
        VariationalAutoencoder(8),
        VariationalAutoencoder(8, beta=0),
        VariationalAutoencoder(8, init="random", beta=0.5),
        VariationalAutoencoder(8, architecture=Convolutional((8, 8), channels=4)),
        VariationalAutoencoder(8, loss="log_loss"),
        VariationalAutoencoder(8, loss="poisson"),
        VariationalAutoencoder(8, early_stopping=False),
    ],
    ids=repr,
)
def test_autoencoders_of_all_kinds_fill_gaps(autoencoder):
    X = DIGITS[:120] / 16
    missing = np.random.RandomState(0).uniform(size=X.shape) < 0.3
    imputer = quick(autoencoder=autoencoder, max_steps=60)
    filled = imputer.fit_transform(np.where(missing, np.nan, X))
    means = np.broadcast_to(X.mean(axis=0), X.shape)
    assert rmse(filled, X, missing) < rmse(means, X, missing)
    assert isinstance(imputer.autoencoder, type(autoencoder))
    assert not hasattr(autoencoder, "module_")


@pytest.mark.parametrize(
    ("linear_base", "names"),
    [("auto", {"alone"}), (True, {"correcting"}), (False, {"alone"})],
)
def test_linear_model_is_corrected_or_left_out_as_asked(linear_base, names):
    imputer = quick(linear_base=linear_base, max_steps=100).fit(GAPS)
    assert set(imputer.shares_) == names
    assert set(imputer.autoencoders_) <= names
    assert all(0 <= share <= 1 for share in imputer.shares_.values())


def test_module_of_a_fitted_autoencoder_takes_rows_with_nan():
    imputer = quick(linear_base=False, max_steps=100).fit(GAPS)
    (autoencoder,) = imputer.autoencoders_.values()
    with torch.no_grad():
        reconstruction = autoencoder.module_(torch.from_numpy(GAPS[:5])).reconstruction
    assert reconstruction.isfinite().all()


def test_parameters_of_the_autoencoder_are_searched_in_a_pipeline():
    y = load_iris().target
    imputer = quick(autoencoder=AutoencoderTransformer(3))
    model = make_pipeline(imputer, LogisticRegression(max_iter=1000))
    grid = {"autoencoderimputer__autoencoder__n_components": [1, 2]}
    search = GridSearchCV(model, grid, cv=2).fit(GAPS, y)
    assert search.best_score_ > 0.8


# Units, limits, floor


def test_units_of_columns_do_not_matter():
    units = 10.0 ** np.array([-6, 6, 0, 3])
    expected = quick().fit(GAPS)
    imputer = quick().fit(GAPS * units)
    np.testing.assert_allclose(
        imputer.transform(GAPS * units) / units, expected.transform(GAPS), rtol=1e-3
    )
    np.testing.assert_allclose(
        imputer.validation_error_ / units, expected.validation_error_, rtol=1e-3
    )


def test_one_value_in_a_wrong_unit_moves_no_other_filling_far():
    X = GAPS.copy()
    X[np.flatnonzero(~MISSING[:, 0])[0], 0] = 1e6
    filled = quick(max_steps=100).fit_transform(X)
    assert rmse(filled, IRIS, MISSING) < 1.1 * rmse(
        quick(max_steps=100).fit_transform(GAPS), IRIS, MISSING
    )


def test_noise_is_filled_by_the_linear_model():
    X = np.random.RandomState(0).normal(size=(100, 5))
    missing = np.random.RandomState(1).uniform(size=X.shape) < 0.2
    imputer = AutoencoderImputer(random_state=0).fit(np.where(missing, np.nan, X))
    filled = imputer.transform(np.where(missing, np.nan, X))
    means = np.broadcast_to(X.mean(axis=0), X.shape)
    assert rmse(filled, X, missing) < 1.05 * rmse(means, X, missing)
    assert imputer.is_linear_ == (imputer.autoencoders_ == {})


def test_rows_of_one_observed_value_are_filled_with_means():
    random_state = np.random.RandomState(0)
    X = random_state.normal(size=(300, 1)) + 0.3 * random_state.normal(size=(300, 5))
    seen = random_state.randint(5, size=300)
    gaps = np.where(np.arange(5) == seen[:, None], X, np.nan)
    filled = quick(max_steps=200).fit_transform(gaps)
    means = np.broadcast_to(np.nanmean(gaps, axis=0), X.shape)
    assert rmse(filled, X, np.isnan(gaps)) < 1.03 * rmse(means, X, np.isnan(gaps))


def test_where_columns_are_never_seen_together_the_net_is_not_trusted():
    random_state = np.random.RandomState(0)
    X = random_state.normal(size=(200, 1)) + 0.3 * random_state.normal(size=(200, 4))
    X[::2, 0] = X[1::2, 1] = np.nan
    assert quick().fit(X).is_linear_
    assert has_columns_apart(X)
    assert not has_columns_apart(X[:30])  # may be chance
    assert not has_columns_apart(GAPS)


@pytest.mark.parametrize("make", [AutoencoderTransformer, VariationalAutoencoder])
@pytest.mark.parametrize(
    ("loss", "scale", "largest"), [("log_loss", 16, 1), ("poisson", 1, np.inf)]
)
def test_fillings_lie_in_the_support_of_the_loss(make, loss, scale, largest):
    X = DIGITS[:150] / scale
    missing = np.random.RandomState(0).uniform(size=X.shape) < 0.3
    imputer = quick(autoencoder=make(8, loss=loss), max_steps=60)
    filled = imputer.fit_transform(np.where(missing, np.nan, X))
    assert filled.min() >= 0
    assert filled.max() <= largest


@pytest.mark.parametrize("sample_posterior", [False, True])
def test_fillings_keep_to_limits_and_whole_columns(sample_posterior):
    imputer = quick(
        min_value="observed",
        max_value=[6.0, np.inf, 5.5, 2.0],
        integer_features=[1, 2],
        sample_posterior=sample_posterior,
    )
    filled = np.where(MISSING, imputer.fit_transform(GAPS), np.nan)
    assert (np.nanmin(filled, axis=0) >= np.floor(np.nanmin(GAPS, axis=0))).all()
    assert (np.nanmax(filled, axis=0) <= [6.0, np.inf, 5.0, 2.0]).all()
    whole = filled[:, 1:3][MISSING[:, 1:3]]
    np.testing.assert_array_equal(whole, np.round(whole))


def test_whole_columns_are_chosen_by_name_mask_or_by_what_was_observed():
    frame = pd.DataFrame(GAPS, columns=list("abcd"))
    frame["c"] = frame["c"].round()
    masks = [
        quick(integer_features=asked).fit(frame)._is_whole.tolist()
        for asked in (["c"], [2], [False, False, True, False], "observed", None)
    ]
    assert masks == 4 * [[False, False, True, False]] + [[False] * 4]


# Several fillings


@pytest.fixture(scope="module")
def sampling():
    return quick(sample_posterior=True, max_steps=100).fit(GAPS)


def test_imputations_differ_in_the_gaps_only(sampling):
    imputations = sampling.sample(GAPS, n_imputations=3, random_state=0)
    assert len(imputations) == 3
    for filled in imputations:
        assert np.isfinite(filled).all()
        assert filled[~MISSING].tobytes() == IRIS[~MISSING].tobytes()
    first, second, _ = imputations
    assert (first[MISSING] != second[MISSING]).all()


def test_imputations_are_seeded(sampling):
    first, second, other = (joblib.hash(sampling.sample(GAPS, 2, seed)) for seed in (0, 0, 1))
    assert first == second != other
    before = np.random.get_state()[1].copy()
    assert joblib.hash(sampling.sample(GAPS)) != joblib.hash(sampling.sample(GAPS))
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_draws_of_a_row_are_the_same_bytes_alone_and_in_any_batch(sampling):
    order = np.random.RandomState(0).permutation(150)
    every = np.array(sampling.sample(GAPS, 3, random_state=0))
    assert np.array(sampling.sample(GAPS[order], 3, random_state=0)).tobytes() == (
        every[:, order].tobytes()
    )
    for i in (0, 77, 149):
        alone = np.array(sampling.sample(GAPS[[i]], 40, random_state=0))
        assert alone[:3, 0].tobytes() == every[:, i].tobytes()


def test_transform_draws_if_asked_to_and_always_the_same(sampling):
    drawn = sampling.transform(GAPS)
    np.testing.assert_array_equal(sampling.transform(GAPS), drawn)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(sampling)).transform(GAPS), drawn)
    mean = clone(sampling).set_params(sample_posterior=False, autoencoder=VariationalAutoencoder())
    assert rmse(mean.fit_transform(GAPS), IRIS, MISSING) < rmse(drawn, IRIS, MISSING)


def test_imputations_scatter_around_what_transform_returns():
    imputer = quick(autoencoder=VariationalAutoencoder(2), max_steps=100).fit(GAPS)
    imputations = np.array(imputer.sample(GAPS, 400, random_state=0))
    error = imputations.std(axis=0) / 20
    off = np.abs(imputations.mean(axis=0) - imputer.transform(GAPS))[MISSING] / error[MISSING]
    assert np.median(off) < 1.5


def test_nine_of_ten_values_lie_between_the_quantiles_of_linear_data():
    random_state = np.random.RandomState(0)
    scale = np.array([0.2, 0.2, 0.2, 0.5, 0.5, 0.5, 1, 1, 1, 1])
    loadings = random_state.normal(size=(10, 2))
    X = random_state.normal(size=(1500, 2)) @ loadings.T
    X += scale * random_state.normal(size=X.shape)
    missing = random_state.uniform(size=X.shape) < 0.3
    gaps = np.where(missing, np.nan, X)
    imputer = quick(sample_posterior=True, max_steps=400).fit(gaps[:1000])
    imputations = imputer.sample(gaps[1000:], 100, random_state=0)
    low, high = np.quantile(imputations, [0.05, 0.95], axis=0)
    inside = (low <= X[1000:]) & (X[1000:] <= high)
    covered = [inside[:, j][missing[1000:, j]].mean() for j in range(10)]
    assert np.mean(covered) == pytest.approx(0.9, abs=0.03)
    assert min(covered) > 0.75


def test_the_fewer_values_are_observed_the_less_sure_imputations_are(sampling):
    X = np.tile(IRIS[[100]], (3, 1))
    X[0, :1] = X[1, [0, 2]] = X[2, :4] = np.nan
    spread = np.std(sampling.sample(X, 500, random_state=0), axis=0)[:, 0]
    assert spread[0] < spread[1] < spread[2]


@pytest.mark.parametrize("container", ["pandas", "polars"])
def test_imputations_are_frames_if_asked_for(container):
    frame = pd.DataFrame(GAPS, columns=list("abcd"), index=[f"row {i}" for i in range(150)])
    X = frame if container == "pandas" else pl.from_pandas(frame)
    imputer = quick(sample_posterior=True, add_indicator=True).set_output(transform=container)
    for filled in imputer.fit(X).sample(X, 2, random_state=0):
        assert type(filled) is type(X)
        assert list(filled.columns)[:5] == ["a", "b", "c", "d", "missingindicator_a"]
        if container == "pandas":
            assert filled.index.equals(frame.index)


def test_binary_values_and_counts_are_drawn_as_such():
    X = np.where(MISSING, np.nan, np.float64(np.median(IRIS, axis=0) < IRIS))
    imputer = quick(autoencoder=VariationalAutoencoder(2, loss="log_loss")).fit(X)
    assert np.isin(imputer.sample(X, 3), [0, 1]).all()
    with pytest.raises(ValueError, match=r"draws values of 0 or 1, but X contains 0\.5"):
        imputer.sample(X / 2)
    counts = np.where(MISSING, np.nan, np.round(IRIS))
    imputer = quick(autoencoder=VariationalAutoencoder(2, loss="poisson")).fit(counts)
    assert all((filled == np.round(filled)).all() for filled in imputer.sample(counts, 3))


def test_shades_are_refused_before_training_where_only_two_values_can_be_drawn():
    imputer = quick(autoencoder=VariationalAutoencoder(2, loss="log_loss"), sample_posterior=True)
    with pytest.raises(ValueError, match=r"draws values of 0 or 1, but X contains"):
        imputer.fit(GAPS / 10)
    assert not hasattr(imputer, "autoencoders_")


@pytest.mark.parametrize("n_imputations", [0, -1, 2.5, True])
def test_number_of_imputations_is_checked(sampling, n_imputations):
    with pytest.raises(ValueError, match=f"n_imputations={n_imputations} must be"):
        sampling.sample(GAPS, n_imputations)


def test_imputations_need_a_distribution(fitted):
    with pytest.raises(ValueError, match="has no distribution to draw values from"):
        fitted.sample(GAPS)


def test_imputations_of_complete_rows_are_copies(sampling):
    for filled in sampling.sample(IRIS, 2):
        np.testing.assert_array_equal(filled, IRIS)
        assert not np.shares_memory(filled, IRIS)


def test_data_without_variance_or_values_are_filled_with_what_there_is():
    X = np.full((30, 3), 2.0)
    X[::3, 0] = np.nan
    X[:, 2] = np.nan
    imputer = quick(sample_posterior=True, keep_empty_features=True).fit(X)
    for filled in [imputer.transform(X), *imputer.sample(X, 2)]:
        np.testing.assert_allclose(filled[:, :2], 2.0, atol=0.1)
        assert (filled[:, 2] == 0).all()


# Same data, same result


def test_same_seed_gives_the_same_bytes_and_leaves_the_global_state_alone():
    before = torch.get_rng_state()
    results = [joblib.hash(quick().fit_transform(GAPS)) for _ in range(2)]
    assert results[0] == results[1]
    assert torch.equal(torch.get_rng_state(), before)
    assert joblib.hash(quick(random_state=1).fit_transform(GAPS)) != results[0]


def test_pickled_imputer_fills_the_same_bytes(fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(copy.transform(GAPS), fitted.transform(GAPS))


# Callbacks


def test_rounds_are_shown_by_callbacks_and_fill_gaps_so_far():
    if not hasattr(quick(), "set_callbacks"):
        pytest.skip("scikit-learn < 1.9")

    class Filler:
        def setup(self, estimator, context):
            self.errors, self.n_rounds = [], context.max_subtasks

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator):
            if context.parent is not None:
                self.errors.append(rmse(fitted_estimator.transform(GAPS), IRIS, MISSING))

        def teardown(self, estimator, context):
            pass

    filler = Filler()
    imputer = quick(max_steps=150).set_callbacks(filler).fit(GAPS)
    assert len(filler.errors) == filler.n_rounds == 3
    np.testing.assert_array_equal(imputer.transform(GAPS), quick(max_steps=150).fit_transform(GAPS))


def test_losses_of_rounds_are_printed_if_asked_for(capsys):
    quick().fit(GAPS)
    assert capsys.readouterr().out == ""
    quick(verbose=1).fit(GAPS)
    assert "valid_loss" in capsys.readouterr().out


# What cannot be


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"autoencoder": GeodesicAutoencoder()}, "those between whole rows"),
        ({"min_value": [1.0, 2.0]}, r"min_value has shape \(2,\) for the 4 features"),
        ({"min_value": 3.0, "max_value": 2.0}, "min_value=3 is above max_value=2 in column 0"),
        ({"min_value": "least"}, "'min_value' parameter"),
        ({"integer_features": [7]}, r"integer_features=\[7\] does not choose from the 4 columns"),
        (
            {"autoencoder": VariationalAutoencoder(loss=SquaredError().__call__)},
            "does not say which distribution",
        ),
        (
            {"autoencoder": VariationalAutoencoder(), "linear_base": True},
            "models whole rows and corrects no other model",
        ),
        (
            {"autoencoder": VariationalAutoencoder(architecture=MLP(code_activation="tanh"))},
            "gives the code an activation",
        ),
        (
            {"autoencoder": AutoencoderTransformer(), "sample_posterior": True},
            "has no distribution to draw values from",
        ),
        (
            {"autoencoder": VariationalAutoencoder(beta=0), "sample_posterior": True},
            "has no distribution to draw values from",
        ),
        ({"sample_posterior": "yes"}, "'sample_posterior' parameter"),
        ({"autoencoder": LogisticRegression()}, "cannot learn from rows with gaps"),
        ({"autoencoder": AutoencoderTransformer(0)}, "'n_components' parameter"),
        (
            {"autoencoder": AutoencoderTransformer(loss="log_loss"), "linear_base": True},
            "linear_base=True needs loss='squared_error'",
        ),
        ({"autoencoder": AutoencoderTransformer(loss="log_loss")}, "needs data in"),
        (
            {"autoencoder": AutoencoderTransformer(architecture=Convolutional((3, 3)))},
            r"image_shape=\(3, 3\)",
        ),
        ({"max_steps": 0}, "'max_steps' parameter"),
        ({"missing_values": "no"}, "'missing_values' parameter"),
    ],
)
def test_what_cannot_be_used_is_named(params, message):
    with pytest.raises(ValueError, match=message):
        quick(**params).fit(GAPS)


def test_failing_fit_leaves_a_fitted_imputer_as_it_was(fitted):
    imputer = pickle.loads(pickle.dumps(fitted))
    imputer.autoencoder = AutoencoderTransformer(architecture=Convolutional((3, 3)))
    with pytest.raises(ValueError, match="image_shape"):
        imputer.fit(GAPS[:, :3])
    np.testing.assert_array_equal(imputer.transform(GAPS), fitted.transform(GAPS))


def test_rows_of_which_nothing_is_observed_teach_nothing():
    X = np.vstack([GAPS, np.full((30, 4), np.nan)])
    np.testing.assert_array_equal(quick().fit(X).transform(GAPS), quick().fit_transform(GAPS))


def test_diverging_loss_tells_the_range_of_what_is_observed():
    counts = np.round(np.exp(4 * np.random.RandomState(0).normal(size=(200, 5))))
    counts[::3, 0] = np.nan
    imputer = quick(autoencoder=AutoencoderTransformer(2, loss="poisson", learning_rate_init=1e30))
    with pytest.raises(RuntimeError, match=r"values lie in \[0, [0-9.e+]+\]"):
        imputer.fit(counts)


def test_infinite_values_are_refused():
    with pytest.raises(ValueError, match="infinity"):
        quick().fit(np.where(MISSING, np.inf, IRIS))


def test_nan_is_refused_where_another_value_stands_for_what_is_missing():
    with pytest.raises(ValueError, match="NaN"):
        quick(missing_values=-1).fit(GAPS)


def test_unfitted_imputer_says_so():
    with pytest.raises(NotFittedError):
        quick().transform(GAPS)
    with pytest.raises(NotFittedError):
        quick().get_feature_names_out()


def test_values_whose_squares_overflow_are_refused_before_training():
    X = 1e200 * load_iris().data
    X[0, 0] = np.nan
    with pytest.raises(ValueError, match=r"The variance of X, inf squared.*Rescale X"):
        AutoencoderImputer().fit(X)


def test_columns_constant_where_observed_have_the_scale_one_whatever_their_mean_rounds_to():
    random_state = np.random.RandomState(0)
    for value in (-0.0235964, 0.1, 1e8 / 3):
        column = np.full((1347, 1), value)
        X = np.where(random_state.rand(1347, 1) < 0.5, np.nan, column)
        columns = Columns.of(np.hstack([X, random_state.normal(size=(1347, 1))]))
        assert columns.scale[0] == 1
        assert abs(columns.standardise(np.array([[value + 40, 0.0]]))[0, 0]) < 41

import copy
import io
import pickle
import tracemalloc

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from sklearn_ae import (
    AutoencoderOutlierDetector,
    AutoencoderTransformer,
    DenoisingAutoencoder,
    GeodesicAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae._estimators.outlier.calibration import no_stricter
from sklearn_ae._estimators.outlier.normal_rows import (
    FEW_DISTANCES,
    MEASURES,
    NormalRows,
    mean_distance,
    nearest_distances,
    sparsely_surrounded,
)
from sklearn_ae._estimators.outlier.shrunk_precision import ShrunkPrecision

pytestmark = pytest.mark.filterwarnings(
    "ignore:Training stopped at max_iter", "ignore:contamination='auto' calls rows with p-values"
)

X = load_iris().data
SIGNS = np.array([1, -1, 1, -1])
METHODS = ["score_samples", "decision_function", "predict", "p_values", "feature_errors", "explain"]


def quick(**params):
    """Return a detector that fits in milliseconds."""
    return AutoencoderOutlierDetector(**{"autoencoder": PCA(2), "random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X)


def with_group(share, seed=0, n_samples=400):
    """Return normal rows near a curved surface with a group of outliers, and which these are."""
    rng = np.random.default_rng(seed)
    n_outliers = round(share * n_samples)
    a, b = rng.uniform(-1, 1, (2, n_samples - n_outliers))
    normal = np.stack([a, b, a * b, a**2, np.sin(2 * b), a - b], axis=1)
    group = np.array([0.5, 0.5, -1, 2, -1, 1])
    Z = np.vstack([normal, np.repeat(group[None], n_outliers, axis=0)])
    is_outlier = np.arange(n_samples) >= n_samples - n_outliers
    return Z + 0.05 * rng.normal(size=Z.shape), is_outlier


def with_identical_outliers():
    """Return normal rows and 26 % of one and the same outlier, and which rows these are."""
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(150, 3)) @ rng.normal(size=(3, 4)) + 0.1 * rng.normal(size=(150, 4))
    is_outlier = np.arange(150) < 39
    Z[is_outlier] = [10, -10, 10, -10]
    return Z, is_outlier


# scikit-learn's conventions


@pytest.mark.parametrize("measure", MEASURES)
def test_scores_are_float64_and_higher_for_normal_rows(measure):
    detector = quick(measure=measure).fit(X.astype(np.float32))
    scores = detector.score_samples(X)
    assert scores.dtype == np.float64
    assert scores.min() > detector.score_samples(X[:1] + 30 * SIGNS)


def test_decision_is_the_score_relative_to_the_offset_and_negative_for_outliers(fitted):
    decision = fitted.decision_function(X)
    assert_array_equal(decision, fitted.score_samples(X) - fitted.offset_)
    assert_array_equal(fitted.predict(X), np.where(decision < 0, -1, 1))
    assert fitted.predict(X).dtype.kind == "i"


@pytest.mark.parametrize("contamination", [0.02, 0.1, 0.5])
def test_contamination_is_the_share_of_training_rows_called_outliers(contamination):
    labels = quick(contamination=contamination).fit_predict(X)
    assert abs(np.mean(labels == -1) - contamination) <= 1 / len(X)


@pytest.mark.parametrize("n_samples", [18, 19, 20, 59, 100, 499, 500, 2000])
@pytest.mark.parametrize("calibration_fraction", ["auto", 0, 0.2])
def test_outliers_are_just_the_rows_with_p_values_up_to_a_twentieth(
    n_samples, calibration_fraction
):
    rng = np.random.default_rng(0)
    Z, new = rng.normal(size=(n_samples, 3)), rng.normal(scale=1.5, size=(2000, 3))
    detector = quick(calibration_fraction=calibration_fraction).fit(Z)
    for rows in (Z, new):
        assert_array_equal(detector.predict(rows) == -1, detector.p_values(rows) <= 0.05)


@pytest.mark.parametrize("contamination", [0.1, 0.2, 0.25, 0.3])
def test_rows_that_tie_with_the_last_outlier_are_outliers(contamination):
    Z, is_outlier = with_identical_outliers()
    labels = quick(trim=0.3, contamination=contamination).fit_predict(Z)
    assert_array_equal(labels[is_outlier], -1)
    assert np.mean(labels == -1) == pytest.approx(max(contamination, 0.26), abs=1 / len(Z))


@pytest.mark.parametrize("contamination", [0.01, 0.1, 0.5])
def test_ties_of_more_than_half_of_the_rows_are_normal(contamination):
    Z = np.vstack([np.full((60, 2), 3.0), np.random.default_rng(0).normal(size=(3, 2))])
    params = {"autoencoder": AutoencoderTransformer(1, max_iter=3), "contamination": contamination}
    assert_array_equal(quick(**params).fit_predict(Z)[:60], 1)
    assert_array_equal(quick(**params).fit_predict(Z[:60]), 1)


def test_outliers_of_which_there_are_many_have_large_p_values():
    Z, is_outlier = with_identical_outliers()
    detector = quick(trim=0.3).fit(Z)
    assert roc_auc_score(is_outlier, -detector.score_samples(Z)) == 1
    assert detector.p_values(Z)[is_outlier].min() > 0.2
    assert_array_equal(detector.predict(Z)[is_outlier], 1)


def test_units_of_the_columns_do_not_matter():
    units = np.array([1e-3, 1, 10, 1e6])
    assert_allclose(
        quick().fit(X).score_samples(X), quick().fit(X * units).score_samples(X * units), rtol=1e-6
    )


# What the measures are


def test_distance_off_a_linear_manifold_is_the_mahalanobis_distance_of_the_residual():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 5)) + 0.3 * rng.normal(size=(500, 5))
    detector = quick(measure="mahalanobis", trim=0, calibration_fraction=0).fit(Z)
    standardised = (Z - Z.mean(axis=0)) / Z.std(axis=0)
    pca = PCA(2).fit(standardised)
    residual = standardised - pca.inverse_transform(pca.transform(standardised))
    squares = (ShrunkPrecision(residual, 1e-4).product(residual) * residual).sum(axis=1)
    assert_allclose(detector.score_samples(Z), -np.sqrt(squares / 5), rtol=1e-6)


def test_squared_error_is_that_of_the_standardised_rows(fitted):
    detector = quick(measure="squared_error").fit(X)
    Z = (X - detector.center_) / detector.scale_
    pca = detector.autoencoder_
    error = np.square(Z - pca.inverse_transform(pca.transform(Z))).sum(axis=1)
    assert_allclose(detector.score_samples(X), -error)


def test_one_noisy_column_drowns_the_squared_error_but_not_the_standardised_one():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 8)) + 0.05 * rng.normal(size=(500, 8))
    Z[:, 0] = rng.normal(size=500)
    odd = Z.copy()
    odd[:, 3] += 0.3 * np.sign(rng.normal(size=500))
    both, is_odd = np.vstack([Z, odd]), np.repeat([0, 1], 500)
    auc = {
        measure: roc_auc_score(is_odd, -quick(measure=measure).fit(Z).score_samples(both))
        for measure in MEASURES
    }
    assert auc["standardised"] > auc["squared_error"] + 0.1
    assert auc["mahalanobis"] > 0.99


def test_a_row_far_along_the_manifold_is_found_by_its_code_alone():
    line = np.linspace(-1, 1, 200)[:, None] * np.ones(4)
    line = line + 0.01 * np.random.default_rng(0).normal(size=line.shape)
    far = np.full((1, 4), 2.5)
    params = {"autoencoder": PCA(1), "trim": 0}
    by_code = quick(measure="code", **params).fit(line)
    assert by_code.score_samples(far) < 10 * by_code.score_samples(line).min()
    assert quick(**params).fit(line).predict(far) == -1


def test_distance_is_to_other_rows_than_itself():
    line = np.arange(10.0)[:, None]
    assert_allclose(mean_distance(line, line, k=1), 1)
    assert_allclose(mean_distance(line[:1] + 0.25, line, k=2), (0.25 + 0.75) / 2)


def test_an_equal_row_is_a_neighbour_once_there_are_two():
    line = np.array([[0.0], [0.0], [1.0]])
    assert_allclose(mean_distance(line[:1], line, k=1), 0)
    assert_allclose(mean_distance(line[:1], line[1:], k=1), 1)


def test_distances_are_the_same_however_many_rows_ask():
    rng = np.random.default_rng(0)
    references, rows = rng.normal(size=(200, 4)), rng.normal(size=(FEW_DISTANCES // 200 + 1, 4))
    assert_allclose(
        nearest_distances(rows, references, 6)[:50], nearest_distances(rows[:50], references, 6)
    )


# Outliers among the training data


@pytest.mark.parametrize("share", [0.01, 0.04, 0.08])
def test_a_group_of_outliers_in_the_training_data_is_found(share):
    Z, is_outlier = with_group(share)
    detector = AutoencoderOutlierDetector(random_state=0).fit(Z)
    assert roc_auc_score(is_outlier, -detector.score_samples(Z)) > 0.99


def test_a_group_of_a_fifth_is_found_if_trim_allows_for_it():
    Z, is_outlier = with_group(0.2)
    scores = quick(trim=0.3).fit(Z).score_samples(Z)
    assert roc_auc_score(is_outlier, -scores) > 0.99
    assert roc_auc_score(is_outlier, -quick(trim=0).fit(Z).score_samples(Z)) < 0.9


def test_a_group_cannot_vouch_for_itself():
    Z, is_outlier = with_group(0.1)
    taken = sparsely_surrounded(Z, 0.1, np.random.RandomState(0))
    assert taken.sum() == 40
    assert np.mean(taken == is_outlier) > 0.98


def test_one_absurd_value_does_not_hide_the_others():
    wild = np.vstack([X, X[:1]])
    wild[-1, 0] = 1e9
    odd = X[:1] + np.array([0, 5, 0, 0])
    detector = quick(contamination=0.05).fit(wild)
    assert detector.predict(odd) == -1
    assert_allclose(detector.scale_, X.std(axis=0), rtol=0.3)


def test_clean_breast_cancers_are_told_from_malignant_ones_as_well_as_by_a_forest():
    data, target = load_breast_cancer(return_X_y=True)
    benign, malignant = data[target == 1], data[target == 0]
    train, test = benign[:250], np.vstack([benign[250:], malignant])
    is_malignant = np.arange(len(test)) >= len(benign) - 250
    detector = AutoencoderOutlierDetector(random_state=0).fit(train)
    forest = IsolationForest(random_state=0).fit(train)
    ours, peers = (roc_auc_score(is_malignant, -d.score_samples(test)) for d in (detector, forest))
    assert ours > peers - 0.02


# p-values


def false_alarms(level, n_fits=40, n_new=100):
    """Return how many of all new rows have p-values up to a level."""
    rng = np.random.default_rng(0)
    count = 0
    for seed in range(n_fits):
        Z = rng.standard_t(5, size=(200 + n_new, 5)) @ rng.normal(size=(5, 5))
        detector = quick(calibration_fraction=0.495, random_state=seed).fit(Z[:200])
        count += np.sum(detector.p_values(Z[200:]) <= level)
    return count


@pytest.mark.parametrize("level", [0.01, 0.05, 0.1])
def test_false_alarms_are_as_rare_as_the_p_value_says(level):
    # With 99 held-out rows the p-values are multiples of 0.01, so each level is met exactly. The
    # new rows of one fit share its held-out rows, which makes the count vary about twice as much.
    expected, spread = 4000 * level, binom(4000, level).std()
    assert abs(false_alarms(level) - expected) < 3 * np.sqrt(2) * spread


def test_p_value_counts_the_held_out_scores_that_are_as_low():
    detector = quick(calibration_fraction=0.15).fit(X)
    calibration = detector.calibration_scores_
    expected = [(1 + np.sum(calibration <= s)) / 23 for s in detector.score_samples(X)]
    assert len(calibration) == 22
    assert_allclose(detector.p_values(X), expected)


@pytest.mark.parametrize(
    ("n_samples", "n_calibration"),
    [(3, 3), (8, 8), (20, 20), (499, 499), (500, 79), (1000, 159), (2000, 299)],
)
def test_few_rows_all_calibrate_and_of_many_as_many_as_make_a_twentieth_possible(
    n_samples, n_calibration
):
    Z = np.random.default_rng(0).normal(size=(n_samples, 3))
    assert len(quick().fit(Z).calibration_scores_) == n_calibration


@pytest.mark.parametrize("n_samples", [20, 50, 100, 200, 400])
def test_false_alarms_of_few_rows_are_rare(n_samples):
    rng = np.random.default_rng(1)
    Z = rng.standard_t(5, size=(12, n_samples + 100, 5)) @ rng.normal(size=(5, 5))
    rates = [
        np.mean(quick(random_state=seed).fit(some[:n_samples]).predict(some[n_samples:]) == -1)
        for seed, some in enumerate(Z)
    ]
    assert np.mean(rates) < 0.07


def test_few_rows_are_scored_by_fits_to_others():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(20, 3))
    Z[7] = 30
    detector = quick(trim=0).fit(Z)
    others = NormalRows(PCA(2), trim=0).learn(np.delete(Z, 7, axis=0), np.random.RandomState(0))
    # Twenty rows make fifteen folds, so row 7 is held out with another one at most.
    known, unknown = -detector.score_samples(Z)[7], others.outlyingness(Z[7:8], "combined")[0]
    assert -detector.calibration_scores_[0] == pytest.approx(unknown, rel=0.3)
    assert known < 0.5 * unknown


def test_a_final_fit_that_is_stricter_than_the_others_sets_the_scores():
    others, own = -np.arange(100.0)[::-1], -10 - np.arange(100.0)[::-1]
    assert_array_equal(np.sort(others), others)
    lowered = no_stricter(others, own)
    assert np.all(lowered <= others)
    rank = np.arange(1, 101)
    assert_array_equal(lowered[:90], own[(rank + np.sqrt(rank) // 2).astype(int)[:90] - 1])
    assert_array_equal(no_stricter(others, own + 30), others)


@pytest.mark.parametrize("seed", range(6))
def test_what_most_rows_are_is_normal(seed):
    # Each fit gives the one row of which there are many another score.
    rng = np.random.default_rng(seed)
    Z = np.vstack([np.zeros((97, 5)), rng.normal(size=(3, 5))])
    net = AutoencoderTransformer(2, init="random", max_iter=5, early_stopping=False)
    detector = quick(autoencoder=net, measure="squared_error", random_state=seed, trim=0)
    assert detector.fit(rng.permutation(Z)).predict(np.zeros((1, 5))) == 1


def test_a_row_alone_has_the_p_value_it_has_among_others():
    Z = np.repeat(X[:10], 20, axis=0)
    for data in (Z, np.tile(Z, (5, 1))):
        detector = AutoencoderOutlierDetector(random_state=0).fit(data)
        alone = np.concatenate([detector.p_values(row[None]) for row in X[:10]])
        assert_array_equal(detector.p_values(X[:10]), alone)


@pytest.mark.parametrize("n_samples", [2, 10, 18])
def test_too_few_rows_for_a_small_p_value_are_told(n_samples):
    Z = np.random.default_rng(0).normal(size=(n_samples, 2))
    message = rf"with {n_samples} rows to calibrate by, none is below 0\.\d+: no row will be"
    with pytest.warns(UserWarning, match=message):
        detector = quick(autoencoder=PCA(1)).fit(Z)
    far = np.full((1, 2), 1e6)
    assert detector.predict(far) == 1
    assert np.isfinite(detector.decision_function(far))
    assert detector.p_values(far) == 1 / (n_samples + 1)


def test_rows_held_out_may_be_too_few_as_well():
    with pytest.warns(UserWarning, match="with 15 rows to calibrate by, none is below 0.062"):
        quick(calibration_fraction=0.15).fit(X[:100])


@pytest.mark.parametrize("params", [{"contamination": 0.1}, {}])
def test_enough_rows_or_a_share_of_outliers_do_not_warn(params, recwarn):
    quick(**params).fit(X[: 10 if params else 19])
    assert not recwarn


def test_p_values_order_rows_as_scores_do(fitted):
    order = np.argsort(fitted.score_samples(X))
    assert np.all(np.diff(fitted.p_values(X)[order]) >= 0)


def test_nothing_is_learned_from_held_out_rows():
    # The same rows are held out for the same seed, so only they may change.
    rng = np.random.RandomState(0)
    held_out = rng.permutation(len(X))[: round(0.15 * len(X))]
    changed = X.copy()
    changed[held_out] += 1
    new, detector = X + 0.1, quick(calibration_fraction=0.15)
    expected = detector.fit(X).score_samples(new)
    assert_array_equal(detector.fit(changed).score_samples(new), expected)


# Which feature is to blame


@pytest.mark.parametrize("load", [load_iris, load_wine, load_breast_cancer, load_digits])
def test_the_damaged_column_is_ranked_first(load):
    data = load().data
    data = data[:, data.std(axis=0) > 0.02 * np.ptp(data)] if load is load_digits else data
    rng = np.random.default_rng(0)
    data = rng.permutation(data)
    n_train = len(data) * 2 // 3
    detector = quick().fit(data[:n_train])
    damaged = data[n_train:].copy()
    column = rng.integers(data.shape[1], size=len(damaged))
    shift = 8 * data[:n_train].std(axis=0)[column] * rng.choice([-1, 1], size=len(damaged))
    damaged[np.arange(len(damaged)), column] += shift
    found = detector.feature_errors(damaged).argmax(axis=1)
    assert np.mean(found == column) >= 0.95


def test_a_damaged_value_is_found_among_thousands_without_a_matrix_of_all_pairs_of_columns():
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(25, 3)) @ rng.normal(size=(3, 3000)) + 0.1 * rng.normal(size=(25, 3000))
    tracemalloc.start()
    try:
        detector = quick().fit(wide[:20])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3000**2 * 8 / 4
    damaged, column = wide[20:].copy(), rng.integers(3000, size=5)
    damaged[np.arange(5), column] += 8 * wide.std()
    assert_array_equal(detector.feature_errors(damaged).argmax(axis=1), column)


def test_feature_errors_are_about_one_for_normal_rows():
    Z = np.random.default_rng(0).normal(size=(3000, 4)) @ np.random.default_rng(1).normal(
        size=(4, 4)
    )
    errors = quick().fit(Z[:2000]).feature_errors(Z[2000:])
    assert np.all(errors >= 0)
    assert_allclose(np.sqrt(np.square(errors).mean(axis=0)), 1, rtol=0.15)


def test_a_constant_column_that_changes_is_to_blame():
    Z = np.column_stack([X, np.full(len(X), 7.0)])
    detector = quick().fit(Z)
    odd = Z[:1].copy()
    odd[0, 4] = 9
    assert detector.predict(odd) == -1
    assert detector.feature_errors(odd).argmax() == 4


def test_explain_names_the_feature_with_observed_and_expected_value():
    frame = load_wine(as_frame=True).data
    frame.index = [f"bottle {i}" for i in range(len(frame))]
    detector = quick().fit(frame)
    odd = frame.iloc[:2].copy()
    odd.loc["bottle 1", "ash"] = 9.0
    table = detector.explain(odd, top=2)
    assert table.index.names == ["row", "rank"]
    assert table.index.tolist() == [(f"bottle {i}", rank) for i in (0, 1) for rank in (1, 2)]
    assert table.columns.tolist() == ["feature", "observed", "expected", "error"]
    worst = table.loc[("bottle 1", 1)]
    assert worst["feature"] == "ash"
    assert worst["observed"] == 9.0
    assert abs(worst["expected"] - frame.loc["bottle 1", "ash"]) < 0.8
    assert worst["error"] == pytest.approx(detector.feature_errors(odd)[1].max())


def test_expected_value_is_what_regression_on_the_other_columns_says():
    rng = np.random.default_rng(0)
    a = rng.normal(size=3000)
    Z = np.column_stack([a, 3 * a + 0.5 + 0.3 * rng.normal(size=3000)])
    detector = quick(autoencoder=PCA(1), trim=0).fit(Z)
    table = detector.explain([[1.0, 20.0]], top=2).set_index("feature")
    assert table.loc["x1", "expected"] == pytest.approx(3.5, abs=0.1)
    assert table.loc["x0", "expected"] == pytest.approx(19.5 / 3, abs=0.2)


def test_explain_gives_no_more_features_than_there_are(fitted):
    assert len(fitted.explain(X[:2], top=9)) == 2 * 4
    assert fitted.explain(X[:1])["feature"].isin([f"x{i}" for i in range(4)]).all()


@pytest.mark.parametrize("top", [0, -1, 1.5, "all", True])
def test_a_useless_top_is_refused(fitted, top):
    with pytest.raises(ValueError, match=rf"top={top!r} must be an integer of at least 1"):
        fitted.explain(X, top=top)


# The autoencoder inside


@pytest.mark.parametrize(
    "autoencoder",
    [
        AutoencoderTransformer(2, max_iter=5),
        DenoisingAutoencoder(3, max_iter=5),
        VariationalAutoencoder(2, max_iter=5),
        GeodesicAutoencoder(2, max_steps=20, n_neighbors=10),
        make_pipeline(MinMaxScaler(), PCA(2)),
        AutoencoderTransformer(2, max_iter=5).set_output(transform="pandas"),
    ],
    ids=lambda autoencoder: type(autoencoder).__name__,
)
@pytest.mark.filterwarnings("ignore:The ", "ignore:.* units of the code have collapsed")
def test_any_autoencoder_will_do_and_stays_as_it_was(autoencoder):
    before = joblib.hash(autoencoder)
    detector = quick(autoencoder=autoencoder).fit(X)
    assert detector.predict(X[:1] + 9 * SIGNS) == -1
    assert joblib.hash(autoencoder) == before
    assert detector.autoencoder_ is not autoencoder


@pytest.mark.parametrize(("n_features", "n_components"), [(1, 1), (2, 1), (7, 3), (64, 16)])
def test_default_autoencoder_halves_the_width(n_features, n_components):
    Z = np.random.default_rng(0).normal(size=(40, n_features))
    detector = AutoencoderOutlierDetector(random_state=0).fit(Z)
    assert isinstance(detector.autoencoder_, AutoencoderTransformer)
    assert detector.autoencoder_.n_components == n_components


def test_seed_is_handed_on_to_an_autoencoder_without_one():
    free = quick(autoencoder=AutoencoderTransformer(2, max_iter=3))
    scores = free.fit(X).score_samples(X)
    assert_array_equal(clone(free).fit(X).score_samples(X), scores)
    assert np.any(clone(free).set_params(random_state=1).fit(X).score_samples(X) != scores)


def test_seed_of_an_autoencoder_that_has_one_is_kept():
    detector = quick(autoencoder=AutoencoderTransformer(2, max_iter=3, random_state=7)).fit(X)
    assert detector.autoencoder_.random_state == 7


def test_its_parameters_can_be_searched():
    detector = quick().set_params(autoencoder__n_components=1).fit(X)
    assert detector.autoencoder_.n_components_ == 1


def test_a_fit_leaves_the_global_random_states_and_the_data_alone():
    data = X.copy()
    before, torch_before = np.random.get_state()[1].copy(), torch.get_rng_state()
    AutoencoderOutlierDetector(random_state=0).fit(data).predict(data)
    assert_array_equal(np.random.get_state()[1], before)
    assert torch.equal(torch.get_rng_state(), torch_before)
    assert_array_equal(data, X)


# Small, poor and bad data


@pytest.mark.parametrize("n_samples", [1, 2, 3, 5, 8, 20])
@pytest.mark.parametrize("n_features", [1, 2, 5])
def test_few_rows_give_finite_scores_and_find_a_far_row(n_samples, n_features):
    Z = np.random.default_rng(0).normal(size=(n_samples, n_features))
    detector = AutoencoderOutlierDetector(random_state=0).fit(Z)
    for method in METHODS[:5]:
        assert np.all(np.isfinite(getattr(detector, method)(Z)))
    assert detector.score_samples(np.full((1, n_features), 100.0)) < detector.score_samples(Z).min()


@pytest.mark.parametrize("calibration_fraction", [0, 0.01])
def test_without_rows_to_spare_the_training_rows_calibrate(calibration_fraction):
    detector = quick(calibration_fraction=calibration_fraction).fit(X[:40])
    assert len(detector.calibration_scores_) == 40


def test_a_table_of_equal_rows_is_all_normal():
    Z = np.full((30, 3), 4.2)
    detector = quick(autoencoder=AutoencoderTransformer(2, max_iter=3)).fit(Z)
    assert_array_equal(detector.predict(Z), 1)
    assert detector.predict(Z[:1] + 1) == -1


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("value", [1e9, 1e30, 1e160, 1e300])
def test_absurd_values_are_outliers_with_finite_scores(measure, value):
    rows = np.array([[value, 0, 0, 0], [-value, value, value, value]])
    detector = quick(measure=measure).fit(X)
    assert_array_equal(detector.predict(rows), -1)
    for method in METHODS[:5]:
        assert np.all(np.isfinite(getattr(detector, method)(rows)))


def test_repeated_rows_are_normal_and_another_one_is_not():
    Z = np.repeat(X[:10], 20, axis=0)
    detector = quick(trim=0.0).fit(Z)
    assert np.all(np.isfinite(detector.score_samples(Z)))
    assert detector.predict(X[140:141]) == -1


def test_a_huge_batch_is_the_same_as_many_small_ones():
    Z = np.random.default_rng(0).normal(size=(5000, 3))
    detector = quick().fit(Z)
    assert_allclose(
        detector.score_samples(Z)[4090:4100], detector.score_samples(Z[4090:4100]), rtol=1e-10
    )


BAD_DATA = {
    "NaN": ([[np.nan, 1, 1, 1]], "contains NaN"),
    "infinity": ([[np.inf, 1, 1, 1]], "contains infinity"),
    "width": ([[1.0, 1, 1]], "X has 3 features, but AutoencoderOutlierDetector is expecting 4"),
    "1-d": ([1.0, 1, 1, 1], "Expected 2D array, got 1D array instead"),
}


@pytest.mark.parametrize("case", BAD_DATA)
@pytest.mark.parametrize("method", METHODS)
def test_bad_rows_are_refused(fitted, method, case):
    bad, message = BAD_DATA[case]
    with pytest.raises(ValueError, match=message):
        getattr(fitted, method)(bad)


@pytest.mark.parametrize("method", METHODS)
def test_a_detector_that_is_not_fitted_says_so(method):
    with pytest.raises(NotFittedError, match="AutoencoderOutlierDetector instance is not fitted"):
        getattr(quick(), method)(X)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("contamination", 0.0),
        ("contamination", 0.6),
        ("contamination", "some"),
        ("measure", "euclidean"),
        ("trim", 0.5),
        ("trim", -0.1),
        ("calibration_fraction", 1.0),
        ("autoencoder", "pca"),
        ("autoencoder", IsolationForest()),
        ("random_state", "lucky"),
    ],
)
def test_a_bad_parameter_is_named(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter of AutoencoderOutlierDetector"):
        quick(**{name: value}).fit(X)


def test_rows_to_learn_from_must_be_left():
    with pytest.raises(ValueError, match=r"calibration_fraction=0\.98 holds out all 20 rows"):
        quick(calibration_fraction=0.98).fit(X[:20])


@pytest.mark.parametrize(
    ("params", "bad"),
    [
        ({}, np.full((9, 2), np.nan)),
        ({"autoencoder": PCA(40)}, X[:, :3]),
        ({"autoencoder": AutoencoderTransformer(device="nowhere")}, X[:, :3]),
    ],
)
def test_a_failed_fit_leaves_a_fitted_detector_as_it_was(params, bad):
    detector = quick().fit(X)
    detector.set_params(**params)
    before, scores = set(vars(detector)), detector.score_samples(X)
    with pytest.raises((ValueError, RuntimeError)):
        detector.fit(bad)
    assert set(vars(detector)) == before
    assert_array_equal(detector.score_samples(X), scores)


def test_a_failed_first_fit_leaves_nothing_behind():
    detector = quick(autoencoder=PCA(40))
    before = vars(detector).copy()
    with pytest.raises(ValueError, match="n_components=40"):
        detector.fit(X)
    assert vars(detector) == before


# Living among others


def through_skops(estimator):
    dumped = skops.io.dumps(estimator)
    trusted = skops.io.get_untrusted_types(data=dumped)
    assert all(name.startswith("sklearn_ae.") for name in trusted)
    return skops.io.loads(dumped, trusted=trusted)


def through_joblib(estimator):
    file = io.BytesIO()
    joblib.dump(estimator, file)
    file.seek(0)
    return joblib.load(file)


@pytest.mark.parametrize(
    "copied",
    [lambda d: pickle.loads(pickle.dumps(d)), through_joblib, through_skops, copy.deepcopy],
    ids=["pickle", "joblib", "skops", "deepcopy"],
)
def test_a_saved_detector_gives_the_same_scores(copied):
    frame = load_wine(as_frame=True).data
    detector = AutoencoderOutlierDetector(random_state=0).fit(frame)
    loaded = copied(detector)
    for method in METHODS[:5]:
        assert_array_equal(getattr(loaded, method)(frame), getattr(detector, method)(frame))
    pd.testing.assert_frame_equal(loaded.explain(frame), detector.explain(frame))


def test_it_ends_a_pipeline():
    pipeline = make_pipeline(MinMaxScaler(), quick()).fit(X)
    assert pipeline.predict(X).shape == (150,)
    assert_array_equal(pipeline.decision_function(X) < 0, pipeline.predict(X) == -1)
    assert_array_equal(make_pipeline(MinMaxScaler(), quick()).fit_predict(X), pipeline.predict(X))


def test_values_whose_squares_overflow_are_refused_before_training():
    with pytest.raises(ValueError, match=r"The variance of X, inf squared.*Rescale X"):
        AutoencoderOutlierDetector().fit(1e200 * load_iris().data)

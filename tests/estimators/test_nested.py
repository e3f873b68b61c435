import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits, load_iris, make_s_curve, make_swiss_roll
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_ae import NestedAutoencoder
from sklearn_ae._estimators.nested.fit import knee
from sklearn_ae.architectures import MLP

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
DIGITS = load_digits().data
TRAIN, TEST = train_test_split(DIGITS, test_size=0.3, random_state=0)


def quick(n_components="auto", **params):
    return NestedAutoencoder(n_components, **{"max_iter": 10, "random_state": 0} | params)


def low_rank(rank, n_features=20, noise=0.05, seed=0):
    random = np.random.RandomState(seed)
    signal = random.normal(size=(1000, rank)) @ random.normal(size=(rank, n_features))
    return signal + noise * signal.std() * random.normal(size=signal.shape)


def variance_weighted(X, Z):
    return r2_score(X, Z, multioutput="variance_weighted")


def pca_r2(n_components):
    pca = PCA(n_components).fit(TRAIN)
    return variance_weighted(TEST, pca.inverse_transform(pca.transform(TEST)))


@pytest.fixture(scope="module")
def nested():
    return NestedAutoencoder(8, random_state=0).fit(TRAIN)


# The order of the units


@pytest.mark.parametrize(
    "params",
    [
        {"init": "pca"},
        {
            "init": "random",
            "learning_rate_init": 0.02,
            "batch_size": 450,
            "early_stopping": False,
            "tol": 0,
            "n_iter_no_change": 100,
        },
    ],
    ids=["pca", "random"],
)
def test_components_of_a_linear_nested_autoencoder_are_those_of_pca(params):
    linear = NestedAutoencoder(8, hidden_layer_sizes=(), random_state=0, **params).fit(DIGITS)
    steps = linear.inverse_transform(np.eye(8)) - linear.inverse_transform(np.zeros((1, 8)))
    steps /= np.linalg.norm(steps, axis=1, keepdims=True)
    axes = PCA(5).fit(DIGITS).components_
    assert np.abs((steps[:5] * axes).sum(axis=1)).min() > 0.99


def test_any_number_of_first_units_reconstructs_better_than_as_many_principal_components(nested):
    codes = nested.transform(TEST)
    for k in range(1, 9):
        score = variance_weighted(TEST, nested.inverse_transform(codes[:, :k]))
        assert score > pca_r2(k)


def test_ratios_are_what_each_unit_adds_to_the_score(nested):
    codes = nested.transform(TRAIN)
    scores = [variance_weighted(TRAIN, nested.inverse_transform(codes[:, :k])) for k in range(1, 9)]
    # scikit-learn's R² leaves out the columns that are constant, and the errors there.
    np.testing.assert_allclose(np.cumsum(nested.explained_variance_ratio_), scores, rtol=1e-4)
    assert nested.explained_variance_ratio_.sum() == pytest.approx(nested.score(TRAIN), rel=1e-4)


def test_all_columns_of_a_code_decode_to_the_reconstruction(nested):
    np.testing.assert_allclose(
        nested.inverse_transform(nested.transform(TEST)), nested.reconstruct(TEST)
    )


def test_first_columns_of_a_frame_of_codes_decode_to_a_frame():
    model = quick(3).set_output(transform="pandas").fit(load_iris(as_frame=True).data)
    codes = model.transform(load_iris(as_frame=True).data)
    back = model.inverse_transform(codes.iloc[:, :2])
    assert list(back.columns) == list(load_iris().feature_names)


# How many


@pytest.mark.parametrize("rank", [3, 5])
def test_auto_finds_the_rank_of_linear_data(rank):
    model = NestedAutoencoder(random_state=0).fit(low_rank(rank))
    assert model.n_components_ == rank
    assert model.is_pca_
    assert model.transform(low_rank(rank)).shape == (1000, rank)


@pytest.mark.parametrize("make", [make_swiss_roll, make_s_curve])
@pytest.mark.parametrize("noise", [0, 0.3])
def test_auto_finds_two_dimensions_of_a_rolled_up_sheet(make, noise):
    data, _ = make(1000, noise=noise, random_state=0)
    assert NestedAutoencoder(random_state=0).fit(data).n_components_ == 2


def test_auto_keeps_all_features_of_data_without_structure():
    data = np.random.RandomState(0).normal(size=(1000, 20))
    with pytest.warns(UserWarning, match="found no knee: all 20 components"):
        nested = NestedAutoencoder(random_state=0).fit(data)
    assert nested.n_components_ == 20


@pytest.mark.parametrize(
    ("gains", "n_features", "expected"),
    [
        ([0.4, 0.35, 0.25], 3, 3),
        ([0.6, 0.33, 0.07], 3, 2),
        ([0.88, 0.115, 0.005], 3, 2),
        ([0.97, 0.015, 0.015], 3, 1),
        ([0.4, 0.3, 0.2, 0.05, 0.03, *[0.02 / 15] * 15], 20, 5),
        ([0.0], 5, 1),
        ([1.0], 1, 1),
    ],
)
def test_knee(gains, n_features, expected):
    assert knee(np.cumsum(gains), n_features) == expected


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_share_asks_for_the_fewest_units_that_reach_it(share):
    model = quick(share, max_components=16).fit(DIGITS)
    curve = model.reconstruction_curve_
    assert len(curve) == 16
    assert curve[model.n_components_ - 1] >= share
    assert np.all(curve[: model.n_components_ - 1] < share)


def test_share_out_of_reach_warns_and_keeps_all():
    with pytest.warns(UserWarning, match=r"n_components=0.95 asks.*Raise max_components"):
        model = quick(0.95, max_components=2).fit(DIGITS)
    assert model.n_components_ == 2


def test_curve_and_final_model_of_linear_data_are_those_of_pca():
    data = low_rank(3)
    model = NestedAutoencoder(5, random_state=0).fit(data)
    assert model.is_pca_
    pca = PCA(5).fit(data)
    np.testing.assert_allclose(
        model.explained_variance_ratio_, pca.explained_variance_ratio_, rtol=1e-6
    )


@pytest.mark.parametrize("early_stopping", ["auto", False])
@pytest.mark.parametrize(("n_components", "width"), [(2, 2), (0.9, None), ("auto", None)])
def test_more_components_can_be_tried_than_are_kept(n_components, width, early_stopping):
    model = quick(n_components, max_components=4, early_stopping=early_stopping).fit(X)
    assert len(model.reconstruction_curve_) == 4
    assert model.n_components_ == (width or model.n_components_)
    assert len(model.explained_variance_ratio_) == model.n_components_
    assert model.module_.decoder.n_components == model.n_components_
    assert len(model.get_feature_names_out()) == model.n_components_
    assert len(model.loss_curve_) == model.n_iter_ == 20


def test_never_more_components_are_tried_than_features():
    assert len(quick(max_components=100).fit(X).reconstruction_curve_) == 4


# What it takes


@pytest.mark.parametrize("n_components", ["auto", 0.9])
@pytest.mark.parametrize(
    "data",
    [X[:1], X[:2], X[:, :1], np.ones((20, 3)), np.full((20, 3), 1e6 + 0.1)],
    ids=["one row", "two rows", "one column", "constant", "large constant"],
)
def test_small_and_constant_data_need_one_component(n_components, data):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "Training stopped at max_iter")
        model = quick(n_components).fit(data)
    assert model.n_components_ == 1
    assert model.transform(data).shape == (len(data), 1)


def test_weights_of_two_are_repeated_rows():
    few = np.unique(X, axis=0)[:30]  # few enough for equal rows to be merged
    weight = np.arange(len(few)) % 2 + 1
    weighted = quick(0.95).fit(few, sample_weight=weight)
    repeated = quick(0.95).fit(np.repeat(few, weight, axis=0))
    assert weighted.n_components_ == repeated.n_components_
    np.testing.assert_allclose(weighted.transform(few), repeated.transform(few))
    np.testing.assert_allclose(
        weighted.explained_variance_ratio_, repeated.explained_variance_ratio_
    )


def test_codes_wider_than_the_code_are_refused():
    with pytest.raises(ValueError, match=r"X has 3 columns.*expects codes with 2"):
        quick(2).fit(X).inverse_transform(np.zeros((1, 3)))


def test_more_components_than_are_tried_are_refused():
    with pytest.raises(ValueError, match=r"n_components=3 is more than max_components=2"):
        quick(3, max_components=2).fit(X)


@pytest.mark.parametrize("n_components", [0, 1.0, 0.0, -0.5, "all", None])
def test_other_values_of_n_components_are_refused(n_components):
    with pytest.raises(ValueError, match="n_components"):
        quick(n_components).fit(X)


def test_tied_weights_are_refused():
    with pytest.raises(ValueError, match="tied=False"):
        quick(architecture=MLP(tied=True)).fit(X)


def test_wide_code_without_a_reason_warns():
    with pytest.warns(UserWarning, match="n_components=4 is not below"):
        quick(4).fit(X)


# Going on


def test_first_partial_fit_that_has_to_choose_is_a_fit():
    model, begun = quick(0.9).fit(X), quick(0.9).partial_fit(X)
    assert begun.transform(X).tobytes() == model.transform(X).tobytes()
    assert begun.partial_fit(X).n_components_ == model.n_components_
    assert begun.n_iter_ == model.n_iter_ + 1


def test_partial_fit_goes_on_with_what_fit_has_chosen():
    model = quick(0.9).fit(X)
    chosen, before = model.n_components_, model.transform(X)
    model.partial_fit(X)
    assert model.n_components_ == chosen
    assert model.transform(X).shape == before.shape
    assert not np.array_equal(model.transform(X), before)


def test_partial_fit_of_a_number_needs_no_fit():
    model = quick(3, max_components=4).partial_fit(X).partial_fit(X)
    assert model.n_components_ == len(model.reconstruction_curve_) == 3
    assert model.n_iter_ == 2


@pytest.mark.parametrize("n_components", [2, 0.9, "auto"])
def test_warm_start_goes_on_with_the_width_that_it_has(n_components):
    model = quick(n_components, warm_start=True, early_stopping=False).fit(X)
    width, before = model.n_components_, model.loss_curve_[-1]
    model.fit(X)
    assert model.n_components_ == width
    assert model.n_iter_ == 10
    assert model.loss_curve_[-1] < before * 1.2


def test_refit_chooses_anew():
    model = quick(0.95)
    model.fit(low_rank(2))
    assert model.n_components_ == 2
    assert model.fit(low_rank(4)).n_components_ > 2


def test_pickle_of_a_cut_net_computes_the_same_bytes():
    model = quick(0.9).fit(X)
    copy = pickle.loads(pickle.dumps(model))
    assert copy.transform(X).tobytes() == model.transform(X).tobytes()
    codes = model.transform(X)[:, :1]
    assert copy.inverse_transform(codes).tobytes() == model.inverse_transform(codes).tobytes()
    np.testing.assert_array_equal(copy.reconstruction_curve_, model.reconstruction_curve_)


def test_interrupt_in_the_first_training_keeps_a_model_that_is_cut():
    calls = []

    def loss(reconstruction, x):
        calls.append(1)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return (reconstruction - x).square().mean(dim=1)

    with pytest.warns(UserWarning, match="interrupted"):
        model = quick(0.9, loss=loss).fit(X)
    assert model.transform(X).shape == (len(X), model.n_components_)
    assert model.n_iter_ < 10


def test_failed_fit_leaves_a_fitted_model_as_it_was():
    model = quick(0.9).fit(X)
    before = model.transform(X)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.full((10, 3), np.nan))
    np.testing.assert_array_equal(model.transform(X), before)


def test_there_is_nothing_to_read_before_fit():
    with pytest.raises(NotFittedError):
        quick().inverse_transform(np.zeros((1, 1)))
    assert not hasattr(quick(), "n_components_")


def test_search_in_a_pipeline_over_shares():
    pipeline = make_pipeline(StandardScaler(), quick())
    grid = {"nestedautoencoder__n_components": [0.6, "auto", 2]}
    search = GridSearchCV(pipeline, grid, cv=2).fit(X)
    assert search.best_estimator_[-1].n_components_ >= 1


def test_one_column_in_other_units_that_decides_alone_is_named():
    data = pd.DataFrame(np.random.RandomState(0).normal(size=(200, 4)), columns=list("abcd"))
    NestedAutoencoder(max_iter=20, random_state=0).fit(data)
    data["c"] *= 1000
    with pytest.warns(UserWarning, match=r"Column 'c' has 100.0% of the variance.*StandardScaler"):
        NestedAutoencoder(max_iter=20, random_state=0).fit(data)

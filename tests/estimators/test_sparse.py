import copy
import pickle

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_iris

from sklearn_ae import AutoencoderTransformer, SparseAutoencoder
from sklearn_ae._estimators.sparse import hoyer_sparsity
from sklearn_ae.architectures import MLP, TopK
from sklearn_ae.penalties import L1, KLSparsity

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data
DIGITS = load_digits().data[:300]
KINDS = ["l1", "kl", "top_k"]
PARTS = {
    "l1": {"penalty": L1(), "architecture": MLP((), code_activation="relu", unit_norm=True)},
    "kl": {"penalty": KLSparsity(), "architecture": MLP((), code_activation="logistic", tied=True)},
    "top_k": {"architecture": MLP((), code_activation=TopK(10, k_transform=30), tied=True)},
}


def quick(n_components=12, **params):
    return SparseAutoencoder(n_components, **{"max_iter": 3, "random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X)


# What the parameters mean


@pytest.mark.parametrize("sparsity", KINDS)
def test_each_kind_of_sparsity_is_an_architecture_and_a_penalty(sparsity):
    parts = AutoencoderTransformer(
        12, init="random", max_iter=3, random_state=0, **PARTS[sparsity]
    ).fit(X)
    ours = quick(sparsity=sparsity).fit(X)
    assert ours.transform(X).tobytes() == parts.transform(X).tobytes()


@pytest.mark.parametrize("sparsity", ["l1", "kl"])
@pytest.mark.parametrize("params", [{}, {"init": "pca", "hidden_layer_sizes": (8,)}], ids=repr)
def test_strength_of_zero_is_an_autoencoder_transformer(sparsity, params):
    shared = {"hidden_layer_sizes": (), "init": "random", "max_iter": 3, "random_state": 0} | params
    plain = AutoencoderTransformer(2, **shared).fit(X)
    free = SparseAutoencoder(2, sparsity=sparsity, strength=0, **shared).fit(X)
    assert free.transform(X).tobytes() == plain.transform(X).tobytes()
    assert free.loss_curve_ == plain.loss_curve_
    assert free.is_pca_ == plain.is_pca_


@pytest.mark.parametrize(("sparsity", "strength"), [("l1", 0.3), ("kl", 1.0)])
def test_strength_of_none_is_the_default_of_each_kind(sparsity, strength):
    default, given = (
        quick(sparsity=sparsity, strength=value).fit_transform(X) for value in (None, strength)
    )
    assert default.tobytes() == given.tobytes()


@pytest.mark.parametrize("hidden", [(), (16,)])
@pytest.mark.parametrize("n_active", [1, 3, 12])
def test_rows_use_as_many_units_as_asked_for(n_active, hidden):
    estimator = quick(sparsity="top_k", n_active=n_active, hidden_layer_sizes=hidden).fit(X)
    assert (np.count_nonzero(estimator.transform(X), axis=1) == n_active).all()


def test_rows_may_use_another_number_of_units_after_training():
    estimator = quick(sparsity="top_k", n_active=2, n_active_transform=6).fit(X)
    assert (np.count_nonzero(estimator.transform(X), axis=1) == 6).all()
    trained_alike = quick(sparsity="top_k", n_active=2).fit(X)
    assert estimator.loss_curve_ == trained_alike.loss_curve_


def test_rows_use_all_units_if_there_are_no_more_than_asked_for():
    estimator = quick(n_components=3, sparsity="top_k", n_active=10).fit(X)
    assert (np.count_nonzero(estimator.transform(X), axis=1) == 3).all()


def test_code_of_l1_is_not_negative_and_that_of_kl_lies_between_zero_and_one():
    assert quick(sparsity="l1").fit_transform(X).min() >= 0
    codes = quick(sparsity="kl").fit_transform(X)
    assert 0 <= codes.min() < codes.max() <= 1


# Components


@pytest.mark.parametrize("sparsity", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_components_are_the_columns_of_a_decoder_without_hidden_layers(sparsity, dtype):
    estimator = quick(sparsity=sparsity).fit(X.astype(dtype))
    components = estimator.components_
    columns = estimator.module_.decoder.layers[0].weight.detach().numpy()
    assert components.shape == (12, 4)
    assert components.dtype == dtype
    np.testing.assert_allclose(components, columns.T, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hidden", [(), (16,)])
def test_columns_of_l1_have_unit_norm(hidden):
    decoder = quick(hidden_layer_sizes=hidden).fit(X).module_.decoder
    norms = np.linalg.norm(decoder.layers[0].weight.detach().numpy(), axis=0)
    np.testing.assert_allclose(norms, 1, rtol=1e-6)


@pytest.mark.parametrize("sparsity", KINDS)
def test_reconstruction_adds_up_components(sparsity):
    estimator = quick(sparsity=sparsity).fit(X)
    zero = estimator.inverse_transform(np.zeros((1, 12)))
    scale = estimator.module_.scale.item()
    expected = zero + scale * estimator.transform(X) @ estimator.components_
    np.testing.assert_allclose(estimator.reconstruct(X), expected, atol=1e-9)


@pytest.mark.parametrize("sparsity", ["kl", "top_k"])
def test_components_of_tied_weights_are_those_of_the_encoder(sparsity):
    estimator = quick(sparsity=sparsity).fit(X)
    weight = estimator.module_.encoder.layers[0].weight.detach().numpy()
    np.testing.assert_allclose(estimator.components_, weight, atol=1e-9)


def test_components_are_there_after_fit_only():
    assert not hasattr(quick(), "components_")
    with pytest.raises(AttributeError, match="components_ is there after fit"):
        quick().components_  # noqa: B018


# How sparse


@pytest.mark.parametrize(
    ("code", "sparsity"),
    [
        ([1, 1, 1, 1], 0),
        ([-2, 2, 2, -2], 0),
        ([0, 0, 3, 0], 1),
        ([0, 0, -3, 0], 1),
        ([0, 0, 0, 0], 1),
        ([1, 1, 0, 0], 2 - 2**0.5),
        ([3, 4, 0, 0], 2 - 7 / 5),
    ],
)
def test_sparsity_of_hoyer_has_known_values(code, sparsity):
    for scale in (1e-6, 1.0, 1e6):
        values = hoyer_sparsity(scale * np.array([code, code], dtype=float))
        np.testing.assert_allclose(values, [sparsity, sparsity], atol=1e-12)


def test_sparsity_of_a_single_component_is_zero():
    np.testing.assert_array_equal(hoyer_sparsity(np.array([[3.0], [0.0]])), [0, 0])


@pytest.mark.parametrize("sparsity", KINDS)
@pytest.mark.parametrize("weight", [None, 1 + np.arange(150) % 3, np.arange(150) % 2])
def test_activity_and_sparsity_are_weighted_means_over_the_training_data(sparsity, weight):
    estimator = quick(sparsity=sparsity, n_active=3).fit(X, sample_weight=weight)
    codes = estimator.transform(X)
    activity = np.average(np.abs(codes), axis=0, weights=weight)
    np.testing.assert_allclose(estimator.activity_, activity, rtol=1e-6)
    expected = np.average(hoyer_sparsity(codes), weights=weight)
    assert estimator.code_sparsity_ == pytest.approx(expected)


@pytest.mark.parametrize(("sparsity", "strengths"), [("l1", [0.01, 0.3, 3]), ("kl", [0.01, 1, 30])])
def test_more_strength_means_sparser_codes(sparsity, strengths):
    params = {"sparsity": sparsity, "max_iter": 15, "learning_rate_init": 0.03}
    sparsities = [
        quick(64, strength=strength, **params).fit(DIGITS).code_sparsity_ for strength in strengths
    ]
    assert sparsities == sorted(sparsities)
    assert sparsities[-1] > sparsities[0] + 0.1


def test_fewer_active_units_mean_sparser_codes():
    sparsities = [
        quick(64, sparsity="top_k", n_active=n_active, max_iter=5).fit(DIGITS).code_sparsity_
        for n_active in (32, 8, 2)
    ]
    assert sparsities == sorted(sparsities)


@pytest.mark.parametrize("target", [0.05, 0.2])
def test_strong_divergence_draws_the_mean_activity_to_its_target(target):
    params = {"learning_rate_init": 0.1, "max_iter": 60, "early_stopping": False}
    estimator = quick(sparsity="kl", strength=100, target_activity=target, **params).fit(X)
    np.testing.assert_allclose(estimator.activity_, target, rtol=0.05)


def test_all_units_die_under_too_strong_a_penalty_and_the_reconstruction_is_the_mean():
    estimator = quick(strength=1000, max_iter=60).fit(X)
    np.testing.assert_array_equal(estimator.activity_, 0)
    assert estimator.code_sparsity_ == 1
    np.testing.assert_allclose(
        estimator.reconstruct(X), np.tile(X.mean(axis=0), (150, 1)), atol=0.3
    )


# Training


@pytest.mark.parametrize("sparsity", KINDS)
def test_partial_fit_is_repeatable_and_pickling_in_between_changes_nothing(sparsity):
    stayed, again, travelled = (quick(sparsity=sparsity) for _ in range(3))
    for _ in range(2):
        stayed.partial_fit(X)
        again.partial_fit(X)
        travelled = pickle.loads(pickle.dumps(travelled.partial_fit(X)))
    codes = stayed.transform(X).tobytes()
    assert codes == again.transform(X).tobytes() == travelled.transform(X).tobytes()
    assert stayed.loss_curve_ == travelled.loss_curve_


@pytest.mark.parametrize("sparsity", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_pickling_changes_nothing(sparsity, dtype):
    data = X.astype(dtype)
    params = {"n_active": 2, "n_active_transform": 4} if sparsity == "top_k" else {}
    estimator = quick(sparsity=sparsity, **params).fit(data)
    restored = pickle.loads(pickle.dumps(estimator))
    assert restored.transform(data).tobytes() == estimator.transform(data).tobytes()
    assert restored.reconstruct(data).tobytes() == estimator.reconstruct(data).tobytes()
    assert restored.components_.tobytes() == estimator.components_.tobytes()
    assert restored.activity_.tobytes() == estimator.activity_.tobytes()
    assert restored.code_sparsity_ == estimator.code_sparsity_


@pytest.mark.parametrize("sparsity", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "data", [X[:1], X[:2], X[:, :1], np.ones((20, 4))], ids=["row", "two rows", "column", "same"]
)
@pytest.mark.parametrize("n_components", [1, 12])
def test_small_and_constant_data_have_finite_codes(sparsity, dtype, data, n_components):
    data = np.array(data, dtype=dtype)
    data.flags.writeable = False
    estimator = quick(n_components, sparsity=sparsity).fit(data)
    codes = estimator.transform(data)
    assert codes.dtype == dtype
    assert np.isfinite(estimator.code_sparsity_)
    for values in (codes, estimator.components_, estimator.activity_, estimator.loss_curve_):
        assert np.isfinite(values).all()


@pytest.mark.parametrize("sparsity", KINDS)
def test_row_of_weight_two_counts_like_two_rows(sparsity):
    params = {"sparsity": sparsity, "max_iter": 2, "early_stopping": False, "batch_size": 400}
    weight = 1 + np.arange(150) % 2
    weighted = quick(**params).fit(X, sample_weight=weight)
    repeated = quick(**params).fit(np.repeat(X, weight, axis=0))
    np.testing.assert_allclose(weighted.loss_curve_, repeated.loss_curve_, rtol=1e-4)


def test_wide_code_needs_no_warning():
    for sparsity in KINDS:
        quick(8, sparsity=sparsity).fit(X)
    with pytest.warns(UserWarning, match="n_components=8 is not below the 4 features"):
        quick(8, strength=0).fit(X)


# Failure


BAD = [
    *(
        ({"sparsity": "top_k", "strength": strength}, rf"strength={strength} .* sparsity='top_k'")
        for strength in (0, 0.3)
    ),
    ({"sparsity": "l0"}, "'sparsity' parameter .* Got 'l0'"),
    *(({"strength": bad}, f"'strength' parameter .* Got {bad!r}") for bad in (-1, np.nan, "1")),
    *(
        ({"target_activity": bad}, f"'target_activity' parameter .* Got {bad!r}")
        for bad in (0, 1, -0.5, np.nan, None)
    ),
    *(
        ({name: bad}, f"'{name}' parameter .* Got {bad!r}")
        for name in ("n_active", "n_active_transform")
        for bad in (0, -1, 2.5, "3")
    ),
    ({"n_active": None}, "'n_active' parameter .* Got None"),
    ({"init": "pca"}, "init='pca' starts from linear paths"),
    ({"sparsity": "kl", "architecture": MLP(())}, r"KLSparsity needs codes in \[0, 1\]"),
    ({"architecture": MLP((), code_activation=TopK(0))}, "k=0 of TopK must be a positive integer"),
]


@pytest.mark.parametrize(("params", "message"), BAD, ids=repr)
@pytest.mark.parametrize("method", ["fit", "partial_fit"])
def test_impossible_parameter_is_named_before_anything_is_fitted(params, message, method):
    estimator = quick(**params)
    with pytest.raises(ValueError, match=message):
        getattr(estimator, method)(X)
    assert not hasattr(estimator, "module_")
    assert not hasattr(estimator, "n_features_in_")


@pytest.mark.parametrize(("params", "message"), BAD, ids=repr)
def test_fit_that_fails_leaves_a_fitted_estimator_as_it_was(params, message, fitted):
    estimator = copy.deepcopy(fitted)
    with pytest.raises(ValueError, match=message):
        estimator.set_params(**params).fit(2 * X[:, :3])
    assert estimator.transform(X).tobytes() == fitted.transform(X).tobytes()
    assert estimator.activity_.tobytes() == fitted.activity_.tobytes()
    assert estimator.n_features_in_ == 4


@pytest.mark.parametrize("sparsity", KINDS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused(sparsity, bad):
    data = X.copy()
    data[3, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        quick(sparsity=sparsity).fit(data)
    with pytest.raises(ValueError, match="Input X contains"):
        quick(sparsity=sparsity).fit(X).transform(data)

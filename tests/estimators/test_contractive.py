import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn

from sklearn_ae import AutoencoderTransformer, ContractiveAutoencoder
from sklearn_ae.architectures import MLP, TransposedLinear
from sklearn_ae.penalties import Contractive

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_iris().data


def quick(**params):
    return ContractiveAutoencoder(**{"max_iter": 3, "random_state": 0} | params)


@pytest.fixture(scope="module")
def fitted():
    return quick().fit(X)


# What the parameters mean


@pytest.mark.parametrize("jacobian", ["auto", "exact", "hutchinson"])
def test_contraction_of_zero_is_an_autoencoder_transformer(jacobian):
    plain = AutoencoderTransformer(max_iter=3, random_state=0).fit(X)
    free = quick(contraction=0, jacobian=jacobian).fit(X)
    assert free.transform(X).tobytes() == plain.transform(X).tobytes()
    assert free.loss_curve_ == plain.loss_curve_
    assert free.is_pca_ == plain.is_pca_


@pytest.mark.parametrize("jacobian", ["auto", "exact", "hutchinson"])
def test_contractive_autoencoder_is_tied_weights_and_a_penalty(jacobian):
    ours = quick(contraction=0.1, jacobian=jacobian, curvature=0.02).fit(X)
    parts = AutoencoderTransformer(
        architecture=MLP(tied=True),
        penalty=Contractive(0.1, jacobian, curvature=0.02),
        max_iter=3,
        random_state=0,
    ).fit(X)
    assert ours.transform(X).tobytes() == parts.transform(X).tobytes()


@pytest.mark.parametrize("hidden", [(), (8,), (8, 4)])
@pytest.mark.parametrize("init", ["pca", "random"])
def test_decoder_has_no_weights_of_its_own(hidden, init):
    module = quick(hidden_layer_sizes=hidden, init=init).fit(X).module_
    decoder = module.decoder
    layers = [layer for layer in [*decoder.layers, decoder.skip] if layer is not None]
    assert all(isinstance(layer, TransposedLinear) for layer in layers)
    theirs = {id(p) for p in module.encoder.parameters()}
    own = [p for p in decoder.parameters() if id(p) not in theirs]
    assert all(p.ndim == 1 for p in own)


def test_weights_are_tied_for_curvature_alone_too():
    module = quick(contraction=0, curvature=0.1).fit(X).module_
    assert isinstance(module.decoder.layers[0], TransposedLinear)


def test_architecture_of_a_user_decides_about_ties():
    module = quick(architecture=MLP((8,))).fit(X).module_
    assert all(isinstance(layer, nn.Linear) for layer in module.decoder.layers)


def test_contraction_is_never_pca():
    data = np.random.RandomState(0).normal(size=(200, 5))
    assert not quick(contraction=1e-6).fit(data).is_pca_


# What contraction does


def plane_in_space(n_samples=400):
    """Rows near a plane in six dimensions, and a basis whose first two vectors span the plane."""
    random_state = np.random.RandomState(0)
    basis = np.linalg.qr(random_state.normal(size=(6, 6)))[0]
    scales = [3.0, 2.0, 0.3, 0.3, 0.3, 0.3]
    return random_state.normal(size=(n_samples, 6)) * scales @ basis.T, basis


def linear(tied, contraction):
    return ContractiveAutoencoder(
        n_components=6,
        contraction=contraction,
        architecture=MLP((), tied=tied),
        early_stopping=False,
        max_iter=40,
        random_state=0,
    )


def sensitivity(estimator, directions):
    """Norm of the change of the code of a linear encoder per unit along some directions."""
    weight = estimator.module_.encoder.layers[0].weight / estimator.module_.scale
    return np.linalg.norm(weight.detach().numpy() @ directions)


@pytest.mark.parametrize("contraction", [0.03, 0.3])
def test_singular_values_of_a_tied_linear_encoder_are_known(contraction):
    # Along an axis of variance λ (in shares of the mean), λ (1 - s²)² / n + c s² is least at
    # s² = 1 - c n / 2λ, or 0 if that is negative.
    data, _ = plane_in_space()
    estimator = linear(True, contraction).set_params(max_iter=80, tol=0).fit(data)
    weight = estimator.module_.encoder.layers[0].weight.detach().numpy()
    variances = np.linalg.eigvalsh(np.cov(data.T, bias=True))[::-1]
    shares = variances / variances.mean()
    expected = np.sqrt(np.maximum(1 - contraction * 6 / (2 * shares), 0))
    np.testing.assert_allclose(np.linalg.svd(weight)[1], expected, atol=0.05)


def test_contraction_of_tied_weights_falls_on_directions_that_the_data_do_not_have():
    data, basis = plane_in_space()
    free, held = (linear(True, contraction).fit(data) for contraction in (1e-9, 0.03))
    along, across = basis[:, :2], basis[:, 2:]
    assert sensitivity(held, along) > 0.9 * sensitivity(free, along)
    assert sensitivity(held, across) < 0.1 * sensitivity(free, across)


def test_weights_that_are_not_tied_shrink_the_code_and_the_decoder_undoes_it():
    data, basis = plane_in_space()
    noise = np.random.RandomState(1).uniform(-3, 3, size=(500, 6))
    free, untied = (linear(False, contraction).fit(data) for contraction in (1e-9, 0.03))
    tied = linear(True, 0.03).fit(data)
    assert sensitivity(untied, basis) < 0.3 * sensitivity(free, basis)
    assert untied.score(data) > 0.99
    assert untied.score(noise) > 0.9  # as good as a copy of anything
    assert tied.score(data) > 0.95
    assert tied.score(noise) < 0.5


def test_more_contraction_means_a_flatter_code():
    data, basis = plane_in_space()
    sensitivities = [
        sensitivity(linear(True, contraction).fit(data), basis) for contraction in (0.01, 0.1, 1.0)
    ]
    assert sensitivities == sorted(sensitivities, reverse=True)


def test_codes_do_not_depend_on_the_units_of_the_data():
    codes = quick(max_iter=20).fit_transform(X)
    np.testing.assert_allclose(quick(max_iter=20).fit_transform(1000 * X), codes, atol=1e-3)


# Training


@pytest.mark.parametrize(
    "params", [{}, {"jacobian": "exact", "curvature": 0.1}, {"jacobian": "hutchinson"}], ids=repr
)
def test_partial_fit_is_repeatable_and_pickling_in_between_changes_nothing(params):
    stayed, again, travelled = (quick(**params) for _ in range(3))
    for _ in range(2):
        stayed.partial_fit(X)
        again.partial_fit(X)
        travelled = pickle.loads(pickle.dumps(travelled.partial_fit(X)))
    codes = stayed.transform(X).tobytes()
    assert codes == again.transform(X).tobytes() == travelled.transform(X).tobytes()
    assert stayed.loss_curve_ == travelled.loss_curve_


@pytest.mark.parametrize("params", [{}, {"jacobian": "exact", "curvature": 0.1}], ids=repr)
def test_pickling_changes_nothing(params):
    estimator = quick(**params).fit(X)
    restored = pickle.loads(pickle.dumps(estimator))
    assert restored.transform(X).tobytes() == estimator.transform(X).tobytes()
    assert restored.reconstruct(X).tobytes() == estimator.reconstruct(X).tobytes()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "data", [X[:1], X[:2], X[:, :1], np.ones((20, 4))], ids=["row", "two rows", "column", "same"]
)
def test_small_and_constant_data_have_finite_codes(dtype, data):
    data = np.array(data, dtype=dtype)
    data.flags.writeable = False
    estimator = quick(n_components=1, curvature=0.1).fit(data)
    codes = estimator.transform(data)
    assert codes.dtype == dtype
    assert np.isfinite(codes).all()
    assert np.isfinite(estimator.loss_curve_).all()


@pytest.mark.parametrize("loss", ["log_loss", "poisson"])
def test_other_losses_can_be_contracted(loss):
    estimator = quick(loss=loss, hidden_layer_sizes=(8,), max_iter=20).fit(X / 8)
    assert estimator.score(X / 8) > 0.8


def test_wide_code_needs_no_warning():
    quick(n_components=8).fit(X)
    with pytest.warns(UserWarning, match="n_components=8 is not below the 4 features"):
        quick(n_components=8, contraction=0).fit(X)


# Failure


BAD = [
    *(
        ({name: bad}, f"'{name}' parameter .* Got {bad!r}")
        for name in ("contraction", "curvature")
        for bad in (-0.1, np.nan, "1", None)
    ),
    ({"jacobian": "full"}, "'jacobian' parameter .* Got 'full'"),
    ({"jacobian": None}, "'jacobian' parameter .* Got None"),
    ({"contraction": np.inf}, "'contraction' parameter .* Got inf"),
    (
        {"architecture": MLP((), code_activation="logistic"), "init": "pca"},
        "init='pca' starts from linear paths",
    ),
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
    assert estimator.n_features_in_ == 4


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_rows_that_are_not_finite_are_refused(bad):
    data = X.copy()
    data[3, 1] = bad
    with pytest.raises(ValueError, match="Input X contains"):
        quick().fit(data)
    with pytest.raises(ValueError, match="Input X contains"):
        quick().fit(X).transform(data)


def test_module_takes_tensors_of_the_dtype_of_the_data():
    for dtype, expected in [(np.float32, torch.float32), (np.float64, torch.float64)]:
        module = quick().fit(X.astype(dtype)).module_
        assert {p.dtype for p in module.parameters()} == {expected}

"""After fit, codes are centred, uncorrelated and in order, where nothing cares how they point."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA

from sklearn_ae import (
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    NestedAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae.architectures import MLP
from sklearn_ae.penalties import L1, L2, Contractive

pytestmark = pytest.mark.filterwarnings("ignore:Training stopped at max_iter")

X = load_digits().data[:500]
SHORT = {"max_iter": 5, "random_state": 0, "n_components": 4}


def is_along_principal_axes(codes, weight=None):
    covariance = np.cov(codes.T, aweights=weight)
    variances = np.diag(covariance)
    off = np.abs(covariance - np.diag(variances)).max()
    centre = np.abs(np.average(codes, axis=0, weights=weight)).max()
    return bool(max(off, centre) < 1e-3 * variances.max() and np.all(np.diff(variances) <= 0))


@pytest.mark.parametrize(
    "estimator",
    [
        AutoencoderTransformer(**SHORT),
        AutoencoderTransformer(init="random", **SHORT),
        AutoencoderTransformer(hidden_layer_sizes=(), **SHORT),
        AutoencoderTransformer(architecture=MLP((8,), tied=True), init="random", **SHORT),
        AutoencoderTransformer(penalty=L2(0.01), **SHORT),
        AutoencoderTransformer(penalty=Contractive(0.1), **SHORT),
        AutoencoderTransformer(loss="poisson", **SHORT),
        ContractiveAutoencoder(**SHORT),
        DenoisingAutoencoder(**SHORT),
        VariationalAutoencoder(beta=0, **SHORT),
    ],
    ids=repr,
)
def test_codes_are_along_principal_axes(estimator):
    assert is_along_principal_axes(estimator.fit_transform(X))


@pytest.mark.parametrize(
    "estimator",
    [
        AutoencoderTransformer(penalty=L1(0.01), **SHORT),
        AutoencoderTransformer(penalty=lambda module, x, output: output.code[:, 0] ** 2, **SHORT),
        AutoencoderTransformer(
            architecture=MLP((8,), code_activation="tanh"), init="random", **SHORT
        ),
        NestedAutoencoder(**SHORT),
        SparseAutoencoder(**SHORT),
        VariationalAutoencoder(**SHORT),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_codes_whose_direction_matters_stay_as_they_are(estimator):
    assert not is_along_principal_axes(estimator.fit_transform(X))


def test_partial_fit_does_not_turn_the_code():
    model = AutoencoderTransformer(**SHORT).fit(X)
    assert not is_along_principal_axes(model.partial_fit(X + 1).transform(X))


def test_weights_count():
    weight = np.linspace(0.1, 3, len(X))
    codes = AutoencoderTransformer(**SHORT).fit(X, sample_weight=weight).transform(X)
    assert is_along_principal_axes(codes, weight)


def test_linear_codes_have_the_variances_of_pca():
    model = AutoencoderTransformer(hidden_layer_sizes=(), random_state=0, n_components=3).fit(X)
    scale = model.module_.scale.item()
    variances = (scale * model.transform(X)).var(axis=0, ddof=1)
    np.testing.assert_allclose(variances, PCA(3).fit(X).explained_variance_, rtol=0.01)

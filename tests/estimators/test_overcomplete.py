"""What a code wider than the data is good for, if something keeps it from copying."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sklearn_ae import (
    AutoencoderTransformer,
    ContractiveAutoencoder,
    DenoisingAutoencoder,
    SparseAutoencoder,
    VariationalAutoencoder,
)
from sklearn_ae.architectures import MLP

pytestmark = [
    pytest.mark.filterwarnings("ignore:Training stopped at max_iter"),
    pytest.mark.filterwarnings("ignore:.* units of the code have collapsed"),
]

WIDE = {"n_components": 128, "max_iter": 10, "random_state": 0}
CONSTRAINED = {
    "denoising": DenoisingAutoencoder(**WIDE),
    "contractive": ContractiveAutoencoder(**WIDE),
    "sparse by l1": SparseAutoencoder(**WIDE),
    "sparse by kl": SparseAutoencoder(**WIDE, sparsity="kl").set_params(
        learning_rate_init=0.05, max_iter=20
    ),
    "sparse by top k": SparseAutoencoder(**WIDE, sparsity="top_k"),
    "variational": VariationalAutoencoder(**WIDE),
}


@pytest.fixture(scope="module")
def digits():
    """Digits to learn from, held-out ones, uniform noise, and digits of shuffled pixels."""
    train, test = train_test_split(load_digits().data, random_state=0)
    generator = np.random.default_rng(0)
    noise, shuffled = generator.uniform(0, 16, test.shape), generator.permuted(test, axis=1)
    return train, test, noise, shuffled


@pytest.mark.parametrize("name", CONSTRAINED)
def test_constrained_wide_code_reconstructs_digits_and_not_anything_else(name, digits):
    train, test, noise, shuffled = digits
    estimator = clone(CONSTRAINED[name]).fit(train)
    assert estimator.score(test) > 0.7
    assert estimator.score(test) > estimator.score(noise) + 0.4
    assert estimator.score(test) > estimator.score(shuffled) + 0.4


def quick(kind, n_components, **params):
    return kind(n_components, max_iter=1, random_state=0, **params)


@pytest.mark.parametrize("kind", [DenoisingAutoencoder, ContractiveAutoencoder])
@pytest.mark.parametrize(("n_components", "widths"), [(63, [128, 64, 63]), (64, [64])])
def test_net_is_a_bottleneck_for_a_narrow_code_and_one_layer_for_a_wide_one(
    kind, n_components, widths
):
    encoder = quick(kind, n_components).fit(load_digits().data[:100]).module_.encoder
    assert [layer.weight.shape[0] for layer in encoder.layers] == widths
    assert (encoder.output_activation is None) == (len(widths) > 1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("n_rows", "n_epochs"), [(1797, 20), (200, 43)])
def test_wide_code_is_trained_for_the_epochs_that_it_is_meant_to_be(n_rows, n_epochs):
    fitted = ContractiveAutoencoder(70, random_state=0).fit(load_digits().data[:n_rows])
    assert fitted.n_iter_ == n_epochs


@pytest.mark.parametrize(
    "params", [{"hidden_layer_sizes": (128, 64)}, {"init": "pca"}, {"architecture": MLP((32,))}]
)
@pytest.mark.parametrize("kind", [DenoisingAutoencoder, ContractiveAutoencoder])
def test_net_of_a_wide_code_is_the_one_that_was_asked_for(kind, params):
    module = quick(kind, 100, **params).fit(load_digits().data[:100]).module_
    assert module.encoder.has_linear_path


@pytest.mark.filterwarnings("ignore:n_components=100 is not below the 64 features")
@pytest.mark.parametrize(
    ("kind", "params"),
    [
        (AutoencoderTransformer, {}),
        (DenoisingAutoencoder, {"noise_level": 0}),
        (ContractiveAutoencoder, {"contraction": 0}),
    ],
)
def test_wide_code_that_nothing_constrains_keeps_the_net_of_a_narrow_one(kind, params):
    module = quick(kind, 100, **params).fit(load_digits().data[:100]).module_
    assert module.encoder.has_linear_path


@pytest.mark.filterwarnings("ignore:n_components=128 is not below the 64 features")
def test_wide_code_without_a_constraint_copies_anything(digits):
    train, *others = digits
    estimator = AutoencoderTransformer(**WIDE).fit(train)
    for data in others:
        assert estimator.score(data) > 0.95

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


@pytest.mark.filterwarnings("ignore:n_components=128 is not below the 64 features")
def test_wide_code_without_a_constraint_copies_anything(digits):
    train, *others = digits
    estimator = AutoencoderTransformer(**WIDE).fit(train)
    for data in others:
        assert estimator.score(data) > 0.95

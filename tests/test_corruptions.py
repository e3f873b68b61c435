import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.datasets import load_iris

from sklearn_ae import AutoencoderTransformer
from sklearn_ae.corruptions import GaussianNoise


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gaussian_noise_is_gaussian_with_the_given_scale(dtype):
    x = torch.full((2000, 2), 7.0, dtype=dtype)
    noisy = GaussianNoise(scale=0.5)(x, generator())
    assert noisy.dtype == dtype
    noise = ((noisy - x) / 0.5).numpy().astype(np.float64).ravel()
    assert stats.kstest(noise, "norm").pvalue > 0.01


def test_gaussian_noise_comes_from_the_generator_and_from_nowhere_else():
    x = torch.zeros(5, 3)
    before = torch.get_rng_state()
    first, second = (GaussianNoise(1.0)(x, generator(4)) for _ in range(2))
    assert torch.equal(first, second)
    assert not torch.equal(first, GaussianNoise(1.0)(x, generator(5)))
    assert torch.equal(torch.get_rng_state(), before)


def test_gaussian_noise_does_not_write_to_its_input():
    x = torch.zeros(5, 3)
    GaussianNoise(1.0)(x, generator())
    assert (x == 0).all()


def test_gaussian_noise_of_scale_zero_changes_nothing():
    x = torch.randn(5, 3, generator=generator())
    assert torch.equal(GaussianNoise(0.0)(x, generator()), x)


def test_transform_does_not_corrupt():
    X = load_iris().data
    estimator = AutoencoderTransformer(corruption=GaussianNoise(1.0), random_state=0).fit(X)
    np.testing.assert_array_equal(estimator.transform(X), estimator.transform(X))
    np.testing.assert_allclose(
        estimator.inverse_transform(estimator.transform(X)), estimator.reconstruct(X)
    )


def test_noise_in_training_shrinks_the_reconstruction_of_a_linear_autoencoder():
    # The best linear reconstruction from x + noise is ridge-like: λ / (λ + σ²) along each axis.
    random_state = np.random.RandomState(0)
    X = random_state.normal(size=(2000, 1)) @ np.array([[0.6, 0.8]])
    X += 1e-3 * random_state.normal(size=X.shape)
    estimator = AutoencoderTransformer(
        1,
        hidden_layer_sizes=(),
        corruption=GaussianNoise(1.0),
        early_stopping=False,
        random_state=0,
    ).fit(X)
    centred = X - X.mean(axis=0)
    rebuilt = estimator.reconstruct(X) - X.mean(axis=0)
    slope = np.vdot(rebuilt, centred) / np.vdot(centred, centred)
    variance = centred.var(axis=0).sum()
    assert slope == pytest.approx(variance / (variance + 1), abs=0.04)

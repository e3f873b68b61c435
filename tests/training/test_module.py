import warnings

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from torch import nn

from sklearn_ae import AutoencoderTransformer
from sklearn_ae._training.module import AutoencoderModule, runaway_rows
from sklearn_ae.architectures import MLP


@pytest.fixture
def x():
    return torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


def scaled(module, offset=(1.0, -2.0, 0.5), scale=4.0):
    module.offset.copy_(torch.tensor(offset))
    module.scale.fill_(scale)
    return module


def test_code_is_that_of_the_centred_and_scaled_data(x):
    module = scaled(AutoencoderModule(nn.Identity(), nn.Identity(), 3))
    torch.testing.assert_close(module.encode(x), (x - torch.tensor([1.0, -2.0, 0.5])) / 4)


def test_decode_undoes_the_scaling(x):
    module = scaled(AutoencoderModule(nn.Identity(), nn.Identity(), 3))
    torch.testing.assert_close(module.decode(module.encode(x)), x)


def test_link_takes_the_place_of_the_scaling(x):
    module = scaled(AutoencoderModule(nn.Identity(), nn.Identity(), 3, link=torch.sigmoid))
    torch.testing.assert_close(module.decode(x), torch.sigmoid(x))


def test_forward_is_encode_and_decode(x):
    module = scaled(AutoencoderModule(nn.Linear(3, 2), nn.Linear(2, 3), 3))
    output = module(x)
    torch.testing.assert_close(output.code, module.encode(x))
    torch.testing.assert_close(output.reconstruction, module.decode(output.code))


def test_first_field_of_the_output_is_the_reconstruction(x):
    module = AutoencoderModule(nn.Linear(3, 2), nn.Linear(2, 3), 3)
    assert module(x)[0].shape == x.shape


def test_offset_and_scale_are_saved_but_not_trained():
    module = AutoencoderModule(nn.Linear(3, 2), nn.Linear(2, 3), 3)
    assert {"offset", "scale"} <= set(module.state_dict())
    assert not {"offset", "scale"} & {name for name, _ in module.named_parameters()}


# Rows that run away


def test_rows_reconstructed_far_from_all_data_are_found():
    module = AutoencoderModule(nn.Identity(), nn.Identity(), n_features=2)
    X = np.vstack([np.random.RandomState(0).normal(size=(50, 2)), [[1e6, 0.0]]])
    errors = np.full(51, 1.0)
    errors[3] = 1e10
    errors[50] = 1e12  # as far as the row itself is from the others
    np.testing.assert_array_equal(runaway_rows(module, X, errors), [3])
    errors[4] = np.nan
    np.testing.assert_array_equal(runaway_rows(module, X, errors), [3, 4])


class Powers(BaseEstimator):
    """An architecture that explodes where it has not been trained."""

    def build(self, n_features, n_components):
        encoder, decoder = MLP((16,)).build(n_features, n_components)
        for coder in (encoder, decoder):
            coder.activation = lambda a: a**6
        return encoder, decoder


def near_loss(reconstruction, x):
    """Squared error of rows that are not far away."""
    near = (x[:, :1].abs() < 10).to(x.dtype)
    return (near * (reconstruction - x)).square().mean(dim=1)


@pytest.mark.parametrize("init", ["pca", "random"])
def test_a_net_that_runs_away_on_some_rows_does_not_stay_unnoticed(init):
    t = np.random.RandomState(0).uniform(-2, 2, size=(400, 1))
    X = np.hstack([t, t**2, t**3 - t])
    X[300:] += [100, 0, 0]
    autoencoder = AutoencoderTransformer(
        1, architecture=Powers(), loss=near_loss, init=init, alpha=0.0, random_state=0, max_iter=60
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        autoencoder.fit(X)
    told = [w for w in caught if "rows are reconstructed far from all data" in str(w.message)]
    worst = np.linalg.norm(autoencoder.reconstruct(X) - X, axis=1).max()
    if init == "pca":
        assert autoencoder.is_pca_
        assert worst < 200
    else:
        assert worst > 1e6
        assert len(told) == 1

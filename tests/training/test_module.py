import pytest
import torch
from torch import nn

from sklearn_ae._training.module import AutoencoderModule


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

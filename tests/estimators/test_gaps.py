import numpy as np
import pytest
import torch

from sklearn_ae._estimators.imputer.gaps import (
    CorrectingModule,
    EncoderWithGaps,
    HideEntries,
    ObservedLoss,
    WithGaps,
)
from sklearn_ae._estimators.imputer.low_rank import LowRankNormal
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae.architectures import MLP, Convolutional
from sklearn_ae.losses import LogLoss, Poisson, SquaredError

NAN = float("nan")


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def test_encoder_is_given_zeros_for_gaps_and_a_mask():
    encoder = EncoderWithGaps(torch.nn.Identity())
    x = torch.tensor([[1.0, NAN, -2.0]])
    assert encoder(x).tolist() == [[1.0, 0.0, -2.0, 0.0, 1.0, 0.0]]


@pytest.mark.parametrize("architecture", [MLP((8,)), Convolutional((3, 4), (2,))])
def test_encoder_started_linear_is_linear_in_the_values_whatever_is_missing(architecture):
    encoder, _ = WithGaps(architecture).build(12, 2)
    weight = torch.randn(2, 12, generator=generator())
    encoder.start_linear(weight, torch.zeros(2))
    x = torch.randn(5, 12, generator=generator(1))
    x[x > 1] = NAN
    torch.testing.assert_close(encoder(x), x.nan_to_num(0) @ weight.T)


def test_images_and_their_masks_are_channels_of_the_encoder():
    encoder, decoder = WithGaps(Convolutional((3, 4, 5))).build(60, 2)
    assert encoder.encoder.layers[0].shape_in == (6, 4, 5)
    assert decoder(torch.zeros(1, 2)).shape == (1, 60)


def test_shares_of_hidden_entries_are_spread_between_5_and_85_percent():
    x = torch.zeros(500, 400)
    share = HideEntries()(x, generator()).isnan().float().mean(dim=1)
    assert 0.02 < share.min() < 0.1
    assert 0.8 < share.max() < 0.92
    assert share.mean().item() == pytest.approx(0.45, abs=0.03)


def test_half_of_the_rows_hide_what_another_row_misses():
    x = torch.zeros(1000, 30)
    x[:, :10] = NAN
    x[:, 10:] = torch.rand(1000, 20, generator=generator())
    hidden = HideEntries()(x, generator()).isnan()
    assert hidden[:, :10].all()
    borrowed = ~hidden[:, 10:].any(dim=1)  # such rows lose nothing more than all others miss
    assert borrowed.float().mean().item() == pytest.approx(0.5, abs=0.1)


def test_all_rows_hide_what_others_miss_if_asked_to():
    x = torch.zeros(100, 30)
    x[:3, 10:20] = NAN
    hidden = HideEntries(borrowed=1.0)(x, generator()).isnan()
    assert hidden[:, 10:20].all()
    assert not hidden[:, :10].any()
    assert not hidden[:, 20:].any()


def test_gaps_on_gaps_leave_half_of_what_is_usually_seen():
    x = torch.where(torch.rand(400, 20, generator=generator()) < 0.8, NAN, 0.0)
    x = x[~x.isnan().all(dim=1)]
    n_seen = (~x.isnan()).sum(dim=1)
    left = (~HideEntries(borrowed=1.0)(x, generator()).isnan()).sum(dim=1)
    assert (left >= 1).all()
    assert (left < n_seen).float().mean() > 0.5


def test_rows_of_one_value_keep_it():
    x = torch.full((50, 5), NAN)
    x[torch.arange(50), torch.arange(50) % 5] = 1.0
    hidden = HideEntries(borrowed=1.0)(x, generator()).isnan()
    assert torch.equal(hidden, x.isnan())


def test_hiding_leaves_the_rows_themselves_as_they_were():
    x = torch.rand(20, 5, generator=generator())
    before = x.clone()
    seen = HideEntries()(x, generator())
    assert torch.equal(x, before)
    assert torch.equal(torch.where(seen.isnan(), x, seen), x)


def test_another_corruption_comes_before_hiding():
    seen = HideEntries(lambda x, generator: x + 1)(torch.zeros(20, 5), generator())
    assert (seen[~seen.isnan()] == 1).all()


@pytest.mark.parametrize("loss", [SquaredError(), LogLoss(), Poisson()])
def test_only_observed_entries_are_counted_and_have_gradients(loss):
    x = torch.rand(4, 6, generator=generator())
    x[:, 2:4] = NAN
    reconstruction = torch.rand(4, 6, generator=generator(1)).requires_grad_()
    kept = [0, 1, 4, 5]
    values = ObservedLoss(loss)(reconstruction, x)
    rest = loss(torch.tensor([[0.5]]), torch.tensor([[0.5]]))
    expected = (4 * loss(reconstruction[:, kept], x[:, kept]) + 2 * rest) / 6
    torch.testing.assert_close(values, expected)
    (gradient,) = torch.autograd.grad(values.sum(), reconstruction)
    assert (gradient[:, 2:4] == 0).all()
    assert (gradient[:, kept] != 0).all()


def test_loss_of_observed_entries_has_the_unit_of_the_loss():
    assert ObservedLoss(SquaredError()).unit(3.0) == 9.0
    assert not hasattr(ObservedLoss(SquaredError()), "link")


def test_correction_is_added_to_the_linear_model():
    encoder, decoder = WithGaps(MLP((4,))).build(3, 2)
    own = AutoencoderModule(encoder, decoder, 3)
    own.offset.copy_(torch.tensor([1.0, 2.0, 3.0]))
    base = LowRankNormal(np.arange(3.0), 1.0, np.ones((3, 1)), 0.1).float()
    x = torch.tensor([[1.0, NAN, 2.0]])
    module = CorrectingModule(own, base)
    expected = base(x) + own(x).reconstruction - own.offset
    torch.testing.assert_close(module(x).reconstruction, expected)
    assert module.scale is own.scale

import numpy as np
import pytest
import torch
from torch import nn

from sklearn_ae._estimators.nested.prefixes import (
    NestedObjective,
    PrefixDecoder,
    judged_widths,
    keep_first_units,
    shares_of_widths,
    shares_with_whole,
)
from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae.architectures import MLP
from sklearn_ae.losses import SquaredError


@pytest.fixture
def x():
    return torch.randn(200, 6, generator=torch.Generator().manual_seed(0))


def module_of(n_components, architecture=None):
    architecture = MLP((16,)) if architecture is None else architecture
    encoder = architecture.build(6, n_components)[0]
    decoder = PrefixDecoder(architecture.build(6, 2 * n_components)[1], n_components)
    return AutoencoderModule(encoder, decoder, 6).eval()


def objective_of(shares):
    return NestedObjective(SquaredError(), np.array(shares), seed=0)


# The decoder of a part of the code


def test_units_left_out_do_not_matter():
    decoder = module_of(4).decoder
    code = torch.randn(5, 4)
    other = torch.cat([code[:, :2], torch.randn(5, 2)], dim=1)
    widths = torch.full((5,), 2)
    assert torch.equal(decoder(code, widths), decoder(other, widths))
    assert torch.equal(decoder(code, widths), decoder(code[:, :2]))


def test_decoder_takes_a_number_of_units_for_each_row():
    decoder = module_of(4).decoder
    code = torch.randn(4, 4)
    together = decoder(code, torch.tensor([1, 2, 3, 4]))
    for row in range(4):
        alone = decoder(code[row : row + 1, : row + 1])[0]
        torch.testing.assert_close(together[row], alone)


def test_decoder_tells_a_missing_unit_from_one_that_is_zero():
    decoder = module_of(2).decoder
    zero = torch.zeros(1, 2)
    assert not torch.allclose(decoder(zero), decoder(zero[:, :1]))


def test_linear_start_is_linear_for_any_number_of_units():
    decoder = PrefixDecoder(MLP((16,)).build(6, 8)[1], 4)
    weight, bias = torch.randn(6, 4), torch.randn(6)
    decoder.start_linear(weight, bias)
    code = torch.randn(5, 4)
    for k in range(1, 5):
        torch.testing.assert_close(decoder(code[:, :k]), code[:, :k] @ weight[:, :k].T + bias)


def test_decoder_has_the_linear_path_of_what_it_wraps():
    assert PrefixDecoder(MLP((16,)).build(6, 4)[1], 2).has_linear_path
    assert not PrefixDecoder(MLP((16,), skip=False).build(6, 4)[1], 2).has_linear_path
    assert not PrefixDecoder(nn.Linear(4, 6), 2).has_linear_path


@pytest.mark.parametrize("architecture", [MLP(()), MLP((16, 8)), MLP((8,), unit_norm=True)])
def test_module_cut_to_its_first_units_decodes_them_alike(architecture, x):
    wide, narrow = module_of(5, architecture), module_of(2, architecture)
    keep_first_units(wide, narrow)
    code = wide.encode(x)[:, :2]
    torch.testing.assert_close(narrow.encode(x), code)
    torch.testing.assert_close(narrow.decode(code), wide.decode(code))


# How many units


def test_numbers_are_drawn_as_often_as_they_should_be():
    shares = [0.1, 0.2, 0.3, 0.4]
    widths = objective_of(shares).draw_widths(1000, torch.Generator().manual_seed(0))
    np.testing.assert_allclose(np.bincount(widths)[1:], np.array(shares) * 1000, atol=1)


def test_numbers_are_in_no_order():
    widths = objective_of([0.5, 0.5]).draw_widths(1000, torch.Generator().manual_seed(0))
    assert abs(widths[:500].float().mean() - 1.5) < 0.1


@pytest.mark.parametrize("n_rows", [1, 2, 7])
def test_few_rows_keep_at_least_one_unit_and_no_more_than_there_are(n_rows):
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        widths = objective_of([0.2, 0.3, 0.5]).draw_widths(n_rows, generator)
        assert widths.min() >= 1
        assert widths.max() <= 3


@pytest.mark.parametrize("n_components", [1, 2, 3, 8, 9, 30, 100])
def test_few_numbers_are_judged_and_the_smallest_and_the_largest_are_among_them(n_components):
    widths = judged_widths(n_components)
    assert widths == sorted(set(widths))
    assert widths[0] == 1
    assert widths[-1] == n_components
    assert len(widths) <= 4


@pytest.mark.parametrize("n_components", [1, 2, 20])
def test_shares_sum_to_one(n_components):
    unexplained = np.linspace(0.9, 0.0, n_components)
    assert shares_of_widths(unexplained).sum() == pytest.approx(1)
    assert shares_with_whole(n_components).sum() == pytest.approx(1)
    assert shares_with_whole(n_components)[-1] >= 0.7


def test_loss_of_held_out_rows_is_the_mean_over_numbers_of_units(x):
    module, shares = module_of(3), [0.5, 0.2, 0.3]
    values, output = objective_of(shares).eval()(module, x)
    code = module.encode(x)
    expected = sum(
        share * (module.decode(code[:, : k + 1]) - x).square().mean(dim=1)
        for k, share in enumerate(shares)
    )
    torch.testing.assert_close(values, expected)
    torch.testing.assert_close(output.reconstruction, module(x).reconstruction)


def test_loss_in_training_has_the_loss_of_held_out_rows_for_its_mean(x):
    module, objective = module_of(3), objective_of([0.5, 0.2, 0.3])
    with torch.no_grad():
        drawn = torch.stack([objective.train()(module, x)[0] for _ in range(2000)]).mean(dim=0)
        mean, _ = objective.eval()(module, x)
    torch.testing.assert_close(drawn, mean, rtol=0.1, atol=0.05)

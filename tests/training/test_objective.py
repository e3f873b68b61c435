import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris
from torch import nn

from sklearn_ae._training.module import AutoencoderModule
from sklearn_ae._training.objective import Objective
from sklearn_ae.corruptions import Masking
from sklearn_ae.losses import LogLoss, Poisson, SquaredError

X = load_iris().data


def module():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AutoencoderModule(nn.Linear(4, 2), nn.Linear(2, 4), 4).double()


def noise(x, generator):
    return x + torch.randn(x.shape, dtype=x.dtype, generator=generator)


def of_code(module, x, output):
    return output.code[:, 0]


def test_objective_is_loss_per_unit_plus_penalty_per_unit():
    net, x = module(), torch.from_numpy(X)
    values, output = Objective(SquaredError(), of_code, unit=4.0, penalty_unit=5.0)(net, x)
    expected = SquaredError()(output.reconstruction, x) / 4 + output.code[:, 0] / 5
    torch.testing.assert_close(values, expected)


def test_penalty_sees_the_clean_batch_and_the_encoder_the_corrupted_one():
    seen = {}

    def penalty(module, x, output):
        seen["x"], seen["code"], seen["seen"] = x, output.code, output.seen
        return torch.zeros(())

    net, x = module(), torch.from_numpy(X)
    Objective(SquaredError(), penalty, lambda x, generator: x + 1)(net, x)
    assert torch.equal(seen["x"], x)
    assert torch.equal(seen["seen"], x + 1)
    torch.testing.assert_close(seen["code"], net.encode(x + 1))


def test_loss_compares_with_the_clean_batch():
    net, x = module(), torch.from_numpy(X)
    values, output = Objective(SquaredError(), corruption=lambda x, generator: x + 1)(net, x)
    torch.testing.assert_close(values, SquaredError()(output.reconstruction, x))


def test_penalty_is_handed_what_it_names_and_nothing_else():
    handed = {}

    def weighted(module, x, output, sample_weight):
        handed["weight"] = sample_weight
        return torch.zeros(())

    def random(module, x, output, generator=None):
        handed["generator"] = generator
        return torch.zeros(())

    x, weight = torch.from_numpy(X), torch.rand(150, generator=torch.Generator().manual_seed(0))
    Objective(SquaredError(), weighted)(module(), x, weight)
    assert handed["weight"] is weight
    Objective(SquaredError(), weighted)(module(), x)
    assert handed["weight"] is None
    objective = Objective(SquaredError(), random).train()
    objective(module(), x)
    assert handed["generator"] is objective.generator


def test_training_draws_new_noise_for_every_batch():
    objective = Objective(SquaredError(), corruption=noise).train()
    first, second = (objective(module(), torch.from_numpy(X))[0] for _ in range(2))
    assert not torch.equal(first, second)


def test_held_out_rows_get_the_same_noise_every_time():
    objective = Objective(SquaredError(), corruption=noise).eval()
    first, second = (objective(module(), torch.from_numpy(X))[0] for _ in range(2))
    assert torch.equal(first, second)


def test_noise_follows_from_the_seed():
    x = torch.from_numpy(X)
    first, again, other = (
        Objective(SquaredError(), corruption=noise, seed=seed).train()(module(), x)[0]
        for seed in (3, 3, 4)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


# Emphasis


@pytest.mark.parametrize("loss", [SquaredError(), LogLoss(), Poisson()], ids=repr)
def test_full_emphasis_has_no_gradient_at_values_that_were_left_alone(loss):
    net, x = module(), torch.from_numpy(X / 8)
    net.link = getattr(loss, "link", None)
    values, output = Objective(loss, corruption=Masking(0.5), emphasis=1.0)(net, x)
    output.reconstruction.retain_grad()
    values.sum().backward()
    assert torch.equal(output.reconstruction.grad != 0, output.seen != x)


@pytest.mark.parametrize("emphasis", [0.0, 0.4, 1.0])
def test_values_that_were_left_alone_count_one_minus_emphasis(emphasis):
    net, x = module(), torch.from_numpy(X)
    objective = Objective(SquaredError(), corruption=Masking(0.5), unit=2.0, emphasis=emphasis)
    values, output = objective(net, x)
    counts = torch.where(output.seen == x, 1 - emphasis, 1.0)
    expected = (counts * (output.reconstruction - x).square()).mean(dim=1) / 2
    torch.testing.assert_close(values, expected)


def test_emphasis_without_a_corruption_is_none():
    net, x = module(), torch.from_numpy(X)
    plain = Objective(SquaredError())(net, x)[0]
    assert torch.equal(Objective(SquaredError(), emphasis=1.0)(net, x)[0], plain)


# Parts of the wrong shape


@pytest.mark.parametrize("shape", [(150, 4), (4,), (1, 150), (1,)])
def test_penalty_of_the_wrong_shape_is_named_with_it(shape):
    def penalty(module, x, output):
        return torch.zeros(shape)

    message = rf"penalty=.*penalty.* returned shape \({', '.join(map(str, shape))},?\).*\(150, 4\)"
    with pytest.raises(ValueError, match=message):
        Objective(SquaredError(), penalty)(module(), torch.from_numpy(X))


@pytest.mark.parametrize("shape", [(150, 4), (4,), ()])
def test_loss_of_the_wrong_shape_is_named_with_it(shape):
    def loss(reconstruction, x):
        return torch.zeros(shape)

    message = rf"loss=.*loss.* returned shape \({', '.join(map(str, shape))},?\).*one value per row"
    with pytest.raises(ValueError, match=message):
        Objective(loss)(module(), torch.from_numpy(X))


def test_objective_does_not_write_to_the_batch():
    x = torch.from_numpy(X.copy())
    Objective(SquaredError(), of_code, Masking(0.5), emphasis=0.5)(module(), x)
    np.testing.assert_array_equal(x, X)

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss, mean_poisson_deviance

from sklearn_ae.losses import LogLoss, Poisson, SquaredError

LOSSES = [SquaredError(), LogLoss(), Poisson()]


@pytest.fixture
def pair():
    """A reconstruction and its data, fit for every loss: 0 < x, x̂ < 1."""
    return torch.rand(2, 7, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_squared_error_is_the_mean_over_the_features(pair):
    reconstruction, x = pair
    expected = np.mean((x.numpy() - reconstruction.numpy()) ** 2, axis=1)
    np.testing.assert_allclose(SquaredError()(reconstruction, x), expected)


def test_log_loss_is_that_of_scikit_learn(pair):
    p, x = pair[0], (pair[1] > 0.5).double()
    expected = [
        log_loss(labels, row, labels=[0, 1])
        for labels, row in zip(x.numpy(), p.numpy(), strict=True)
    ]
    np.testing.assert_allclose(LogLoss()(p, x), expected)


def test_log_loss_of_a_share_is_least_at_that_share():
    x = torch.full((99, 1), 0.3, dtype=torch.float64)
    p = torch.arange(1, 100, dtype=torch.float64)[:, None] / 100
    assert p[LogLoss()(p, x).argmin()].item() == pytest.approx(0.3)


def test_poisson_is_half_the_deviance_of_scikit_learn(pair):
    rate, x = pair[0] * 5, (pair[1] * 5).round()
    expected = [
        mean_poisson_deviance(*rows) / 2 for rows in zip(x.numpy(), rate.numpy(), strict=True)
    ]
    np.testing.assert_allclose(Poisson()(rate, x), expected)


def test_poisson_of_a_perfect_reconstruction_is_zero():
    x = torch.tensor([[0.0, 1.0, 7.0]])
    assert Poisson()(x, x).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_loss_and_its_gradient_are_finite_at_the_edges(loss, dtype):
    x = torch.tensor([[0.0, 1.0, 0.0, 1.0]], dtype=dtype)
    reconstruction = torch.tensor([[0.0, 1.0, 1.0, 0.0]], dtype=dtype, requires_grad=True)
    values = loss(reconstruction, x)
    values.sum().backward()
    assert values.dtype == dtype
    assert torch.isfinite(values).all()
    assert torch.isfinite(reconstruction.grad).all()


@pytest.mark.parametrize("loss", [LogLoss(), Poisson()], ids=repr)
def test_link_undoes_the_tangent(loss):
    mean = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    natural, _ = loss.tangent(mean)
    torch.testing.assert_close(loss.link(natural), mean)


@pytest.mark.parametrize("loss", [LogLoss(), Poisson()], ids=repr)
def test_slope_of_the_tangent_is_one_over_that_of_the_link(loss):
    mean = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    natural, slope = loss.tangent(mean)
    natural = natural.requires_grad_()
    loss.link(natural).sum().backward()
    torch.testing.assert_close(slope * natural.grad, torch.ones_like(mean))


@pytest.mark.parametrize("loss", [LogLoss(), Poisson()], ids=repr)
def test_tangent_is_finite_for_a_column_of_zeros(loss):
    natural, slope = loss.tangent(torch.tensor([0.0, 0.5], dtype=torch.float64))
    assert torch.isfinite(natural).all()
    assert torch.isfinite(slope).all()


def test_tangent_is_finite_where_all_counts_are_zero():
    natural, slope = Poisson().tangent(torch.zeros(3, dtype=torch.float64))
    assert torch.isfinite(natural).all()
    assert torch.isfinite(slope).all()


def test_counts_are_given_to_the_encoder_as_logarithms():
    x = torch.tensor([0.0, 1.0, 99.0])
    torch.testing.assert_close(Poisson().represent(x), torch.log(1 + x))


def test_range_of_the_link_reaches_up_to_the_largest_count_of_each_column():
    low, high = Poisson().natural_range(np.array([[1.0, 0.0], [3.0, 0.0], [2.0, 4.0]]))
    np.testing.assert_allclose(np.exp(high), [3, 4])
    np.testing.assert_allclose(np.exp(low), np.exp(-5) * np.array([2, 4 / 3]))


def test_range_of_the_link_is_finite_for_a_column_of_zeros():
    for ends in Poisson().natural_range(np.zeros((4, 2))):
        assert np.isfinite(ends).all()


def test_unit_of_the_squared_error_is_the_variance():
    assert SquaredError().unit(3.0) == 9.0


@pytest.mark.parametrize("X", [[[-0.25, 1.0]], [[0.0, 1.5]]])
def test_log_loss_names_the_range_of_data_outside_zero_and_one(X):
    X = np.array(X)
    message = rf"needs data in \[0, 1\], but X lies in \[{X.min():g}, {X.max():g}\]. .*MinMaxScaler"
    with pytest.raises(ValueError, match=message):
        LogLoss().check(X)


def test_poisson_names_the_negative_count():
    with pytest.raises(ValueError, match=r"needs counts, but the smallest value of X is -2\. Use"):
        Poisson().check(np.array([[3.0, -2.0]]))


def test_data_at_the_edges_passes_the_checks():
    X = np.array([[0.0, 1.0]])
    LogLoss().check(X)
    Poisson().check(X)

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.stats import multivariate_normal
from torch import nn
from torch.func import jacrev, vmap

from sklearn_ae._estimators.variational.evidence import (
    MIN_NOISE,
    VariationalModule,
    standard_normal_draws,
)
from sklearn_ae._estimators.variational.posterior import CodePosterior
from sklearn_ae.architectures import MLP
from sklearn_ae.losses import LogLoss, Poisson, SquaredError

N_FEATURES, N_UNITS = 6, 2
NOISE = 0.3


class EncoderOfGaps(nn.Module):
    """Starts all rows at a code of its own, whatever is observed."""

    def __init__(self, n_units):
        super().__init__()
        self.start = nn.Parameter(torch.full((2 * n_units,), 0.5))

    def forward(self, x):
        return self.start.expand(len(x), -1)


class Rising(nn.Module):
    """Four curves that rise with the code, steeper in the middle: one mode, but no normal one."""

    def forward(self, code):
        return code * code.new_tensor([0.1, 0.3, 0.2, 0.5]) + torch.tanh(
            code * code.new_tensor([2.0, 0.5, 1.0, 3.0])
        )


def drawn_anew(decoder, seed=0):
    """Return a decoder with weights drawn from a normal distribution."""
    random_state = np.random.RandomState(seed)
    for weight in decoder.parameters():
        weight.detach().copy_(torch.from_numpy(random_state.normal(scale=0.5, size=weight.shape)))
    return decoder


def variational(decoder, n_units, link=None, n_features=N_FEATURES):
    module = VariationalModule(EncoderOfGaps(n_units), decoder, n_features, link).double().eval()
    module.log_noise.detach().fill_(np.log(NOISE))
    return module


@pytest.fixture
def linear():
    module = variational(drawn_anew(nn.Linear(N_UNITS, N_FEATURES)), N_UNITS)
    random_state = np.random.RandomState(0)
    module.offset.copy_(torch.from_numpy(random_state.normal(size=N_FEATURES)))
    module.scale.fill_(2.0)
    return module


def rows_with_gaps(n_rows=5):
    random_state = np.random.RandomState(1)
    X = random_state.normal(size=(n_rows, N_FEATURES))
    X[random_state.uniform(size=X.shape) < 0.4] = np.nan
    X[0] = np.nan
    return X


def conditional(module, row):
    """Return mean and covariance of all entries, given those observed: normal, in closed form."""
    with torch.no_grad():
        W, b = (part.numpy() for part in (module.decoder.weight, module.decoder.bias))
        scale, noise = module.scale.item(), module.noise().item()
    mean = module.offset.numpy() + scale * b
    signal = scale**2 * W @ W.T
    seen = ~np.isnan(row)
    gain = signal[:, seen] @ np.linalg.inv(
        signal[np.ix_(seen, seen)] + scale**2 * noise * np.eye(seen.sum())
    )
    covariance = signal - gain @ signal[seen] + scale**2 * noise * np.eye(len(row))
    return mean + gain @ (row - mean)[seen], covariance


def test_mean_of_a_linear_model_is_the_conditional_mean(linear):
    X = rows_with_gaps()
    means = CodePosterior(linear, SquaredError()).mean(X, standard_normal_draws(N_UNITS, 0))
    expected = [conditional(linear, row)[0] for row in X]
    np.testing.assert_allclose(means, expected, atol=1e-4)


def test_draws_from_a_linear_model_have_the_conditional_moments(linear):
    X = rows_with_gaps()
    drawn = CodePosterior(linear, SquaredError()).sample(X, 20_000, range(len(X)))
    for row, values in zip(X, drawn.transpose(1, 0, 2), strict=True):
        mean, covariance = conditional(linear, row)
        error = np.sqrt(np.diag(covariance) / 20_000)
        assert (np.abs(values.mean(axis=0) - mean) < 5 * error).all()
        np.testing.assert_allclose(np.cov(values.T), covariance, atol=0.05 * covariance.max())


def test_row_of_which_nothing_is_observed_has_the_prior(linear):
    X = np.full((1, N_FEATURES), np.nan)
    means = CodePosterior(linear, SquaredError()).mean(X, standard_normal_draws(N_UNITS, 0))
    prior = linear.decode(torch.zeros(1, N_UNITS, dtype=torch.float64)).detach().numpy()
    np.testing.assert_allclose(means, prior, atol=1e-4)


def test_noise_of_each_column_is_the_most_likely_one(linear, monkeypatch):
    monkeypatch.setattr("sklearn_ae._estimators.variational.posterior.PRIOR_ROWS", 0.0)
    noise = np.array([0.05, 0.1, 0.2, 0.4, 0.8, 1.6])
    random_state = np.random.RandomState(0)
    codes = torch.from_numpy(random_state.normal(size=(4000, N_UNITS)))
    X = linear.decode(codes).detach().numpy()
    X = X + 2 * np.sqrt(noise) * random_state.normal(size=X.shape)
    mean, covariance = conditional(linear, np.full(N_FEATURES, np.nan))
    signal = covariance - 4 * linear.noise().item() * np.eye(N_FEATURES)

    def minus_log_likelihood(log_noise):
        covariance = signal + 4 * np.diag(np.exp(log_noise))
        return -multivariate_normal(mean, covariance).logpdf(X).sum()

    best = np.exp(minimize(minus_log_likelihood, np.log(noise)).x)
    posterior = CodePosterior(linear, SquaredError())
    for _ in range(40):
        posterior.fit_noise(X)
    np.testing.assert_allclose(posterior.noise, best, rtol=0.05)


LINKS = {SquaredError: None, LogLoss: torch.sigmoid, Poisson: torch.exp}


def log_likelihood(loss, natural, x):
    if isinstance(loss, SquaredError):
        return -((x - natural) ** 2) / (2 * (NOISE + MIN_NOISE))
    if isinstance(loss, LogLoss):
        return torch.distributions.Bernoulli(logits=natural).log_prob(x)
    return torch.distributions.Poisson(natural.exp()).log_prob(x)


@pytest.mark.parametrize("loss", [SquaredError(), LogLoss(), Poisson()], ids=repr)
def test_mean_of_a_bent_model_is_that_of_numerical_integration(loss):
    n_features = 4
    module = variational(Rising(), 1, LINKS[type(loss)], n_features)
    X = torch.from_numpy(np.float64(np.random.RandomState(1).randint(0, 2, (6, n_features))))
    X[0, 1:] = X[1:4, 0] = torch.nan
    code = torch.linspace(-6, 6, 4001, dtype=torch.float64)[:, None]
    with torch.no_grad():
        natural = module.decoder(code)
        expected = []
        for x in X:
            terms = log_likelihood(loss, natural, x.nan_to_num())
            joint = torch.where(x.isnan(), 0, terms).sum(dim=1) - code[:, 0] ** 2 / 2
            expected.append(torch.softmax(joint, dim=0) @ module.to_data(natural))
    expected = torch.stack(expected).numpy()
    draws = np.random.RandomState(0).normal(size=(5000, 1))
    means = CodePosterior(module, loss).mean(X.numpy(), draws)
    np.testing.assert_allclose(means, expected, atol=0.1 * np.abs(expected).max())


def test_values_are_drawn_from_the_distribution_of_the_loss():
    X = np.full((3, N_FEATURES), np.nan)
    for loss, allowed in [(LogLoss(), [0, 1]), (Poisson(), np.arange(100))]:
        module = variational(drawn_anew(nn.Linear(N_UNITS, N_FEATURES)), N_UNITS, LINKS[type(loss)])
        drawn = CodePosterior(module, loss).sample(X, 50, range(3))
        assert np.isin(drawn, allowed).all()
        assert len(np.unique(drawn)) > 1


def test_draws_do_not_depend_on_how_many_there_are(linear):
    X, posterior = rows_with_gaps(), CodePosterior(linear, SquaredError())
    many = posterior.sample(X, 70, range(len(X)))
    assert posterior.sample(X, 40, range(len(X))).tobytes() == many[:40].tobytes()


def test_derivatives_are_those_of_torch():
    _, decoder = MLP((8, 8), "silu").build(N_FEATURES, N_UNITS)
    module = variational(drawn_anew(decoder), N_UNITS)
    code = torch.from_numpy(np.random.RandomState(1).normal(size=(7, N_UNITS)))
    ours = CodePosterior(module, SquaredError())._jacobian(code)
    torch.testing.assert_close(ours, vmap(jacrev(module.decoder))(code))


def test_rows_do_not_depend_on_how_many_pass_at_a_time(linear, monkeypatch):
    X, draws = rows_with_gaps(40), standard_normal_draws(N_UNITS, 0)
    posterior = CodePosterior(linear, SquaredError())
    together = posterior.mean(X, draws)
    monkeypatch.setattr(
        "sklearn_ae._estimators.variational.posterior.N_VALUES", 3 * N_FEATURES * N_UNITS
    )
    np.testing.assert_allclose(posterior.mean(X, draws), together, rtol=1e-10)

"""The evidence lower bound of a variational autoencoder: its module, its objective, its terms."""

import numpy as np
import torch
from scipy.stats import qmc
from torch import nn

from ..._training.module import AutoencoderModule, Output
from ..._training.objective import Objective
from ..._training.written_out import Written
from ...penalties import GaussianKL, gaussian_kl
from .written_out import LOG_TWO_PI, MIN_NOISE, Drawn, Likelihood, NormalLikelihood


class VariationalModule(AutoencoderModule):
    """An autoencoder whose encoder returns means and logarithms of variances of the code.

    Attributes
    ----------
    log_noise : Tensor of shape ()
        Logarithm of the variance of the decoder's normal distribution above its minimum, for data
        divided by ``scale``.
    """

    def __init__(self, encoder, decoder, n_features, link=None):
        super().__init__(encoder, decoder, n_features, link)
        self.log_noise = nn.Parameter(torch.zeros(()))

    @property
    def written_parts(self):
        """What steps are written out for: itself, with nothing added."""
        return self, None

    def distribution(self, x):
        """Return means and logarithms of variances of codes, (n_rows, n_components) each."""
        return self.encoder(self.standardise(x)).chunk(2, dim=1)

    def encode(self, x):
        """Return the means of codes, shape (n_rows, n_components)."""
        return self.distribution(x)[0]

    def forward(self, x, generator=None):
        """Return reconstruction and code, drawn with a generator; without one, the means."""
        mean, log_variance = self.distribution(x)
        code = mean
        if generator is not None:
            noise = torch.empty_like(mean).normal_(generator=generator)
            code = torch.addcmul(mean, (log_variance / 2).exp(), noise)
        reconstruction = self.decode(code)
        return Output(reconstruction, code, x, mean=mean, log_variance=log_variance)

    def noise(self):
        """Return the variance of the decoder's normal distribution for data divided by scale."""
        return MIN_NOISE + self.log_noise.exp()


class VariationalObjective(Objective):
    """Minus the evidence lower bound, with a weight on the divergence, per feature.

    A corruption makes it the bound for what is left of the rows: a code drawn for what was seen
    tells nothing about the likelihood of the rest.
    """

    def _output(self, module, seen, generator):
        return module(seen, generator)

    def _loss_values(self, module, output, x):
        values = super()._loss_values(module, output, output.seen)
        return minus_log_density(self.loss, module, values, output.seen)

    def written_out(self, module):
        """Return how training steps are written out for a module, or None."""
        is_own = self.penalty is None or type(self.penalty) is GaussianKL
        if type(module) is not VariationalModule or not is_own or self.emphasis:
            return None
        has_noise = getattr(self.loss, "has_noise", False)
        return Written(
            lambda encoder: Drawn(self),
            NormalLikelihood if has_noise else Likelihood,
            parameters=(module.log_noise,),
        )


class EvidenceLowerBound(nn.Module):
    """The evidence lower bound of rows, with the same draws for all of them.

    Parameters
    ----------
    module : VariationalModule
    loss : callable
        Says which distribution the decoder has.
    draws : ndarray of shape (n_draws, n_components)
        Points that represent the standard normal distribution.
    at_a_time : int, default=1
        Draws that are decoded together, a divisor of their number. As a graph for ONNX, which is
        unrolled, the bound is the smaller the more there are.
    """

    def __init__(self, module, loss, draws, at_a_time=1):
        super().__init__()
        self.at_a_time = at_a_time
        self.module = module
        self.loss = loss
        self.register_buffer("draws", torch.from_numpy(draws).to(module.offset))

    def forward(self, x):
        """Return the bounds, shape (n_rows,), in nats."""
        module = self.module
        mean, log_variance = module.distribution(x)
        spread = (log_variance / 2).exp()
        n, likelihood = self.at_a_time, 0.0
        for draws in self.draws.split(n):
            decoded = module.decode((mean + spread * draws[:, None]).flatten(0, 1))
            minus = minus_log_likelihood(self.loss, module, decoded, x.repeat(n, 1))
            likelihood = likelihood - minus.unflatten(0, (n, x.shape[0])).sum(dim=0)
        likelihood = likelihood / len(self.draws)
        return len(module.offset) * likelihood - gaussian_kl(mean, log_variance).sum(dim=1)


def minus_log_likelihood(loss, module, reconstruction, x):
    """Return minus the logarithm of the decoder's density at each row, divided by n_features.

    Parameters
    ----------
    loss : callable
        Says which distribution it is.
    module : VariationalModule
    reconstruction, x : Tensor of shape (n_rows, n_features)

    Returns
    -------
    values : Tensor of shape (n_rows,)
    """
    return minus_log_density(loss, module, loss(reconstruction, x), x)


def minus_log_density(loss, module, values, x):
    """Return what the values of a loss at some rows are as minus the logarithm of a density."""
    if getattr(loss, "has_noise", False):
        variance = module.noise() * module.scale**2
        observed = 1 - x.isnan().to(x.dtype).mean(dim=1)
        return (values / variance + observed * (variance.log() + LOG_TWO_PI)) / 2
    if hasattr(loss, "log_normaliser"):
        return values - loss.log_normaliser(x)
    return values


def standard_normal_draws(n_components, seed):
    """Return 32 points that represent the standard normal distribution well.

    Parameters
    ----------
    n_components : int
    seed : int

    Returns
    -------
    draws : ndarray of shape (32, n_components)
        A scrambled Sobol sequence and its mirror image, each column of variance 1.
    """
    half = qmc.MultivariateNormalQMC(np.zeros(n_components), seed=seed).random(16)
    half /= np.sqrt(np.mean(np.square(half), axis=0))
    return np.vstack([half, -half])

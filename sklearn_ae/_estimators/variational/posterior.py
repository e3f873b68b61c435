"""The codes that a row with gaps may have: the posterior distribution of a variational model."""

from math import ceil

import numpy as np
import torch
from sklearn.utils import gen_batches

from ..._training.device import threads_for
from ..._training.loader import as_tensor
from .evidence import MIN_NOISE

N_VALUES = 4_000_000  # of Jacobians that are in memory at a time
MAX_ITER = 30
MAX_DAMPING = 1e6
TOL = 1e-4  # nats: a step that gains less is the last one of its row
N_PROPOSALS = 64  # codes among which draws for a row are chosen
N_OF_PROPOSALS = 32  # how many draws are chosen from one set of them
BLOCKS_APART = 0x9E3779B9  # seeds of the next ones: a large odd number
NOISE_ITER = 5  # more of them gain nothing on new rows
PRIOR_ROWS = (
    5.0  # with the noise of all columns together, that each column has seen besides its own
)


class CodePosterior:
    """Posterior distribution of the codes of rows with gaps.

    The encoder's distribution has independent units. The fewer values of a row are observed, the
    more does one unit's value hang on the others', and the more is such a distribution too narrow.
    So only its mean is taken, to start from: damped Gauss-Newton steps lead to the mode, the
    curvature there gives a normal distribution with all covariances (Laplace's approximation), and
    draws from it are weighted by how much more likely they are than it says (importance sampling).
    For a linear decoder of normal noise all this is exact. Of several modes it knows one; on tables
    and images, starting from more codes found no others that matter.

    Parameters
    ----------
    module : VariationalModule
    loss : SquaredError, LogLoss, Poisson or the like
        Says which distribution the decoder has: has ``cumulant``, ``variance`` and ``draw``.
    noise : Tensor of shape (n_features,) or None, default=None
        Variances of the decoder's normal distribution for data divided by ``module.scale``. None
        takes the module's one.

    References
    ----------
    Mattei & Frellsen (2019). MIWAE: deep generative modelling and imputation of incomplete data
    sets. ICML. (importance sampling for imputation)

    Tierney & Kadane (1986). Accurate approximations for posterior moments and marginal densities.
    JASA 81.
    """

    def __init__(self, module, loss, noise=None):
        self.module = module
        self.loss = loss
        self.is_normal = getattr(loss, "has_noise", False)
        with torch.no_grad():
            self.n_components = module.encode(module.offset[None]).shape[1]
        self.noise = torch.ones_like(module.offset)
        if self.is_normal:
            self.noise = (module.noise() if noise is None else noise.to(module.offset)) * self.noise
        self.noise = self.noise.detach()

    @torch.no_grad()
    def mean(self, X, draws):
        """Return the posterior mean of all entries of rows, shape (n_rows, n_features).

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            NaN where nothing is observed.
        draws : ndarray of shape (n_draws, n_components)
            Points that represent the standard normal distribution.
        """
        draws = torch.from_numpy(draws).to(self.module.offset)[:, None]

        def mean(x):
            naturals, weights = self._propose(x, draws)
            return (weights[:, :, None] * self._to_data(naturals)).sum(dim=0)

        means = np.empty_like(X)
        with self._threads_for(X):
            for rows, x in self._batches(X):
                means[rows] = mean(x).cpu().numpy()
        return means

    @torch.no_grad()
    def sample(self, X, n_samples, seeds):
        """Return draws of all entries of rows, shape (n_samples, n_rows, n_features).

        A draw depends on its row, the row's seed and its number: not on the other rows, nor on how
        many draws there are. It is the same to the byte in batches of the same size.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            NaN where nothing is observed.
        n_samples : int
            How many draws for each row.
        seeds : list of int
            One for each row.
        """
        drawn = np.empty((n_samples, *X.shape), dtype=X.dtype)
        with self._threads_for(X):
            for rows, x in self._batches(X):
                drawn[:, rows] = self._sample(x, n_samples, seeds[rows]).cpu().numpy()
        return drawn

    def n_rows_at_a_time(self, n_features):
        """Return how many rows have Jacobians that fit into memory."""
        return max(1, N_VALUES // (n_features * self.n_components))

    @torch.no_grad()
    def fit_noise(self, X):
        """Find the variance of each column's noise by expectation and maximisation.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            Rows that the module was not trained on, else the noise comes out too small.
        """
        with self._threads_for(X):
            for _ in range(NOISE_ITER):
                self._improve_noise(X)

    def _improve_noise(self, X):
        squares = counts = torch.zeros_like(self.noise, dtype=torch.float64)
        for _, x in self._batches(X):
            observed = ~x.isnan()
            mode, factor, slopes = self._laplace(x)
            spread = torch.linalg.solve_triangular(
                factor, slopes.double().transpose(1, 2), upper=False
            )
            error = (self._target(x) - self._natural(mode)).square()
            error = torch.where(observed, error + spread.square().sum(dim=1), 0)
            squares, counts = squares + error.sum(dim=0), counts + observed.sum(dim=0)
        overall = squares.sum() / counts.sum().clamp_min(1)
        noise = (squares + PRIOR_ROWS * overall) / (counts + PRIOR_ROWS)
        self.noise = noise.clamp_min(MIN_NOISE).to(self.noise)

    def _threads_for(self, X):
        """Return a context of one thread unless there is much to do: matrices are small."""
        n_rows = min(len(X), self.n_rows_at_a_time(X.shape[1]))
        return threads_for(n_rows * self.module.n_weights)

    def _batches(self, X):
        """Return slices of an array, few enough rows each for their Jacobians, and tensors."""
        for rows in gen_batches(len(X), self.n_rows_at_a_time(X.shape[1])):
            yield rows, as_tensor(X[rows]).to(self.module.offset)

    def _target(self, x):
        return self.module.standardise(x) if self.is_normal else x

    def _natural(self, code):
        """Return the natural parameters that codes decode to."""
        return self.module.bounded(self.module.decoder(code))

    def _to_data(self, natural):
        return self.module.to_data(natural) if self.is_normal else self.loss.link(natural)

    def _mean_of(self, natural):
        """Return the mean that belongs to a natural parameter."""
        return natural if self.is_normal else self.loss.link(natural)

    def _log_joint(self, x, code, natural):
        """Return the logarithm of the density of code and observed values, up to a constant."""
        likelihood = (x * natural - self.loss.cumulant(natural)) / self.noise
        return torch.where(x.isnan(), 0, likelihood).sum(dim=-1) - code.square().sum(dim=-1) / 2

    def _laplace(self, x):
        """Return the modes, the Cholesky factors of the precisions there, and the Jacobians."""
        target, observed = self._target(x), ~x.isnan()
        code = self.module.encode(x)
        natural = self._natural(code)
        joint = self._log_joint(target, code, natural)
        damping = torch.full_like(joint, 1e-3, dtype=torch.float64)
        settled = torch.zeros_like(joint, dtype=torch.bool)
        for _ in range(MAX_ITER):
            slopes, gradient, precision = self._curvature(target, observed, code, natural)
            ridge = torch.diag_embed(damping[:, None] * precision.diagonal(dim1=1, dim2=2))
            step = torch.linalg.solve(precision + ridge, gradient)
            new = code + step.to(code)
            new_natural = self._natural(new)
            gain = self._log_joint(target, new, new_natural) - joint
            better = (gain > 0) & ~settled
            code = torch.where(better[:, None], new, code)
            natural = torch.where(better[:, None], new_natural, natural)
            joint = torch.where(better, joint + gain, joint)
            damping = torch.where(better, damping / 5, damping * 5).clamp_min(1e-8)
            settled |= (better & (gain < TOL)) | (damping > MAX_DAMPING)
            if settled.all():
                break
        slopes, _, precision = self._curvature(target, observed, code, natural)
        return code, torch.linalg.cholesky(precision), slopes

    def _curvature(self, target, observed, code, natural):
        """Return Jacobians of the decoder, gradients and expected curvatures, these in double."""
        slopes = self._jacobian(code)
        weighted = torch.where(observed, self.loss.variance(natural) / self.noise, 0)
        residual = torch.where(observed, (target - self._mean_of(natural)) / self.noise, 0)
        wide = slopes.double()
        gradient = torch.einsum("nfk,nf->nk", wide, residual.double()) - code
        precision = (wide * weighted[:, :, None]).transpose(1, 2) @ wide
        precision.diagonal(dim1=1, dim2=2).add_(1)
        return slopes, gradient, precision

    def _jacobian(self, code):
        """Return the derivatives of the decoder's output, shape (n_rows, n_features, n_units)."""
        units = torch.eye(code.shape[1], dtype=code.dtype, device=code.device)
        with torch.enable_grad():
            code = code.detach().requires_grad_()
            natural = self._natural(code)
            # J'v is linear in v, so its derivative along a unit is a column of J for every row.
            v = torch.zeros_like(natural, requires_grad=True)
            (product,) = torch.autograd.grad(natural, code, v, create_graph=True)
            columns = [
                torch.autograd.grad(product, v, unit.expand_as(code), retain_graph=True)[0]
                for unit in units
            ]
        return torch.stack(columns, dim=2)

    def _propose(self, x, draws, laplace=None):
        """Return what codes drawn from the normal approximation decode to, and their weights."""
        mode, factor, _ = self._laplace(x) if laplace is None else laplace
        deviations = torch.linalg.solve_triangular(
            factor.transpose(1, 2), draws.expand(-1, *mode.shape).double()[..., None], upper=True
        )
        codes = mode + deviations[..., 0].to(mode)
        naturals = torch.stack([self._natural(code) for code in codes])
        surplus = self._log_joint(self._target(x), codes, naturals) + draws.square().sum(-1) / 2
        return naturals, torch.softmax(surplus, dim=0)

    def _sample(self, x, n_samples, seeds):
        laplace = self._laplace(x)
        parts = []
        for block in range(ceil(n_samples / N_OF_PROPOSALS)):
            own = [(seed + BLOCKS_APART * block) % 2**32 for seed in seeds]  # all that torch uses
            generators = [torch.Generator().manual_seed(seed) for seed in own]
            parts.append(self._sample_block(x, laplace, generators))
        return torch.cat(parts)[:n_samples]

    def _sample_block(self, x, laplace, generators):
        """Return as many draws as are made from one set of proposals."""
        like = self.module.offset
        shape = N_PROPOSALS, self.n_components

        def random(function, *shape, dim=1):
            drawn = [function(shape, generator=own, dtype=like.dtype) for own in generators]
            return torch.stack(drawn, dim=dim)

        naturals, weights = self._propose(x, random(torch.randn, *shape).to(like), laplace)
        at = random(torch.rand, N_OF_PROPOSALS, dim=0)
        chosen = torch.searchsorted(weights.cpu().T.contiguous().cumsum(dim=1), at)
        chosen = chosen.clamp_max(N_PROPOSALS - 1)  # the sum of the weights may round below 1
        chosen = chosen.T[:, :, None].expand(-1, -1, x.shape[1]).to(like.device)
        naturals = naturals.gather(0, chosen).cpu()
        if self.is_normal:
            noise = random(torch.randn, N_OF_PROPOSALS, x.shape[1])
            return self.module.to_data((naturals + noise * self.noise.cpu().sqrt()).to(like))
        means = self._to_data(naturals).unbind(dim=1)
        pairs = zip(means, generators, strict=True)
        return torch.stack([self.loss.draw(mean, own) for mean, own in pairs], dim=1)

"""What a variational autoencoder is made of, and its start at probabilistic PCA."""

from dataclasses import dataclass

import numpy as np
import torch

from ..._training.module import in_batches, share_weights
from ..._training.pca import mean_over_rows, principal_axes, variances_along
from ..._training.recipe import Recipe
from ..._training.start import check_linear_paths, start_decoder, what_is_seen
from .evidence import MIN_NOISE, VariationalModule, VariationalObjective

START_NOISE = 0.01  # share of the variance, at least: a net that starts without noise stays linear


@dataclass(frozen=True)
class VariationalRecipe(Recipe):
    """A recipe whose code has a distribution, unless its penalty is gone (``beta=0``)."""

    @property
    def has_distribution(self):
        """Whether the code is a normal distribution."""
        return self.penalty is not None

    def build(self, n_features):
        """Return the module around an encoder of means and logarithms of variances."""
        if not self.has_distribution:
            return super().build(n_features)
        architecture, n_components = self.architecture, self.n_components
        encoder = architecture.build(n_features, 2 * n_components)[0]
        if getattr(encoder, "output_activation", None) is not None:
            raise ValueError(
                f"{architecture!r} gives the code an activation, which means and logarithms of "
                "variances cannot have. Use code_activation='identity'."
            )
        partner, decoder = architecture.build(n_features, n_components)
        if share_weights(partner, decoder):
            raise ValueError(
                f"{architecture!r} ties the decoder's weights to the encoder's, which is not "
                "possible for a variational code: its encoder has two outputs for each unit. Use "
                "tied=False."
            )
        link = getattr(self.loss, "link", None)
        return VariationalModule(encoder, decoder, n_features, link)

    def start(self, module, rows, seed):
        """Start at probabilistic PCA (Tipping & Bishop 1999) if asked for."""
        if not self.has_distribution or self.init != "pca":
            super().start(module, rows, seed)
            return
        check_linear_paths(module, self.architecture)
        start_at_probabilistic_pca(module, self.loss, self.n_components, rows, seed)

    def finish(self, module, X, weight):
        """Give the codes of all rows together the mean and variance of the prior."""
        if not self.has_distribution:
            super().finish(module, X, weight)
            return
        encoder, decoder = module.encoder, module.decoder
        rescales = hasattr(encoder, "rescale_output") and hasattr(decoder, "rescale_input")
        if rescales and encoder.can_turn_output and decoder.can_turn_input:
            standardise_codes(module, X, weight)

    def objective(self, module, seed):
        """Return minus the evidence lower bound."""
        if not self.has_distribution:
            return super().objective(module, seed)
        return VariationalObjective(
            self.loss,
            self.penalty,
            self.corruption,
            penalty_unit=self.penalty.unit(module.scale.item(), len(module.offset)),
            seed=seed,
            device=self.device,
        )

    def check_continues(self, other, module):
        """Raise ValueError unless both codes have a distribution, or neither."""
        if isinstance(module, VariationalModule) != self.has_distribution:
            beta = 0 if self.penalty is None else self.penalty.weight
            raise ValueError(
                f"Training cannot go on with beta={beta}: a code with a distribution and one "
                "without (beta=0) have different nets. Call fit with warm_start=False to start "
                "anew."
            )
        super().check_continues(other, module)


def start_at_probabilistic_pca(module, loss, n_components, rows, seed):
    """Make a module the probabilistic PCA of some rows (Tipping & Bishop 1999).

    Parameters
    ----------
    module : VariationalModule
    loss : callable
        Its link may bend what the decoder puts out.
    n_components : int
    rows : Rows
    seed : int
    """
    n_features, (seen, offset, scale) = len(module.offset), what_is_seen(module, rows.X)
    axes = principal_axes(seen, offset, n_components, rows.weights(), np.random.RandomState(seed))
    along = variances_along(seen, axes, rows.weights()) / scale**2
    rest = (n_features - along.sum()) / max(n_features - len(axes), 1)
    noise = max(rest, START_NOISE)
    along = np.maximum(along, noise)
    signal = np.sqrt(along - noise)
    k = len(axes)  # units beyond the features start without a meaning
    encode = np.zeros((2 * n_components, n_features))
    encode[:k] = (signal / along)[:, None] * axes
    moments = np.zeros(2 * n_components)
    moments[n_components : n_components + k] = np.log(noise / along)
    decode = np.zeros((n_features, n_components))
    decode[:, :k] = signal * axes.T
    module.encoder.start_linear(encode, moments)
    start_decoder(module, loss, torch.from_numpy(decode))
    module.log_noise.detach().fill_(np.log(noise - MIN_NOISE))


def standardise_codes(module, X, weight):
    """Shift and stretch each unit so that the codes drawn for some rows have mean 0 and variance 1.

    The decoder undoes it, so reconstructions stay as they were. Of all such maps it is the one with
    the smallest divergence from the prior; training comes near it, but not quite.

    Parameters
    ----------
    module : VariationalModule
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,) or None
    """
    n_units = module.encoder.layers[-1].weight.shape[0] // 2

    def moments(rows):
        def of_batch(x):
            mean, log_variance = module.distribution(x)
            return torch.cat([mean, mean.square() + log_variance.exp()], dim=1)

        return in_batches(of_batch, rows, module, 2 * n_units).astype(np.float64)

    first, second = np.split(mean_over_rows(moments, X, weight), 2)
    variance = torch.from_numpy(second - first**2).to(module.offset)
    centre, spread = torch.from_numpy(first).to(module.offset), variance.sqrt()
    module.encoder.rescale_output(
        torch.cat([centre, variance.log()]), torch.cat([spread, torch.ones_like(spread)])
    )
    module.decoder.rescale_input(centre, spread)

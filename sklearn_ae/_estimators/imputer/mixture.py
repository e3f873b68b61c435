"""A linear model and an autoencoder, mixed: what fills the gaps, and how it is judged."""

from math import sqrt

import numpy as np
import torch

from ..._training.chance import chance
from ..._training.module import reconstructions
from ...losses import loss_of
from ..variational.evidence import standard_normal_draws
from .autoencoders import is_variational
from .draws import in_equal_batches, posterior_of, row_seeds
from .linear import FEWEST_ROWS, by_parts, hide

SHARES = np.linspace(0, 1, 21)  # of the autoencoder, of which the best is taken
SIGNIFICANCE = 0.05  # of a gain over the linear model, in rows that the share was not chosen by
HARDLY = 0.25  # standard errors between shares that are as good
TO_CENTRE = 0.05  # how far a linear model is drawn into the support, where links are finite
DRAWS_AT_A_TIME = 128  # rows


class Mixture:
    """Fills rows with what a linear model says, and what an autoencoder says differently.

    ``linear + share * (autoencoder - linear)`` with a share from 0 to 1, so that no filling is
    beyond both. If the loss has a link, these are natural parameters: ends of the support are
    never reached, nor passed.

    Parameters
    ----------
    columns : Columns
    linear : LowRankNormal or FullNormal
        Of standardised rows.
    own : estimator or None
        An autoencoder trained on rows with gaps, standardised ones unless its loss has a link.
    corrects : bool
        Whether the autoencoder is a correction of the linear model.
    loss : callable
        Of the autoencoder.
    noise : ndarray of shape (n_features,) or None
        Variances of draws from a variational autoencoder, in squared units of its rows.
    seed : int
    """

    def __init__(self, columns, linear, own, corrects, loss, noise, seed):
        self.columns = columns
        self.linear = linear
        self.own = own
        self.corrects = corrects
        self.loss = loss_of(loss)
        self.noise = noise
        self.seed = seed
        self.has_link = hasattr(self.loss, "link")

    def opinions(self, X):
        """Return what the linear model and the autoencoder say of all entries, to be mixed.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
            NaN where nothing is observed.

        Returns
        -------
        linear, own : ndarray of shape (n_rows, n_features)
            Standardised values or natural parameters; both are the same without an autoencoder.
        """
        Z = self.columns.standardise(X)
        linear = by_parts(self.linear, Z)
        if self.own is None:
            return linear, linear
        if not self.has_link:
            return linear, self._own_means(Z, linear)
        means = self._in_support(self.columns.restore(linear))
        means += TO_CENTRE * (self.columns.center - means).astype(X.dtype)
        return self._natural(means), self._natural(self._own_means(X, linear))

    def fill(self, X, share):
        """Return what the mixture makes of all entries of X."""
        if share == 0:
            Z = self.columns.standardise(X)
            return self._in_support(self.columns.restore(by_parts(self.linear, Z)))
        linear, own = self.opinions(X)
        mixed = linear + share * (own - linear)
        return self._link(mixed) if self.has_link else self.columns.restore(mixed)

    def draw(self, X, n_draws, seed, share, dispersion):
        """Return draws of all entries of X, of which each row has its own random numbers.

        Parameters
        ----------
        X : ndarray of shape (n_rows, n_features)
        n_draws : int
        seed : int
        share : float
        dispersion : float or None
            What deviations are squared larger by than the autoencoder believes. None leaves its
            draws as they are.

        Returns
        -------
        drawn : ndarray of shape (n_draws, n_rows, n_features)
        """
        posterior = posterior_of(self.own, self.noise)

        def draw(X, seeds):
            rows = X if self.has_link else self.columns.standardise(X)
            drawn = posterior.sample(rows, n_draws, seeds)
            if self.has_link:
                return drawn
            linear, own = self.opinions(X)
            mixed = linear + share * (own - linear)
            return self.columns.restore(mixed + sqrt(dispersion or 1.0) * (drawn - own))

        n_rows = min(DRAWS_AT_A_TIME, posterior.n_rows_at_a_time(X.shape[1]))
        seeds = row_seeds(X, seed)
        return in_equal_batches(draw, n_rows, X, seeds, out=np.empty((n_draws, *X.shape), X.dtype))

    def judge(self, X, seed):
        """Return how well hidden entries of rows are filled with each share.

        Parameters
        ----------
        X : ndarray of shape (n_judged, n_features)
            Rows that nothing was learned from.
        seed : int

        Returns
        -------
        judgement : Judgement
        """
        seen, rows, hidden = hide(X, seed)
        linear, own = self.opinions(seen)
        row, column = np.nonzero(hidden)
        scale = self.columns.scale
        truth = self.columns.standardise(rows)[hidden]
        at_zero = self.columns.standardise(self.fill(seen, 0.0))[hidden]

        def error(share):
            if share == 0:
                return np.square(at_zero - truth)
            mixed = (linear + share * (own - linear))[hidden]
            if self.has_link:
                mixed = (self._link(mixed) - self.columns.center[column]) / scale[column]
            return np.square(mixed - truth)

        errors = np.array([error(share) for share in (SHARES if self.own else SHARES[:1])])
        return Judgement(errors, row % len(X), column, X.shape, seen, hidden)

    def spread(self, judgement, n_draws, seed):
        """Return the mean variance of draws at the hidden entries, in units of scale."""
        drawn = self.draw(judgement.seen, n_draws, seed, 1.0, None)
        drawn = self.columns.standardise(drawn)
        return float(drawn.var(axis=0, ddof=1)[judgement.hidden].mean())

    def _own_means(self, rows, linear):
        if is_variational(self.own):
            draws = standard_normal_draws(self.own.n_components, self.seed)
            return posterior_of(self.own, self.noise).mean(rows, draws)
        means = reconstructions(self.own.module_, rows).astype(rows.dtype, copy=False)
        if self.corrects:
            means += linear - self.own.module_.offset.cpu().numpy()
        return means

    def _in_support(self, means):
        return np.clip(means, *getattr(self.loss, "support", (None, None)))

    def _natural(self, means):
        if not hasattr(self.loss, "natural"):
            return means
        return self.loss.natural(torch.from_numpy(np.ascontiguousarray(means))).numpy()

    def _link(self, natural):
        if not hasattr(self.loss, "natural"):
            return natural
        return self.loss.link(torch.from_numpy(natural)).numpy()


class Judgement:
    """Squared errors at hidden entries, for each share that an autoencoder may have.

    Parameters
    ----------
    errors : ndarray of shape (n_shares, n_hidden)
        In squared units of the scale of their columns.
    row, column : ndarray of shape (n_hidden,)
        Where they are. Copies of a row with other gaps are one row.
    shape : tuple
        Of the rows.
    seen : ndarray of shape (n_copies, n_features)
    hidden : ndarray of bool of shape (n_copies, n_features)
    """

    def __init__(self, errors, row, column, shape, seen, hidden):
        self.errors = errors
        self.row = row
        self.column = column
        self.shape = shape
        self.seen = seen
        self.hidden = hidden

    def choose(self):
        """Return the share of the autoencoder, and how likely chance alone made it better.

        Half of the rows choose a share, and its gain over the linear model is measured in the other
        half; and the other way round. A one-sided paired t test over all rows. Of shares that can
        hardly be told apart, the smallest is chosen.

        Returns
        -------
        share : float
            The mean of both.
        p_value : float
        """
        n_rows = self.shape[0]
        by_row = np.array([np.bincount(self.row, e, n_rows) for e in self.errors])
        half = np.arange(n_rows) % 2
        chosen = [smallest_of_the_best(by_row[:, half == part]) for part in (1, 0)]
        gains = by_row[0] - np.where(half == 0, by_row[chosen[0]], by_row[chosen[1]])
        return float(np.mean(SHARES[chosen])), chance(gains, FEWEST_ROWS)

    def error(self, share):
        """Return the mean squared error with a share."""
        return self._at(share).mean() if self.errors.size else 0.0

    def error_of_columns(self, share):
        """Return the root of the mean squared error of each column, NaN where none was hidden."""
        n_features = self.shape[1]
        squares = np.bincount(self.column, self._at(share), n_features)
        counts = np.bincount(self.column, minlength=n_features)
        return np.sqrt(np.where(counts, squares, np.nan) / np.maximum(counts, 1))

    def _at(self, share):
        return self.errors[round(share * (len(SHARES) - 1))]


def smallest_of_the_best(errors):
    """Return the first share that is worse than the best by a quarter of a standard error at most.

    Parameters
    ----------
    errors : ndarray of shape (n_shares, n_rows)
    """
    if errors.shape[1] == 0:
        return 0
    apart = errors - errors[errors.sum(axis=1).argmin()]
    tolerances = HARDLY * apart.std(axis=1) * sqrt(apart.shape[1])
    return int(np.argmax(apart.sum(axis=1) <= tolerances))

"""What fills gaps: a net that has learned to, and a linear model, put together."""

import numpy as np
import torch
from sklearn.utils import gen_batches

from ..._training.loader import rows_of
from ..._training.module import in_batches
from ..._training.state import state_of, trained_from
from .factors import Factors, fit_factors
from .filler import FillerRecipe, train_filler
from .module import rows_at_a_time

RANK, ROWS = 24, 3000  # of the linear model, at most, and of what it is fitted to
HIDDEN = 0.25  # share of the cells that held-out rows hide
JUDGED = 2000  # rows whose hidden cells decide, about; the same ones several times if need be
TRIED = np.array([0.0, 0.25, 0.5, 0.75, 1.0])  # shares of the net in what is said of numbers
POOLED = 200.0  # cells of a column that its own errors need to count as much as those of all
LEAST = 1e-3  # probability of a category by the linear model


class Filling:
    """Fills missing cells by means of a net and of a factor model of the cells.

    A code of few components cannot tell what else the rest of a row says, so neither of them has to
    do with that. Probabilities of categories are averaged.

    Parameters
    ----------
    trained : Trained
        Of the net.
    model : Factors
        Of what the encoder is given for all columns but those of many categories.
    share : ndarray of shape (n_columns,)
        That of the net, for numbers.
    """

    def __init__(self, trained, model, share):
        self.trained = trained
        self.model = model
        self.share = share

    @classmethod
    def of(cls, recipe, rows, held_out, seed):
        """Return what fills gaps of rows like some others.

        Parameters
        ----------
        recipe : TableRecipe
            Of the net that encodes them.
        rows : Rows
        held_out : Rows or None
            Rows whose hidden cells decide how much the net counts.
        seed : int
        """
        X, random = rows_of(rows), np.random.RandomState(seed)
        trained = train_filler(recipe, rows, held_out, seed)
        chosen = np.sort(random.permutation(len(X))[:ROWS])
        model = fit_factors(_given(trained.module, X[chosen]), RANK)
        filling = cls(trained, model, np.full(X.shape[1], 0.5))
        if held_out is not None:
            known = rows_of(held_out)[:JUDGED]
            known = np.tile(known, (max(JUDGED // len(known), 1), 1))
            hidden = (random.uniform(size=known.shape) < HIDDEN) & ~np.isnan(known)
            filling.share = _shares(filling, known, hidden)
        return filling

    def __call__(self, cells):
        """Return cells with the missing ones filled, shape (n_rows, n_columns)."""
        n_rows = rows_at_a_time(self.trained.module.cells.layout)
        parts = [self._made(cells[rows]) for rows in gen_batches(len(cells), n_rows)]
        return np.where(np.isnan(cells), np.concatenate(parts), cells)

    def by_both(self, cells):
        """Return what the net makes of cells, and what the linear model does.

        Parameters
        ----------
        cells : ndarray of shape (n_rows, n_columns)

        Returns
        -------
        natural, linear : ndarray of shape (n_rows, n_outputs)
            Natural parameters, and expected values of numbers and of one-hot categories.
        """
        module = self.trained.module
        layout = module.cells.layout

        def natural(x):
            return module(x).reconstruction

        own = in_batches(natural, cells, module, layout.n_outputs)
        n = sum(layout.parts)
        center, spread = (
            part[:n].cpu().double().numpy() for part in (module.cells.center, module.cells.spread)
        )
        return own, self.model(_given(module, cells)) * spread + center

    def _made(self, cells):
        module, share = self.trained.module, self.share
        layout = module.cells.layout
        own, linear = self.by_both(cells)
        natural = torch.from_numpy(own).to(module.cells.share)
        with torch.no_grad():
            made = module.cells.cells(natural).cpu().double().numpy()
        for j in layout.numbers:
            by_line = linear[:, np.flatnonzero(layout.owner == j)[0]]
            made[:, j] += (1 - share[j]) * (by_line - made[:, j])
        for j in layout.few:
            where = np.flatnonzero(layout.owner == j)
            by_net = torch.softmax(natural[:, where], dim=1).cpu().numpy()
            by_line = linear[:, where].clip(LEAST)
            made[:, j] = (by_net + by_line / by_line.sum(axis=1, keepdims=True)).argmax(axis=1)
        return made

    def state(self):
        """Return plain values and arrays from which this is made again."""
        return {
            "net": state_of(self.trained),
            "model": self.model.state(),
            "share": self.share,
        }

    @classmethod
    def from_state(cls, state, layout):
        """Return what `state` has described.

        Parameters
        ----------
        state : dict
        layout : Layout
            Of the cells.
        """
        share, trained = np.asarray(state["share"], float), trained_from(state["net"], FillerRecipe)
        own = trained.module.cells.layout
        if share.shape != (layout.n_columns,) or own.sizes.tolist() != layout.sizes.tolist():
            raise ValueError("The state of TabularAutoencoder is damaged: what fills its gaps.")
        return cls(trained, Factors.from_state(state["model"], sum(layout.parts)), share)


def _given(module, cells):
    """Return what the encoder is given for columns of few categories; NaN where it is missing."""
    layout = module.cells.layout
    n = sum(layout.parts)
    given = in_batches(module.cells.expand, cells, module, layout.n_inputs)[:, :n]
    return np.where(np.isnan(cells)[:, layout.owner[:n]], np.nan, given.astype(float))


def _shares(filling, known, hidden):
    """Return the share of the net that fills hidden numbers of each column best.

    Their errors count together with those of all columns, as few rows decide.
    """
    layout = filling.trained.module.cells.layout
    own, linear = filling.by_both(np.where(hidden, np.nan, known).astype(known.dtype))
    shares, errors, n_cells = np.full(layout.n_columns, 0.5), {}, {}
    for j in layout.numbers:
        rows, place = hidden[:, j], np.flatnonzero(layout.owner == j)[0]
        if rows.any():
            by_net, by_line = own[rows, place][:, None], linear[rows, place][:, None]
            made = by_line + TRIED * (by_net - by_line)
            error = np.square(made - known[rows, j][:, None]).mean(axis=0)
            errors[j], n_cells[j] = error / max(error.min(), 1e-12), rows.sum()
    pooled = POOLED * np.mean(list(errors.values()), axis=0) if errors else 0
    for j, error in errors.items():
        shares[j] = TRIED[np.argmin(n_cells[j] * error + pooled)]
    return shares

"""What fills gaps: the net, or a normal distribution of the cells, whichever is better at it."""

import numpy as np
import torch

from ..._training.module import in_batches
from ..imputer.low_rank import LowRankNormal, fit_low_rank_normal
from .module import rebuilt

RANK, ITER = 16, 15  # of the normal distribution; factors that are not needed vanish
ROWS = 5000  # that it is fitted to, at most
HIDDEN, REPEATS = 0.2, 4  # share of the cells that held-out rows hide, and how many times


class Filling:
    """Fills missing cells, each column by the net, by a linear model, or by the mean of both.

    The linear model is the normal distribution of low rank that numbers and one-hot categories have
    most likely come from: a code of few components cannot tell what else the rest of a row says.

    Parameters
    ----------
    model : LowRankNormal
        Of what the encoder is given for all columns but those of many categories.
    share : ndarray of shape (n_columns,)
        That of the net; of categories 0 or 1.
    """

    def __init__(self, model, share):
        self.model = model
        self.share = share

    @classmethod
    def of(cls, module, X, held_out, seed):
        """Return what fills gaps of rows like those of X.

        Parameters
        ----------
        module : TableModule
        X : ndarray of shape (n_samples, n_columns)
        held_out : ndarray of shape (n_held_out, n_columns) or None
            Rows whose hidden cells decide between net and linear model.
        seed : int
        """
        random = np.random.RandomState(seed)
        rows = np.sort(random.permutation(len(X))[:ROWS])
        model = fit_low_rank_normal(_given(module, X[rows]), RANK, ITER)
        filling = cls(model, np.ones(X.shape[1]))
        if held_out is not None:
            judged = np.tile(held_out, (REPEATS, 1))
            hidden = (random.uniform(size=judged.shape) < HIDDEN) & ~np.isnan(judged)
            seen = np.where(hidden, np.nan, judged).astype(X.dtype)
            parts = rebuilt(module, seen), filling.linear(module, seen)
            filling.share = _shares(module, parts, judged, hidden)
        return filling

    def linear(self, module, cells):
        """Return the cells that the linear model makes of others, shape (n_rows, n_columns)."""
        layout, given = module.cells.layout, _given(module, cells)
        made = np.full(cells.shape, np.nan)
        n = given.shape[1]
        with torch.no_grad():
            out = self.model(torch.from_numpy(given)).numpy()
        own = module.cells.spread[:n].cpu().double().numpy()
        out = out * own + module.cells.center[:n].cpu().double().numpy()
        for j in np.setdiff1d(layout.order, layout.many):
            block = out[:, layout.owner[:n] == j]
            made[:, j] = block.argmax(axis=1) if layout.sizes[j] > 1 else block[:, 0]
            if layout.sizes[j] == 1 and j not in layout.numbers:
                made[:, j] = np.expm1(block[:, 0]).clip(0) if j in layout.counts else 0
        return made

    def __call__(self, module, cells):
        """Return cells with the missing ones filled, shape (n_rows, n_columns)."""
        own, linear = rebuilt(module, cells), self.linear(module, cells)
        mixed = np.where(self.share == 1, own, linear + self.share * (own - linear))
        return np.where(np.isnan(cells), mixed, cells)

    def state(self):
        """Return arrays from which this is made again."""
        return {"model": self.model.state(), "share": self.share}

    @classmethod
    def from_state(cls, state, module):
        """Return what `state` has described."""
        layout, share = module.cells.layout, np.asarray(state["share"], float)
        if share.shape != (layout.n_columns,):
            raise ValueError("The state of TabularAutoencoder is damaged: what fills its gaps.")
        return cls(LowRankNormal.from_state(state["model"], sum(layout.parts)), share)


def _given(module, cells):
    """Return what the encoder is given for columns of few categories; NaN where it is missing."""
    layout = module.cells.layout
    n = sum(layout.parts)
    given = in_batches(module.cells.expand, cells, module, layout.n_inputs)[:, :n]
    return np.where(np.isnan(cells)[:, layout.owner[:n]], np.nan, given.astype(float))


def _shares(module, parts, judged, hidden):
    """Return the share of the net that fills hidden cells of each column best."""
    own, linear = parts
    shares = np.ones(judged.shape[1])
    for j in range(judged.shape[1]):
        true, cells = judged[hidden[:, j], j], (own[hidden[:, j], j], linear[hidden[:, j], j])
        if len(true) == 0 or j in module.cells.layout.many:
            continue
        is_category = j not in module.cells.layout.numbers and j not in module.cells.layout.counts
        tried = (0.0, 1.0) if is_category else (0.0, 0.25, 0.5, 0.75, 1.0)
        mixed = [cells[1] + share * (cells[0] - cells[1]) for share in tried]
        losses = [
            (part != true).mean() if is_category else np.square(part - true).mean()
            for part in mixed
        ]
        shares[j] = tried[int(np.argmin(losses))]
    return shares

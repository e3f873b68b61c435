"""A net of its own that fills gaps: it is shown rows with hidden cells, and asked for these."""

from dataclasses import dataclass, replace
from math import ceil

import numpy as np
import torch

from ..._training.build import Trained, build_module, build_net
from ..._training.fit import run
from ..._training.loader import ROUND, rows_of
from ..._training.monitor import FallingMonitor
from ..._training.step import Stepper, Trapezoid
from .cells import describe, set_range
from .module import TableObjective, TableRecipe, rows_at_a_time
from .noise import HideShares
from .start import start_embeddings, start_linear

WIDTH = 32  # of its code
LEAST_HIDDEN, MOST_HIDDEN = 0.05, 0.6  # shares of the cells of a row, between which one is drawn
VISIBLE = 0.1  # what a cell that is not hidden counts
MAX_STEPS, PATIENCE = 1500, 3  # patience in rounds of 50 steps, after which the step size falls
START_ITER = 20  # of the search for the linear model: training leaves it anyway
ALPHA = 1 / 6  # of the weight decay: there is no narrow code that what is learned has to suit


class HiddenObjective(TableObjective):
    """The loss of cells, most of all of those that are hidden."""

    def forward(self, module, x, weight=None, guide=None):
        """Return the values of the rows of x, shape (n_rows,), and the module's output."""
        generator = self.generator
        if not self.training:
            generator = torch.Generator(x.device).manual_seed(self.seed)
        seen = self.corruption(x, generator)
        output = module(seen)
        hidden = (seen.isnan() & ~x.isnan()).to(x.dtype)
        counts = VISIBLE + (1 - VISIBLE) * hidden / ((LEAST_HIDDEN + MOST_HIDDEN) / 2)
        return self._losses(module, output, x) * counts @ module.cells.share, output


@dataclass(frozen=True)
class FillerRecipe(TableRecipe):
    """A recipe for the net that fills gaps."""

    def objective(self, module, seed):
        """Return what training minimises."""
        return HiddenObjective(
            self.loss, corruption=self.corruption, seed=seed, device=self.device, is_wide=True
        )


def train_filler(recipe, rows, held_out, seed):
    """Return the training of a net that fills gaps.

    Parameters
    ----------
    recipe : TableRecipe
        Of the net that encodes the same rows.
    rows : Rows
    held_out : Rows or None
        Those whose hidden cells say when to stop.
    seed : int

    Returns
    -------
    trained : Trained
    """
    recipe = _filling(recipe)
    X = rows_of(rows)
    module = build_module(recipe, X.shape[1], X.dtype, seed)
    describe(module.cells, X, np.ones(X.shape[1]))
    set_range(module.cells, rows.X)
    start_embeddings(module, X, seed)
    start_linear(module, X, recipe.n_components, seed, START_ITER)
    steps_per_pass = ceil(len(X) / recipe.loop(len(X))["batch_size"])
    max_steps = min(MAX_STEPS, max(recipe.max_iter * steps_per_pass, 1))
    schedule, n_rounds = Trapezoid(max_steps), ceil(max_steps / ROUND)
    monitor = FallingMonitor(
        schedule, held_out, tol=1e-3, n_iter_no_change=PATIENCE, max_epochs=n_rounds
    )
    loop = recipe.loop(len(X), n_rounds) | {"n_steps": max_steps}
    given = {"iterator_valid__batch_size": rows_at_a_time(module.cells.layout)}
    net = build_net(
        replace(recipe, net_params=given), module, monitor, Stepper(schedule), seed, loop
    )
    run(net, rows, recipe)
    return Trained(module, net, replace(recipe, corruption=None), seed, loop)


def _filling(recipe):
    given = {name: getattr(recipe, name) for name in recipe.__dataclass_fields__}
    changed = {
        "n_components": WIDTH,
        "alpha": recipe.alpha * ALPHA,
        "corruption": HideShares(LEAST_HIDDEN, MOST_HIDDEN),
        "callbacks": None,
        "net_params": None,
        "verbose": 0,
    }
    return FillerRecipe(**given | changed)

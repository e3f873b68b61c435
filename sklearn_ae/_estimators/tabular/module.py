"""The net on the cells of a table: coders between what it is given and natural parameters."""

from dataclasses import dataclass, field

import numpy as np
from sklearn.utils import gen_batches
from torch import nn

from ..._training.module import AutoencoderModule, Output, in_batches
from ..._training.objective import Objective
from ..._training.recipe import Recipe
from ..._training.tables import ROWS_AT_A_TIME
from ...architectures import MLP
from ...losses import SquaredError
from .cells import Cells
from .layout import Layout
from .noise import noise_of

HIDDEN_LAYER_SIZES = (128, 64)  # what "auto" is
LOGITS_AT_A_TIME = 2**20  # of columns of many categories, where rows are judged or decoded


class TableEncoder(nn.Module):
    """An encoder of cells.

    Parameters
    ----------
    cells : Cells
    network : nn.Module
        Takes what the cells are expanded to.
    """

    def __init__(self, cells, network):
        super().__init__()
        self.cells = cells
        self.coder = network

    @property
    def network(self):
        """What is given expanded cells."""
        return self.coder

    def forward(self, x):
        """Return the codes of rows of cells."""
        return self.network(self.cells.expand(x))

    @property
    def can_turn_output(self):
        """Whether the weights can turn the code."""
        return self.network.can_turn_output

    def turn_output(self, centre, axes):
        """Turn the code, as `LinearPlusNetwork` does."""
        self.network.turn_output(centre, axes)


class TableDecoder(nn.Module):
    """A decoder to cells.

    Parameters
    ----------
    cells : Cells
    network : nn.Module
        Puts out what becomes natural parameters of the cells.
    """

    def __init__(self, cells, network):
        super().__init__()
        self.cells = cells
        self.coder = network

    @property
    def network(self):
        """What puts out natural parameters, less those of the constant model."""
        return self.coder

    def forward(self, code):
        """Return the likeliest cells of codes."""
        return self.cells.cells(self.natural(code))

    def natural(self, code):
        """Return the natural parameters of the cells."""
        return self.cells.natural(self.network(code))

    @property
    def can_turn_input(self):
        """Whether the weights can take a turned code."""
        return self.network.can_turn_input

    def turn_input(self, centre, axes):
        """Take a turned code, as `LinearPlusNetwork` does."""
        self.network.turn_input(centre, axes)


class TableModule(AutoencoderModule):
    """An autoencoder of cells, whose output is their natural parameters.

    Parameters
    ----------
    encoder, decoder : nn.Module
        Networks of the widths that the layout asks for.
    layout : Layout
    """

    def __init__(self, encoder, decoder, layout):
        cells = Cells(layout)
        super().__init__(
            TableEncoder(cells, encoder), TableDecoder(cells, decoder), layout.n_columns
        )
        self.cells = cells

    @property
    def written_parts(self):
        """What steps are written out for: itself, with nothing added."""
        return self, None

    def forward(self, x):
        """Return natural parameters and code of rows of cells."""
        code = self.encoder(x)
        return Output(self.decoder.natural(code), code, x)


class TableObjective(Objective):
    """The loss of cells.

    Parameters
    ----------
    *args
        As for `Objective`.
    is_wide : bool, default=False
        Whether the code could copy the cells. Then rows that are held out are corrupted, too, or
        they would ask for a copy; narrow codes are judged by what they make of the rows as they
        are.
    **kwargs
        As for `Objective`.
    """

    def __init__(self, *args, is_wide=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.is_wide = is_wide

    def forward(self, module, x, weight=None, guide=None):
        """Return the values of the rows of x, shape (n_rows,), and the module's output."""
        if self.training or self.is_wide:
            return super().forward(module, x, weight, guide)
        output = module(x)
        return self._loss_values(module, output, x), output

    def deviations(self, module, output, x):
        """Return what each row loses, and what it would lose by the constant model."""
        constant = module.cells.constant_losses(x) @ module.cells.share
        return self._loss_values(module, output, x), constant

    def written_out(self, module):
        """Return None: autograd takes the losses back, and only the coders are written out."""
        return None

    def _loss_values(self, module, output, x):
        return self._losses(module, output, x) @ module.cells.share

    def _losses(self, module, output, x):
        generator = self.generator if self.training else None
        return module.cells.losses(output.reconstruction, x, generator=generator)


@dataclass(frozen=True)
class TableRecipe(Recipe):
    """A recipe for tables of cells. ``kinds`` and ``sizes`` are those of `Layout`."""

    loss: object = field(default_factory=SquaredError)  # of numbers; see `losses` for the others
    kinds: tuple = ()
    sizes: tuple = ()

    def build(self, n_features):
        """Return the module around a new encoder and decoder, which differ in their widths."""
        layout, build = Layout(self.kinds, self.sizes), self.architecture.build
        encoder = build(layout.n_inputs, self.n_components)[0]
        decoder = build(layout.n_outputs, self.n_components)[1]
        return TableModule(encoder, decoder, layout)

    def objective(self, module, seed):
        """Return what training minimises."""
        return TableObjective(
            self.loss,
            corruption=self.corruption,
            seed=seed,
            device=self.device,
            is_wide=self.n_components >= len(self.kinds),
        )


def rows_at_a_time(layout):
    """Return how many rows are decoded at a time, so that their logits take little memory.

    Parameters
    ----------
    layout : Layout
    """
    n_most = max(int(layout.sizes[layout.many].sum()), 1)
    return min(max(LOGITS_AT_A_TIME // n_most, 64), ROWS_AT_A_TIME)


def in_small_batches(function, array, module, *shape):
    """Return what `in_batches` does, by fewer rows where columns have many categories.

    Parameters
    ----------
    function : callable
        Passes rows through a module.
    array : ndarray of shape (n_rows, ...)
    module : TableModule
    *shape : int
        Of what the function makes of one row.
    """
    batches = gen_batches(len(array), rows_at_a_time(module.cells.layout))
    return np.concatenate([in_batches(function, array[rows], module, *shape) for rows in batches])


def recipe_for(estimator, encoding):
    """Return the recipe that the parameters of an estimator ask for.

    Parameters
    ----------
    estimator : TabularAutoencoder
    encoding : Encoding
        Of the table that it is fitted to.
    """
    given, sizes = estimator.get_params(deep=False), estimator.hidden_layer_sizes
    sizes = HIDDEN_LAYER_SIZES if isinstance(sizes, str) else sizes  # "auto"
    is_wide = estimator.n_components >= len(encoding.kinds)
    return TableRecipe(
        **TableRecipe.chosen_from(given),
        architecture=MLP(sizes, estimator.activation),
        corruption=noise_of(estimator.noise, estimator.noise_level, is_wide),
        kinds=tuple(encoding.kinds),
        sizes=tuple(encoding.sizes),
    )


def table_of_codes(module, codes):
    """Return the cells that codes stand for, shape (n_rows, n_columns)."""
    return in_small_batches(module.decode, codes, module, module.cells.layout.n_columns)


def rebuilt(module, cells):
    """Return cells, encoded and decoded."""

    def decoded(x):
        return module.decode(module.encode(x))

    return in_small_batches(decoded, cells, module, cells.shape[1])


def losses_of(module, cells, constant=False):
    """Return the loss of each cell, or that of the constant model; 0 where it is missing."""

    def losses(x):
        if constant:
            return module.cells.constant_losses(x)
        return module.cells.losses(module(x).reconstruction, x)

    return in_small_batches(losses, cells, module, cells.shape[1])

"""Steps whose batches are sparse rows: the squared error by its parts, and never a reconstruction.

For the standardised rows x and what the decoder makes of the code, ``y = k W'`` for k, what its
last layer and its linear path take beside a 1 for the bias, and W, their weights side by side,

    |x - y|² = |x|² - 2 k (x W)' + k (W'W) k',
    dk = 2 (k (W'W) - x W),   dW = 2 (W (K'K) - X'K).

So the zeros of x take part in nothing. What is left for each column of the data, W'W and W (K'K),
is the same for any number of rows.
"""

import torch
import torch.nn.functional as F

from ...losses import SquaredError
from ...penalties import Contractive
from ..module import AutoencoderModule
from ..world import here
from .closed_form import Batch, written_objective
from .losses import Reconstruction
from .parameters import decaying_parameters
from .step import RULES, Step, network_of, why_not, written_out
from .tall import BottomCoder, Tall, TallFlat, TopCoder

ALIGNED = 8  # numbers side by side: products of other widths take up to twice as long


def written_out_sparse(module, objective, optimizer):
    """Return a step that takes sparse rows if there can be one; otherwise as `written_out`.

    Parameters
    ----------
    module : nn.Module
    objective : Objective
    optimizer : torch.optim.Optimizer
        As for `written_out`.

    Returns
    -------
    step : Step or str
    """
    if why_not(module, optimizer) or why_dense(module, objective):
        return written_out(module, objective, optimizer)
    return SparseStep(module, objective, optimizer)


def why_dense(module, objective):
    """Return why steps on sparse rows make them dense; None if they need not.

    Nested codes and penalties on the code are no reason, since they are at home between the coders.
    Any loss but the squared error is one: it asks what each zero is reconstructed as. (Several
    processes, whose rows are shared, and callbacks that may look at the rows, do not get here.)

    Parameters
    ----------
    module : nn.Module
        Whose coders are written out.
    objective : Objective

    Returns
    -------
    reason : str or None
    """
    if type(module) is not AutoencoderModule or module.offset.device.type != "cpu":
        return "the module is not a plain one, or not on the CPU"
    if type(objective.loss) is not SquaredError:
        return "the loss needs the reconstruction of zeros, too"
    if objective.corruption is not None or module.represent is not None:
        return "what is encoded is not what is sparse"
    written = written_objective(module, objective)
    if written is None or written.reconstruction is not Reconstruction:
        return "the objective needs reconstructions"
    if type(objective.penalty) is Contractive:
        return "the penalty needs the weights of the first layer"
    ends = [*_ends(module.encoder, first=True), *_ends(module.decoder, first=False)]
    if not all(type(layer) is torch.nn.Linear for layer in ends):
        return "the first or the last layer shares its weights, or normalises them"
    return None


def _ends(coder, first):
    """Return the layers of a coder that the columns of the data meet."""
    network = network_of(coder)
    layers = [network.layers[0 if first else -1], network.skip]
    return [layer for layer in layers if layer is not None]


class SparseStep(Step):
    """A step whose batches are sparse rows; see `Step`.

    Parameters
    ----------
    module : AutoencoderModule
    objective : Objective
    optimizer : torch.optim.Optimizer
        As for `Step`; `why_dense` has found nothing in the way.
    """

    takes_sparse, repeats = True, False

    def __init__(self, module, objective, optimizer):
        n_features = len(module.offset)
        down = [layer.weight for layer in _ends(module.encoder, first=True)]
        up = [layer.weight for layer in _ends(module.decoder, first=False)]
        up.append(network_of(module.decoder).layers[-1].bias)
        tall = [Tall.of(down, n_features), Tall.of(up, n_features, multiple=ALIGNED)]
        self.flat = TallFlat(module, decaying_parameters(module), tall)
        self.gradient = Parts(module, objective, self.flat)
        self.rule = RULES[type(optimizer)](optimizer, self.flat)
        self.world = here()


class Parts:
    """The gradient of the squared error of sparse rows, by the parts of the square.

    Parameters
    ----------
    module : AutoencoderModule
    objective : Objective
    flat : TallFlat
        Of two matrices, those of the weights that the data meet and that they come from.
    """

    def __init__(self, module, objective, flat):
        written = set()
        self.decoder = BottomCoder(network_of(module.decoder), written)
        self.encoder = TopCoder(network_of(module.encoder), written)
        self.code = written_objective(module, objective).code(self.encoder)
        self.down, self.up = flat.matrices(flat.values)
        self.down_gradient, self.up_gradient = flat.matrices(flat.gradients)
        self.scale = module.scale.item()
        self.factor = self.scale**2 / (objective.unit * len(module.offset))

    def __call__(self, x, weight=None, guide=None):
        """Set the gradients, and return the value for a batch.

        Parameters
        ----------
        x : SparseBatch of shape (n_rows, n_features)
        weight : Tensor of shape (n_rows,) or None, default=None
        guide : Tensor of shape (n_rows, n_values) or None, default=None
        """
        c = None if weight is None else weight[:, None]
        batch = Batch(x, x, x, c, guide)
        encoded = self.encoder.forward(x.times(self.down).div_(self.scale))
        k = self._inputs(self.code.forward(encoded, batch))
        value, dk = self._squared_error(x, k, c)
        constraint, d = self.code.backward(self.decoder.backward(dk), batch)
        d = self.encoder.backward(d)
        for some, product in x.transposed_times(d / self.scale):
            self.down_gradient[some] = product
        return value if constraint is None else value + constraint

    def _inputs(self, code):
        """Return what the last weights take, as many numbers as their matrix is wide."""
        inputs = self.decoder.forward(code)
        return F.pad(inputs, (0, self.up.shape[1] - inputs.shape[1]))

    def _squared_error(self, x, k, c):
        """Return the value and its gradient by k, and set that of the last weights."""
        factor = self.factor / len(x)
        met = x.times(self.up).div_(self.scale)
        counted = k if c is None else k * c
        gram = self._collect(x, counted * (-2 * factor / self.scale), counted.T @ k * (2 * factor))
        made = k @ gram
        values = x.squared_norms() / self.scale**2
        values += (k * (made - 2 * met)).sum(dim=1)
        dk = made.sub_(met).mul_(2 * factor)
        if c is not None:
            values, dk = values * c[:, 0], dk.mul_(c)
        return values.sum().mul_(factor).to(k.dtype), dk

    def _collect(self, x, k, K):
        """Set the gradient of the last weights W to ``x' k + W K``, and return ``W'W``."""
        gram = torch.zeros_like(K)
        for some, product in x.transposed_times(k):
            W = self.up[some]
            torch.addmm(product, W, K, out=self.up_gradient[some])
            gram.addmm_(W.T, W)
        return gram

"""What training minimises: the loss of a batch, and what constrains the code."""

import inspect

import torch
from torch import nn

from ..losses import SquaredError
from .module import AutoencoderModule
from .trial import check_values
from .written_out.codes import written_penalty


class Objective(nn.Module):
    """Loss plus penalty.

    Parameters
    ----------
    loss : callable
        ``loss(reconstruction, x)``, one value per row.
    penalty : callable or None, default=None
        ``penalty(module, x, output)``, one value per row or one for the batch. If its parameters
        include ``generator`` or ``sample_weight``, it is handed those too.
    corruption : callable or None, default=None
        ``corruption(x, generator)``, what the encoder sees instead of x.
    unit, penalty_unit : float, default=1.0
        What the loss and the penalty are measured in.
    emphasis : float, default=0.0
        Share of the loss at values that the corruption left alone that does not count.
    seed : int, default=0
        Where the random numbers start. Held-out rows get the same ones every time, so that their
        loss changes with the weights only.
    device : str, default="cpu"
    """

    def __init__(
        self,
        loss,
        penalty=None,
        corruption=None,
        unit=1.0,
        *,
        penalty_unit=1.0,
        emphasis=0.0,
        seed=0,
        device="cpu",
    ):
        super().__init__()
        self.loss = loss
        self.unit = unit
        self.penalty = penalty
        self.penalty_unit = penalty_unit
        self.corruption = corruption
        self.emphasis = emphasis
        self.seed = seed
        self.generator = torch.Generator(device).manual_seed(seed)
        self.handed = {"generator", "sample_weight"} & set(_parameters_of(penalty))

    def forward(self, module, x, weight=None, guide=None):
        """Return the values of the rows of x, shape (n_rows,), and the module's output.

        Of the `guide` that rows may come with, only objectives that ask for one make use.
        """
        generator = self.generator
        if not self.training:
            generator = torch.Generator(x.device).manual_seed(self.seed)
        seen = x if self.corruption is None else self.corruption(x, generator)
        output = self._output(module, seen, generator)
        values = self._loss_values(module, output, x) / self.unit
        if self.emphasis and self.corruption is not None:
            # A value put back as it was costs the same whatever the weights: it has no gradient.
            restored = torch.where(seen == x, x, output.reconstruction)
            emphasised = self._loss_values(module, output._replace(reconstruction=restored), x)
            values = torch.lerp(values, emphasised / self.unit, self.emphasis)
        if self.penalty is None:
            return values, output
        available = {"generator": generator, "sample_weight": weight}
        handed = {name: available[name] for name in self.handed}
        penalty = self.penalty(module, x, output, **handed)
        check_values("penalty", self.penalty, penalty, x)
        return values + penalty / self.penalty_unit, output

    @property
    def is_error_alone(self):
        """Whether its values are squared errors in its unit, and nothing else."""
        is_own = type(self) is Objective and type(self.loss) is SquaredError
        return is_own and self.penalty is None and self.corruption is None

    def deviations(self, module, output, x):
        """Return how far each row is from its reconstruction, and from the mean: squared.

        Parameters
        ----------
        module : AutoencoderModule
        output : Output
            What it has made of the rows.
        x : Tensor of shape (n_rows, n_features)
        """
        gaps = x.isnan()  # there is nothing to be right or wrong about
        apart = output.reconstruction - x, x - module.offset
        return tuple(part.masked_fill(gaps, 0).square().sum(dim=1) for part in apart)

    def written_out(self, module):
        """Return how training steps are written out for a module, or None."""
        return written_penalty(self, module) if type(module) is AutoencoderModule else None

    def _output(self, module, seen, generator):
        return module(seen)

    def _loss_values(self, module, output, x):
        values = self.loss(output.reconstruction, x)
        check_values("loss", self.loss, values, x)
        return values


def _parameters_of(penalty):
    """Return the names of the parameters of a penalty; none of one that does not tell."""
    try:
        return () if penalty is None else inspect.signature(penalty).parameters
    except (TypeError, ValueError):  # of what is written in C
        return ()

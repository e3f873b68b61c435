"""Matrices with a row for each column of wide data, side by side, and what a net does beside them.

The weights that the data meet, of the first layers, and those that the reconstruction comes from,
of the last ones, are two tall matrices. Products with sparse rows gather rows of them, so that the
rows have to be what lies in one piece.
"""

from types import SimpleNamespace
from typing import NamedTuple

import torch

from .coders import MAX_SIZES, Coder
from .parameters import Flat, split


class Tall(NamedTuple):
    """Parameters that lie side by side in a matrix of ``n_rows``, which is ``width`` numbers wide.

    Those that are as long as the matrix is high are in it as they are, the others transposed.
    """

    parameters: list
    n_rows: int
    width: int

    @classmethod
    def of(cls, parameters, n_rows, multiple=1):
        """Return parameters of that many rows or columns, the width rounded up to a multiple."""
        n_columns = sum(parameter.numel() for parameter in parameters) // n_rows
        return cls(parameters, n_rows, -(-n_columns // multiple) * multiple)

    @property
    def n_values(self):
        """How many numbers there are."""
        return self.n_rows * self.width

    def views(self, matrix):
        """Return the parts of such a matrix that stand for the parameters."""
        views, start = [], 0
        for parameter in self.parameters:
            n = parameter.numel() // self.n_rows
            part = matrix[:, start : start + n]
            if parameter.ndim == 1:
                part = part[:, 0]
            views.append(part if parameter.shape[0] == self.n_rows else part.T)
            start += n
        return views


class TallFlat(Flat):
    """As `Flat`, with some of the parameters in tall matrices.

    Parameters
    ----------
    module : nn.Module
    decaying : sequence of nn.Parameter
    tall : list of Tall
    """

    def __init__(self, module, decaying, tall):
        self.tall = tall
        self.in_tall = [parameter for matrix in tall for parameter in matrix.parameters]
        inside = {id(parameter) for parameter in self.in_tall}
        self.parameters = [p for p in module.parameters() if id(p) not in inside] + self.in_tall
        n_others = sum(p.numel() for p in self.parameters[: -len(self.in_tall)])
        like = self.parameters[0].detach()
        self.values = like.new_zeros(n_others + sum(matrix.n_values for matrix in tall))
        self.gradients = torch.zeros_like(self.values)
        self.bind()
        self.decaying = [parameter.detach() for parameter in decaying]

    def views(self, flat):
        """Return the parts of a tensor like `values`, in the shapes of the parameters."""
        others = self.parameters[: -len(self.in_tall)]
        n_others = sum(parameter.numel() for parameter in others)
        in_tall = zip(self.tall, self.matrices(flat), strict=True)
        return [
            *split(flat[:n_others], others),
            *(view for tall, matrix in in_tall for view in tall.views(matrix)),
        ]

    def matrices(self, flat):
        """Return the parts of a tensor like `values` that are tall matrices."""
        parts = flat[len(flat) - sum(matrix.n_values for matrix in self.tall) :].split(
            [matrix.n_values for matrix in self.tall]
        )
        return [
            part.view(tall.n_rows, tall.width) for part, tall in zip(parts, self.tall, strict=True)
        ]


class TopCoder(Coder):
    """An encoder without the products that its first layer and its linear path have with the data.

    Otherwise as `Coder`.
    """

    def forward(self, products):
        """Return the output for those products, shape (n_rows, n_outputs).

        Parameters
        ----------
        products : Tensor of shape (n_rows, n)
            Those of the first layer, beside those of the linear path if there is one.
        """
        here, (first, *others) = self._buffers_for(products), self.layers
        self.here, n_first = here, len(first.bias)
        out = torch.add(products[:, :n_first], first.bias, out=here.z[0])
        for i, layer in enumerate(others):
            hidden = here.h[i + 1] = self.activation.run(here.z[i], here.h[i + 1])
            layer.refresh()
            out = torch.addmm(layer.bias, hidden, layer.turned, out=here.z[i + 1])
        if self.skip is not None:
            out.add_(products[:, n_first : n_first + out.shape[1]])
        here.out = self.output_activation.run(out, here.out)
        return here.out

    def backward(self, d):
        """Set the gradients of what is above the products, and return those of the products."""
        here, i = self.here, len(self.layers) - 1
        d = d_last = self.output_activation.pull(d, here.z[i], here.out, here.d[i])
        while i > 0:
            self.layers[i].collect(d.T, here.h[i], here.ones)
            d = torch.mm(d, self.layers[i].weight, out=here.d[i - 1])
            d = self.activation.pull(d, here.z[i - 1], here.h[i], d)
            i -= 1
        torch.sum(d, dim=0, out=self.layers[0].bias_gradient)
        return d if self.skip is None else torch.cat([d, d_last], dim=1)


class BottomCoder(Coder):
    """A decoder that stops before its last layer and its linear path; otherwise as `Coder`."""

    def forward(self, code):
        """Return what the last layer and the linear path take, and ones for the bias.

        Parameters
        ----------
        code : Tensor of shape (n_rows, n_inputs)

        Returns
        -------
        inputs : Tensor of shape (n_rows, n)
        """
        here = self.here = self._buffers_for(code)
        hidden = here.h[0] = code
        for i, layer in enumerate(self.layers[:-1]):
            layer.refresh()
            torch.addmm(layer.bias, hidden, layer.turned, out=here.z[i])
            hidden = here.h[i + 1] = self.activation.run(here.z[i], here.h[i + 1])
        path = [] if self.skip is None else [code]
        return torch.cat([hidden, *path, here.ones[:, None]], dim=1)

    def backward(self, d):
        """Set the gradients of all other layers, and return that of the code.

        Parameters
        ----------
        d : Tensor of shape (n_rows, n)
            Gradient by the inputs.
        """
        here, i = self.here, len(self.layers) - 1
        n_hidden, n_inputs = here.h[i].shape[1], here.h[0].shape[1]
        d_path, d = d[:, n_hidden : n_hidden + n_inputs], d[:, :n_hidden]
        while i > 0:
            i -= 1
            d = self.activation.pull(d, here.z[i], here.h[i + 1], here.d[i])
            self.layers[i].collect(d.T, here.h[i], here.ones)
            d = torch.mm(d, self.layers[i].weight)
        return d if self.skip is None else d + d_path

    def _buffers_for(self, code):
        n_rows = len(code)
        if n_rows not in self.buffers:
            if len(self.buffers) == MAX_SIZES:
                self.buffers.clear()
            widths = [layer.weight.shape[0] for layer in self.layers[:-1]]
            z, h, d = ([code.new_empty(n_rows, width) for width in widths] for _ in range(3))
            self.buffers[n_rows] = SimpleNamespace(
                z=z, h=[code, *h], d=d, ones=code.new_ones(n_rows)
            )
        return self.buffers[n_rows]

"""A perceptron beside a linear path: both passes, written out into buffers that stay.

For the layers ``h_i = s(z_i)``, ``z_i = h_{i-1} W_i' + b_i`` with ``h_0 = x``, the output
``y = h_{L-1} W_L' + x V' + b_L``, and d_i, the gradient of a loss with respect to z_i (d_L: to y),

    dW_i = d_i' h_{i-1},   db_i = d_i' 1,   dV = d_L' x,
    d_{i-1} = d_i W_i * s'(z_{i-1}),   dx = d_1 W_1 + d_L V.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import nn

from ...architectures import KeepLargest, TransposedLinear, UnitNormLinear

aten, fast = torch.ops.aten, torch._C._nn  # F.silu and F.gelu call the latter, without `out`
MAX_SIZES = 8  # sizes of batches that buffers are kept for; most trainings have two


class Elementwise(NamedTuple):
    """An activation of each value by itself.

    ``run(z, out)`` returns the activation h of z, ``pull(d, z, h, out)`` returns d times its slope
    there, and ``bend(z, h)`` the derivative of the slope.
    """

    run: Callable
    pull: Callable
    bend: Callable


class KeptLargest:
    """The activation of a code that keeps the k largest units of each row, and their gradients."""

    def __init__(self, k):
        self.k = k

    def run(self, z, out):
        """Return z, with zeros at all but the largest units."""
        largest, self.kept = z.topk(self.k, dim=1)
        return out.zero_().scatter_(1, self.kept, largest)

    def pull(self, d, z, h, out):
        """Return d, with zeros at all but the largest units of z."""
        of_largest = d.gather(1, self.kept)
        return out.zero_().scatter_(1, self.kept, of_largest)

    def bend(self, z, h):
        """Return the derivative of the slope."""
        return torch.zeros_like(z)


IDENTITY = Elementwise(
    lambda z, out: z,
    lambda d, z, h, out: d,
    lambda z, h: torch.zeros_like(z),
)
WRITTEN = {
    torch.sigmoid: Elementwise(
        lambda z, out: torch.sigmoid(z, out=out),
        lambda d, z, h, out: aten.sigmoid_backward.grad_input(d, h, grad_input=out),
        lambda z, h: h * (1 - h) * (1 - 2 * h),
    ),
    torch.tanh: Elementwise(
        lambda z, out: torch.tanh(z, out=out),
        lambda d, z, h, out: aten.tanh_backward.grad_input(d, h, grad_input=out),
        lambda z, h: 2 * h * (h * h - 1),
    ),
    torch.relu: Elementwise(
        lambda z, out: torch.clamp(z, min=0, out=out),
        lambda d, z, h, out: aten.threshold_backward.grad_input(d, h, 0, grad_input=out),
        lambda z, h: torch.zeros_like(z),
    ),
    F.silu: Elementwise(
        lambda z, out: fast.silu(z, out=out),
        lambda d, z, h, out: aten.silu_backward.grad_input(d, z, grad_input=out),
        lambda z, h: (s := torch.sigmoid(z)) * (1 - s) * (2 + z * (1 - 2 * s)),
    ),
    F.gelu: Elementwise(
        lambda z, out: fast.gelu(z, out=out),
        lambda d, z, h, out: aten.gelu_backward.grad_input(d, z, grad_input=out),
        lambda z, h: (2 - z * z) * torch.exp(-z * z / 2) / (2 * torch.pi) ** 0.5,
    ),
}


def written_activation(activation):
    """Return how an activation of each value is computed, and its derivatives; None if not known.

    Parameters
    ----------
    activation : callable
    """
    return IDENTITY if type(activation) is nn.Identity else WRITTEN.get(activation)


def written_output_activation(activation):
    """Return the same for what follows a coder; an identity is passed over.

    Parameters
    ----------
    activation : callable or None
    """
    if type(activation) is KeepLargest:
        return KeptLargest(activation.k)
    return IDENTITY if activation is None else written_activation(activation)


class Linear:
    """The weight and the bias of a layer, and their gradients.

    Parameters
    ----------
    weight, gradient : Tensor of shape (n_outputs, n_inputs)
    bias : nn.Parameter or None
    written : set of int
        Of the parameters that have their gradients already; the bias is added.
    adds : bool
        Whether the weight's gradient is added to what is there; otherwise it takes its place.
    """

    def __init__(self, weight, gradient, bias, written, adds):
        self.weight, self.gradient, self.adds = weight, gradient, int(adds)
        self.turned = weight.T
        self.bias = None
        if bias is not None:
            self.bias, self.bias_gradient = bias.detach(), bias.grad
            self.bias_adds = int(id(bias) in written)
            written.add(id(bias))

    def refresh(self):
        """Follow the parameters, where the weight is not one of them."""

    def collect(self, d, below, ones):
        """Set the gradients, for that of the outputs, transposed, and the inputs."""
        torch.addmm(self.gradient, d, below, beta=self.adds, out=self.gradient)
        if self.bias is not None:
            torch.addmv(self.bias_gradient, d, ones, beta=self.bias_adds, out=self.bias_gradient)


class UnitNorm(Linear):
    """A layer whose weight W has columns of unit norm, those of a parameter V divided by |V|.

    ``dV = (dW - W * (1' (dW * W))) / |V|``.
    """

    def __init__(self, parameter, bias, written, adds):
        own = parameter.detach()
        super().__init__(torch.empty_like(own), torch.empty_like(own), bias, written, False)
        self.parameter, self.parameter_gradient = own, parameter.grad
        self.parameter_adds = adds
        self.norms, self.overlaps = own.new_empty(1, own.shape[1]), torch.empty_like(own)

    def refresh(self):
        """Follow the parameter."""
        torch.linalg.vector_norm(self.parameter, dim=0, keepdim=True, out=self.norms)
        torch.div(self.parameter, self.norms.clamp_(min=1e-12), out=self.weight)

    def collect(self, d, below, ones):
        """Set the gradients, for that of the outputs, transposed, and the inputs."""
        super().collect(d, below, ones)
        torch.mul(self.gradient, self.weight, out=self.overlaps)
        along = self.overlaps.sum(dim=0)
        self.gradient.addcmul_(self.weight, along, value=-1).div_(self.norms)
        if self.parameter_adds:
            self.parameter_gradient.add_(self.gradient)
        else:
            self.parameter_gradient.copy_(self.gradient)


def written_layer(layer, written):
    """Return a layer, and note whose gradients it sets.

    Parameters
    ----------
    layer : nn.Linear, TransposedLinear or UnitNormLinear
    written : set of int
        Of the parameters that have their gradients already: the layer adds to those.
    """
    parameter = getattr(layer, "linear", layer).weight
    adds = id(parameter) in written
    written.add(id(parameter))
    if type(layer) is UnitNormLinear:
        return UnitNorm(parameter, layer.bias, written, adds)
    weight, gradient = parameter.detach(), parameter.grad
    if type(layer) is TransposedLinear:
        weight, gradient = weight.T, gradient.T
    return Linear(weight, gradient, layer.bias, written, adds)


class Coder:
    """An encoder or a decoder.

    For each number of rows there are buffers; what is returned lies in them until the next pass.

    Parameters
    ----------
    network : LinearPlusNetwork
        Its parameters have gradients.
    written : set of int
        Of the parameters that have their gradients before this coder's backward pass.
    """

    def __init__(self, network, written):
        self.layers = [written_layer(layer, written) for layer in network.layers]
        self.skip = None if network.skip is None else written_layer(network.skip, written)
        self.activation = written_activation(network.activation)
        self.output_activation = written_output_activation(network.output_activation)
        self.buffers = {}

    def forward(self, x):
        """Return the output for the rows of x, shape (n_rows, n_outputs)."""
        here = self.here = self._buffers_for(x)
        hidden = here.h[0] = x
        *inner, last = self.layers
        for i, layer in enumerate(inner):
            layer.refresh()
            torch.addmm(layer.bias, hidden, layer.turned, out=here.z[i])
            hidden = here.h[i + 1] = self.activation.run(here.z[i], here.h[i + 1])
        last.refresh()
        out = torch.addmm(last.bias, hidden, last.turned, out=here.z[-1])
        if self.skip is not None:
            self.skip.refresh()
            out.addmm_(x, self.skip.turned)
        here.out = self.output_activation.run(out, here.out)
        return here.out

    def backward(self, d, need_input=True, extra=()):
        """Set the gradients of the parameters, and return that of the input.

        Parameters
        ----------
        d : Tensor of shape (n_rows, n_outputs)
            Gradient with respect to the output of the last forward pass.
        need_input : bool, default=True
            False for the first coder of a net.
        extra : sequence of (Tensor or None), default=()
            Gradient of what else depends on the sums of the layers, with respect to them.
        """
        here, i = self.here, len(self.layers) - 1
        d = self.output_activation.pull(d, here.z[i], here.out, here.d[i])
        d = d_last = self._with_extra(d, i, extra)
        if self.skip is not None:
            self.skip.collect(d.T, here.h[0], here.ones)
        while i > 0:
            self.layers[i].collect(d.T, here.h[i], here.ones)
            d = torch.mm(d, self.layers[i].weight, out=here.d[i - 1])
            d = self.activation.pull(d, here.z[i - 1], here.h[i], d)
            i -= 1
            d = self._with_extra(d, i, extra)
        self.layers[0].collect(d.T, here.h[0], here.ones)
        if not need_input:
            return None
        dx = torch.mm(d, self.layers[0].weight, out=here.dx)
        return dx if self.skip is None else dx.addmm_(d_last, self.skip.weight)

    def sums(self):
        """Return what the layers have summed up, before their activations.

        Without the last one where no activation follows: that is the output.
        """
        return self.here.z[:-1] if self.output_activation is IDENTITY else self.here.z

    def _with_extra(self, d, i, extra):
        if i >= len(extra) or extra[i] is None:
            return d
        return torch.add(d, extra[i], out=self.here.d[i])

    def _buffers_for(self, x):
        n_rows = x.shape[0]  # len(x) takes ten times as long
        if n_rows not in self.buffers:
            if len(self.buffers) == MAX_SIZES:
                self.buffers.clear()
            widths = [layer.weight.shape[0] for layer in self.layers]
            z, h, d = ([x.new_empty(n_rows, width) for width in widths] for _ in range(3))
            self.buffers[n_rows] = SimpleNamespace(
                z=z, h=[x, *h[:-1]], out=h[-1], d=d, dx=torch.empty_like(x), ones=x.new_ones(n_rows)
            )
        return self.buffers[n_rows]

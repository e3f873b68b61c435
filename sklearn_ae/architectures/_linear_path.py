"""What encoders and decoders have in common: a linear path beside their layers."""

import torch
import torch.nn.functional as F
from torch import nn


class LinearPath(nn.Module):
    """Layers with an activation between them, and a linear path from their input to their output.

    What coders have in common. `LinearPlusNetwork` says what the parameters are.
    """

    def __init__(self, layers, skip, activation, output_activation=None):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.skip = skip
        self.activation = activation
        self.output_activation = output_activation

    @property
    def has_linear_path(self):
        """Whether the map can be linear: a skip path or no hidden layer, and a linear output."""
        return self.output_activation is None and (self.skip is not None or len(self.layers) == 1)

    def linear_parameters(self):
        """Return the weights of the linear path, which weight decay spares."""
        path = self.skip if self.skip is not None else self.layers[0]
        return list(path.parameters()) if self.has_linear_path else []

    @torch.no_grad()
    def start_linear(self, weight, bias):
        """Make the map ``weight @ x + bias``, ready to be trained.

        The weights of the last layer become zero. A layer tied to another one follows that one
        instead; only its bias is set, so that the map of the zero vector is ``bias`` all the same.

        Parameters
        ----------
        weight : array-like of shape (n_outputs, n_inputs)
            Weights of the linear path.
        bias : array-like of shape (n_outputs,)
            What the zero vector is mapped to.
        """
        last = self.layers[-1]
        linear = last if self.skip is None else self.skip
        weight, bias = torch.as_tensor(weight), torch.as_tensor(bias).to(last.bias)
        if isinstance(linear, nn.Linear):
            linear.weight.copy_(weight)
            if self.skip is not None:
                last.weight.zero_()
        last.bias.zero_()
        hidden = last.bias.new_zeros(1, weight.shape[1])
        for layer in self.layers:
            hidden = layer(hidden if layer is self.layers[0] else self.activation(hidden))
        last.bias.copy_(bias - hidden[0])

    @property
    def can_turn_output(self):
        """Whether the weights can do what `turn_output` asks for."""
        return self.output_activation is None and self._are_linear(self.layers[-1], self.skip)

    @property
    def can_turn_input(self):
        """Whether the weights can do what `turn_input` asks for."""
        return self._are_linear(self.layers[0], self.skip)

    @staticmethod
    def _are_linear(*layers):
        linear = (nn.Linear, TransposedLinear)
        return all(layer is None or isinstance(layer, linear) for layer in layers)

    @torch.no_grad()
    def turn_output(self, centre, axes):
        """Make the output what it was along some axes, from a centre.

        Parameters
        ----------
        centre : Tensor of shape (n_outputs,)
        axes : Tensor of shape (n_outputs, n_outputs)
            Orthonormal rows.
        """
        last = self.layers[-1]
        for layer in (last, self.skip):
            if layer is not None:
                layer.weight.copy_(axes @ layer.weight)
        last.bias.copy_(axes @ (last.bias - centre))

    @torch.no_grad()
    def turn_input(self, centre, axes):
        """Take inputs that are given along some axes, from a centre.

        A layer tied to one whose output has been turned has turned with it.

        Parameters
        ----------
        centre : Tensor of shape (n_inputs,)
            In the axes before.
        axes : Tensor of shape (n_inputs, n_inputs)
            Orthonormal rows.
        """
        first, last = self.layers[0], self.layers[-1]
        for layer, bias in ((first, first.bias), (self.skip, last.bias)):
            if layer is not None:
                if isinstance(layer, nn.Linear):
                    layer.weight.copy_(layer.weight @ axes.T)
                bias.add_(layer.weight @ (axes @ centre))

    @torch.no_grad()
    def rescale_output(self, centre, spread):
        """Make the output what it was, less a centre, divided by a spread: one for each unit."""
        last = self.layers[-1]
        for layer in (last, self.skip):
            if layer is not None:
                layer.weight.div_(spread[:, None])
        last.bias.sub_(centre).div_(spread)

    @torch.no_grad()
    def rescale_input(self, centre, spread):
        """Take inputs less a centre, divided by a spread, for the same output."""
        first, last = self.layers[0], self.layers[-1]
        for layer, bias in ((first, first.bias), (self.skip, last.bias)):
            if layer is not None:
                bias.add_(layer.weight @ centre)
                layer.weight.mul_(spread)

    @torch.no_grad()
    def start_bent(self):
        """Make the network bend all over the data, ready to be trained to a curved map.

        With biases of zero all hidden units bend at the mean of the data; here the biases are drawn
        from the standard normal distribution, and the output has about the variance of the input.
        A layer tied to another one keeps its weight.
        """
        *inner, last = self.layers
        for layer in inner:
            nn.init.normal_(layer.bias)
        if hasattr(last, "in_features"):
            draw_weights(last, gain=1.0)


class TransposedLinear(nn.Module):
    """A linear layer whose weight is the transpose of another layer's; the bias is its own."""

    def __init__(self, linear, bias=True):
        super().__init__()
        self.linear = linear
        self.bias = nn.Parameter(torch.zeros(linear.in_features)) if bias else None

    @property
    def weight(self):
        return self.linear.weight.T

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


def draw_weights(linear, gain=2.0):
    """Weights of variance gain / n_inputs (gain 2: He et al. 2015), zero bias."""
    nn.init.normal_(linear.weight, std=(gain / linear.in_features) ** 0.5)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)

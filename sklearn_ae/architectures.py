"""Architectures: what encoder and decoder are made of."""

from itertools import pairwise
from numbers import Integral

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator
from torch import nn

__all__ = ["MLP", "LinearPlusNetwork", "TopK"]

ACTIVATIONS = {
    "identity": nn.Identity(),
    "logistic": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": torch.relu,
    "silu": F.silu,
    "gelu": F.gelu,
}


class MLP(BaseEstimator):
    """Two mirrored multilayer perceptrons, each with a linear path beside it.

    The encoder computes ``z = E(x) + W x + b`` and the decoder ``D(z) + V z + c``, where ``E`` and
    ``D`` are perceptrons. The linear paths make PCA a special case, so that training can start
    there (``init="pca"``) and what the perceptrons learn is the correction.

    Parameters
    ----------
    hidden_layer_sizes : int or sequence of int, default=(128, 64)
        Width of each hidden layer of the encoder; the decoder has them in reverse. Empty for a
        linear autoencoder.
    activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"}, default="silu"
        Activation of the hidden layers.
    skip : bool, default=True
        Whether there are linear paths. Without them, unless there are no hidden layers, the
        estimator needs ``init="random"``.
    tied : bool, default=False
        Whether the decoder's weights are the transposed weights of the encoder. Biases are free.
    code_activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"} or TopK, \
            default="identity"
        Activation of the code. With any but "identity" the estimator needs ``init="random"``.
    unit_norm : bool, default=False
        Whether the decoder takes the code in through columns of unit norm, so that a code cannot
        be made small by making the decoder large. Excludes `tied`.

    References
    ----------
    He, Zhang, Ren, Sun (2016). Deep residual learning for image recognition. CVPR. (skip paths)

    Vincent et al. (2010). Stacked denoising autoencoders. JMLR 11. (tied weights)

    Examples
    --------
    >>> from sklearn_ae.architectures import MLP
    >>> encoder, decoder = MLP(hidden_layer_sizes=(32, 16)).build(n_features=5, n_components=2)
    >>> [tuple(layer.weight.shape) for layer in encoder.layers]
    [(32, 5), (16, 32), (2, 16)]
    >>> [tuple(layer.weight.shape) for layer in decoder.layers]
    [(16, 2), (32, 16), (5, 32)]
    """

    def __init__(
        self,
        hidden_layer_sizes=(128, 64),
        activation="silu",
        *,
        skip=True,
        tied=False,
        code_activation="identity",
        unit_norm=False,
    ):
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.skip = skip
        self.tied = tied
        self.code_activation = code_activation
        self.unit_norm = unit_norm

    def build(self, n_features, n_components):
        """Return a new encoder and a new decoder.

        Parameters
        ----------
        n_features : int
            Width of the data.
        n_components : int
            Width of the code.

        Returns
        -------
        encoder, decoder : LinearPlusNetwork
            Modules that map ``(n_rows, n_features)`` to ``(n_rows, n_components)`` and back.

        Raises
        ------
        ValueError
            If a width is not a positive integer, an activation is unknown, or the decoder's weights
            are asked to be both tied and of unit norm.
        """
        if self.tied and self.unit_norm:
            raise ValueError(
                "tied=True and unit_norm=True exclude each other: a tied decoder has the norms of "
                "the encoder. Choose one of them."
            )
        sizes = [n_features, *self._hidden_sizes(), n_components]
        down = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(sizes)]
        skip = None
        if self.skip and len(down) > 1:  # without hidden layers the one layer is the linear path
            skip = nn.Linear(n_features, n_components, bias=False)
        for layer in down:
            _draw_weights(layer)
        if skip is not None:
            _draw_weights(skip, gain=1.0)
        if self.tied:
            up = [TransposedLinear(layer) for layer in reversed(down)]
            skip_up = None if skip is None else TransposedLinear(skip, bias=False)
        else:
            up = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(reversed(sizes))]
            skip_up = None if skip is None else nn.Linear(n_components, n_features, bias=False)
            for layer in up:
                _draw_weights(layer)
            if skip_up is not None:
                _draw_weights(skip_up, gain=1.0)
        if self.unit_norm:
            up[0] = UnitNormLinear(up[0])
            skip_up = None if skip_up is None else UnitNormLinear(skip_up)
        code_activation = None
        if isinstance(self.code_activation, TopK):
            code_activation = self.code_activation.build(n_components)
        elif self.code_activation != "identity":
            code_activation = _activation(self.code_activation, "code_activation")
        activation = _activation(self.activation, "activation")
        return (
            LinearPlusNetwork(down, skip, activation, code_activation),
            LinearPlusNetwork(up, skip_up, activation),
        )

    def _hidden_sizes(self):
        sizes = self.hidden_layer_sizes
        sizes = [sizes] if isinstance(sizes, Integral) else list(np.asarray(sizes).tolist())
        if not all(isinstance(size, Integral) and size > 0 for size in sizes):
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must hold positive integers, one "
                "per hidden layer of the encoder."
            )
        return sizes


class TopK(BaseEstimator):
    """Activation of a code that keeps the k largest units of each row and sets the rest to zero.

    The k-sparse autoencoder is ``MLP((), code_activation=TopK(k))``.

    Parameters
    ----------
    k : int, default=25
        How many units are kept in training; all of them if the code has no more.
    k_transform : int, default=None
        How many are kept afterwards; None for k. A classifier does better with about three times as
        many as in training.

    References
    ----------
    Makhzani & Frey (2013). k-sparse autoencoders. arXiv:1312.5663.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae.architectures import TopK
    >>> keep = TopK(k=2).build(n_components=4)
    >>> keep(torch.tensor([[1.0, 4.0, -2.0, 3.0]]))
    tensor([[0., 4., 0., 3.]])
    """

    def __init__(self, k=25, *, k_transform=None):
        self.k = k
        self.k_transform = k_transform

    def build(self, n_components):
        """Return the activation as a module.

        Parameters
        ----------
        n_components : int
            Width of the code.

        Returns
        -------
        activation : nn.Module
            Maps ``(n_rows, n_components)`` to the same shape.

        Raises
        ------
        ValueError
            If k or k_transform is not a positive integer.
        """
        k_transform = self.k if self.k_transform is None else self.k_transform
        for name, k in (("k", self.k), ("k_transform", k_transform)):
            if not (isinstance(k, Integral) and k > 0):
                raise ValueError(f"{name}={k!r} of TopK must be a positive integer.")
        return _KeepLargest(min(self.k, n_components), min(k_transform, n_components))


class _KeepLargest(nn.Module):
    def __init__(self, k, k_transform):
        super().__init__()
        self.k = k
        self.k_transform = k_transform

    def forward(self, code):
        kept = code.topk(self.k if self.training else self.k_transform, dim=-1).indices
        return torch.zeros_like(code).scatter(-1, kept, code.gather(-1, kept))


class LinearPlusNetwork(nn.Module):
    """A multilayer perceptron, and a linear path from its input straight to its output.

    Parameters
    ----------
    layers : list of nn.Module
        The perceptron's linear layers, each with ``weight`` and ``bias``. The last bias serves both
        paths.
    skip : nn.Module or None
        The linear path, a layer without bias. ``None`` when the perceptron stands alone.
    activation : callable
        Stands between the layers.
    output_activation : callable or None, default=None
        Follows the sum of both paths.
    """

    def __init__(self, layers, skip, activation, output_activation=None):
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.skip = skip
        self.activation = activation
        self.output_activation = output_activation

    def forward(self, x):
        """Return the sum of both paths, shape (n_rows, n_outputs)."""
        return self.trace(x)[0]

    def trace(self, x):
        """Return what `forward` does, and a list of what each layer sums up on the way."""
        *inner, last = self.layers
        hidden, preactivations = x, []
        for layer in inner:
            preactivations.append(F.linear(hidden, layer.weight, layer.bias))
            hidden = self.activation(preactivations[-1])
        if self.skip is None:
            out = F.linear(hidden, last.weight, last.bias)
        elif x.ndim == 2:
            out = torch.addmm(F.linear(x, self.skip.weight, last.bias), hidden, last.weight.T)
        else:  # a single row, as torch.func's transforms hand it
            out = F.linear(x, self.skip.weight, last.bias) + F.linear(hidden, last.weight)
        preactivations.append(out)
        if self.output_activation is not None:
            out = self.output_activation(out)
        return out, preactivations

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

        The perceptron's last layer becomes zero. A layer tied to another one follows that one
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
        bias = torch.as_tensor(bias).to(last.bias)
        if isinstance(linear, nn.Linear):
            linear.weight.copy_(torch.as_tensor(weight))
            if self.skip is not None:
                last.weight.zero_()
        last.bias.zero_()
        hidden = last.bias.new_zeros(1, self.layers[0].weight.shape[1])
        for layer in self.layers:
            hidden = layer(hidden if layer is self.layers[0] else self.activation(hidden))
        last.bias.copy_(bias - hidden[0])

    @property
    def can_turn(self):
        """Whether `turn_output` and `turn_input` can be absorbed by the weights."""
        ends = [self.layers[0], self.layers[-1], *([] if self.skip is None else [self.skip])]
        plain = all(isinstance(end, (nn.Linear, TransposedLinear)) for end in ends)
        return plain and self.output_activation is None

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
    def start_bent(self):
        """Make the perceptron bend all over the data, ready to be trained to a curved map.

        With biases of zero all hidden units bend at the mean of the data; here the biases are drawn
        from the standard normal distribution, and the output has about the variance of the input.
        A layer tied to another one keeps its weight.
        """
        *inner, last = self.layers
        for layer in inner:
            nn.init.normal_(layer.bias)
        if isinstance(last, nn.Linear):
            _draw_weights(last, gain=1.0)


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


class UnitNormLinear(nn.Module):
    """A linear layer whose weight has columns of unit norm: those of another layer, normalised."""

    def __init__(self, linear):
        super().__init__()
        self.linear = linear

    @property
    def weight(self):
        return F.normalize(self.linear.weight, dim=0)

    @property
    def bias(self):
        return self.linear.bias

    def forward(self, x):
        return F.linear(x, self.weight, self.bias)


def _activation(name, parameter):
    if name not in ACTIVATIONS:
        raise ValueError(f"{parameter}={name!r} is unknown; choose one of {sorted(ACTIVATIONS)}.")
    return ACTIVATIONS[name]


def _draw_weights(linear, gain=2.0):
    """Weights of variance gain / n_inputs (gain 2: He et al. 2015), zero bias."""
    nn.init.normal_(linear.weight, std=(gain / linear.in_features) ** 0.5)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)

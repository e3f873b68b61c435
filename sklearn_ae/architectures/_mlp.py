"""The multilayer perceptron: two mirrored stacks of layers, each with a linear path beside it."""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator
from torch import nn

from .._validation import positive_integers
from ._activations import activation_of, code_activation_of
from ._linear_path import LinearPath, TransposedLinear, draw_weights


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
        Whether there are linear paths. Without them, unless there are no hidden layers, an
        estimator cannot start at PCA: ``init="auto"`` is "random".
    tied : bool, default=False
        Whether the decoder's weights are the transposed weights of the encoder. Biases are free.
    code_activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"} or TopK, \
            default="identity"
        Activation of the code. With any but "identity" an estimator cannot start at PCA:
        ``init="auto"`` is "random".
    unit_norm : bool, default=False
        Whether the decoder takes the code in through columns of unit norm, so that a code cannot
        be made small by making the decoder large. Excludes `tied`.

    See Also
    --------
    Convolutional : For images and signals.
    TopK : A code activation that keeps the largest units.

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
        hidden_layer_sizes: int | Sequence[int] = (128, 64),
        activation: str = "silu",
        *,
        skip: bool = True,
        tied: bool = False,
        code_activation: str = "identity",
        unit_norm: bool = False,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.skip = skip
        self.tied = tied
        self.code_activation = code_activation
        self.unit_norm = unit_norm

    def build(self, n_features: int, n_components: int) -> tuple:
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
            draw_weights(layer)
        if skip is not None:
            draw_weights(skip, gain=1.0)
        if self.tied:
            up = [TransposedLinear(layer) for layer in reversed(down)]
            skip_up = None if skip is None else TransposedLinear(skip, bias=False)
        else:
            up = [nn.Linear(n_in, n_out) for n_in, n_out in pairwise(reversed(sizes))]
            skip_up = None if skip is None else nn.Linear(n_components, n_features, bias=False)
            for layer in up:
                draw_weights(layer)
            if skip_up is not None:
                draw_weights(skip_up, gain=1.0)
        if self.unit_norm:
            up[0] = UnitNormLinear(up[0])
            skip_up = None if skip_up is None else UnitNormLinear(skip_up)
        activation = activation_of(self.activation, "activation")
        code_activation = code_activation_of(self.code_activation, n_components)
        return (
            LinearPlusNetwork(down, skip, activation, code_activation),
            LinearPlusNetwork(up, skip_up, activation),
        )

    @property
    def has_linear_paths(self) -> bool:
        """Whether both coders can be linear, so that training can start at PCA."""
        is_linear = self.skip or len(self._hidden_sizes()) == 0
        return is_linear and self.code_activation == "identity"

    def _hidden_sizes(self):
        sizes = positive_integers(self.hidden_layer_sizes)
        if sizes is None:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must hold positive integers, one "
                "per hidden layer of the encoder."
            )
        return sizes


class LinearPlusNetwork(LinearPath):
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

    See Also
    --------
    MLP : Builds an encoder and a decoder of this kind.
    """

    def __init__(self, layers, skip, activation, output_activation=None):
        super().__init__(layers, skip, activation, output_activation)

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

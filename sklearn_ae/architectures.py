"""Architectures: what encoder and decoder are made of."""

from itertools import pairwise
from math import prod

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.base import BaseEstimator, clone
from torch import nn

from ._whole import is_whole

__all__ = ["MLP", "Convolutional", "LinearPlusNetwork", "TopK"]

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
        activation = _activation(self.activation, "activation")
        code_activation = _code_activation(self.code_activation, n_components)
        return (
            LinearPlusNetwork(down, skip, activation, code_activation),
            LinearPlusNetwork(up, skip_up, activation),
        )

    def _hidden_sizes(self):
        sizes = _positive_integers(self.hidden_layer_sizes)
        if sizes is None:
            raise ValueError(
                f"hidden_layer_sizes={self.hidden_layer_sizes!r} must hold positive integers, one "
                "per hidden layer of the encoder."
            )
        return sizes


class Convolutional(BaseEstimator):
    """Convolutions that shrink images step by step, mirrored, with a linear path beside them.

    For images. A convolution looks at the pixels around each place with the same weights
    everywhere, so it learns from fewer images than a perceptron what strokes and edges are. The
    rows of the data are flattened images, ``images.reshape(len(images), -1)``, so that they stay a
    table for everything else.

    The encoder's convolutions each divide height and width by `stride`, and a linear layer makes
    the code of what they end with. The decoder is the mirror image. As in `MLP`, linear paths make
    PCA a special case, where training can start (``init="pca"``).

    Parameters
    ----------
    image_shape : tuple of int
        ``(height, width)``, or ``(channels, height, width)`` for images of several channels, as the
        three colours. Any height and width.
    channels : int or sequence of int, default=(8, 16)
        How many channels each convolution of the encoder returns; the decoder has them in reverse.
    kernel_size : int, default=3
        Height and width in pixels of what a convolution sees at a time; odd, and at least `stride`.
    stride : int, default=2
        What each convolution divides height and width by, rounding up.
    activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"}, default="silu"
        Activation between the layers.
    skip : bool, default=True
        Whether there are linear paths. Without them the estimator needs ``init="random"``.
    code_activation : {"identity", "logistic", "tanh", "relu", "silu", "gelu"} or TopK, \
            default="identity"
        Activation of the code. With any but "identity" the estimator needs ``init="random"``.

    Notes
    -----
    For images with values in [0, 1] ``skip=False`` in an estimator with ``init="random"``,
    ``loss="log_loss"``, ``alpha=0.1`` and ``max_iter=40`` did best: with 32 components it explained
    0.89 of the variance of held-out digits of MNIST, `MLP` 0.85 in two thirds of the time. With
    linear paths and the squared error, convolutions need a hundred epochs to come as far.

    References
    ----------
    Masci, Meier, Cireşan, Schmidhuber (2011). Stacked convolutional auto-encoders for hierarchical
    feature extraction. ICANN.

    Dumoulin & Visin (2016). A guide to convolution arithmetic for deep learning. arXiv:1603.07285.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.architectures import Convolutional
    >>> X = load_digits().data
    >>> X.shape  # images of 8 x 8 pixels
    (1797, 64)
    >>> convolutional = Convolutional(image_shape=(8, 8))
    >>> autoencoder = AutoencoderTransformer(8, architecture=convolutional, random_state=0)
    >>> autoencoder.fit_transform(X[:400]).shape
    (400, 8)
    """

    def __init__(
        self,
        image_shape,
        channels=(8, 16),
        *,
        kernel_size=3,
        stride=2,
        activation="silu",
        skip=True,
        code_activation="identity",
    ):
        self.image_shape = image_shape
        self.channels = channels
        self.kernel_size = kernel_size
        self.stride = stride
        self.activation = activation
        self.skip = skip
        self.code_activation = code_activation

    def build(self, n_features, n_components):
        """Return a new encoder and a new decoder.

        Parameters
        ----------
        n_features : int
            Width of the data: the product of `image_shape`.
        n_components : int
            Width of the code.

        Returns
        -------
        encoder, decoder : nn.Module
            Modules that map ``(n_rows, n_features)`` to ``(n_rows, n_components)`` and back.

        Raises
        ------
        ValueError
            If the images do not have n_features values, or a parameter cannot be used.
        """
        shapes = self._shapes(n_features)
        data, how = shapes[0], (self.kernel_size, self.stride)
        down = [Convolution(a, b, *how, outer=a is data) for a, b in pairwise(shapes)]
        up = [Deconvolution(b, a, *how, outer=a is data) for a, b in pairwise(shapes)][::-1]
        down.append(nn.Linear(prod(shapes[-1]), n_components))
        up.insert(0, nn.Linear(n_components, prod(shapes[-1])))
        for layer in (*down, *up):
            _draw_weights(layer)
        skips = [None, None]
        if self.skip:
            skips = [
                nn.Linear(n_features, n_components, bias=False),
                nn.Linear(n_components, n_features, bias=False),
            ]
            for skip in skips:
                _draw_weights(skip, gain=1.0)
        activation = _activation(self.activation, "activation")
        code_activation = _code_activation(self.code_activation, n_components)
        return (
            ConvolutionalNetwork(down, skips[0], activation, code_activation),
            ConvolutionalNetwork(up, skips[1], activation),
        )

    def beside(self, n_images):
        """Return the architecture for rows of several images of this shape, seen as channels.

        Parameters
        ----------
        n_images : int
            How many images each row holds, one after the other.

        Returns
        -------
        architecture : Convolutional
            With `image_shape` of `n_images` times as many channels.
        """
        n_channels, *size = (1, *self.image_shape)[-3:]
        return clone(self).set_params(image_shape=(n_images * n_channels, *size))

    def _shapes(self, n_features):
        """Return the shapes of an image on its way through the encoder, each (channels, h, w)."""
        image = _positive_integers(self.image_shape)
        channels = _positive_integers(self.channels)
        if image is None or len(image) not in (2, 3):
            raise ValueError(
                f"image_shape={self.image_shape!r} must be (height, width) or (channels, height, "
                "width), positive integers."
            )
        if not channels:
            raise ValueError(
                f"channels={self.channels!r} must hold positive integers, one per convolution of "
                "the encoder."
            )
        kernel_size, stride = self.kernel_size, self.stride
        if not is_whole(stride):
            raise ValueError(f"stride={stride!r} must be a positive integer.")
        if not (is_whole(kernel_size, at_least=stride) and kernel_size % 2):
            raise ValueError(
                f"kernel_size={kernel_size!r} must be an odd integer of at least stride={stride}, "
                "so that no pixel is passed over."
            )
        if prod(image) != n_features:
            raise ValueError(
                f"image_shape={self.image_shape!r} is that of images of {prod(image)} values, but "
                f"the data has {n_features} features. Each row must be one flattened image."
            )
        shapes = [(1, *image)[-3:]]
        for n_channels in channels:
            _, height, width = shapes[-1]
            shapes.append((n_channels, -(-height // self.stride), -(-width // self.stride)))
        return shapes


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
            if not is_whole(k):
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


class _LinearPath(nn.Module):
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
            _draw_weights(last, gain=1.0)


class LinearPlusNetwork(_LinearPath):
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


class ConvolutionalNetwork(_LinearPath):
    """Convolutions and a linear layer, and a linear path from their input to their output.

    Each of its layers maps rows to rows, linearly.
    """

    def forward(self, x):
        """Return the sum of both paths, shape (n_rows, n_outputs)."""
        *inner, last = self.layers
        hidden = x
        for layer in inner:
            hidden = self.activation(layer(hidden))
        out = last(hidden)
        if self.skip is not None:
            out = out + self.skip(x)
        return out if self.output_activation is None else self.output_activation(out)


class Convolution(nn.Module):
    """A convolution of flattened images: a linear layer of few weights.

    Parameters
    ----------
    shape_in, shape_out : tuple of int
        Of an image before and after, ``(channels, height, width)``.
    kernel_size, stride : int
    outer : bool
        Whether it is given data, which hold one channel after the other. Between two layers the
        channels of a pixel stand together, with which torch is faster.
    """

    def __init__(self, shape_in, shape_out, kernel_size, stride, outer):
        super().__init__()
        self.shape_in = shape_in
        self.stride = stride
        self.outer = outer
        self.padding = kernel_size // 2
        self.in_features = shape_in[0] * kernel_size**2  # that each output sums up
        self.weight = _kernel(shape_out[0], shape_in[0], kernel_size)
        self.bias = nn.Parameter(torch.zeros(shape_out[0]))

    def forward(self, x):
        images = _as_images(x, self.shape_in, self.outer)
        images = F.conv2d(images, self.weight, self.bias, stride=self.stride, padding=self.padding)
        return _as_rows(images, outer=False)


class Deconvolution(nn.Module):
    """The transpose of a convolution of flattened images, with a bias for each value.

    Parameters
    ----------
    shape_in, shape_out : tuple of int
        Of an image before and after, ``(channels, height, width)``.
    kernel_size, stride : int
    outer : bool
        Whether it returns data.
    """

    def __init__(self, shape_in, shape_out, kernel_size, stride, outer):
        super().__init__()
        self.shape_in = shape_in
        self.stride = stride
        self.outer = outer
        self.padding = kernel_size // 2
        # Images of several sizes shrink to the same one; this tells them apart.
        pairs = zip(shape_in[1:], shape_out[1:], strict=True)
        self.output_padding = [after - 1 - stride * (before - 1) for before, after in pairs]
        self.in_features = shape_in[0] * kernel_size**2 / stride**2
        self.weight = _kernel(shape_in[0], shape_out[0], kernel_size)
        self.bias = nn.Parameter(torch.zeros(prod(shape_out)))

    def forward(self, x):
        images = F.conv_transpose2d(
            _as_images(x, self.shape_in, outer=False),
            self.weight,
            stride=self.stride,
            padding=self.padding,
            output_padding=self.output_padding,
        )
        return _as_rows(images, self.outer) + self.bias


def _kernel(n_channels, n_other_channels, size):
    weight = torch.empty(n_channels, n_other_channels, size, size)
    return nn.Parameter(weight.to(memory_format=torch.channels_last))


def _as_images(rows, shape, outer):
    """Return rows as images of shape (channels, height, width)."""
    if outer:
        return rows.unflatten(-1, shape)
    n_channels, *size = shape
    return rows.unflatten(-1, (*size, n_channels)).movedim(-1, -3)


def _as_rows(images, outer):
    return (images if outer else images.movedim(-3, -1)).flatten(-3)


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


def _code_activation(given, n_components):
    """Return what follows the code: a callable, or None for the identity."""
    if isinstance(given, TopK):
        return given.build(n_components)
    return None if given == "identity" else _activation(given, "code_activation")


def _positive_integers(given):
    """Return one or more integers as a list; None if that is not what they are."""
    values = np.atleast_1d(np.asarray(given, dtype=object))  # [True, 8] would become [1, 8]
    valid = values.ndim == 1 and all(map(is_whole, values))
    return [int(value) for value in values] if valid else None


def _draw_weights(linear, gain=2.0):
    """Weights of variance gain / n_inputs (gain 2: He et al. 2015), zero bias."""
    nn.init.normal_(linear.weight, std=(gain / linear.in_features) ** 0.5)
    if linear.bias is not None:
        nn.init.zeros_(linear.bias)

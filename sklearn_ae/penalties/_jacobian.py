"""The Jacobian of an encoder at each row of a batch, and its squared norm, without forming it.

Both classes have two methods: ``at(output)`` returns what differs from row to row, as a list, and
``squared_norm(jacobian)`` the squared Frobenius norms for such a list. What `at` returns is linear
in the Jacobian, so differences of two lists stand for differences of Jacobians. All is for data
divided by the module's scale.
"""

import torch
import torch.nn.functional as F

WORTH_BLOCKS = 1e5  # values of a matrix; with fewer, several small products cost more than one


def has_closed_form(encoder):
    """Whether `ClosedForm` can be used: linear layers, at most one activation on the way.

    Parameters
    ----------
    encoder : nn.Module
    """
    if not hasattr(encoder, "trace"):
        return False
    n_hidden = len(encoder.layers) - 1
    return n_hidden == 0 or (n_hidden == 1 and encoder.output_activation is None)


class ClosedForm:
    """Jacobians of encoders of which the slopes of one activation are all that changes with x."""

    def __init__(self, encoder):
        self.encoder = encoder

    def at(self, output):
        """Return the slopes of the activation, and the share of the linear path: all of it."""
        *hidden, last = output.preactivations
        if hidden:
            return slope(self.encoder.activation, hidden[0]), 1.0
        if self.encoder.output_activation is None:
            return last.new_ones(len(last), 1), 1.0
        return slope(self.encoder.output_activation, last), 1.0

    def squared_norm(self, jacobian):
        """Return the squared norms for the slopes and the share of the linear path of each row."""
        slopes, share = jacobian
        if len(self.encoder.layers) == 1:
            weight, skip = self.encoder.layers[0].weight, self.encoder.skip
            weight = weight if skip is None else weight + skip.weight
            return (slopes.square() * weight.square().sum(dim=1)).sum(dim=1)
        first, second = (layer.weight for layer in self.encoder.layers)
        overlaps = Gram.apply(second.T) * Gram.apply(first)
        values = _QuadraticForm.apply(slopes, overlaps)
        if self.encoder.skip is not None:
            skip = self.encoder.skip.weight
            cross = ((skip @ first.T) * second).sum(dim=0)
            values = values + share * (2 * slopes @ cross + share * skip.square().sum())
        return values


class Products:
    """Products of the Jacobian of each row with vectors, of shape (n_vectors, n_rows, n_units)."""

    def __init__(self, module, vectors):
        self.module = module
        self.vectors = vectors

    def at(self, output):
        """Return the products, as far as only weights that are the same for all rows are left."""
        if output.preactivations is None:
            return [self._by_autograd(output.seen)]
        # Autograd would have to run the encoder once more; the layers' sums are there already.
        encoder = self.module.encoder
        *hidden, last = output.preactivations
        products = self.vectors
        if encoder.output_activation is not None:
            products = products * slope(encoder.output_activation, last)
        straight = products
        for layer, a in zip(reversed(encoder.layers[1:]), reversed(hidden), strict=True):
            products = products @ layer.weight * slope(encoder.activation, a)
        return [products if encoder.skip is None else torch.cat([products, straight], dim=2)]

    def squared_norm(self, jacobian):
        """Return the sum of the squared norms of each row's products."""
        (products,) = jacobian
        n_vectors, n_rows, width = products.shape
        if hasattr(self.module.encoder, "trace"):
            encoder, products = self.module.encoder, products.reshape(-1, width)
            weight = encoder.layers[0].weight
            if encoder.skip is not None:
                weight = torch.cat([weight, encoder.skip.weight])
            n_products, n_features = len(products), weight.shape[1]
            # Multiply-adds, with those on the way back, of either order of multiplication.
            if 2 * width * (n_features + n_products) < 3 * n_features * n_products:
                values = _QuadraticForm.apply(products, Gram.apply(weight))
                return values.reshape(n_vectors, n_rows).sum(dim=0)
            products = (products @ weight).reshape(n_vectors, n_rows, -1)
        return products.square().sum(dim=(0, 2))

    def _by_autograd(self, seen):
        keep = torch.is_grad_enabled()
        with torch.enable_grad():
            x = self.module.standardise(seen).detach().requires_grad_()
            code = self.module.encoder(x)
            products = [
                torch.autograd.grad(code, x, vector, create_graph=keep, retain_graph=True)[0]
                for vector in self.vectors
            ]
        return torch.stack(products)


class Gram(torch.autograd.Function):
    """``A @ A.T``, with one product on the way back instead of autograd's two.

    On the way there the upper of four blocks is the lower one transposed: a quarter less work.
    """

    @staticmethod
    def forward(ctx, a):
        ctx.save_for_backward(a)
        if a.numel() < WORTH_BLOCKS:
            return a @ a.T
        top, bottom = a.tensor_split(2)
        gram = a.new_empty(len(a), len(a))
        n = len(top)
        torch.mm(top, top.T, out=gram[:n, :n])
        torch.mm(bottom, a.T, out=gram[n:])
        gram[:n, n:] = gram[n:, :n].T
        return gram

    @staticmethod
    def backward(ctx, grad):
        (a,) = ctx.saved_tensors
        return (grad + grad.T) @ a


class _QuadraticForm(torch.autograd.Function):
    """``d^T K d`` for each row d and symmetric K, whose ``K d`` serves on the way back again."""

    @staticmethod
    def forward(ctx, d, k):
        kd = d @ k
        ctx.save_for_backward(d, kd)
        return (kd * d).sum(dim=1)

    @staticmethod
    def backward(ctx, grad):
        d, kd = ctx.saved_tensors
        weighted = grad[:, None] * d
        return 2 * grad[:, None] * kd, weighted.T @ d


def slope(activation, a):
    """Return the derivative of an activation that works on each value by itself.

    Parameters
    ----------
    activation : callable
    a : Tensor

    Returns
    -------
    slope : Tensor
        Of the shape of a.
    """
    if activation in SLOPES:
        return SLOPES[activation](a)
    keep = torch.is_grad_enabled()
    with torch.enable_grad():
        a = a if a.requires_grad else a.detach().requires_grad_()
        slopes = torch.autograd.grad(activation(a).sum(), a, create_graph=keep)[0]
    return slopes


def _slope_of_sigmoid(a):
    s = torch.sigmoid(a)
    return s * (1 - s)


def _slope_of_silu(a):
    s = torch.sigmoid(a)
    return torch.addcmul(s, s * (1 - s), a)


# Cheaper than what differentiates any other activation.
SLOPES = {
    torch.sigmoid: _slope_of_sigmoid,
    torch.tanh: lambda a: 1 - torch.tanh(a).square(),
    torch.relu: lambda a: (a > 0).to(a.dtype),
    F.silu: _slope_of_silu,
}

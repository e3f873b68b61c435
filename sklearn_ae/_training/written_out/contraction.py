"""The exact contractive penalty of an encoder, and its gradient, in closed form.

It is ``sum_i f_i |J_i|²`` for the Jacobians ``J_i`` of the encoder at the rows of a batch. With at
most one activation on the way it depends on the weights, and on the slopes s of that activation,
one row of them for each row of the batch.
"""

import torch

from ...penalties import Gram


def norm_of_one_layer(s, f, W, V=None):
    """Return ``sum_ij f_i s_ij² |w_j|²``, w_j being rows of W + V; its gradients by s, W and V."""
    whole = W if V is None else W + V
    norms, of_units = whole.square().sum(dim=1), (s * s * f).sum(dim=0)
    d = 2 * of_units[:, None] * whole
    return (of_units * norms).sum(), 2 * f * s * norms, [d] if V is None else [d, d]


def norm_of_two_layers(s, f, W, U, V=None):
    """Return ``sum_i f_i |U diag(s_i) W + V|²``, and its gradients by s, W, U and V.

    It is ``sum_i f_i (s_i' K s_i + 2 k' s_i + |V|²)`` with ``K = U'U * W W'``, which is symmetric,
    and ``k = (U * V W')' 1``.
    """
    s_of_rows = s * f
    gram_w, gram_u = Gram.apply(W), Gram.apply(U.T)
    ds, dK = s @ (gram_w * gram_u), s_of_rows.T @ s
    value = (s_of_rows * ds).sum()
    dW, dU = 2 * (dK * gram_u) @ W, 2 * U @ (dK * gram_w)
    if V is None:
        return value, ds.mul_(2 * f), [dW, dU]
    VW, dk = V @ W.T, 2 * s_of_rows.sum(dim=0)
    k, share = (U * VW).sum(dim=0), f * s.shape[0] if isinstance(f, float) else f.sum()
    value = value + dk @ k + share * V.square().sum()
    dVW = U * dk
    dV = (dVW @ W).add_(2 * share * V)
    return value, ds.add_(k).mul_(2 * f), [dW.addmm_(dVW.T, V), dU.addcmul_(VW, dk), dV]


class Contraction:
    """The penalty of a code. Calling it sets the gradients of the encoder's weights.

    Parameters
    ----------
    penalty : Contractive
    factor : float
    encoder : Coder
        From now on it adds to the gradients of its weights.

    Attributes
    ----------
    extra : tuple of Tensor
        Gradient with respect to what the encoder's layers have summed up, in the last batch.
    """

    def __init__(self, penalty, factor, encoder):
        self.penalty, self.factor, self.encoder = penalty, factor, encoder
        self.is_deep = len(encoder.layers) == 2
        self.activation = encoder.activation if self.is_deep else encoder.output_activation
        self.paths = [path for path in (*encoder.layers, encoder.skip) if path is not None]
        self.adds = [path.adds for path in self.paths]
        for path in self.paths:
            path.adds = 1

    def __call__(self, code, d, weight):
        """Return the value for a batch, which the encoder has passed."""
        f = self.factor * self.penalty.weight / code.shape[0]
        f = f if weight is None else f * weight
        norm = norm_of_two_layers if self.is_deep else norm_of_one_layer
        here = self.encoder.here
        z, h = here.z[0], here.h[1] if self.is_deep else here.out
        slopes = self.activation.pull(torch.ones_like(z), z, h, torch.empty_like(z))
        value, d_slopes, gradients = norm(slopes, f, *(path.weight for path in self.paths))
        self.extra = (d_slopes.mul_(self.activation.bend(z, h)),)
        for path, gradient, adds in zip(self.paths, gradients, self.adds, strict=True):
            (path.gradient.add_ if adds else path.gradient.copy_)(gradient)
        return value

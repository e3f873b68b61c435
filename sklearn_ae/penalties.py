"""Penalties: functions of a batch and of what the module made of it, added to the loss.

Any callable ``penalty(module, x, output)`` is a penalty. It returns one value per row, which
``sample_weight`` then weighs as it weighs the loss, or one number for the batch. One that draws
random numbers names ``generator`` among its parameters, one that averages over the rows
``sample_weight``, and is handed them. It may have more: ``check(X)`` raises ValueError
if it cannot be used, and ``unit(scale, n_features)`` returns what training divides its values by,
so that one weight suits data of any scale and width. One whose values stay the same, or fall, when
the code is centred and turned says so with the attribute ``ignores_rotation = True``; the code then
is turned to its principal axes after training.
"""

from numbers import Real

import numpy as np
import torch
from sklearn.base import BaseEstimator

from ._jacobian import ClosedForm, Products, has_closed_form

__all__ = ["L1", "L2", "Contractive", "GaussianKL", "KLSparsity"]


class _Weighted(BaseEstimator):
    """A penalty that is proportional to its ``weight``."""

    def check(self, X):
        """Raise ValueError unless the weight is a number of at least 0."""
        _check_strength(self, "weight")

    @property
    def does_nothing(self):
        """Whether the penalty is zero whatever the code is."""
        return self.weight == 0


class L1(_Weighted):
    """Sum of the absolute code: drives units to zero.

    ``weight * sum_j |z_j|`` for each row, which training divides by n_features, as the loss is a
    mean over the features. Codes escape the penalty by shrinking while the decoder grows, unless
    the decoder's columns have unit norm: use it with ``MLP(unit_norm=True)``, as
    `SparseAutoencoder` does, and with an activation that reaches zero (``code_activation="relu"``).

    Parameters
    ----------
    weight : float, default=0.3
        Strength, relative to the loss. More weight, fewer active units: more bias and less
        variance.

    References
    ----------
    Olshausen & Field (1996). Emergence of simple-cell receptive field properties by learning a
    sparse code for natural images. Nature 381.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae._module import Output
    >>> from sklearn_ae.penalties import L1
    >>> code = torch.tensor([[3.0, -4.0], [0.0, 1.0]])
    >>> L1(weight=0.5)(None, None, Output(code, code))
    tensor([3.5000, 0.5000])
    """

    def __init__(self, weight=0.3):
        self.weight = weight

    def __call__(self, module, x, output):
        """Return the values of the rows, shape (n_rows,)."""
        return self.weight * output.code.abs().sum(dim=1)

    def unit(self, scale, n_features):
        """Return what training divides the values by."""
        return n_features


class L2(_Weighted):
    """Squared norm of the code: keeps codes near zero.

    ``weight * sum_j z_j**2`` for each row.

    Parameters
    ----------
    weight : float, default=1e-3
        Strength, relative to the loss (a squared error is measured in shares of the data's
        variance). More weight, more bias and less variance.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn_ae import AutoencoderTransformer
    >>> from sklearn_ae.penalties import L2
    >>> X = load_iris().data
    >>> free = AutoencoderTransformer(random_state=0).fit(X)
    >>> held = AutoencoderTransformer(penalty=L2(0.1), random_state=0).fit(X)
    >>> bool((held.transform(X) ** 2).mean() < (free.transform(X) ** 2).mean())
    True
    """

    ignores_rotation = True

    def __init__(self, weight=1e-3):
        self.weight = weight

    def __call__(self, module, x, output):
        """Return the values of the rows, shape (n_rows,)."""
        return self.weight * output.code.square().sum(dim=1)


class KLSparsity(_Weighted):
    """Divergence of each unit's mean activity from a small target: lets few units be active.

    ``weight * sum_j KL(target || h_j)``, where ``h_j`` is the mean of unit j over the batch, both
    read as probabilities. Training divides it by n_features. It needs a code in [0, 1]:
    ``MLP(code_activation="logistic")``, as `SparseAutoencoder` has.

    Parameters
    ----------
    weight : float, default=1.0
        Strength, relative to the loss. More weight, activities nearer to the target: more bias and
        less variance.
    target : float, default=0.05
        Mean activity that costs nothing, in (0, 1).

    References
    ----------
    Ng (2011). Sparse autoencoder. CS294A lecture notes, Stanford University.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae._module import Output
    >>> from sklearn_ae.penalties import KLSparsity
    >>> code = torch.tensor([[0.1, 0.9], [0.0, 0.9]])
    >>> KLSparsity(weight=1.0, target=0.05)(None, None, Output(code, code[:, :1])).item()
    0.0
    """

    def __init__(self, weight=1.0, target=0.05):
        self.weight = weight
        self.target = target

    def __call__(self, module, x, output, sample_weight=None):
        """Return the value of the batch, shape ()."""
        code = output.code
        if code.detach().amin() < 0 or code.detach().amax() > 1:
            raise ValueError(
                f"KLSparsity needs codes in [0, 1], but they reach from {code.min().item():.3g} to "
                f"{code.max().item():.3g}. Give the code an activation that stays there: "
                "architecture=MLP(code_activation='logistic'), with init='random'."
            )
        if sample_weight is None:
            activity = code.mean(dim=0)
        else:
            activity = sample_weight @ code / sample_weight.sum()
        return self.weight * _bernoulli_kl(self.target, activity).sum()

    def check(self, X):
        """Raise ValueError unless the weight is at least 0 and the target a probability."""
        super().check(X)
        if not (_is_number(self.target) and 0 < self.target < 1):
            raise ValueError(
                f"target={self.target!r} of KLSparsity must be a number in (0, 1): the mean "
                "activity of a unit."
            )

    def unit(self, scale, n_features):
        """Return what training divides the value by."""
        return n_features


class GaussianKL(_Weighted):
    """Divergence of a variational code from the standard normal distribution.

    ``weight * KL(N(mean, variance) || N(0, 1))``, summed over the units, for each row. Training
    divides it by n_features, like the loss. Only `VariationalAutoencoder` has such a code.

    Parameters
    ----------
    weight : float, default=1.0
        1 gives the evidence lower bound; more keeps the code nearer to the normal distribution.

    References
    ----------
    Kingma & Welling (2014). Auto-encoding variational Bayes. ICLR.

    Higgins et al. (2017). beta-VAE: learning basic visual concepts with a constrained variational
    framework. ICLR.

    Examples
    --------
    >>> import torch
    >>> from sklearn_ae._module import Output
    >>> from sklearn_ae.penalties import GaussianKL
    >>> mean, log_variance = torch.tensor([[1.0, 0.0]]), torch.zeros(1, 2)
    >>> GaussianKL()(None, None, Output(mean, mean, mean=mean, log_variance=log_variance))
    tensor([0.5000])
    """

    def __init__(self, weight=1.0):
        self.weight = weight

    def __call__(self, module, x, output):
        """Return the values of the rows, shape (n_rows,)."""
        if output.mean is None:
            raise ValueError(
                "GaussianKL needs a code with means and variances. Use VariationalAutoencoder, "
                "which has it."
            )
        return self.weight * gaussian_kl(output.mean, output.log_variance).sum(dim=1)

    def unit(self, scale, n_features):
        """Return what training divides the values by."""
        return n_features


class Contractive(_Weighted):
    r"""Squared Frobenius norm of the encoder's Jacobian: makes the code insensitive to the input.

    ``weight * ||J(x)||_F**2`` for each row, with ``J = dz/dx``. Training multiplies it by the
    variance of the data, so that it is the same in all units. With ``curvature`` it adds
    ``curvature * ||J(x) - J(x + e)||_F**2`` for normal random displacements e (Rifai et al. 2011b):
    the Jacobian shall not change either.

    Encoders with linear layers (`MLP`) give the norm in closed form, at the cost of a forward pass,
    where they have no hidden layer, or one and a linear code:
    :math:`\|J\|^2 = s'^T [(W_2^T W_2) \circ (W_1 W_1^T)] s'`, and two more terms for a skip path.
    For others it is estimated without bias from one product of the Jacobian and a random sign
    vector (Hutchinson 1990), at the cost of a forward pass of the encoder.

    The encoder can shrink all of J for nothing while the decoder grows, unless the weights are
    tied: use it with ``MLP(tied=True)``, as `ContractiveAutoencoder` does.

    Parameters
    ----------
    weight : float, default=0.03
        Strength, relative to the loss. More weight, more contraction: more bias and less variance.
    jacobian : {"auto", "exact", "hutchinson"}, default="auto"
        "auto" takes the closed form where there is one and "hutchinson" elsewhere. "exact" computes
        the whole Jacobian where there is no closed form: n_components times as dear.
    curvature : float, default=0.0
        Strength of the second term, relative to the loss.
    displacement : float, default=0.1
        Standard deviation of e, in shares of the data's scale (the root of its mean variance).

    References
    ----------
    Rifai, Vincent, Muller, Glorot, Bengio (2011). Contractive auto-encoders: explicit invariance
    during feature extraction. ICML.

    Rifai, Mesnil, Vincent, Muller, Bengio, Dauphin, Glorot (2011b). Higher order contractive
    auto-encoder. ECML PKDD.

    Hutchinson (1990). A stochastic estimator of the trace of the influence matrix for Laplacian
    smoothing splines. Communications in Statistics 19.

    Examples
    --------
    >>> import torch
    >>> from torch.func import jacrev, vmap
    >>> from sklearn_ae._module import AutoencoderModule
    >>> from sklearn_ae.architectures import MLP
    >>> from sklearn_ae.penalties import Contractive
    >>> module = AutoencoderModule(*MLP((8,)).build(n_features=5, n_components=2), n_features=5)
    >>> x = torch.randn(3, 5)
    >>> values = Contractive(weight=1.0)(module, x, module(x))
    >>> J = vmap(jacrev(module.encode))(x)
    >>> torch.allclose(values, J.square().sum(dim=(1, 2)))
    True
    """

    ignores_rotation = True

    def __init__(self, weight=0.03, jacobian="auto", *, curvature=0.0, displacement=0.1):
        self.weight = weight
        self.jacobian = jacobian
        self.curvature = curvature
        self.displacement = displacement

    def __call__(self, module, x, output, generator=None):
        """Return the values of the rows, shape (n_rows,)."""
        if output.seen is None:  # an output that did not come from the module
            output = module(x)
        jacobian = self._jacobian_of(module, output, generator)
        here = jacobian.at(output)
        values = self.weight * jacobian.squared_norm(here)
        if self.curvature:
            noise = torch.empty_like(x).normal_(generator=generator)
            there = jacobian.at(module(output.seen + self.displacement * module.scale * noise))
            change = [a - b for a, b in zip(here, there, strict=True)]
            values = values + self.curvature * jacobian.squared_norm(change)
        return values / module.scale**2

    def check(self, X):
        """Raise ValueError unless the strengths are at least 0 and the method is known."""
        for name in ("weight", "curvature", "displacement"):
            _check_strength(self, name)
        if self.jacobian not in JACOBIANS:
            raise ValueError(
                f"jacobian={self.jacobian!r} of Contractive is unknown; choose one of {JACOBIANS}."
            )

    def unit(self, scale, n_features):
        """Return what training divides the values by: a slope is in codes per unit of the data."""
        return 1 / scale**2

    @property
    def does_nothing(self):
        """Whether the penalty is zero whatever the code is."""
        return self.weight == 0 and self.curvature == 0

    def _jacobian_of(self, module, output, generator):
        code = output.code
        if self.jacobian != "hutchinson" and has_closed_form(module.encoder):
            return ClosedForm(module.encoder)
        if self.jacobian == "exact":
            units = torch.eye(code.shape[1], dtype=code.dtype, device=code.device)
            return Products(module, units[:, None, :].expand(-1, len(code), -1))
        signs = torch.empty_like(code).bernoulli_(0.5, generator=generator).mul_(2).sub_(1)
        return Products(module, signs[None])


JACOBIANS = ("auto", "exact", "hutchinson")


def gaussian_kl(mean, log_variance):
    """Return the divergence of N(mean, variance) from N(0, 1), elementwise.

    Parameters
    ----------
    mean, log_variance : Tensor

    Returns
    -------
    kl : Tensor
    """
    return (mean.square() + log_variance.exp() - 1 - log_variance) / 2


def _bernoulli_kl(p, q):
    """Return the divergence of Bernoulli variables of probability p from those of q."""
    q = q.clamp(torch.finfo(q.dtype).eps, 1 - torch.finfo(q.dtype).eps)
    return p * (np.log(p) - q.log()) + (1 - p) * (np.log1p(-p) - (-q).log1p())


def _is_number(value):
    return isinstance(value, Real) and not isinstance(value, bool)


def _check_strength(penalty, name):
    value = getattr(penalty, name)
    if not (_is_number(value) and 0 <= value < np.inf):
        raise ValueError(
            f"{name}={value!r} of {type(penalty).__name__} must be a number >= 0, 0 for none."
        )

"""The contractive penalty: the size of the Jacobian of the encoder."""

from typing import Any

import numpy as np
import torch

from ._jacobian import ClosedForm, Products, has_closed_form
from ._weighted import Weighted, check_strength

JACOBIANS = ("auto", "exact", "hutchinson")


class Contractive(Weighted):
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

    See Also
    --------
    sklearn_ae.ContractiveAutoencoder : An autoencoder with it.
    sklearn_ae.corruptions.GaussianNoise : Does about the same, at a lower cost.

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
    >>> from sklearn_ae._training.module import AutoencoderModule
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

    def __init__(
        self,
        weight: float = 0.03,
        jacobian: str = "auto",
        *,
        curvature: float = 0.0,
        displacement: float = 0.1,
    ) -> None:
        self.weight = weight
        self.jacobian = jacobian
        self.curvature = curvature
        self.displacement = displacement

    def __call__(
        self, module: Any, x: torch.Tensor, output: Any, generator: torch.Generator | None = None
    ) -> torch.Tensor:
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

    def check(self, X: np.ndarray) -> None:
        """Raise ValueError unless the strengths are at least 0 and the method is known."""
        for name in ("weight", "curvature", "displacement"):
            check_strength(self, name)
        if self.jacobian not in JACOBIANS:
            raise ValueError(
                f"jacobian={self.jacobian!r} of Contractive is unknown; choose one of {JACOBIANS}."
            )

    def unit(self, scale: float, n_features: int) -> float:
        """Return what training divides the values by: a slope is in codes per unit of the data."""
        return 1 / scale**2

    @property
    def does_nothing(self) -> bool:
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

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

from ._code import L1, L2, GaussianKL, KLSparsity
from ._code import bernoulli_kl as bernoulli_kl
from ._code import gaussian_kl as gaussian_kl
from ._contractive import JACOBIANS as JACOBIANS
from ._contractive import Contractive
from ._jacobian import Gram as Gram
from ._jacobian import has_closed_form as has_closed_form

__all__ = ["L1", "L2", "Contractive", "GaussianKL", "KLSparsity"]

for _name in __all__:  # what files name, wherever a class lives
    globals()[_name].__module__ = __name__


def __dir__():
    return __all__

"""Architectures: what encoder and decoder are made of.

An architecture has ``get_params`` and ``build(n_features, n_components)``, which returns an encoder
and a decoder, two modules. What else the coders may have, and what happens without:

===================================  ============================================================
``has_linear_path, start_linear``    a start at PCA; without, ``init="auto"`` is "random"
``linear_parameters()``              weights that weight decay spares
``can_turn_output, turn_output``     (encoder) the code is turned to its principal axes after `fit`
``can_turn_input, turn_input``       (decoder) the same
``start_bent()``                     a better start for rolled-up data
``trace(x)``                         (encoder) sums of the layers, for closed forms of the Jacobian
``output_activation``                (encoder) what follows the code; no start at PCA with it
``takes_prefixes``                   (decoder) whether it takes the first columns of a code
===================================  ============================================================

An architecture may also say whether it ``has_linear_paths``, which ``init="auto"`` asks; else one
is built to see. It may have ``beside(n)``: the architecture for n rows side by side, which
`AutoencoderImputer` builds encoders of values and masks with. Otherwise it builds wider ones.
"""

from ._activations import KeepLargest as KeepLargest
from ._activations import TopK
from ._convolutional import Convolutional
from ._linear_path import TransposedLinear as TransposedLinear
from ._mlp import MLP, LinearPlusNetwork
from ._mlp import UnitNormLinear as UnitNormLinear

__all__ = ["MLP", "Convolutional", "LinearPlusNetwork", "TopK"]

for _name in __all__:  # what files name, wherever a class lives
    globals()[_name].__module__ = __name__


def __dir__():
    return __all__

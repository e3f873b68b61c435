"""Autoencoders as scikit-learn transformers: the nonlinear relatives of PCA.

Estimators, each with ``fit``, ``transform`` and, but for the last two, ``inverse_transform``:

==============================  ================================================================
`AutoencoderTransformer`        the smallest reconstruction error; takes parts of any kind
`NestedAutoencoder`             ordered components, as many as are needed, from one fit
`GeodesicAutoencoder`           maps: an Isomap that generalises, inverts and scales
`DenoisingAutoencoder`          repairs rows; robust features from a wide code
`ContractiveAutoencoder`        codes that change along the data only
`SparseAutoencoder`             wide codes of which each row uses few units; a dictionary
`VariationalAutoencoder`        draws new rows, and says how likely one is
`TabularAutoencoder`            tables of numbers, categories, dates and gaps, and back
`AutoencoderOutlierDetector`    rows that do not belong, with p-values and reasons
`AutoencoderImputer`            fills gaps (NaN)
==============================  ================================================================

What they are made of; each part can be a function or an object of your own:

==============================  ================================================================
`architectures`                 what encoder and decoder are: MLP, Convolutional, TopK
`losses`                        how a reconstruction is compared with its row
`penalties`                     what else is asked of a code
`corruptions`                   what is done to rows before the encoder sees them
==============================  ================================================================

What to do with a fitted one:

==============================  ================================================================
`inspection`                    pictures in one line; ``pip install 'sklearn_ae[plot]'``
`metrics`                       whether an embedding is any good
`export`                        files that are safe to load, ONNX, fits that survive a crash
==============================  ================================================================

Begin with ``help(sklearn_ae.AutoencoderTransformer)``.
"""

from importlib import import_module as _import_module

from . import architectures, corruptions, losses, metrics, penalties  # noqa: F401
from ._estimators.autoencoder import AutoencoderTransformer
from ._estimators.contractive import ContractiveAutoencoder
from ._estimators.denoising import DenoisingAutoencoder
from ._estimators.geodesic import GeodesicAutoencoder
from ._estimators.imputer import AutoencoderImputer
from ._estimators.nested import NestedAutoencoder
from ._estimators.outlier import AutoencoderOutlierDetector
from ._estimators.sparse import SparseAutoencoder
from ._estimators.tabular import TabularAutoencoder
from ._estimators.variational import VariationalAutoencoder
from ._summary import PAGES as _PAGES
from ._version import __version__ as __version__

__all__ = [
    "AutoencoderImputer",
    "AutoencoderOutlierDetector",
    "AutoencoderTransformer",
    "ContractiveAutoencoder",
    "DenoisingAutoencoder",
    "GeodesicAutoencoder",
    "NestedAutoencoder",
    "SparseAutoencoder",
    "TabularAutoencoder",
    "VariationalAutoencoder",
]

for _name in __all__:
    # What files name stays the same wherever a class lives, so that old ones can be loaded.
    globals()[_name].__module__ = __name__
    # The link of scikit-learn's diagram leads to our pages.
    globals()[_name]._doc_link_module, globals()[_name]._doc_link_template = __name__, _PAGES

from . import export  # noqa: E402, F401  (knows the estimators)


def __getattr__(name):
    if name == "inspection":  # which most programs do not need
        return _import_module("sklearn_ae.inspection")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    parts = ["architectures", "corruptions", "export", "inspection", "losses", "metrics"]
    return [*__all__, *parts, "penalties", "__version__"]

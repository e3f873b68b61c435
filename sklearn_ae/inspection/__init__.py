"""Inspection: pictures of a fitted autoencoder, or of any other embedding, in one line.

Each class is a Display in scikit-learn's sense: ``from_estimator`` or ``from_arrays`` computes what
is to be seen and draws it, ``plot(ax=...)`` draws it again elsewhere, and ``ax_`` and ``figure_``
are matplotlib's, for whatever should be changed. Drawing needs matplotlib:
``pip install 'sklearn_ae[plot]'``.
"""

from ._embedding_report import EmbeddingReportDisplay
from ._explained_variance import ExplainedVarianceDisplay
from ._interpolation import InterpolationDisplay
from ._latent_grid import LatentGridDisplay
from ._latent_space import LatentSpaceDisplay
from ._learning_curve import LearningCurveDisplay
from ._reconstruction import ReconstructionDisplay

__all__ = [
    "EmbeddingReportDisplay",
    "ExplainedVarianceDisplay",
    "InterpolationDisplay",
    "LatentGridDisplay",
    "LatentSpaceDisplay",
    "LearningCurveDisplay",
    "ReconstructionDisplay",
]


def __dir__():
    return __all__

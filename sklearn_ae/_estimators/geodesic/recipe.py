"""What a geodesic autoencoder is made of."""

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch

from ..._training.loader import ROUND
from ..._training.random import seeded_construction
from ..._training.recipe import Recipe
from .following import FollowingObjective, FramedModule

BATCH_SIZE = 256
MAX_TRAININGS = 3


@dataclass(frozen=True)
class GeodesicRecipe(Recipe):
    """A recipe whose code follows distances to ``landmarks``, or the coordinates of a ``target``.

    ``landmarks`` and ``shortest`` are found in the data, the others are the parameters of
    `GeodesicAutoencoder` of the same names.
    """

    n_neighbors: object = "auto"
    n_landmarks: int = 64
    geodesic_weight: float = 10.0
    target: object = None
    metric: object = "euclidean"
    metric_params: object = None
    max_anchors: int = 20_000
    noise_level: float = 1.0
    max_steps: int = 1000
    landmarks: np.ndarray | None = None
    shortest: float = 1.0

    def build(self, n_features):
        """Return the module around a new encoder and decoder, whose code can be turned."""
        encoder, decoder = self.architecture.build(n_features, self.n_components)
        link = getattr(self.loss, "link", None)
        return FramedModule(encoder, decoder, n_features, self.n_components, link)

    def start(self, module, rows, seed):
        """Start coders that bend all over the data."""
        with seeded_construction(seed):
            for coder in (module.encoder, module.decoder):
                if hasattr(coder, "start_bent"):
                    coder.start_bent()

    def objective(self, module, seed):
        """Return the loss, plus how far codes are from what they follow."""
        loss, landmarks = self.loss, self.landmarks
        return FollowingObjective(
            loss,
            None if landmarks is None else torch.from_numpy(landmarks.copy()),
            self.geodesic_weight,
            self.shortest,
            corruption=self.corruption,
            unit=loss.unit(module.scale.item()) if hasattr(loss, "unit") else 1.0,
            seed=seed,
            device=self.device,
        )

    def automatic_batch_size(self, n_rows):
        """Return 256 rows, or all of fewer."""
        return min(BATCH_SIZE, n_rows)

    @property
    def n_rounds(self):
        """How many rounds of steps one training has."""
        return ceil(self.max_steps / ROUND)

    def n_epochs(self, n_rows):
        """Return how many rounds all trainings have, at most."""
        return MAX_TRAININGS * self.n_rounds

    def may_copy(self, n_features):
        """Whether the code can be a copy: one that is a map of the data is none, however wide."""
        return False

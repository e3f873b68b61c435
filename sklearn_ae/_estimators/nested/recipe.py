"""What a nested autoencoder is made of."""

from dataclasses import dataclass
from numbers import Integral

import numpy as np

from ..._training.loader import FEW_ROWS
from ..._training.module import AutoencoderModule, share_weights
from ..._training.recipe import Recipe
from .prefixes import NestedObjective, PrefixDecoder, shares_with_whole

MAX_COMPONENTS = 32


@dataclass(frozen=True)
class NestedRecipe(Recipe):
    """A recipe whose decoder takes any number of the first units of the code.

    ``asked`` is what the user wants of n_components; ``shares`` how likely each number of units is.
    """

    asked: object = "auto"
    max_components: int | None = None
    shares: np.ndarray | None = None

    def build(self, n_features):
        """Return the module around a new encoder and a decoder of first units."""
        architecture, n_components = self.architecture, self.n_components
        encoder, partner = architecture.build(n_features, n_components)
        if share_weights(encoder, partner):
            raise ValueError(
                f"{architecture!r} ties the decoder's weights to the encoder's, which is not "
                "possible here: the decoder has two inputs for each unit, the value and whether it "
                "is there. Use tied=False."
            )
        decoder = PrefixDecoder(architecture.build(n_features, 2 * n_components)[1], n_components)
        return AutoencoderModule(encoder, decoder, n_features, getattr(self.loss, "link", None))

    def objective(self, module, seed):
        """Return the loss of reconstructions from first units."""
        shares = shares_with_whole(self.n_components) if self.shares is None else self.shares
        loss, scale = self.loss, module.scale.item()
        unit = loss.unit(scale) if hasattr(loss, "unit") else 1.0
        return NestedObjective(
            loss,
            shares,
            corruption=self.corruption,
            unit=unit,
            emphasis=self.emphasis,
            seed=seed,
            device=self.device,
        )

    def automatic_batch_size(self, n_rows):
        """Return twice as many rows as elsewhere: the numbers that are drawn add noise."""
        return n_rows if n_rows <= FEW_ROWS else min(max(n_rows // 8, 32), 400)

    def n_epochs(self, n_rows):
        """Return how many epochs both trainings have, at most."""
        return 2 * super().n_epochs(n_rows)

    def may_copy(self, n_features):
        """Whether the net can copy its input: not if the data is to choose the width."""
        return isinstance(self.asked, Integral) and super().may_copy(n_features)

    def n_tried(self, n_features):
        """Return how many components the first training has."""
        if isinstance(self.asked, Integral):
            return max(self.asked, min(self.max_components or self.asked, n_features))
        return min(self.max_components or MAX_COMPONENTS, n_features)

"""Names of types in the signatures of what is public."""

from typing import TypeAlias

from numpy.random import RandomState
from numpy.typing import ArrayLike as ArrayLike

Seed: TypeAlias = int | RandomState | None
Weights: TypeAlias = ArrayLike | None

"""Ways out: files that are safe to load, graphs for other runtimes, fits that survive."""

from ._classes import TRUSTED
from ._saving import load, save

__all__ = ["TRUSTED", "load", "save"]

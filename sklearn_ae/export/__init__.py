"""Ways out: files that are safe to load, graphs for other runtimes, fits that survive."""

from ._checkpoint import checkpointed
from ._classes import TRUSTED
from ._onnx import register_converters, to_onnx
from ._saving import load, save

__all__ = ["TRUSTED", "checkpointed", "load", "register_converters", "save", "to_onnx"]


def __dir__():
    return __all__

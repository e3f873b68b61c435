"""Ways out: files that are safe to load, graphs for other runtimes, fits that survive."""

from ._classes import TRUSTED
from ._onnx import register_converters, to_onnx
from ._saving import load, save

__all__ = ["TRUSTED", "load", "register_converters", "save", "to_onnx"]
